/*
 * Reading a flow file: from text to a checked, immutable struct flow; see flow.h.
 *
 * The stages: YAML tree, the file's form, the steps' forms, links between steps, names of parts and
 * flows, expressions. Each adds its problems and the next goes on with what there is, so that one
 * reading shows them all.
 */
#include "model/flow.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/must.h"
#include "model/flow_form.h"
#include "model/flow_link.h"
#include "model/reader.h"
#include "model/yaml.h"
#include "value/expr.h"
#include "value/tmpl.h"

enum { SUGGESTIONS_MAX = 50 /* names looked for among all steps or parameters, in one reading */ };

/* What callers see, and what belongs to it. */
struct flow_box {
    struct flow flow; /* first, so that a flow's address is its box's */
    uint32_t refs;
    struct arena arena;
    struct tmpl_exprs exprs;
    struct map *indices; /* step name -> index + 1 */
};

/* One reading. */
struct reading {
    struct reader reader;
    struct flow_box *box;
    struct flow_form form;
    const struct yaml_node *root;
    const struct yaml_node **names; /* per step */
    const struct yaml_node **nodes;
    struct step_form *forms;
    struct flow_step *steps;
    struct map *params;
};

static void read_file(struct reading *reading);
static void read_steps(struct reading *reading);
static void read_step(struct reading *reading, uint32_t index);
static void fill_flow(struct reading *reading);
static void link_flow(struct reading *reading);
static void check_expressions(struct reading *reading);

/* Frees a box. */
static void free_box(struct flow_box *box)
{
    map_free(box->indices);
    arena_done(&box->arena);
    free(box);
}

/* Reports that memory ran out; returns the error. */
static int report_memory(struct diag_list *diags, int err)
{
    diag_add(diags, DIAG_ERROR, (struct diag_place){0, 0}, STR_NONE, "split it into subflows",
             "the flow needs more than the allowed %d MiB of memory", FLOW_MEMORY_MAX >> 20);
    return err;
}

int flow_parse(struct str text, const struct flow_options *options, struct diag_list *diags,
               struct flow **ret_flow)
{
    static const struct flow_options no_options = {0};
    options = options ? options : &no_options;
    size_t errors = diag_error_count(diags);
    struct arena tree;
    arena_init(&tree, FLOW_MEMORY_MAX);
    struct flow_box *box = xcalloc(1, sizeof(*box));
    box->refs = 1;
    arena_init(&box->arena, FLOW_MEMORY_MAX);
    box->indices = map_new();
    struct reading reading = {
        .reader = {.arena = &box->arena,
                   .diags = diags,
                   .exprs = &box->exprs,
                   .catalogue = options->catalogue},
        .box = box,
        .params = map_new(),
    };
    int err = yaml_tree(text, &tree, diags, &reading.root);
    if (err == 0) {
        read_file(&reading);
        err = arena_err(&box->arena);
    }
    if (err == 0 && options->compile_expressions) {
        check_expressions(&reading);
    }
    map_free(reading.params);
    free(reading.forms);
    arena_done(&tree);
    if (err != 0 && diag_error_count(diags) == errors) {
        err = report_memory(diags, err);
    }
    if (err == 0 && diag_error_count(diags) > errors) {
        err = ERR_INVALID;
    }
    if (err != 0) {
        free_box(box);
        return err == ERR_LIMIT || err == ERR_MEMORY ? err : ERR_INVALID;
    }
    *ret_flow = &box->flow;
    return 0;
}

struct flow *flow_ref(struct flow *flow)
{
    struct flow_box *box = (struct flow_box *)flow;
    must(box->refs > 0 && box->refs < UINT32_MAX);
    box->refs++;
    return flow;
}

struct flow *flow_unref(struct flow *flow)
{
    struct flow_box *box = (struct flow_box *)flow;
    if (!box) {
        return NULL;
    }
    must(box->refs > 0);
    box->refs--;
    if (box->refs == 0) {
        free_box(box);
    }
    return NULL;
}

int64_t flow_find_step(const struct flow *flow, struct str name)
{
    const struct flow_box *box = (const struct flow_box *)flow;
    return (int64_t)(uintptr_t)map_get(box->indices, name) - 1;
}

/* Everything after the YAML tree but for expressions. */
static void read_file(struct reading *reading)
{
    if (!reader_map(&reading->reader, reading->root, &flow_form_keys, &reading->form)) {
        return;
    }
    if (reading->form.run_name && yaml_get(reading->root, "run_name")->type != YAML_TYPE_STRING) {
        reader_error(&reading->reader, yaml_get(reading->root, "run_name"), NULL,
                     "`run_name` must be a text");
        reading->form.run_name = NULL;
    }
    fill_flow(reading);
    read_steps(reading);
}

/* Members of the flow that come straight from the form. */
static void fill_flow(struct reading *reading)
{
    const struct flow_form *form = &reading->form;
    reading->box->flow = (struct flow){
        .name = form->name,
        .description = form->description,
        .version = form->version,
        .params = form->params,
        .param_count = form->param_count,
        .run_name = form->run_name,
        .tags = form->tags.list,
        .tag_count = form->tags.count,
        .sequential = form->sequential,
        .width = form->width,
        .timeout_us = form->timeout_us,
        .durability = (enum flow_durability)form->durability,
        .output = form->output,
        .notify = form->notify,
        .notify_count = form->notify_count,
        .exprs = &reading->box->exprs,
    };
    for (uint32_t index = 0; index < form->param_count; index++) {
        map_put(reading->params, form->params[index].name, (void *)(uintptr_t)&form->params[index]);
    }
}

/* True for names that can stand after `steps.` in a reference. */
static bool step_name_ok(struct str name)
{
    return str_name_ok(name, FLOW_NAME_MAX) && !memchr(name.ptr, '.', name.len);
}

/* Notes the names of the steps in <map> (NULL: none), which come next. */
static void name_steps(struct reading *reading, const struct yaml_node *map, uint32_t *at)
{
    for (uint32_t index = 0; map && index < map->count; index++) {
        const struct yaml_node *name = map->keys[index];
        reading->names[*at] = name;
        reading->nodes[*at] = map->items[index];
        if (!step_name_ok(name->text)) {
            reader_error(&reading->reader, name,
                         "names have letters, digits, _ and - and begin with a letter or _",
                         "\"%.*s\" can not be the name of a step",
                         (int)(name->text.len < 60 ? name->text.len : 60), name->text.ptr);
        }
        void *before = map_put(reading->box->indices, name->text, (void *)(uintptr_t)(*at + 1));
        if (before && (uintptr_t)before <= reading->box->flow.main_count &&
            *at >= reading->box->flow.main_count) {
            reader_error(&reading->reader, name, "give one of them another name",
                         "the step \"%.*s\" of `finally` has the name of another step",
                         STR_ARGS(name->text));
        }
        char *copy = arena_str(reading->reader.arena, name->text);
        reading->steps[*at].name = (struct str){copy ? copy : "", copy ? name->text.len : 0};
        reading->steps[*at].line = name->place.line;
        reading->steps[*at].column = name->place.column;
        (*at)++;
    }
}

/* Reads all steps, then links them. */
static void read_steps(struct reading *reading)
{
    struct flow *flow = &reading->box->flow;
    const struct flow_form *form = &reading->form;
    uint64_t main_count = form->steps ? form->steps->count : 0;
    uint64_t count = main_count + (form->finally ? form->finally->count : 0);
    if (count > FLOW_STEPS_MAX) {
        reader_error(&reading->reader, reading->root, "split the flow into subflows",
                     "the flow has %llu steps, more than the allowed %d", (unsigned long long)count,
                     FLOW_STEPS_MAX);
        return;
    }
    flow->main_count = (uint32_t)main_count;
    flow->step_count = (uint32_t)count;
    struct arena *arena = reading->reader.arena;
    reading->steps = arena_array(arena, count + 1, sizeof(*reading->steps));
    reading->names = arena_array(arena, count + 1, sizeof(*reading->names));
    reading->nodes = arena_array(arena, count + 1, sizeof(*reading->nodes));
    if (!reading->steps || !reading->names || !reading->nodes) {
        return;
    }
    reading->forms = xcalloc(count + 1, sizeof(*reading->forms));
    flow->steps = reading->steps;
    uint32_t named = 0;
    name_steps(reading, form->steps, &named);
    name_steps(reading, form->finally, &named);
    for (uint32_t index = 0; index < flow->step_count; index++) {
        read_step(reading, index);
    }
    if (arena_err(arena) == 0) {
        link_flow(reading);
    }
}

/* True when <node> has an unknown key that was probably meant to be `task` or `flow`. */
static bool target_misspelt(const struct yaml_node *node)
{
    for (uint32_t index = 0; index < node->count; index++) {
        const struct key *meant = reader_meant(&flow_form_step_keys, node->keys[index]->text);
        bool target =
            meant && (str_is(str_of(meant->name), "task") || str_is(str_of(meant->name), "flow"));
        if (target && !str_is(node->keys[index]->text, meant->name)) {
            return true;
        }
    }
    return false;
}

/* What the step calls: exactly one of `task` and `flow`. */
static void set_target(struct reading *reading, const struct yaml_node *name,
                       const struct yaml_node *node, const struct step_form *form,
                       struct flow_step *step)
{
    const struct yaml_node *task = yaml_get(node, "task");
    const struct yaml_node *flow = yaml_get(node, "flow");
    if (task && flow) {
        reader_error(&reading->reader, flow, "make two steps of it",
                     "the step \"%.*s\" has both `task` and `flow`", STR_ARGS(name->text));
        return;
    }
    if (!task && !flow) {
        if (diag_full(reading->reader.diags) || !target_misspelt(node)) {
            reader_error(&reading->reader, name, "for example `task: csv.read`",
                         "the step \"%.*s\" has neither `task` nor `flow`", STR_ARGS(name->text));
        }
        return;
    }
    step->target_kind = task ? FLOW_TARGET_TASK : FLOW_TARGET_FLOW;
    step->target = task ? form->task : form->flow;
    if (step->target.len > 0) {
        flow_catalogue_check(&reading->reader, step->target_kind, task ? task : flow,
                             yaml_get(node, "with"));
    }
}

/* Literals where only a reference or a certain type makes sense. */
static void check_literals(struct reading *reading, const struct yaml_node *node,
                           const struct step_form *form)
{
    struct val when = form->when ? tmpl_literal(form->when) : VAL_NONE;
    if (when.ptr && val_type(when) != VAL_BOOL) {
        reader_error(&reading->reader, yaml_get(node, "when"), "write the condition as \"${...}\"",
                     "`when` must be true, false or ${...}");
    }
    struct val map = form->map ? tmpl_literal(form->map) : VAL_NONE;
    const struct yaml_node *map_node = yaml_get(node, "map");
    bool list = map_node && map_node->type == YAML_TYPE_LIST;
    if ((map.ptr && val_type(map) != VAL_LIST) ||
        (form->map && !map.ptr && !list && map_node->type != YAML_TYPE_STRING)) {
        reader_error(&reading->reader, map_node, NULL, "`map` must be a list or ${...}, not %s",
                     yaml_type_words(map_node->type));
    }
    if (form->run_name && yaml_get(node, "run_name")->type != YAML_TYPE_STRING) {
        reader_error(&reading->reader, yaml_get(node, "run_name"), NULL,
                     "`run_name` must be a text");
    }
}

/* Keys that mean nothing in this step. */
static void check_idle_keys(struct reading *reading, const struct yaml_node *node,
                            const struct step_form *form)
{
    static const char *const retry_keys[] = {"retry_delay", "retry_jitter", "retry_on"};
    for (size_t index = 0; index < sizeof(retry_keys) / sizeof(retry_keys[0]); index++) {
        if (form->retries == 0 && yaml_get(node, retry_keys[index])) {
            const struct yaml_node *value = yaml_get(node, retry_keys[index]);
            reader_warning(&reading->reader, value, "add for example `retries: 3`",
                           "`%s` has no effect without `retries`", retry_keys[index]);
        }
    }
    static const char *const task_keys[] = {"cache", "isolation"};
    for (size_t index = 0; index < sizeof(task_keys) / sizeof(task_keys[0]); index++) {
        const struct yaml_node *value = yaml_get(node, task_keys[index]);
        if (value && yaml_get(node, "flow")) {
            reader_error(&reading->reader, value, "set it on the steps of the subflow",
                         "`%s` is for tasks, and this step calls a flow", task_keys[index]);
        }
    }
}

/* Reads one step into its place. */
static void read_step(struct reading *reading, uint32_t index)
{
    const struct yaml_node *name = reading->names[index];
    const struct yaml_node *node = reading->nodes[index];
    struct step_form *form = &reading->forms[index];
    struct flow_step *step = &reading->steps[index];
    *form = (struct step_form){
        .cache = reading->form.cache,
        .interrupted = reading->form.interrupted,
    };
    if (!reader_map(&reading->reader, node, &flow_form_step_keys, form)) {
        return;
    }
    set_target(reading, name, node, form, step);
    check_literals(reading, node, form);
    check_idle_keys(reading, node, form);
    static const uint8_t empty_map[] = {0x80};
    step->description = form->description;
    step->with =
        form->with ? form->with
                   : tmpl_of_val(reading->reader.arena, (struct val){empty_map, sizeof(empty_map)});
    step->when = form->when;
    step->map = form->map;
    step->run_name = form->run_name;
    step->retry = form->retry;
    step->retry.retries = (uint32_t)form->retries;
    step->retry.codes = form->retry_on.list;
    step->retry.code_count = form->retry_on.count;
    step->cache = step->target_kind == FLOW_TARGET_TASK ? form->cache : (struct flow_cache){0};
    step->timeout_us = form->timeout_us;
    step->tags = form->tags.list;
    step->tag_count = form->tags.count;
    step->allow_failure = form->allow_failure;
    step->interrupted = (enum flow_interrupted)form->interrupted;
    step->isolation = (enum flow_isolation)form->isolation;
}

/* Sets what steps need of each other. */
static void link_flow(struct reading *reading)
{
    struct flow_link link = {
        .reader = &reading->reader,
        .flow = &reading->box->flow,
        .steps = reading->steps,
        .forms = reading->forms,
        .names = reading->names,
        .nodes = reading->nodes,
        .indices = reading->box->indices,
        .params = reading->params,
        .suggestions = SUGGESTIONS_MAX,
    };
    flow_link_steps(&link);
}

/* Reports an expression that does not compile, where it stands first. */
static void report_expression(void *user, size_t index, const char *sentence)
{
    struct reading *reading = user;
    const struct yaml_node *node = reading->reader.expr_nodes[index];
    struct str text = reading->box->exprs.list[index].text;
    const char *at = memmem(node->text.ptr, node->text.len, text.ptr, text.len);
    size_t offset = at ? (size_t)(at - node->text.ptr) : 0;
    reader_error_in(&reading->reader, node, offset, NULL, "this expression is wrong: %s", sentence);
}

/* Compiles the file's expressions, all together. */
static void check_expressions(struct reading *reading)
{
    uint32_t count = reading->box->exprs.count;
    if (count == 0) {
        return;
    }
    struct str *texts = xcalloc(count, sizeof(*texts));
    for (uint32_t index = 0; index < count; index++) {
        texts[index] = reading->box->exprs.list[index].text;
    }
    int wrong = expr_check(texts, count, report_expression, reading);
    if (wrong < 0) {
        diag_add(reading->reader.diags, DIAG_ERROR, (struct diag_place){0, 0}, STR_NONE, NULL,
                 "the expressions can not be checked: %s", err_sentence(wrong));
    }
    free(texts);
}
