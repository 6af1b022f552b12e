/*
 * See plugin_run.h. The call is a run like any other: a flow of one step is written, whose
 * parameters are declared like those of the task, so that what people type is read with the right
 * types.
 */
#include "main/plugin_run.h"

#include "base/mem.h"
#include "base/suggest.h"
#include "main/client.h"
#include "main/desk.h"
#include "main/follow.h"
#include "main/member.h"
#include "main/request.h"
#include "main/start.h"

const struct cli_option plugin_run_options[] = {
    START_PARAM_OPTIONS,
    {NULL, 0, NULL, NULL, false},
};

/* The part of <plugin> that is the task <type>, or VAL_NONE after a message. */
static struct val find_task(struct val plugin, const char *type)
{
    struct suggest suggest = {.word = str_of(type)};
    struct val_iter iter = member_iter(plugin, "parts");
    struct str name = member_text(plugin, "name");
    struct val part;

    while (val_next(&iter, NULL, &part)) {
        if (!str_is(member_text(part, "type"), type)) {
            suggest_offer(&suggest, member_text(part, "type"));
        } else if (str_is(member_text(part, "kind"), "task")) {
            return part;
        } else {
            cli_error(CLI_USAGE, "%s is a %.*s; only tasks can be run", type,
                      STR_ARGS(member_text(part, "kind")));
            return VAL_NONE;
        }
    }
    if (suggest.best.len > 0) {
        cli_error(CLI_USAGE, "the plugin %.*s has no task \"%s\"; did you mean \"%.*s\"?",
                  STR_ARGS(name), type, STR_ARGS(suggest.best));
    } else {
        cli_error(CLI_USAGE, "the plugin %.*s has no task \"%s\"; see \"leat plugin info %.*s\"",
                  STR_ARGS(name), type, STR_ARGS(name));
    }
    return VAL_NONE;
}

/*
 * Writes the flow of one step. The names have passed the rules of descriptors, so that they need no
 * quotes. Defaults are left to the task: null counts as not given.
 */
static void write_flow(struct buf *out, struct val task)
{
    bool any = member_count(task, "params") > 0;
    struct val_iter iter = member_iter(task, "params");
    struct val param;

    buf_printf(out, "flow: plugin-run\n%s", any ? "params:\n" : "");
    while (val_next(&iter, NULL, &param)) {
        buf_printf(out, "  %.*s: { type: %s%.*s%s%s }\n", STR_ARGS(member_text(param, "name")),
                   member_true(param, "list") ? "list, items: " : "",
                   STR_ARGS(member_text(param, "type")),
                   member_true(param, "required") ? "" : ", required: false",
                   member_true(param, "secret") ? ", secret: true" : "");
    }
    buf_printf(out, "steps:\n  call:\n    task: %.*s\n%s", STR_ARGS(member_text(task, "type")),
               any ? "    with:\n" : "");
    iter = member_iter(task, "params");
    while (val_next(&iter, NULL, &param)) {
        struct str name = member_text(param, "name");

        buf_printf(out, "      %.*s: \"${params.%.*s}\"\n", STR_ARGS(name), STR_ARGS(name));
    }
    buf_put_str(out, STR("output: \"${steps.call}\"\n"));
}

/* Fetches the plugin and runs its task. */
static int run_task(struct cli *cli, const struct cli_args *args, const char *plugin)
{
    CLEANUP_BUF struct buf target = REQUEST_INIT;
    CLEANUP_BUF struct buf flow = BUF_INIT(API_BODY_MAX);
    struct start_run run;
    struct api_response response;
    struct val task;
    int code = client_open(cli, CLIENT_RUN);

    if (code != CLI_OK) {
        return code;
    }
    request_path(&target, "/plugins/", plugin);
    code = request_get(cli, "GET", &target, VAL_NONE, &response);
    if (code != CLI_OK) {
        return code;
    }
    task = find_task(api_response_value(&response), args->arguments[1]);
    if (task.ptr) {
        write_flow(&flow, task);
    }
    api_response_done(&response);
    if (!task.ptr) {
        return CLI_USAGE;
    }
    code = start_flow(cli, &(struct start_flow){.args = args, .text = buf_str(&flow)}, &run);
    return code == CLI_OK ? follow_run(cli, run.id, run.number, FOLLOW_RESULT) : code;
}

int plugin_run(struct cli *cli, const struct cli_args *args)
{
    const char *word = args->arguments[0];
    CLEANUP_FREE char *name = NULL;
    struct desk *desk;
    int code;

    if (!desk_is_file(word)) {
        return run_task(cli, args, word);
    }
    code = desk_open(cli, word, &desk);
    if (code != CLI_OK) {
        return code;
    }
    code = client_open(cli, CLIENT_RUN);
    if (code == CLI_OK) {
        code = desk_name(desk, &name);
    }
    if (code == CLI_OK) {
        code = run_task(cli, args, name);
    }
    desk_close(desk);
    return code;
}
