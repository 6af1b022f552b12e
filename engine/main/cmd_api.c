/*
 * `leat api`: one request to the engine's REST API, for scripts and for the curious.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "main/client.h"
#include "main/commands.h"
#include "main/request.h"
#include "main/show.h"
#include "value/json.h"

enum { METHOD_SIZE = 16, NEWS_MAX = 64 * 1024 * 1024 };

/* The request's method in capitals; false after a message. */
static bool read_method(const char *text, char ret_method[METHOD_SIZE])
{
    static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
    size_t len = strlen(text);

    for (size_t i = 0; len < METHOD_SIZE && i <= len; i++) {
        ret_method[i] = (char)toupper((unsigned char)text[i]);
    }
    for (size_t i = 0; len < METHOD_SIZE && i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (strcmp(ret_method, methods[i]) == 0) {
            return true;
        }
    }
    cli_error(CLI_USAGE, "the method must be GET, POST, PUT, PATCH or DELETE, not \"%s\"", text);
    return false;
}

/* Reads --data: JSON text, @FILE, or - for standard input. False after a message. */
static bool read_data(const char *data, struct buf *ret_value)
{
    CLEANUP_BUF struct buf text = BUF_INIT(API_BODY_MAX);
    struct val_limits limits = {API_BODY_MAX, 1000000, VAL_DEPTH_MAX};
    struct err_text why;

    if (!data) {
        return true;
    }
    if (data[0] == '@' || strcmp(data, "-") == 0) {
        if (file_read(data[0] == '@' ? data + 1 : "/dev/stdin", &text, &why) != 0) {
            cli_error(CLI_USAGE, "%s", why.text);
            return false;
        }
    } else {
        buf_put_str(&text, str_of(data));
    }
    if (json_parse(buf_str(&text), &limits, 0, ret_value, &why) != 0) {
        cli_error(CLI_USAGE, "--data is not JSON: %s", why.text);
        return false;
    }
    return true;
}

/* Says at once when there is no such run; an exit code. */
static int look_up(struct cli *cli, const char *run)
{
    CLEANUP_BUF struct buf target = REQUEST_INIT;
    struct api_response response;
    int code;

    request_path(&target, "/flow-runs/", run);
    request_query(&target, "tasks", "0");
    code = request_get(cli, "GET", &target, VAL_NONE, &response);
    if (code == CLI_OK) {
        api_response_done(&response);
    }
    return code;
}

/* Prints the events of a run as they happen, one JSON document per line. */
static int follow(struct cli *cli, struct str run, bool with_logs)
{
    CLEANUP_BUF struct buf news = BUF_INIT(NEWS_MAX);
    CLEANUP_BUF struct buf out = BUF_INIT(SHOW_MAX);
    CLEANUP_FREE char *name = str_dup(run);
    struct client_follow *follow;
    int code = client_open(cli, CLIENT_LOOK);

    if (code == CLI_OK) {
        code = look_up(cli, name);
    }
    if (code != CLI_OK) {
        return code;
    }
    if (!client_follow_new(cli->client, name, with_logs, &follow)) {
        return CLI_NO_ENGINE;
    }
    while (client_follow_next(follow, -1, &news) == API_FOLLOW_NEWS) {
        json_print(&out, (struct val){news.data, news.len});
        buf_put_byte(&out, '\n');
        show_flush(&out);
        fflush(stdout);
    }
    if (client_follow_lost(follow)) {
        code = cli_error(CLI_NO_ENGINE, "the engine ended before the run did");
    }
    client_follow_free(follow);
    return code;
}

/* Takes "/flow-runs/RUN/events" apart; STR_NONE when the path is another. */
static struct str events_of(const char *path)
{
    static const char begin[] = "/flow-runs/";
    static const char end[] = "/events";
    size_t len = strcspn(path, "?");
    size_t around = sizeof(begin) - 1 + sizeof(end) - 1;

    if (len <= around || strncmp(path, begin, sizeof(begin) - 1) != 0 ||
        strncmp(path + len - (sizeof(end) - 1), end, sizeof(end) - 1) != 0) {
        return STR_NONE;
    }
    return (struct str){path + sizeof(begin) - 1, len - around};
}

/* leat api */
static int run(struct cli *cli, const struct cli_args *args)
{
    CLEANUP_BUF struct buf body = BUF_INIT(API_BODY_MAX);
    const char *path = args->arguments[1];
    char method[METHOD_SIZE];
    struct api_response response;
    struct str events;
    int code = CLI_OK;

    if (!read_method(args->arguments[0], method) || !read_data(cli_value(args, "data"), &body)) {
        return CLI_USAGE;
    }
    if (strncmp(path, API_PREFIX "/", sizeof(API_PREFIX)) == 0) {
        path += sizeof(API_PREFIX) - 1;
    }
    if (path[0] != '/') {
        return cli_error(CLI_USAGE, "the path begins with a slash, such as /flow-runs, not \"%s\"",
                         path);
    }
    events = strcmp(method, "GET") == 0 ? events_of(path) : STR_NONE;
    if (events.len > 0) {
        return follow(cli, events, strstr(path, "logs=1") != NULL);
    }
    code = client_open(cli, CLIENT_LOOK);
    if (code != CLI_OK) {
        return code;
    }
    if (!client_call(cli->client, method, path, (struct val){body.data, body.len}, &response)) {
        return CLI_NO_ENGINE;
    }
    if (api_response_value(&response).ptr) {
        show_json(api_response_value(&response));
    }
    if (response.problem) {
        code = response.status >= 500 ? CLI_NO_ENGINE : CLI_USAGE;
    }
    api_response_done(&response);
    return code;
}

static const struct cli_option options[] = {
    {"data", 'd', "JSON", "the request's body: JSON text, @FILE, or - for standard input", false},
    {NULL, 0, NULL, NULL, false},
};

const struct cli_command cmd_api = {
    .name = "api",
    .arguments = "METHOD PATH",
    .arguments_min = 2,
    .arguments_max = 2,
    .summary = "Send one request to the REST API and print the answer",
    .help = "PATH begins after /api/v1. Works with and without a running engine. Problems are "
            "printed, too, and the exit code is 2 for those of the request and 3 for those of "
            "the engine.\n"
            "\n"
            "Examples:\n"
            "  leat api GET '/flow-runs?limit=5'\n"
            "  leat api GET /flow-runs/@last/events\n"
            "  leat api POST /flow-runs/@last/cancel -d '{\"reason\": \"not needed\"}'",
    .options = options,
    .run = run,
};
