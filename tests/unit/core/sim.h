/*
 * A small drive for tests of core: it keeps the rows that core wants recorded, answers its
 * decisions as planned, and checks the invariants of all runs after every event.
 *
 * Nothing happens by itself: sim_submit() applies one event, sim_drain() answers all that can be
 * answered, first come first served, or in random order after sim_shuffle().
 */
#ifndef TESTS_CORE_SIM_H
#define TESTS_CORE_SIM_H

#include "core/core.h"

/* What becomes of a task when it is asked for. */
enum sim_plan {
    SIM_OK,
    SIM_FAIL,
    SIM_RETRY,
    SIM_CRASH,
    SIM_TIMED_OUT, /* the host noticed the timeout itself */
    SIM_CANCELLED, /* the part says that it was cancelled */
    SIM_HANG,      /* ends only when it is killed, or when the test says so */
    SIM_DEAF,      /* does not end when it is killed, but succeeds later */
    SIM_SKIP,      /* not run at all: `when` is false, ... */
    SIM_HIT,       /* ... the cache has it, ... */
    SIM_BROKEN,    /* ... its input can not be made */
    SIM_WAIT,      /* is not even prepared until the test says so */
};

/* What core has asked for. */
enum sim_ask {
    SIM_ASK_PREPARE,
    SIM_ASK_MAP,
    SIM_ASK_RUN,
    SIM_ASK_SUBMIT,
    SIM_ASK_OUTPUT,
    SIM_ASK_TIMER
};

struct sim_todo {
    enum sim_ask ask;
    uint64_t run;
    uint32_t task;
    uint32_t epoch;
    enum core_timer timer;
    int64_t due_us;
    bool killed;
};

struct sim {
    struct core *core;
    struct core_decisions out;
    struct rng rng;
    int64_t wall_us;
    struct sim_todo *todo; /* in order of arrival from todo_first on */
    size_t todo_first;
    size_t todo_count;
    size_t todo_cap;
    bool shuffle;
    bool ring_timeouts;   /* of attempts that hang; otherwise the test does it */
    bool manual_capacity; /* the test gives capacity itself */
    bool children_first;  /* sim_restart() finishes later runs before earlier ones */
    bool no_checks;       /* for large runs */
    struct map *rows;     /* what would be in the store */
    struct map *flows;    /* by name */
    struct map *stamps;   /* when tasks came into their lanes */
    uint32_t lanes;       /* tasks are spread over so many; 1 at first */
    uint64_t now;         /* counts events */
    /* Plans of tasks: by name, then by function, then SIM_OK. */
    struct {
        char name[64];
        enum sim_plan plan;
    } plans[64];
    uint32_t plan_count;
    enum sim_plan (*plan)(void *user, const struct run *run, const struct task *task);
    /* Items of a map: -1 fails, -2 skips. 2 when NULL. */
    int64_t (*map_count)(void *user, const struct run *run, const struct task *task);
    void *user;
    const char *code;       /* of failures; "test.failed" at first */
    int64_t retry_after_ms; /* the wish of parts; -1 at first */
    bool output_fails;
    uint32_t start_count; /* decisions seen so far */
    uint32_t kill_count;
    uint32_t notify_count;
    uint32_t forget_count;
    uint32_t record_count;
    uint64_t last_run;      /* the highest number of a run */
    char started[4096];     /* names of started tasks, a space after each */
    int64_t timer_delay_us; /* of the latest timer */
    struct err_text why;
};

struct sim *sim_new(uint64_t seed);
void sim_free(struct sim *sim);

/* Parses a flow file and keeps it by its name; the test fails when it has problems. Borrowed. */
struct flow *sim_flow(struct sim *sim, const char *text);
/* Submits a run of the flow of that name. Borrowed until the simulation ends. */
struct run *sim_submit(struct sim *sim, const char *flow_name);
/* Applies any event at the simulation's time and takes the decisions in. */
int sim_apply(struct sim *sim, struct core_event *event);

void sim_plan(struct sim *sim, const char *task_name, enum sim_plan plan);
/* Answers in random order from now on. */
void sim_shuffle(struct sim *sim);
/* Answers until nothing is left that the plans let end. */
void sim_drain(struct sim *sim);
/* One answer, or capacity; false when there was nothing to do. */
bool sim_step(struct sim *sim);
/* Lets the first timer of that kind ring; the test fails when there is none. The result of
 * core_apply(). */
int sim_ring(struct sim *sim, enum core_timer timer);
/* Ends the running attempt of a task in that way; the result of core_apply(). */
int sim_end(struct sim *sim, struct run *run, const char *task_name, enum core_outcome outcome);
/* Hands the <index>-th thing to do back, if it is a running attempt; the result of core_apply(). */
int sim_return(struct sim *sim, size_t index);
int sim_cancel(struct sim *sim, struct run *run);
int sim_capacity(struct sim *sim, uint32_t lane, uint32_t room);

/* Everything is lost but the rows: restores all runs that had not ended. */
void sim_restart(struct sim *sim);
/* Takes the row of a run away. */
void sim_lose(struct sim *sim, uint64_t run);
/* Restores an ended run for another try. Borrowed. */
struct run *sim_retry(struct sim *sim, uint64_t number);

struct task *sim_task(struct run *run, const char *task_name);
enum state sim_state(struct run *run, const char *task_name);
/* The row of a run (task CORE_NO_TASK) or task; empty when there is none. */
struct str sim_row(const struct sim *sim, uint64_t run, uint32_t task);

#endif
