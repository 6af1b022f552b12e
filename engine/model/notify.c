/*
 * Notify rules: which ends of a flow run are told to whom, and how; see notify.h.
 */
#include "model/notify.h"

#include "base/suggest.h"
#include "model/flow.h"
#include "value/tmpl.h"

/* What `on` may name: the types of states, then their names. */
static const char *const state_words[] = {
    "SCHEDULED",
    "PENDING",
    "RUNNING",
    "PAUSED",
    "CANCELLING",
    "COMPLETED",
    "FAILED",
    "CANCELLED",
    "CRASHED",
    "Scheduled",
    "Late",
    "AwaitingRetry",
    "AwaitingConcurrencySlot",
    "Pending",
    "Submitting",
    "Running",
    "Retrying",
    "Paused",
    "Suspended",
    "Cancelling",
    "Completed",
    "Cached",
    "Skipped",
    "RolledBack",
    "Failed",
    "TimedOut",
    "UpstreamFailed",
    "Crashed",
    "Cancelled",
    NULL,
};

/* What one rule says. */
struct notify_form {
    struct key_strings states;
    struct str via;
    const struct tmpl *with;
    const struct tmpl *message;
    struct key_strings tags;
    struct key_strings flows;
};

static void read_states(struct reader *reader, const struct yaml_node *key,
                        const struct yaml_node *value, void *object);

#define NOTIFY(member) offsetof(struct notify_form, member)

/* The last row is for leat.yaml only. */
static const struct key rows[] = {
    {.name = "on",
     .kind = KEY_CUSTOM,
     .required = true,
     .read = read_states,
     .also = "when states events state",
     .schema = "{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"array\",\"minItems\":1,"
               "\"items\":{\"type\":\"string\"}}]}",
     .doc = "Names or types of states that are told, for example TimedOut or FAILED."},
    {.name = "via",
     .kind = KEY_NAME,
     .required = true,
     .offset = NOTIFY(via),
     .max = FLOW_NAME_MAX,
     .also = "notifier channel to using",
     .doc = "The notifier: a part's type, or a name from leat.yaml."},
    {.name = "with",
     .kind = KEY_MAP_TEMPLATE,
     .offset = NOTIFY(with),
     .also = "params parameters inputs args",
     .schema = "{\"type\":\"object\"}",
     .doc = "The notifier's parameters."},
    {.name = "message",
     .kind = KEY_TEMPLATE,
     .offset = NOTIFY(message),
     .also = "text body",
     .schema = "{\"type\":\"string\"}",
     .doc = "Template for the text; otherwise the engine's own sentence."},
    {.name = "tags",
     .kind = KEY_PATTERNS,
     .offset = NOTIFY(tags),
     .max = NOTIFY_PATTERNS_MAX,
     .also = "tag labels",
     .doc = "Only runs with a tag that matches one of these patterns."},
    {.name = "flows",
     .kind = KEY_PATTERNS,
     .offset = NOTIFY(flows),
     .max = NOTIFY_PATTERNS_MAX,
     .also = "flow",
     .doc = "Only flows whose name matches one of these patterns."},
};

const struct key_table notify_all_keys = KEY_TABLE("a notify rule", rows);
const struct key_table notify_flow_keys = {
    .what = "a notify rule",
    .keys = rows,
    .count = sizeof(rows) / sizeof(rows[0]) - 1,
};

/* True when one of the patterns matches <text>. */
static bool matches_one(const struct str *patterns, uint32_t count, struct str text)
{
    for (uint32_t index = 0; index < count; index++) {
        if (str_match(text, patterns[index])) {
            return true;
        }
    }
    return false;
}

bool notify_rule_matches(const struct notify_rule *rule, struct str state_name,
                         struct str state_type, struct str flow, const struct str *tags,
                         uint32_t tag_count)
{
    bool state = false;
    for (uint32_t index = 0; index < rule->state_count && !state; index++) {
        state = str_eq(rule->states[index], state_name) || str_eq(rule->states[index], state_type);
    }
    if (!state || (rule->flow_count > 0 && !matches_one(rule->flows, rule->flow_count, flow))) {
        return false;
    }
    bool tagged = rule->tag_count == 0;
    for (uint32_t index = 0; index < tag_count && !tagged; index++) {
        tagged = matches_one(rule->tags, rule->tag_count, tags[index]);
    }
    return tagged;
}

/* Reports a state that does not exist. */
static void check_state(struct reader *reader, const struct yaml_node *node)
{
    struct suggest suggest = {.word = node->text};
    for (uint32_t index = 0; state_words[index]; index++) {
        if (str_is(node->text, state_words[index])) {
            return;
        }
        suggest_offer(&suggest, str_of(state_words[index]));
    }
    const char *hint = reader_hint(reader, suggest.best);
    reader_error(reader, node, hint ? hint : "for example Completed, Failed, TimedOut, CRASHED",
                 "there is no state \"%.*s\"", STR_ARGS(node->text));
}

/* on: a state or a list of them. */
static void read_states(struct reader *reader, const struct yaml_node *key,
                        const struct yaml_node *value, void *object)
{
    struct notify_form *form = object;
    bool list = value->type == YAML_TYPE_LIST;
    if (list && value->count == 0) {
        reader_error(reader, key, NULL, "`on` must name at least one state");
        return;
    }
    if (!reader_strings(reader, value, "`on`", true, NOTIFY_STATES_MAX, &form->states)) {
        return;
    }
    for (uint32_t index = 0; index < form->states.count; index++) {
        check_state(reader, list ? value->items[index] : value);
    }
}

/* Reports a jq expression: what a rule says is made by the engine itself, at the moment of the
 * state change. */
static void check_plain(struct reader *reader, const struct yaml_node *rule, const char *key,
                        const struct tmpl *tmpl)
{
    if (tmpl && tmpl_computes(tmpl)) {
        reader_error(reader, yaml_get(rule, key), "let a step compute it and refer to its result",
                     "`%s` of a notify rule takes plain references only", key);
    }
}

/* Reads one rule; false when it has problems. */
static bool read_rule(struct reader *reader, const struct yaml_node *node,
                      const struct key_table *table, struct notify_rule *rule)
{
    struct notify_form form = {.with = NULL};
    size_t errors = diag_error_count(reader->diags);
    if (!reader_map(reader, node, table, &form)) {
        return false;
    }
    if (form.message && yaml_get(node, "message")->type != YAML_TYPE_STRING) {
        reader_error(reader, yaml_get(node, "message"), NULL, "`message` must be a text");
    }
    check_plain(reader, node, "message", form.message);
    check_plain(reader, node, "with", form.with);
    if (form.via.len > 0) {
        flow_catalogue_check(reader, FLOW_TARGET_NOTIFIER, yaml_get(node, "via"),
                             yaml_get(node, "with"));
    }
    static const uint8_t empty_map[] = {0x80};
    *rule = (struct notify_rule){
        .states = form.states.list,
        .state_count = form.states.count,
        .via = form.via,
        .with = form.with ? form.with
                          : tmpl_of_val(reader->arena, (struct val){empty_map, sizeof(empty_map)}),
        .message = form.message,
        .tags = form.tags.list,
        .tag_count = form.tags.count,
        .flows = form.flows.list,
        .flow_count = form.flows.count,
        .line = node->place.line,
    };
    return rule->with && diag_error_count(reader->diags) == errors;
}

void notify_rules_parse(struct reader *reader, const struct yaml_node *node, bool in_leat_yaml,
                        const struct notify_rule **ret_rules, uint32_t *ret_count)
{
    if (node->type != YAML_TYPE_LIST || node->count > FLOW_NOTIFY_MAX) {
        reader_error(reader, node, NULL, "`notify` must be a list of at most %d rules, not %s",
                     FLOW_NOTIFY_MAX,
                     node->type == YAML_TYPE_LIST ? "a longer one" : yaml_type_words(node->type));
        return;
    }
    struct notify_rule *rules = arena_array(reader->arena, node->count + 1u, sizeof(*rules));
    if (!rules) {
        return;
    }
    uint32_t kept = 0;
    for (uint32_t index = 0; index < node->count; index++) {
        const struct key_table *table = in_leat_yaml ? &notify_all_keys : &notify_flow_keys;
        kept += read_rule(reader, node->items[index], table, &rules[kept]);
    }
    *ret_rules = rules;
    *ret_count = kept;
}
