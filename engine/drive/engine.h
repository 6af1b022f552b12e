/*
 * The engine as the rest of the program sees it: start it on a home, hand it runs, follow them.
 *
 * An engine owns the store of its home, a spawner, a pool of hosts and one loop thread on which
 * all decisions are made. The functions here may be called from any thread but the loop's own; the
 * ones that change something return when the change is durable.
 */
#ifndef DRIVE_ENGINE_H
#define DRIVE_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/uuid.h"
#include "drive/hub.h"
#include "drive/settings.h"
#include "plug/catalogue.h"
#include "store/blob.h"
#include "store/store.h"
#include "value/val.h"

struct engine;
struct spawner;

struct engine_options {
    const char *home;                /* absolute; made when missing */
    const char *bundled_plugins;     /* absolute, or NULL */
    const struct settings *settings; /* borrowed for the engine's life */
    struct spawner *spawner;         /* adopted: started before any thread of the process */
    bool passive;                    /* only look: nothing interrupted is touched, no host starts */
};

/*
 * Opens the store, reads the catalogue and starts the loop thread. ERR_STORE_BUSY when another
 * process owns the home; other errors come with a sentence. Takes over the spawner in any case.
 */
int engine_start(const struct engine_options *options, struct engine **ret_engine,
                 struct err_text *reterr_why);

/* Ends hosts and threads, makes everything durable, closes the store. NULL is allowed. */
void engine_stop(struct engine *engine);

/* Longest name and base directory of a run, in bytes. */
enum { ENGINE_RUN_NAME_MAX = 246, ENGINE_BASE_DIR_MAX = 4096 };

/* What somebody asks for when starting a run. All members are borrowed for the call. */
struct engine_request {
    struct str flow_text;    /* the YAML file's content */
    const char *flow_file;   /* its path for messages, and where subflow files are looked for */
    const char *base_dir;    /* absolute; relative paths in tasks start here */
    struct val params;       /* a map of values; VAL_NONE for none */
    struct val typed;        /* a map of texts as people type them; wins over params */
    const char *name;        /* NULL for the flow's run_name or a friendly one */
    const char *const *tags; /* NULL-terminated, or NULL */
    bool refresh_cache;
};

struct engine_run {
    uint64_t number;
    struct uuid uuid;
    char name[256];
};

/*
 * Starts a run; returns when its creation is durable. ERR_INVALID with every problem of the flow
 * file or the parameters rendered for people in <ret_problems> (initialised by the caller).
 */
int engine_submit(struct engine *engine, const struct engine_request *request,
                  struct engine_run *ret_run, struct buf *ret_problems);

/* Asks a live run to stop. ERR_NOT_FOUND, ERR_CONFLICT (it has ended). */
int engine_cancel(struct engine *engine, uint64_t run, const char *text,
                  struct err_text *reterr_why);

/* Starts an ended run again, with the flow text it had and the plugins of today: completed tasks
 * keep their results. ERR_CONFLICT while it is live. */
int engine_retry(struct engine *engine, uint64_t run, struct err_text *reterr_why);

/* Removes an ended run with its subflows' runs, logs and results. ERR_CONFLICT while it is live. */
int engine_delete(struct engine *engine, uint64_t run, struct err_text *reterr_why);

/* Looks at the plugin directories again. Errors of catalogue_scan(). */
int engine_scan_plugins(struct engine *engine, struct err_text *reterr_why);

/* Returns when all that was decided before the call is durable: who subscribes to news, settles and
 * then reads the store misses nothing. Errors of the store. */
int engine_settle(struct engine *engine);

/* Blocks until every notification of <run> has had its first attempt, which ends by itself within a
 * minute and some seconds. */
void engine_drain_notifications(struct engine *engine, uint64_t run);

/* Parts of the engine for readers. Borrowed for the engine's life; each documents its threads. */
struct store *engine_store(struct engine *engine);
struct blob_dir *engine_blobs(struct engine *engine);
struct hub *engine_hub(struct engine *engine);
struct catalogue *engine_catalogue(struct engine *engine);
const char *engine_home(const struct engine *engine);
const struct settings *engine_settings(const struct engine *engine);

#endif
