/*
 * See logs.h.
 */
#include "main/logs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "main/client.h"
#include "main/member.h"
#include "main/request.h"
#include "main/run_show.h"
#include "main/show.h"
#include "value/json.h"
#include "value/pack.h"

enum { PAGE = 1000, TAIL_MAX = 10000, NEWS_MAX = 64 * 1024 * 1024 };

bool logs_options(const struct cli_args *args, struct logs_wanted *wanted)
{
    static const struct {
        const char *word;
        long level;
    } levels[] = {{"debug", 10}, {"info", 20},  {"warning", 30},
                  {"warn", 30},  {"error", 40}, {"critical", 50}};
    const char *text = cli_value(args, "level");

    wanted->level = 0;
    for (size_t i = 0; text && i < sizeof(levels) / sizeof(levels[0]); i++) {
        if (strcmp(text, levels[i].word) == 0) {
            wanted->level = levels[i].level;
        }
    }
    if (text && wanted->level == 0) {
        cli_error(CLI_USAGE, "--level wants debug, info, warning, error or critical, not \"%s\"",
                  text);
        return false;
    }
    return cli_number(args, "tail", 1, TAIL_MAX, &wanted->tail);
}

/* A line of a followed run as one of GET .../logs, but for its number. */
static void put_followed_json(struct val line, struct buf *out)
{
    CLEANUP_BUF struct buf value = BUF_INIT(NEWS_MAX);
    struct str task = member_text(line, "task");
    char time[CLOCK_TEXT_SIZE];

    clock_format(member_int(line, "time", 0), time);
    pack_map(&value, 5);
    pack_cstr(&value, "time");
    pack_cstr(&value, time);
    pack_cstr(&value, "level");
    pack_int(&value, member_int(line, "level", 20));
    pack_cstr(&value, "task");
    if (task.len > 0) {
        pack_str(&value, task);
    } else {
        pack_nil(&value);
    }
    pack_cstr(&value, "stream");
    pack_str(&value, member_text(line, "stream"));
    pack_cstr(&value, "text");
    pack_str(&value, member_text(line, "text"));
    json_print(out, (struct val){value.data, value.len});
}

/* Prints one line. */
static void put_line(const struct cli *cli, struct val line, struct buf *out)
{
    if (cli->json) {
        if (member(line, "type").ptr) {
            put_followed_json(line, out);
        } else {
            json_print(out, line);
        }
        buf_put_byte(out, '\n');
    } else {
        run_show_log_line(cli, line, out);
    }
}

/* Asks for one page of stored lines after <after>; an exit code. */
static int get_page(struct cli *cli, const struct logs_wanted *wanted, int64_t after,
                    struct api_response *ret_response)
{
    CLEANUP_BUF struct buf target = REQUEST_INIT;
    char number[32];

    request_path(&target, "/flow-runs/", wanted->run);
    request_path(&target, "/logs", NULL);
    snprintf(number, sizeof(number), "%ld", wanted->tail ? wanted->tail : PAGE);
    request_query(&target, "limit", number);
    request_query(&target, "tail", wanted->tail ? "1" : NULL);
    snprintf(number, sizeof(number), "%ld", wanted->level);
    request_query(&target, "level", number);
    snprintf(number, sizeof(number), "%lld", (long long)after);
    request_query(&target, "after", number);
    request_query(&target, "task", wanted->task);
    return request_get(cli, "GET", &target, VAL_NONE, ret_response);
}

/* Prints the stored lines, page by page. */
static int show_stored(struct cli *cli, const struct logs_wanted *wanted)
{
    CLEANUP_BUF struct buf out = BUF_INIT(SHOW_MAX);
    struct api_response response;
    int64_t after = 0;
    bool more = true;

    while (more) {
        struct val_iter iter;
        struct val answer;
        struct val line;
        int code = get_page(cli, wanted, after, &response);

        if (code != CLI_OK) {
            return code;
        }
        answer = api_response_value(&response);
        iter = member_iter(answer, "items");
        while (val_next(&iter, NULL, &line)) {
            put_line(cli, line, &out);
        }
        more = member(answer, "next").ptr && !wanted->tail;
        after = member_int(answer, "next", 0);
        show_flush(&out);
        api_response_done(&response);
    }
    return CLI_OK;
}

/* True when a line of a followed run is asked for. */
static bool wants(const struct logs_wanted *wanted, const char *id, struct val line)
{
    struct str task = member_text(line, "task");
    size_t len = wanted->task ? strlen(wanted->task) : 0;

    if (!str_is(member_text(line, "type"), "log") || !str_is(member_text(line, "run"), id) ||
        member_int(line, "level", 20) < wanted->level) {
        return false;
    }
    return !wanted->task ||
           (str_starts(task, str_of(wanted->task)) && (task.len == len || task.ptr[len] == '['));
}

/* What following needs to know of a run. */
struct followed {
    char id[UUID_TEXT_SIZE];
    bool over;
    uint64_t shown; /* lines so far, over all engines */
};

/* Looks the run up: its lines are told from its subflows' by its id. */
static int look_up(struct cli *cli, const char *run, struct followed *followed)
{
    CLEANUP_BUF struct buf target = REQUEST_INIT;
    struct api_response response;
    int code;

    request_path(&target, "/flow-runs/", run);
    request_query(&target, "tasks", "0");
    code = request_get(cli, "GET", &target, VAL_NONE, &response);
    if (code == CLI_OK) {
        struct val answer = api_response_value(&response);

        snprintf(followed->id, sizeof(followed->id), "%.*s", STR_ARGS(member_text(answer, "id")));
        followed->over = member(answer, "ended").ptr;
        api_response_done(&response);
    }
    return code;
}

/* Prints stored and new lines of the run until it has ended, but for those that were shown before.
 * <ret_lost>: its engine ended earlier. */
static int follow_lines(struct cli *cli, const struct logs_wanted *wanted,
                        struct followed *followed, bool *ret_lost)
{
    CLEANUP_BUF struct buf news = BUF_INIT(NEWS_MAX);
    CLEANUP_BUF struct buf out = BUF_INIT(SHOW_MAX);
    struct client_follow *follow;
    uint64_t seen = 0;
    bool ended = false;

    *ret_lost = false;
    if (!client_follow_new(cli->client, followed->id, true, &follow)) {
        return CLI_NO_ENGINE;
    }
    while (client_follow_next(follow, -1, &news) == API_FOLLOW_NEWS) {
        struct val line = {news.data, news.len};

        ended = ended || str_is(member_text(line, "type"), "end");
        if (wants(wanted, followed->id, line) && ++seen > followed->shown) {
            followed->shown = seen;
            put_line(cli, line, &out);
            show_flush(&out);
            fflush(stdout);
        }
    }
    *ret_lost = client_follow_lost(follow);
    client_follow_free(follow);
    return ended ? CLI_OK : CLI_NO_ENGINE;
}

/* Follows from engine to engine. Without one that runs things no line will ever be added. */
static int show_followed(struct cli *cli, const struct logs_wanted *wanted)
{
    struct followed followed = {.shown = 0};
    bool lost = false;
    int code = look_up(cli, wanted->run, &followed);

    if (code == CLI_OK && client_is_engine(cli->client)) {
        return show_stored(cli, wanted);
    }
    while (code == CLI_OK) {
        code = follow_lines(cli, wanted, &followed, &lost);
        if (!lost) {
            return code;
        }
        code = client_reopen(cli, CLIENT_LOOK);
        if (code == CLI_OK) {
            code = look_up(cli, followed.id, &followed);
        }
        if (code == CLI_OK && client_is_engine(cli->client) && !followed.over) {
            return cli_error(CLI_NO_ENGINE,
                             "the engine has ended; leat flow-run watch %s takes the run up",
                             followed.id);
        }
    }
    return code;
}

int logs_show(struct cli *cli, const struct logs_wanted *wanted)
{
    if (wanted->follow && wanted->tail) {
        return cli_error(CLI_USAGE, "--follow shows all lines; it does not go with --tail");
    }
    return wanted->follow ? show_followed(cli, wanted) : show_stored(cli, wanted);
}
