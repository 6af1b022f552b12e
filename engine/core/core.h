/*
 * The decisions of the engine as a pure function: (state, event) -> (state, decisions).
 *
 * A struct core holds every live flow run. core_apply() changes it by one event and appends what
 * must happen to a list; it knows no clock, disk, process or socket (time comes with the event,
 * randomness from the seeded generator given at creation). The layer above makes the transitions
 * durable first and carries out the other decisions afterwards.
 *
 *                 PREPARED            capacity            ENDED ok
 *   Pending ----------------> ready ----------> Running ----------> Completed
 *      |  hit -> Cached         when false -> Skipped     | failed, tries left
 *      |  input broken -> Failed                          v
 *      |  upstream failed -> UpstreamFailed        AwaitingRetry --timer--> ready --> Retrying
 *
 * One thread. Nothing here fails for lack of memory except where an outsider sets the size.
 */
#ifndef CORE_CORE_H
#define CORE_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/rng.h"
#include "base/uuid.h"
#include "core/state.h"
#include "model/flow.h"
#include "value/val.h"

/* Task index of a transition that concerns the flow run itself. */
#define CORE_NO_TASK UINT32_MAX
/* Most task runs in one flow run, maps included. */
#define CORE_TASKS_MAX 4000000u
/* Deepest nesting of subflows. */
#define CORE_SUBFLOW_DEPTH_MAX 32u

/* Why something ended, for people and for retry_on. Both parts are owned by the holder. */
struct core_error {
    char *code; /* "http.timeout" */
    char *text; /* one sentence */
};

/* One task run: a step, or one child of a mapped step. */
struct task {
    uint32_t index;     /* place in run->tasks, and the key of its row */
    uint32_t step;      /* place in run->flow->steps */
    int32_t map_index;  /* place in the list of a mapped step, -1 for the step itself */
    uint8_t state;      /* enum state */
    bool ready;         /* prepared, waits for capacity */
    bool killing;       /* its attempt was told to stop */
    uint8_t kill_state; /* enum state it ends in when the stop succeeds */
    uint16_t attempt;   /* 1 for the first; 0 before it */
    uint32_t epoch;     /* changes with every attempt and every take-back; reports must match */
    uint32_t lane;      /* which queue its part uses; the drive's number */
    uint32_t waiting_on; /* dependencies that are not terminal yet */
    int64_t started_us; /* wall clock of the first Running, 0 before */
    int64_t ended_us;   /* wall clock of the terminal state, 0 before */
    int64_t due_us;     /* wall clock of the next attempt while AwaitingRetry */
    uint64_t child_run; /* run number of the subflow, 0 for tasks */
    struct val input;   /* owned; present from PREPARED until the end */
    struct val result;  /* owned; present when Completed or Cached */
    struct core_error *error; /* owned; NULL when there is none */
    struct hash cache_key;    /* meaningful when has_cache_key */
    bool has_cache_key;
    uint32_t next_ready; /* intrusive queues of ready and waiting tasks */
};

/* A mapped step's children lie together in run->tasks. */
struct run_step {
    uint32_t first_child;
    uint32_t child_count;
    uint32_t children_done;
    uint32_t children_bad; /* ended but not Completed */
};

/* One flow run. */
struct run {
    uint64_t number; /* dense and monotonic; the key of its rows */
    struct uuid uuid;
    struct flow *flow; /* a reference */
    struct hash flow_hash;
    char *name;
    char *base_dir;
    struct val params; /* owned */
    char **tags;       /* owned, NULL-terminated; flow's and caller's */
    uint8_t state;
    uint8_t kill_state; /* end state while Cancelling: Cancelled or TimedOut */
    bool refresh_cache;
    bool in_finally;
    uint32_t depth;
    uint64_t parent_run; /* 0 for a top-level run */
    uint32_t parent_task;
    int64_t created_us;
    int64_t started_us;
    int64_t ended_us;
    struct val result;
    struct core_error *error;
    struct run_step *steps; /* one per step of the flow */
    struct task *tasks;
    uint32_t task_count;
    uint32_t open;      /* tasks (maps' parents included) that are not terminal, this phase */
    uint32_t active;    /* tasks that occupy the flow's width */
    uint32_t wait_head; /* ready tasks that wait for the flow's width */
    uint32_t wait_tail;
    void *user; /* the drive's own data about this run */
};

/* ---- events ------------------------------------------------------------------------------- */

enum core_event_type {
    CORE_SUBMIT,   /* a new flow run */
    CORE_PREPARED, /* the drive has resolved a task's input */
    CORE_MAPPED,   /* the drive has resolved a mapped step's list */
    CORE_CAPACITY, /* hosts of a lane could take this many more calls */
    CORE_ENDED,    /* an attempt ended, or a subflow could not be submitted */
    CORE_RETURNED, /* an attempt never began and is handed back */
    CORE_TIMER,    /* an armed timer rang */
    CORE_OUTPUT,   /* the drive has resolved the flow's output */
    CORE_CANCEL,   /* somebody wants the run to stop */
};

enum core_prepared {
    CORE_PREPARED_RUN,  /* input is there; run it */
    CORE_PREPARED_SKIP, /* `when` is false */
    CORE_PREPARED_HIT,  /* the cache has the result */
    CORE_PREPARED_FAIL, /* the input can not be made; code and text say why */
};

enum core_outcome {
    CORE_OUTCOME_OK,
    CORE_OUTCOME_RETRY,
    CORE_OUTCOME_FAIL,
    CORE_OUTCOME_CANCELLED,
    CORE_OUTCOME_CRASHED,
    CORE_OUTCOME_TIMED_OUT,
};

enum core_timer {
    CORE_TIMER_RETRY,       /* a task's next attempt is due */
    CORE_TIMER_TIMEOUT,     /* a task's attempt has run long enough */
    CORE_TIMER_RUN_TIMEOUT, /* the flow run has */
};

/* One event. Values and texts are borrowed for the call. Members not named for a type are unused. */
struct core_event {
    enum core_event_type type;
    int64_t wall_us; /* always */
    uint64_t run;    /* always, but for CAPACITY */
    uint32_t task;   /* PREPARED, MAPPED, ENDED, RETURNED, TIMER */
    uint32_t epoch;  /* ENDED, RETURNED, TIMER: ignored when it is not the task's present one */
    union {
        struct { /* the drive fills it; core takes over flow (a reference) only on success */
            struct uuid uuid;
            struct flow *flow;
            struct hash flow_hash;
            const char *name;
            const char *base_dir;
            struct val params;
            const char *const *tags; /* NULL-terminated or NULL */
            bool refresh_cache;
            uint64_t parent_run;
            uint32_t parent_task;
        } submit;
        struct {
            enum core_prepared how;
            struct val input;
            struct val result;       /* HIT */
            const struct hash *key;  /* RUN or HIT; NULL when the cache is off */
            uint32_t lane;           /* RUN */
            const char *code;        /* FAIL */
            const char *text;
        } prepared;
        struct {
            bool failed; /* code and text say why */
            uint32_t count;
            const char *code;
            const char *text;
        } mapped;
        struct {
            uint32_t lane;
            uint32_t room;
        } capacity;
        struct {
            enum core_outcome outcome;
            const char *code;
            const char *text;
            int64_t retry_after_ms; /* -1 when the part has no wish */
            struct val result;
        } ended;
        struct {
            enum core_timer timer;
        } timer;
        struct {
            bool failed;
            struct val result;
            const char *code;
            const char *text;
        } output;
        struct {
            const char *text; /* who and why */
        } cancel;
    };
};

/* ---- decisions ---------------------------------------------------------------------------- */

enum core_decision_type {
    CORE_DO_RECORD,  /* the run (task == CORE_NO_TASK) or task has a new state: make it durable */
    CORE_DO_PREPARE, /* resolve `when`, input, cache for a task; answer with CORE_PREPARED */
    CORE_DO_MAP,     /* resolve a mapped step's list; answer with CORE_MAPPED */
    CORE_DO_START,   /* dispatch the attempt; its Running state is in this list too */
    CORE_DO_SUBMIT,  /* submit the subflow of this task with its input as parameters */
    CORE_DO_KILL,    /* stop the attempt; it will still report CORE_ENDED */
    CORE_DO_TIMER,   /* arm a timer: after delay_us send CORE_TIMER with this epoch */
    CORE_DO_OUTPUT,  /* resolve the flow's output; answer with CORE_OUTPUT */
    CORE_DO_NOTIFY,  /* a notify rule of the flow matches this run's new state */
    CORE_DO_FORGET,  /* the run is over; call core_forget() when its records are durable */
};

struct core_decision {
    enum core_decision_type type;
    struct run *run;
    uint32_t task;
    uint32_t epoch;
    enum state from;         /* RECORD: the state before (task: STATE_NONE when new) */
    enum state to;           /* RECORD: the state at this moment, as later ones may follow */
    enum core_timer timer;   /* TIMER */
    int64_t delay_us;        /* TIMER */
    uint32_t rule;           /* NOTIFY: place in flow->notify */
};

/* Decisions in the order in which they were made. Reused from call to call. */
struct core_decisions {
    struct core_decision *list;
    uint32_t count;
    uint32_t cap;
};

void core_decisions_done(struct core_decisions *decisions);

/* ---- calls -------------------------------------------------------------------------------- */

struct core;

/* <seed> drives jitter. The next submitted run gets the number <next_run>. */
struct core *core_new(uint64_t seed, uint64_t next_run);
/* Frees all runs. NULL is allowed; returns NULL. */
struct core *core_free(struct core *core);

/*
 * Applies <event> and appends to <out> (cleared first). Events about unknown runs or tasks, with a
 * stale epoch, or in a state that they do not fit are ignored: ERR_CONFLICT or ERR_NOT_FOUND, and
 * nothing changed. CORE_SUBMIT: the number of the new run is in <ret_run> (NULL allowed elsewhere);
 * ERR_LIMIT when subflows nest too deep.
 */
int core_apply(struct core *core, const struct core_event *event, struct core_decisions *out,
               struct run **ret_run);

/* The live run, or NULL; borrowed until core_forget(). */
struct run *core_run(const struct core *core, uint64_t number);
uint32_t core_run_count(const struct core *core);
/* Drops a run that has ended (or whose submission could not be made durable). */
void core_forget(struct core *core, uint64_t number);

/*
 * Restores a run from its rows: the caller builds it with core_restore_begin() (which allocates
 * tasks for the steps), fills in states, attempts, results and maps' children with
 * core_restore_children(), and finishes with core_restore_end(). Attempts found Running were
 * interrupted: they get another attempt, or end Crashed under `on_interrupted: fail`. <reset_failed>
 * puts every task that did not complete back to Pending (a manual retry). Decisions as for
 * core_apply().
 */
struct run *core_restore_begin(struct core *core, const struct core_event *submit, uint64_t number);
int core_restore_children(struct run *run, uint32_t step, uint32_t count);
void core_restore_end(struct core *core, struct run *run, bool reset_failed, int64_t wall_us,
                      struct core_decisions *out);

/* ---- helpers for readers of a run --------------------------------------------------------- */

/* "train" or "train[3]", NUL-terminated. */
enum { CORE_TASK_NAME_SIZE = 160 };
void core_task_name(const struct run *run, const struct task *task,
                    char ret_text[CORE_TASK_NAME_SIZE]);
/* The result of a mapped step: a list of its children's results, appended to <out>. */
int core_map_result(const struct run *run, uint32_t step, struct buf *out);

#endif
