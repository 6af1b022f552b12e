/*
 * What follows from the end of tasks: dependents, maps, finally, the end of the run.
 */
#include <criterion/criterion.h>

#include "sim.h"

static struct sim *sim;

static void setup(void)
{
    sim = sim_new(1);
}

static void teardown(void)
{
    sim_free(sim);
}

TestSuite(advance, .init = setup, .fini = teardown, .timeout = 60);

static const char chain[] = "flow: chain\n"
                            "steps:\n"
                            "  a: { task: t.x }\n"
                            "  b: { task: t.x, wait_for: a }\n"
                            "  c: { task: t.x, wait_for: b }\n";

Test(advance, a_chain_runs_in_order_and_completes)
{
    sim_flow(sim, chain);
    struct run *run = sim_submit(sim, "chain");
    cr_assert_eq(run->state, STATE_RUNNING);
    sim_drain(sim);
    cr_assert_eq(run->state, STATE_COMPLETED);
    cr_assert_str_eq(sim->started, "a b c ");
    cr_assert_eq(sim->forget_count, 1);
}
