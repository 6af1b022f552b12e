/*
 * See fixture.h.
 *
 * The engine starts hosts as "/proc/self/exe host ...", which is the test program here: the
 * constructor below turns it into a host before Criterion's main sees the arguments.
 */
#include "fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/route.h"
#include "base/file.h"
#include "base/mem.h"
#include "value/json.h"
#include "value/tmpl.h"
#include "work/host.h"
#include "work/spawner.h"

/* How many results of format() live at a time, and how long each may be. */
enum { FORMAT_TEXTS = 256, FORMAT_SIZE = 8192 };

const char flow_hello[] = "flow: greeting\n"
                          "params:\n"
                          "  who: { type: string, default: world }\n"
                          "steps:\n"
                          "  greet:\n"
                          "    task: hello.greet\n"
                          "    with: { who: \"${params.who}\" }\n"
                          "    cache: inputs\n"
                          "output: \"${steps.greet.text}\"\n";

const char flow_fails[] = "flow: broken\n"
                          "steps:\n"
                          "  bad:\n"
                          "    task: exec.run\n"
                          "    with: { shell: \"echo oops >&2; exit 3\" }\n"
                          "  after:\n"
                          "    task: hello.greet\n"
                          "    with: { who: \"${steps.bad.stdout}\" }\n";

/* Becomes a host when the engine says so. */
__attribute__((constructor)) static void become_host(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "host") == 0) {
        _exit(host_main(argc - 1, argv + 1));
    }
}

void fixture_install(struct fixture *fixture, const char *built)
{
    CLEANUP_BUF struct buf content = BUF_INIT(64 * 1024 * 1024);
    CLEANUP_FREE char *from = NULL;
    CLEANUP_FREE char *to = NULL;
    struct err_text why = {""};

    cr_assert(getenv("LEAT_BUILD"), "LEAT_BUILD must name the folder with built plugins");
    from = file_join(getenv("LEAT_BUILD"), built);
    to = xasprintf("%s/plugins/%s", fixture->home, file_basename(built));
    cr_assert_eq(file_read(from, &content, &why), 0, "%s", why.text);
    cr_assert_eq(file_write(to, content.data, content.len, 0644, &why), 0, "%s", why.text);
}

/* Starts the engine on the home. */
static void start_engine(struct fixture *fixture)
{
    struct engine_options options = {.home = fixture->home, .settings = &fixture->settings};
    static const struct api_setting settings[] = {{"hosts.max", "2", "default"}};
    struct api_options api = {.version = "1.2.3", .settings = settings, .setting_count = 1};
    struct err_text why = {""};

    cr_assert_eq(spawner_new(&options.spawner, &why), 0, "%s", why.text);
    cr_assert_eq(engine_start(&options, &fixture->engine, &why), 0, "%s", why.text);
    api.engine = fixture->engine;
    fixture->api = api_new(&api);
}

void fixture_start(struct fixture *fixture)
{
    static const char *const no_env[] = {NULL};
    const char *tmp = getenv("TMPDIR");
    CLEANUP_FREE char *plugins = NULL;

    fixture->settings.hosts_max = 2;
    fixture->settings.host_calls_max = 1000;
    fixture->settings.cancel_grace_us = 1000000;
    fixture->settings.store_map_bytes = (int64_t)1 << 30;
    fixture->settings.host_env = no_env;
    snprintf(fixture->home, sizeof(fixture->home), "%s/leat-api.XXXXXX", tmp ? tmp : "/tmp");
    cr_assert(mkdtemp(fixture->home));
    plugins = file_join(fixture->home, "plugins");
    cr_assert_eq(file_mkdirs(plugins, 0755, NULL), 0);
    fixture_install(fixture, "examples/plugins/hello.so");
    fixture_install(fixture, "plugins/exec.so");
    start_engine(fixture);
}

void fixture_stop(struct fixture *fixture)
{
    api_response_done(&fixture->response);
    api_free(fixture->api);
    engine_stop(fixture->engine);
    file_remove_tree(fixture->home, NULL);
}

void fixture_restart(struct fixture *fixture)
{
    api_response_done(&fixture->response);
    fixture->response = (struct api_response){0};
    api_free(fixture->api);
    engine_stop(fixture->engine);
    start_engine(fixture);
}

struct val fixture_ask(struct fixture *fixture, const char *method, const char *target,
                       const char *body, int status)
{
    struct api_request request = {.method = method,
                                  .target = str_of(format(API_PREFIX "%s", target)),
                                  .content_type = str_of(body ? "application/json" : NULL),
                                  .body = str_of(body)};
    struct route_target found = {0};
    struct err_text why = {""};
    struct arena arena;
    struct val value;
    char allow[64];

    api_response_done(&fixture->response);
    api_handle(fixture->api, &request, &fixture->response);
    value = api_response_value(&fixture->response);
    cr_assert_eq(fixture->response.status, status, "%s %s: %d instead of %d: %.*s", method, target,
                 fixture->response.status, status, (int)api_response_detail(&fixture->response).len,
                 api_response_detail(&fixture->response).ptr);
    cr_assert_eq(fixture->response.problem, status >= 400);
    if (status >= 400) {
        cr_assert_eq(shape_check(&shape_problem, value, &why), 0, "%s", why.text);
        return value;
    }
    arena_init(&arena, 1024 * 1024);
    cr_assert_eq(route_find(method, request.target, &arena, &found, allow, &why), 0);
    if (found.route->answer && found.route->answer->count) {
        cr_assert_eq(shape_check(found.route->answer, value, &why), 0, "%s %s: %s", method, target,
                     why.text);
    }
    arena_done(&arena);
    return value;
}

struct val fixture_get(struct fixture *fixture, const char *target)
{
    return fixture_ask(fixture, "GET", target, NULL, 200);
}

const char *fixture_detail(struct fixture *fixture)
{
    struct str detail = api_response_detail(&fixture->response);

    return format("%.*s", (int)detail.len, detail.ptr);
}

const char *fixture_submit(struct fixture *fixture, const char *flow_text, const char *more)
{
    CLEANUP_BUF struct buf body = BUF_INIT(API_BODY_MAX);

    buf_put_str(&body, STR("{\"flow_text\": "));
    json_print_str(&body, str_of(flow_text));
    buf_printf(&body, "%s}", more);
    return text_at(fixture_ask(fixture, "POST", "/flow-runs", buf_cstr(&body), 201), "id");
}

const char *fixture_wait(struct fixture *fixture, const char *run)
{
    CLEANUP_BUF struct buf news = BUF_INIT(API_RESPONSE_MAX);
    struct api_follow *follow = NULL;
    struct err_text why = {""};
    const char *state = NULL;

    cr_assert_eq(api_follow_new(fixture->api, str_of(run), false, NULL, NULL, &follow, &why), 0,
                 "%s", why.text);
    while (!state && api_follow_next(follow, -1, &news) == API_FOLLOW_NEWS) {
        struct val value = {news.data, news.len};

        if (str_is(val_str(at(value, "type")), "end")) {
            state = text_at(value, "state.name");
        }
    }
    api_follow_free(follow);
    cr_assert(state);
    return state;
}

const char *fixture_run(struct fixture *fixture, const char *flow_text, const char *more)
{
    const char *id = fixture_submit(fixture, flow_text, more);

    fixture_wait(fixture, id);
    return id;
}

void fixture_wait_for_file(const char *path)
{
    CLEANUP_FREE char *dir = file_dirname(path);
    char events[4096];
    int fd = inotify_init1(IN_CLOEXEC);

    cr_assert(fd >= 0 && inotify_add_watch(fd, dir, IN_CREATE | IN_MOVED_TO) >= 0);
    while (!file_exists(path)) {
        cr_assert(read(fd, events, sizeof(events)) > 0);
    }
    close(fd);
}

/* ---- looking into values -------------------------------------------------------------------- */

const char *format(const char *format, ...)
{
    static char texts[FORMAT_TEXTS][FORMAT_SIZE];
    static unsigned turn;
    char *text = texts[turn++ % FORMAT_TEXTS];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(texts[0]), format, args);
    va_end(args);
    return text;
}

/* The value at a path, or VAL_NONE. */
static struct val look(struct val value, const char *path)
{
    while (value.ptr && *path) {
        size_t len = strcspn(path, ".");
        struct str key = {path, len};

        if (val_type(value) == VAL_LIST) {
            value = val_at(value, (uint32_t)strtoul(path, NULL, 10));
        } else {
            value = val_type(value) == VAL_MAP ? val_find(value, key) : VAL_NONE;
        }
        path += len + (path[len] == '.');
    }
    return value;
}

struct val at(struct val value, const char *path)
{
    CLEANUP_BUF struct buf json = BUF_INIT(1024 * 1024);
    struct val found = look(value, path);

    if (!found.ptr && value.ptr) {
        json_print(&json, value);
    }
    cr_assert(found.ptr, "there is no %s in %s", path, buf_cstr(&json));
    return found;
}

bool has(struct val value, const char *path)
{
    return look(value, path).ptr != NULL;
}

const char *text_at(struct val value, const char *path)
{
    struct val found = at(value, path);

    cr_assert_eq(val_type(found), VAL_STR, "%s is %s", path, val_type_words(val_type(found)));
    return format("%.*s", (int)val_str(found).len, val_str(found).ptr);
}

int64_t int_at(struct val value, const char *path)
{
    struct val found = at(value, path);

    cr_assert_eq(val_type(found), VAL_INT, "%s is %s", path, val_type_words(val_type(found)));
    return val_int(found);
}

bool null_at(struct val value, const char *path)
{
    return val_type(at(value, path)) == VAL_NIL;
}

uint32_t count_at(struct val value, const char *path)
{
    return val_count(at(value, path));
}
