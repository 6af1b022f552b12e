/*
 * See client.h.
 */
#include "main/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/http.h"
#include "base/mem.h"
#include "drive/engine.h"
#include "main/config.h"
#include "main/home.h"
#include "main/http_client.h"
#include "main/member.h"
#include "main/version.h"
#include "value/json.h"
#include "work/spawner.h"

enum {
    BODY_MAX = 256 * 1024 * 1024,
    EVENT_MAX = 64 * 1024 * 1024,
    BUSY_MS = 5000, /* how long another process may look at the store */
    BUSY_STEP_MS = 20,
};

struct client {
    const char *home;
    struct http_client *http; /* somebody else's engine; else ... */
    struct config *config;    /* ... one in this process */
    struct engine *engine;
    struct api *api;
    struct http *server;
};

struct client_follow {
    struct client *client;
    struct api_follow *follow;
    struct http_stream *stream;
    bool ended; /* the run's last news has come, or the stream is no stream */
    bool lost;  /* the engine has gone before */
};

/* What an answer from the wire may hold: everything the engine can make. */
static const struct val_limits answer_limits = {
    .bytes_max = BODY_MAX, .nodes_max = 20000000, .depth_max = VAL_DEPTH_MAX};

/* ---- opening -------------------------------------------------------------------------------- */

/* Talks to the engine that owns the home; false when there is none. */
static bool open_http(struct client *client)
{
    struct err_text why;

    return http_client_new(client->home, &client->http, &why) == 0;
}

/* Starts an engine here. ERR_STORE_BUSY when somebody else was faster. */
static int open_engine(struct client *client, enum client_mode mode, struct err_text *reterr_why)
{
    CLEANUP_FREE char *bundled = home_bundled_plugins();
    struct engine_options options = {.home = client->home,
                                     .bundled_plugins = bundled,
                                     .settings = config_settings(client->config),
                                     .passive = mode == CLIENT_LOOK};
    struct api_options api = {.version = VERSION_TEXT};
    int err = spawner_new(&options.spawner, reterr_why);

    if (err == 0) {
        err = engine_start(&options, &client->engine, reterr_why);
    }
    if (err) {
        return err;
    }
    api.engine = client->engine;
    api.settings = config_list(client->config, &api.setting_count);
    client->api = api_new(&api);
    return mode == CLIENT_RUN ? http_start(client->api, client->home, &client->server, reterr_why)
                              : 0;
}

/* Reads the settings; false after printing the problems. */
static bool load_config(struct cli *cli, struct client *client)
{
    CLEANUP_BUF struct buf problems = BUF_INIT(1024 * 1024);

    if (config_load(cli->home, cli->colour, &client->config, &problems) == 0) {
        return true;
    }
    fputs(buf_cstr(&problems), stderr);
    return false;
}

/* Waits a moment for another process to end. */
static void pause_ms(long ms)
{
    struct timespec time = {.tv_nsec = ms * 1000000};

    nanosleep(&time, NULL);
}

/* Finds an engine or becomes one. A process that only looks holds the store for some milliseconds
 * and can not be talked to, so a busy store without a socket is worth waiting for. */
static int connect_or_start(struct client *client, enum client_mode mode,
                            struct err_text *reterr_why)
{
    int err = ERR_STORE_BUSY;

    for (int waited_ms = 0; err == ERR_STORE_BUSY && waited_ms < BUSY_MS;
         waited_ms += BUSY_STEP_MS) {
        if (waited_ms > 0) {
            pause_ms(BUSY_STEP_MS);
        }
        if (open_http(client)) {
            return 0;
        }
        err = open_engine(client, mode, reterr_why);
    }
    return err;
}

int client_open(struct cli *cli, enum client_mode mode)
{
    struct client *client;
    struct err_text why;

    if (cli->client) {
        return CLI_OK;
    }
    client = xcalloc(1, sizeof(*client));
    client->home = cli->home;
    cli->client = client;
    if (open_http(client)) {
        return CLI_OK;
    }
    if (!load_config(cli, client)) {
        return CLI_USAGE;
    }
    return connect_or_start(client, mode, &why) == 0 ? CLI_OK
                                                     : cli_error(CLI_NO_ENGINE, "%s", why.text);
}

int client_reopen(struct cli *cli, enum client_mode mode)
{
    cli->client = client_close(cli->client);
    return client_open(cli, mode);
}

struct client *client_close(struct client *client)
{
    if (client) {
        http_client_free(client->http);
        http_stop(client->server);
        api_free(client->api);
        engine_stop(client->engine);
        config_free(client->config);
        free(client);
    }
    return NULL;
}

bool client_is_engine(const struct client *client)
{
    return client->api != NULL;
}

void client_drain(struct client *client, uint64_t run)
{
    if (client->engine) {
        engine_drain_notifications(client->engine, run);
        engine_settle(client->engine); /* whoever reads the delivery log next finds them */
    }
}

/* ---- requests ------------------------------------------------------------------------------- */

/* One request over the wire. */
static int call_http(struct client *client, const char *method, const char *target, struct val body,
                     struct api_response *ret_response, struct err_text *reterr_why)
{
    CLEANUP_BUF struct buf sent = BUF_INIT(BODY_MAX);
    CLEANUP_BUF struct buf received = BUF_INIT(BODY_MAX);
    struct api_response response = {0};
    int err;

    if (body.ptr) {
        json_print(&sent, body);
    }
    err = http_client_call(client->http, method, target, buf_str(&sent), &response.status,
                           &received, reterr_why);
    if (err) {
        return err;
    }
    response.problem = response.status >= 400;
    buf_init(&response.value, BODY_MAX);
    if (received.len > 0) {
        err = json_parse(buf_str(&received), &answer_limits, JSON_PARSE_BLOBS, &response.value,
                         reterr_why);
    }
    if (err) {
        buf_done(&response.value);
        return err;
    }
    *ret_response = response;
    return 0;
}

int client_try(struct client *client, const char *method, const char *target, struct val body,
               struct api_response *ret_response, struct err_text *reterr_why)
{
    CLEANUP_FREE char *full = xasprintf("%s%s", API_PREFIX, target);
    struct api_request request = {.method = method, .target = str_of(full), .body_value = body};

    if (client->api) {
        api_handle(client->api, &request, ret_response);
        return 0;
    }
    return call_http(client, method, full, body, ret_response, reterr_why);
}

bool client_call(struct client *client, const char *method, const char *target, struct val body,
                 struct api_response *ret_response)
{
    struct err_text why;

    if (client_try(client, method, target, body, ret_response, &why) != 0) {
        cli_error(CLI_NO_ENGINE, "%s", why.text);
        return false;
    }
    return true;
}

int client_problem(const struct api_response *response)
{
    struct val value = api_response_value(response);
    struct val problems = value.ptr ? val_find(value, STR("problems")) : VAL_NONE;
    struct str detail = api_response_detail(response);

    if (problems.ptr && val_type(problems) == VAL_STR) {
        fflush(stdout);
        fprintf(stderr, "%.*s", STR_ARGS(val_str(problems)));
    } else {
        cli_error(0, "%.*s", STR_ARGS(detail));
    }
    return response->status >= 500 ? CLI_NO_ENGINE : CLI_USAGE;
}

int client_get(struct cli *cli, const char *method, const char *target, struct val body,
               struct api_response *ret_response)
{
    struct api_response response;
    struct err_text why;
    int code = client_open(cli, CLIENT_LOOK);
    int err;

    if (code != CLI_OK) {
        return code;
    }
    err = client_try(cli->client, method, target, body, &response, &why);
    if (err == ERR_NOT_FOUND || (err && strcmp(method, "GET") == 0)) {
        /* The engine ended after we found it, and nothing was changed: look at what it left. */
        code = client_reopen(cli, CLIENT_LOOK);
        if (code != CLI_OK) {
            return code;
        }
        err = client_try(cli->client, method, target, body, &response, &why);
    }
    if (err) {
        return cli_error(CLI_NO_ENGINE, "%s", why.text);
    }
    if (response.problem) {
        code = client_problem(&response);
        api_response_done(&response);
        return code;
    }
    *ret_response = response;
    return CLI_OK;
}

void client_put_escaped(struct buf *out, struct str text)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~@";

    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '\0' && strchr(plain, text.ptr[i])) {
            buf_put_byte(out, (uint8_t)text.ptr[i]);
        } else {
            buf_printf(out, "%%%02X", (unsigned char)text.ptr[i]);
        }
    }
}

/* ---- following ------------------------------------------------------------------------------ */

bool client_follow_new(struct client *client, const char *run, bool logs,
                       struct client_follow **ret_follow)
{
    struct client_follow *follow = xcalloc(1, sizeof(*follow));
    CLEANUP_BUF struct buf target = BUF_INIT(API_TARGET_MAX);
    struct err_text why;
    int err;

    follow->client = client;
    if (client->api) {
        err = api_follow_new(client->api, str_of(run), logs, NULL, NULL, &follow->follow, &why);
    } else {
        buf_printf(&target, "%s/flow-runs/", API_PREFIX);
        client_put_escaped(&target, str_of(run));
        buf_printf(&target, "/events%s", logs ? "?logs=1" : "");
        err = http_stream_new(client->http, buf_cstr(&target), &follow->stream, &why);
    }
    if (err) {
        cli_error(CLI_NO_ENGINE, "%s", why.text);
        free(follow);
        return false;
    }
    *ret_follow = follow;
    return true;
}

struct client_follow *client_follow_free(struct client_follow *follow)
{
    if (follow) {
        api_follow_free(follow->follow);
        http_stream_free(follow->stream);
        free(follow);
    }
    return NULL;
}

/* Prints the answer that came in place of a stream. */
static void tell_problem(const struct buf *text)
{
    CLEANUP_BUF struct buf value = BUF_INIT(EVENT_MAX);
    struct str detail = STR_NONE;

    if (json_parse(buf_str(text), &answer_limits, 0, &value, NULL) == 0) {
        detail = member_text((struct val){value.data, value.len}, "detail");
    }
    cli_error(0, "%.*s", STR_ARGS(detail.len > 0 ? detail : STR("the run can not be followed")));
}

enum api_follow_answer client_follow_next(struct client_follow *follow, int timeout_ms,
                                          struct buf *ret_value)
{
    CLEANUP_BUF struct buf text = BUF_INIT(EVENT_MAX);
    struct err_text why;
    int got;

    if (follow->follow) {
        return api_follow_next(follow->follow, timeout_ms, ret_value);
    }
    if (follow->ended || follow->lost) {
        return API_FOLLOW_OVER;
    }
    buf_clear(ret_value);
    got = http_stream_next(follow->stream, timeout_ms, &text, &why);
    if (got == 0) {
        return API_FOLLOW_IDLE;
    }
    if (got == 1 &&
        json_parse(buf_str(&text), &answer_limits, JSON_PARSE_BLOBS, ret_value, &why) == 0) {
        follow->ended =
            str_is(member_text((struct val){ret_value->data, ret_value->len}, "type"), "end");
        return API_FOLLOW_NEWS;
    }
    follow->ended = http_stream_status(follow->stream) >= 400;
    follow->lost = !follow->ended;
    if (follow->ended) {
        tell_problem(&text);
    }
    return API_FOLLOW_OVER;
}

bool client_follow_lost(const struct client_follow *follow)
{
    return follow->lost;
}
