/*
 * See cache.h. Entries lie in the store by key; a second table leads from a task to its entries in
 * order of time, for explanations. Flights (computations under way) live in memory only: after a
 * restart everybody asks again.
 */
#include "drive/cache.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/must.h"
#include "drive/loop.h"
#include "store/store_read.h"
#include "value/canon.h"
#include "value/json.h"
#include "value/pack.h"

enum { ROW_VERSION = 1, ROW_MEMBERS = 8, WAITERS_MAX = 1000000, TEXT_PREVIEW_MAX = 256 };

/* Bytes of a key of CACHE_BY_TASK behind the task: the time, and the beginning of the cache key. */
enum { BY_TASK_TAIL = 16 };

/* A row wraps a result, which may be as deep as results are. */
static const struct val_limits row_limits = {
    .bytes_max = STORE_VALUE_MAX, .nodes_max = STORE_VALUE_MAX, .depth_max = VAL_DEPTH_WRAPPED_MAX};

/* One computation under way and who waits for it. */
struct flight {
    struct hash key;
    uint64_t run; /* the task that computes */
    uint32_t task;
    struct buf extra; /* file hashes or the custom key's text: needed again for the entry's parts */
    bool extra_is_text;
    struct prep **waiters;
    uint32_t waiter_count;
    uint32_t waiter_cap;
};

/* What a key is made of, written down as it is computed. */
struct key_maker {
    struct hash_state state;
    struct buf *parts; /* NULL when nobody wants them */
    bool secret;       /* what the step is given is not to be shown */
    uint32_t count;
};

/* ---- keys ----------------------------------------------------------------------------------- */

/* Adds one part: a name, a hash of what it is, and how to show it. */
static void add_part(struct key_maker *maker, struct str name, const struct hash *hash,
                     struct str preview)
{
    uint64_t len = name.len;

    hash_add(&maker->state, &len, sizeof(len));
    hash_add(&maker->state, name.ptr, name.len);
    hash_add(&maker->state, hash->bytes, sizeof(hash->bytes));
    maker->count++;
    if (maker->parts) {
        pack_list(maker->parts, 3);
        pack_text(maker->parts, name);
        pack_bin(maker->parts, hash->bytes, sizeof(hash->bytes));
        pack_text(maker->parts, preview);
    }
}

/* A part that is a text. */
static void add_text(struct key_maker *maker, struct str name, struct str text)
{
    struct hash hash = hash_bytes(text.ptr, text.len);

    if (text.len > TEXT_PREVIEW_MAX) {
        text.len = TEXT_PREVIEW_MAX;
    }
    add_part(maker, name, &hash, text);
}

/* True when a use means a secret, or a parameter of the flow that is one. */
static bool is_secret(const struct flow *flow, const struct ref_use *use)
{
    for (uint32_t i = 0; use->root == REF_PARAMS && i < flow->param_count; i++) {
        if (flow->params[i].secret &&
            (use->name.len == 0 || str_eq(use->name, flow->params[i].name))) {
            return true;
        }
    }
    return use->root == REF_SECRETS;
}

/* True when a template (NULL: none) uses a secret. */
static bool has_secret(const struct flow *flow, const struct tmpl *tmpl)
{
    uint32_t count = 0;
    const struct ref_use *uses = tmpl ? tmpl_uses(tmpl, &count) : NULL;

    for (uint32_t i = 0; i < count; i++) {
        if (is_secret(flow, &uses[i])) {
            return true;
        }
    }
    return false;
}

/* True when what a step is given may show a secret. */
static bool step_has_secret(const struct flow *flow, const struct flow_step *step)
{
    return has_secret(flow, step->with) || has_secret(flow, step->map) ||
           has_secret(flow, step->cache.key);
}

/* The beginning of a value as JSON, or stars for secrets. */
static void preview_of(bool secret, struct val value, char ret_text[CACHE_PREVIEW_MAX + 1])
{
    CLEANUP_BUF struct buf json = BUF_INIT(16 * CACHE_PREVIEW_MAX);
    size_t len;

    ret_text[0] = '\0';
    if (secret) {
        memcpy(ret_text, "***", sizeof("***"));
        return;
    }
    if (value.len > 4 * CACHE_PREVIEW_MAX) {
        snprintf(ret_text, CACHE_PREVIEW_MAX + 1, "%s of %zu bytes",
                 val_type_words(val_type(value)), value.len);
        return;
    }
    json_print(&json, value);
    len = json.len < CACHE_PREVIEW_MAX ? json.len : CACHE_PREVIEW_MAX;
    memcpy(ret_text, json.len ? (const char *)json.data : "", len);
    ret_text[len] = '\0';
}

/* The next file hash of <files>, a list of results [0, {hash, size}]. */
static bool next_file(struct val_iter *files, struct hash *ret_hash)
{
    struct val result;
    struct val hash;

    if (!val_next(files, NULL, &result)) {
        return false;
    }
    hash = val_find(val_at(result, 1), STR("hash"));
    if (!hash.ptr || val_str(hash).len != sizeof(ret_hash->bytes)) {
        return false;
    }
    memcpy(ret_hash->bytes, val_str(hash).ptr, sizeof(ret_hash->bytes));
    return true;
}

/* The hash of a file parameter: of the content of each file, or of null. */
static bool hash_of_files(struct val value, struct val_iter *files, struct hash *ret_hash)
{
    uint32_t count = val_type(value) == VAL_LIST ? val_count(value) : val_type(value) == VAL_STR;
    struct hash_state state;
    struct hash one;

    hash_begin(&state);
    for (uint32_t i = 0; i < count; i++) {
        if (!next_file(files, &one)) {
            return false;
        }
        hash_add(&state, one.bytes, sizeof(one.bytes));
    }
    *ret_hash = hash_end(&state);
    return true;
}

/* Adds every parameter; false when one can not be hashed. */
static bool add_params(struct key_maker *maker, const struct plug_part *part, struct val input,
                       struct val files)
{
    struct val_iter file = files.ptr ? val_iter(files) : (struct val_iter){0};
    char preview[CACHE_PREVIEW_MAX + 1];
    struct hash hash;

    for (uint32_t i = 0; i < part->param_count; i++) {
        const struct param_spec *param = &part->params[i];
        struct val value = val_find(input, param->name);

        if (!value.ptr) {
            continue;
        }
        if (param->type == PARAM_FILE && val_type(value) != VAL_NIL) {
            if (!hash_of_files(value, &file, &hash)) {
                return false;
            }
        } else if (canon_hash(value, &hash, NULL) != 0) {
            return false;
        }
        preview[0] = '\0';
        if (maker->parts) {
            preview_of(maker->secret || param->secret, value, preview);
        }
        add_part(maker, param->name, &hash, str_of(preview));
    }
    return true;
}

/* Computes the key; false when an input can not be hashed (a NaN). <ret_parts> may be NULL. */
static bool make_key(const struct run *run, const struct task *task, struct val input,
                     struct val files, struct str text, struct hash *ret_key, struct buf *ret_parts)
{
    const struct flow_step *step = &run->flow->steps[task->step];
    const struct plug_part *part = run_data(run)->steps[task->step].part;
    struct key_maker maker = {.parts = ret_parts,
                              .secret = ret_parts && step_has_secret(run->flow, step)};
    size_t place = ret_parts ? pack_list_open(ret_parts) : 0;

    hash_begin(&maker.state);
    hash_add(&maker.state, "leat cache 1", 12);
    add_text(&maker, STR("task"), step->target);
    if (step->cache.mode == FLOW_CACHE_KEY) {
        struct hash hash = hash_bytes(text.ptr, text.len);

        add_part(&maker, STR("key"), &hash, maker.secret ? STR("***") : text);
    } else {
        add_part(&maker, STR("plugin"), &part->plugin->hash, str_of(part->plugin->version));
        if (!add_params(&maker, part, input, files)) {
            return false;
        }
    }
    if (ret_parts) {
        pack_close(ret_parts, place, maker.count);
    }
    *ret_key = hash_end(&maker.state);
    return true;
}

/* True when the content of files belongs into the key. */
static bool wants_files(const struct flow_step *step, const struct plug_part *part,
                        struct val input)
{
    if (step->cache.mode != FLOW_CACHE_INPUTS) {
        return false;
    }
    for (uint32_t i = 0; i < part->param_count; i++) {
        struct val value = val_find(input, part->params[i].name);

        if (part->params[i].type == PARAM_FILE && value.ptr && val_type(value) != VAL_NIL) {
            return true;
        }
    }
    return false;
}

/* ---- rows ----------------------------------------------------------------------------------- */

int cache_row_parse(struct str bytes, struct cache_row *ret_row)
{
    struct val members[ROW_MEMBERS];
    struct cache_row row = {0};
    struct val_iter iter;
    struct val list;

    if (val_scan(bytes.ptr, bytes.len, &row_limits, &list, NULL) != 0 ||
        val_type(list) != VAL_LIST || val_count(list) != ROW_MEMBERS) {
        return ERR_CORRUPT;
    }
    iter = val_iter(list);
    for (size_t i = 0; val_next(&iter, NULL, &members[i]); i++) {
    }
    if (val_type(members[0]) != VAL_INT || val_int(members[0]) != ROW_VERSION ||
        val_type(members[1]) != VAL_INT || val_type(members[2]) != VAL_INT ||
        val_type(members[3]) != VAL_STR || val_type(members[4]) != VAL_STR ||
        val_type(members[5]) != VAL_BIN || val_str(members[5]).len != UUID_SIZE ||
        val_type(members[7]) != VAL_LIST) {
        return ERR_CORRUPT;
    }
    row.created_us = val_int(members[1]);
    row.expires_us = val_int(members[2]);
    row.task_type = val_str(members[3]);
    row.task_name = val_str(members[4]);
    memcpy(row.run.bytes, val_str(members[5]).ptr, UUID_SIZE);
    row.result = members[6];
    row.parts = members[7];
    *ret_row = row;
    return 0;
}

/* Calls <check> for each blob that a result refers to; false as soon as it is false. */
static bool each_blob(struct blob_dir *blobs, struct val result,
                      bool (*check)(struct blob_dir *blobs, const struct blob_ref *ref))
{
    struct val_iter iter;
    struct blob_ref ref;
    struct val member;

    if (val_type(result) == VAL_BLOB) {
        ref = val_blob(result);
        return check(blobs, &ref);
    }
    if (val_type(result) != VAL_MAP) {
        return true;
    }
    iter = val_iter(result);
    while (val_next(&iter, NULL, &member)) {
        if (val_type(member) == VAL_BLOB) {
            ref = val_blob(member);
            if (!check(blobs, &ref)) {
                return false;
            }
        }
    }
    return true;
}

/* each_blob: there and of the right size. */
static bool blob_is_there(struct blob_dir *blobs, const struct blob_ref *ref)
{
    return blob_exists(blobs, ref);
}

/* each_blob: never; finds out whether there is any. */
static bool no_blob(struct blob_dir *blobs, const struct blob_ref *ref)
{
    (void)blobs;
    (void)ref;
    return false;
}

/* each_blob: content is what the reference says. */
static bool blob_is_sound(struct blob_dir *blobs, const struct blob_ref *ref)
{
    return blob_verify(blobs, ref, NULL) == 0;
}

bool cache_blobs_exist(struct blob_dir *blobs, struct val result)
{
    return each_blob(blobs, result, blob_is_there);
}

/* ---- checking blobs off the loop ------------------------------------------------------------- */

/* One check of an entry's blobs on libuv's threads. */
struct check {
    uv_work_t work;
    struct prep *prep;
    struct buf result;
    bool sound;
};

/* Reads the blobs; on a thread of libuv's. */
static void check_blobs(uv_work_t *work)
{
    struct check *check = work->data;
    struct val result = {check->result.data, check->result.len};

    check->sound = each_blob(check->prep->engine->blobs, result, blob_is_sound);
}

/* Goes on with what was learnt; back on the loop. */
static void check_over(uv_work_t *work, int status)
{
    struct check *check = work->data;

    if (status == 0 && !check->prep->engine->stopping) {
        check->prep->blobs = check->sound ? PREP_BLOBS_SOUND : PREP_BLOBS_DAMAGED;
        prepare_resume(check->prep);
    } else {
        prepare_free(check->prep);
    }
    buf_done(&check->result);
    free(check);
}

/* Starts a check and parks the preparation. */
static void start_check(struct prep *prep, struct val result)
{
    struct check *check = xcalloc(1, sizeof(*check));
    struct engine *engine = prep->engine;

    check->work.data = check;
    check->prep = prepare_park(prep);
    buf_init(&check->result, STORE_VALUE_MAX);
    buf_put(&check->result, result.ptr, result.len);
    must(uv_queue_work(&engine->loop, &check->work, check_blobs, check_over) == 0);
}

/* ---- asking --------------------------------------------------------------------------------- */

/* Looks the key up: HIT with the result, CHECK when blobs must be looked at first, else MISS. */
static enum cache_answer look_up(struct prep *prep, const struct hash *key, struct buf *ret_result)
{
    CLEANUP_STORE_READ struct store_read *read = NULL;
    struct cache_row row;
    struct str bytes;

    if (prep->blobs == PREP_BLOBS_DAMAGED || store_read_begin(prep->engine->store, &read) != 0 ||
        store_peek(read, STORE_CACHE, MAP_KEY(*key), &bytes) != 0 ||
        cache_row_parse(bytes, &row) != 0) {
        return CACHE_MISS;
    }
    if (row.expires_us != 0 && row.expires_us <= engine_wall_us()) {
        return CACHE_MISS;
    }
    if (prep->blobs == PREP_BLOBS_UNKNOWN && !each_blob(NULL, row.result, no_blob)) {
        start_check(prep, row.result);
        return CACHE_CHECK;
    }
    buf_put(ret_result, row.result.ptr, row.result.len);
    return CACHE_HIT;
}

/* Makes the task the one that computes <key>, or lets it wait. */
static enum cache_answer take_off(struct prep *prep, const struct run *run, const struct task *task,
                                  const struct hash *key, struct str text)
{
    struct engine *engine = prep->engine;
    struct flight *flight = map_get(engine->flights, MAP_KEY(*key));

    if (flight && flight->waiter_count < WAITERS_MAX &&
        (flight->run != run->number || flight->task != task->index)) {
        if (flight->waiter_count == flight->waiter_cap) {
            flight->waiter_cap = flight->waiter_cap ? flight->waiter_cap * 2 : 4;
            flight->waiters =
                xreallocarray(flight->waiters, flight->waiter_cap, sizeof(struct prep *));
        }
        flight->waiters[flight->waiter_count++] = prepare_park(prep);
        return CACHE_WAIT;
    }
    if (!flight) {
        flight = xcalloc(1, sizeof(*flight));
        flight->key = *key;
        flight->run = run->number;
        flight->task = task->index;
        buf_init(&flight->extra, 2 * PREP_INPUT_MAX);
        flight->extra_is_text = text.len > 0;
        if (text.len > 0) {
            buf_put_str(&flight->extra, text);
        } else if (prep->files.ptr) {
            buf_put(&flight->extra, prep->files.ptr, prep->files.len);
        }
        map_put(engine->flights, MAP_KEY(*key), flight);
    }
    return CACHE_MISS;
}

enum cache_answer cache_ask(struct prep *prep, struct run *run, struct task *task, struct val input,
                            struct str text, struct hash *ret_key, struct buf *ret_result)
{
    const struct flow_step *step = &run->flow->steps[task->step];
    const struct plug_part *part = run_data(run)->steps[task->step].part;
    enum cache_answer answer;

    if (step->target_kind != FLOW_TARGET_TASK || (part->flags & LEAT_PART_NOCACHE)) {
        return CACHE_OFF;
    }
    if (!prep->files.ptr && wants_files(step, part, input)) {
        return CACHE_FILES;
    }
    if (!make_key(run, task, input, prep->files, text, ret_key, NULL)) {
        return CACHE_OFF;
    }
    if (!run->refresh_cache) {
        answer = look_up(prep, ret_key, ret_result);
        if (answer != CACHE_MISS) {
            return answer;
        }
    }
    return take_off(prep, run, task, ret_key, text);
}

/* ---- storing -------------------------------------------------------------------------------- */

void cache_task_prefix(struct str flow, struct str step, struct store_key *ret_prefix)
{
    struct hash_state state;
    struct hash hash;

    *ret_prefix = (struct store_key){0};
    key_text(ret_prefix, flow);
    key_text(ret_prefix, step);
    if (ret_prefix->len <= STORE_KEY_MAX - BY_TASK_TAIL) {
        return;
    }
    hash_begin(&state);
    hash_add(&state, flow.ptr, flow.len);
    hash_add(&state, "", 1);
    hash_add(&state, step.ptr, step.len);
    hash = hash_end(&state);
    *ret_prefix = (struct store_key){0};
    key_u8(ret_prefix, 0xff); /* no name begins like this */
    key_bytes(ret_prefix, hash.bytes, sizeof(hash.bytes));
}

/* The row of CACHE_BY_TASK: from a task of a flow to its entries, by time. */
static void index_entry(struct engine *engine, const struct run *run, const struct task *task,
                        const struct hash *key, int64_t wall_us)
{
    const struct flow_step *step = &run->flow->steps[task->step];
    struct store_key by_task;

    cache_task_prefix(run->flow->name, step->name, &by_task);
    key_u64(&by_task, (uint64_t)wall_us);
    key_bytes(&by_task, key->bytes, BY_TASK_TAIL - sizeof(uint64_t));
    store_batch_put(loop_batch(engine), STORE_CACHE_BY_TASK, key_str(&by_task), MAP_KEY(*key));
}

void cache_store(struct engine *engine, struct run *run, struct task *task, struct val result)
{
    const struct flow_step *step = &run->flow->steps[task->step];
    struct flight *flight = map_get(engine->flights, MAP_KEY(task->cache_key));
    CLEANUP_BUF struct buf row = BUF_INIT(STORE_VALUE_MAX);
    CLEANUP_BUF struct buf parts = BUF_INIT(STORE_VALUE_MAX);
    struct str text = flight && flight->extra_is_text ? buf_str(&flight->extra) : STR_NONE;
    struct val files = VAL_NONE;
    char name[CORE_TASK_NAME_SIZE];
    int64_t now = engine_wall_us();
    struct hash key;

    if (flight && !flight->extra_is_text && flight->extra.len > 0) {
        files = val_here(flight->extra.data);
    }
    if (!make_key(run, task, task->input, files, text, &key, &parts) ||
        memcmp(&key, &task->cache_key, sizeof(key)) != 0) {
        return; /* restored after a crash: what made the key is not known any more */
    }
    core_task_name(run, task, name);
    pack_list(&row, ROW_MEMBERS);
    pack_int(&row, ROW_VERSION);
    pack_int(&row, now);
    pack_int(&row, step->cache.ttl_us ? now + step->cache.ttl_us : 0);
    pack_text(&row, step->target);
    pack_cstr(&row, name);
    pack_bin(&row, run->uuid.bytes, UUID_SIZE);
    pack_val(&row, result);
    pack_val(&row, (struct val){parts.data, parts.len});
    if (buf_err(&row) || buf_err(&parts)) {
        return; /* hundreds of long parameters: not worth an entry */
    }
    store_batch_put(loop_batch(engine), STORE_CACHE, MAP_KEY(key), buf_str(&row));
    index_entry(engine, run, task, &key, now);
}

/* ---- the end of a flight -------------------------------------------------------------------- */

void cache_task_over(struct engine *engine, const struct run *run, const struct task *task)
{
    const struct flight *flight;

    if (!task->has_cache_key) {
        return;
    }
    flight = map_get(engine->flights, MAP_KEY(task->cache_key));
    if (flight && flight->run == run->number && flight->task == task->index) {
        loop_effect(engine, EFFECT_FLIGHT_END, run->number)->key = task->cache_key;
    }
}

/* Frees a flight; those who wait are freed too. */
static void flight_free(struct flight *flight)
{
    for (uint32_t i = 0; i < flight->waiter_count; i++) {
        prepare_free(flight->waiters[i]);
    }
    free(flight->waiters);
    buf_done(&flight->extra);
    free(flight);
}

void cache_flight_end(struct engine *engine, const struct hash *key)
{
    struct flight *flight = map_remove(engine->flights, MAP_KEY(*key));

    if (!flight) {
        return;
    }
    for (uint32_t i = 0; i < flight->waiter_count; i++) {
        prepare_resume(flight->waiters[i]);
    }
    flight->waiter_count = 0;
    flight_free(flight);
}

void cache_done(struct engine *engine)
{
    size_t cursor = 0;
    struct str key;
    void *value;

    if (!engine->flights) {
        return;
    }
    while (map_next(engine->flights, &cursor, &key, &value)) {
        flight_free(value);
    }
    engine->flights = map_free(engine->flights);
}
