/*
 * Notifications: rules that match become rows of the outbox in the same transaction as the state
 * change, and are delivered through notifier parts until they arrive or are given up.
 *
 * At least once, possibly more than once and out of order; each carries a stable id. Attempts: at
 * once, then after 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h, each varied by a tenth
 * (the example schedule of Standard Webhooks 1.0.0). Loop thread.
 */
#ifndef DRIVE_OUTBOX_H
#define DRIVE_OUTBOX_H

#include "drive/engine_int.h"

enum { OUTBOX_ATTEMPTS_MAX = 10, OUTBOX_EVENT_MAX = 48 * 1024 };

struct delivery;

/* A rule of the run's flow matches its new state. */
void outbox_add(struct engine *engine, struct run *run, const struct notify_rule *rule,
                enum state to);
/* Looks through the rules of leat.yaml. */
void outbox_match_settings(struct engine *engine, struct run *run, enum state to);

/* Makes an attempt now, or as soon as a host has room. */
void outbox_deliver(struct engine *engine, uint64_t number);
/* Makes the attempts that wait for a host. */
void outbox_fill(struct engine *engine);

/* What the pool reports about attempts. */
void outbox_answer(struct engine *engine, struct delivery *delivery,
                   const struct pool_outcome *outcome);
void outbox_again(struct engine *engine, struct delivery *delivery);
void outbox_log(struct engine *engine, const struct delivery *delivery, const struct pool_log *log);

/* Answers <mail> when every notification of its run has had its first attempt. */
void outbox_drain(struct engine *engine, struct mail *mail);

/* Takes up what a former engine left in the outbox. */
int outbox_open(struct engine *engine, struct err_text *reterr_why);
void outbox_close(struct engine *engine);

/* How an attempt at delivery came out. */
enum delivery_outcome {
    DELIVERY_DELIVERED,
    DELIVERY_RETRY, /* another attempt follows at next_us */
    DELIVERY_DEAD,  /* given up */
};

/* One row of the delivery log: one attempt. Borrowed from the bytes. */
struct delivery_row {
    int64_t time_us;
    uint64_t run;
    struct str via;
    struct str state;
    uint32_t attempt;
    enum delivery_outcome outcome;
    struct str code;
    struct str text;
    int64_t next_us;
};

/* One notification that waits in the outbox. Borrowed from the bytes. */
struct outbox_row {
    struct uuid id;
    struct uuid root; /* of the run tree it belongs to */
    uint64_t run;
    struct str via;
    struct str state;
    struct val with;
    struct val event;
    uint32_t attempts; /* made so far */
};

/* 0 or ERR_CORRUPT. Any thread. */
int outbox_parse_delivery(struct str bytes, struct delivery_row *ret_row);
int outbox_parse_row(struct str bytes, struct outbox_row *ret_row);

#endif
