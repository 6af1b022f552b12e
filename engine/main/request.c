/*
 * See request.h.
 */
#include "main/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "main/member.h"
#include "main/show.h"
#include "main/term.h"

enum { LIMIT_MAX = 1000 };

void request_path(struct buf *target, const char *path, const char *word)
{
    buf_put_str(target, str_of(path));
    if (word) {
        client_put_escaped(target, str_of(word));
    }
}

bool request_task(struct buf *target, const char *run_and_task)
{
    const char *slash = strrchr(run_and_task, '/'); /* names of runs may have one, of tasks not */

    if (!slash || slash == run_and_task || slash[1] == '\0') {
        cli_error(CLI_USAGE,
                  "a task run is named RUN/TASK, such as @last/train or @last/fit[3], not \"%s\"",
                  run_and_task);
        return false;
    }
    buf_put_str(target, STR("/flow-runs/"));
    client_put_escaped(target, (struct str){run_and_task, (size_t)(slash - run_and_task)});
    buf_put_str(target, STR("/task-runs/"));
    client_put_escaped(target, str_of(slash + 1));
    return true;
}

void request_query(struct buf *target, const char *name, const char *value)
{
    if (!value) {
        return;
    }
    buf_printf(target, "%c%s=", memchr(target->data, '?', target->len) ? '&' : '?', name);
    client_put_escaped(target, str_of(value));
}

void request_option(struct buf *target, const struct cli_args *args, const char *name)
{
    request_query(target, name, cli_value(args, name));
}

bool request_list(struct buf *target, const struct cli_args *args)
{
    long limit;

    if (!cli_number(args, "limit", 1, LIMIT_MAX, &limit)) {
        return false;
    }
    request_option(target, args, "limit");
    request_option(target, args, "after");
    return true;
}

int request_get(struct cli *cli, const char *method, struct buf *target, struct val body,
                struct api_response *ret_response)
{
    if (buf_err(target)) {
        return cli_error(CLI_USAGE, "these names are too long: a request has at most %d bytes",
                         API_TARGET_MAX);
    }
    return client_get(cli, method, buf_cstr(target), body, ret_response);
}

int request_show(struct cli *cli, struct buf *target,
                 void (*show)(const struct cli *cli, struct val answer, struct buf *out))
{
    CLEANUP_BUF struct buf out = BUF_INIT(SHOW_MAX);
    struct api_response response;
    int code = request_get(cli, "GET", target, VAL_NONE, &response);

    if (code != CLI_OK) {
        return code;
    }
    if (cli->json) {
        show_json(api_response_value(&response));
    } else {
        show(cli, api_response_value(&response), &out);
        show_flush(&out);
    }
    api_response_done(&response);
    return CLI_OK;
}

void request_more(const struct cli *cli, struct val answer, struct buf *out)
{
    struct val next = member(answer, "next");

    if (!next.ptr) {
        return;
    }
    term_colour(out, cli->colour, TERM_DIM);
    buf_put_str(out, STR("… there are more: --limit N, or --after "));
    if (val_type(next) == VAL_STR) {
        term_put_text(out, val_str(next));
    } else {
        buf_printf(out, "%lld", (long long)member_int(answer, "next", 0));
    }
    term_colour(out, cli->colour, TERM_PLAIN);
    buf_put_byte(out, '\n');
}
