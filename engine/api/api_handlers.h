/*
 * The handlers of all routes, by file. Each answers one kind of request; see call.h for the rules.
 */
#ifndef API_API_HANDLERS_H
#define API_API_HANDLERS_H

struct api_call;

/* api_system.c */
int api_version(struct api_call *call);
int api_health(struct api_call *call);
int api_config(struct api_call *call);
int api_openapi_document(struct api_call *call);

/* api_runs.c */
int api_runs_submit(struct api_call *call);
int api_runs_list(struct api_call *call);
int api_runs_get(struct api_call *call);
int api_runs_flow(struct api_call *call);
int api_runs_cancel(struct api_call *call);
int api_runs_retry(struct api_call *call);
int api_runs_delete(struct api_call *call);
int api_runs_events(struct api_call *call);

/* api_tasks.c */
int api_tasks_list(struct api_call *call);
int api_tasks_of_run(struct api_call *call);
int api_tasks_get(struct api_call *call);

/* api_logs.c */
int api_logs_list(struct api_call *call);

/* api_plugins.c */
int api_plugins_list(struct api_call *call);
int api_plugins_get(struct api_call *call);

/* api_cache.c */
int api_cache_list(struct api_call *call);
int api_cache_stats(struct api_call *call);
int api_cache_delete(struct api_call *call);

/* api_explain.c */
int api_explain_cache(struct api_call *call);

/* api_notifications.c */
int api_notifications_list(struct api_call *call);

#endif
