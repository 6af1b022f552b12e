/*
 * What base promises to work from any thread, from several threads at once. Meant for the thread
 * sanitizer (`make tsan-test`), which ends the program at the first race; prints TAP.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fault.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/must.h"

enum { THREADS = 4, ROUNDS = 200 };

/* Thread: the first hashes of a process set up the library, whoever comes first. */
static void *hash_many(void *user)
{
    struct hash *ret_hash = user;
    for (unsigned round = 0; round < ROUNDS; round++) {
        *ret_hash = hash_bytes("abc", 3);
    }
    return NULL;
}

/* Thread: lines that are written and lines that are dropped, with a level that changes. */
static void *log_many(void *user)
{
    (void)user;
    for (unsigned round = 0; round < ROUNDS; round++) {
        log_set_level(round % 2 == 0 ? LOG_ERROR : LOG_NONE);
        log_line(LOG_WARNING, "race", "dropped %u", round);
    }
    return NULL;
}

/* Thread: tables and clocks. */
static void *look_many(void *user)
{
    (void)user;
    char text[CLOCK_TEXT_SIZE];
    for (unsigned round = 0; round < ROUNDS; round++) {
        must(strcmp(err_name(ERR_LIMIT), "LIMIT") == 0);
        must(!FAULT("race"));
        clock_format(clock_wall_us(&clock_real), text);
    }
    return NULL;
}

/* Runs <body> in several threads at once, each with its member of <users>. */
static void in_threads(void *(*body)(void *user), struct hash users[THREADS])
{
    pthread_t threads[THREADS];
    for (unsigned index = 0; index < THREADS; index++) {
        int failed = pthread_create(&threads[index], NULL, body, &users[index]);
        must(!failed);
    }
    for (unsigned index = 0; index < THREADS; index++) {
        pthread_join(threads[index], NULL);
    }
}

int main(void)
{
    struct hash hashes[THREADS] = {{{0}}};
    in_threads(hash_many, hashes);
    int same = memcmp(&hashes[0], &hashes[THREADS - 1], sizeof hashes[0]) == 0;
    printf("%s - the library is set up once, and all threads get the same hash\n",
           same ? "ok" : "not ok");
    in_threads(log_many, hashes);
    printf("ok - lines and levels of several threads\n");
    in_threads(look_many, hashes);
    printf("ok - tables, clocks and fault points of several threads\n");
    return same ? 0 : 1;
}
