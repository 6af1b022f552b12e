/*
 * What the parts of the benchmark share: time, medians, and the table that it prints.
 *
 * Every figure stands beside a floor that was measured in the same run: what the machine needs for
 * the flushes, wake-ups or process starts that the work can not do without.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdint.h>

/* Physical limits of this machine, in this minute. Microseconds. */
struct floors {
    double flush_us;      /* append 4 KiB and fdatasync */
    double commit_us;     /* one record through LMDB, durable */
    double records_per_s; /* appended, 1,000 a commit */
    double wake_us;       /* threads on two processors wake each other, there and back */
    double spawn_us;      /* posix_spawn `true` and wait */
    double spawns_per_s;  /* the same from two processes at once */
};

struct bench;

int64_t bench_now_us(void);
double bench_median(double *values, int count);

/* One row: what, the figure, the floor in the same unit, and which way is better. */
void bench_row(const char *name, double figure, double floor, const char *unit, const char *remark);
void bench_heading(const char *text);

/* Measures the floors in <dir>. */
void floors_measure(const char *dir, struct floors *ret_floors);

/* An engine on a fresh home below <dir>, with the plugins of <build>. Once in a process: what the
 * event loop leaves behind is not fit for another spawner. */
struct bench *bench_open(const char *dir, const char *build, const char *name);
void bench_close(struct bench *bench);
/* Runs a flow to its end; microseconds from submission to the end. Dies when it does not complete.
 */
double bench_run(struct bench *bench, const char *flow);

/* The scenarios of docs/performance.md. */
void scenarios_run(const char *dir, const char *build, const struct floors *floors);
/* The same work by make, Ninja and xargs. */
void peers_run(const char *dir, const struct floors *floors);

#endif
