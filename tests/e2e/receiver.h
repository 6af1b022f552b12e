/*
 * A web server on the loopback interface that receives webhooks for a test and remembers them.
 */
#ifndef TESTS_RECEIVER_H
#define TESTS_RECEIVER_H

#include <stddef.h>

struct receiver;

/* One request, kept until receiver_free(). */
struct received {
    char id[128];        /* webhook-id */
    char timestamp[32];  /* webhook-timestamp */
    char signature[256]; /* webhook-signature */
    char *body;          /* NUL-terminated */
    size_t body_len;
};

/* Listens on a free port; answers with <status> until told otherwise. */
struct receiver *receiver_new(unsigned status);
void receiver_free(struct receiver *receiver);
/* The status of answers from now on. */
void receiver_answer(struct receiver *receiver, unsigned status);
/* "http://127.0.0.1:PORT/hook" */
const char *receiver_url(const struct receiver *receiver);
/* How many requests came so far. */
int receiver_count(struct receiver *receiver);
/* Waits for the request of that number, from 0; fails the test when it does not come. */
const struct received *receiver_await(struct receiver *receiver, int number);

#endif
