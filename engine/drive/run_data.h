/*
 * What the drive keeps about a live run beside core's state: its pins, the parts of its steps, the
 * lists of mapped steps, and what followers were told.
 */
#ifndef DRIVE_RUN_DATA_H
#define DRIVE_RUN_DATA_H

#include "drive/engine_int.h"
#include "drive/pins.h"

/* The drive's view of one step of a live run. */
struct step_data {
    const struct plug_part *part; /* NULL for subflows, and for parts that are gone */
    uint32_t lane;
    uint32_t list_count;
    uint32_t *offsets;    /* of each item in `list` */
    struct val list;      /* a mapped step's list */
    struct buf list_copy; /* owns `list` when it was inline */
    bool list_is_blob;    /* else it is a mapped blob */
    struct buf result;    /* of a mapped step, once somebody asked for it */
    uint32_t running;     /* children, for the news */
    uint32_t done;
    uint32_t bad;
    int64_t told_us; /* when the news were last sent */
};

struct run_data {
    struct uuid root;
    uint64_t root_number;
    struct pins *pins;
    struct step_data *steps;
    uint32_t step_count;
    struct val params;      /* the map itself, also when the row holds a blob reference */
    struct buf params_copy; /* owns `params` in that case */
    struct hash program;    /* of the flow's expressions */
    struct str *texts;      /* the expressions */
    uint32_t text_count;
    char *workdir; /* HOME/work/<run id>; made when it is first asked for */
    bool workdir_made;
};

/* Makes the data of <run>, whose tree has <pins> (referenced), and hangs it on run->user. */
struct run_data *run_data_new(struct engine *engine, struct run *run, struct pins *pins,
                              const struct uuid *root, uint64_t root_number);
void run_data_free(struct run *run);
/* Keeps a copy of the parameters when the run itself only holds a reference to them. */
void run_data_set_params(struct run *run, struct val params);

static inline struct run_data *run_data(const struct run *run)
{
    return run->user;
}

#endif
