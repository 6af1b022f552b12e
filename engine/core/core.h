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
 *      |  upstream failed -> UpstreamFailed        AwaitingRetry --timer--> Pending --> Retrying
 *
 * Where a task stands between two states is its place (enum core_place), which is not recorded:
 *
 *   BLOCKED -> IN_LINE -> PREPARING -> FOR_WIDTH -> FOR_HOST -> AT_WORK -> OVER
 *                                          ^   '-> SUBMITTING -^   |
 *                                          '---- FOR_RETRY <-------'
 *
 * Few tasks are prepared ahead of being started (CORE_AHEAD_MAX), however many are in line: a map
 * over a million items has a cursor, not a million inputs in memory.
 *
 * One thread. Nothing here fails for lack of memory except where an outsider sets the size.
 */
#ifndef CORE_CORE_H
#define CORE_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/rng.h"
#include "base/uuid.h"
#include "core/record.h"
#include "core/state.h"
#include "model/flow.h"
#include "value/val.h"

/* Task index of a transition that concerns the flow run itself. */
#define CORE_NO_TASK UINT32_MAX
/* Most task runs in one flow run, maps included. */
#define CORE_TASKS_MAX 4000000u
/* Deepest nesting of subflows. */
#define CORE_SUBFLOW_DEPTH_MAX 32u
/* Most tags of a flow run: the flow's and the caller's. */
#define CORE_TAGS_MAX 64u
/* Most tasks of one run that are being prepared, or prepared and not started. */
#define CORE_AHEAD_MAX 4096u
/* Numbers of lanes are below this. */
#define CORE_LANES_MAX 65536u
/* Longer error codes and texts are cut, in bytes. */
#define CORE_CODE_MAX 128u
#define CORE_TEXT_MAX 4096u
/* `finally` steps of a run that was cancelled or timed out are stopped after ten minutes, so that
 * every cancel ends. */
#define CORE_FINALLY_LIMIT_US (INT64_C(600) * 1000000)

/* Why something ended, for people and for retry_on. One block of memory: free() it. */
struct core_error {
    const char *code; /* "http.timeout" */
    const char *text; /* one sentence */
};

/* Where a task stands. */
enum core_place {
    CORE_PLACE_BLOCKED,   /* waits for other tasks, for the phase of `finally`, or its map's turn */
    CORE_PLACE_IN_LINE,   /* could be prepared; others come first */
    CORE_PLACE_PREPARING, /* the drive resolves its input or list */
    CORE_PLACE_FOR_WIDTH, /* prepared; waits for a slot of the flow's width */
    CORE_PLACE_FOR_HOST,  /* has a slot; waits in its lane for capacity */
    CORE_PLACE_SUBMITTING, /* has a slot; the drive submits its subflow */
    CORE_PLACE_AT_WORK,    /* its attempt, its subflow or its map's children run */
    CORE_PLACE_FOR_RETRY,  /* waits for the time of its next attempt */
    CORE_PLACE_OVER,       /* has ended */
};

/* One task run: a step, or one child of a mapped step. Addresses change when a map is expanded:
 * keep the index. */
struct task {
    uint32_t index;        /* place in run->tasks, and the key of its row */
    uint32_t step;         /* place in run->flow->steps */
    int32_t map_index;     /* place in the list of a mapped step, -1 for the step itself */
    uint8_t state;         /* enum state */
    uint8_t place;         /* enum core_place */
    bool killing;          /* its attempt was told to stop */
    uint8_t kill_state;    /* enum state it ends in when the stop succeeds */
    uint32_t attempt;      /* 1 for the first; 0 before it */
    uint32_t attempt_free; /* how many of the earlier attempts do not count as failures */
    uint32_t epoch;        /* changes with every attempt and every take-back; reports must match */
    uint32_t lane;         /* which queue its part uses; the drive's number */
    uint32_t waiting_on;   /* dependencies that are not terminal yet */
    uint32_t next;         /* in the one queue of its run that it may be in */
    bool has_cache_key;
    int64_t started_us; /* wall clock of the first Running, 0 before */
    int64_t ended_us;   /* wall clock of the terminal state, 0 before */
    int64_t due_us;     /* wall clock of the next attempt while AwaitingRetry */
    uint64_t child_run; /* run number of the latest subflow, 0 for tasks */
    struct val input;   /* owned; present from PREPARED until the end */
    struct val result;  /* owned; present when Completed (but for maps, see below) or Cached */
    struct core_error *error; /* owned; NULL when there is none */
    char *label;              /* owned; what the step's `run_name` gave, NULL without one */
    struct hash cache_key;    /* meaningful when has_cache_key */
};

/* A mapped step's children lie together in run->tasks. */
struct run_step {
    uint32_t first_child; /* 0 before the list is known */
    uint32_t child_count;
    uint32_t child_next; /* the map's cursor: children before it have had their turn */
    uint32_t children_done;
    uint32_t children_bad; /* ended but not Completed */
    bool in_line;          /* waits for a turn, its own or a child's */
};

/* A queue of tasks of one run, linked through their indices. */
struct core_fifo {
    uint32_t head; /* CORE_NO_TASK when empty */
    uint32_t tail;
};

/* One flow run. Readers may look at everything; only core/ writes, but for <user>. */
struct run {
    uint64_t number; /* dense and monotonic; the key of its rows */
    struct uuid uuid;
    struct flow *flow; /* a reference */
    struct hash flow_hash;
    char *name;
    char *base_dir;    /* "" when the caller gave none */
    struct val params; /* owned */
    char **tags;       /* owned, NULL-terminated, distinct; flow's and caller's */
    uint8_t state;
    uint8_t kill_state; /* end state while Cancelling: Cancelled or TimedOut; else STATE_NONE */
    bool refresh_cache;
    bool in_finally;     /* the main steps are over */
    uint32_t epoch;      /* changes when the run is restored; its timers must match */
    uint32_t depth;      /* 0 for a top-level run */
    uint64_t parent_run; /* 0 for a top-level run */
    uint32_t parent_task;
    int64_t created_us;
    int64_t started_us;
    int64_t ended_us;
    struct val result; /* owned; present when Completed */
    struct core_error *error;
    struct run_step *steps; /* one per step of the flow */
    struct task *tasks;     /* the steps' first, then blocks of maps' children */
    uint32_t task_count;
    uint32_t open;         /* steps of the present phase that are not terminal */
    uint32_t width;        /* slots; UINT32_MAX for no limit */
    uint32_t active;       /* slots in use */
    uint32_t ahead;        /* tasks being prepared, or prepared and not started */
    uint32_t busy;         /* tasks that have had their turn and are not over, maps not counted */
    uint32_t line_low;     /* sequential flows: no step before this one is in line */
    struct core_fifo line; /* tasks in line, and maps whose children are */
    struct core_fifo for_width;
    struct core_fifo ended; /* terminal tasks whose dependents do not know yet */
    bool asked_output;      /* the drive resolves the flow's output */
    bool stop_wanted;       /* its parent's task was stopped */
    bool restoring;
    bool dirty; /* in the core's list of runs to look at */
    struct run *next_dirty;
    void *user; /* the drive's own data about this run */
};

/* ---- events ------------------------------------------------------------------------------- */

enum core_event_type {
    CORE_SUBMIT,   /* a new flow run */
    CORE_PREPARED, /* the drive has resolved a task's input */
    CORE_MAPPED,   /* the drive has resolved a mapped step's list */
    CORE_CAPACITY, /* hosts of a lane could take this many more calls */
    CORE_ENDED,    /* an attempt ended; a subflow could not be submitted, or was lost */
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
    CORE_OUTCOME_FAIL, /* trying again is pointless, unless `retry_on` names the code */
    CORE_OUTCOME_CANCELLED,
    CORE_OUTCOME_CRASHED,
    CORE_OUTCOME_TIMED_OUT,
};

enum core_timer {
    CORE_TIMER_RETRY,         /* a task's next attempt is due */
    CORE_TIMER_TIMEOUT,       /* a task's attempt has run long enough */
    CORE_TIMER_RUN_TIMEOUT,   /* the flow run has; task is CORE_NO_TASK */
    CORE_TIMER_FINALLY_LIMIT, /* a stopped run's `finally` steps have; task is CORE_NO_TASK */
};

/* One event. Values and texts are borrowed for the call. Members not named for a type are unused.
 */
struct core_event {
    enum core_event_type type;
    int64_t wall_us; /* always */
    uint64_t run;    /* always, but for SUBMIT and CAPACITY */
    uint32_t task;   /* PREPARED, MAPPED, ENDED, RETURNED, TIMER */
    uint32_t epoch;  /* ENDED, RETURNED, TIMER: ignored when it is not the task's present one */
    union {
        struct { /* the drive fills it; core takes over flow (a reference) only on success */
            struct uuid uuid;
            struct flow *flow;
            struct hash flow_hash;
            const char *name;     /* NULL: a random friendly one */
            const char *base_dir; /* NULL: none */
            struct val params;
            const char *const *tags; /* NULL-terminated or NULL */
            bool refresh_cache;
            uint64_t parent_run; /* 0: none; else the task of a CORE_DO_SUBMIT */
            uint32_t parent_task;
        } submit;
        struct {
            enum core_prepared how;
            struct val input;
            struct val result;      /* HIT */
            const char *label;      /* RUN or HIT: the step's `run_name`, or NULL */
            const struct hash *key; /* RUN or HIT; NULL when the cache is off */
            uint32_t lane;          /* RUN of a task */
            const char *code;       /* FAIL */
            const char *text;
        } prepared;
        struct {
            bool failed; /* code and text say why */
            bool skip;   /* `when` is false for the whole step */
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
            struct val result;      /* VAL_NONE counts as nil */
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
    CORE_DO_SUBMIT,  /* submit the subflow of this task with its input as parameters; the task
                        stays Pending until that is done. Failing that, answer with CORE_ENDED */
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
    enum state from;       /* RECORD: the state before (STATE_NONE for a new run) */
    enum state to;         /* RECORD, NOTIFY: the state at this moment, as later ones may follow */
    enum core_timer timer; /* TIMER */
    int64_t delay_us;      /* TIMER */
    uint32_t rule;         /* NOTIFY: place in flow->notify */
};

/*
 * Decisions in the order in which they were made. Reused from call to call. All records of one list
 * belong together: they have to become durable at once or not at all. Tasks that have had no record
 * yet are Pending.
 */
struct core_decisions {
    struct core_decision *list;
    uint32_t count;
    uint32_t cap;
};

void core_decisions_done(struct core_decisions *decisions);

/* ---- calls -------------------------------------------------------------------------------- */

struct core;

/* <seed> drives jitter and names. The next submitted run gets the number <next_run> (not 0). */
struct core *core_new(uint64_t seed, uint64_t next_run);
/* Frees all runs. NULL is allowed; returns NULL. */
struct core *core_free(struct core *core);
/* The width of flows that name none, from now on; 0 (as at the beginning) for no limit. */
void core_set_width(struct core *core, uint32_t width);

/*
 * Applies <event> and appends to <out> (cleared first). Events about unknown runs or tasks, with a
 * stale epoch, or in a state that they do not fit are ignored: ERR_CONFLICT or ERR_NOT_FOUND, and
 * nothing changed. CORE_SUBMIT: the new run is in <ret_run> (NULL allowed elsewhere); ERR_LIMIT
 * when subflows nest too deep or there are too many tags.
 */
int core_apply(struct core *core, const struct core_event *event, struct core_decisions *out,
               struct run **ret_run);

/* The live run, or NULL; borrowed until core_forget(). */
struct run *core_run(const struct core *core, uint64_t number);
uint32_t core_run_count(const struct core *core);
/* Walks all runs: set <*cursor> to 0 first; NULL at the end. No events during a walk. */
struct run *core_run_next(const struct core *core, size_t *cursor);
/* How many tasks wait in <lane> for capacity. */
uint32_t core_lane_waiting(const struct core *core, uint32_t lane);
/* Drops a run that has ended (or whose submission could not be made durable). Unknown numbers are
 * fine. */
void core_forget(struct core *core, uint64_t number);

/*
 * Restoring runs from their rows after a restart, or one that ended for a manual retry:
 *
 *   1. core_restore_begin() for every run;
 *   2. core_restore_task() for every row of its tasks, in the order of their index;
 *   3. when all runs are there, core_restore_end() for each, which decides how it goes on.
 *
 * Attempts found Running were interrupted: they get another attempt that does not count as a retry,
 * or end Crashed under `on_interrupted: fail`. <reset_failed> puts every task that did not
 * complete, and all of `finally`, back to Pending (a manual retry). Decisions as for core_apply().
 * After a failure, call core_forget().
 *
 * begin takes over the caller's reference to <flow> on success: ERR_EXISTS when the run is live,
 * ERR_CORRUPT when the row does not fit. task: ERR_CORRUPT when the row fits neither flow nor run;
 * <result> (VAL_NONE when there is none) is copied. end: ERR_CORRUPT when rows are missing.
 */
int core_restore_begin(struct core *core, uint64_t number, const struct run_row *row,
                       struct flow *flow, struct run **ret_run, struct err_text *reterr_why);
int core_restore_task(struct run *run, const struct task_row *row, struct val result,
                      struct err_text *reterr_why);
int core_restore_end(struct core *core, struct run *run, bool reset_failed, int64_t wall_us,
                     struct core_decisions *out, struct err_text *reterr_why);

/* ---- helpers for readers of a run --------------------------------------------------------- */

/* "train" or "train[3]", NUL-terminated. */
enum { CORE_TASK_NAME_SIZE = 160 };
void core_task_name(const struct run *run, const struct task *task,
                    char ret_text[CORE_TASK_NAME_SIZE]);
/* True for the task of a mapped step itself, whose children do the work. */
bool core_task_is_map(const struct run *run, const struct task *task);
/*
 * The result of a mapped step: a list of its children's results in order, nil where there is none,
 * appended to <out>. Computed each time unless core_keep_result() has stored one. Returns
 * buf_err().
 */
int core_map_result(const struct run *run, uint32_t step, struct buf *out);
/* The state that a run in `finally` comes to if that goes well, with the reason, if any, appended
 * to <out> (2 * CORE_TEXT_MAX bytes are enough); of any other run, its state and error. */
enum state core_outlook(const struct run *run, struct buf *out);
/* Replaces a task's result by a copy of <result>, which must mean the same: a blob reference in
 * place of a large value, or the list of a map. */
void core_keep_result(struct run *run, uint32_t task, struct val result);

#endif
