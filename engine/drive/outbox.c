/*
 * See outbox.h. A delivery's row is keyed by when it is due, so that what waits is found in order
 * after a restart; while the engine lives a timer per waiting delivery does the same.
 */
#include "drive/outbox.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/must.h"
#include "drive/logs.h"
#include "drive/loop.h"
#include "drive/mail.h"
#include "drive/notice.h"
#include "drive/prepare.h"
#include "drive/run_data.h"
#include "model/params.h"
#include "store/key.h"
#include "store/store_read.h"
#include "value/pack.h"

enum {
    ROW_VERSION = 1,
    OUTBOX_MEMBERS = 9,
    DELIVERY_MEMBERS = 10,
    JITTER_PERCENT = 10,
    WISH_MS_MAX = 86400 * 1000, /* longest wait that a notifier may ask for */
    WITH_MAX = OUTBOX_EVENT_MAX / 4,
    EVENT_MAX = OUTBOX_EVENT_MAX / 2,
};

_Static_assert(OUTBOX_EVENT_MAX + 4096 <= STORE_VALUE_MAX, "a notification fits into a row");

/* A row wraps parameters, which may be as deep as values are. */
static const struct val_limits row_limits = {
    .bytes_max = STORE_VALUE_MAX, .nodes_max = STORE_VALUE_MAX, .depth_max = VAL_DEPTH_WRAPPED_MAX};

/* Where a delivery stands. */
enum place { COMMITTING, FOR_HOST, AT_WORK, FOR_RETRY };

struct delivery {
    struct engine *engine;
    uint64_t number;
    uint64_t run;
    struct uuid id;
    struct uuid root;
    struct uuid run_id;
    char *via;
    char *state;
    struct buf with;
    struct buf event;
    int64_t due_us;
    uint32_t attempts;
    enum place place;
    uv_timer_t *timer; /* while FOR_RETRY */
    struct delivery *next_waiting;
};

/* Somebody waits for the first attempts of a run. */
struct drain {
    struct drain *next;
    struct mail *mail;
};

/* ---- rows ----------------------------------------------------------------------------------- */

/* The key of a delivery's row in the outbox. */
static struct store_key outbox_key(const struct delivery *delivery)
{
    struct store_key key = {0};

    key_u64(&key, (uint64_t)delivery->due_us);
    key_u64(&key, delivery->number);
    return key;
}

/* Adds the outbox row to the open batch. */
static void write_outbox(struct engine *engine, const struct delivery *delivery)
{
    CLEANUP_BUF struct buf row = BUF_INIT(STORE_VALUE_MAX);
    struct store_key key = outbox_key(delivery);

    pack_list(&row, OUTBOX_MEMBERS);
    pack_int(&row, ROW_VERSION);
    pack_bin(&row, delivery->id.bytes, UUID_SIZE);
    pack_bin(&row, delivery->root.bytes, UUID_SIZE);
    pack_uint(&row, delivery->run);
    pack_text(&row, str_of(delivery->via));
    pack_text(&row, str_of(delivery->state));
    pack_val(&row, (struct val){delivery->with.data, delivery->with.len});
    pack_val(&row, (struct val){delivery->event.data, delivery->event.len});
    pack_uint(&row, delivery->attempts);
    must(buf_err(&row) == 0); /* with and event have limits that fit together */
    store_batch_put(loop_batch(engine), STORE_OUTBOX, key_str(&key), buf_str(&row));
}

/* Adds the removal of the outbox row. */
static void remove_outbox(struct engine *engine, const struct delivery *delivery)
{
    struct store_key key = outbox_key(delivery);

    store_batch_del(loop_batch(engine), STORE_OUTBOX, key_str(&key));
}

/* Adds a line to the delivery log. */
static void write_delivery(struct engine *engine, const struct delivery *delivery,
                           enum delivery_outcome outcome, struct str code, struct str text,
                           int64_t next_us)
{
    struct buf *row = &engine->scratch_row;
    struct store_key key = {0};

    buf_clear(row);
    pack_list(row, DELIVERY_MEMBERS);
    pack_int(row, ROW_VERSION);
    pack_int(row, engine_wall_us());
    pack_uint(row, delivery->run);
    pack_text(row, str_of(delivery->via));
    pack_text(row, str_of(delivery->state));
    pack_uint(row, delivery->attempts);
    pack_int(row, outcome);
    pack_text(row, code);
    pack_text(row, text);
    pack_int(row, next_us);
    key_bytes(&key, delivery->id.bytes, UUID_SIZE);
    key_u32(&key, delivery->attempts);
    store_batch_put(loop_batch(engine), STORE_DELIVERY, key_str(&key), buf_str(row));
}

/* The members of a list row of a known version, or ERR_CORRUPT. */
static int open_row(struct str bytes, struct val *ret_members, uint32_t count)
{
    struct val_iter iter;
    struct val list;

    if (val_scan(bytes.ptr, bytes.len, &row_limits, &list, NULL) != 0 ||
        val_type(list) != VAL_LIST || val_count(list) != count) {
        return ERR_CORRUPT;
    }
    iter = val_iter(list);
    for (size_t i = 0; val_next(&iter, NULL, &ret_members[i]); i++) {
    }
    return val_type(ret_members[0]) == VAL_INT && val_int(ret_members[0]) == ROW_VERSION
               ? 0
               : ERR_CORRUPT;
}

/* True when all members from <first> to <last> have the type. */
static bool all_are(const struct val *members, uint32_t first, uint32_t last, enum val_type type)
{
    for (uint32_t i = first; i <= last; i++) {
        if (val_type(members[i]) != type) {
            return false;
        }
    }
    return true;
}

/* True for an integer from <least> to <most>. */
static bool between(struct val number, int64_t least, int64_t most)
{
    return val_int(number) >= least && val_int(number) <= most;
}

int outbox_parse_delivery(struct str bytes, struct delivery_row *ret_row)
{
    struct val members[DELIVERY_MEMBERS];

    if (open_row(bytes, members, DELIVERY_MEMBERS) != 0 || !all_are(members, 1, 2, VAL_INT) ||
        !all_are(members, 3, 4, VAL_STR) || !all_are(members, 5, 6, VAL_INT) ||
        !all_are(members, 7, 8, VAL_STR) || !all_are(members, 9, 9, VAL_INT) ||
        !between(members[2], 0, INT64_MAX) || !between(members[5], 0, UINT32_MAX) ||
        !between(members[6], DELIVERY_DELIVERED, DELIVERY_DEAD)) {
        return ERR_CORRUPT;
    }
    *ret_row = (struct delivery_row){.time_us = val_int(members[1]),
                                     .run = (uint64_t)val_int(members[2]),
                                     .via = val_str(members[3]),
                                     .state = val_str(members[4]),
                                     .attempt = (uint32_t)val_int(members[5]),
                                     .outcome = (enum delivery_outcome)val_int(members[6]),
                                     .code = val_str(members[7]),
                                     .text = val_str(members[8]),
                                     .next_us = val_int(members[9])};
    return 0;
}

int outbox_parse_row(struct str bytes, struct outbox_row *ret_row)
{
    struct val members[OUTBOX_MEMBERS];
    struct outbox_row row = {0};

    if (open_row(bytes, members, OUTBOX_MEMBERS) != 0 || !all_are(members, 1, 2, VAL_BIN) ||
        val_str(members[1]).len != UUID_SIZE || val_str(members[2]).len != UUID_SIZE ||
        !all_are(members, 3, 3, VAL_INT) || !all_are(members, 4, 5, VAL_STR) ||
        !all_are(members, 6, 7, VAL_MAP) || !all_are(members, 8, 8, VAL_INT) ||
        !between(members[3], 0, INT64_MAX) || !between(members[8], 0, OUTBOX_ATTEMPTS_MAX)) {
        return ERR_CORRUPT;
    }
    memcpy(row.id.bytes, val_str(members[1]).ptr, UUID_SIZE);
    memcpy(row.root.bytes, val_str(members[2]).ptr, UUID_SIZE);
    row.run = (uint64_t)val_int(members[3]);
    row.via = val_str(members[4]);
    row.state = val_str(members[5]);
    row.with = members[6];
    row.event = members[7];
    row.attempts = (uint32_t)val_int(members[8]);
    *ret_row = row;
    return 0;
}

/* ---- life of a delivery --------------------------------------------------------------------- */

/* Puts a delivery among the others. */
static void enlist(struct engine *engine, struct delivery *delivery, uint64_t number)
{
    delivery->engine = engine;
    delivery->number = number;
    map_put(engine->deliveries, MAP_KEY(delivery->number), delivery);
}

/* Frees a closed timer. */
static void on_timer_closed(uv_handle_t *handle)
{
    free(handle);
}

/* Frees a delivery that is over. */
static void discard(struct delivery *delivery)
{
    if (delivery->timer) {
        uv_close((uv_handle_t *)delivery->timer, on_timer_closed);
    }
    map_remove(delivery->engine->deliveries, MAP_KEY(delivery->number));
    buf_done(&delivery->with);
    buf_done(&delivery->event);
    free(delivery->via);
    free(delivery->state);
    free(delivery);
}

/* True when a notification of <run> has not had its first attempt. */
static bool first_attempt_missing(const struct engine *engine, uint64_t run)
{
    size_t cursor = 0;
    struct str key;
    void *value;

    while (map_next(engine->deliveries, &cursor, &key, &value)) {
        const struct delivery *delivery = value;

        if (delivery->run == run && delivery->attempts == 0) {
            return true;
        }
    }
    return false;
}

/* Answers those who waited, if they need not wait any more. */
static void check_drains(struct engine *engine)
{
    struct drain **link = &engine->drains;

    while (*link) {
        struct drain *drain = *link;

        if (first_attempt_missing(engine, drain->mail->run)) {
            link = &drain->next;
            continue;
        }
        *link = drain->next;
        mail_reply(engine, drain->mail, 0);
        free(drain);
    }
}

void outbox_drain(struct engine *engine, struct mail *mail)
{
    struct drain *drain = xcalloc(1, sizeof(*drain));

    drain->mail = mail;
    drain->next = engine->drains;
    engine->drains = drain;
    check_drains(engine);
}

void outbox_add(struct engine *engine, struct run *run, const struct notify_rule *rule,
                enum state to)
{
    struct delivery *delivery = xcalloc(1, sizeof(*delivery));
    struct str via = notice_via(engine, rule);
    struct err_text why = {""};

    if (via.len > FLOW_NAME_MAX) {
        via.len = FLOW_NAME_MAX; /* no part has such a name, which the attempt will find out */
    }
    buf_init(&delivery->with, WITH_MAX);
    buf_init(&delivery->event, EVENT_MAX);
    enlist(engine, delivery, ++engine->next_notification);
    delivery->id = uuid_v7(engine_wall_us(), &engine->rng);
    delivery->run = run->number;
    delivery->run_id = run->uuid;
    delivery->root = run_data(run)->root;
    delivery->due_us = engine_wall_us();
    delivery->state = xstrdup(state_name(to));
    delivery->via = str_dup(via);
    if (notice_make(engine, run, rule, to, &delivery->id, &delivery->with, &delivery->event,
                    &why) != 0) {
        write_delivery(engine, delivery, DELIVERY_DEAD, STR("notify.template"), str_of(why.text),
                       0);
        discard(delivery);
        return;
    }
    write_outbox(engine, delivery);
    loop_effect(engine, EFFECT_DELIVER, run->number)->notification = delivery->number;
}

void outbox_match_settings(struct engine *engine, struct run *run, enum state to)
{
    struct str tags[CORE_TAGS_MAX];
    uint32_t count = 0;

    if (engine->settings->notify_count == 0) {
        return;
    }
    for (; run->tags && run->tags[count] && count < CORE_TAGS_MAX; count++) {
        tags[count] = str_of(run->tags[count]);
    }
    for (uint32_t i = 0; i < engine->settings->notify_count; i++) {
        const struct notify_rule *rule = &engine->settings->notify[i];

        if (notify_rule_matches(rule, str_of(state_name(to)),
                                str_of(state_type_name(state_type(to))), run->flow->name, tags,
                                count)) {
            outbox_add(engine, run, rule, to);
        }
    }
}

/* ---- attempts ------------------------------------------------------------------------------- */

/* How long to wait after <attempts> failed attempts, in microseconds. */
static int64_t retry_delay(struct engine *engine, uint32_t attempts)
{
    static const int64_t seconds[] = {0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400};
    int64_t base = seconds[attempts < OUTBOX_ATTEMPTS_MAX ? attempts : OUTBOX_ATTEMPTS_MAX - 1];
    int64_t vary = (int64_t)rng_below(&engine->rng, 2 * JITTER_PERCENT + 1) - JITTER_PERCENT;

    return base * (100 + vary) * 10000;
}

/* A waiting delivery is due. */
static void on_due(uv_timer_t *timer)
{
    struct delivery *delivery = timer->data;

    delivery->timer = NULL;
    uv_close((uv_handle_t *)timer, on_timer_closed);
    outbox_deliver(delivery->engine, delivery->number);
}

/* Waits until the delivery is due. */
static void wait_until_due(struct delivery *delivery)
{
    int64_t delay_us = delivery->due_us - engine_wall_us();

    delivery->place = FOR_RETRY;
    delivery->timer = xcalloc(1, sizeof(*delivery->timer));
    must(uv_timer_init(&delivery->engine->loop, delivery->timer) == 0);
    delivery->timer->data = delivery;
    must(uv_timer_start(delivery->timer, on_due, delay_us > 0 ? (uint64_t)delay_us / 1000 : 0, 0) ==
         0);
}

/* One attempt is over: records it and decides what follows. */
static void settle(struct delivery *delivery, enum pool_end end, struct str code, struct str text,
                   int64_t retry_after_ms)
{
    struct engine *engine = delivery->engine;
    bool again = end != POOL_OK && end != POOL_FAIL;

    loop_room(engine); /* thousands may be over in one turn of the loop */
    delivery->attempts++;
    remove_outbox(engine, delivery);
    if (again && delivery->attempts < OUTBOX_ATTEMPTS_MAX) {
        int64_t delay_us = retry_delay(engine, delivery->attempts);

        if (retry_after_ms > WISH_MS_MAX) {
            retry_after_ms = WISH_MS_MAX;
        }
        if (retry_after_ms * 1000 > delay_us) {
            delay_us = retry_after_ms * 1000;
        }
        delivery->due_us = engine_wall_us() + delay_us;
        write_outbox(engine, delivery);
        write_delivery(engine, delivery, DELIVERY_RETRY, code, text, delivery->due_us);
        wait_until_due(delivery);
    } else {
        enum delivery_outcome outcome = end == POOL_OK ? DELIVERY_DELIVERED : DELIVERY_DEAD;

        write_delivery(engine, delivery, outcome, code, text, 0);
        if (outcome == DELIVERY_DEAD) {
            struct str id = {(const char *)delivery->id.bytes, UUID_SIZE};

            store_batch_put(loop_batch(engine), STORE_DEAD, id, buf_str(&delivery->event));
        }
        discard(delivery);
    }
    check_drains(engine);
}

/* Hands an attempt to the pool. False when there is no room. */
static bool attempt(struct delivery *delivery)
{
    struct engine *engine = delivery->engine;
    CLEANUP_BUF struct buf input = BUF_INIT(PREP_INPUT_MAX);
    const struct plug_part *part =
        catalogue_part(engine->catalogue, LEAT_KIND_NOTIFIER, str_of(delivery->via));
    struct pool_call call = {.kind = LEAT_KIND_NOTIFIER,
                             .type = str_of(delivery->via),
                             .base_dir = str_of(engine->home),
                             .timeout_ms = 60000,
                             .grace_ms = 1000};
    struct err_text why;
    struct slot *slot;

    if (!part) {
        settle(delivery, POOL_FAIL, STR("notify.missing"), STR("there is no such notifier"), -1);
        return true;
    }
    call.plugin = pool_plugin_get(engine->pool, &part->plugin->hash, part->plugin->name,
                                  part->plugin->copy_path);
    if (pool_room(engine->pool, call.plugin, false) == 0) {
        return false;
    }
    if (notice_input(part, &delivery->id, (struct val){delivery->with.data, delivery->with.len},
                     (struct val){delivery->event.data, delivery->event.len}, &input, &why) != 0) {
        settle(delivery, POOL_FAIL, STR("notify.input"), str_of(why.text), -1);
        return true;
    }
    call.input = (struct val){input.data, input.len};
    call.id = slots_add(&engine->calls, &slot);
    slot->object = delivery;
    delivery->place = AT_WORK;
    if (pool_call(engine->pool, &call, &why) != 0) {
        slots_remove(&engine->calls, call.id);
        settle(delivery, POOL_RETRY, STR("notify.host"), str_of(why.text), -1);
    }
    return true;
}

void outbox_deliver(struct engine *engine, uint64_t number)
{
    struct delivery *delivery = map_get(engine->deliveries, MAP_KEY(number));

    if (!delivery || attempt(delivery)) {
        return;
    }
    delivery->place = FOR_HOST;
    delivery->next_waiting = engine->deliveries_waiting;
    engine->deliveries_waiting = delivery;
}

void outbox_fill(struct engine *engine)
{
    struct delivery *waiting = engine->deliveries_waiting;

    engine->deliveries_waiting = NULL;
    while (waiting) {
        struct delivery *delivery = waiting;

        waiting = delivery->next_waiting;
        outbox_deliver(engine, delivery->number);
    }
}

void outbox_answer(struct engine *engine, struct delivery *delivery,
                   const struct pool_outcome *outcome)
{
    (void)engine;
    settle(delivery, outcome->end, outcome->code, outcome->text, outcome->retry_after_ms);
}

void outbox_again(struct engine *engine, struct delivery *delivery)
{
    outbox_deliver(engine, delivery->number);
}

void outbox_log(struct engine *engine, const struct delivery *delivery, const struct pool_log *log)
{
    struct log_place place = {.run = delivery->run,
                              .run_id = &delivery->run_id,
                              .root = &delivery->root,
                              .task = CORE_NO_TASK};

    logs_write(engine, &place, log->level, log->stream, log->wall_us, log->text);
}

/* ---- start and end -------------------------------------------------------------------------- */

/* What reading the outbox needs. */
struct opening {
    struct engine *engine;
    uint32_t damaged;
};

/* store_visit: takes up one waiting notification. */
static bool take_up(void *user, struct str key, struct str bytes)
{
    struct opening *opening = user;
    uint64_t number = key_read_u64(key, sizeof(uint64_t));
    struct delivery *delivery;
    struct outbox_row row;

    if (outbox_parse_row(bytes, &row) != 0 ||
        map_get(opening->engine->deliveries, MAP_KEY(number))) {
        opening->damaged++;
        return true;
    }
    if (number > opening->engine->next_notification) {
        opening->engine->next_notification = number; /* the clock was set back */
    }
    delivery = xcalloc(1, sizeof(*delivery));
    buf_init(&delivery->with, WITH_MAX);
    buf_init(&delivery->event, EVENT_MAX);
    enlist(opening->engine, delivery, number);
    delivery->id = row.id;
    delivery->root = row.root;
    delivery->run_id = row.root;
    delivery->run = row.run;
    delivery->via = str_dup(row.via);
    delivery->state = str_dup(row.state);
    buf_put(&delivery->with, row.with.ptr, row.with.len);
    buf_put(&delivery->event, row.event.ptr, row.event.len);
    delivery->attempts = row.attempts;
    delivery->due_us = (int64_t)key_read_u64(key, 0);
    wait_until_due(delivery);
    return true;
}

int outbox_open(struct engine *engine, struct err_text *reterr_why)
{
    CLEANUP_STORE_READ struct store_read *read = NULL;
    struct opening opening = {.engine = engine};
    int err = store_read_begin(engine->store, &read);

    /* Above every number that a former engine gave out: see take_up(), too. */
    engine->next_notification = (uint64_t)engine_wall_us();
    if (err == 0) {
        err = store_scan(read, STORE_OUTBOX, STR_NONE, STR_NONE, false, take_up, &opening);
    }
    if (err == ERR_CORRUPT || opening.damaged) {
        log_line(LOG_WARNING, "outbox", "damaged notifications were left out");
        err = 0;
    }
    return err ? err_set(reterr_why, err, "the outbox can not be read: %s", err_sentence(err)) : 0;
}

void outbox_close(struct engine *engine)
{
    size_t cursor = 0;
    struct str key;
    void *value;

    while (engine->drains) {
        struct drain *drain = engine->drains;

        engine->drains = drain->next;
        mail_reply(engine, drain->mail, 0); /* the next engine delivers */
        free(drain);
    }
    while (engine->deliveries && map_next(engine->deliveries, &cursor, &key, &value)) {
        discard(value); /* its row stays: the next engine goes on */
        cursor = 0;
    }
    engine->deliveries = map_free(engine->deliveries);
    engine->deliveries_waiting = NULL;
}
