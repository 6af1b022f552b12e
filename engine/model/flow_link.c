/*
 * Linking the steps of a flow; see flow_link.h.
 *
 * Edges are collected step by step: `slot` remembers for each earlier step where the present step's
 * edge to it lies, so that a repeated reference costs nothing.
 */
#include "model/flow_link.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/must.h"
#include "base/suggest.h"
#include "value/tmpl.h"

enum {
    CIRCLES_MAX = 20,   /* circles reported */
    CIRCLE_SHOWN = 8,   /* steps of one that are named at its beginning */
    OFFERS_MAX = 10000, /* step names considered for one suggestion */
};

/* What a template may refer to besides params, run, vars and env, and where its value goes. */
enum use_flags {
    USE_STEPS = 1,   /* results of steps */
    USE_ITEM = 2,    /* the item and index of a map */
    USE_SECRETS = 4, /* secrets */
    USE_SHOWN = 8,   /* it is shown to people, so secret parameters may not be in it */
};

/* The template that is looked at. */
struct place {
    const char *what; /* "`with`" */
    int64_t step;     /* index of the step it belongs to, -1 for the flow */
    unsigned flags;
};

/* Edges of the step that is being linked. */
struct edges {
    struct flow_dep *list;
    uint32_t count;
    uint32_t cap;
    uint32_t *slot; /* per earlier step: place in <list> + 1, valid when the stamp is right */
    uint32_t *stamp;
    uint64_t total;
};

const char *const flow_run_facts[] = {
    "id", "name", "flow", "created", "state", "error", "base_dir", "workdir", NULL,
};

static void link_step(struct flow_link *link, uint32_t index, struct edges *edges);
static void set_dependents(struct flow_link *link);
static void find_circles(struct flow_link *link);
static void check_tmpl(struct flow_link *link, const struct tmpl *tmpl, struct place place,
                       struct edges *edges);

void flow_link_steps(struct flow_link *link)
{
    struct flow *flow = link->flow;
    struct edges edges = {
        .slot = xcalloc(flow->step_count + 1u, sizeof(*edges.slot)),
        .stamp = xcalloc(flow->step_count + 1u, sizeof(*edges.stamp)),
    };
    for (uint32_t index = 0; index < flow->step_count; index++) {
        link_step(link, index, &edges);
        if (edges.total > FLOW_DEPS_MAX) {
            reader_error(link->reader, link->names[index], NULL,
                         "the steps have more than %d dependencies between them", FLOW_DEPS_MAX);
            break;
        }
    }
    bool complete = edges.total <= FLOW_DEPS_MAX;
    free(edges.list);
    free(edges.slot);
    free(edges.stamp);
    check_tmpl(link, flow->run_name, (struct place){"`run_name`", -1, USE_SHOWN}, NULL);
    check_tmpl(link, flow->output, (struct place){"`output`", -1, USE_STEPS}, NULL);
    for (uint32_t rule = 0; rule < flow->notify_count; rule++) {
        check_tmpl(link, flow->notify[rule].with,
                   (struct place){"`with`", -1, USE_STEPS | USE_SECRETS}, NULL);
        check_tmpl(link, flow->notify[rule].message,
                   (struct place){"`message`", -1, USE_STEPS | USE_SHOWN}, NULL);
    }
    if (complete && arena_err(link->reader->arena) == 0) {
        set_dependents(link);
    }
    if (complete && arena_err(link->reader->arena) == 0) {
        find_circles(link);
    }
}

/* The index of a step, or -1. */
static int64_t find_step(const struct flow_link *link, struct str name)
{
    return (int64_t)(uintptr_t)map_get(link->indices, name) - 1;
}

/* A hint with the nearest step name, or NULL. */
static const char *suggest_step(struct flow_link *link, struct str name)
{
    if (link->suggestions == 0) {
        return NULL;
    }
    link->suggestions--;
    struct suggest suggest = {.word = name};
    for (uint32_t index = 0; index < link->flow->step_count && index < OFFERS_MAX; index++) {
        suggest_offer(&suggest, link->steps[index].name);
    }
    return reader_hint(link->reader, suggest.best);
}

/* A hint with the nearest parameter name, or NULL. */
static const char *suggest_param(struct flow_link *link, struct str name)
{
    if (link->suggestions == 0) {
        return NULL;
    }
    link->suggestions--;
    struct suggest suggest = {.word = name};
    for (uint32_t index = 0; index < link->flow->param_count; index++) {
        suggest_offer(&suggest, link->flow->params[index].name);
    }
    return reader_hint(link->reader, suggest.best);
}

/* Adds an edge to the earlier step <to>, or more to the one that is there. */
static void add_edge(struct edges *edges, uint32_t from, uint32_t to, bool data)
{
    if (edges->stamp[to] == from + 1) {
        edges->list[edges->slot[to] - 1].data |= data;
        return;
    }
    if (edges->count == edges->cap) {
        edges->cap = edges->cap ? edges->cap * 2 : 16;
        edges->list = xreallocarray(edges->list, edges->cap, sizeof(*edges->list));
    }
    edges->list[edges->count] = (struct flow_dep){.step = to, .data = data};
    edges->count++;
    edges->stamp[to] = from + 1;
    edges->slot[to] = edges->count;
}

/* A reference to a step's result. */
static void check_step_use(struct flow_link *link, const struct ref_use *use, struct place place,
                           struct edges *edges)
{
    const struct yaml_node *node = use->origin;
    const struct flow *flow = link->flow;
    if (!(place.flags & USE_STEPS)) {
        reader_error_in(link->reader, node, use->offset, NULL,
                        "%s can not use results of steps, as it is made before they run",
                        place.what);
        return;
    }
    int64_t to = find_step(link, use->name);
    if (to < 0) {
        reader_error_in(link->reader, node, use->offset, suggest_step(link, use->name),
                        "there is no step \"%.*s\"", STR_ARGS(use->name));
        return;
    }
    if (to == place.step) {
        reader_error_in(link->reader, node, use->offset, NULL,
                        "the step \"%.*s\" can not use its own result", STR_ARGS(use->name));
        return;
    }
    bool from_finally = place.step >= (int64_t)flow->main_count;
    bool to_finally = to >= (int64_t)flow->main_count;
    bool rule = place.step < 0 && (place.flags & (USE_SECRETS | USE_SHOWN));
    if (to_finally && !from_finally && !rule) {
        reader_error_in(link->reader, node, use->offset, NULL,
                        "the step \"%.*s\" belongs to `finally`, which runs after this",
                        STR_ARGS(use->name));
        return;
    }
    if (edges && from_finally == to_finally) {
        add_edge(edges, (uint32_t)place.step, (uint32_t)to, true);
    }
}

/* A reference to all parameters of the flow at once. */
static void check_all_params_use(struct flow_link *link, const struct ref_use *use,
                                 struct place place)
{
    const struct flow *flow = link->flow;
    for (uint32_t index = 0; index < flow->param_count && (place.flags & USE_SHOWN); index++) {
        if (flow->params[index].secret) {
            reader_error_in(link->reader, use->origin, use->offset, "name the ones that are meant",
                            "%s is shown to people, so it can not use all parameters, of which "
                            "\"%.*s\" is secret",
                            place.what, STR_ARGS(flow->params[index].name));
            return;
        }
    }
}

/* A reference to a parameter of the flow. */
static void check_param_use(struct flow_link *link, const struct ref_use *use, struct place place)
{
    const struct yaml_node *node = use->origin;
    if (use->name.len == 0) {
        check_all_params_use(link, use, place);
        return;
    }
    const struct param_spec *spec = map_get(link->params, use->name);
    if (!spec) {
        reader_error_in(link->reader, node, use->offset, suggest_param(link, use->name),
                        "the flow has no parameter \"%.*s\"", STR_ARGS(use->name));
        return;
    }
    if (spec->secret && (place.flags & USE_SHOWN)) {
        reader_error_in(link->reader, node, use->offset, NULL,
                        "%s is shown to people, so it can not use the secret parameter \"%.*s\"",
                        place.what, STR_ARGS(use->name));
    }
}

/* A reference to something about the run. */
static void check_run_use(struct flow_link *link, const struct ref_use *use)
{
    const struct yaml_node *node = use->origin;
    struct suggest suggest = {.word = use->name};
    for (size_t index = 0; flow_run_facts[index] && use->name.len > 0; index++) {
        if (str_is(use->name, flow_run_facts[index])) {
            return;
        }
        suggest_offer(&suggest, str_of(flow_run_facts[index]));
    }
    if (use->name.len > 0) {
        reader_error_in(link->reader, node, use->offset, reader_hint(link->reader, suggest.best),
                        "a run has no \"%.*s\"", STR_ARGS(use->name));
    }
}

/* Checks every reference of a template (NULL: none). Edges are added to <edges> unless NULL. */
static void check_tmpl(struct flow_link *link, const struct tmpl *tmpl, struct place place,
                       struct edges *edges)
{
    uint32_t count = 0;
    const struct ref_use *uses = tmpl ? tmpl_uses(tmpl, &count) : NULL;
    for (uint32_t index = 0; index < count; index++) {
        const struct ref_use *use = &uses[index];
        const struct yaml_node *node = use->origin;
        switch (use->root) {
        case REF_STEPS:
            check_step_use(link, use, place, edges);
            break;
        case REF_PARAMS:
            check_param_use(link, use, place);
            break;
        case REF_ITEM:
        case REF_INDEX:
            if (!(place.flags & USE_ITEM)) {
                reader_error_in(
                    link->reader, node, use->offset, "add `map` with a list to the step",
                    "%s can use `item` and `index` only in a step with `map`", place.what);
            }
            break;
        case REF_SECRETS:
            if (!(place.flags & USE_SECRETS)) {
                reader_error_in(link->reader, node, use->offset, "hand it to a task under `with`",
                                "%s can not use secrets", place.what);
            }
            break;
        case REF_RUN:
            check_run_use(link, use);
            break;
        case REF_VARS:
        case REF_ENV:
        case REF_ROOTS_COUNT:
            break;
        }
    }
}

/* The node of the <index>-th member of a key that is one name or a list of names. */
static const struct yaml_node *member_node(const struct yaml_node *step, const char *key,
                                           uint32_t index)
{
    const struct yaml_node *node = yaml_get(step, key);
    return node->type == YAML_TYPE_LIST ? node->items[index] : node;
}

/* wait_for. */
static void link_waits(struct flow_link *link, uint32_t index, struct edges *edges)
{
    const struct step_form *form = &link->forms[index];
    for (uint32_t member = 0; member < form->wait_for.count; member++) {
        struct str name = form->wait_for.list[member];
        const struct yaml_node *node = member_node(link->nodes[index], "wait_for", member);
        int64_t to = find_step(link, name);
        bool from_finally = index >= link->flow->main_count;
        bool to_finally = to >= (int64_t)link->flow->main_count;
        if (to < 0) {
            reader_error(link->reader, node, suggest_step(link, name), "there is no step \"%.*s\"",
                         STR_ARGS(name));
        } else if (to == index) {
            reader_error(link->reader, node, NULL, "the step \"%.*s\" can not wait for itself",
                         STR_ARGS(name));
        } else if (to_finally && !from_finally) {
            reader_error(link->reader, node, NULL,
                         "the step \"%.*s\" belongs to `finally`, which runs after this",
                         STR_ARGS(name));
        } else if (from_finally && !to_finally) {
            reader_warning(link->reader, node, "leave it out",
                           "steps of `finally` wait for all other steps anyway");
        } else {
            add_edge(edges, index, (uint32_t)to, false);
        }
    }
}

/* allow_failure: [...], whose members must be steps that this one needs. */
static void link_tolerated(struct flow_link *link, uint32_t index, struct edges *edges)
{
    const struct step_form *form = &link->forms[index];
    for (uint32_t member = 0; member < form->tolerated.count; member++) {
        struct str name = form->tolerated.list[member];
        const struct yaml_node *node = member_node(link->nodes[index], "allow_failure", member);
        int64_t to = find_step(link, name);
        if (to < 0) {
            reader_error(link->reader, node, suggest_step(link, name), "there is no step \"%.*s\"",
                         STR_ARGS(name));
        } else if (edges->stamp[to] == index + 1) {
            edges->list[edges->slot[to] - 1].tolerated = true;
        } else if (index >= link->flow->main_count && to < (int64_t)link->flow->main_count) {
            reader_warning(link->reader, node, "leave it out",
                           "steps of `finally` run whatever became of the others anyway");
        } else {
            reader_error(link->reader, node, "add it to `wait_for`",
                         "the step \"%.*s\" does not need \"%.*s\", so its failure changes nothing",
                         STR_ARGS(link->steps[index].name), STR_ARGS(name));
        }
    }
}

/* Orders edges by the earlier step. */
static int compare_deps(const void *a, const void *b)
{
    uint32_t left = ((const struct flow_dep *)a)->step;
    uint32_t right = ((const struct flow_dep *)b)->step;
    return (left > right) - (left < right);
}

/* Finds everything that step <index> needs. */
static void link_step(struct flow_link *link, uint32_t index, struct edges *edges)
{
    struct flow_step *step = &link->steps[index];
    unsigned item = step->map ? USE_ITEM : 0;
    struct place place = {.step = index};
    const struct {
        const struct tmpl *tmpl;
        const char *what;
        unsigned flags;
    } templates[] = {
        {step->map, "`map`", USE_STEPS},
        {step->when, "`when`", USE_STEPS | item},
        {step->with, "`with`", USE_STEPS | USE_SECRETS | item},
        {step->cache.key, "the `key` of `cache`", USE_STEPS | item},
        {step->run_name, "`run_name`", USE_STEPS | USE_SHOWN | item},
    };
    edges->count = 0;
    for (size_t number = 0; number < sizeof(templates) / sizeof(templates[0]); number++) {
        place.what = templates[number].what;
        place.flags = templates[number].flags;
        check_tmpl(link, templates[number].tmpl, place, edges);
    }
    link_waits(link, index, edges);
    link_tolerated(link, index, edges);
    edges->total += edges->count;
    if (edges->count == 0 || edges->total > FLOW_DEPS_MAX) {
        return;
    }
    qsort(edges->list, edges->count, sizeof(*edges->list), compare_deps);
    step->deps =
        arena_memdup(link->reader->arena, edges->list, edges->count * sizeof(*edges->list));
    step->dep_count = step->deps ? edges->count : 0;
}

/* Turns the edges round. */
static void set_dependents(struct flow_link *link)
{
    uint32_t count = link->flow->step_count;
    uint32_t **lists = xcalloc(count + 1u, sizeof(*lists));
    for (uint32_t index = 0; index < count; index++) {
        for (uint32_t dep = 0; dep < link->steps[index].dep_count; dep++) {
            link->steps[link->steps[index].deps[dep].step].dependent_count++;
        }
    }
    bool fine = true;
    for (uint32_t index = 0; index < count && fine; index++) {
        struct flow_step *step = &link->steps[index];
        lists[index] =
            step->dependent_count == 0
                ? NULL
                : arena_array(link->reader->arena, step->dependent_count, sizeof(*lists[index]));
        step->dependents = lists[index];
        fine = lists[index] || step->dependent_count == 0;
        step->dependent_count = 0;
    }
    for (uint32_t index = 0; index < count && fine; index++) {
        for (uint32_t dep = 0; dep < link->steps[index].dep_count; dep++) {
            uint32_t to = link->steps[index].deps[dep].step;
            lists[to][link->steps[to].dependent_count] = index;
            link->steps[to].dependent_count++;
        }
    }
    free((void *)lists);
}

/* Reports the circle that begins and ends at <start>, following `next`. */
static void report_circle(struct flow_link *link, const uint32_t *next, uint32_t start)
{
    uint32_t first = start;
    uint32_t length = 1;
    for (uint32_t at = next[start]; at != start; at = next[at]) {
        first = at < first ? at : first;
        length++;
    }
    CLEANUP_BUF struct buf path = BUF_INIT(16 * 1024);
    uint32_t at = first;
    for (uint32_t shown = 0; shown < length && shown < CIRCLE_SHOWN; shown++) {
        buf_printf(&path, "%.*s -> ", STR_ARGS(link->steps[at].name));
        at = next[at];
    }
    if (length > CIRCLE_SHOWN) {
        buf_printf(&path, "(%u more) -> ", length - CIRCLE_SHOWN);
    }
    buf_put_str(&path, link->steps[first].name);
    reader_error(link->reader, link->names[first], "an arrow points to what a step needs",
                 "these steps need each other in a circle: %s", buf_cstr(&path));
}

/* Takes steps without open needs out, one after the other; what stays is on or behind a circle.
 * <queue> holds those that are out and not looked at yet. */
static uint32_t take_out(const struct flow_link *link, uint32_t *open, uint32_t *queue,
                         uint32_t queued)
{
    uint32_t taken = 0;
    while (taken < queued) {
        const struct flow_step *step = &link->steps[queue[taken]];
        taken++;
        for (uint32_t index = 0; index < step->dependent_count; index++) {
            uint32_t to = step->dependents[index];
            if (open[to] == 0) {
                continue;
            }
            open[to]--;
            if (open[to] == 0) {
                queue[queued] = to;
                queued++;
            }
        }
    }
    return taken;
}

/* From a step that is left, walks along needs that are left until a step comes again. */
static uint32_t walk_into_circle(const struct flow_link *link, const uint32_t *open, uint32_t *next,
                                 uint32_t *seen, uint32_t round, uint32_t at)
{
    while (seen[at] != round) {
        seen[at] = round;
        const struct flow_step *step = &link->steps[at];
        uint32_t dep = 0;
        while (open[step->deps[dep].step] == 0) {
            dep++;
            must(dep < step->dep_count);
        }
        next[at] = step->deps[dep].step;
        at = next[at];
    }
    return at;
}

/* Reports circles one by one: each is taken out as if it were fine, and the rest is looked at. */
static void find_circles(struct flow_link *link)
{
    uint32_t count = link->flow->step_count;
    uint32_t *open = xcalloc(count + 1u, sizeof(*open));
    uint32_t *queue = xcalloc(count + 1u, sizeof(*queue));
    uint32_t *next = xcalloc(count + 1u, sizeof(*next));
    uint32_t *seen = xcalloc(count + 1u, sizeof(*seen));
    uint32_t queued = 0;
    for (uint32_t index = 0; index < count; index++) {
        open[index] = link->steps[index].dep_count;
        if (open[index] == 0) {
            queue[queued] = index;
            queued++;
        }
    }
    uint32_t out = take_out(link, open, queue, queued);
    uint32_t from = 0;
    for (uint32_t round = 1; out < count && round <= CIRCLES_MAX; round++) {
        while (open[from] == 0) {
            from++;
        }
        uint32_t start = walk_into_circle(link, open, next, seen, round, from);
        report_circle(link, next, start);
        queued = 0;
        uint32_t at = start;
        do {
            open[at] = 0;
            queue[queued] = at;
            queued++;
            at = next[at];
        } while (at != start);
        out += take_out(link, open, queue, queued);
    }
    free(open);
    free(queue);
    free(next);
    free(seen);
}
