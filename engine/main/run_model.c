/*
 * See run_model.h. Flow runs hang below the task run that called them, task runs below their run,
 * children of mapped steps below the step. The line of a subflow is that of the task, so its run
 * has no line of its own.
 */
#include "main/run_model.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"
#include "main/member.h"

enum { FAILED_CHILDREN_MAX = 5 };

/* A node with its place in the tree. */
struct entry {
    struct run_node node;
    struct entry *parent;
    struct entry *first;
    struct entry *last;
    struct entry *next;
    bool is_run;
    bool is_child; /* of a mapped step */
};

struct run_model {
    struct entry *root;
    struct map *entries; /* by "run" or "run/task" */
    const struct run_node **list;
    size_t count;
    size_t cap;
};

struct run_model *run_model_new(void)
{
    struct run_model *model = xcalloc(1, sizeof(*model));

    model->entries = map_new();
    return model;
}

struct run_model *run_model_free(struct run_model *model)
{
    size_t cursor = 0;
    struct str key;
    void *value;

    if (!model) {
        return NULL;
    }
    while (map_next(model->entries, &cursor, &key, &value)) {
        struct entry *entry = value;

        free(entry->node.name);
        free(entry->node.path);
        free(entry->node.state);
        free(entry->node.text);
        free(entry);
    }
    map_free(model->entries);
    free(model->list);
    free(model);
    return NULL;
}

/* ---- the tree ------------------------------------------------------------------------------- */

/* The key "run/task", or "run" without a task. */
static char *key_of(struct str run, struct str task)
{
    return task.len ? xasprintf("%.*s/%.*s", STR_ARGS(run), STR_ARGS(task)) : str_dup(run);
}

/* The entry for a run or task, or NULL. */
static struct entry *find(const struct run_model *model, struct str run, struct str task)
{
    CLEANUP_FREE char *key = key_of(run, task);

    return map_get(model->entries, str_of(key));
}

/* The path of an entry below <parent>. Children of a mapped step have the step's name in theirs. */
static char *path_of(const struct entry *parent, struct str task)
{
    const struct entry *above = parent;

    if (task.len == 0) {
        return xstrdup(parent ? parent->node.path : "");
    }
    if (memchr(task.ptr, '[', task.len) && !above->is_run) {
        above = above->parent;
    }
    return above->node.path[0] ? xasprintf("%s/%.*s", above->node.path, STR_ARGS(task))
                               : str_dup(task);
}

/* Adds an entry below <parent> (NULL: it is the root). */
static struct entry *add(struct run_model *model, struct entry *parent, struct str run,
                         struct str task, struct str name)
{
    CLEANUP_FREE char *key = key_of(run, task);
    struct entry *entry = xcalloc(1, sizeof(*entry));

    entry->node.name = str_dup(name);
    entry->node.state = xstrdup("Pending");
    entry->node.text = xstrdup("");
    entry->node.fraction = -1;
    entry->is_run = task.len == 0;
    entry->parent = parent;
    entry->node.path = path_of(parent, task);
    map_put(model->entries, str_of(key), entry);
    if (!parent) {
        model->root = entry;
        return entry;
    }
    entry->node.depth = parent->node.depth + (entry->is_run ? 0 : 1);
    if (parent->last) {
        parent->last->next = entry;
    } else {
        parent->first = entry;
    }
    parent->last = entry;
    return entry;
}

/* The entry of a task run, made when it is new; NULL for a run nobody has heard of. */
static struct entry *task_entry(struct run_model *model, struct str run, struct str task)
{
    struct entry *entry = find(model, run, task);
    const char *bracket = task.len ? memchr(task.ptr, '[', task.len) : NULL;
    struct entry *parent;

    if (entry) {
        return entry;
    }
    parent =
        bracket ? find(model, run, (struct str){task.ptr, (size_t)(bracket - task.ptr)}) : NULL;
    if (!parent) {
        bracket = NULL;
        parent = find(model, run, STR_NONE);
    }
    if (!parent) {
        return NULL;
    }
    entry = add(model, parent, run, task, task);
    entry->is_child = bracket != NULL;
    return entry;
}

/* The entry of the flow run <id>, made when it is new: below the task run that called it. */
static struct entry *run_entry(struct run_model *model, struct str id, struct val run,
                               struct str parent_run, struct str parent_task)
{
    struct entry *entry = find(model, id, STR_NONE);
    struct entry *parent = NULL;

    if (entry) {
        return entry;
    }
    if (model->root) {
        parent = parent_run.len ? task_entry(model, parent_run, parent_task) : NULL;
        parent = parent ? parent : model->root;
    }
    {
        CLEANUP_FREE char *name = xasprintf("%.*s · %.*s", STR_ARGS(member_text(run, "flow")),
                                            STR_ARGS(member_text(run, "name")));

        return add(model, parent, id, STR_NONE, str_of(name));
    }
}

/* ---- news ----------------------------------------------------------------------------------- */

/* Replaces a text. */
static void set_text(char **text, struct str value)
{
    free(*text);
    *text = str_dup(value);
}

/* Takes up a state of an object that has one. */
static void set_state(struct run_node *node, struct val object, int64_t now_us)
{
    struct str type = member_state_type(object);

    set_text(&node->state, member_state(object));
    if (!node->started_us && str_is(type, "RUNNING")) {
        node->started_us = now_us;
    }
    node->begun = !str_is(type, "PENDING");
    node->good = str_is(type, "COMPLETED");
    node->over = node->good || str_is(type, "FAILED") || str_is(type, "CANCELLED") ||
                 str_is(type, "CRASHED");
    node->ended_us = node->over ? now_us : 0;
    node->due_us = 0;
    node->fraction = -1;
}

/* The children of a mapped step are not in the news, but the runs of those that are subflows are.
 */
static void tell_child(struct entry *run)
{
    struct entry *task = run->parent;

    if (task && task->is_child && !task->node.over) {
        set_text(&task->node.state, str_of(run->node.state));
        task->node.begun = run->node.begun;
        task->node.over = run->node.over;
        task->node.good = run->node.good;
        task->node.started_us = run->node.started_us;
        task->node.ended_us = run->node.ended_us;
    }
}

/* Takes up news of a state; of a run when there is no task. */
static bool take_state(struct run_model *model, struct val news)
{
    struct str run = member_text(news, "run");
    struct str task = member_text(news, "task");
    struct entry *entry = task.len ? task_entry(model, run, task)
                                   : run_entry(model, run, news, member_text(news, "parent"),
                                               member_text(news, "parent_task"));
    int64_t now = member_int(news, "time", clock_wall_us(&clock_real));

    if (!entry) {
        return false;
    }
    set_state(&entry->node, news, now);
    set_text(&entry->node.text, member_text(news, "text"));
    entry->node.attempt = member_int(news, "attempt", entry->node.attempt);
    if (member(news, "retry_us").ptr) {
        entry->node.due_us = now + member_int(news, "retry_us", 0);
    }
    if (entry->node.over && member(news, "duration_us").ptr) {
        entry->node.started_us = now - member_int(news, "duration_us", 0);
    }
    if (entry->is_run) {
        tell_child(entry);
    }
    return true;
}

/* Takes up progress. */
static bool take_progress(struct run_model *model, struct val news)
{
    struct entry *entry = task_entry(model, member_text(news, "run"), member_text(news, "task"));

    if (!entry || entry->node.over) {
        return false;
    }
    entry->node.fraction = member_number(news, "fraction", -1);
    set_text(&entry->node.text, member_text(news, "text"));
    return true;
}

/* Takes up the counts of a mapped step. */
static void set_counts(struct run_node *node, struct val counts, const char *bad)
{
    node->total = (uint32_t)member_int(counts, "total", 0);
    node->done = (uint32_t)member_int(counts, "done", 0);
    node->bad = (uint32_t)member_int(counts, bad, 0);
}

/* Takes up one task run of a snapshot. */
static void take_task(struct run_model *model, struct str run, struct val task)
{
    struct entry *entry = task_entry(model, run, member_text(task, "name"));

    if (!entry) {
        return;
    }
    set_state(&entry->node, task, member_time(task, "ended"));
    set_text(&entry->node.text, member_text(member(task, "error"), "text"));
    entry->node.started_us = member_time(task, "started");
    entry->node.due_us = member_time(task, "due");
    entry->node.attempt = member_int(task, "attempts", 0);
    if (member(task, "map").ptr) {
        set_counts(&entry->node, member(task, "map"), "failed");
    }
}

/* Takes up one run of a snapshot. */
static void take_run(struct run_model *model, struct val run)
{
    struct str id = member_text(run, "id");
    struct val parent = member(run, "parent");
    struct entry *entry =
        run_entry(model, id, run, member_text(parent, "run"), member_text(parent, "task"));
    struct val_iter iter = member_iter(run, "task_runs");
    struct val task;

    set_state(&entry->node, run, member_time(run, "ended"));
    entry->node.started_us = member_time(run, "started");
    tell_child(entry);
    while (val_next(&iter, NULL, &task)) {
        take_task(model, id, task);
    }
}

/* Takes up a snapshot: the run and its subflows' runs, parents before their children. */
static void take_snapshot(struct run_model *model, struct val news)
{
    struct val_iter iter = member_iter(news, "child_runs");
    struct val child;

    take_run(model, news);
    while (val_next(&iter, NULL, &child)) {
        take_run(model, child);
    }
}

bool run_model_take(struct run_model *model, struct val news)
{
    struct str type = member_text(news, "type");

    if (str_is(type, "snapshot")) {
        take_snapshot(model, news);
        return true;
    }
    if (str_is(type, "flow_run") || str_is(type, "task_run")) {
        return take_state(model, news);
    }
    if (str_is(type, "progress")) {
        return take_progress(model, news);
    }
    if (str_is(type, "map")) {
        struct entry *entry =
            task_entry(model, member_text(news, "run"), member_text(news, "task"));

        if (entry) {
            set_counts(&entry->node, news, "bad");
        }
        return entry != NULL;
    }
    return false;
}

/* ---- looking -------------------------------------------------------------------------------- */

bool run_model_running(const struct run_model *model)
{
    return model->root && !model->root->node.over;
}

/* True for a child of a mapped step that the step's counts tell of well enough: one that is over,
 * unless it is among the first that failed. */
static bool is_told(const struct entry *child, int failed_before)
{
    return child->is_child && child->node.over &&
           (child->node.good || failed_before >= FAILED_CHILDREN_MAX ||
            strcmp(child->node.state, "Cancelled") == 0);
}

/* Lists an entry and what is below it. */
static void list_tree(struct run_model *model, const struct entry *entry)
{
    int failed = 0;

    if (model->count == model->cap) {
        model->cap = model->cap ? model->cap * 2 : 64;
        model->list = xreallocarray(model->list, model->cap, sizeof(*model->list));
    }
    if (!entry->is_run || entry == model->root) {
        model->list[model->count++] = &entry->node;
    }
    for (const struct entry *below = entry->first; below; below = below->next) {
        if (!is_told(below, failed)) {
            failed += below->is_child && below->node.over;
            list_tree(model, below); /* as deep as subflows nest, which the engine limits to 32 */
        }
    }
}

const struct run_node *const *run_model_nodes(struct run_model *model, size_t *ret_count)
{
    model->count = 0;
    if (model->root) {
        list_tree(model, model->root);
    }
    *ret_count = model->count;
    return model->list;
}

const struct run_node *run_model_find(const struct run_model *model, struct val news)
{
    const struct entry *entry = find(model, member_text(news, "run"), member_text(news, "task"));

    return entry ? &entry->node : NULL;
}
