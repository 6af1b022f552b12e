/*
 * See follow.h.
 */
#include "main/follow.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "main/client.h"
#include "main/run_view.h"
#include "value/json.h"
#include "value/pack.h"

enum { TICK_MS = 80, NEWS_MAX = 64 * 1024 * 1024 };

static volatile sig_atomic_t interrupts;

/* SIGINT, SIGTERM: the first cancels the run, the third ends us. */
static void on_interrupt(int signal)
{
    static const char last[] = "\nleat: stopping at once; the run goes on when an engine starts\n";

    (void)signal;
    interrupts++;
    if (interrupts > 2) {
        ssize_t ignored = write(STDERR_FILENO, last, sizeof(last) - 1);

        (void)ignored;
        _exit(CLI_CANCELLED);
    }
}

/* Catches Ctrl-C from now on. */
static void catch_interrupts(void)
{
    struct sigaction action = {.sa_handler = on_interrupt};

    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* Asks the engine to cancel. */
static void cancel(struct cli *cli, const char *id)
{
    CLEANUP_FREE char *target = xasprintf("/flow-runs/%s/cancel", id);
    CLEANUP_BUF struct buf body = BUF_INIT(1024);
    struct api_response response;

    fputs("\nleat: cancelling the run (twice more to stop at once)\n", stderr);
    pack_map(&body, 1);
    pack_cstr(&body, "reason");
    pack_cstr(&body, "interrupted on the command line");
    if (client_call(cli->client, "POST", target, (struct val){body.data, body.len}, &response)) {
        api_response_done(&response);
    }
}

/* Shows news until the run has ended; false when the connection broke. */
static bool watch(struct cli *cli, const char *id, struct run_view *view)
{
    CLEANUP_BUF struct buf news = BUF_INIT(NEWS_MAX);
    struct client_follow *follow;
    bool cancelled = false;
    bool ended = false;

    if (!client_follow_new(cli->client, id, !cli->json, &follow)) {
        return false;
    }
    for (;;) {
        enum api_follow_answer answer = client_follow_next(follow, TICK_MS, &news);

        if (answer == API_FOLLOW_OVER) {
            break;
        }
        if (answer == API_FOLLOW_NEWS) {
            struct val value = {news.data, news.len};

            ended = ended || str_is(val_str(val_find(value, STR("type"))), "end");
            run_view_take(view, value);
        }
        run_view_tick(view);
        if (interrupts > 0 && !cancelled) {
            cancelled = true;
            cancel(cli, id);
        }
    }
    client_follow_free(follow);
    return ended;
}

/* The exit code that belongs to an ended run. */
static int code_of(struct val run)
{
    struct val state = val_find(run, STR("state"));
    struct str type = state.ptr ? val_str(val_find(state, STR("type"))) : STR_NONE;

    if (str_is(type, "COMPLETED")) {
        return CLI_OK;
    }
    return str_is(type, "CANCELLED") ? CLI_CANCELLED : CLI_FAILED;
}

/* Prints the document of -o json. */
static void print_document(struct val run)
{
    CLEANUP_BUF struct buf text = BUF_INIT(NEWS_MAX * 4);

    json_print_pretty(&text, run);
    buf_put_byte(&text, '\n');
    fwrite(text.data, 1, text.len, stdout);
}

int follow_run(struct cli *cli, const char *id, uint64_t number, bool quiet)
{
    CLEANUP_FREE char *target =
        xasprintf("/flow-runs/%s%s", id, cli->json ? "?children=1&tasks=100000" : "?tasks=1000");
    struct run_view *view = run_view_new(cli, quiet || cli->json);
    struct api_response response;
    int code = CLI_NO_ENGINE;

    catch_interrupts();
    if (watch(cli, id, view)) {
        client_drain(cli->client, number);
        if (client_call(cli->client, "GET", target, VAL_NONE, &response)) {
            if (response.problem) {
                code = client_problem(&response);
            } else {
                struct val run = api_response_value(&response);

                code = code_of(run);
                if (cli->json) {
                    print_document(run);
                } else {
                    run_view_end(view, run);
                }
            }
            api_response_done(&response);
        }
    }
    run_view_free(view);
    return code;
}
