/*
 * Waiting tasks; see queue.h.
 */
#include "core/queue.h"

#include "base/mem.h"
#include "base/must.h"
#include "core/decide.h"

/* With a narrow flow this many tasks are prepared ahead of its slots: enough to find out what the
 * cache answers, little enough to hold their inputs. */
enum { AHEAD_BEYOND_WIDTH = 256 };

/* What a task counts for. */
struct counts {
    bool slot;
    bool ahead;
    bool busy;
    bool lane;
};

/* What <task> would count for at <place>. */
static struct counts counts_at(const struct run *run, const struct task *task,
                               enum core_place place)
{
    if (place == CORE_PLACE_AT_WORK && core_task_is_map(run, task)) {
        return (struct counts){false};
    }
    return (struct counts){
        .slot = place == CORE_PLACE_FOR_HOST || place == CORE_PLACE_SUBMITTING ||
                place == CORE_PLACE_AT_WORK,
        .ahead = place >= CORE_PLACE_PREPARING && place <= CORE_PLACE_SUBMITTING,
        .busy = place >= CORE_PLACE_PREPARING && place <= CORE_PLACE_FOR_RETRY,
        .lane = place == CORE_PLACE_FOR_HOST,
    };
}

/* Changes <counter> when a task begins or ceases to count. */
static void recount(uint32_t *counter, bool before, bool after)
{
    if (before && !after) {
        must(*counter > 0);
        (*counter)--;
    } else if (after && !before) {
        (*counter)++;
    }
}

/* The lane of that number, made when it is new. */
static struct lane_queue *lane_get(struct core *core, uint32_t number)
{
    must(number < CORE_LANES_MAX);
    if (number >= core->lane_count) {
        core->lanes = xreallocarray(core->lanes, number + 1, sizeof *core->lanes);
        for (uint32_t index = core->lane_count; index <= number; index++) {
            core->lanes[index] = (struct lane_queue){0};
        }
        core->lane_count = number + 1;
    }
    return &core->lanes[number];
}

void queue_place(struct core *core, struct run *run, struct task *task, enum core_place place)
{
    struct counts before = counts_at(run, task, (enum core_place)task->place);
    struct counts after = counts_at(run, task, place);
    recount(&run->active, before.slot, after.slot);
    recount(&run->ahead, before.ahead, after.ahead);
    recount(&run->busy, before.busy, after.busy);
    if (before.lane != after.lane) {
        recount(&lane_get(core, task->lane)->waiting, before.lane, after.lane);
    }
    task->place = (uint8_t)place;
}

void queue_fifo_push(struct run *run, struct core_fifo *fifo, struct task *task)
{
    task->next = CORE_NO_TASK;
    if (fifo->tail == CORE_NO_TASK) {
        fifo->head = task->index;
    } else {
        run->tasks[fifo->tail].next = task->index;
    }
    fifo->tail = task->index;
}

struct task *queue_fifo_pop(struct run *run, struct core_fifo *fifo)
{
    if (fifo->head == CORE_NO_TASK) {
        return NULL;
    }
    struct task *task = &run->tasks[fifo->head];
    fifo->head = task->next;
    if (fifo->head == CORE_NO_TASK) {
        fifo->tail = CORE_NO_TASK;
    }
    task->next = CORE_NO_TASK;
    return task;
}

/* Puts a step, or a map for its children, into the line unless it stands there. */
static void line_push(struct run *run, struct task *task)
{
    must(task->index < run->flow->step_count);
    struct run_step *step = &run->steps[task->index];
    if (step->in_line) {
        return;
    }
    step->in_line = true;
    if (!run->flow->sequential) {
        queue_fifo_push(run, &run->line, task);
    } else if (task->index < run->line_low) {
        run->line_low = task->index;
    }
}

/* Takes the step out of the line whose turn it is, or NULL. */
static struct task *line_pop(struct run *run)
{
    struct task *task = NULL;
    if (!run->flow->sequential) {
        task = queue_fifo_pop(run, &run->line);
    } else {
        while (run->line_low < run->flow->step_count && !run->steps[run->line_low].in_line) {
            run->line_low++;
        }
        if (run->line_low < run->flow->step_count) {
            task = &run->tasks[run->line_low];
        }
    }
    if (task) {
        run->steps[task->index].in_line = false;
    }
    return task;
}

/* The first child of a map that waits for its turn, or NULL. */
static struct task *child_peek(struct run *run, const struct task *map)
{
    struct run_step *step = &run->steps[map->index];
    while (step->child_next < step->child_count) {
        struct task *child = &run->tasks[step->first_child + step->child_next];
        if (child->place == CORE_PLACE_BLOCKED) {
            return child;
        }
        step->child_next++;
    }
    return NULL;
}

/* The task whose turn it is to be prepared, or NULL. */
static struct task *turn_next(struct run *run)
{
    struct task *task = line_pop(run);
    if (!task || task->place == CORE_PLACE_IN_LINE) {
        return task;
    }
    /* A map is in line only as long as a child waits, so it does not end while it is there. */
    struct task *child = child_peek(run, task);
    must(child);
    run->steps[task->index].child_next++;
    queue_children(run, task);
    return child;
}

/* True when one more task may be prepared now. */
static bool turn_free(const struct run *run)
{
    if (run->flow->sequential) {
        return run->busy == 0;
    }
    bool narrow = run->width < CORE_AHEAD_MAX - AHEAD_BEYOND_WIDTH;
    return run->ahead < (narrow ? run->width + AHEAD_BEYOND_WIDTH : CORE_AHEAD_MAX);
}

void queue_enter(struct core *core, struct run *run, struct task *task)
{
    must(task->place == CORE_PLACE_BLOCKED || task->place == CORE_PLACE_FOR_RETRY);
    if (task->map_index < 0) {
        queue_place(core, run, task, CORE_PLACE_IN_LINE);
        line_push(run, task);
        return;
    }
    queue_place(core, run, task, CORE_PLACE_BLOCKED);
    struct run_step *step = &run->steps[task->step];
    if ((uint32_t)task->map_index < step->child_next) {
        step->child_next = (uint32_t)task->map_index;
    }
    line_push(run, &run->tasks[task->step]);
}

void queue_children(struct run *run, const struct task *map)
{
    must(map->place == CORE_PLACE_AT_WORK && core_task_is_map(run, map));
    if (child_peek(run, map)) {
        line_push(run, &run->tasks[map->index]);
    }
}

void queue_ready(struct core *core, struct run *run, struct task *task)
{
    queue_place(core, run, task, CORE_PLACE_FOR_WIDTH);
    queue_fifo_push(run, &run->for_width, task);
}

/* True when the task of a lane's entry still waits there. */
static bool entry_alive(const void *user, const struct lane_queue_entry *entry)
{
    const struct core *core = user;
    const struct run *run = core_run(core, entry->run);
    if (!run) {
        return false;
    }
    const struct task *task = &run->tasks[entry->task];
    return task->place == CORE_PLACE_FOR_HOST && task->epoch == entry->epoch;
}

/* The task's entry in its lane. */
static struct lane_queue_entry entry_of(const struct run *run, const struct task *task)
{
    return (struct lane_queue_entry){run->number, task->index, task->epoch};
}

void queue_return(struct core *core, struct run *run, struct task *task)
{
    queue_place(core, run, task, CORE_PLACE_FOR_HOST);
    lane_queue_push_front(lane_get(core, task->lane), entry_of(run, task));
}

void queue_clear(struct run *run)
{
    const struct core_fifo empty = {CORE_NO_TASK, CORE_NO_TASK};
    run->line = empty;
    run->for_width = empty;
    run->line_low = run->flow->step_count;
    for (uint32_t index = 0; index < run->flow->step_count; index++) {
        run->steps[index].in_line = false;
    }
}

/* Gives a slot to a prepared task: on to its lane, or its subflow is submitted. */
static void slot_give(struct core *core, struct run *run, struct task *task)
{
    /* Whatever is reported about earlier attempts no longer matters. */
    task->epoch++;
    if (run->flow->steps[task->step].target_kind == FLOW_TARGET_FLOW) {
        queue_place(core, run, task, CORE_PLACE_SUBMITTING);
        decide_task(core, run, task, CORE_DO_SUBMIT);
        return;
    }
    queue_place(core, run, task, CORE_PLACE_FOR_HOST);
    lane_queue_push(lane_get(core, task->lane), entry_of(run, task), entry_alive, core);
}

/* Lets a task have its turn: the drive prepares it. */
static void turn_give(struct core *core, struct run *run, struct task *task)
{
    bool map = core_task_is_map(run, task);
    if (map && run->steps[task->index].child_count > 0) {
        /* The list is known from before a manual retry. */
        queue_place(core, run, task, CORE_PLACE_AT_WORK);
        decide_task_state(core, run, task, STATE_RUNNING);
        queue_children(run, task);
        return;
    }
    queue_place(core, run, task, CORE_PLACE_PREPARING);
    decide_task(core, run, task, map ? CORE_DO_MAP : CORE_DO_PREPARE);
}

void queue_pump(struct core *core, struct run *run)
{
    while (run->active < run->width && run->for_width.head != CORE_NO_TASK) {
        slot_give(core, run, queue_fifo_pop(run, &run->for_width));
    }
    while (turn_free(run)) {
        struct task *task = turn_next(run);
        if (!task) {
            return;
        }
        turn_give(core, run, task);
    }
}

bool queue_take(struct core *core, uint32_t lane, struct run **ret_run, struct task **ret_task)
{
    if (lane >= core->lane_count) {
        return false;
    }
    struct lane_queue_entry entry;
    while (lane_queue_pop(&core->lanes[lane], &entry)) {
        if (entry_alive(core, &entry)) {
            struct run *run = core_run(core, entry.run);
            *ret_run = run;
            *ret_task = &run->tasks[entry.task];
            return true;
        }
    }
    return false;
}
