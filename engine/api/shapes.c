/*
 * Every object of the API: see shape.h. Members stand in the order in which answers have them.
 */
#include "api/api.h"
#include "api/shape.h"
#include "core/core.h"
#include "drive/engine.h"
#include "model/flow.h"

#define FIELDS(table) .fields = (table), .count = sizeof(table) / sizeof((table)[0])

/* ---- small things --------------------------------------------------------------------------- */

static const struct shape_field state_fields[] = {
    {"type", SHAPE_STR,
     .doc = "One of SCHEDULED, PENDING, RUNNING, PAUSED, CANCELLING, COMPLETED, "
            "FAILED, CANCELLED, CRASHED."},
    {"name", SHAPE_STR, .doc = "The state's name, for people."},
};
static const struct shape state_shape = {"state", "What a run is doing.", FIELDS(state_fields)};

static const struct shape_field error_fields[] = {
    {"code", SHAPE_STR, .doc = "Dotted code, such as `http.timeout`."},
    {"text", SHAPE_STR, .doc = "What went wrong."},
};
static const struct shape error_shape = {"error", "Why a run failed.", FIELDS(error_fields)};

static const struct shape_field parent_fields[] = {
    {"run", SHAPE_STR, .doc = "Id of the flow run."},
    {"task", SHAPE_STR, .doc = "Name of the task run that stands for the subflow."},
};
static const struct shape parent_shape = {"parent", "Which task run called a subflow.",
                                          FIELDS(parent_fields)};

static const struct shape_field problem_fields[] = {
    {"type", SHAPE_STR, .doc = "Always `about:blank`."},
    {"title", SHAPE_STR, .doc = "The status in words."},
    {"status", SHAPE_INT, .doc = "The HTTP status."},
    {"detail", SHAPE_STR, .doc = "One sentence: what is wrong and what to do."},
    {"code", SHAPE_STR, .doc = "Name of the error: NOT_FOUND, INVALID, CONFLICT, ..."},
    {"problems", SHAPE_STR, .optional = true,
     .doc = "Every mistake of a flow file or its parameters, rendered as a compiler does."},
};
const struct shape shape_problem = {"problem", "An error (RFC 9457).", FIELDS(problem_fields)};

static const struct shape_field removed_fields[] = {
    {"removed", SHAPE_INT, .doc = "How many are gone."},
};
const struct shape shape_removed = {"removed", "How many were removed.", FIELDS(removed_fields)};

const struct shape shape_document = {"document", "Any JSON object.", .count = 0};

/* ---- system --------------------------------------------------------------------------------- */

static const struct shape_field abi_fields[] = {
    {"major", SHAPE_INT, .doc = "Plugins must have been built for this one."},
    {"minor", SHAPE_INT, .doc = "Plugins may have been built for any."},
};
static const struct shape abi_shape = {"abi", "The version of the plugin ABI.", FIELDS(abi_fields)};

static const struct shape_field version_fields[] = {
    {"version", SHAPE_STR, .doc = "The program's version."},
    {"abi", SHAPE_OBJECT, .object = &abi_shape, .doc = "The plugin ABI."},
    {"lmdb", SHAPE_STR, .doc = "The store's library."},
    {"pid", SHAPE_INT, .doc = "Process id of the engine."},
    {"home", SHAPE_STR, .doc = "The engine's directory."},
    {"started", SHAPE_TIME, .doc = "When the engine started."},
};
const struct shape shape_version = {"version", "What is running.", FIELDS(version_fields)};

static const struct shape_field store_fields[] = {
    {"generation", SHAPE_INT, .doc = "Identity of this life of the store."},
    {"commit_seq", SHAPE_INT, .doc = "Transactions in the life of the store."},
    {"sequence", SHAPE_INT, .doc = "Newest durable journal number."},
    {"transactions", SHAPE_INT, .doc = "Transactions since the start."},
    {"operations", SHAPE_INT, .doc = "Operations since the start."},
    {"batches_waiting", SHAPE_INT, .doc = "Batches that are not durable yet."},
    {"commit_us", SHAPE_INT, .doc = "Microseconds of the latest transaction, flush included."},
    {"commit_us_max", SHAPE_INT, .doc = "The longest since the start."},
    {"map_bytes", SHAPE_INT, .doc = "Most the state may use."},
    {"used_bytes", SHAPE_INT, .doc = "Pages in use."},
    {"file_bytes", SHAPE_INT, .doc = "Size of the state's file."},
    {"disk_free_bytes", SHAPE_INT, .doc = "What the file system has left."},
    {"damaged", SHAPE_INT, .doc = "Records whose checksum did not match, since the start."},
    {"readers", SHAPE_INT, .doc = "Open reads."},
    {"oldest_read_us", SHAPE_INT, .doc = "Age of the oldest open read."},
    {"log_lines", SHAPE_INT, .doc = "Log lines since the start."},
    {"log_dropped", SHAPE_INT, .doc = "Log lines lost for want of room."},
    {"room", SHAPE_STR, .doc = "`fine`, `tight`, `low` or `reserve`."},
    {"warning", SHAPE_STR, .nullable = true, .doc = "What is odd about the place of the store."},
};
static const struct shape store_shape = {"store", "Facts about the store.", FIELDS(store_fields)};

static const struct shape_field health_fields[] = {
    {"status", SHAPE_STR, .doc = "`ok`, or `broken` when nothing can be made durable any more."},
    {"store", SHAPE_OBJECT, .object = &store_shape, .doc = "The store."},
    {"runs", SHAPE_INT, .doc = "Runs in the store."},
    {"live", SHAPE_INT, .doc = "Runs that have not ended."},
};
const struct shape shape_health = {"health", "Whether the engine is well.", FIELDS(health_fields)};

static const struct shape_field setting_fields[] = {
    {"name", SHAPE_STR, .doc = "Dotted name."},
    {"value", SHAPE_STR, .doc = "As people write it."},
    {"source", SHAPE_STR, .doc = "Where it comes from."},
};
static const struct shape setting_shape = {"setting", "One setting.", FIELDS(setting_fields)};

static const struct shape_field config_fields[] = {
    {"items", SHAPE_OBJECT, .object = &setting_shape, .list = true, .doc = "All settings."},
};
const struct shape shape_config = {"config", "The effective settings.", FIELDS(config_fields)};

/* ---- flow runs ------------------------------------------------------------------------------ */

static const struct shape_field submit_fields[] = {
    {"flow_text", SHAPE_STR, .max = FLOW_TEXT_MAX, .doc = "Content of the flow file."},
    {"flow_file", SHAPE_STR, .max = 4096, .optional = true, .nullable = true,
     .doc = "Its path: for messages, and files of subflows are looked for beside it."},
    {"base_dir", SHAPE_STR, .max = 4096, .optional = true, .nullable = true,
     .doc = "Absolute directory in which relative paths of tasks begin; the engine's home "
            "without."},
    {"params", SHAPE_MAP, .optional = true, .nullable = true, .doc = "Parameters as values."},
    {"typed", SHAPE_TEXTS, .optional = true, .nullable = true,
     .doc = "Parameters as texts that people typed; they win over `params`."},
    {"name", SHAPE_STR, .max = ENGINE_RUN_NAME_MAX, .optional = true, .nullable = true,
     .doc = "The run's name; the flow's `run_name` or a friendly one without."},
    {"tags", SHAPE_STR, .list = true, .max = CORE_TAGS_MAX, .optional = true, .nullable = true,
     .doc = "Tags besides the flow's."},
    {"refresh_cache", SHAPE_BOOL, .optional = true, .doc = "Do not read the cache, only write."},
};
const struct shape shape_submit = {"submit", "What starts a flow run.", FIELDS(submit_fields)};

static const struct shape_field submitted_fields[] = {
    {"id", SHAPE_STR, .doc = "The run's id."},
    {"number", SHAPE_INT, .doc = "The run's number in this store."},
    {"name", SHAPE_STR, .doc = "The run's name."},
};
const struct shape shape_submitted = {"submitted", "A run that was started.",
                                      FIELDS(submitted_fields)};

static const struct shape_field cancel_fields[] = {
    {"reason", SHAPE_STR, .max = 400, .optional = true, .nullable = true,
     .doc = "Who wants it and why; becomes the error text of the run."},
};
const struct shape shape_cancel = {"cancel", "Why a run is to stop.", FIELDS(cancel_fields)};

#define FLOW_RUN_FIELDS                                                                           \
    {"id", SHAPE_STR, .doc = "UUID version 7."},                                                  \
        {"number", SHAPE_INT, .doc = "Number in this store; grows."},                             \
        {"name", SHAPE_STR, .doc = "The run's name; not unique."},                                \
        {"flow", SHAPE_STR, .doc = "The flow's name."},                                           \
        {"state", SHAPE_OBJECT, .object = &state_shape, .doc = "What it is doing."},              \
        {"created", SHAPE_TIME, .doc = "When it was asked for."},                                 \
        {"started", SHAPE_TIME, .nullable = true, .doc = "When it was first Running."},           \
        {"ended", SHAPE_TIME, .nullable = true, .doc = "When it ended."},                         \
        {"duration_ms", SHAPE_FLOAT, .nullable = true, .doc = "From start to end."},              \
        {"tags", SHAPE_STR, .list = true, .doc = "The flow's and the caller's."},                 \
        {"params", SHAPE_ANY, .doc = "Parameters with defaults; secret ones masked."},            \
        {"parent", SHAPE_OBJECT, .object = &parent_shape, .nullable = true,                       \
         .doc = "What called it, for a subflow."},                                                \
        {"error", SHAPE_OBJECT, .object = &error_shape, .nullable = true,                         \
         .doc = "Why it failed."},                                                                \
        {"flow_hash", SHAPE_STR, .doc = "Content hash of the flow file it runs."},                \
    {                                                                                             \
        "counts", SHAPE_MAP, .optional = true, .doc = "How many of its steps are in which state." \
    }

static const struct shape_field flow_run_fields[] = {FLOW_RUN_FIELDS};
const struct shape shape_flow_run = {"flow_run", "One execution of a flow.",
                                     FIELDS(flow_run_fields)};

static const struct shape_field flow_runs_fields[] = {
    {"items", SHAPE_OBJECT, .object = &shape_flow_run, .list = true, .doc = "Newest first."},
    {"next", SHAPE_STR, .nullable = true, .doc = "`after` for the next page."},
};
const struct shape shape_flow_runs = {"flow_runs", "A page of flow runs.",
                                      FIELDS(flow_runs_fields)};

static const struct shape_field flow_run_detail_fields[] = {
    FLOW_RUN_FIELDS,
    {"result", SHAPE_ANY, .doc = "The flow's output; null until it has completed."},
    {"task_runs", SHAPE_OBJECT, .object = &shape_task_run, .list = true,
     .doc = "In the order of the flow file."},
};
const struct shape shape_flow_run_detail = {"flow_run_detail", "A flow run with its task runs.",
                                            FIELDS(flow_run_detail_fields)};

static const struct shape_field flow_step_fields[] = {
    {"name", SHAPE_STR, .doc = "The step's name."},
    {"kind", SHAPE_STR, .doc = "`task` or `flow`."},
    {"target", SHAPE_STR, .doc = "Type of the task, or name of the flow."},
    {"mapped", SHAPE_BOOL, .doc = "Runs once per member of a list."},
    {"conditional", SHAPE_BOOL, .doc = "Has a `when`."},
    {"finally", SHAPE_BOOL, .doc = "Runs after all others, whatever happened."},
    {"cached", SHAPE_BOOL, .doc = "Its results may come from the cache."},
    {"needs", SHAPE_STR, .list = true, .doc = "Names of steps that must end before."},
};
static const struct shape flow_step_shape = {"flow_step", "One step of a flow.",
                                             FIELDS(flow_step_fields)};

static const struct shape_field flow_text_fields[] = {
    {"name", SHAPE_STR, .doc = "The flow's name."},
    {"description", SHAPE_STR, .doc = "What the author says about it."},
    {"hash", SHAPE_STR, .doc = "Content hash of the text."},
    {"text", SHAPE_STR, .doc = "The flow file as it was when the run began."},
    {"steps", SHAPE_OBJECT, .object = &flow_step_shape, .list = true,
     .doc = "Its steps, those of `finally` last."},
};
const struct shape shape_flow_text = {"flow_text", "The flow file of a run.",
                                      FIELDS(flow_text_fields)};

/* ---- task runs ------------------------------------------------------------------------------ */

static const struct shape_field map_fields[] = {
    {"total", SHAPE_INT, .doc = "Members of the list."},
    {"done", SHAPE_INT, .doc = "Ended."},
    {"failed", SHAPE_INT, .doc = "Ended and not completed."},
};
static const struct shape map_shape = {"map", "Progress of a mapped step.", FIELDS(map_fields)};

#define TASK_RUN_FIELDS                                                                           \
    {"id", SHAPE_STR, .doc = "`RUN-ID/NAME`."}, {"run", SHAPE_STR, .doc = "Id of the flow run."}, \
        {"name", SHAPE_STR, .doc = "`step`, or `step[3]` for a child of a mapped step."},         \
        {"step", SHAPE_STR, .doc = "The step's name."},                                           \
        {"label", SHAPE_STR, .nullable = true, .doc = "What the step's `run_name` gave."},        \
        {"map_index", SHAPE_INT, .nullable = true, .doc = "Place in the list of a mapped step."}, \
        {"state", SHAPE_OBJECT, .object = &state_shape, .doc = "What it is doing."},              \
        {"attempts", SHAPE_INT, .doc = "Attempts so far."},                                       \
        {"started", SHAPE_TIME, .nullable = true, .doc = "When it was first Running."},           \
        {"ended", SHAPE_TIME, .nullable = true, .doc = "When it ended."},                         \
        {"due", SHAPE_TIME, .nullable = true, .doc = "When the next attempt begins."},            \
        {"duration_ms", SHAPE_FLOAT, .nullable = true, .doc = "From start to end."},              \
        {"cached", SHAPE_BOOL, .doc = "The result was taken from the cache."},                    \
        {"child_run", SHAPE_STR, .nullable = true, .doc = "Id of the subflow's run."},            \
        {"error", SHAPE_OBJECT, .object = &error_shape, .nullable = true,                         \
         .doc = "Why it failed."},                                                                \
    {                                                                                             \
        "map", SHAPE_OBJECT, .object = &map_shape, .optional = true,                              \
                             .doc = "Only for a mapped step: its children."                       \
    }

static const struct shape_field task_run_fields[] = {TASK_RUN_FIELDS};
const struct shape shape_task_run = {"task_run", "One execution of a step.",
                                     FIELDS(task_run_fields)};

static const struct shape_field task_runs_fields[] = {
    {"items", SHAPE_OBJECT, .object = &shape_task_run, .list = true, .doc = "One page."},
    {"next", SHAPE_STR, .nullable = true, .doc = "`after` for the next page."},
};
const struct shape shape_task_runs = {"task_runs", "A page of task runs.",
                                      FIELDS(task_runs_fields)};

static const struct shape_field task_run_detail_fields[] = {
    TASK_RUN_FIELDS,
    {"result", SHAPE_ANY, .doc = "What it returned; null until it has completed."},
};
const struct shape shape_task_run_detail = {"task_run_detail", "A task run with its result.",
                                            FIELDS(task_run_detail_fields)};

static const struct shape_field log_line_fields[] = {
    {"sequence", SHAPE_INT, .doc = "Grows from line to line, with gaps."},
    {"time", SHAPE_TIME, .doc = "When it was written."},
    {"level", SHAPE_INT, .doc = "10 debug, 20 info, 30 warning, 40 error, 50 critical."},
    {"level_name", SHAPE_STR, .doc = "The same as a word."},
    {"task", SHAPE_STR, .nullable = true, .doc = "Name of the task run; null for the run itself."},
    {"stream", SHAPE_STR, .doc = "`log`, `stdout` or `stderr`."},
    {"text", SHAPE_STR, .doc = "The line."},
};
static const struct shape log_line_shape = {"log_line", "One line of a run's log.",
                                            FIELDS(log_line_fields)};

static const struct shape_field log_lines_fields[] = {
    {"items", SHAPE_OBJECT, .object = &log_line_shape, .list = true, .doc = "Oldest first."},
    {"next", SHAPE_INT, .nullable = true, .doc = "`after` for the next page; null at the end."},
};
const struct shape shape_log_lines = {"log_lines", "A page of log lines.",
                                      FIELDS(log_lines_fields)};

/* ---- plugins -------------------------------------------------------------------------------- */

static const struct shape_field part_fields[] = {
    {"kind", SHAPE_STR, .doc = "`task` or `notifier`."},
    {"type", SHAPE_STR, .doc = "What flow files call it."},
    {"summary", SHAPE_STR, .doc = "What it does."},
};
static const struct shape part_shape = {"part", "One part of a plugin.", FIELDS(part_fields)};

#define PLUGIN_FIELDS                                                              \
    {"name", SHAPE_STR, .doc = "The plugin's name; empty when the file is none."}, \
        {"version", SHAPE_STR, .doc = "Its version."},                             \
        {"status", SHAPE_STR, .doc = "`ok`, `replaced`, `pending` or `refused`."}, \
        {"reason", SHAPE_STR, .nullable = true, .doc = "Why it is not `ok`."},     \
        {"warning", SHAPE_STR, .nullable = true, .doc = "What is odd about it."},  \
        {"path", SHAPE_STR, .doc = "Where the file is."},                          \
        {"hash", SHAPE_STR, .nullable = true, .doc = "Content hash."},             \
    {                                                                              \
        "bundled", SHAPE_BOOL, .doc = "It came with the program."                  \
    }

static const struct shape_field plugin_fields[] = {
    PLUGIN_FIELDS,
    {"parts", SHAPE_OBJECT, .object = &part_shape, .list = true, .doc = "What it offers."},
};
static const struct shape plugin_shape = {"plugin", "One plugin file.", FIELDS(plugin_fields)};

static const struct shape_field plugins_fields[] = {
    {"items", SHAPE_OBJECT, .object = &plugin_shape, .list = true, .doc = "All plugin files."},
};
const struct shape shape_plugins = {"plugins", "All plugin files.", FIELDS(plugins_fields)};

static const struct shape_field param_fields[] = {
    {"name", SHAPE_STR, .doc = "The parameter's name."},
    {"type", SHAPE_STR, .doc = "`string`, `int`, `duration`, ..."},
    {"list", SHAPE_BOOL, .doc = "A list of such."},
    {"required", SHAPE_BOOL, .doc = "It must be given."},
    {"secret", SHAPE_BOOL, .doc = "It is masked wherever it is shown."},
    {"default", SHAPE_ANY, .doc = "Its value when it is not given."},
    {"doc", SHAPE_STR, .doc = "What it is for."},
};
static const struct shape param_shape = {"param", "One parameter of a part.", FIELDS(param_fields)};

static const struct shape_field part_detail_fields[] = {
    {"kind", SHAPE_STR, .doc = "`task` or `notifier`."},
    {"type", SHAPE_STR, .doc = "What flow files call it."},
    {"summary", SHAPE_STR, .doc = "What it does."},
    {"cacheable", SHAPE_BOOL, .doc = "Its results may be cached."},
    {"params", SHAPE_OBJECT, .object = &param_shape, .list = true, .doc = "Its parameters."},
    {"schema", SHAPE_MAP, .doc = "JSON Schema of its parameters."},
};
static const struct shape part_detail_shape = {"part_detail", "A part with its parameters.",
                                               FIELDS(part_detail_fields)};

static const struct shape_field plugin_detail_fields[] = {
    PLUGIN_FIELDS,
    {"summary", SHAPE_STR, .doc = "What it is for."},
    {"abi", SHAPE_OBJECT, .object = &abi_shape, .nullable = true, .doc = "What it was built for."},
    {"parts", SHAPE_OBJECT, .object = &part_detail_shape, .list = true, .doc = "What it offers."},
};
const struct shape shape_plugin_detail = {"plugin_detail", "A plugin with all it declares.",
                                          FIELDS(plugin_detail_fields)};

/* ---- cache ---------------------------------------------------------------------------------- */

static const struct shape_field cache_entry_fields[] = {
    {"key", SHAPE_STR, .doc = "64 hexadecimal digits."},
    {"task_type", SHAPE_STR, .doc = "Type of the task."},
    {"task", SHAPE_STR, .doc = "Name of the task run that made it."},
    {"run", SHAPE_STR, .doc = "Id of the flow run that made it."},
    {"created", SHAPE_TIME, .doc = "When it was made."},
    {"expires", SHAPE_TIME, .nullable = true, .doc = "When it stops to count; null: never."},
    {"bytes", SHAPE_INT, .doc = "Size of the result, large values included."},
};
static const struct shape cache_entry_shape = {"cache_entry", "One result that can be reused.",
                                               FIELDS(cache_entry_fields)};

static const struct shape_field cache_entries_fields[] = {
    {"items", SHAPE_OBJECT, .object = &cache_entry_shape, .list = true, .doc = "By key."},
    {"next", SHAPE_STR, .nullable = true, .doc = "`after` for the next page."},
};
const struct shape shape_cache_entries = {"cache_entries", "A page of the cache.",
                                          FIELDS(cache_entries_fields)};

static const struct shape_field cache_stats_fields[] = {
    {"entries", SHAPE_INT, .doc = "Entries, expired ones included."},
    {"expired", SHAPE_INT, .doc = "Entries that do not count any more."},
    {"bytes", SHAPE_INT, .doc = "Size of all results, large values included."},
};
const struct shape shape_cache_stats = {"cache_stats", "Size of the cache.",
                                        FIELDS(cache_stats_fields)};

static const struct shape_field difference_fields[] = {
    {"part", SHAPE_STR, .doc = "Name of the parameter, or `task`, `plugin`, `key`."},
    {"before", SHAPE_STR, .nullable = true, .doc = "Beginning of the earlier value."},
    {"now", SHAPE_STR, .nullable = true, .doc = "Beginning of the present value."},
};
static const struct shape difference_shape = {"difference", "A part of the key that changed.",
                                              FIELDS(difference_fields)};

static const struct shape_field nearest_fields[] = {
    {"key", SHAPE_STR, .doc = "64 hexadecimal digits."},
    {"run", SHAPE_STR, .doc = "Id of the flow run that made it."},
    {"run_name", SHAPE_STR, .nullable = true, .doc = "Its name; null when it was deleted."},
    {"task", SHAPE_STR, .doc = "Name of the task run that made it."},
    {"created", SHAPE_TIME, .doc = "When it was made."},
    {"differs", SHAPE_OBJECT, .object = &difference_shape, .list = true,
     .doc = "What differs from it."},
};
static const struct shape nearest_shape = {"nearest", "The earlier entry most like this one.",
                                           FIELDS(nearest_fields)};

static const struct shape_field explanation_fields[] = {
    {"answer", SHAPE_STR, .doc = "`hit`, `miss` or `off`."},
    {"sentence", SHAPE_STR, .doc = "Why, in one sentence."},
    {"key", SHAPE_STR, .nullable = true, .doc = "64 hexadecimal digits; null when it is off."},
    {"entry", SHAPE_OBJECT, .object = &cache_entry_shape, .nullable = true,
     .doc = "The entry of this key as it is now."},
    {"nearest", SHAPE_OBJECT, .object = &nearest_shape, .nullable = true,
     .doc = "For a miss, the earlier entry of the same step that differs least."},
};
const struct shape shape_explanation = {"explanation", "Why a result was or was not reused.",
                                        FIELDS(explanation_fields)};

/* ---- notifications -------------------------------------------------------------------------- */

static const struct shape_field delivery_fields[] = {
    {"id", SHAPE_STR, .doc = "Id of the notification; the same for all its attempts."},
    {"run", SHAPE_STR, .nullable = true, .doc = "Id of the flow run; null when it was deleted."},
    {"run_name", SHAPE_STR, .nullable = true, .doc = "Its name."},
    {"state", SHAPE_STR, .doc = "The state it tells of."},
    {"via", SHAPE_STR, .doc = "Notifier or channel."},
    {"attempt", SHAPE_INT, .doc = "0 while the first one is waiting."},
    {"time", SHAPE_TIME, .nullable = true, .doc = "When the attempt ended."},
    {"outcome", SHAPE_STR, .doc = "`delivered`, `retry`, `dead` or `waiting`."},
    {"code", SHAPE_STR, .nullable = true, .doc = "Error code of the attempt."},
    {"text", SHAPE_STR, .nullable = true, .doc = "What the notifier said."},
    {"next", SHAPE_TIME, .nullable = true, .doc = "When the next attempt is due."},
};
static const struct shape delivery_shape = {"delivery", "One attempt at a notification.",
                                            FIELDS(delivery_fields)};

static const struct shape_field deliveries_fields[] = {
    {"items", SHAPE_OBJECT, .object = &delivery_shape, .list = true,
     .doc = "What waits for its first attempt, then attempts, newest notification first."},
    {"next", SHAPE_STR, .nullable = true, .doc = "`after` for the next page."},
};
const struct shape shape_deliveries = {"deliveries", "A page of the delivery log.",
                                       FIELDS(deliveries_fields)};

/* ---- all ------------------------------------------------------------------------------------ */

const struct shape *const shape_all[] = {
    &abi_shape,
    &shape_cache_entries,
    &cache_entry_shape,
    &shape_cache_stats,
    &shape_cancel,
    &shape_config,
    &shape_deliveries,
    &delivery_shape,
    &difference_shape,
    &error_shape,
    &shape_explanation,
    &shape_flow_run,
    &shape_flow_run_detail,
    &shape_flow_runs,
    &flow_step_shape,
    &shape_flow_text,
    &shape_health,
    &log_line_shape,
    &shape_log_lines,
    &map_shape,
    &nearest_shape,
    &param_shape,
    &parent_shape,
    &part_shape,
    &part_detail_shape,
    &plugin_shape,
    &shape_plugin_detail,
    &shape_plugins,
    &shape_problem,
    &shape_removed,
    &setting_shape,
    &state_shape,
    &store_shape,
    &shape_submit,
    &shape_submitted,
    &shape_task_run,
    &shape_task_run_detail,
    &shape_task_runs,
    &shape_version,
    NULL,
};
