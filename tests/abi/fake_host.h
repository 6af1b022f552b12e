/*
 * The smallest host a plugin can run in: parameters come from a table, and everything the plugin
 * says is written down for the test to look at. Breaches of the ABI's rules about calls fail the
 * test.
 */
#ifndef TESTS_ABI_FAKE_HOST_H
#define TESTS_ABI_FAKE_HOST_H

#include <stddef.h>
#include <stdint.h>

#include <leat/abi.h>

enum { FAKE_RESULTS_MAX = 8, FAKE_TEXT_SIZE = 64 * 1024 };

/* One parameter; <value> points to what the type says (a leat_str, int64_t, double or int32_t). */
struct fake_param {
    const char *name;
    uint32_t type;
    const void *value;
};

struct fake_result {
    char key[LEAT_KEY_MAX + 1]; /* "" for the whole result */
    unsigned char *bytes;
    size_t len;
};

/* One call. The public head comes first, so that the plugin's pointer is ours. */
struct fake_call {
    leat_call head;
    leat_host host;
    const struct fake_param *params; /* ends with a NULL name */
    leat_str input;
    int32_t cancelled;
    void *state;
    size_t alloc_left; /* alloc() gives NULL when it has given out so many bytes */
    /* written down */
    struct fake_result results[FAKE_RESULTS_MAX];
    size_t result_count;
    unsigned bad_params;
    leat_status status;
    char code[LEAT_CODE_MAX];
    char text[FAKE_TEXT_SIZE];
    int64_t retry_after_ms;
    int32_t level;
    char log[FAKE_TEXT_SIZE];
    double done;
    char progress[FAKE_TEXT_SIZE];
    void *blocks[64];
    size_t block_count;
};

/* A call with every function of the present ABI, plenty of memory and an empty input. */
struct fake_call *fake_new(void);
/* Frees it; returns NULL. */
struct fake_call *fake_free(struct fake_call *fake);

/* The result under <key>, or NULL. */
const struct fake_result *fake_result(const struct fake_call *fake, const char *key);

#endif
