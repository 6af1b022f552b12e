/*
 * Judging calls.
 */
#include "work/pool_judge.h"

#include <signal.h>
#include <string.h>

#include <leat/abi.h>

#include "work/proc.h"

void pool_judge_result(const struct pool_case *facts, const struct frame_result *result,
                       struct pool_outcome *outcome)
{
    outcome->code = result->code;
    outcome->text = result->text;
    outcome->retry_after_ms = result->retry_after_ms < 0 ? -1 : result->retry_after_ms;
    if (result->status == LEAT_OK) {
        /* Results are believed, even those that come after a cancel. */
        outcome->end = POOL_OK;
        outcome->code = STR_NONE;
        outcome->text = STR_NONE;
        outcome->result = result->result;
        return;
    }
    if (facts->timed_out || facts->cancelled) {
        pool_judge_stopped(facts, outcome);
        return;
    }
    outcome->end = result->status == LEAT_RETRY ? POOL_RETRY : POOL_FAIL;
    if (result->status == LEAT_CANCELLED) {
        outcome->code = STR("plugin.bad_status");
        outcome->text = STR("The part says that it was cancelled, which nobody asked for.");
    }
}

void pool_judge_stopped(const struct pool_case *facts, struct pool_outcome *outcome)
{
    outcome->retry_after_ms = -1;
    outcome->result = VAL_NONE;
    if (facts->timed_out) {
        outcome->end = POOL_TIMED_OUT;
        outcome->code = STR("task.timeout");
        outcome->text = STR("The task ran longer than its timeout allows.");
        return;
    }
    outcome->end = POOL_CANCELLED;
    outcome->code = STR("task.cancelled");
    outcome->text = STR("The task was cancelled.");
}

void pool_judge_dead(const struct pool_case *facts, const struct spawner_report *report,
                     struct pool_outcome *outcome, struct err_text *text)
{
    static const char *const codes[] = {
        [POOL_DOOM_NONE] = "host.died",
        [POOL_DOOM_START] = "host.start",
        [POOL_DOOM_SILENT] = "host.silent",
        [POOL_DOOM_PROTOCOL] = "host.protocol",
    };
    struct err_text words;

    if (facts->timed_out || facts->cancelled) {
        pool_judge_stopped(facts, outcome);
        return;
    }
    outcome->end = POOL_CRASHED;
    outcome->code = str_of(codes[facts->doom]);
    if (!report) {
        outcome->code = STR("host.lost");
        err_set(text, 0, "The process that starts hosts died, and all hosts with it.");
    } else if (facts->doom) {
        err_set(text, 0, "The host of plugin %.64s was killed while it had %s: %s.", facts->plugin,
                facts->type, facts->doom_why);
    } else {
        proc_report_words(report, &words);
        const char *hint = report->signal == SIGKILL ? " Nobody here asked for that; the system "
                                                       "may have run out of memory."
                                                     : "";
        err_set(text, 0, "The host of plugin %.64s %s %s %s.%s", facts->plugin, words.text,
                facts->ready ? "while it ran" : "before it was ready to run", facts->type, hint);
    }
    outcome->text = str_of(text->text);
}
