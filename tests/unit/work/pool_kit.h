/*
 * A pool on a loop of its own, with real host processes, for tests of work/ and tests/hostile/.
 *
 * The environment names the program (LEAT_FAULT_BIN, else LEAT_BIN) and the folder of test plugins
 * (LEAT_BUILD/hostile). Everything that the pool calls back is recorded; nothing here sleeps.
 */
#ifndef TESTS_POOL_KIT_H
#define TESTS_POOL_KIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "base/buf.h"
#include "work/pool.h"
#include "work/spawner.h"

enum { KIT_WAIT_MS = 45000, KIT_RETURNS_MAX = 5 };

/* One ended (or returned) call. */
struct kit_result {
    uint64_t call_id;
    bool returned;
    enum pool_end end;
    char code[160];
    char text[2048];
    char *json; /* of the result */
    struct buf value;
    int64_t retry_after_ms;
    int64_t duration_us;
};

struct kit_log {
    uint64_t call_id;
    int32_t level;
    enum pool_stream stream;
    char *text;
};

struct kit {
    char dir[64];
    struct spawner *spawner;
    uv_loop_t loop;
    uv_timer_t guard;
    struct pool *pool;
    bool timed_out;
    bool lost;
    uint64_t last_id;

    struct kit_result *results;
    size_t results_count;
    struct kit_log *logs;
    size_t logs_count;
    size_t log_bytes;
    unsigned progress_count;
    double progress_last;
    char progress_text[256];
    unsigned rooms;
    unsigned evals_count;
    bool eval_ok;
    char eval_code[64];
    char eval_text[512];
    char *eval_json;
    /* Called for each result when set. */
    void (*on_result)(struct kit *kit, const struct pool_outcome *outcome);
    void *user;
};

/* <config> may be NULL; exe and blob_dir are filled in. */
void kit_start(struct kit *kit, const struct pool_config *config);
void kit_done(struct kit *kit);

/* The path of a test plugin (a heap text). */
char *kit_plugin_path(const char *name);
/* The plugin <name> of tests/hostile/. */
struct pool_plugin *kit_plugin(struct kit *kit, const char *name);

/* A call with JSON input and no timeout; kit_call_full takes the rest from <call>. */
uint64_t kit_call(struct kit *kit, struct pool_plugin *plugin, const char *type, const char *json);
uint64_t kit_call_full(struct kit *kit, const struct pool_call *call, const char *json);

/* Runs the loop until <count> results (returned calls included) are there, or KIT_WAIT_MS passed,
 * which fails the test. */
void kit_await(struct kit *kit, size_t count);
/* Runs the loop until <done> says so; fails the test after KIT_WAIT_MS. */
void kit_run_until(struct kit *kit, bool (*done)(struct kit *kit, void *user), void *user);

/* The result of a call, or NULL. */
const struct kit_result *kit_result(const struct kit *kit, uint64_t call_id);
/* The result of one call run to its end; one that comes back is called again. */
const struct kit_result *kit_run(struct kit *kit, const char *plugin, const char *type,
                                 const char *json);
/* True when a log line contains <part>. */
bool kit_logged(const struct kit *kit, const char *part);

#endif
