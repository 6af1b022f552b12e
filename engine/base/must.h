/*
 * Assertions that stay on in release builds.
 *
 * must() is for our own mistakes only: arguments, invariants, impossible branches. It is never
 * used on input, disk content, plugins or the network; those get an error and a sentence.
 * A failed assertion prints one line to stderr and aborts, because an engine that goes on with a
 * broken invariant would write lies into a durable store.
 */
#ifndef BASE_MUST_H
#define BASE_MUST_H

#define must(condition) \
    ((condition) ? (void)0 : must_fail(#condition, __FILE__, __LINE__, __func__))
#define unreachable(why) must_fail("unreachable: " why, __FILE__, __LINE__, __func__)

/* Prints the broken condition with its place, then aborts. Async-signal-safe. Any thread. */
_Noreturn void must_fail(const char *condition, const char *file, int line, const char *function);

#endif
