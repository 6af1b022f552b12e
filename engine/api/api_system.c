/*
 * What is running and how it is: version, health, settings, the API's own description.
 */
#include <unistd.h>

#include "api/api_handlers.h"
#include "api/call.h"
#include "api/rows.h"
#include "value/pack.h"

int api_version(struct api_call *call)
{
    struct buf *out = call->out;

    pack_map(out, 6);
    rows_put_str(out, "version", str_of(call->options->version));
    pack_cstr(out, "abi");
    pack_map(out, 2);
    rows_put_int(out, "major", LEAT_ABI_MAJOR);
    rows_put_int(out, "minor", LEAT_ABI_MINOR);
    rows_put_str(out, "lmdb", str_of(store_engine_version()));
    rows_put_int(out, "pid", getpid());
    rows_put_str(out, "home", str_of(engine_home(call->engine)));
    rows_put_time(out, "started", call->started_us);
    return 0;
}

/* A key with a number that has no sign. */
static void put_uint(struct buf *out, const char *key, uint64_t number)
{
    pack_cstr(out, key);
    pack_uint(out, number);
}

/* "fine", "tight", ... */
static const char *room_name(enum store_room room)
{
    static const char *const names[] = {[STORE_ROOM_FINE] = "fine",
                                        [STORE_ROOM_TIGHT] = "tight",
                                        [STORE_ROOM_LOW] = "low",
                                        [STORE_ROOM_RESERVE] = "reserve"};

    return names[room];
}

/* "store": {...} */
static void put_store(struct buf *out, const struct store *store, const struct store_stats *stats,
                      enum store_room room)
{
    pack_cstr(out, "store");
    pack_map(out, 19);
    put_uint(out, "generation", stats->generation);
    put_uint(out, "commit_seq", stats->commit_seq);
    put_uint(out, "sequence", stats->sequence);
    put_uint(out, "transactions", stats->transactions);
    put_uint(out, "operations", stats->operations);
    put_uint(out, "batches_waiting", stats->batches_waiting);
    put_uint(out, "commit_us", stats->commit_us);
    put_uint(out, "commit_us_max", stats->commit_us_max);
    put_uint(out, "map_bytes", stats->map_bytes);
    put_uint(out, "used_bytes", stats->used_bytes);
    put_uint(out, "file_bytes", stats->file_bytes);
    put_uint(out, "disk_free_bytes", stats->disk_free_bytes);
    put_uint(out, "damaged", stats->damaged);
    put_uint(out, "readers", stats->readers);
    put_uint(out, "oldest_read_us", stats->oldest_read_us);
    put_uint(out, "log_lines", stats->log_lines);
    put_uint(out, "log_dropped", stats->log_dropped);
    rows_put_str(out, "room", str_of(room_name(room)));
    rows_put_str(out, "warning", str_of(store_warning(store)));
}

int api_health(struct api_call *call)
{
    struct store *store = engine_store(call->engine);
    struct store_stats stats = {0};
    uint64_t runs = 0;
    uint64_t live = 0;
    int err = store_stats(store, &stats);

    if (err == 0) {
        err = call_read(call);
    }
    if (err == 0) {
        err = store_count(call->read, STORE_FLOW_RUN, &runs);
    }
    if (err == 0) {
        err = store_count(call->read, STORE_LIVE, &live);
    }
    if (err) {
        return err;
    }
    pack_map(call->out, 4);
    rows_put_str(call->out, "status", store_broken(store) ? STR("broken") : STR("ok"));
    put_store(call->out, store, &stats, store_room(store));
    put_uint(call->out, "runs", runs);
    put_uint(call->out, "live", live);
    return 0;
}

int api_config(struct api_call *call)
{
    const struct api_options *options = call->options;

    pack_map(call->out, 1);
    pack_cstr(call->out, "items");
    pack_list(call->out, (uint32_t)options->setting_count);
    for (size_t i = 0; i < options->setting_count; i++) {
        pack_map(call->out, 3);
        rows_put_str(call->out, "name", str_of(options->settings[i].name));
        rows_put_str(call->out, "value", str_of(options->settings[i].value));
        rows_put_str(call->out, "source", str_of(options->settings[i].source));
    }
    return 0;
}

int api_openapi_document(struct api_call *call)
{
    return api_openapi(call->options->version, call->out);
}
