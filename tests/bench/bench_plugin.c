/*
 * The tasks of the benchmark: nothing, and a little arithmetic.
 */
#include <leat/plugin.h>

/* The Fibonacci number of <n>, the slow way on purpose. */
static int64_t fibo(int64_t n)
{
    return n < 2 ? n : fibo(n - 1) + fibo(n - 2);
}

/* Returns what it is given. */
static leat_status run_noop(leat_call *call)
{
    return leat_result_int(call, "n", leat_param_int(call, "n"));
}

/* Computes fibo(n); <after> is only there to make chains. */
static leat_status run_fibo(leat_call *call)
{
    return leat_result_int(call, "value", fibo(leat_param_int(call, "n")));
}

LEAT_PLUGIN("bench", "1.0.0", "Tasks for the benchmark",
            LEAT_TASK(run_noop, "bench.noop", "Return a number", LEAT_INT("n", "0", "The number")),
            LEAT_TASK(run_fibo, "bench.fibo", "Compute a Fibonacci number slowly",
                      LEAT_INT("n", "10", "Which one"),
                      LEAT_INT("after", "0", "What came before")));
