/*
 * The states of flow runs and task runs, their types, and which may follow which.
 *
 * Everything comes from state_table.h. Numbers of states are written to the store. Any thread.
 *
 *   Scheduled, Late, AwaitingConcurrencySlot --> Pending, Submitting --> Running, Retrying
 *        ^                                        |    ^                  |         |
 *        |                                        |    '-- handed back ---|         v
 *   AwaitingRetry <--------- tries left ----------+-----------------------|    Cancelling
 *                                                 v                       v         v
 *                                            an end state <------------------------------
 */
#ifndef CORE_STATE_H
#define CORE_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum state_type {
#define STATE_TYPE(name, word, terminal) STATE_TYPE_##name,
#include "core/state_table.h"
#undef STATE_TYPE
    STATE_TYPE_COUNT,
    STATE_TYPE_NONE = 255,
};

enum state {
#define STATE(name, type, text) STATE_##name,
#include "core/state_table.h"
#undef STATE
    STATE_COUNT,
    STATE_NONE = 255, /* what a run is in before it exists */
};

/* "TimedOut"; "None" for STATE_NONE and numbers outside the table. Static text. */
const char *state_name(enum state state);
/* The type of a state; STATE_TYPE_NONE for STATE_NONE and numbers outside the table. */
enum state_type state_type(enum state state);
/* "FAILED"; "NONE" for numbers outside the table. Static text. */
const char *state_type_name(enum state_type type);

/* True for the number of a state in the table, as read from a store. */
bool state_known(uint64_t number);
/* True when the state ends a run. */
bool state_terminal(enum state state);
bool state_type_terminal(enum state_type type);
/* True for the type COMPLETED: what depends on the run may go on. */
bool state_completed(enum state state);
/* True for the type RUNNING. */
bool state_running(enum state state);

/* The state of that name ("TimedOut"), case ignored, or STATE_NONE. */
enum state state_parse(struct str name);
/* The type of that word ("FAILED"), case ignored, or STATE_TYPE_NONE. */
enum state_type state_type_parse(struct str word);

/* True when <to> may directly follow <from>. No state follows itself, none follows an end state. */
bool state_move_ok(enum state from, enum state to);
/* True when a person who retries a run may put it (or a task of it) from <from> back to <to>: any
 * end state to Pending. */
bool state_reset_ok(enum state from, enum state to);

#endif
