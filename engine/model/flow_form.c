/*
 * The form of a flow file as tables of keys, with the functions for keys that are not plain values;
 * see flow_form.h.
 */
#include "model/flow_form.h"

#include "base/quantity.h"
#include "model/flow_params.h"

/* Shortest and longest time that a key may give. */
#define TIME_MIN_US 1000
#define TIME_MAX_US QUANTITY_DURATION_US_MAX

#define SCHEMA_DURATION "{\"type\":[\"string\",\"number\"]}"
#define SCHEMA_NAMES "{\"type\":\"array\",\"items\":{\"type\":\"string\"}}"
#define SCHEMA_STEPS "{\"type\":\"object\",\"additionalProperties\":{\"$ref\":\"#/$defs/step\"}}"

static void read_runner(struct reader *reader, const struct yaml_node *key,
                        const struct yaml_node *value, void *object);
static void read_cache(struct reader *reader, const struct yaml_node *key,
                       const struct yaml_node *value, void *object);
static void read_flow_cache(struct reader *reader, const struct yaml_node *key,
                            const struct yaml_node *value, void *object);
static void read_step_cache(struct reader *reader, const struct yaml_node *key,
                            const struct yaml_node *value, void *object);
static void read_params(struct reader *reader, const struct yaml_node *key,
                        const struct yaml_node *value, void *object);
static void read_steps(struct reader *reader, const struct yaml_node *key,
                       const struct yaml_node *value, void *object);
static void read_finally(struct reader *reader, const struct yaml_node *key,
                         const struct yaml_node *value, void *object);
static void read_notify(struct reader *reader, const struct yaml_node *key,
                        const struct yaml_node *value, void *object);
static void read_delay(struct reader *reader, const struct yaml_node *key,
                       const struct yaml_node *value, void *object);
static void read_jitter(struct reader *reader, const struct yaml_node *key,
                        const struct yaml_node *value, void *object);
static void read_allow_failure(struct reader *reader, const struct yaml_node *key,
                               const struct yaml_node *value, void *object);

static const char *const interrupted_words[] = {"retry", "fail", NULL};
static const char *const durability_words[] = {"strict", "relaxed", NULL};
static const char *const isolation_words[] = {"host", "process", NULL};
static const char *const runner_words[] = {"concurrent", "sequential", NULL};
static const char *const cache_words[] = {"off", "inputs", NULL};

#define FLOW(member) offsetof(struct flow_form, member)
#define STEP(member) offsetof(struct step_form, member)

static const struct key flow_rows[] = {
    {.name = "flow",
     .kind = KEY_NAME,
     .required = true,
     .offset = FLOW(name),
     .max = FLOW_NAME_MAX,
     .also = "name id",
     .doc = "The flow's name, by which it is run and called as a subflow."},
    {.name = "description",
     .kind = KEY_TEXT,
     .offset = FLOW(description),
     .max = FLOW_DESCRIPTION_MAX,
     .also = "doc summary comment",
     .doc = "What the flow does, for people."},
    {.name = "version",
     .kind = KEY_TEXT,
     .offset = FLOW(version),
     .max = FLOW_VERSION_MAX,
     .doc = "The author's version of the flow, for people."},
    {.name = "params",
     .kind = KEY_CUSTOM,
     .read = read_params,
     .also = "parameters inputs args arguments",
     .schema = "{\"type\":\"object\",\"additionalProperties\":{\"$ref\":\"#/$defs/param\"}}",
     .doc = "The parameters that a run may be given, by name."},
    {.name = "run_name",
     .kind = KEY_TEMPLATE,
     .offset = FLOW(run_name),
     .also = "flow_run_name",
     .schema = "{\"type\":\"string\"}",
     .doc = "Template for the names of runs; otherwise a random friendly name."},
    {.name = "tags",
     .kind = KEY_NAMES,
     .offset = FLOW(tags),
     .max = FLOW_TAGS_MAX,
     .also = "labels tag",
     .doc = "Words to find and group runs by."},
    {.name = "task_runner",
     .kind = KEY_CUSTOM,
     .read = read_runner,
     .also = "runner concurrency executor",
     .schema = "{\"anyOf\":[{\"enum\":[\"concurrent\",\"sequential\"]},"
               "{\"$ref\":\"#/$defs/task_runner\"}]}",
     .doc = "How many task runs of a flow run go on at a time."},
    {.name = "timeout",
     .kind = KEY_DURATION,
     .offset = FLOW(timeout_us),
     .min = TIME_MIN_US,
     .max = TIME_MAX_US,
     .also = "timeout_seconds",
     .doc = "The time that the steps may take all together, those of finally aside."},
    {.name = "cache",
     .kind = KEY_CUSTOM,
     .read = read_flow_cache,
     .also = "cache_policy",
     .schema = "{\"anyOf\":[{\"enum\":[\"off\",\"inputs\"]},{\"$ref\":\"#/$defs/cache\"}]}",
     .doc = "The default of cache for the flow's steps."},
    {.name = "on_interrupted",
     .kind = KEY_WORD,
     .offset = FLOW(interrupted),
     .words = interrupted_words,
     .doc = "The default of on_interrupted for the flow's steps."},
    {.name = "durability",
     .kind = KEY_WORD,
     .offset = FLOW(durability),
     .words = durability_words,
     .doc = "Whether each state change waits until it is on the disk."},
    {.name = "steps",
     .kind = KEY_CUSTOM,
     .required = true,
     .read = read_steps,
     .also = "tasks jobs nodes stages",
     .schema = SCHEMA_STEPS,
     .doc = "The steps by name; references between them decide the order."},
    {.name = "finally",
     .kind = KEY_CUSTOM,
     .read = read_finally,
     .also = "cleanup always after on_exit",
     .schema = SCHEMA_STEPS,
     .doc = "Steps that run when all others have ended, whatever happened."},
    {.name = "output",
     .kind = KEY_TEMPLATE,
     .offset = FLOW(output),
     .also = "outputs result results return returns",
     .schema = "{}",
     .doc = "Template for the flow's result; otherwise the empty map."},
    {.name = "notify",
     .kind = KEY_CUSTOM,
     .read = read_notify,
     .also = "notifications notification alerts",
     .schema = "{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/notify\"}}",
     .doc = "Who is told about which ends of a run."},
};

static const struct key step_rows[] = {
    {.name = "task",
     .kind = KEY_NAME,
     .offset = STEP(task),
     .max = FLOW_NAME_MAX,
     .also = "uses call run type action",
     .doc = "The task to run, as plugin.task."},
    {.name = "flow",
     .kind = KEY_NAME,
     .offset = STEP(flow),
     .max = FLOW_NAME_MAX,
     .also = "subflow",
     .doc = "The flow to run as a subflow, instead of a task."},
    {.name = "with",
     .kind = KEY_MAP_TEMPLATE,
     .offset = STEP(with),
     .also = "params parameters inputs input args arguments",
     .schema = "{\"type\":\"object\"}",
     .doc = "The task's or flow's parameters."},
    {.name = "when",
     .kind = KEY_TEMPLATE,
     .offset = STEP(when),
     .also = "if condition only_if",
     .schema = "{\"type\":[\"string\",\"boolean\"]}",
     .doc = "The step is skipped when this gives false."},
    {.name = "map",
     .kind = KEY_TEMPLATE,
     .offset = STEP(map),
     .also = "foreach for_each for each loop matrix with_items",
     .schema = "{\"type\":[\"string\",\"array\"]}",
     .doc = "A list; the step runs once for each ${item}."},
    {.name = "wait_for",
     .kind = KEY_NAMES,
     .offset = STEP(wait_for),
     .max = FLOW_STEPS_MAX,
     .also = "needs depends depends_on after requires dependencies",
     .doc = "Steps that must have ended before, besides those that are referred to."},
    {.name = "allow_failure",
     .kind = KEY_CUSTOM,
     .read = read_allow_failure,
     .also = "continue_on_error ignore_errors ignore_failure",
     .schema = "{\"anyOf\":[{\"type\":\"boolean\"}," SCHEMA_NAMES "]}",
     .doc = "true: this step may fail. A list: these earlier steps may have failed."},
    {.name = "retries",
     .kind = KEY_INT,
     .offset = STEP(retries),
     .max = FLOW_RETRIES_MAX,
     .also = "retry attempts max_retries",
     .doc = "How often a failed task run is tried again."},
    {.name = "retry_delay",
     .kind = KEY_CUSTOM,
     .read = read_delay,
     .also = "retry_delay_seconds backoff retry_backoff delay",
     .schema = "{\"anyOf\":[" SCHEMA_DURATION ",{\"type\":\"array\",\"items\":" SCHEMA_DURATION
               "},{\"$ref\":\"#/$defs/retry_delay\"}]}",
     .doc = "The time before each retry; the last entry of a list repeats."},
    {.name = "retry_jitter",
     .kind = KEY_CUSTOM,
     .read = read_jitter,
     .also = "jitter retry_jitter_factor",
     .schema = "{\"type\":\"number\",\"minimum\":0,\"maximum\":10}",
     .doc = "Spreads delays randomly, up to a factor of 1 + this, the average kept."},
    {.name = "retry_on",
     .kind = KEY_PATTERNS,
     .offset = STEP(retry_on),
     .max = FLOW_RETRY_CODES_MAX,
     .also = "retry_condition retry_if",
     .doc = "Patterns of error codes that are worth a retry; otherwise all are."},
    {.name = "timeout",
     .kind = KEY_DURATION,
     .offset = STEP(timeout_us),
     .min = TIME_MIN_US,
     .max = TIME_MAX_US,
     .also = "timeout_seconds",
     .doc = "The time that one attempt may take."},
    {.name = "cache",
     .kind = KEY_CUSTOM,
     .read = read_step_cache,
     .also = "cache_policy cache_key",
     .schema = "{\"anyOf\":[{\"enum\":[\"off\",\"inputs\"]},{\"$ref\":\"#/$defs/cache\"}]}",
     .doc = "Whether an earlier result may be used again."},
    {.name = "on_interrupted",
     .kind = KEY_WORD,
     .offset = STEP(interrupted),
     .words = interrupted_words,
     .doc = "What becomes of an attempt whose outcome is unknown after a crash."},
    {.name = "isolation",
     .kind = KEY_WORD,
     .offset = STEP(isolation),
     .words = isolation_words,
     .doc = "Whether every attempt gets a fresh process."},
    {.name = "tags",
     .kind = KEY_NAMES,
     .offset = STEP(tags),
     .max = FLOW_TAGS_MAX,
     .also = "labels tag",
     .doc = "Words to find task runs by."},
    {.name = "description",
     .kind = KEY_TEXT,
     .offset = STEP(description),
     .max = FLOW_DESCRIPTION_MAX,
     .also = "doc summary comment",
     .doc = "What the step does, for people."},
    {.name = "run_name",
     .kind = KEY_TEMPLATE,
     .offset = STEP(run_name),
     .also = "name task_run_name",
     .schema = "{\"type\":\"string\"}",
     .doc = "Template for the name of the step's task runs; otherwise the step's name."},
};

/* What `cache: {...}` says. */
struct cache_form {
    int64_t by;
    const struct tmpl *key;
    int64_t ttl_us;
};

static const struct key cache_rows[] = {
    {.name = "by",
     .kind = KEY_WORD,
     .offset = offsetof(struct cache_form, by),
     .words = cache_words,
     .doc = "What the cache's key is made of."},
    {.name = "key",
     .kind = KEY_TEMPLATE,
     .offset = offsetof(struct cache_form, key),
     .schema = "{\"type\":\"string\"}",
     .doc = "Template for a key of your own."},
    {.name = "ttl",
     .kind = KEY_DURATION,
     .offset = offsetof(struct cache_form, ttl_us),
     .min = TIME_MIN_US,
     .max = TIME_MAX_US,
     .also = "expires expiration max_age",
     .doc = "How long a result counts; otherwise for ever."},
};

/* What `retry_delay: {...}` says. */
struct delay_form {
    int64_t exponential_us;
    int64_t max_us;
};

static const struct key delay_rows[] = {
    {.name = "exponential",
     .kind = KEY_DURATION,
     .required = true,
     .offset = offsetof(struct delay_form, exponential_us),
     .min = TIME_MIN_US,
     .max = TIME_MAX_US,
     .also = "base factor",
     .doc = "The first delay; each further one is twice as long."},
    {.name = "max",
     .kind = KEY_DURATION,
     .offset = offsetof(struct delay_form, max_us),
     .min = TIME_MIN_US,
     .max = TIME_MAX_US,
     .also = "limit cap",
     .doc = "Delays do not grow beyond this."},
};

/* What `task_runner: {...}` says. */
struct runner_form {
    int64_t type;
    int64_t width;
};

static const struct key runner_rows[] = {
    {.name = "type",
     .kind = KEY_WORD,
     .offset = offsetof(struct runner_form, type),
     .words = runner_words,
     .doc = "Several task runs at a time, or one after the other."},
    {.name = "width",
     .kind = KEY_INT,
     .offset = offsetof(struct runner_form, width),
     .min = 1,
     .max = FLOW_WIDTH_MAX,
     .also = "workers max_workers concurrency",
     .doc = "How many task runs go on at a time at most."},
};

const struct key_table flow_form_keys = KEY_TABLE("a flow file", flow_rows);
const struct key_table flow_form_step_keys = KEY_TABLE("a step", step_rows);
const struct key_table flow_form_cache_keys = KEY_TABLE("`cache`", cache_rows);
const struct key_table flow_form_delay_keys = KEY_TABLE("`retry_delay`", delay_rows);
const struct key_table flow_form_runner_keys = KEY_TABLE("`task_runner`", runner_rows);

/* The place of a scalar's text among <words>, or -1. */
static int64_t word_of(const struct yaml_node *node, const char *const *words)
{
    for (int64_t place = 0; words[place] && node->type == YAML_TYPE_STRING; place++) {
        if (str_is(node->text, words[place])) {
            return place;
        }
    }
    return -1;
}

/* task_runner: a word or {type, width}. */
static void read_runner(struct reader *reader, const struct yaml_node *key,
                        const struct yaml_node *value, void *object)
{
    struct flow_form *form = object;
    struct runner_form runner = {.type = word_of(value, runner_words)};
    if (value->type == YAML_TYPE_MAP) {
        runner.type = 0;
        reader_map(reader, value, &flow_form_runner_keys, &runner);
    }
    if (runner.type < 0) {
        reader_error(reader, value, NULL,
                     "`task_runner` must be concurrent, sequential or a map with type and width");
        return;
    }
    form->sequential = runner.type == 1;
    if (form->sequential && runner.width > 1) {
        reader_error(reader, key, "leave one of them out",
                     "a sequential task runner can not have the width %lld",
                     (long long)runner.width);
    }
    form->width = form->sequential ? 1 : (uint32_t)runner.width;
}

/* cache: a word or {by, key, ttl}; <object> is the struct flow_cache itself. */
static void read_cache(struct reader *reader, const struct yaml_node *key,
                       const struct yaml_node *value, void *object)
{
    struct flow_cache *cache = object;
    int64_t word = word_of(value, cache_words);
    if (word >= 0) {
        *cache = (struct flow_cache){.mode = word == 0 ? FLOW_CACHE_OFF : FLOW_CACHE_INPUTS};
        return;
    }
    if (value->type != YAML_TYPE_MAP) {
        bool boolean = value->type == YAML_TYPE_BOOL;
        reader_error(reader, value,
                     !boolean         ? NULL
                     : value->boolean ? "write `cache: inputs`"
                                      : "write `cache: off`",
                     "`cache` must be off, inputs or a map with by or key, and ttl");
        return;
    }
    struct cache_form form = {.by = -1};
    reader_map(reader, value, &flow_form_cache_keys, &form);
    if (form.key && form.by >= 0) {
        reader_error(reader, key, "leave one of them out",
                     "`cache` can not have both `by` and `key`");
    }
    enum flow_cache_mode mode = form.by == 0 ? FLOW_CACHE_OFF : FLOW_CACHE_INPUTS;
    *cache = (struct flow_cache){
        .mode = form.key ? FLOW_CACHE_KEY : mode,
        .ttl_us = form.ttl_us,
        .key = form.key,
    };
}

/* cache of a step. */
static void read_step_cache(struct reader *reader, const struct yaml_node *key,
                            const struct yaml_node *value, void *object)
{
    struct step_form *form = object;
    read_cache(reader, key, value, &form->cache);
}

/* cache of a flow, which is a default and can have no key of its own. */
static void read_flow_cache(struct reader *reader, const struct yaml_node *key,
                            const struct yaml_node *value, void *object)
{
    struct flow_form *form = object;
    read_cache(reader, key, value, &form->cache);
    if (form->cache.mode == FLOW_CACHE_KEY) {
        reader_error(reader, key, "move it to the step it is for",
                     "the `cache` of a flow can not have a `key`");
    }
}

/* params: a map of declarations. */
static void read_params(struct reader *reader, const struct yaml_node *key,
                        const struct yaml_node *value, void *object)
{
    (void)key;
    struct flow_form *form = object;
    flow_params_read(reader, value, &form->params, &form->param_count);
}

/* A map of steps is kept for flow.c, which has to know all names first. */
static const struct yaml_node *keep_steps(struct reader *reader, const struct yaml_node *key,
                                          const struct yaml_node *value)
{
    if (value->type != YAML_TYPE_MAP || value->count == 0) {
        reader_error(reader, value->type == YAML_TYPE_MAP ? key : value, NULL,
                     "`%.*s` must be a map with at least one step, not %s", STR_ARGS(key->text),
                     value->type == YAML_TYPE_MAP ? "an empty one" : yaml_type_words(value->type));
        return NULL;
    }
    return value;
}

/* steps. */
static void read_steps(struct reader *reader, const struct yaml_node *key,
                       const struct yaml_node *value, void *object)
{
    struct flow_form *form = object;
    form->steps = keep_steps(reader, key, value);
}

/* finally. */
static void read_finally(struct reader *reader, const struct yaml_node *key,
                         const struct yaml_node *value, void *object)
{
    struct flow_form *form = object;
    form->finally = keep_steps(reader, key, value);
}

/* notify. */
static void read_notify(struct reader *reader, const struct yaml_node *key,
                        const struct yaml_node *value, void *object)
{
    (void)key;
    struct flow_form *form = object;
    notify_rules_parse(reader, value, false, &form->notify, &form->notify_count);
}

/* retry_delay: a duration, a list of them, or {exponential, max}. */
static void read_delay(struct reader *reader, const struct yaml_node *key,
                       const struct yaml_node *value, void *object)
{
    struct step_form *form = object;
    bool list = value->type == YAML_TYPE_LIST;
    uint32_t count = list ? value->count : 1;
    if (count == 0 || count > FLOW_DELAYS_MAX) {
        reader_error(reader, key, NULL, "`retry_delay` must have 1 to %d entries, not %u",
                     FLOW_DELAYS_MAX, count);
        return;
    }
    int64_t *delays = arena_array(reader->arena, count, sizeof(*delays));
    if (!delays) {
        return;
    }
    struct delay_form delay = {0};
    if (value->type == YAML_TYPE_MAP) {
        reader_map(reader, value, &flow_form_delay_keys, &delay);
        delays[0] = delay.exponential_us;
    } else {
        for (uint32_t index = 0; index < count; index++) {
            reader_duration(reader, list ? value->items[index] : value, "`retry_delay`", 0,
                            TIME_MAX_US, &delays[index]);
        }
    }
    form->retry.delays_us = delays;
    form->retry.delay_count = count;
    form->retry.exponential = value->type == YAML_TYPE_MAP;
    form->retry.delay_max_us = delay.max_us;
}

/* retry_jitter: a factor. */
static void read_jitter(struct reader *reader, const struct yaml_node *key,
                        const struct yaml_node *value, void *object)
{
    (void)key;
    struct step_form *form = object;
    reader_float(reader, value, "`retry_jitter`", 0, FLOW_JITTER_MAX, &form->retry.jitter);
}

/* allow_failure: true, false or a list of steps. */
static void read_allow_failure(struct reader *reader, const struct yaml_node *key,
                               const struct yaml_node *value, void *object)
{
    (void)key;
    struct step_form *form = object;
    if (value->type == YAML_TYPE_BOOL) {
        form->allow_failure = value->boolean;
    } else if (value->type == YAML_TYPE_LIST) {
        reader_strings(reader, value, "`allow_failure`", true, FLOW_STEPS_MAX, &form->tolerated);
    } else {
        reader_error(reader, value, NULL,
                     "`allow_failure` must be true, false or a list of steps, not \"%.*s\"",
                     STR_ARGS(value->text));
    }
}
