/*
 * `make bench`: durable tasks on this machine, beside the floors and beside peers.
 *
 *     bench DIR BUILD     DIR: where to work (on the disk to be measured), BUILD: leat and plugins
 *
 * Prints one table and judges nothing: a figure is worth as much as the machine is quiet.
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/must.h"
#include "drive/engine.h"
#include "work/host.h"
#include "work/spawner.h"

enum { TEXT_MAX = 16 * 1024 * 1024, NEWS_MAX = 16 * 1024 * 1024 };

struct bench {
    struct engine *engine;
    struct settings settings;
    char *home;
};

int64_t bench_now_us(void)
{
    return clock_mono_us(&clock_real);
}

/* Order for qsort. */
static int by_size(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;

    return (left > right) - (left < right);
}

double bench_median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof(*values), by_size);
    return values[count / 2];
}

void bench_heading(const char *text)
{
    printf("\n%-44s %14s %14s %8s\n", text, "measured", "floor", "ratio");
}

void bench_row(const char *name, double figure, double floor, const char *unit, const char *remark)
{
    char measured[32];
    char limit[32] = "";
    char ratio[32] = "";

    snprintf(measured, sizeof(measured), figure < 100 ? "%.1f %s" : "%.0f %s", figure, unit);
    if (floor > 0) {
        snprintf(limit, sizeof(limit), floor < 100 ? "%.1f %s" : "%.0f %s", floor, unit);
        snprintf(ratio, sizeof(ratio), "%.2f", figure / floor);
    }
    printf("  %-42s %14s %14s %8s  %s\n", name, measured, limit, ratio, remark);
    fflush(stdout);
}

struct bench *bench_open(const char *dir, const char *build, const char *name)
{
    struct bench *bench = xcalloc(1, sizeof(*bench));
    CLEANUP_FREE char *plugins = file_join(build, "bench");
    struct engine_options options = {.bundled_plugins = plugins, .settings = &bench->settings};
    struct err_text why;

    bench->settings = (struct settings){.hosts_max = 32,
                                        .host_calls_max = 1000000000,
                                        .cancel_grace_us = 5000000,
                                        .store_map_bytes = (int64_t)16 << 30};
    bench->home = file_join(dir, name);
    options.home = bench->home;
    if (spawner_new(&options.spawner, &why) != 0 ||
        engine_start(&options, &bench->engine, &why) != 0) {
        fprintf(stderr, "bench: %s\n", why.text);
        exit(1);
    }
    return bench;
}

void bench_close(struct bench *bench)
{
    engine_stop(bench->engine);
    free(bench->home);
    free(bench);
}

/* True when <news> says that the run <id> has ended; dies when it ended badly. */
static bool is_end(struct val news, const char *id)
{
    struct val state = val_find(news, STR("state"));
    struct str type;

    if (!str_is(val_str(val_find(news, STR("type"))), "flow_run") ||
        !str_is(val_str(val_find(news, STR("run"))), id)) {
        return false;
    }
    type = val_str(val_find(state, STR("type")));
    if (str_is(type, "PENDING") || str_is(type, "RUNNING")) {
        return false;
    }
    if (!str_is(type, "COMPLETED")) {
        fprintf(stderr, "bench: a run ended %.*s\n", STR_ARGS(type));
        exit(1);
    }
    return true;
}

double bench_run(struct bench *bench, const char *flow)
{
    CLEANUP_BUF struct buf problems = BUF_INIT(TEXT_MAX);
    CLEANUP_BUF struct buf news = BUF_INIT(NEWS_MAX);
    struct engine_request request = {.flow_text = str_of(flow), .base_dir = "/"};
    struct hub_subscription *follow = hub_subscribe(engine_hub(bench->engine), NULL, NULL, NULL);
    struct engine_run run;
    char id[UUID_TEXT_SIZE];
    int64_t began = bench_now_us();
    double took;

    if (engine_submit(bench->engine, &request, &run, &problems) != 0) {
        fprintf(stderr, "bench: %s\n", buf_cstr(&problems));
        exit(1);
    }
    uuid_format(&run.uuid, id);
    do {
        must(hub_take(follow, -1, &news));
    } while (!is_end((struct val){news.data, news.len}, id));
    took = (double)(bench_now_us() - began);
    hub_unsubscribe(engine_hub(bench->engine), follow);
    return took;
}

int main(int argc, char **argv)
{
    struct floors floors;

    if (argc > 1 && strcmp(argv[1], "host") == 0) {
        return host_main(argc - 1, argv + 1); /* the pool starts its own program */
    }
    if (argc != 3) {
        fputs("usage: bench DIR BUILD\n", stderr);
        return 2;
    }
    floors_measure(argv[1], &floors);
    scenarios_run(argv[1], argv[2], &floors);
    peers_run(argv[1], &floors);
    return 0;
}
