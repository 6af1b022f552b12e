/*
 * Requests from other threads to the loop thread, with an answer.
 *
 * The caller's thread blocks until the loop has answered, which for changes is when they are
 * durable. A mail lives on the caller's stack.
 */
#ifndef DRIVE_MAIL_H
#define DRIVE_MAIL_H

#include "drive/engine_int.h"

enum mail_type {
    MAIL_SUBMIT,
    MAIL_CANCEL,
    MAIL_RETRY,
    MAIL_DELETE,
    MAIL_DRAIN,
    MAIL_SCAN,
    MAIL_CACHE_REMOVE,
    MAIL_SETTLE,
    MAIL_STOP,
};

struct mail {
    enum mail_type type;
    uint64_t run;
    const char *text;                     /* CANCEL */
    const struct engine_request *request; /* SUBMIT */
    struct engine_run *ret_run;           /* SUBMIT */
    struct buf *ret_problems;             /* SUBMIT */
    struct str rows;                      /* CACHE_REMOVE: see cache_admin.c */
    struct err_text *why;                 /* filled on failure; may be NULL */

    struct mail *next;
    pthread_cond_t answered;
    bool done;
    int err;
};

/* Posts <mail> and blocks until it is answered; returns the answer. Any thread but the loop's. */
int mail_send(struct engine *engine, struct mail *mail);

/* Answers. Loop thread. */
void mail_reply(struct engine *engine, struct mail *mail, int err);

/* Takes the oldest mail, or NULL. Loop thread. */
struct mail *mail_take(struct engine *engine);

#endif
