/*
 * See run_model.h. Flow runs hang below the task run that called them, task runs below their run;
 * the line of a subflow is that of the task, so its run has no line of its own.
 */
#include "main/run_model.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"

/* A node with its place in the tree. */
struct entry {
    struct run_node node;
    struct entry *first;
    struct entry *last;
    struct entry *next;
    bool is_run;
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
        free(entry->node.state);
        free(entry->node.text);
        free(entry);
    }
    map_free(model->entries);
    free(model->list);
    free(model);
    return NULL;
}

/* A string member, or STR_NONE. */
static struct str text_of(struct val object, const char *key)
{
    struct val member = object.ptr ? val_find(object, str_of(key)) : VAL_NONE;

    return member.ptr && val_type(member) == VAL_STR ? val_str(member) : STR_NONE;
}

/* An integer member, or <fallback>. */
static int64_t int_of(struct val object, const char *key, int64_t fallback)
{
    struct val member = val_find(object, str_of(key));

    return member.ptr && val_type(member) == VAL_INT ? val_int(member) : fallback;
}

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

/* Replaces a text. */
static void set_text(char **text, struct str value)
{
    free(*text);
    *text = str_dup(value);
}

/* Takes up a state. */
static void set_state(struct run_node *node, struct val state, int64_t now_us)
{
    struct str type = text_of(state, "type");
    bool over = str_is(type, "COMPLETED") || str_is(type, "FAILED") || str_is(type, "CANCELLED") ||
                str_is(type, "CRASHED");

    set_text(&node->state, text_of(state, "name"));
    if (!node->started_us && str_is(type, "RUNNING")) {
        node->started_us = now_us;
    }
    node->over = over;
    node->good = str_is(type, "COMPLETED");
    if (over) {
        node->ended_us = now_us;
    }
}

/* The entry of a flow run, made when it is new. */
static struct entry *run_entry(struct run_model *model, struct str id, struct val news)
{
    struct entry *entry = find(model, id, STR_NONE);
    struct entry *parent = NULL;

    if (entry) {
        return entry;
    }
    if (model->root) {
        parent = find(model, text_of(news, "parent"), text_of(news, "parent_task"));
        if (!parent) {
            parent = model->root;
        }
    }
    {
        CLEANUP_FREE char *name = xasprintf("%.*s · %.*s", STR_ARGS(text_of(news, "flow")),
                                            STR_ARGS(text_of(news, "name")));

        return add(model, parent, id, STR_NONE, str_of(name));
    }
}

/* The entry of a task run, made when it is new. */
static struct entry *task_entry(struct run_model *model, struct str run, struct str task)
{
    struct entry *parent = find(model, run, STR_NONE);
    struct entry *entry = find(model, run, task);

    return entry || !parent ? entry : add(model, parent, run, task, task);
}

/* Takes up news of a state; runs when <task> is empty. */
static bool take_state(struct run_model *model, struct val news)
{
    struct str run = text_of(news, "run");
    struct str task = text_of(news, "task");
    struct entry *entry = task.len ? task_entry(model, run, task) : run_entry(model, run, news);
    int64_t now = int_of(news, "time", clock_wall_us(&clock_real));
    struct str text = text_of(news, "text");

    if (!entry) {
        return false;
    }
    set_state(&entry->node, val_find(news, STR("state")), now);
    set_text(&entry->node.text, text);
    entry->node.fraction = -1;
    if (entry->node.over && val_find(news, STR("duration_us")).ptr) {
        entry->node.started_us = now - int_of(news, "duration_us", 0);
    }
    return true;
}

/* Takes up progress. */
static bool take_progress(struct run_model *model, struct val news)
{
    struct entry *entry = task_entry(model, text_of(news, "run"), text_of(news, "task"));
    struct val fraction = val_find(news, STR("fraction"));

    if (!entry || entry->node.over) {
        return false;
    }
    entry->node.fraction =
        fraction.ptr && val_type(fraction) == VAL_FLOAT ? val_float(fraction) : -1;
    set_text(&entry->node.text, text_of(news, "text"));
    return true;
}

/* Takes up the counts of a mapped step. */
static bool take_map(struct run_model *model, struct val news)
{
    struct entry *entry = task_entry(model, text_of(news, "run"), text_of(news, "task"));

    if (!entry) {
        return false;
    }
    entry->node.total = (uint32_t)int_of(news, "total", 0);
    entry->node.done = (uint32_t)int_of(news, "done", 0);
    entry->node.bad = (uint32_t)int_of(news, "bad", 0);
    return true;
}

/* An instant of the API as microseconds; 0 when there is none. */
static int64_t instant(struct val object, const char *key)
{
    struct str text = text_of(object, key);

    return text.len ? clock_parse(text) : 0;
}

/* Takes up one run of a snapshot. */
static void take_run_of_snapshot(struct run_model *model, struct val run)
{
    struct val tasks = val_find(run, STR("task_runs"));
    struct str id = text_of(run, "id");
    struct val parent = val_find(run, STR("parent"));
    struct entry *entry = find(model, id, STR_NONE);
    struct val_iter iter;
    struct val task;

    if (!entry) {
        struct entry *above = NULL;

        if (model->root) {
            above = parent.ptr && val_type(parent) == VAL_MAP
                        ? find(model, text_of(parent, "run"), text_of(parent, "task"))
                        : model->root;
        }
        {
            CLEANUP_FREE char *name = xasprintf("%.*s · %.*s", STR_ARGS(text_of(run, "flow")),
                                                STR_ARGS(text_of(run, "name")));

            entry = add(model, above ? above : model->root, id, STR_NONE, str_of(name));
        }
    }
    set_state(&entry->node, val_find(run, STR("state")), instant(run, "ended"));
    entry->node.started_us = instant(run, "started");
    if (!tasks.ptr || val_type(tasks) != VAL_LIST) {
        return;
    }
    iter = val_iter(tasks);
    while (val_next(&iter, NULL, &task)) {
        struct entry *line = task_entry(model, id, text_of(task, "name"));
        struct val map = val_find(task, STR("map"));

        set_state(&line->node, val_find(task, STR("state")), instant(task, "ended"));
        line->node.started_us = instant(task, "started");
        if (map.ptr && val_type(map) == VAL_MAP) {
            line->node.total = (uint32_t)int_of(map, "total", 0);
            line->node.done = (uint32_t)int_of(map, "done", 0);
            line->node.bad = (uint32_t)int_of(map, "failed", 0);
        }
    }
}

/* Takes up a snapshot: the run and its subflows' runs. */
static bool take_snapshot(struct run_model *model, struct val news)
{
    struct val children = val_find(news, STR("child_runs"));
    struct val_iter iter;
    struct val child;

    take_run_of_snapshot(model, news);
    if (children.ptr && val_type(children) == VAL_LIST) {
        iter = val_iter(children);
        while (val_next(&iter, NULL, &child)) {
            take_run_of_snapshot(model, child);
        }
    }
    return true;
}

bool run_model_take(struct run_model *model, struct val news)
{
    struct str type = text_of(news, "type");

    if (str_is(type, "snapshot")) {
        return take_snapshot(model, news);
    }
    if (str_is(type, "flow_run") || str_is(type, "task_run")) {
        return take_state(model, news);
    }
    if (str_is(type, "progress")) {
        return take_progress(model, news);
    }
    return str_is(type, "map") && take_map(model, news);
}

bool run_model_running(const struct run_model *model)
{
    return model->root && !model->root->node.over;
}

/* Lists an entry and what is below it, the line of a subflow's run left out. */
static void list_tree(struct run_model *model, const struct entry *entry)
{
    if (model->count == model->cap) {
        model->cap = model->cap ? model->cap * 2 : 64;
        model->list = xreallocarray(model->list, model->cap, sizeof(*model->list));
    }
    if (!entry->is_run || entry == model->root) {
        model->list[model->count++] = &entry->node;
    }
    for (const struct entry *below = entry->first; below; below = below->next) {
        list_tree(model, below); /* as deep as subflows nest, which the engine limits to 32 */
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

int run_model_depth(const struct run_model *model, struct val news)
{
    const struct entry *entry = find(model, text_of(news, "run"), STR_NONE);

    return entry ? entry->node.depth : 0;
}
