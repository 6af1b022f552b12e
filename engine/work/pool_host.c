/*
 * One host and its queue of calls.
 */
#include "work/pool_host.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <leat/abi.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/must.h"
#include "work/pool_judge.h"

enum { HOST_MAGIC = 0x686f7374, TYPE_SHOWN_MAX = 64 };

/* Steps of the ladder that have been taken. */
enum rung { RUNG_NONE, RUNG_POLITE, RUNG_TERM, RUNG_KILL };

struct slot {
    uint64_t call_id;
    uint64_t seq;
    int64_t timeout_us; /* -1 for none */
    int64_t grace_us;
    bool cancelled;
    bool timed_out;
    char type[TYPE_SHOWN_MAX];
};

struct pool_host {
    unsigned magic;
    struct pool_host_view view;
    const struct pool_host_config *config;
    const struct pool_host_events *events;
    void *user;
    struct proc *proc;
    char *name;
    struct hash hash;
    struct slot slots[POOL_PREFETCH_MAX]; /* a ring */
    unsigned first;
    uint64_t last_seq;
    enum rung rung; /* of the head, or of the process when it leaves */
    int64_t rung_due_us;
    int64_t leave_due_us;
    int64_t closed_us; /* when it closed a channel, 0: it did not */
    int64_t alive_us;  /* last sign of life */
    int64_t pinged_us;
    enum pool_doom doom;
    struct err_text doom_why;
};

static void on_frame(void *user, const struct frame *frame, bool control);
static void on_data_frame(struct pool_host *host, const struct frame *frame);
static void on_broken(void *user, const char *why, bool closed);
static void on_last_words(void *user, enum pool_stream stream, struct str line);
static void on_ended(void *user, const struct spawner_report *report);
static void on_hello(struct pool_host *host, const struct frame_hello *hello);
static void on_hello_failed(struct pool_host *host, const struct frame_hello_failed *failed);
static void on_result(struct pool_host *host, const struct frame_result *result);
static void on_log(struct pool_host *host, const struct frame_log *log);
static void on_progress(struct pool_host *host, const struct frame_progress *progress);
static void on_recalled(struct pool_host *host, const struct frame_recalled *recalled);
static struct pool_case case_of(const struct pool_host *host, const struct slot *slot);
static void give_back(struct pool_host *host, const struct slot *slot);
static void end_head(struct pool_host *host, const struct pool_outcome *outcome, bool begun);
static struct slot *slot_at(struct pool_host *host, unsigned index);
static struct slot pop_first(struct pool_host *host);
static void recall(struct pool_host *host);
static void climb(struct pool_host *host, enum rung rung, int64_t due_us);
static void step_head(struct pool_host *host, int64_t now_us, int64_t *due_us);
static void step_ladder(struct pool_host *host, int64_t now_us, int64_t *due_us);
static void step_silence(struct pool_host *host, int64_t now_us, int64_t *due_us);
static void doom(struct pool_host *host, enum pool_doom doom, const char *why);
static void soonest(int64_t *due_us, int64_t candidate_us);
static int64_t mono_us(void);

static const struct proc_events proc_events = {
    .on_frame = on_frame,
    .on_broken = on_broken,
    .on_last_words = on_last_words,
    .on_ended = on_ended,
};

int pool_host_new(struct proc_set *set, const struct pool_host_config *config, const char *name,
                  const char *copy_path, const struct hash *hash,
                  const struct pool_host_events *events, void *user, int64_t now_us,
                  struct pool_host **ret_host, struct err_text *reterr_why)
{
    char hex[HASH_TEXT_SIZE];

    hash_format(hash, hex);
    const char *argv[] = {"leat", "host",    "--plugin",       copy_path, "--hash",
                          hex,    "--blobs", config->blob_dir, NULL};
    struct pool_host *host = xcalloc(1, sizeof(*host));
    host->magic = HOST_MAGIC;
    host->config = config;
    host->events = events;
    host->user = user;
    host->hash = *hash;
    host->view.born_us = now_us;
    host->view.idle_since_us = now_us;
    int err = proc_start(set, argv, FRAME_MAX, &proc_events, host, &host->proc, reterr_why);
    if (err) {
        free(host);
        return err;
    }
    host->name = xstrdup(name);
    *ret_host = host;
    return 0;
}

struct pool_host *pool_host_free(struct pool_host *host)
{
    if (!host) {
        return NULL;
    }
    must(host->magic == HOST_MAGIC);
    proc_free(host->proc);
    free(host->name);
    host->magic = 0;
    free(host);
    return NULL;
}

struct pool_host_view *pool_host_view(struct pool_host *host)
{
    return &host->view;
}

int pool_host_call(struct pool_host *host, const struct pool_call *call, int64_t now_us,
                   struct err_text *reterr_why)
{
    must(host->view.count < POOL_PREFETCH_MAX && !host->view.leaving && !host->view.recalling);
    struct frame frame = {
        .type = FRAME_CALL,
        .call = {.seq = host->last_seq + 1,
                 .kind = call->kind,
                 .type = call->type,
                 .timeout_ms = call->timeout_ms,
                 .base_dir = call->base_dir,
                 .facts = call->facts,
                 .input = call->input},
    };

    int err = proc_send(host->proc, &frame);
    if (err) {
        return err_set(reterr_why, err,
                       "the input of %.*s does not fit into the %d KiB that a call may have; hand "
                       "over large values as results of other steps, or as files",
                       STR_ARGS(call->type), FRAME_MAX / 1024);
    }
    if (host->view.count == 0) {
        host->view.head_began_us = now_us;
        host->alive_us = now_us;
        host->rung = RUNG_NONE;
    }
    struct slot *slot = slot_at(host, host->view.count++);
    slot->call_id = call->id;
    slot->seq = ++host->last_seq;
    slot->timeout_us = call->timeout_ms < 0 ? -1 : call->timeout_ms * 1000;
    slot->grace_us = (call->grace_ms < 0 ? POOL_GRACE_MS_DEFAULT : call->grace_ms) * 1000;
    slot->cancelled = false;
    slot->timed_out = false;
    snprintf(slot->type, sizeof(slot->type), "%.*s", STR_ARGS(call->type));
    return 0;
}

int pool_host_cancel(struct pool_host *host, uint64_t call_id, int64_t grace_us, int64_t now_us)
{
    unsigned index = 0;

    while (index < host->view.count && slot_at(host, index)->call_id != call_id) {
        index++;
    }
    if (index == host->view.count) {
        return ERR_NOT_FOUND;
    }
    struct slot *slot = slot_at(host, index);
    bool first_time = !slot->cancelled;
    slot->cancelled = true;
    if (first_time || grace_us < slot->grace_us) {
        slot->grace_us = grace_us;
    }
    if (host->view.count > 1 || !host->view.ready) {
        recall(host);
    }
    if (index == 0 && host->rung <= RUNG_POLITE) {
        if (host->rung == RUNG_NONE) {
            climb(host, RUNG_POLITE, now_us + grace_us);
        } else if (now_us + grace_us < host->rung_due_us) {
            host->rung_due_us = now_us + grace_us;
        }
    }
    return 0;
}

/* Asks for everything back that has not begun. */
static void recall(struct pool_host *host)
{
    if (!host->view.recalling) {
        host->view.recalling = true;
        proc_control(host->proc, FRAME_RECALL, host->last_seq);
    }
}

/* Takes a step of the ladder; the next one is due then. */
static void climb(struct pool_host *host, enum rung rung, int64_t due_us)
{
    host->rung = rung;
    host->rung_due_us = due_us;
    switch (rung) {
    case RUNG_NONE:
        return;
    case RUNG_POLITE:
        proc_control(host->proc, FRAME_CANCEL, slot_at(host, 0)->seq);
        return;
    case RUNG_TERM:
        proc_kill(host->proc, SIGTERM);
        return;
    case RUNG_KILL:
        proc_kill(host->proc, SIGKILL);
        return;
    }
}

void pool_host_leave(struct pool_host *host, int64_t now_us)
{
    if (!host->view.leaving) {
        host->view.leaving = true;
        if (host->view.count == 0) {
            host->leave_due_us = now_us + POOL_HOST_LEAVE_MS * 1000;
        }
        proc_leave(host->proc);
    }
}

/* A slot by its place in the queue; the one behind the last is where the next goes. */
static struct slot *slot_at(struct pool_host *host, unsigned index)
{
    return &host->slots[(host->first + index) % POOL_PREFETCH_MAX];
}

/* proc: a whole frame. */
static void on_frame(void *user, const struct frame *frame, bool control)
{
    struct pool_host *host = user;

    must(host->magic == HOST_MAGIC);
    host->alive_us = mono_us();
    if (!control) {
        on_data_frame(host, frame);
        return;
    }
    if (frame->type == FRAME_RECALLED) {
        on_recalled(host, &frame->recalled);
        return;
    }
    if (frame->type != FRAME_PONG) {
        doom(host, POOL_DOOM_PROTOCOL, "it sent a frame that does not belong there");
    }
}

/* A frame of the data channel. */
static void on_data_frame(struct pool_host *host, const struct frame *frame)
{
    if (host->doom) {
        return; /* What a doomed host says counts for nothing. */
    }
    switch (frame->type) {
    case FRAME_HELLO:
        on_hello(host, &frame->hello);
        return;
    case FRAME_HELLO_FAILED:
        on_hello_failed(host, &frame->hello_failed);
        return;
    case FRAME_RESULT:
        on_result(host, &frame->result);
        return;
    case FRAME_LOG:
        on_log(host, &frame->log);
        return;
    case FRAME_PROGRESS:
        on_progress(host, &frame->progress);
        return;
    default:
        doom(host, POOL_DOOM_PROTOCOL, "it sent a frame that does not belong there");
    }
}

/* The plugin is loaded and open. */
static void on_hello(struct pool_host *host, const struct frame_hello *hello)
{
    if (host->view.ready || hello->wire_version != FRAME_WIRE_VERSION ||
        memcmp(&hello->hash, &host->hash, sizeof(host->hash)) != 0) {
        doom(host, POOL_DOOM_PROTOCOL, "it introduced itself as something else");
        return;
    }
    host->view.ready = true;
    host->view.head_began_us = host->alive_us;
    host->events->on_ready(host->user, host);
}

/* The plugin can not be served: neither can any call. */
static void on_hello_failed(struct pool_host *host, const struct frame_hello_failed *failed)
{
    struct err_text text;
    struct pool_outcome outcome = {.end = POOL_FAIL, .retry_after_ms = -1};

    if (host->view.ready) {
        doom(host, POOL_DOOM_PROTOCOL, "it introduced itself twice");
        return;
    }
    pool_host_leave(host, host->alive_us);
    err_set(&text, 0, "%.*s", STR_ARGS(failed->text));
    while (host->view.count > 0) {
        outcome.code = failed->code;
        outcome.text = str_of(text.text);
        end_head(host, &outcome, false);
    }
}

/* The head has ended. */
static void on_result(struct pool_host *host, const struct frame_result *result)
{
    struct pool_outcome outcome = {
        .retry_after_ms = -1,
        .started_us = result->started_us,
        .duration_us = result->duration_us,
    };

    if (!host->view.ready || host->view.count == 0 || slot_at(host, 0)->seq != result->seq) {
        doom(host, POOL_DOOM_PROTOCOL, "it answered a call that it was not given");
        return;
    }
    struct slot slot = *slot_at(host, 0);
    struct pool_case facts = case_of(host, &slot);
    pool_judge_result(&facts, result, &outcome);
    if (host->rung >= RUNG_TERM) {
        /* It has survived a SIGTERM; nobody knows in what condition. */
        pool_host_leave(host, host->alive_us);
    }
    host->view.calls++;
    end_head(host, &outcome, true);
}

/* What is known about a call, for judging it. */
static struct pool_case case_of(const struct pool_host *host, const struct slot *slot)
{
    return (struct pool_case){
        .cancelled = slot->cancelled,
        .timed_out = slot->timed_out,
        .ready = host->view.ready,
        .type = slot->type,
        .plugin = host->name,
        .doom = host->doom,
        .doom_why = host->doom_why.text,
    };
}

/* Removes the head, tells the pool, and lets the next call be the head. */
static void end_head(struct pool_host *host, const struct pool_outcome *outcome, bool begun)
{
    struct slot slot = pop_first(host);
    struct pool_outcome complete = *outcome;

    complete.call_id = slot.call_id;
    host->events->on_outcome(host->user, host, &complete, begun);
}

/* Takes the head out of the queue. */
static struct slot pop_first(struct pool_host *host)
{
    struct slot slot = *slot_at(host, 0);
    int64_t now_us = host->alive_us;

    must(host->view.count > 0);
    host->first = (host->first + 1) % POOL_PREFETCH_MAX;
    host->view.count--;
    host->rung = RUNG_NONE;
    host->view.head_began_us = now_us;
    if (host->view.count == 0) {
        host->view.idle_since_us = now_us;
        if (host->view.leaving) {
            host->leave_due_us = now_us + POOL_HOST_LEAVE_MS * 1000;
        }
    } else if (slot_at(host, 0)->cancelled) {
        climb(host, RUNG_POLITE, now_us + slot_at(host, 0)->grace_us);
    }
    return slot;
}

/* A line of output. */
static void on_log(struct pool_host *host, const struct frame_log *log)
{
    bool of_head = host->view.count > 0 && slot_at(host, 0)->seq == log->seq;
    struct pool_log line = {
        .call_id = of_head ? slot_at(host, 0)->call_id : 0,
        .level = log->level,
        .stream = (enum pool_stream)log->stream,
        .wall_us = log->wall_us,
        .text = log->text,
    };

    if (log->stream > POOL_STREAM_STDERR) {
        doom(host, POOL_DOOM_PROTOCOL, "it sent output of an unknown stream");
        return;
    }
    host->events->on_log(host->user, host, &line);
}

/* Progress of the head; of calls that are over it is of no interest. */
static void on_progress(struct pool_host *host, const struct frame_progress *progress)
{
    if (host->view.count > 0 && slot_at(host, 0)->seq == progress->seq) {
        host->events->on_progress(host->user, host, slot_at(host, 0)->call_id, progress->fraction,
                                  progress->text);
    }
}

/* The host gave back what it had not begun: the end of the queue. */
static void on_recalled(struct pool_host *host, const struct frame_recalled *recalled)
{
    struct slot returned[POOL_PREFETCH_MAX];
    unsigned keep = 0;

    if (!host->view.recalling || recalled->through > host->last_seq) {
        doom(host, POOL_DOOM_PROTOCOL, "it gave back calls that nobody asked for");
        return;
    }
    host->view.recalling = false;
    while (keep < host->view.count && slot_at(host, keep)->seq <= recalled->after) {
        keep++;
    }
    unsigned count = host->view.count - keep;
    for (unsigned i = 0; i < count; i++) {
        returned[i] = *slot_at(host, keep + i);
    }
    host->view.count = keep;
    if (keep == 0) {
        host->view.idle_since_us = host->alive_us;
        host->rung = RUNG_NONE;
    }
    for (unsigned i = 0; i < count; i++) {
        give_back(host, &returned[i]);
    }
}

/* Ends a call that has not begun. */
static void give_back(struct pool_host *host, const struct slot *slot)
{
    struct pool_outcome outcome = {.call_id = slot->call_id};

    if (!slot->cancelled && !slot->timed_out) {
        host->events->on_returned(host->user, host, slot->call_id);
        return;
    }
    struct pool_case facts = case_of(host, slot);
    pool_judge_stopped(&facts, &outcome);
    host->events->on_outcome(host->user, host, &outcome, false);
}

/* proc: the channel can not be trusted, or is closed. */
static void on_broken(void *user, const char *why, bool closed)
{
    struct pool_host *host = user;

    must(host->magic == HOST_MAGIC);
    if (!closed) {
        doom(host, POOL_DOOM_PROTOCOL, why);
        return;
    }
    if (host->closed_us == 0 && !host->view.leaving) {
        host->closed_us = mono_us();
    }
}

/* Kills the host for a reason that its calls will be told. The first reason stays. */
static void doom(struct pool_host *host, enum pool_doom reason, const char *why)
{
    if (host->doom) {
        return;
    }
    host->doom = reason;
    host->view.leaving = true;
    err_set(&host->doom_why, 0, "%s", why);
    proc_kill(host->proc, SIGKILL);
}

/* proc: what stood in the pipes of a dead host. */
static void on_last_words(void *user, enum pool_stream stream, struct str line)
{
    struct pool_host *host = user;
    struct pool_log log = {
        .call_id = host->view.count > 0 ? slot_at(host, 0)->call_id : 0,
        .level = stream == POOL_STREAM_STDOUT ? LEAT_LOG_INFO : LEAT_LOG_WARNING,
        .stream = stream,
        .wall_us = clock_wall_us(&clock_real),
        .text = line,
    };

    host->events->on_log(host->user, host, &log);
}

/* proc: the process is gone. Its head has crashed, the rest never began. */
static void on_ended(void *user, const struct spawner_report *report)
{
    struct pool_host *host = user;

    must(host->magic == HOST_MAGIC);
    bool asked = host->view.leaving && !host->doom && host->view.count == 0;
    bool stopped = host->rung >= RUNG_TERM;
    host->view.leaving = true;
    host->alive_us = mono_us();
    /* A host that never completed anything is not believed, or a plugin that dies right after its
     * start would make its calls come back for ever. */
    bool waiting = host->view.calls > 0 && host->view.count > 0 &&
                   proc_begun(host->proc) < slot_at(host, 0)->seq;
    if (host->view.count > 0 && !waiting) {
        struct slot slot = *slot_at(host, 0);
        struct err_text text;
        struct pool_outcome outcome = {.retry_after_ms = -1};
        struct pool_case facts = case_of(host, &slot);
        pool_judge_dead(&facts, report, &outcome, &text);
        if (host->view.ready) {
            outcome.duration_us = host->alive_us - host->view.head_began_us;
        }
        end_head(host, &outcome, host->view.ready);
    }
    while (host->view.count > 0) {
        struct slot slot = pop_first(host);
        give_back(host, &slot);
    }
    host->events->on_gone(host->user, host, !asked && !stopped);
}

int64_t pool_host_tick(struct pool_host *host, int64_t now_us, int64_t late_us)
{
    int64_t due_us = INT64_MAX;

    host->alive_us += late_us;
    if (host->closed_us && !host->doom) {
        if (now_us >= host->closed_us + POOL_HOST_CLOSED_MS * 1000) {
            doom(host, POOL_DOOM_PROTOCOL, "it closed its connection and went on");
            return due_us;
        }
        soonest(&due_us, host->closed_us + POOL_HOST_CLOSED_MS * 1000);
    }
    if (!host->view.ready && !host->view.leaving) {
        int64_t start_due_us = host->view.born_us + host->config->start_us;
        if (now_us >= start_due_us) {
            doom(host, POOL_DOOM_START, "the plugin took too long to load and open");
            return due_us;
        }
        soonest(&due_us, start_due_us);
    }
    if (host->leave_due_us > 0) {
        if (now_us >= host->leave_due_us) {
            host->leave_due_us = 0;
            proc_kill(host->proc, SIGKILL);
        } else {
            soonest(&due_us, host->leave_due_us);
        }
    }
    if (host->view.count > 0) {
        step_head(host, now_us, &due_us);
    }
    return due_us;
}

/* What is due for the running call. */
static void step_head(struct pool_host *host, int64_t now_us, int64_t *due_us)
{
    struct slot *slot = slot_at(host, 0);

    if (host->view.ready) {
        int64_t timeout_us = host->view.head_began_us + slot->timeout_us;
        if (slot->timeout_us >= 0 && !slot->timed_out) {
            if (now_us < timeout_us) {
                soonest(due_us, timeout_us);
            } else {
                slot->timed_out = !slot->cancelled; /* What came first names the outcome. */
                slot->timeout_us = -1;
                if (host->rung == RUNG_NONE) {
                    climb(host, RUNG_POLITE, now_us + slot->grace_us);
                }
            }
        }
        int64_t recall_us = host->view.head_began_us + POOL_HOST_RECALL_US;
        if (host->view.count > 1 && !host->view.recalling) {
            if (now_us < recall_us) {
                soonest(due_us, recall_us);
            } else {
                recall(host);
            }
        }
        step_silence(host, now_us, due_us);
    }
    step_ladder(host, now_us, due_us);
}

/* The next step towards the end of a call that does not stop. */
static void step_ladder(struct pool_host *host, int64_t now_us, int64_t *due_us)
{
    if (host->rung == RUNG_NONE || host->rung == RUNG_KILL) {
        return;
    }
    if (now_us >= host->rung_due_us) {
        if (host->rung == RUNG_POLITE) {
            climb(host, RUNG_TERM, now_us + POOL_TERM_MS * 1000);
        } else {
            climb(host, RUNG_KILL, INT64_MAX);
            return;
        }
    }
    soonest(due_us, host->rung_due_us);
}

/* Pings during long calls, and the end of a host that does not answer. */
static void step_silence(struct pool_host *host, int64_t now_us, int64_t *due_us)
{
    int64_t watch_us = host->view.head_began_us + host->config->silence_after_us;

    if (now_us < watch_us || host->doom) {
        soonest(due_us, watch_us);
        return;
    }
    int64_t quiet_since_us = host->alive_us > watch_us ? host->alive_us : watch_us;
    if (now_us >= quiet_since_us + host->config->silence_us) {
        doom(host, POOL_DOOM_SILENT, "it did not answer any more, stopped or starved");
        return;
    }
    int64_t ping_us = host->config->silence_us / POOL_HOST_PINGS;
    if (now_us >= host->pinged_us + ping_us) {
        host->pinged_us = now_us;
        proc_control(host->proc, FRAME_PING, (uint64_t)now_us);
    }
    soonest(due_us, host->pinged_us + ping_us);
    soonest(due_us, quiet_since_us + host->config->silence_us);
}

/* The earlier of two times. */
static void soonest(int64_t *due_us, int64_t candidate_us)
{
    if (candidate_us < *due_us) {
        *due_us = candidate_us;
    }
}

/* Monotonic microseconds. */
static int64_t mono_us(void)
{
    return clock_mono_us(&clock_real);
}
