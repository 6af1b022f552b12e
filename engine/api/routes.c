/*
 * The table of everything that can be asked: see route.h.
 */
#include "api/api_handlers.h"
#include "api/route.h"

#define LIMIT(most, usual)                                                \
    {                                                                     \
        "limit", ROUTE_INT, .min = 1, .max = (most), .fallback = (usual), \
                            .doc = "Most items of the answer."            \
    }
#define AFTER                                                    \
    {                                                            \
        "after", ROUTE_TEXT, .doc = "`next` of the page before." \
    }
#define EXPAND                                                                            \
    {                                                                                     \
        "expand", ROUTE_BOOL,                                                             \
            .doc = "Show values that lie in blobs, up to 64 MiB, in place of references." \
    }
#define END \
    {       \
        0   \
    }

static const struct route_query list_runs[] = {
    LIMIT(1000, 50),
    AFTER,
    {"state", ROUTE_STATE, .doc = "A state (`TimedOut`) or a type of states (`FAILED`)."},
    {"flow", ROUTE_TEXT, .doc = "Name of the flow."},
    {"tag", ROUTE_TEXT, .doc = "A tag the run has."},
    {"name", ROUTE_TEXT, .doc = "Name of the run."},
    {"top", ROUTE_BOOL, .doc = "Leave out runs of subflows."},
    {"counts", ROUTE_BOOL, .doc = "Add how many steps are in which state."},
    END,
};

static const struct route_query get_run[] = {
    {"tasks", ROUTE_INT, .min = 0, .max = 100000, .fallback = 1000,
     .doc = "Most task runs of the answer."},
    {"children", ROUTE_BOOL, .doc = "Children of mapped steps too."},
    EXPAND,
    END,
};

static const struct route_query list_tasks_of_run[] = {
    LIMIT(10000, 1000),
    AFTER,
    {"state", ROUTE_STATE, .doc = "A state or a type of states."},
    {"children", ROUTE_BOOL, .doc = "Children of mapped steps too; they follow the steps."},
    END,
};

static const struct route_query list_tasks[] = {
    LIMIT(1000, 50),
    AFTER,
    {"state", ROUTE_STATE, .doc = "A state or a type of states."},
    {"step", ROUTE_TEXT, .doc = "Name of the step."},
    END,
};

static const struct route_query get_task[] = {EXPAND, END};

static const struct route_query list_logs[] = {
    LIMIT(10000, 1000),
    {"after", ROUTE_INT, .min = 0, .max = INT64_MAX, .fallback = 0,
     .doc = "Only lines with a greater sequence number."},
    {"level", ROUTE_INT, .min = 0, .max = 100, .fallback = 0,
     .doc = "Only lines of this level up."},
    {"task", ROUTE_TEXT,
     .doc = "Only lines of this task run; those of a mapped step include its children's."},
    {"tail", ROUTE_BOOL, .doc = "The newest lines instead of the oldest."},
    END,
};

static const struct route_query follow_events[] = {
    {"logs", ROUTE_BOOL, .doc = "Begin with the log lines that are stored already."},
    END,
};

static const struct route_query list_plugins[] = {
    {"scan", ROUTE_BOOL, .doc = "Look at the directories again before answering."},
    END,
};

static const struct route_query list_cache[] = {
    LIMIT(1000, 50),
    AFTER,
    {"task", ROUTE_TEXT, .doc = "Type of the task."},
    END,
};

static const struct route_query delete_cache[] = {
    {"task", ROUTE_TEXT, .doc = "Type of the task whose entries go."},
    {"key", ROUTE_TEXT, .doc = "Key of the entry that goes."},
    {"all", ROUTE_BOOL, .doc = "All entries go."},
    END,
};

static const struct route_query list_deliveries[] = {
    LIMIT(1000, 50),
    AFTER,
    {"run", ROUTE_TEXT, .doc = "A flow run, named like in a path."},
    {"outcome", ROUTE_TEXT, .doc = "`delivered`, `retry`, `dead` or `waiting`."},
    END,
};

const struct route route_table[] = {
    {"GET", "/version", "version", "System", "What is running.", .answer = &shape_version,
     .status = 200, .handle = api_version},
    {"GET", "/health", "health", "System", "Whether the engine is well.", .answer = &shape_health,
     .status = 200, .handle = api_health},
    {"GET", "/config", "config", "System", "The effective settings and where they come from.",
     .answer = &shape_config, .status = 200, .handle = api_config},
    {"GET", "/openapi.json", "openapi", "System", "This API as an OpenAPI 3.1 document.",
     .answer = &shape_document, .status = 200, .handle = api_openapi_document},

    {"POST", "/flow-runs", "submit_flow_run", "Flow runs",
     "Starts a flow run; answers when it is durable.", .body = &shape_submit,
     .answer = &shape_submitted, .status = 201, .handle = api_runs_submit},
    {"GET", "/flow-runs", "list_flow_runs", "Flow runs", "Flow runs, newest first.",
     .query = list_runs, .answer = &shape_flow_runs, .status = 200, .handle = api_runs_list},
    {"GET", "/flow-runs/{run}", "get_flow_run", "Flow runs",
     "One flow run with its result and task runs.", .query = get_run,
     .answer = &shape_flow_run_detail, .status = 200, .handle = api_runs_get},
    {"DELETE", "/flow-runs/{run}", "delete_flow_run", "Flow runs",
     "Removes an ended flow run with its subflows, logs and results.", .status = 204,
     .handle = api_runs_delete},
    {"GET", "/flow-runs/{run}/flow", "get_flow", "Flow runs",
     "The flow file as it was when the run began, and its steps.", .answer = &shape_flow_text,
     .status = 200, .handle = api_runs_flow},
    {"POST", "/flow-runs/{run}/cancel", "cancel_flow_run", "Flow runs",
     "Asks a live flow run to stop.", .body = &shape_cancel, .body_optional = true,
     .answer = &shape_flow_run, .status = 202, .handle = api_runs_cancel},
    {"POST", "/flow-runs/{run}/retry", "retry_flow_run", "Flow runs",
     "Starts an ended flow run again; what completed is kept.", .answer = &shape_flow_run,
     .status = 202, .handle = api_runs_retry},
    {"GET", "/flow-runs/{run}/events", "follow_flow_run", "Flow runs",
     "Follows a flow run and its subflows as server-sent events until it has ended.",
     .query = follow_events, .status = 200, .stream = true, .handle = api_runs_events},
    {"GET", "/flow-runs/{run}/logs", "list_logs", "Flow runs",
     "Log lines of a flow run, oldest first.", .query = list_logs, .answer = &shape_log_lines,
     .status = 200, .handle = api_logs_list},

    {"GET", "/flow-runs/{run}/task-runs", "list_task_runs_of_flow_run", "Task runs",
     "Task runs of a flow run, in the order of the flow file.", .query = list_tasks_of_run,
     .answer = &shape_task_runs, .status = 200, .handle = api_tasks_of_run},
    {"GET", "/flow-runs/{run}/task-runs/{task}", "get_task_run", "Task runs",
     "One task run with its result.", .query = get_task, .answer = &shape_task_run_detail,
     .status = 200, .handle = api_tasks_get},
    {"GET", "/flow-runs/{run}/task-runs/{task}/cache", "explain_cache", "Task runs",
     "Why the result of a task run was or was not taken from the cache.",
     .answer = &shape_explanation, .status = 200, .handle = api_explain_cache},
    {"GET", "/task-runs", "list_task_runs", "Task runs",
     "Task runs of all flow runs, newest flow run first.", .query = list_tasks,
     .answer = &shape_task_runs, .status = 200, .handle = api_tasks_list},

    {"GET", "/plugins", "list_plugins", "Plugins", "All plugin files and what they offer.",
     .query = list_plugins, .answer = &shape_plugins, .status = 200, .handle = api_plugins_list},
    {"GET", "/plugins/{name}", "get_plugin", "Plugins",
     "One plugin with the parameters of its parts.", .answer = &shape_plugin_detail, .status = 200,
     .handle = api_plugins_get},

    {"GET", "/cache", "list_cache", "Cache", "Entries of the result cache, by key.",
     .query = list_cache, .answer = &shape_cache_entries, .status = 200, .handle = api_cache_list},
    {"DELETE", "/cache", "invalidate_cache", "Cache",
     "Removes entries of the result cache: by key, by type of task, or all.", .query = delete_cache,
     .answer = &shape_removed, .status = 200, .handle = api_cache_delete},
    {"GET", "/cache/stats", "cache_stats", "Cache", "Size of the result cache.",
     .answer = &shape_cache_stats, .status = 200, .handle = api_cache_stats},

    {"GET", "/notifications/deliveries", "list_deliveries", "Notifications",
     "Notifications that wait, and attempts to deliver others.", .query = list_deliveries,
     .answer = &shape_deliveries, .status = 200, .handle = api_notifications_list},
};

const size_t route_count = sizeof(route_table) / sizeof(route_table[0]);
