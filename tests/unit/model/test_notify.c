/*
 * Notify rules: reading and matching.
 */
#include "model/notify.h"

#include <criterion/criterion.h>

#include "base/buf.h"
#include "tests/unit/model/fixture.h"

/* A flow with one rule. */
static struct parsed parse_rule(const char *rule)
{
    CLEANUP_BUF struct buf text = BUF_INIT(64 * 1024);
    buf_printf(&text,
               "flow: f\nsteps: { a: { task: csv.read, with: { path: x } } }\n"
               "notify:\n  - { %s }\n",
               rule);
    return fixture_parse(buf_cstr(&text));
}

/* A rule that has to be right. */
static const struct notify_rule *good(const char *rule)
{
    struct parsed parsed = parse_rule(rule);
    cr_assert_eq(parsed.err, 0, "%s", parsed.problems);
    fixture_keep(parsed.problems);
    fixture_keep(parsed.flow);
    return &parsed.flow->notify[0];
}

/* The one error of a rule has this sentence. */
static void refused(const char *rule, const char *sentence)
{
    CLEANUP_PARSED struct parsed parsed = parse_rule(rule);
    cr_assert_eq(parsed.errors, 1, "%s", parsed.problems);
    cr_assert(strstr(parsed.problems, sentence), "%s", parsed.problems);
}

/* Whether a run of "train" with one tag (or none) is told. */
static bool matches(const struct notify_rule *rule, const char *name, const char *type,
                    const char *tag)
{
    struct str tags[] = {str_of(tag)};
    return notify_rule_matches(rule, str_of(name), str_of(type), STR("train"), tags, tag ? 1 : 0);
}

Test(notify, a_rule_has_its_members)
{
    const struct notify_rule *rule =
        good("on: [Failed, CRASHED], via: slack, with: { url: x }, message: hi, tags: \"ml*\"");
    cr_assert_eq(rule->state_count, 2);
    cr_assert(str_is(rule->via, "slack"));
    cr_assert_not_null(rule->with);
    cr_assert_not_null(rule->message);
    cr_assert_eq(rule->tag_count, 1);
    cr_assert_eq(rule->line, 4);
}

Test(notify, names_and_types_of_states_match)
{
    const struct notify_rule *rule = good("on: [TimedOut, CRASHED], via: log");
    cr_assert(matches(rule, "TimedOut", "FAILED", NULL));
    cr_assert(matches(rule, "Crashed", "CRASHED", NULL));
    cr_assert_not(matches(rule, "Failed", "FAILED", NULL));
}

Test(notify, tags_narrow_a_rule)
{
    const struct notify_rule *rule = good("on: Failed, via: log, tags: [\"ml*\", gpu]");
    cr_assert(matches(rule, "Failed", "FAILED", "ml-team"));
    cr_assert(matches(rule, "Failed", "FAILED", "gpu"));
    cr_assert_not(matches(rule, "Failed", "FAILED", "cpu"));
    cr_assert_not(matches(rule, "Failed", "FAILED", NULL));
}

Test(notify, unknown_states_are_refused)
{
    refused("on: Faild, via: log", "there is no state \"Faild\"");
}

Test(notify, a_rule_needs_a_state)
{
    refused("on: [], via: log", "`on` must name at least one state");
    refused("via: log", "a notify rule needs the key `on`");
}

Test(notify, a_rule_needs_a_notifier_that_exists)
{
    refused("on: Failed", "a notify rule needs the key `via`");
    refused("on: Failed, via: slakc, with: { url: x }", "there is no notifier \"slakc\"");
}

Test(notify, the_notifier_s_parameters_are_checked)
{
    refused("on: Failed, via: slack", "the notifier \"slack\" needs the parameter \"url\"");
}

Test(notify, a_message_is_a_text_without_secrets)
{
    refused("on: Failed, via: log, message: 5", "`message` must be a text");
    refused("on: Failed, via: log, message: \"${secrets.x}\"", "`message` can not use secrets");
}

Test(notify, flows_are_chosen_in_leat_yaml_only)
{
    refused("on: Failed, via: log, flows: [x]", "a notify rule has no key \"flows\"");
}

Test(notify, one_rule_too_many_is_refused)
{
    CLEANUP_BUF struct buf text = BUF_INIT(64 * 1024);
    buf_printf(&text, "flow: f\nsteps: { a: { task: csv.read, with: { path: x } } }\nnotify:\n");
    for (int index = 0; index <= FLOW_NOTIFY_MAX; index++) {
        buf_printf(&text, "  - { on: Failed, via: log }\n");
    }
    CLEANUP_PARSED struct parsed parsed = fixture_parse(buf_cstr(&text));
    cr_assert(strstr(parsed.problems, "`notify` must be a list of at most 100 rules"));
}

/* Rules of leat.yaml, which have no flow around them. */
Test(notify, rules_of_leat_yaml_choose_flows)
{
    struct str text =
        STR("- { on: Failed, via: log, flows: [\"tr*\"] }\n- { on: oops, via: log }\n");
    struct arena arena;
    arena_init(&arena, 1024 * 1024);
    struct diag_list *diags = diag_new("leat.yaml", text);
    struct tmpl_exprs exprs = {0};
    struct reader reader = {.arena = &arena, .diags = diags, .exprs = &exprs};
    const struct yaml_node *root = NULL;
    cr_assert_eq(yaml_tree(text, &arena, diags, &root), 0);
    const struct notify_rule *rules = NULL;
    uint32_t count = 0;
    notify_rules_parse(&reader, root, true, &rules, &count);
    cr_assert_eq(count, 1);
    cr_assert_eq(diag_error_count(diags), 1);
    cr_assert(notify_rule_matches(&rules[0], STR("Failed"), STR("FAILED"), STR("train"), NULL, 0));
    cr_assert_not(
        notify_rule_matches(&rules[0], STR("Failed"), STR("FAILED"), STR("other"), NULL, 0));
    diag_free(diags);
    arena_done(&arena);
}

/* The table of states belongs to core; the words here must be the same. */
Test(notify, every_state_of_the_core_can_be_named)
{
    static const char *const words[] = {
#define STATE_TYPE(name, word, terminal) word,
#define STATE(name, type, word) word,
#include "core/state_table.h"
#undef STATE_TYPE
#undef STATE
    };
    for (size_t index = 0; index < sizeof(words) / sizeof(words[0]); index++) {
        CLEANUP_BUF struct buf rule = BUF_INIT(256);
        buf_printf(&rule, "on: %s, via: log", words[index]);
        good(buf_cstr(&rule));
    }
}
