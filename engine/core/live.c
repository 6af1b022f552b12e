/*
 * Memory of live runs; see live.h.
 */
#include "core/live.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/must.h"

/* A task of no step yet. */
static struct task blank_task(uint32_t index)
{
    return (struct task){
        .index = index,
        .step = UINT32_MAX,
        .map_index = -1,
        .state = STATE_PENDING,
        .place = CORE_PLACE_BLOCKED,
        .kill_state = STATE_NONE,
        .next = CORE_NO_TASK,
    };
}

struct run *live_new(uint64_t number, struct flow *flow, const struct str *tags, uint32_t tag_count)
{
    must(number > 0);
    must(flow->step_count <= FLOW_STEPS_MAX);
    must(tag_count <= CORE_TAGS_MAX);
    const struct core_fifo empty = {CORE_NO_TASK, CORE_NO_TASK};
    struct run *run = xcalloc(1, sizeof *run);
    run->number = number;
    run->flow = flow;
    run->state = STATE_NONE;
    run->kill_state = STATE_NONE;
    run->epoch = 1;
    run->line = empty;
    run->for_width = empty;
    run->ended = empty;
    run->line_low = flow->step_count;
    run->tags = xcalloc(tag_count + 1, sizeof *run->tags);
    for (uint32_t index = 0; index < tag_count; index++) {
        run->tags[index] = str_dup(tags[index]);
    }
    run->task_count = flow->step_count;
    if (flow->step_count > 0) {
        run->steps = xcalloc(flow->step_count, sizeof *run->steps);
        run->tasks = xcalloc(flow->step_count, sizeof *run->tasks);
    }
    for (uint32_t index = 0; index < flow->step_count; index++) {
        run->tasks[index] = blank_task(index);
        run->tasks[index].step = index;
    }
    return run;
}

struct run *live_free(struct run *run)
{
    if (!run) {
        return NULL;
    }
    for (uint32_t index = 0; index < run->task_count; index++) {
        struct task *task = &run->tasks[index];
        live_val_clear(&task->input);
        live_val_clear(&task->result);
        live_error_clear(&task->error);
        free(task->label);
    }
    for (char **tag = run->tags; *tag; tag++) {
        free(*tag);
    }
    live_val_clear(&run->params);
    live_val_clear(&run->result);
    live_error_clear(&run->error);
    free(run->tags);
    free(run->tasks);
    free(run->steps);
    free(run->name);
    free(run->base_dir);
    flow_unref(run->flow);
    free(run);
    return NULL;
}

int live_grow(struct run *run, uint32_t count)
{
    if (count <= run->task_count) {
        return 0;
    }
    must(count <= CORE_TASKS_MAX);
    struct task *tasks = mem_try_reallocarray(run->tasks, count, sizeof *tasks);
    if (!tasks) {
        return ERR_MEMORY;
    }
    for (uint32_t index = run->task_count; index < count; index++) {
        tasks[index] = blank_task(index);
    }
    run->tasks = tasks;
    run->task_count = count;
    return 0;
}

void live_adopt_children(struct run *run, uint32_t step, uint32_t first, uint32_t count)
{
    must(first >= run->flow->step_count);
    must(count > 0 && count <= run->task_count - first);
    must(run->steps[step].child_count == 0);
    for (uint32_t index = 0; index < count; index++) {
        struct task *child = &run->tasks[first + index];
        must(child->step == UINT32_MAX);
        child->step = step;
        child->map_index = (int32_t)index;
    }
    run->steps[step].first_child = first;
    run->steps[step].child_count = count;
}

bool live_add_tag(struct str tags[CORE_TAGS_MAX], uint32_t *count, struct str tag)
{
    for (uint32_t index = 0; index < *count; index++) {
        if (str_eq(tags[index], tag)) {
            return true;
        }
    }
    if (*count == CORE_TAGS_MAX) {
        return false;
    }
    tags[*count] = tag;
    (*count)++;
    return true;
}

uint32_t live_width(const struct core *core, const struct flow *flow)
{
    if (flow->sequential) {
        return 1;
    }
    return flow->width > 0 ? flow->width : core->default_width;
}

void live_mark_dirty(struct core *core, struct run *run)
{
    if (run->dirty) {
        return;
    }
    run->dirty = true;
    run->next_dirty = NULL;
    if (core->dirty_tail) {
        core->dirty_tail->next_dirty = run;
    } else {
        core->dirty_head = run;
    }
    core->dirty_tail = run;
}

void live_want_stop(struct core *core, struct run *run)
{
    run->stop_wanted = true;
    live_mark_dirty(core, run);
}

struct val live_val_dup(struct val value)
{
    if (!value.ptr) {
        return VAL_NONE;
    }
    return (struct val){xmemdup(value.ptr, value.len), value.len};
}

void live_val_clear(struct val *value)
{
    /* Owned values are ours to free, though readers see them as const. */
    free((void *)(uintptr_t)value->ptr);
    *value = VAL_NONE;
}

/* The length of <text> cut to <max> bytes, not inside a UTF-8 sequence. */
static size_t cut_len(const char *text, size_t max)
{
    size_t len = strnlen(text, max + 1);
    if (len <= max) {
        return len;
    }
    len = max;
    while (len > 0 && ((unsigned char)text[len] & 0xC0) == 0x80) {
        len--;
    }
    return len;
}

void live_error_set(struct core_error **error, const char *code, const char *text)
{
    const char *safe_code = code ? code : "";
    const char *safe_text = text ? text : "";
    size_t code_len = cut_len(safe_code, CORE_CODE_MAX);
    size_t text_len = cut_len(safe_text, CORE_TEXT_MAX);
    struct core_error *made = xmalloc(sizeof *made + code_len + text_len + 2);
    char *bytes = (char *)(made + 1);
    memcpy(bytes, safe_code, code_len);
    bytes[code_len] = '\0';
    memcpy(bytes + code_len + 1, safe_text, text_len);
    bytes[code_len + 1 + text_len] = '\0';
    made->code = bytes;
    made->text = bytes + code_len + 1;
    /* The new texts may be borrowed from the old error. */
    live_error_clear(error);
    *error = made;
}

void live_error_clear(struct core_error **error)
{
    free(*error);
    *error = NULL;
}
