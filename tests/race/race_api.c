/*
 * A whole engine with its HTTP server under several clients at once: submitting, following over
 * event streams and in the process, listing, removing; and stopping in the middle of it. Meant for
 * the thread sanitizer; prints TAP.
 *
 * The engine starts hosts as "/proc/self/exe host ...", which is this program.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/api.h"
#include "api/http.h"
#include "api/socket.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/must.h"
#include "drive/engine.h"
#include "work/host.h"
#include "work/spawner.h"

enum { CLIENTS = 4, ROUNDS = 5 };

static struct api *api;
static char home[256];

static const char body[] = "{\"flow_text\": \"flow: race\\nsteps:\\n"
                           "  fan: {task: hello.greet, map: [a, b, c], cache: inputs,"
                           " with: {who: '${item}'}}\\n\"}";

/* Sends one request over the socket and reads until the connection ends. */
static void ask(const char *method, const char *target, const char *json, struct buf *ret_answer)
{
    CLEANUP_CLOSE int fd = -1;
    CLEANUP_FREE char *request =
        xasprintf("%s " API_PREFIX "%s HTTP/1.1\r\nHost: leat\r\nConnection: close\r\n"
                  "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                  method, target, strlen(json), json);
    ssize_t len = 1;

    must(socket_connect(home, &fd, NULL) == 0);
    must(send(fd, request, strlen(request), MSG_NOSIGNAL) == (ssize_t)strlen(request));
    while (len > 0) {
        uint8_t *room = buf_reserve(ret_answer, 65536);

        len = recv(fd, room, 65536, 0);
        ret_answer->len += len > 0 ? (size_t)len : 0;
    }
}

/* Submits a run and follows it over HTTP to its end. */
static void run_over_http(void)
{
    CLEANUP_BUF struct buf answer = BUF_INIT(16 * 1024 * 1024);
    char target[128];
    const char *id;

    ask("POST", "/flow-runs", body, &answer);
    id = strstr(buf_cstr(&answer), "\"id\":\"");
    must(id);
    snprintf(target, sizeof(target), "/flow-runs/%.36s/events?logs=1", id + 6);
    buf_clear(&answer);
    ask("GET", target, "", &answer);
    must(strstr(buf_cstr(&answer), "event: end"));
    must(strstr(strstr(buf_cstr(&answer), "event: end"), "Completed"));
}

/* Follows the latest run, whatever it is, in this process. */
static void follow_here(void)
{
    CLEANUP_BUF struct buf news = BUF_INIT(16 * 1024 * 1024);
    struct api_follow *follow = NULL;

    must(api_follow_new(api, STR("@last"), true, NULL, NULL, &follow, NULL) == 0);
    while (api_follow_next(follow, -1, &news) == API_FOLLOW_NEWS) {
    }
    api_follow_free(follow);
}

/* Thread: one client. */
static void *client(void *user)
{
    (void)user;
    for (int round = 0; round < ROUNDS; round++) {
        CLEANUP_BUF struct buf answer = BUF_INIT(16 * 1024 * 1024);

        run_over_http();
        follow_here();
        ask("GET", "/flow-runs?counts=1", "", &answer);
        ask("GET", "/flow-runs/@last/task-runs/fan/cache", "", &answer);
        ask("DELETE", "/cache?all=1", "", &answer);
        ask("GET", "/health", "", &answer);
    }
    return NULL;
}

/* Makes a home with the plugin hello. */
static void make_home(void)
{
    CLEANUP_BUF struct buf content = BUF_INIT(64 * 1024 * 1024);
    CLEANUP_FREE char *plugins = NULL;
    CLEANUP_FREE char *from = NULL;
    CLEANUP_FREE char *to = NULL;

    snprintf(home, sizeof(home), "%s/race-api.XXXXXX",
             getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    must(mkdtemp(home) && getenv("LEAT_BUILD"));
    plugins = file_join(home, "plugins");
    from = file_join(getenv("LEAT_BUILD"), "examples/plugins/hello.so");
    to = file_join(plugins, "hello.so");
    must(file_mkdirs(plugins, 0755, NULL) == 0);
    must(file_read(from, &content, NULL) == 0);
    must(file_write(to, content.data, content.len, 0644, NULL) == 0);
}

/* Runs everything once. */
static void race(void)
{
    static const char *const no_env[] = {NULL};
    struct settings settings = {.hosts_max = 2,
                                .host_calls_max = 1000,
                                .cancel_grace_us = 1000000,
                                .store_map_bytes = (int64_t)1 << 30,
                                .host_env = no_env};
    struct engine_options options = {.home = home, .settings = &settings};
    struct api_options api_options = {.version = "race"};
    pthread_t threads[CLIENTS];
    struct http *http;
    struct err_text why;

    must(spawner_new(&options.spawner, &why) == 0);
    must(engine_start(&options, &api_options.engine, &why) == 0);
    api = api_new(&api_options);
    must(http_start(api, home, &http, &why) == 0);
    for (int i = 0; i < CLIENTS; i++) {
        must(pthread_create(&threads[i], NULL, client, NULL) == 0);
    }
    for (int i = 0; i < CLIENTS; i++) {
        pthread_join(threads[i], NULL);
    }
    http_stop(http);
    api_free(api);
    engine_stop(api_options.engine);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "host") == 0) {
        return host_main(argc - 1, argv + 1);
    }
    make_home();
    race();
    file_remove_tree(home, NULL);
    printf("1..1\nok 1 - clients, followers and the server run side by side\n");
    return 0;
}
