/*
 * States: names, types, and the table of moves.
 */
#include "core/state.h"

#include <criterion/criterion.h>

TestSuite(state, .timeout = 10);

Test(state, every_name_parses_back_whatever_its_case)
{
    for (unsigned state = 0; state < STATE_COUNT; state++) {
        char lower[64];
        const char *name = state_name((enum state)state);
        size_t len = strlen(name);
        for (size_t index = 0; index <= len; index++) {
            char c = name[index];
            lower[index] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
        }
        cr_assert_eq(state_parse(str_of(name)), state);
        cr_assert_eq(state_parse(str_of(lower)), state);
    }
}

Test(state, every_type_word_parses_back)
{
    for (unsigned type = 0; type < STATE_TYPE_COUNT; type++) {
        cr_assert_eq(state_type_parse(str_of(state_type_name((enum state_type)type))), type);
    }
}

Test(state, unknown_words_and_numbers_have_no_state)
{
    cr_assert_eq(state_parse(STR("Complete")), STATE_NONE);
    cr_assert_eq(state_parse(STR_NONE), STATE_NONE);
    cr_assert_eq(state_type_parse(STR("FAIL")), STATE_TYPE_NONE);
    cr_assert_str_eq(state_name(STATE_NONE), "None");
    cr_assert_str_eq(state_name((enum state)77), "None");
    cr_assert_str_eq(state_type_name(STATE_TYPE_NONE), "NONE");
    cr_assert_eq(state_type(STATE_NONE), STATE_TYPE_NONE);
    cr_assert_not(state_known(STATE_COUNT));
}

Test(state, exactly_four_types_end_a_run)
{
    unsigned ends = 0;
    for (unsigned type = 0; type < STATE_TYPE_COUNT; type++) {
        ends += state_type_terminal((enum state_type)type);
    }
    cr_assert_eq(ends, 4);
    cr_assert(state_terminal(STATE_SKIPPED));
    cr_assert(state_terminal(STATE_UPSTREAM_FAILED));
    cr_assert_not(state_terminal(STATE_CANCELLING));
    cr_assert_not(state_terminal(STATE_NONE));
}

Test(state, types_group_names)
{
    cr_assert(state_completed(STATE_CACHED));
    cr_assert(state_completed(STATE_SKIPPED));
    cr_assert_not(state_completed(STATE_FAILED));
    cr_assert(state_running(STATE_RETRYING));
    cr_assert_not(state_running(STATE_PENDING));
    cr_assert_eq(state_type(STATE_TIMED_OUT), STATE_TYPE_FAILED);
    cr_assert_eq(state_type(STATE_AWAITING_RETRY), STATE_TYPE_SCHEDULED);
}

Test(state, no_state_follows_itself)
{
    for (unsigned state = 0; state < STATE_COUNT; state++) {
        cr_assert_not(state_move_ok((enum state)state, (enum state)state));
    }
    cr_assert_not(state_move_ok(STATE_NONE, STATE_NONE));
}

Test(state, nothing_follows_an_end_but_a_reset_to_pending)
{
    for (unsigned from = 0; from < STATE_COUNT; from++) {
        for (unsigned to = 0; to < STATE_COUNT; to++) {
            bool end = state_terminal((enum state)from);
            cr_assert_not(end && state_move_ok((enum state)from, (enum state)to));
            cr_assert_eq(state_reset_ok((enum state)from, (enum state)to),
                         end && to == STATE_PENDING);
        }
    }
}

Test(state, every_live_state_can_be_reached_and_left)
{
    for (unsigned state = 0; state < STATE_COUNT; state++) {
        bool entered = state_move_ok(STATE_NONE, (enum state)state);
        bool left = false;
        for (unsigned other = 0; other < STATE_COUNT; other++) {
            entered = entered || state_move_ok((enum state)other, (enum state)state);
            left = left || state_move_ok((enum state)state, (enum state)other);
        }
        cr_assert(entered || state == STATE_ROLLED_BACK, "%s", state_name((enum state)state));
        cr_assert_neq(left, state_terminal((enum state)state));
    }
}

Test(state, the_usual_paths_are_allowed)
{
    static const enum state path[] = {
        STATE_NONE,     STATE_SCHEDULED,  STATE_LATE,      STATE_AWAITING_SLOT,  STATE_PENDING,
        STATE_RUNNING,  STATE_PENDING,    STATE_RUNNING,   STATE_AWAITING_RETRY, STATE_PENDING,
        STATE_RETRYING, STATE_CANCELLING, STATE_CANCELLED,
    };
    for (size_t index = 1; index < sizeof path / sizeof *path; index++) {
        cr_assert(state_move_ok(path[index - 1], path[index]), "%s to %s",
                  state_name(path[index - 1]), state_name(path[index]));
    }
}

Test(state, forbidden_moves_are_refused)
{
    cr_assert_not(state_move_ok(STATE_NONE, STATE_RUNNING));
    cr_assert_not(state_move_ok(STATE_PENDING, STATE_ROLLED_BACK));
    cr_assert_not(state_move_ok(STATE_RUNNING, STATE_CACHED));
    cr_assert_not(state_move_ok(STATE_RUNNING, STATE_UPSTREAM_FAILED));
    cr_assert_not(state_move_ok(STATE_CANCELLING, STATE_RUNNING));
    cr_assert_not(state_move_ok(STATE_CANCELLING, STATE_AWAITING_RETRY));
    cr_assert_not(state_move_ok(STATE_AWAITING_RETRY, STATE_COMPLETED));
    cr_assert_not(state_move_ok(STATE_RUNNING, STATE_NONE));
    cr_assert_not(state_move_ok((enum state)77, STATE_PENDING));
}
