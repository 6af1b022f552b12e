/*
 * What the names in a run's templates mean: params, steps, item, index, run, vars, secrets, env.
 */
#ifndef DRIVE_SCOPE_H
#define DRIVE_SCOPE_H

#include "drive/run_data.h"
#include "value/tmpl.h"

/* What stands for a secret in a notification that waits: this, its name, and a brace. */
#define SCOPE_MARK "${secrets.%s."
enum { SCOPE_MARK_SIZE = 64 };

/* One evaluation's names. Lives on the stack; scope_done() frees what lookups made. */
struct scope {
    struct tmpl_scope tmpl; /* hand this to tmpl_eval() */
    struct engine *engine;
    struct run *run;
    const struct task *task;        /* NULL outside tasks */
    const struct uuid *secret_mark; /* secrets.x gives SCOPE_MARK with this id, then "x}", instead
                                       of the secret; NULL: the secret */
    enum state state;               /* run.state; STATE_NONE: the run's present one */
    struct buf made[4]; /* values that exist nowhere else: item's index, run, a secret ... */
    uint32_t made_count;
};

void scope_init(struct scope *scope, struct engine *engine, struct run *run,
                const struct task *task);
void scope_done(struct scope *scope);

/* The item of a child of a mapped step, borrowed from the run's list; VAL_NONE for other tasks. */
struct val scope_item(const struct run *run, const struct task *task);

/* The value of a secret: the environment variable LEAT_SECRET_<NAME> in capitals, or NULL. */
const char *scope_secret(struct str name);

#endif
