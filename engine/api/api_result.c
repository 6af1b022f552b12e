/*
 * See api_result.h.
 */
#include "api/api_result.h"

#include "store/key.h"
#include "value/pack.h"
#include "work/blob_view.h"

int api_result_put(struct api_call *call, const char *key, struct val value, bool expand)
{
    struct blob_view *view;
    struct val whole;
    struct err_text why;
    int err;

    pack_cstr(call->out, key);
    if (!value.ptr) {
        pack_nil(call->out);
        return 0;
    }
    if (!expand || !blob_view_has_ref(value)) {
        pack_val(call->out, value);
        return 0;
    }
    view = blob_view_new(engine_blobs(call->engine));
    err = blob_view_expand(view, value, &whole, &why);
    if (err) {
        call_fail(call, err, "A large value can not be shown: %s", why.text);
        call->status = err == ERR_NOT_FOUND ? 500 : 0; /* the run is there, its value is not */
    } else {
        pack_val(call->out, whole);
    }
    blob_view_free(view);
    return err;
}

/* The stored result of a task, VAL_NONE when there is none. Borrowed from the read. */
static struct val stored_result(struct store_read *read, uint64_t run, uint32_t index)
{
    struct store_key key = {0};
    struct str bytes;
    struct val value;

    key_u64(&key, run);
    key_u32(&key, index);
    if (store_peek(read, STORE_RESULT, key_str(&key), &bytes) != 0 ||
        val_scan(bytes.ptr, bytes.len, &val_limits_task, &value, NULL) != 0) {
        return VAL_NONE;
    }
    return value;
}

/* Writes the list of results of a mapped step's children. */
static int collect_children(struct api_call *call, uint64_t run, const struct task_row *task,
                            struct buf *list)
{
    pack_list(list, task->child_count);
    for (uint32_t i = 0; i < task->child_count && buf_err(list) == 0; i++) {
        struct val value = stored_result(call->read, run, task->first_child + i);

        if (value.ptr) {
            pack_val(list, value);
        } else {
            pack_nil(list);
        }
    }
    if (buf_err(list)) {
        return call_fail(call, ERR_LIMIT,
                         "The list of results is larger than %d bytes; ask for its children one by "
                         "one.",
                         API_RESULT_LIST_MAX);
    }
    return 0;
}

int api_result_of_task(struct api_call *call, uint64_t run, const struct task_row *task,
                       bool expand)
{
    CLEANUP_BUF struct buf list = BUF_INIT(API_RESULT_LIST_MAX);
    struct val value = stored_result(call->read, run, task->index);
    int err;

    if (value.ptr || task->child_count == 0 || !state_completed(task->state)) {
        return api_result_put(call, "result", value, expand);
    }
    err = collect_children(call, run, task, &list);
    return err ? err : api_result_put(call, "result", (struct val){list.data, list.len}, expand);
}
