/*
 * Fault points. These tests are always built with LEAT_FAULTS.
 */
#include "base/fault.h"

#include <signal.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "base/clock.h"

Test(fault, nothing_happens_unless_armed)
{
    unsetenv("LEAT_FAULT");
    cr_assert_not(FAULT("commit"));
}

Test(fault, error_fires_the_first_time_only)
{
    setenv("LEAT_FAULT", "commit:error", 1);
    cr_assert(FAULT("commit"));
    cr_assert_not(FAULT("commit"));
}

Test(fault, error_fires_the_nth_time_only)
{
    setenv("LEAT_FAULT", "commit:error:3", 1);
    cr_assert_not(FAULT("commit"));
    cr_assert_not(FAULT("commit"));
    cr_assert(FAULT("commit"));
    cr_assert_not(FAULT("commit"));
}

Test(fault, other_points_are_left_alone_and_do_not_count)
{
    setenv("LEAT_FAULT", "commit:error", 1);
    cr_assert_not(FAULT("com"));
    cr_assert_not(FAULT("commit_late"));
    cr_assert(FAULT("commit"));
}

Test(fault, kill_dies_at_once, .signal = SIGKILL)
{
    setenv("LEAT_FAULT", "commit:kill", 1);
    bool hit = FAULT("commit");
    cr_assert(hit && false, "never reached");
}

Test(fault, delay_stalls_and_goes_on)
{
    setenv("LEAT_FAULT", "commit:delay-50", 1);
    int64_t begin_us = clock_mono_us(&clock_real);
    cr_assert_not(FAULT("commit"));
    cr_assert_geq(clock_mono_us(&clock_real) - begin_us, 50000);
}

Test(fault, an_unknown_action_aborts, .signal = SIGABRT)
{
    setenv("LEAT_FAULT", "commit:explode", 1);
    bool hit = FAULT("commit");
    cr_assert(hit && false, "never reached");
}
