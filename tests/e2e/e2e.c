/*
 * See e2e.h.
 */
#include "tests/e2e/e2e.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/hooks.h>

enum {
    KEPT_MAX = 4096,
    FIFOS_MAX = 16,
    ARGS_MAX = 128,
    WAIT_MS = 40000, /* for anything, in a release */
    LOOK_MS = 10,    /* between two looks at /proc, which can not be waited for */
    SCAN_BYTES = 64 * 1024,
};

extern char **environ;

struct fifo {
    char *path;
    int fd;
};

struct e2e_process {
    pid_t pid;
    int number;
    int64_t started_us;
};

static struct {
    char dir[256];
    char home[300];
    void *kept[KEPT_MAX];
    int kept_count;
    json_t *documents[KEPT_MAX];
    int document_count;
    struct fifo fifos[FIFOS_MAX];
    int fifo_count;
    int process_count;
} kit;

/* ---- small things -----------------------------------------------------------------------------
 */

/* Microseconds of the monotonic clock. */
static int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Keeps memory until the test ends. */
static void *keep(void *memory)
{
    cr_assert_not_null(memory, "no memory");
    cr_assert_lt(kit.kept_count, KEPT_MAX, "too many texts in one test");
    kit.kept[kit.kept_count++] = memory;
    return memory;
}

/* Keeps a document until the test ends. */
static json_t *keep_document(json_t *document)
{
    cr_assert_lt(kit.document_count, KEPT_MAX, "too many documents in one test");
    kit.documents[kit.document_count++] = document;
    return document;
}

char *e2e_text(const char *format, ...)
{
    char *text = NULL;
    va_list args;

    va_start(args, format);
    cr_assert_geq(vasprintf(&text, format, args), 0);
    va_end(args);
    return keep(text);
}

/* A variable of the environment that `make test` sets. */
static const char *given(const char *name)
{
    const char *value = getenv(name);

    cr_assert(value && value[0], "%s is not set: run the tests with `make test`", name);
    return value;
}

int e2e_patience(void)
{
    const char *variant = getenv("LEAT_VARIANT");

    return variant && (strcmp(variant, "asan") == 0 || strcmp(variant, "tsan") == 0 ||
                       strcmp(variant, "coverage") == 0)
               ? 5
               : 1;
}

const char *e2e_dir(void)
{
    return kit.dir;
}

const char *e2e_home(void)
{
    return kit.home;
}

/* A document as text, for messages. */
static const char *dump(json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

    return text ? keep(text) : "nothing";
}

/* ---- files ------------------------------------------------------------------------------------
 */

/* The absolute path of a name. */
static const char *absolute(const char *name)
{
    return name[0] == '/' ? name : e2e_text("%s/%s", kit.dir, name);
}

void e2e_write_bytes(const char *name, const void *bytes, size_t len)
{
    FILE *file = fopen(absolute(name), "we");

    cr_assert_not_null(file, "%s: %s", name, strerror(errno));
    cr_assert_eq(fwrite(bytes, 1, len, file), len);
    cr_assert_eq(fclose(file), 0);
}

void e2e_write(const char *name, const char *text)
{
    e2e_write_bytes(name, text, strlen(text));
}

const char *e2e_read(const char *name)
{
    FILE *file = fopen(absolute(name), "re");
    struct stat found;
    char *text;
    size_t len;

    if (!file) {
        return "";
    }
    cr_assert_eq(fstat(fileno(file), &found), 0);
    text = keep(malloc((size_t)found.st_size + 1));
    len = fread(text, 1, (size_t)found.st_size, file);
    text[len] = '\0';
    fclose(file);
    return text;
}

bool e2e_exists(const char *name)
{
    return access(absolute(name), F_OK) == 0;
}

int e2e_lines(const char *name)
{
    int count = 0;

    for (const char *text = e2e_read(name); *text; text++) {
        count += *text == '\n';
    }
    return count;
}

/* Copies a file that must exist; the copy's time is past, as if it had been there for long. */
static void copy(const char *from, const char *to, mode_t mode)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = time(NULL) - 60}};
    const char *partial = e2e_text("%s.new", to);
    int source = open(from, O_RDONLY | O_CLOEXEC);
    int target = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    char block[SCAN_BYTES];

    cr_assert(source >= 0 && target >= 0, "%s: %s", from, strerror(errno));
    for (ssize_t len = read(source, block, sizeof(block)); len > 0;
         len = read(source, block, sizeof(block))) {
        cr_assert_eq(write(target, block, (size_t)len), len);
    }
    cr_assert_eq(fchmod(target, mode), 0);
    futimens(target, times);
    close(source);
    close(target);
    cr_assert_eq(rename(partial, to), 0);
}

void e2e_plugin(const char *name)
{
    const char *build = given("LEAT_BUILD");
    const char *path = e2e_text("%s/hostile/%s.so", build, name);

    if (!e2e_exists(path)) {
        path = e2e_text("%s/examples/plugins/%s.so", build, name);
    }
    mkdir(kit.home, 0700);
    mkdir(e2e_text("%s/plugins", kit.home), 0700);
    copy(path, e2e_text("%s/plugins/%s.so", kit.home, name), 0644);
}

static const char *wanted_text;

/* nftw(): 1 when this file or its name holds the wanted text. */
static int look_into(const char *path, const struct stat *found, int type, struct FTW *place)
{
    int holds = strstr(path + place->base, wanted_text) != NULL;
    FILE *file;
    char *bytes;
    size_t len;

    if (type != FTW_F || holds) {
        return holds;
    }
    file = fopen(path, "re");
    bytes = malloc((size_t)found->st_size + 1);
    if (file && bytes) {
        len = fread(bytes, 1, (size_t)found->st_size, file);
        holds = memmem(bytes, len, wanted_text, strlen(wanted_text)) != NULL;
    }
    free(bytes);
    if (file) {
        fclose(file);
    }
    return holds;
}

bool e2e_tree_holds(const char *name, const char *text)
{
    wanted_text = text;
    return nftw(absolute(name), look_into, 16, FTW_PHYS) == 1;
}

/* ---- FIFOs ------------------------------------------------------------------------------------
 */

void e2e_fifo(const char *name)
{
    const char *path = absolute(name);
    struct fifo *fifo = &kit.fifos[kit.fifo_count++];

    cr_assert_leq(kit.fifo_count, FIFOS_MAX);
    cr_assert_eq(mkfifo(path, 0600), 0);
    /* Open for both ends, so that neither side ever blocks or finds it closed. */
    fifo->fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    fifo->path = e2e_text("%s", path);
    cr_assert_geq(fifo->fd, 0);
}

/* The open FIFO of that name. */
static const struct fifo *find_fifo(const char *name)
{
    const char *path = absolute(name);

    for (int i = 0; i < kit.fifo_count; i++) {
        if (strcmp(kit.fifos[i].path, path) == 0) {
            return &kit.fifos[i];
        }
    }
    cr_assert(false, "there is no FIFO %s", name);
    return NULL;
}

const char *e2e_take_line(const char *name)
{
    const struct fifo *fifo = find_fifo(name);
    char line[1024];
    size_t len = 0;

    for (;;) {
        struct pollfd readable = {fifo->fd, POLLIN, 0};

        cr_assert_eq(poll(&readable, 1, WAIT_MS * e2e_patience()), 1, "nobody wrote to %s", name);
        cr_assert_lt(len, sizeof(line));
        if (read(fifo->fd, line + len, 1) == 1) {
            if (line[len] == '\n') {
                return e2e_text("%.*s", (int)len, line);
            }
            len++;
        }
    }
}

void e2e_give_line(const char *name)
{
    cr_assert_eq(write(find_fifo(name)->fd, "go\n", 3), 3);
}

/* ---- processes --------------------------------------------------------------------------------
 */

/* Waits up to <ms> for the end of a process that a pidfd stands for; true when it ended. */
static bool ends_within(pid_t pid, int ms)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd ended = {fd, POLLIN, 0};
    bool over = fd < 0 || poll(&ended, 1, ms) == 1;

    if (fd >= 0) {
        close(fd);
    }
    return over;
}

struct e2e_process *e2e_start_program(const char *const *argv)
{
    struct e2e_process *process = keep(calloc(1, sizeof(*process)));
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    int err;

    process->number = kit.process_count++;
    process->started_us = now_us();
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, absolute(e2e_text(".out%d", process->number)),
                                     O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_addopen(&actions, 2, absolute(e2e_text(".err%d", process->number)),
                                     O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_addchdir_np(&actions, kit.dir);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attributes, &none);
    err = posix_spawnp(&process->pid, argv[0], &actions, &attributes,
                       (char *const *)(uintptr_t)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    cr_assert_eq(err, 0, "%s: %s", argv[0], strerror(err));
    return process;
}

struct e2e_process *e2e_start_args(const char *const *args)
{
    const char *argv[ARGS_MAX] = {given("LEAT_BIN")};

    for (int i = 0; args[i]; i++) {
        cr_assert_lt(i, ARGS_MAX - 2);
        argv[i + 1] = args[i];
    }
    return e2e_start_program(argv);
}

pid_t e2e_pid(const struct e2e_process *process)
{
    return process->pid;
}

const struct e2e_out *e2e_wait(struct e2e_process *process)
{
    struct e2e_out *out = keep(calloc(1, sizeof(*out)));
    int status = 0;

    if (!ends_within(process->pid, WAIT_MS * e2e_patience())) {
        kill(-process->pid, SIGKILL);
        waitpid(process->pid, &status, 0);
        cr_assert(false, "a command did not end in time; stderr: %s",
                  e2e_read(e2e_text(".err%d", process->number)));
    }
    cr_assert_eq(waitpid(process->pid, &status, 0), process->pid);
    out->code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    out->out = e2e_read(e2e_text(".out%d", process->number));
    out->err = e2e_read(e2e_text(".err%d", process->number));
    out->seconds = (double)(now_us() - process->started_us) / 1e6;
    return out;
}

/* Reads a file of /proc with its NULs as blanks; false when it is gone or empty. */
static bool read_proc(const char *pid, const char *name, char *ret_text, size_t size)
{
    char path[300];
    ssize_t len = -1;
    int fd;

    snprintf(path, sizeof(path), "/proc/%s/%s", pid, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        len = read(fd, ret_text, size - 1);
        close(fd);
    }
    for (ssize_t i = 0; i < len; i++) {
        ret_text[i] = ret_text[i] ? ret_text[i] : ' ';
    }
    ret_text[len > 0 ? len : 0] = '\0';
    return len > 0;
}

/* True when a process belongs to this test: by where it works, its arguments or its environment. */
static bool is_ours(const char *pid)
{
    static char text[SCAN_BYTES];
    char path[300];
    char target[512];
    ssize_t len;

    snprintf(path, sizeof(path), "/proc/%s/cwd", pid);
    len = readlink(path, target, sizeof(target) - 1);
    target[len > 0 ? len : 0] = '\0';
    if (strstr(target, kit.dir)) {
        return true;
    }
    if (read_proc(pid, "cmdline", text, sizeof(text)) && strstr(text, kit.dir)) {
        return true;
    }
    return read_proc(pid, "environ", text, sizeof(text)) && strstr(text, kit.dir);
}

/* A process of this test whose command line holds <part>, which is copied to <ret_line>; or 0. */
static pid_t scan(const char *part, pid_t not_pid, char *ret_line, size_t size)
{
    DIR *proc = opendir("/proc");
    pid_t found = 0;

    cr_assert_not_null(proc);
    for (struct dirent *entry = readdir(proc); entry && !found; entry = readdir(proc)) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10); /* 0 for names */

        if (pid > 0 && pid != getpid() && pid != not_pid && is_ours(entry->d_name) &&
            read_proc(entry->d_name, "cmdline", ret_line, size) && strstr(ret_line, part)) {
            found = pid;
        }
    }
    closedir(proc);
    return found;
}

pid_t e2e_find_process(const char *part, pid_t not_pid)
{
    int64_t deadline_us = now_us() + (int64_t)WAIT_MS * 1000 * e2e_patience();
    char line[4096];

    while (now_us() < deadline_us) {
        pid_t pid = scan(part, not_pid, line, sizeof(line));

        if (pid > 0) {
            return pid;
        }
        poll(NULL, 0, LOOK_MS);
    }
    cr_assert(false, "there is no process with \"%s\"", part);
    return 0;
}

void e2e_await_gone(pid_t pid)
{
    cr_assert(ends_within(pid, WAIT_MS * e2e_patience()), "process %d goes on", (int)pid);
}

/* Waits for every process of this test; then kills what is left and fails. */
static void expect_no_process(void)
{
    char line[4096];
    char left[4096] = "";
    pid_t pid;

    for (pid = scan("", 0, line, sizeof(line)); pid > 0; pid = scan("", 0, line, sizeof(line))) {
        if (!ends_within(pid, left[0] ? 0 : 5000 * e2e_patience())) {
            memcpy(left, line, sizeof(left));
            kill(pid, SIGKILL);
            ends_within(pid, WAIT_MS);
        }
        waitpid(pid, NULL, WNOHANG);
    }
    cr_assert(left[0] == '\0', "a process was left: %s", left);
}

/* ---- fixtures ---------------------------------------------------------------------------------
 */

/* nftw(): removes. */
static int remove_one(const char *path, const struct stat *found, int type, struct FTW *place)
{
    (void)found;
    (void)type;
    (void)place;
    remove(path);
    return 0;
}

/* nftw(): makes directories passable. */
static int open_one(const char *path, const struct stat *found, int type, struct FTW *place)
{
    (void)found;
    (void)place;
    if (type == FTW_D || type == FTW_DNR) {
        chmod(path, 0700);
    }
    return 0;
}

/* Removes a directory with all that it holds. */
static void remove_tree(const char *path)
{
    nftw(path, open_one, 16, FTW_PHYS);
    nftw(path, remove_one, 16, FTW_PHYS | FTW_DEPTH);
}

/* Where the home is kept that others are copied from: one for all tests of a test program. */
static void warm_path(char *ret_path, size_t size, pid_t runner)
{
    const char *temporary = getenv("TMPDIR");

    snprintf(ret_path, size, "%s/leat-e2e-warm.%d", temporary ? temporary : "/tmp", (int)runner);
}

void e2e_begin_cold(void)
{
    const char *temporary = getenv("TMPDIR");

    memset(&kit, 0, sizeof(kit));
    snprintf(kit.dir, sizeof(kit.dir), "%s/e2e.XXXXXX", temporary ? temporary : "/tmp");
    cr_assert_not_null(mkdtemp(kit.dir));
    snprintf(kit.home, sizeof(kit.home), "%s/home", kit.dir);
    cr_assert_eq(setenv("LEAT_HOME", kit.home, 1), 0);
}

void e2e_begin(void)
{
    char warm[256];

    e2e_begin_cold();
    warm_path(warm, sizeof(warm), getppid());
    if (access(warm, F_OK) != 0) {
        const struct e2e_out *out = e2e_leat("plugin", "ls");

        cr_assert_eq(out->code, 0, "%s", out->err);
        cr_assert_eq(rename(kit.home, warm), 0);
    }
    cr_assert_eq(
        e2e_wait(e2e_start_program((const char *const[]){"cp", "-a", warm, kit.home, NULL}))->code,
        0);
}

void e2e_end(void)
{
    expect_no_process();
    for (int i = 0; i < kit.fifo_count; i++) {
        close(kit.fifos[i].fd);
    }
    remove_tree(kit.dir);
    for (int i = 0; i < kit.document_count; i++) {
        json_decref(kit.documents[i]);
    }
    for (int i = 0; i < kit.kept_count; i++) {
        free(kit.kept[i]);
    }
}

/* The home that others are copied from goes with the test program. */
ReportHook(POST_ALL)(struct criterion_global_stats *stats)
{
    char warm[256];

    (void)stats;
    warm_path(warm, sizeof(warm), getpid());
    remove_tree(warm);
}

/* ---- flows ------------------------------------------------------------------------------------
 */

struct e2e_process *e2e_start_flow_args(const char *yaml, const char *const *args)
{
    const char *all[ARGS_MAX] = {"run", "flow.yaml", "-o", "json"};

    e2e_write("flow.yaml", yaml);
    for (int i = 0; args[i]; i++) {
        cr_assert_lt(i, ARGS_MAX - 6);
        all[i + 4] = args[i];
    }
    return e2e_start_args(all);
}

json_t *e2e_document(const struct e2e_out *out)
{
    json_error_t error;
    json_t *document = keep_document(json_loads(out->out, JSON_ALLOW_NUL, &error));
    const char *type;

    cr_assert_not_null(document, "exit code %d, no JSON (%s): %s\n%s", out->code, error.text,
                       out->out, out->err);
    type = e2e_member(json_object_get(document, "state"), "type");
    cr_assert_eq(out->code,
                 strcmp(type, "COMPLETED") == 0   ? 0
                 : strcmp(type, "CANCELLED") == 0 ? 4
                                                  : 1,
                 "exit code %d for %s\n%s", out->code, type, out->err);
    return document;
}

json_t *e2e_run_args(const char *yaml, const char *const *args)
{
    return e2e_document(e2e_wait(e2e_start_flow_args(yaml, args)));
}

json_t *e2e_json_args(const char *const *args)
{
    const char *all[ARGS_MAX] = {NULL};
    const struct e2e_out *out;
    json_error_t error;
    json_t *document;
    int count = 0;

    for (; args[count]; count++) {
        cr_assert_lt(count, ARGS_MAX - 4);
        all[count] = args[count];
    }
    all[count] = "-o";
    all[count + 1] = "json";
    out = e2e_wait(e2e_start_args(all));
    cr_assert_eq(out->code, 0, "exit code %d: %s", out->code, out->err);
    document = keep_document(json_loads(out->out, JSON_ALLOW_NUL, &error));
    cr_assert_not_null(document, "no JSON (%s): %s", error.text, out->out);
    return document;
}

const char *e2e_refused_args(const char *yaml, const char *words, const char *const *args)
{
    const struct e2e_out *out = e2e_wait(e2e_start_flow_args(yaml, args));

    cr_assert_eq(out->code, 2, "exit code %d: %s%s", out->code, out->out, out->err);
    e2e_expect_words(out->err, words);
    return out->err;
}

json_t *e2e_task(json_t *run, const char *name)
{
    json_t *task;
    size_t i;

    json_array_foreach(json_object_get(run, "task_runs"), i, task)
    {
        if (strcmp(e2e_member(task, "name"), name) == 0) {
            return task;
        }
    }
    cr_assert(false, "there is no task run %s in %s", name, dump(run));
    return NULL;
}

const char *e2e_member(json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "";
}

const char *e2e_state(json_t *object)
{
    return e2e_member(json_object_get(object, "state"), "name");
}

double e2e_instant(json_t *object, const char *name)
{
    const char *text = e2e_member(object, name);
    struct tm parts = {0};
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);

    cr_assert_not_null(rest, "%s is no instant: \"%s\"", name, text);
    return (double)timegm(&parts) + (*rest == '.' ? strtod(rest, NULL) : 0.0);
}

void e2e_expect_state(json_t *object, const char *name)
{
    cr_assert_str_eq(e2e_state(object), name, "%s", dump(object));
}

void e2e_expect_task(json_t *run, const char *task, const char *state)
{
    cr_assert_str_eq(e2e_state(e2e_task(run, task)), state, "%s: %s", task, dump(run));
}

void e2e_expect_json(json_t *value, const char *json)
{
    json_t *wanted = keep_document(json_loads(json, JSON_DECODE_ANY, NULL));

    cr_assert_not_null(wanted, "the test's own JSON is wrong: %s", json);
    cr_assert(json_equal(value, wanted), "%s\nis not %s", dump(value), json);
}

void e2e_expect_result(json_t *run, const char *json)
{
    json_t *result = json_object_get(run, "result");

    cr_assert_not_null(result, "%s", dump(run));
    e2e_expect_json(result, json);
}

void e2e_expect_error(json_t *object, const char *code, const char *words)
{
    json_t *error = json_object_get(object, "error");

    cr_assert_str_eq(e2e_member(error, "code"), code, "%s", dump(object));
    e2e_expect_words(e2e_member(error, "text"), words);
}

void e2e_expect_words(const char *text, const char *words)
{
    cr_assert_not_null(strstr(text, words), "\"%s\" is not in: %s", words, text);
}
