/*
 * The states of runs; see state.h.
 */
#include "core/state.h"

#include <strings.h>

#include "base/must.h"

#define BIT(name) (UINT32_C(1) << STATE_##name)

static const struct {
    const char *word;
    bool terminal;
} type_table[] = {
#define STATE_TYPE(name, word, terminal) {word, terminal},
#include "core/state_table.h"
#undef STATE_TYPE
};

static const struct {
    const char *name;
    enum state_type type;
} state_table[] = {
#define STATE(name, type, text) {text, STATE_TYPE_##type},
#include "core/state_table.h"
#undef STATE
};

_Static_assert(STATE_COUNT <= 32, "sets of states are 32 bits");

/* Ends that an attempt can come to. */
#define ATTEMPT_ENDS (BIT(COMPLETED) | BIT(FAILED) | BIT(TIMED_OUT) | BIT(CRASHED) | BIT(CANCELLED))
/* Ends of something that waits: of all kinds, as inputs, limits and people may end it. */
#define WAITING_ENDS (ATTEMPT_ENDS | BIT(CACHED) | BIT(SKIPPED) | BIT(UPSTREAM_FAILED))
/* Where something goes that has begun and has to wait. */
#define INTERRUPTIONS (BIT(AWAITING_RETRY) | BIT(PENDING) | BIT(PAUSED) | BIT(SUSPENDED))

/* For each state the set of those that may follow; end states have none. */
static const uint32_t moves[STATE_COUNT] = {
    [STATE_SCHEDULED] =
        BIT(LATE) | BIT(AWAITING_SLOT) | BIT(PENDING) | BIT(FAILED) | BIT(CRASHED) | BIT(CANCELLED),
    [STATE_LATE] = BIT(AWAITING_SLOT) | BIT(PENDING) | BIT(FAILED) | BIT(CRASHED) | BIT(CANCELLED),
    [STATE_AWAITING_RETRY] = BIT(PENDING) | BIT(TIMED_OUT) | BIT(CANCELLED),
    [STATE_AWAITING_SLOT] = BIT(PENDING) | BIT(FAILED) | BIT(CRASHED) | BIT(CANCELLED),
    [STATE_PENDING] = BIT(SUBMITTING) | BIT(AWAITING_SLOT) | BIT(AWAITING_RETRY) | BIT(RUNNING) |
                      BIT(RETRYING) | BIT(CANCELLING) | WAITING_ENDS,
    [STATE_SUBMITTING] =
        BIT(PENDING) | BIT(RUNNING) | BIT(RETRYING) | BIT(CANCELLING) | ATTEMPT_ENDS,
    [STATE_RUNNING] = BIT(CANCELLING) | INTERRUPTIONS | ATTEMPT_ENDS,
    [STATE_RETRYING] = BIT(CANCELLING) | INTERRUPTIONS | ATTEMPT_ENDS,
    [STATE_PAUSED] = BIT(SUSPENDED) | BIT(RUNNING) | BIT(RETRYING) | BIT(CANCELLING) | ATTEMPT_ENDS,
    [STATE_SUSPENDED] = BIT(PENDING) | BIT(CANCELLING) | ATTEMPT_ENDS,
    [STATE_CANCELLING] = ATTEMPT_ENDS,
};

const char *state_name(enum state state)
{
    return state_known(state) ? state_table[state].name : "None";
}

enum state_type state_type(enum state state)
{
    return state_known(state) ? state_table[state].type : STATE_TYPE_NONE;
}

const char *state_type_name(enum state_type type)
{
    return (unsigned)type < STATE_TYPE_COUNT ? type_table[type].word : "NONE";
}

bool state_known(uint64_t number)
{
    return number < STATE_COUNT;
}

bool state_terminal(enum state state)
{
    return state_type_terminal(state_type(state));
}

bool state_type_terminal(enum state_type type)
{
    return (unsigned)type < STATE_TYPE_COUNT && type_table[type].terminal;
}

bool state_completed(enum state state)
{
    return state_type(state) == STATE_TYPE_COMPLETED;
}

bool state_running(enum state state)
{
    return state_type(state) == STATE_TYPE_RUNNING;
}

/* True when <text> is <word>, whatever the case of ASCII letters. */
static bool same_word(struct str text, const char *word)
{
    return text.len == strlen(word) && strncasecmp(text.ptr, word, text.len) == 0;
}

enum state state_parse(struct str name)
{
    for (unsigned state = 0; state < STATE_COUNT; state++) {
        if (same_word(name, state_table[state].name)) {
            return (enum state)state;
        }
    }
    return STATE_NONE;
}

enum state_type state_type_parse(struct str word)
{
    for (unsigned type = 0; type < STATE_TYPE_COUNT; type++) {
        if (same_word(word, type_table[type].word)) {
            return (enum state_type)type;
        }
    }
    return STATE_TYPE_NONE;
}

bool state_move_ok(enum state from, enum state to)
{
    if (!state_known(to)) {
        return false;
    }
    if (from == STATE_NONE) {
        return to == STATE_SCHEDULED || to == STATE_PENDING;
    }
    return state_known(from) && (moves[from] & (UINT32_C(1) << to)) != 0;
}

bool state_reset_ok(enum state from, enum state to)
{
    return state_terminal(from) && to == STATE_PENDING;
}
