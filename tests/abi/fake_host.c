/*
 * A host inside the test. See fake_host.h.
 */
#include "fake_host.h"

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

/* The test's call behind the plugin's. */
static struct fake_call *fake_of(leat_call *call)
{
    return (struct fake_call *)(void *)call;
}

/* leat_host.param */
static leat_status get_param(leat_call *call, const char *name, uint32_t type, void *ret_value)
{
    struct fake_call *fake = fake_of(call);

    for (const struct fake_param *param = fake->params; param != NULL && param->name != NULL;
         param++) {
        if (strcmp(param->name, name) != 0 || param->type != type) {
            continue;
        }
        size_t size = sizeof(leat_str);
        if (type == LEAT_TYPE_BOOL) {
            size = sizeof(int32_t);
        } else if (type == LEAT_TYPE_INT || type == LEAT_TYPE_FLOAT || type == LEAT_TYPE_DURATION ||
                   type == LEAT_TYPE_SIZE) {
            size = 8;
        }
        memcpy(ret_value, param->value, size);
        return LEAT_OK;
    }
    fake->bad_params++;
    return LEAT_FAIL;
}

/* leat_host.input */
static leat_status get_input(leat_call *call, leat_str *ret_msgpack)
{
    *ret_msgpack = fake_of(call)->input;
    return LEAT_OK;
}

/* leat_host.result: copies at once, as the ABI promises. */
static leat_status put_result(leat_call *call, const char *key, const leat_str *msgpack)
{
    struct fake_call *fake = fake_of(call);

    if (msgpack->len == 0) {
        return LEAT_FAIL;
    }
    cr_assert_lt(fake->result_count, FAKE_RESULTS_MAX);
    struct fake_result *result = &fake->results[fake->result_count];
    fake->result_count++;
    strncpy(result->key, key == NULL ? "" : key, sizeof result->key - 1);
    result->bytes = malloc(msgpack->len);
    result->len = msgpack->len;
    memcpy(result->bytes, msgpack->ptr, msgpack->len);
    return LEAT_OK;
}

/* leat_host.outcome */
static leat_status put_outcome(leat_call *call, leat_status status, const char *code,
                               const char *text, int64_t retry_after_ms)
{
    struct fake_call *fake = fake_of(call);

    fake->status = status;
    strncpy(fake->code, code == NULL ? "plugin.failed" : code, sizeof fake->code - 1);
    strncpy(fake->text, text, sizeof fake->text - 1);
    fake->retry_after_ms = retry_after_ms;
    return status;
}

/* leat_host.cancelled */
static int32_t is_cancelled(leat_call *call)
{
    return fake_of(call)->cancelled;
}

/* leat_host.cancel_fd */
static int32_t get_cancel_fd(leat_call *call)
{
    (void)call;
    return -1;
}

/* leat_host.deadline_ms */
static int64_t get_deadline_ms(leat_call *call)
{
    (void)call;
    return 1234;
}

/* leat_host.progress */
static void put_progress(leat_call *call, double done, const char *text)
{
    struct fake_call *fake = fake_of(call);

    fake->done = done;
    strncpy(fake->progress, text == NULL ? "(none)" : text, sizeof fake->progress - 1);
}

/* leat_host.log */
static void put_log(leat_call *call, int32_t level, const char *text)
{
    struct fake_call *fake = fake_of(call);

    fake->level = level;
    strncpy(fake->log, text, sizeof fake->log - 1);
}

/* leat_host.alloc */
static void *get_memory(leat_call *call, size_t size)
{
    struct fake_call *fake = fake_of(call);

    if (size > fake->alloc_left) {
        return NULL;
    }
    cr_assert_lt(fake->block_count, sizeof fake->blocks / sizeof fake->blocks[0]);
    fake->alloc_left -= size;
    fake->blocks[fake->block_count] = malloc(size);
    fake->block_count++;
    return fake->blocks[fake->block_count - 1];
}

/* leat_host.extension */
static const void *get_extension(leat_call *call, const char *id)
{
    (void)call;
    return strcmp(id, "org.example.test/1") == 0 ? "a table" : NULL;
}

/* leat_host.state */
static void *get_state(leat_call *call)
{
    return fake_of(call)->state;
}

/* leat_host.fact */
static leat_str get_fact(leat_call *call, const char *name)
{
    (void)call;
    return strcmp(name, "attempt") == 0 ? (leat_str){"2", 1} : (leat_str){NULL, 0};
}

struct fake_call *fake_new(void)
{
    struct fake_call *fake = calloc(1, sizeof *fake);

    fake->host = (leat_host){
        .struct_size = sizeof fake->host,
        .abi_major = LEAT_ABI_MAJOR,
        .abi_minor = LEAT_ABI_MINOR,
        .param = get_param,
        .input = get_input,
        .result = put_result,
        .outcome = put_outcome,
        .cancelled = is_cancelled,
        .cancel_fd = get_cancel_fd,
        .deadline_ms = get_deadline_ms,
        .progress = put_progress,
        .log = put_log,
        .alloc = get_memory,
        .extension = get_extension,
        .state = get_state,
        .fact = get_fact,
    };
    fake->head.host = &fake->host;
    fake->input = (leat_str){"\x80", 1};
    fake->alloc_left = SIZE_MAX;
    fake->status = -1;
    return fake;
}

struct fake_call *fake_free(struct fake_call *fake)
{
    for (size_t i = 0; i < fake->block_count; i++) {
        free(fake->blocks[i]);
    }
    for (size_t i = 0; i < fake->result_count; i++) {
        free(fake->results[i].bytes);
    }
    free(fake);
    return NULL;
}

const struct fake_result *fake_result(const struct fake_call *fake, const char *key)
{
    for (size_t i = 0; i < fake->result_count; i++) {
        if (strcmp(fake->results[i].key, key) == 0) {
            return &fake->results[i];
        }
    }
    return NULL;
}
