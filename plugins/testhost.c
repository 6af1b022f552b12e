/*
 * See testhost.h. Parameters are kept as msgpack under their names and checked against the part's
 * table when it runs, with the fallbacks filled in the way the engine does it.
 */
#include "testhost.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <leat/json.h>
#include <leat/plugin.h>

enum { ITEMS_MAX = 64 };

/* A named value: a parameter or a result. */
struct item {
    char *name; /* NULL: the whole result */
    char *bytes;
    size_t len;
};

struct items {
    struct item list[ITEMS_MAX];
    size_t n;
};

/* Memory of one run, in a list. */
struct block {
    struct block *next;
    max_align_t data[];
};

struct testhost {
    leat_call call; /* first, so that the pointers are the same */
    const leat_plugin *plugin;
    const leat_part *part;
    void *state;
    struct items params;
    struct items results;
    struct items texts; /* answers of testhost_json() */
    leat_str input;
    struct block *blocks;
    pthread_mutex_t lock;
    char *logs;
    size_t logs_len;
    unsigned progress_count;
    unsigned cancel_progress;
    char *cancel_text;
    int cancel_fd;
    int cancelled;
    int refused;
    int64_t deadline_ms;
    int64_t retry_after_ms;
    char *code;
    char *text;
};

/* Ends the test program: the test or the plugin broke a rule. */
static void __attribute__((__format__(__printf__, 1, 2), noreturn)) breach(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("testhost: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    abort();
}

/* <memory>, which must be there. */
static void *sure(void *memory)
{
    if (memory == NULL) {
        breach("out of memory");
    }
    return memory;
}

/* The host of a call. */
static struct testhost *host_of(leat_call *call)
{
    return (struct testhost *)call;
}

/* Sets a named value, replacing one of the same name. */
static void items_set(struct items *items, const char *name, leat_str bytes)
{
    struct item *item = items->list;

    while (item < items->list + items->n &&
           !(name == item->name ||
             (name != NULL && item->name != NULL && strcmp(name, item->name) == 0))) {
        item++;
    }
    if (item == items->list + items->n) {
        if (items->n == ITEMS_MAX) {
            breach("more than %d parameters or results", ITEMS_MAX);
        }
        items->n++;
        item->name = name == NULL ? NULL : (char *)sure(strdup(name));
        item->bytes = NULL;
    }
    free(item->bytes);
    item->bytes = (char *)sure(malloc(bytes.len + 1));
    memcpy(item->bytes, bytes.ptr, bytes.len);
    item->bytes[bytes.len] = '\0';
    item->len = bytes.len;
}

/* A named value, {NULL, 0} when there is none. */
static leat_str items_get(const struct items *items, const char *name)
{
    leat_str none = {NULL, 0};

    for (size_t i = 0; i < items->n; i++) {
        const struct item *item = &items->list[i];

        if (name == item->name ||
            (name != NULL && item->name != NULL && strcmp(name, item->name) == 0)) {
            leat_str bytes = {item->bytes, item->len};

            return bytes;
        }
    }
    return none;
}

/* Forgets all. */
static void items_clear(struct items *items)
{
    for (size_t i = 0; i < items->n; i++) {
        free(items->list[i].name);
        free(items->list[i].bytes);
    }
    items->n = 0;
}

/* ---- what the part sees ---- */

/* The declaration of a parameter, or NULL. */
static const leat_param *param_find(const leat_part *part, const char *name)
{
    const leat_param *param = part->params;

    while (param != NULL && param->name != NULL && strcmp(param->name, name) != 0) {
        param++;
    }
    return param == NULL || param->name == NULL ? NULL : param;
}

/* leat_host.param */
static leat_status host_param(leat_call *call, const char *name, uint32_t type, void *ret_value)
{
    struct testhost *host = host_of(call);
    const leat_param *param = param_find(host->part, name);
    leat_view view = leat_view_find(leat_view_of(host->input), name);
    uint32_t declared = 0;

    if (param != NULL) {
        declared =
            (param->flags & LEAT_PARAM_LIST) != 0 ? LEAT_TYPE_LIST_OF(param->type) : param->type;
    }
    if (declared != type) {
        breach("%s asks for the parameter \"%s\" in a way it did not declare", host->part->type,
               name);
    }
    switch (type) {
    case LEAT_TYPE_INT:
    case LEAT_TYPE_DURATION:
    case LEAT_TYPE_SIZE:
        *(int64_t *)ret_value = leat_view_int(view, 0);
        break;
    case LEAT_TYPE_FLOAT:
        *(double *)ret_value = leat_view_float(view, 0);
        break;
    case LEAT_TYPE_BOOL:
        *(int32_t *)ret_value = leat_view_bool(view, 0);
        break;
    case LEAT_TYPE_STRING:
    case LEAT_TYPE_FILE:
        *(leat_str *)ret_value = leat_view_str(view);
        break;
    case LEAT_TYPE_BYTES:
        *(leat_str *)ret_value = leat_view_bytes(view);
        break;
    default:
        *(leat_str *)ret_value = leat_view_raw(view);
        break;
    }
    return LEAT_OK;
}

/* leat_host.input */
static leat_status host_input(leat_call *call, leat_str *ret_msgpack)
{
    *ret_msgpack = host_of(call)->input;
    return LEAT_OK;
}

/* leat_host.result */
static leat_status host_result(leat_call *call, const char *key, const leat_str *msgpack)
{
    struct testhost *host = host_of(call);
    leat_view view = leat_view_of(*msgpack);

    if (view.len == 0 || leat_view_size(view) != view.len || view.len > LEAT_RESULT_MAX ||
        (key != NULL && strlen(key) > LEAT_KEY_MAX)) {
        host->refused = 1;
        return LEAT_FAIL;
    }
    if (host->results.n > 0 && (key == NULL) != (host->results.list[0].name == NULL)) {
        breach("%s gives a whole result and keyed ones", host->part->type);
    }
    items_set(&host->results, key, *msgpack);
    return LEAT_OK;
}

/* leat_host.outcome */
static leat_status host_outcome(leat_call *call, leat_status status, const char *code,
                                const char *text, int64_t retry_after_ms)
{
    struct testhost *host = host_of(call);

    free(host->code);
    free(host->text);
    host->code = (char *)sure(strdup(code == NULL ? "plugin.failed" : code));
    host->text = (char *)sure(strdup(text));
    host->retry_after_ms = retry_after_ms;
    return status;
}

/* Asks the run to stop. The lock is held. */
static void cancel(struct testhost *host)
{
    uint64_t one = 1;

    __atomic_store_n(&host->cancelled, 1, __ATOMIC_SEQ_CST);
    if (write(host->cancel_fd, &one, sizeof one) != (ssize_t)sizeof one) {
        breach("eventfd: %s", strerror(errno));
    }
}

/* leat_host.cancelled */
static int32_t host_cancelled(leat_call *call)
{
    return __atomic_load_n(&host_of(call)->cancelled, __ATOMIC_SEQ_CST);
}

/* leat_host.cancel_fd */
static int32_t host_cancel_fd(leat_call *call)
{
    return host_of(call)->cancel_fd;
}

/* leat_host.deadline_ms */
static int64_t host_deadline_ms(leat_call *call)
{
    return host_of(call)->deadline_ms;
}

/* leat_host.progress */
static void host_progress(leat_call *call, double done, const char *text)
{
    struct testhost *host = host_of(call);

    (void)text;
    if (done < 0 || done > 1) {
        breach("%s reports progress %f", host->part->type, done);
    }
    pthread_mutex_lock(&host->lock);
    host->progress_count++;
    if (host->progress_count == host->cancel_progress) {
        cancel(host);
    }
    pthread_mutex_unlock(&host->lock);
}

/* leat_host.log */
static void host_log(leat_call *call, int32_t level, const char *text)
{
    struct testhost *host = host_of(call);
    size_t len = strlen(text);

    (void)level;
    pthread_mutex_lock(&host->lock);
    host->logs = (char *)sure(realloc(host->logs, host->logs_len + len + 2));
    memcpy(host->logs + host->logs_len, text, len);
    memcpy(host->logs + host->logs_len + len, "\n", 2);
    host->logs_len += len + 1;
    if (host->cancel_text != NULL && strstr(text, host->cancel_text) != NULL) {
        cancel(host);
    }
    pthread_mutex_unlock(&host->lock);
}

/* leat_host.alloc */
static void *host_alloc(leat_call *call, size_t size)
{
    struct testhost *host = host_of(call);
    struct block *block = (struct block *)malloc(sizeof *block + size);

    if (block == NULL) {
        return NULL;
    }
    block->next = host->blocks;
    host->blocks = block;
    return block->data;
}

/* leat_host.extension */
static const void *host_extension(leat_call *call, const char *id)
{
    (void)call;
    (void)id;
    return NULL;
}

/* leat_host.state */
static void *host_state(leat_call *call)
{
    return host_of(call)->state;
}

/* leat_host.fact */
static leat_str host_fact(leat_call *call, const char *name)
{
    (void)call;
    if (strcmp(name, "flow_run_id") == 0) {
        return leat_str_of("0198c0de-0000-7000-8000-000000000001");
    }
    if (strcmp(name, "step") == 0) {
        return leat_str_of("test");
    }
    if (strcmp(name, "attempt") == 0) {
        return leat_str_of("1");
    }
    if (strcmp(name, "idempotency_key") == 0) {
        return leat_str_of("test-key");
    }
    return leat_str_of(NULL);
}

static const leat_host table = {
    sizeof(leat_host), LEAT_ABI_MAJOR, LEAT_ABI_MINOR, host_param,       host_input,    host_result,
    host_outcome,      host_cancelled, host_cancel_fd, host_deadline_ms, host_progress, host_log,
    host_alloc,        host_extension, host_state,     host_fact,
};

/* ---- input ---- */

/* The number in a text such as "64KiB" (bytes) or "1.5s" (microseconds). */
static int64_t quantity(const char *text)
{
    static const struct {
        const char *unit;
        double factor;
    } units[] = {{"", 1},     {"B", 1},   {"KiB", 1024}, {"MiB", 1 << 20}, {"GiB", 1 << 30},
                 {"ms", 1e3}, {"s", 1e6}, {"m", 60e6},   {"h", 3600e6}};
    char *end;
    double number = strtod(text, &end);

    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(end, units[i].unit) == 0) {
            return (int64_t)(number * units[i].factor);
        }
    }
    breach("\"%s\" is not a size or duration", text);
}

/* Appends JSON that the test or a descriptor gives. */
static void write_json(leat_writer *writer, const char *name, const char *text)
{
    char why[256];

    if (!leat_json_parse(writer, text, strlen(text), why, sizeof why)) {
        breach("parameter \"%s\": %s in %s", name, why, text);
    }
}

/* Appends the fallback of a parameter. */
static void write_fallback(leat_writer *writer, const leat_param *param)
{
    if ((param->flags & LEAT_PARAM_LIST) != 0) {
        write_json(writer, param->name, param->fallback);
        return;
    }
    switch (param->type) {
    case LEAT_TYPE_STRING:
    case LEAT_TYPE_FILE:
        leat_write_text(writer, param->fallback);
        break;
    case LEAT_TYPE_DURATION:
    case LEAT_TYPE_SIZE:
        leat_write_int(writer, quantity(param->fallback));
        break;
    case LEAT_TYPE_FLOAT:
        leat_write_float(writer, strtod(param->fallback, NULL));
        break;
    default:
        write_json(writer, param->name, param->fallback);
        break;
    }
}

/* 1 when a given value is of the declared type. */
static int type_fits(const leat_param *param, leat_view view)
{
    int type = leat_view_type(view);

    if ((param->flags & LEAT_PARAM_LIST) != 0) {
        return type == LEAT_VIEW_LIST;
    }
    switch (param->type) {
    case LEAT_TYPE_STRING:
    case LEAT_TYPE_FILE:
        return type == LEAT_VIEW_STR;
    case LEAT_TYPE_INT:
    case LEAT_TYPE_DURATION:
    case LEAT_TYPE_SIZE:
        return type == LEAT_VIEW_INT;
    case LEAT_TYPE_FLOAT:
        return type == LEAT_VIEW_INT || type == LEAT_VIEW_FLOAT;
    case LEAT_TYPE_BOOL:
        return type == LEAT_VIEW_BOOL;
    case LEAT_TYPE_BYTES:
        return type == LEAT_VIEW_BYTES;
    default:
        return 1;
    }
}

/* Puts the input together: what was given, checked, and the fallbacks. */
static void build_input(struct testhost *host)
{
    leat_writer writer;

    for (size_t i = 0; i < host->params.n; i++) {
        if (param_find(host->part, host->params.list[i].name) == NULL) {
            breach("%s has no parameter \"%s\"", host->part->type, host->params.list[i].name);
        }
    }
    leat_writer_init(&writer, &host->call);
    leat_write_map_begin(&writer);
    for (const leat_param *param = host->part->params; param->name != NULL; param++) {
        leat_str given = items_get(&host->params, param->name);

        if (given.ptr == NULL && (param->flags & LEAT_PARAM_REQUIRED) != 0) {
            breach("%s needs the parameter \"%s\"", host->part->type, param->name);
        }
        if (given.ptr == NULL && param->fallback == NULL) {
            continue;
        }
        leat_write_key(&writer, param->name);
        if (given.ptr == NULL) {
            write_fallback(&writer, param);
            continue;
        }
        if (!type_fits(param, leat_view_of(given))) {
            breach("%s: parameter \"%s\" has the wrong type", host->part->type, param->name);
        }
        leat_write_value(&writer, given);
    }
    leat_write_map_end(&writer);
    host->input = leat_writer_done(&writer);
    if (host->input.ptr == NULL) {
        breach("the input could not be written");
    }
}

/* ---- what the test sees ---- */

struct testhost *testhost_new(const leat_plugin *plugin)
{
    struct testhost *host = (struct testhost *)sure(calloc(1, sizeof *host));

    host->call.host = &table;
    host->plugin = plugin;
    host->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    host->deadline_ms = -1;
    pthread_mutex_init(&host->lock, NULL);
    if (plugin->magic != LEAT_PLUGIN_MAGIC || plugin->abi_major != LEAT_ABI_MAJOR) {
        breach("that is not a plugin");
    }
    if (plugin->open != NULL && plugin->open(&host->call, &host->state) != LEAT_OK) {
        breach("%s does not open: %s", plugin->name, testhost_text(host));
    }
    return host;
}

/* Forgets what the last run left. */
static void forget(struct testhost *host)
{
    while (host->blocks != NULL) {
        struct block *next = host->blocks->next;

        free(host->blocks);
        host->blocks = next;
    }
    items_clear(&host->results);
    items_clear(&host->texts);
    free(host->logs);
    free(host->code);
    free(host->text);
    host->logs = NULL;
    host->logs_len = 0;
    host->code = NULL;
    host->text = NULL;
    host->retry_after_ms = -1;
    host->progress_count = 0;
    host->refused = 0;
}

void testhost_free(struct testhost *host)
{
    if (host == NULL) {
        return;
    }
    if (host->plugin->close != NULL) {
        host->plugin->close(host->state);
    }
    testhost_reset(host);
    forget(host);
    close(host->cancel_fd);
    pthread_mutex_destroy(&host->lock);
    free(host);
}

void testhost_param(struct testhost *host, const char *name, const char *json_format, ...)
{
    leat_writer writer;
    leat_str value;
    char *json = NULL;
    va_list args;

    va_start(args, json_format);
    if (vasprintf(&json, json_format, args) < 0) {
        breach("out of memory");
    }
    va_end(args);
    leat_writer_init(&writer, &host->call);
    write_json(&writer, name, json);
    free(json);
    value = leat_writer_done(&writer);
    testhost_param_value(host, name, value);
}

void testhost_param_value(struct testhost *host, const char *name, leat_str msgpack)
{
    items_set(&host->params, name, msgpack);
}

void testhost_reset(struct testhost *host)
{
    uint64_t count;

    items_clear(&host->params);
    free(host->cancel_text);
    host->cancel_text = NULL;
    host->cancel_progress = 0;
    host->deadline_ms = -1;
    host->cancelled = 0;
    (void)!read(host->cancel_fd, &count, sizeof count);
}

void testhost_cancel_on_log(struct testhost *host, const char *text)
{
    free(host->cancel_text);
    host->cancel_text = (char *)sure(strdup(text));
    if (text[0] == '\0') {
        cancel(host);
    }
}

void testhost_cancel_on_progress(struct testhost *host, unsigned count)
{
    host->cancel_progress = count;
}

void testhost_deadline(struct testhost *host, int64_t deadline_ms)
{
    host->deadline_ms = deadline_ms;
}

leat_status testhost_run(struct testhost *host, const char *type)
{
    leat_status status;

    forget(host);
    host->part = NULL;
    for (size_t i = 0; host->plugin->parts[i] != NULL; i++) {
        if (strcmp(host->plugin->parts[i]->type, type) == 0) {
            host->part = host->plugin->parts[i];
        }
    }
    if (host->part == NULL) {
        breach("%s has no part \"%s\"", host->plugin->name, type);
    }
    build_input(host);
    status = host->part->run(&host->call);
    return host->refused ? LEAT_FAIL : status;
}

leat_view testhost_result(const struct testhost *host, const char *key)
{
    return leat_view_of(items_get(&host->results, key));
}

const char *testhost_json(struct testhost *host, const char *key)
{
    leat_view view = testhost_result(host, key);
    char *json;

    if (view.len == 0) {
        return "";
    }
    json = (char *)sure(leat_json_text(view, JSON_COMPACT));
    items_set(&host->texts, key, leat_str_of(json));
    free(json);
    return items_get(&host->texts, key).ptr;
}

const char *testhost_code(const struct testhost *host)
{
    return host->code == NULL ? "" : host->code;
}

const char *testhost_text(const struct testhost *host)
{
    return host->text == NULL ? "" : host->text;
}

int64_t testhost_retry_after_ms(const struct testhost *host)
{
    return host->retry_after_ms;
}

const char *testhost_logs(const struct testhost *host)
{
    return host->logs == NULL ? "" : host->logs;
}

unsigned testhost_progress_count(const struct testhost *host)
{
    return host->progress_count;
}

int testhost_shell(const char *format, ...)
{
    char *line = NULL;
    int status = 0;
    pid_t pid;
    va_list args;

    va_start(args, format);
    if (vasprintf(&line, format, args) < 0) {
        breach("out of memory");
    }
    va_end(args);
    char *argv[] = {(char[]){"sh"}, (char[]){"-c"}, line, NULL};

    if (posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) != 0) {
        breach("there is no shell");
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    free(line);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
