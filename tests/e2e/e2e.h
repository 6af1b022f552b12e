/*
 * The real program as a user drives it, for the tests of this folder.
 *
 * Every test has a directory of its own with a home in it. e2e_leat() runs the program there,
 * e2e_run() a flow with `-o json`; documents, texts and outcomes live until e2e_end(), which fails
 * the test when a process of its home is left. Nothing here sleeps: tests and steps meet at FIFOs.
 *
 * The environment names the program (LEAT_BIN), what was built with it (LEAT_BUILD) and the sources
 * (LEAT_ROOT).
 */
#ifndef TESTS_E2E_H
#define TESTS_E2E_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <jansson.h>

/* Fixtures: a fresh home in which all bundled plugins are known already, and its end. */
void e2e_begin(void);
void e2e_end(void);
/* A home that does not exist yet, for tests of the first start. */
void e2e_begin_cold(void);

/* The directory that commands run in, and the home; both absolute. */
const char *e2e_dir(void);
const char *e2e_home(void);
/* How much longer things may take in this variant of the program. */
int e2e_patience(void);
/* A formatted text that lives as long as the test. */
char *e2e_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- files: relative names begin in e2e_dir() -------------------------------------------------
 */

void e2e_write(const char *name, const char *text);
void e2e_write_bytes(const char *name, const void *bytes, size_t len);
/* The content; "" when there is no such file. */
const char *e2e_read(const char *name);
bool e2e_exists(const char *name);
/* Line ends in a file; 0 when there is none. */
int e2e_lines(const char *name);
/* Copies a test plugin or an example plugin into HOME/plugins as NAME.so. */
void e2e_plugin(const char *name);
/* True when the file tree below <name> holds <text> anywhere, file names included. */
bool e2e_tree_holds(const char *name, const char *text);

/* ---- meeting a step: a FIFO that never blocks its writer --------------------------------------
 */

/* Makes one; steps say `echo x >NAME` or `read x <NAME`. */
void e2e_fifo(const char *name);
/* Waits for the next line, without its end. */
const char *e2e_take_line(const char *name);
/* Lets one `read` go on. */
void e2e_give_line(const char *name);

/* ---- processes --------------------------------------------------------------------------------
 */

struct e2e_process;

/* What a command left. */
struct e2e_out {
    int code;        /* its exit code, or 128 + the signal that killed it */
    const char *out; /* NUL-terminated */
    const char *err;
    double seconds; /* how long it took */
};

/* Starts a program with its arguments (NULL-terminated) in a process group of its own. */
struct e2e_process *e2e_start_program(const char *const *argv);
/* Starts leat. */
struct e2e_process *e2e_start_args(const char *const *args);
#define e2e_start(...) e2e_start_args((const char *const[]){__VA_ARGS__, NULL})
pid_t e2e_pid(const struct e2e_process *process);
/* Its outcome; fails the test when that takes too long. */
const struct e2e_out *e2e_wait(struct e2e_process *process);
/* Runs leat to its end. */
#define e2e_leat(...) e2e_wait(e2e_start(__VA_ARGS__))

/* The process of this test's home, other than <not_pid>, whose command line holds <part>; waits for
 * one to appear. */
pid_t e2e_find_process(const char *part, pid_t not_pid);
/* Waits until a process is gone. */
void e2e_await_gone(pid_t pid);

/* ---- flows ------------------------------------------------------------------------------------
 */

/* Writes flow.yaml, runs it with `-o json` and the further arguments, and gives the document. Fails
 * the test when the exit code does not fit the state. */
json_t *e2e_run_args(const char *yaml, const char *const *args);
#define e2e_run(yaml, ...) e2e_run_args(yaml, &(const char *const[]){"", ##__VA_ARGS__, NULL}[1])
/* The same in the background; e2e_document() makes the document of its outcome. */
struct e2e_process *e2e_start_flow_args(const char *yaml, const char *const *args);
#define e2e_start_flow(yaml, ...) \
    e2e_start_flow_args(yaml, &(const char *const[]){"", ##__VA_ARGS__, NULL}[1])
json_t *e2e_document(const struct e2e_out *out);
/* Runs any command with `-o json`, which must end with 0. */
json_t *e2e_json_args(const char *const *args);
#define e2e_json(...) e2e_json_args((const char *const[]){__VA_ARGS__, NULL})
/* Runs a flow that must be refused with exit code 2 and words on stderr; gives stderr. */
const char *e2e_refused_args(const char *yaml, const char *words, const char *const *args);
#define e2e_refused(yaml, words, ...) \
    e2e_refused_args(yaml, words, &(const char *const[]){"", ##__VA_ARGS__, NULL}[1])

/* The task run of that name; fails the test when there is none. */
json_t *e2e_task(json_t *run, const char *name);
/* A member that is a text, or "". */
const char *e2e_member(json_t *object, const char *name);
/* The name of the state of a flow run or task run. */
const char *e2e_state(json_t *object);
/* Instants as seconds since 1970, to the microsecond. */
double e2e_instant(json_t *object, const char *name);
/* Each fails the test when it is otherwise. */
void e2e_expect_state(json_t *object, const char *name);
void e2e_expect_task(json_t *run, const char *task, const char *state);
void e2e_expect_result(json_t *run, const char *json);
void e2e_expect_json(json_t *value, const char *json);
void e2e_expect_error(json_t *object, const char *code, const char *words);
void e2e_expect_words(const char *text, const char *words);

#endif
