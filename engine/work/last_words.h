/*
 * The output that a dead host did not live to send: in its black box, then in its pipes.
 *
 * Used by proc.c. Loop thread.
 */
#ifndef WORK_LAST_WORDS_H
#define WORK_LAST_WORDS_H

#include <stdint.h>

#include "base/str.h"
#include "work/pool.h"

enum { LAST_WORDS_MAX = 256 * 1024 }; /* bytes of one pipe that are still read */

/* Hands out the lines of one stream. <box> is the descriptor of the black box, <pipe> the reading
 * end of the stream, which does not block: others may hold the pipe open for ever. */
void last_words_read(int box, int pipe, enum pool_stream stream,
                     void (*emit)(void *user, enum pool_stream stream, struct str line),
                     void *user);

/* The number of the last call that the host began, 0 for none. Only as good as the plugin, which
 * can write there. */
uint64_t last_words_begun(int box);

#endif
