/*
 * Fault points: named places where a test makes the program die, fail or stall.
 *
 * In builds with -DLEAT_FAULTS, `LEAT_FAULT=name:action[:nth]` in the environment arms one point;
 * actions are `kill` (SIGKILL to ourselves), `error` (the point reports an error) and `delay-MS`.
 * In release builds FAULT() is the constant false.
 */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#include <stdbool.h>

#ifdef LEAT_FAULTS
/* True when the armed action is `error` and this is the nth time here. */
bool fault_hit(const char *name);
#define FAULT(name) fault_hit(name)
#else
#define FAULT(name) false
#endif

#endif
