/*
 * See follow.h.
 */
#include "main/follow.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "main/client.h"
#include "main/member.h"
#include "main/run_show.h"
#include "main/run_view.h"
#include "main/show.h"
#include "value/pack.h"

enum {
    TICK_MS = 80,
    NEWS_MAX = 64 * 1024 * 1024,
    ENGINES_MAX = 100, /* that end under one run */
};

static volatile sig_atomic_t interrupts;

/* SIGINT, SIGTERM: the first cancels the run, the third ends us. */
static void on_interrupt(int signal)
{
    static const char last[] = "\nleat: stopped at once; the run goes on when an engine starts\n";

    (void)signal;
    interrupts++;
    if (interrupts > 2) {
        ssize_t ignored = write(STDERR_FILENO, last, sizeof(last) - 1);

        (void)ignored;
        _exit(CLI_CANCELLED);
    }
}

void follow_catch_interrupts(void)
{
    struct sigaction action = {.sa_handler = on_interrupt};

    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* One follower's work. */
struct watch {
    struct cli *cli;
    const char *id;
    enum follow_style style;
    struct run_view *view;
    bool cancelled; /* an engine knows that the run is to be cancelled */
    bool lost;      /* the engine ended before the run */
};

/* Asks the engine to cancel; one that ends meanwhile leaves that to the next. */
static void cancel(struct watch *watch)
{
    CLEANUP_FREE char *target = xasprintf("/flow-runs/%s/cancel", watch->id);
    CLEANUP_BUF struct buf body = BUF_INIT(1024);
    struct api_response response;
    struct err_text why;

    pack_map(&body, 1);
    pack_cstr(&body, "reason");
    pack_cstr(&body, "interrupted on the command line");
    watch->cancelled = client_try(watch->cli->client, "POST", target,
                                  (struct val){body.data, body.len}, &response, &why) == 0;
    if (watch->cancelled) {
        run_view_say(watch->view, "cancelling the run (Ctrl-C twice more to stop at once)");
        api_response_done(&response);
    }
}

/* Shows one object of news; true for the last one. */
static bool show_news(struct watch *watch, struct val news)
{
    struct str type = member_text(news, "type");

    if (watch->style == FOLLOW_RESULT && str_is(type, "log")) {
        CLEANUP_BUF struct buf line = BUF_INIT(NEWS_MAX);

        run_show_log_line(watch->cli, news, &line);
        fwrite(line.data, 1, line.len, stderr);
    }
    run_view_take(watch->view, news);
    return str_is(type, "end");
}

/* Shows news until the run has ended; false when the engine did before. */
static bool follow(struct watch *watch)
{
    CLEANUP_BUF struct buf news = BUF_INIT(NEWS_MAX);
    bool logs = watch->style == FOLLOW_RESULT || !watch->cli->json;
    struct client_follow *follow;
    bool ended = false;

    if (!client_follow_new(watch->cli->client, watch->id, logs, &follow)) {
        return false;
    }
    for (;;) {
        enum api_follow_answer answer = client_follow_next(follow, TICK_MS, &news);

        if (answer == API_FOLLOW_OVER) {
            break;
        }
        if (answer == API_FOLLOW_NEWS) {
            ended = show_news(watch, (struct val){news.data, news.len}) || ended;
        }
        run_view_tick(watch->view);
        if (interrupts > 0 && watch->style == FOLLOW_WATCH) {
            run_view_say(watch->view, "stopped watching; the run was not cancelled");
            break;
        }
        if (interrupts > 0 && !watch->cancelled) {
            cancel(watch);
        }
    }
    watch->lost = client_follow_lost(follow);
    client_follow_free(follow);
    return ended;
}

/* Follows the run from engine to engine: when another process that ran it ends, this one goes on
 * with it. False after a message. */
static bool follow_to_end(struct watch *watch)
{
    for (int engines = 0; engines < ENGINES_MAX; engines++) {
        if (follow(watch)) {
            return true;
        }
        if (!watch->lost) {
            return false;
        }
        run_view_say(watch->view, "the engine has ended; going on without it");
        if (client_reopen(watch->cli, CLIENT_RUN) != CLI_OK) {
            return false;
        }
    }
    cli_error(0, "too many engines ended before the run");
    return false;
}

/* Asks for the picture of the run's end; false after a message. */
static bool get_end(struct watch *watch, const char *target, struct api_response *ret_response)
{
    struct err_text why;

    if (client_try(watch->cli->client, "GET", target, VAL_NONE, ret_response, &why) == 0) {
        return true;
    }
    return client_reopen(watch->cli, CLIENT_LOOK) == CLI_OK &&
           client_call(watch->cli->client, "GET", target, VAL_NONE, ret_response);
}

/* The exit code that belongs to an ended run. */
static int code_of(struct val run)
{
    struct str type = member_state_type(run);

    if (str_is(type, "COMPLETED")) {
        return CLI_OK;
    }
    return str_is(type, "CANCELLED") ? CLI_CANCELLED : CLI_FAILED;
}

/* Why a run did not complete: the error of its first task run that has one, else its own. */
static struct val error_of(struct val run)
{
    struct val_iter iter = member_iter(run, "task_runs");
    struct val task;

    while (val_next(&iter, NULL, &task)) {
        if (member(task, "error").ptr) {
            return member(task, "error");
        }
    }
    return member(run, "error");
}

/* Prints the result, or on standard error why there is none. */
static void print_result(struct val run)
{
    struct val error = error_of(run);

    if (str_is(member_state_type(run), "COMPLETED")) {
        show_json(val_find(run, STR("result")));
        return;
    }
    cli_error(0, "%.*s: %.*s [%.*s]", STR_ARGS(member_state(run)),
              STR_ARGS(member_text(error, "text")), STR_ARGS(member_text(error, "code")));
}

/* Prints what belongs at the end; an exit code. */
static int finish(struct watch *watch, struct val run)
{
    if (watch->cli->json) {
        show_json(run);
    } else if (watch->style == FOLLOW_RESULT) {
        print_result(run);
    } else {
        run_view_end(watch->view, run);
    }
    return code_of(run);
}

/* Which picture of the run its end needs. */
static char *target_of(const struct watch *watch)
{
    const char *query = "tasks=1000";

    if (watch->style == FOLLOW_RESULT) {
        query = "expand=1";
    } else if (watch->cli->json) {
        query = "children=1&tasks=100000";
    }
    return xasprintf("/flow-runs/%s?%s", watch->id, query);
}

int follow_run(struct cli *cli, const char *id, uint64_t number, enum follow_style style)
{
    struct watch watch = {.cli = cli, .id = id, .style = style};
    CLEANUP_FREE char *target = target_of(&watch);
    struct api_response response;
    int code = CLI_NO_ENGINE;

    watch.view = run_view_new(cli, style == FOLLOW_QUIET || style == FOLLOW_RESULT || cli->json);
    if (follow_to_end(&watch)) {
        client_drain(cli->client, number);
        if (get_end(&watch, target, &response)) {
            code = response.problem ? client_problem(&response)
                                    : finish(&watch, api_response_value(&response));
            api_response_done(&response);
        }
    } else if (interrupts > 0) {
        code = CLI_CANCELLED;
    }
    run_view_free(watch.view);
    return code;
}
