/*
 * See start.h.
 */
#include "main/start.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "main/client.h"
#include "main/follow.h"
#include "main/member.h"
#include "value/json.h"
#include "value/pack.h"

enum { REQUEST_MAX = API_BODY_MAX };

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
static bool make_body(struct buf *body, const struct start_flow *flow)
{
    CLEANUP_FREE char *here = file_absolute(".");
    const char *name = cli_value(flow->args, "name");

    pack_map(body, 6u + (name ? 1u : 0u) + (flow->file ? 1u : 0u));
    pack_cstr(body, "flow_text");
    pack_str(body, flow->text);
    if (flow->file) {
        pack_cstr(body, "flow_file");
        pack_text(body, str_of(flow->file));
    }
    pack_cstr(body, "base_dir");
    pack_text(body, str_of(here));
    if (name) {
        pack_cstr(body, "name");
        pack_text(body, str_of(name));
    }
    pack_cstr(body, "refresh_cache");
    pack_bool(body, cli_given(flow->args, "refresh-cache"));
    put_tags(body, flow->args);
    if (!put_params(body, flow->args) || !put_typed(body, flow->args)) {
        return false;
    }
    if (buf_err(body)) {
        cli_error(CLI_USAGE, "flow and parameters together are larger than %d bytes", REQUEST_MAX);
        return false;
    }
    return true;
}

/* Sends the request; to another engine when the one that was found ended before it heard of it. */
static int post(struct cli *cli, struct val body, struct api_response *ret_response)
{
    struct err_text why;
    int err = client_try(cli->client, "POST", "/flow-runs", body, ret_response, &why);

    if (err == ERR_NOT_FOUND) {
        int code = client_reopen(cli, CLIENT_RUN);

        if (code != CLI_OK) {
            return code;
        }
        err = client_try(cli->client, "POST", "/flow-runs", body, ret_response, &why);
    }
    return err ? cli_error(CLI_NO_ENGINE, "%s", why.text) : CLI_OK;
}

int start_flow(struct cli *cli, const struct start_flow *flow, struct start_run *ret_run)
{
    CLEANUP_BUF struct buf body = BUF_INIT(REQUEST_MAX);
    struct api_response response;
    int code = CLI_OK;

    if (!make_body(&body, flow)) {
        return CLI_USAGE;
    }
    code = client_open(cli, CLIENT_RUN);
    if (code != CLI_OK) {
        return code;
    }
    follow_catch_interrupts();
    code = post(cli, (struct val){body.data, body.len}, &response);
    if (code != CLI_OK) {
        return code;
    }
    if (response.problem) {
        code = client_problem(&response);
    } else {
        struct val run = api_response_value(&response);

        snprintf(ret_run->id, sizeof(ret_run->id), "%.*s", STR_ARGS(member_text(run, "id")));
        ret_run->number = (uint64_t)member_int(run, "number", 0);
    }
    api_response_done(&response);
    return code;
}
