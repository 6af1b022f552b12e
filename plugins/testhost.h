/*
 * A host for tests of plugins: gives a part its parameters, runs it in the test's own process and
 * keeps everything it says. It is as strict as the engine about declared parameters and well-formed
 * results, and a breach ends the test program with a message. One test thread; the functions a part
 * may call from any thread are safe from any thread.
 *
 * A test includes the plugin's source, so that it reaches static functions too, and asks for its
 * descriptor with leat_plugin_v1().
 */
#ifndef PLUGINS_TESTHOST_H
#define PLUGINS_TESTHOST_H

#include <leat/abi.h>
#include <leat/value.h>

struct testhost;

/* A host for <plugin>, which is opened; free with testhost_free(). */
struct testhost *testhost_new(const leat_plugin *plugin);
void testhost_free(struct testhost *host);

/* Sets a parameter of the next runs: JSON through printf, or one msgpack value (copied). */
void testhost_param(struct testhost *host, const char *name, const char *json_format, ...)
    __attribute__((__format__(__printf__, 3, 4)));
void testhost_param_value(struct testhost *host, const char *name, leat_str msgpack);

/* Forgets all parameters, the deadline and the wish to cancel. */
void testhost_reset(struct testhost *host);

/* The next run is asked to stop when it logs a line that contains <text>; "" is before it begins.
 */
void testhost_cancel_on_log(struct testhost *host, const char *text);
/* The next run is asked to stop when it reports progress for the <count>-th time. */
void testhost_cancel_on_progress(struct testhost *host, unsigned count);

/* What deadline_ms() answers; -1 at first. */
void testhost_deadline(struct testhost *host, int64_t deadline_ms);

/* Runs the part <type> once and returns what it returned, or LEAT_FAIL when a result was refused.
 */
leat_status testhost_run(struct testhost *host, const char *type);

/* What the last run left, borrowed until the next: a result (<key> NULL: the whole one; the empty
 * view when there is none), the same as compact JSON, the outcome's code and text ("" without), the
 * delay it wishes, all log lines with a newline each, how often it reported progress. */
leat_view testhost_result(const struct testhost *host, const char *key);
const char *testhost_json(struct testhost *host, const char *key);
const char *testhost_code(const struct testhost *host);
const char *testhost_text(const struct testhost *host);
int64_t testhost_retry_after_ms(const struct testhost *host);
const char *testhost_logs(const struct testhost *host);
unsigned testhost_progress_count(const struct testhost *host);

/* Runs a line of shell, made through printf; its exit code, or -1 when it was killed. */
int testhost_shell(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));

#endif
