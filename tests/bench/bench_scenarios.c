/*
 * The scenarios: chains, fans, sustained throughput, cache hits, external commands, cold starts.
 */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/must.h"
#include "bench.h"

enum { REPEATS = 5, TEXT_MAX = 16 * 1024 * 1024, COMMANDS = 2000, SUSTAINED = 200000 };

extern char **environ;

/* A chain of <count> steps. */
static void chain(struct buf *out, int count, int n)
{
    buf_printf(out, "flow: chain\nsteps:\n  s0: { task: bench.fibo, with: { n: %d } }\n", n);
    for (int i = 1; i < count; i++) {
        buf_printf(out,
                   "  s%d: { task: bench.fibo, with: { n: %d, after: \"${steps.s%d.value}\" } }\n",
                   i, n, i - 1);
    }
}

/* A map over <count> numbers. */
static void fan(struct buf *out, const char *head, const char *task, const char *with, int count)
{
    buf_printf(out, "flow: fan\n%ssteps:\n  all: { task: %s, map: \"${[range(%d)]}\", with: %s }\n",
               head, task, count, with);
}

/* The median of several runs of one flow. */
static double median_of(struct bench *bench, struct buf *flow, int repeats)
{
    double times[REPEATS];

    bench_run(bench, buf_cstr(flow)); /* hosts are warm afterwards */
    for (int i = 0; i < repeats; i++) {
        times[i] = bench_run(bench, buf_cstr(flow));
    }
    return bench_median(times, repeats);
}

/* S1: steps that wait for each other. */
static void chains(struct bench *bench, const struct floors *floors)
{
    static const int counts[] = {40, 400};

    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        CLEANUP_BUF struct buf flow = BUF_INIT(TEXT_MAX);
        char name[64];

        chain(&flow, counts[i], 10);
        snprintf(name, sizeof(name), "S1 chain of %d steps, fibo(10)", counts[i]);
        bench_row(name, median_of(bench, &flow, REPEATS) / 1e3,
                  counts[i] * (floors->commit_us + floors->wake_us) / 1e3, "ms",
                  "floor: n x (C + W)");
    }
}

/* S2 and S3: tasks that do not wait for each other. */
static void fans(struct bench *bench, const struct floors *floors)
{
    static const struct {
        const char *name;
        const char *task;
        int count;
        int repeats;
    } fans[] = {
        {"S2 fan of 400, fibo(10)", "bench.fibo", 400, REPEATS},
        {"S2 fan of 10,000, fibo(10)", "bench.fibo", 10000, REPEATS},
        {"S3 200,000 no-ops, sustained", "bench.noop", SUSTAINED, 1},
    };

    for (size_t i = 0; i < sizeof(fans) / sizeof(fans[0]); i++) {
        CLEANUP_BUF struct buf flow = BUF_INIT(TEXT_MAX);
        double us;

        fan(&flow, "", fans[i].task,
            fans[i].count == SUSTAINED ? "{ n: \"${item}\" }" : "{ n: 10, after: \"${item}\" }",
            fans[i].count);
        us = median_of(bench, &flow, fans[i].repeats);
        bench_row(fans[i].name, fans[i].count * 1e6 / us, floors->records_per_s / 3, "tasks/s",
                  "floor: G / 3; isolated, durable");
    }
}

/* S8: the same again, from the cache. */
static void cached(struct bench *bench, const struct floors *floors)
{
    CLEANUP_BUF struct buf flow = BUF_INIT(TEXT_MAX);
    double us;

    fan(&flow, "cache: inputs\n", "bench.noop", "{ n: \"${item}\" }", 100000);
    us = median_of(bench, &flow, 3);
    bench_row("S8 cached re-run of 100,000 tasks", us / 1e6, 100000 / floors->records_per_s, "s",
              "floor: 100,000 / G");
}

/* S12: external commands through the exec plugin. */
static void commands(struct bench *bench, const struct floors *floors)
{
    CLEANUP_BUF struct buf flow = BUF_INIT(TEXT_MAX);
    double us;

    fan(&flow, "", "exec.run", "{ command: [\"true\"] }", COMMANDS);
    us = median_of(bench, &flow, 3);
    bench_row("S12 exec of `true`, durable", COMMANDS * 1e6 / us, floors->spawns_per_s, "/s",
              "floor: P2");
}

/* One whole `leat run`; microseconds. */
static double cold_run(const char *leat, const char *home, const char *flow)
{
    char *const argv[] = {(char *)(uintptr_t)leat,
                          (char *)(uintptr_t) "run",
                          (char *)(uintptr_t) "--home",
                          (char *)(uintptr_t)home,
                          (char *)(uintptr_t) "-q",
                          (char *)(uintptr_t)flow,
                          NULL};
    posix_spawn_file_actions_t actions;
    int64_t began = bench_now_us();
    pid_t pid;
    int status;

    must(posix_spawn_file_actions_init(&actions) == 0 &&
         posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", 1, 0) == 0);
    must(posix_spawn(&pid, leat, &actions, NULL, argv, environ) == 0);
    must(waitpid(pid, &status, 0) == pid);
    posix_spawn_file_actions_destroy(&actions);
    if (status != 0) {
        fprintf(stderr, "bench: leat run failed\n");
        exit(1);
    }
    return (double)(bench_now_us() - began);
}

/* The whole command, from nothing running to the result. */
static void cold_start(const char *dir, const char *build, const struct floors *floors)
{
    CLEANUP_FREE char *leat = file_join(build, "leat");
    CLEANUP_FREE char *home = file_join(dir, "cold");
    CLEANUP_FREE char *flow = file_join(dir, "cold.yaml");
    static const char text[] = "flow: hello\nsteps:\n  one: { task: json.parse, with: "
                               "{ text: '1' } }\n";
    double times[REPEATS * 4];

    must(file_write(flow, text, sizeof(text) - 1, 0600, NULL) == 0);
    cold_run(leat, home, flow); /* makes the home and looks at the plugins */
    for (int i = 0; i < REPEATS * 4; i++) {
        times[i] = cold_run(leat, home, flow);
    }
    bench_row("cold `leat run` of a one-step flow", bench_median(times, REPEATS * 4) / 1e3,
              (3 * floors->spawn_us + 3 * floors->commit_us) / 1e3, "ms",
              "floor: 3 P + 3 C (leat, spawner, host)");
}

void scenarios_run(const char *dir, const char *build, const struct floors *floors)
{
    struct bench *bench = bench_open(dir, build, "home");

    bench_heading("scenarios: strict durability, isolated hosts");
    chains(bench, floors);
    fans(bench, floors);
    cached(bench, floors);
    commands(bench, floors);
    bench_close(bench);
    cold_start(dir, build, floors);
}
