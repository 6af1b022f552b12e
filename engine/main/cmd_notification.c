/*
 * `leat notification`: the rules of leat.yaml, and what became of notifications.
 */
#include <stdio.h>

#include "base/clock.h"
#include "main/client.h"
#include "main/commands.h"
#include "main/config.h"
#include "main/member.h"
#include "main/request.h"
#include "main/show.h"
#include "main/table.h"
#include "main/term.h"
#include "value/pack.h"

enum { PROBLEMS_MAX = 1024 * 1024, RULES_MAX = 16 * 1024 * 1024 };

/* A list of texts as a member. */
static void pack_texts(struct buf *out, const char *key, const struct str *texts, uint32_t count)
{
    pack_cstr(out, key);
    pack_list(out, count);
    for (uint32_t i = 0; i < count; i++) {
        pack_text(out, texts[i]);
    }
}

/* The rules as a document. */
static int print_rules(const struct settings *settings)
{
    CLEANUP_BUF struct buf out = BUF_INIT(RULES_MAX);

    pack_map(&out, 1);
    pack_cstr(&out, "items");
    pack_list(&out, settings->notify_count);
    for (uint32_t i = 0; i < settings->notify_count; i++) {
        const struct notify_rule *rule = &settings->notify[i];

        pack_map(&out, 5);
        pack_texts(&out, "on", rule->states, rule->state_count);
        pack_cstr(&out, "via");
        pack_text(&out, rule->via);
        pack_texts(&out, "flows", rule->flows, rule->flow_count);
        pack_texts(&out, "tags", rule->tags, rule->tag_count);
        pack_cstr(&out, "line");
        pack_uint(&out, rule->line);
    }
    return show_json((struct val){out.data, out.len});
}

/* A cell with texts, or <none>. */
static void cell_texts(struct table *table, const struct str *texts, uint32_t count,
                       const char *none)
{
    struct buf *text = table_begin(table);

    for (uint32_t i = 0; i < count; i++) {
        buf_put_str(text, i > 0 ? STR(", ") : STR(""));
        buf_put_str(text, texts[i]);
    }
    if (count == 0) {
        buf_put_str(text, str_of(none));
    }
    table_end(table, count > 0 ? TERM_PLAIN : TERM_DIM);
}

/* The rules as a table. */
static void show_rules(const struct cli *cli, const struct settings *settings, struct buf *out)
{
    static const struct table_column columns[] = {{"ON", false, 10, 0},   {"VIA", false, 10, 0},
                                                  {"FLOWS", false, 6, 0}, {"TAGS", false, 6, 0},
                                                  {"LINE", true, 0, 1},   {NULL, false, 0, 0}};
    struct table *table = table_new(cli, columns, 0);

    if (settings->notify_count == 0) {
        buf_put_str(out, STR("No rules in "));
        term_put_text(out, str_of(cli->home));
        buf_put_str(out, STR("/leat.yaml; flows may have rules of their own.\n"));
    }
    for (uint32_t i = 0; i < settings->notify_count; i++) {
        const struct notify_rule *rule = &settings->notify[i];

        cell_texts(table, rule->states, rule->state_count, "");
        table_cell(table, TERM_BOLD, rule->via);
        cell_texts(table, rule->flows, rule->flow_count, "all");
        cell_texts(table, rule->tags, rule->tag_count, "any");
        buf_printf(table_begin(table), "%u", rule->line);
        table_end(table, TERM_DIM);
    }
    if (settings->notify_count > 0) {
        table_put(table, out);
    }
    table_free(table);
}

/* leat notification ls */
static int list(struct cli *cli, const struct cli_args *args)
{
    CLEANUP_BUF struct buf problems = BUF_INIT(PROBLEMS_MAX);
    CLEANUP_BUF struct buf out = BUF_INIT(SHOW_MAX);
    struct config *config;

    (void)args;
    if (config_load(cli->home, cli->colour, &config, &problems) != 0) {
        fputs(buf_cstr(&problems), stderr);
        return CLI_USAGE;
    }
    if (cli->json) {
        print_rules(config_settings(config));
    } else {
        show_rules(cli, config_settings(config), &out);
        show_flush(&out);
    }
    config_free(config);
    return CLI_OK;
}

/* The colour of an outcome. */
static enum term_colour outcome_colour(struct str outcome)
{
    if (str_is(outcome, "delivered")) {
        return TERM_GREEN;
    }
    return str_is(outcome, "dead") ? TERM_RED : TERM_YELLOW;
}

/* Deliveries as a table. */
static void show_deliveries(const struct cli *cli, struct val answer, struct buf *out)
{
    static const struct table_column columns[] = {
        {"OUTCOME", false, 0, 0}, {"RUN", false, 12, 0},   {"STATE", false, 0, 2},
        {"VIA", false, 8, 0},     {"ATTEMPT", true, 0, 4}, {"TIME", false, 0, 3},
        {"NEXT", false, 0, 5},    {"TEXT", false, 16, 1},  {NULL, false, 0, 0}};
    int64_t now = clock_wall_us(&clock_real);
    struct table *table = table_new(cli, columns, 0);
    struct val_iter iter = member_iter(answer, "items");
    struct val row;

    if (member_count(answer, "items") == 0) {
        buf_put_str(out, STR("No notifications.\n"));
    }
    while (val_next(&iter, NULL, &row)) {
        struct str outcome = member_text(row, "outcome");
        struct str name = member_text(row, "run_name");

        table_cell(table, outcome_colour(outcome), outcome);
        table_cell(table, TERM_BOLD, name.len ? name : STR("(deleted)"));
        table_cell(table, term_state_colour(member_text(row, "state")), member_text(row, "state"));
        table_cell(table, TERM_PLAIN, member_text(row, "via"));
        buf_printf(table_begin(table), "%lld", (long long)member_int(row, "attempt", 0));
        table_end(table, TERM_PLAIN);
        show_ago(table_begin(table), member_time(row, "time"), now);
        table_end(table, TERM_PLAIN);
        if (member(row, "next").ptr) {
            show_ago(table_begin(table), member_time(row, "next"), now);
            table_end(table, TERM_PLAIN);
        } else {
            table_cell(table, TERM_PLAIN, STR_NONE);
        }
        table_cell(table, TERM_DIM, member_text(row, "text"));
    }
    if (member_count(answer, "items") > 0) {
        table_put(table, out);
    }
    table_free(table);
    request_more(cli, answer, out);
}

/* leat notification deliveries */
static int deliveries(struct cli *cli, const struct cli_args *args)
{
    CLEANUP_BUF struct buf target = REQUEST_INIT;

    request_path(&target, "/notifications/deliveries", NULL);
    if (!request_list(&target, args)) {
        return CLI_USAGE;
    }
    request_option(&target, args, "run");
    request_option(&target, args, "outcome");
    return request_show(cli, &target, show_deliveries);
}

static const struct cli_option delivery_options[] = {
    {"run", 'r', "RUN", "only those about this flow run", false},
    {"outcome", 0, "OUTCOME", "only delivered, retry, dead or waiting ones", false},
    REQUEST_LIST_OPTIONS,
    {NULL, 0, NULL, NULL, false},
};

static const struct cli_command subcommands[] = {
    {.name = "ls",
     .arguments = "",
     .summary = "List the rules of leat.yaml, which hold for all flows",
     .run = list},
    {.name = "deliveries",
     .arguments = "",
     .summary = "List every attempt to deliver a notification, newest first",
     .help =
         "delivered: the notifier took it. retry: it failed and is tried again. dead: it failed\n"
         "for good. waiting: the first attempt is still to come.",
     .options = delivery_options,
     .run = deliveries},
    {.name = NULL},
};

const struct cli_command cmd_notification = {
    .name = "notification",
    .arguments = "",
    .summary = "See who is told about runs, and what was delivered",
    .subcommands = subcommands,
};
