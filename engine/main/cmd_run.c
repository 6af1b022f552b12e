/*
 * `leat run`: hands a flow to an engine, which may be this process, and follows the run to its end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/uuid.h"
#include "main/client.h"
#include "main/commands.h"
#include "main/follow.h"
#include "model/flow.h"
#include "value/json.h"
#include "value/pack.h"

enum { REQUEST_MAX = API_BODY_MAX };

/* What a run is asked for with. */
struct asked {
    struct buf text;
    struct buf body;
};

/* Adds `typed`: the texts of -p. False after a message. */
static bool put_typed(struct buf *body, const struct cli_args *args)
{
    size_t place;
    uint32_t count = 0;
    const char *given;

    pack_cstr(body, "typed");
    place = pack_map_open(body);
    for (given = cli_value_at(args, "param", 0); given;
         given = cli_value_at(args, "param", (int)count)) {
        const char *equals = strchr(given, '=');

        if (!equals || equals == given) {
            cli_error(CLI_USAGE, "-p wants NAME=VALUE, not \"%s\"", given);
            return false;
        }
        for (uint32_t i = 0; i < count; i++) {
            const char *earlier = cli_value_at(args, "param", (int)i);

            if (strncmp(earlier, given, (size_t)(equals - given) + 1) == 0) {
                cli_error(CLI_USAGE, "the parameter \"%.*s\" was given twice",
                          (int)(equals - given), given);
                return false;
            }
        }
        pack_text(body, (struct str){given, (size_t)(equals - given)});
        pack_text(body, str_of(equals + 1));
        count++;
    }
    pack_close(body, place, count);
    return true;
}

/* Adds `params`: the content of --params-file. False after a message. */
static bool put_params(struct buf *body, const struct cli_args *args)
{
    const char *path = cli_value(args, "params-file");
    CLEANUP_BUF struct buf text = BUF_INIT(REQUEST_MAX);
    CLEANUP_BUF struct buf value = BUF_INIT(REQUEST_MAX);
    struct err_text why;

    pack_cstr(body, "params");
    if (!path) {
        pack_map(body, 0);
        return true;
    }
    if (file_read(strcmp(path, "-") == 0 ? "/dev/stdin" : path, &text, &why) != 0) {
        cli_error(CLI_USAGE, "%s", why.text);
        return false;
    }
    if (json_parse(buf_str(&text), &val_limits_task, 0, &value, &why) != 0) {
        cli_error(CLI_USAGE, "%s: %s", path, why.text);
        return false;
    }
    if (val_type((struct val){value.data, value.len}) != VAL_MAP) {
        cli_error(CLI_USAGE, "%s: the parameters must be a JSON object", path);
        return false;
    }
    buf_put_str(body, buf_str(&value));
    return true;
}

/* Adds `tags`. */
static void put_tags(struct buf *body, const struct cli_args *args)
{
    size_t place;
    uint32_t count = 0;

    pack_cstr(body, "tags");
    place = pack_list_open(body);
    for (const char *tag = cli_value_at(args, "tag", 0); tag;
         tag = cli_value_at(args, "tag", (int)count)) {
        pack_text(body, str_of(tag));
        count++;
    }
    pack_close(body, place, count);
}

/* Makes the request's body. False after a message. */
static bool make_body(struct asked *asked, const struct cli_args *args)
{
    const char *path = args->arguments[0];
    CLEANUP_FREE char *file = file_absolute(path);
    CLEANUP_FREE char *here = file_absolute(".");
    const char *name = cli_value(args, "name");
    struct buf *body = &asked->body;
    struct err_text why;

    if (file_read(path, &asked->text, &why) != 0) {
        cli_error(CLI_USAGE, "%s", why.text);
        return false;
    }
    if (!str_utf8_ok(buf_str(&asked->text))) {
        cli_error(CLI_USAGE, "%s is not a flow file: it is not UTF-8 text", path);
        return false;
    }
    pack_map(body, name ? 8 : 7);
    pack_cstr(body, "flow_text");
    pack_str(body, buf_str(&asked->text));
    pack_cstr(body, "flow_file");
    pack_text(body, str_of(file));
    pack_cstr(body, "base_dir");
    pack_text(body, str_of(here));
    if (name) {
        pack_cstr(body, "name");
        pack_text(body, str_of(name));
    }
    pack_cstr(body, "refresh_cache");
    pack_bool(body, cli_given(args, "refresh-cache"));
    put_tags(body, args);
    if (!put_params(body, args) || !put_typed(body, args)) {
        return false;
    }
    if (buf_err(body)) {
        cli_error(CLI_USAGE, "flow and parameters together are larger than %d bytes", REQUEST_MAX);
        return false;
    }
    return true;
}

/* Submits; the run's id goes to <ret_id>. */
static int submit(struct cli *cli, const struct asked *asked, char ret_id[UUID_TEXT_SIZE],
                  uint64_t *ret_number)
{
    struct api_response response;
    struct val value;
    int code = client_open(cli, CLIENT_RUN);

    if (code != CLI_OK) {
        return code;
    }
    if (!client_call(cli->client, "POST", "/flow-runs",
                     (struct val){asked->body.data, asked->body.len}, &response)) {
        return CLI_NO_ENGINE;
    }
    if (response.problem) {
        code = client_problem(&response);
    } else {
        value = api_response_value(&response);
        snprintf(ret_id, UUID_TEXT_SIZE, "%.*s", STR_ARGS(val_str(val_find(value, STR("id")))));
        *ret_number = val_uint(val_find(value, STR("number")));
    }
    api_response_done(&response);
    return code;
}

/* leat run */
static int run(struct cli *cli, const struct cli_args *args)
{
    struct asked asked;
    char id[UUID_TEXT_SIZE];
    uint64_t number = 0;
    int code = CLI_USAGE;

    buf_init(&asked.text, FLOW_TEXT_MAX);
    buf_init(&asked.body, REQUEST_MAX);
    if (make_body(&asked, args)) {
        code = submit(cli, &asked, id, &number);
        if (code == CLI_OK) {
            code = follow_run(cli, id, number, cli_given(args, "quiet"));
        }
    }
    buf_done(&asked.text);
    buf_done(&asked.body);
    return code;
}

static const struct cli_option options[] = {
    {"param", 'p', "NAME=VALUE", "a parameter of the flow", true},
    {"params-file", 'f', "FILE", "parameters as a JSON object (- for standard input)", false},
    {"name", 'n', "NAME", "a name for the run (default: the flow's, or a friendly one)", false},
    {"tag", 't', "TAG", "a tag for the run", true},
    {"refresh-cache", 0, NULL, "compute everything anew and renew the cache", false},
    {"quiet", 'q', NULL, "show only the summary", false},
    {NULL, 0, NULL, NULL, false},
};

const struct cli_command cmd_run = {
    .name = "run",
    .arguments = "FLOW.yaml",
    .arguments_min = 1,
    .arguments_max = 1,
    .summary = "Run a flow and follow it to its end",
    .help = "If an engine owns the home, it runs the flow; otherwise this process is the engine for as\n"
            "long as it takes. Relative paths in the flow's tasks start in the current directory.\n"
            "In a terminal a live tree is shown; elsewhere, plain lines. Ctrl-C cancels the run.\n"
            "\n"
            "Examples:\n"
            "  leat run flows/train.yaml -p month=2001-01 -p rounds=80\n"
            "  leat run flows/train.yaml -o json | jq .state.name",
    .options = options,
    .run = run,
};
