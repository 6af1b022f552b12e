/*
 * See flows.h. A flow is parsed once per content: the cache is keyed by the hash of the text.
 */
#include "drive/flows.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/must.h"
#include "drive/big.h"
#include "drive/flow_file.h"
#include "store/store_read.h"

enum { FLOWS_PER_TREE_MAX = 1000, FLOWS_KEPT_MAX = 1000 };

/* A parsed flow with its text. */
struct entry {
    struct flow *flow;
    struct buf text;
};

/* One flow of a tree that still has to be read. */
struct wanted {
    struct wanted *next;
    char *name;
    char *file;
};

/* The collection of one tree. */
struct collect {
    struct engine *engine;
    struct pins *pins;
    struct buf *problems;
    struct wanted *wanted;
    uint32_t count;
    bool failed;
};

/* Parses <text> with the catalogue; problems go to <problems> as text. */
static int parse(struct engine *engine, struct str text, const char *file, struct flow **ret_flow,
                 struct buf *problems)
{
    struct flow_file_names names = {engine->home, engine->catalogue, engine->settings};
    struct diag_list *diags = diag_new(file ? file : "flow", text);
    int err = flow_file_parse(&names, text, file, false, diags, ret_flow);

    if (err) {
        diag_render(diags, false, problems);
    }
    diag_free(diags);
    return err;
}

/* Puts a parsed flow with its text into the cache, which takes over the reference. */
static void remember(struct engine *engine, const struct hash *hash, struct str text,
                     struct flow *flow)
{
    struct entry *entry = xcalloc(1, sizeof(*entry));
    struct entry *old;

    entry->flow = flow;
    buf_init(&entry->text, FLOW_TEXT_MAX);
    buf_put_str(&entry->text, text);
    old = map_put(engine->flows, MAP_KEY(*hash), entry);
    if (old) {
        /* The flow was parsed again because plugins may have changed; runs hold references. */
        flow_unref(old->flow);
        buf_done(&old->text);
        free(old);
    }
}

/* True when a flow of that name waits for its turn. */
static bool is_wanted(const struct collect *collect, struct str name)
{
    for (const struct wanted *at = collect->wanted; at; at = at->next) {
        if (str_is(name, at->name)) {
            return true;
        }
    }
    return false;
}

/* Queues the subflows of <flow> that were not met yet, and pins the plugins of its tasks. */
static void want_targets(struct collect *collect, const struct flow *flow, const char *file)
{
    for (uint32_t i = 0; i < flow->step_count; i++) {
        const struct flow_step *step = &flow->steps[i];
        const struct plug_part *part;
        struct wanted *wanted;
        struct hash ignored;

        if (step->target_kind == FLOW_TARGET_TASK) {
            part = catalogue_part(collect->engine->catalogue, LEAT_KIND_TASK, step->target);
            must(part); /* the parser has asked for it a moment ago */
            pins_add_plugin(collect->pins, part->plugin);
            continue;
        }
        if (pins_flow(collect->pins, step->target, &ignored) || is_wanted(collect, step->target) ||
            ++collect->count > FLOWS_PER_TREE_MAX) {
            continue;
        }
        wanted = xcalloc(1, sizeof(*wanted));
        wanted->name = str_dup(step->target);
        wanted->file = flow_file_find(collect->engine->home, file, step->target);
        wanted->next = collect->wanted;
        collect->wanted = wanted;
    }
}

/* Reads one flow of the tree; the reference belongs to the cache. */
static struct flow *collect_one(struct collect *collect, struct str text, const char *file,
                                struct hash *ret_hash)
{
    struct flow *flow = NULL;

    *ret_hash = hash_bytes(text.ptr, text.len);
    if (parse(collect->engine, text, file, &flow, collect->problems) != 0) {
        collect->failed = true;
        return NULL;
    }
    remember(collect->engine, ret_hash, text, flow);
    want_targets(collect, flow, file);
    return flow;
}

/* Reads the next wanted subflow. */
static void collect_wanted(struct collect *collect)
{
    struct wanted *wanted = collect->wanted;
    CLEANUP_BUF struct buf text = BUF_INIT(FLOW_TEXT_MAX);
    struct err_text why;
    struct hash hash;
    struct flow *flow;

    collect->wanted = wanted->next;
    if (!pins_flow(collect->pins, str_of(wanted->name), &hash)) {
        if (!wanted->file || file_read(wanted->file, &text, &why) != 0) {
            buf_printf(collect->problems, "error: the file of subflow \"%s\" is gone\n",
                       wanted->name);
            collect->failed = true;
        } else {
            flow = collect_one(collect, buf_str(&text), wanted->file, &hash);
            if (flow) {
                pins_add_flow(collect->pins, str_of(wanted->name), flow, &hash);
            }
        }
    }
    free(wanted->name);
    free(wanted->file);
    free(wanted);
}

int flows_collect(struct engine *engine, struct str text, const char *file, struct flow **ret_flow,
                  struct hash *ret_hash, struct pins **ret_pins, struct buf *ret_problems)
{
    struct collect collect = {.engine = engine, .pins = pins_new(), .problems = ret_problems};
    struct flow *flow;
    struct hash hash;

    if (map_count(engine->flows) > FLOWS_KEPT_MAX) {
        flows_done(engine); /* runs hold references, and texts are in the store */
        engine->flows = map_new();
    }
    flow = collect_one(&collect, text, file, &hash);
    if (flow) {
        pins_add_flow(collect.pins, flow->name, flow, &hash);
    }
    while (collect.wanted) {
        collect_wanted(&collect);
    }
    if (collect.count > FLOWS_PER_TREE_MAX) {
        buf_printf(ret_problems, "error: the flow calls more than %d different subflows\n",
                   FLOWS_PER_TREE_MAX);
        collect.failed = true;
    }
    if (collect.failed) {
        pins_unref(collect.pins);
        return ERR_INVALID;
    }
    *ret_flow = flow;
    *ret_hash = hash;
    *ret_pins = collect.pins;
    return 0;
}

/* Reads a flow's text from the store. */
static int read_text(struct engine *engine, const struct hash *hash, struct buf *out)
{
    CLEANUP_BUF struct buf row = BUF_INIT(STORE_VALUE_MAX);
    CLEANUP_BUF struct buf whole = BUF_INIT(FLOW_TEXT_MAX + 16);
    CLEANUP_STORE_READ struct store_read *read = NULL;
    struct val value;
    int err = store_read_begin(engine->store, &read);

    if (err == 0) {
        err = store_get(read, STORE_FLOW_TEXT, MAP_KEY(*hash), &row);
    }
    if (err == 0) {
        err = val_scan(row.data, row.len, &val_limits_task, &value, NULL);
    }
    if (err == 0) {
        err = big_get(engine->blobs, value, &whole, NULL);
    }
    if (err) {
        return err;
    }
    value = val_here(whole.data);
    return val_type(value) == VAL_BIN ? buf_put_str(out, val_str(value)) : ERR_CORRUPT;
}

int flows_pinned(struct engine *engine, const struct hash *hash, struct flow **ret_flow,
                 struct err_text *reterr_why)
{
    struct entry *entry = map_get(engine->flows, MAP_KEY(*hash));
    CLEANUP_BUF struct buf text = BUF_INIT(FLOW_TEXT_MAX);
    struct diag_list *diags;
    struct flow *flow = NULL;
    int err;

    if (entry) {
        *ret_flow = entry->flow;
        return 0;
    }
    err = read_text(engine, hash, &text);
    if (err) {
        return err_set(reterr_why, err, "the text of the flow that the run began with is gone: %s",
                       err_sentence(err));
    }
    diags = diag_new("flow", buf_str(&text));
    err = flow_parse(buf_str(&text), NULL, diags, &flow);
    diag_free(diags);
    if (err) {
        return err_set(reterr_why, err,
                       "the flow that the run began with can not be read by this "
                       "version of leat");
    }
    remember(engine, hash, buf_str(&text), flow);
    *ret_flow = flow;
    return 0;
}

struct str flows_text(struct engine *engine, const struct hash *hash)
{
    const struct entry *entry = map_get(engine->flows, MAP_KEY(*hash));

    return entry ? buf_str(&entry->text) : STR_NONE;
}

void flows_done(struct engine *engine)
{
    size_t cursor = 0;
    struct str key;
    void *value;

    if (!engine->flows) {
        return;
    }
    while (map_next(engine->flows, &cursor, &key, &value)) {
        struct entry *entry = value;

        flow_unref(entry->flow);
        buf_done(&entry->text);
        free(entry);
    }
    engine->flows = map_free(engine->flows);
}
