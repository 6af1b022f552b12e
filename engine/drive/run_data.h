/*
 * What the drive keeps about a live run beside core's state: where its plugins and subflows come
 * from, the lists of mapped steps, and what followers were told.
 *
 * A run is pinned to the flow texts and plugin contents of the moment it was submitted: the pins of
 * a top-level run hold for its whole tree and are rows of the store.
 */
#ifndef DRIVE_RUN_DATA_H
#define DRIVE_RUN_DATA_H

#include "drive/engine_int.h"

/* Flow texts and plugins of one run tree; shared by its runs. Everything is borrowed from the
 * engine's flow cache and catalogue. */
struct pins;

/* The drive's view of one step of a live run. */
struct step_data {
    const struct plug_part *part; /* NULL for subflows, and for parts that are gone */
    uint32_t lane;
    uint32_t list_count;
    uint32_t *offsets;     /* of each item in `list` */
    struct val list;       /* a mapped step's list */
    struct buf list_copy;  /* owns `list` when it was inline */
    bool list_is_blob;     /* else it is a mapped blob */
    struct buf result;     /* of a mapped step, once somebody asked for it */
    uint32_t running;      /* children, for the news */
    uint32_t done;
    uint32_t bad;
    int64_t told_us;       /* when the news were last sent */
};

struct run_data {
    struct uuid root;
    uint64_t root_number;
    struct pins *pins;
    struct step_data *steps;
    uint32_t step_count;
    struct val params;   /* the map itself, also when the row holds a blob reference */
    struct buf params_copy; /* owns `params` in that case */
    struct hash program; /* of the flow's expressions */
    struct str *texts;   /* the expressions */
    uint32_t text_count;
    char *workdir;       /* HOME/work/<run id>; made when it is first asked for */
    bool workdir_made;
};

struct pins *pins_new(void);
struct pins *pins_ref(struct pins *pins);
struct pins *pins_unref(struct pins *pins);

/* Pins flow <name> to a text (the flow is referenced) and plugin <name> to a content. */
void pins_add_flow(struct pins *pins, struct str name, struct flow *flow,
                   const struct hash *hash);
void pins_add_plugin(struct pins *pins, const struct plug_plugin *plugin);
/* The pinned flow and the hash of its text, or NULL. */
struct flow *pins_flow(const struct pins *pins, struct str name, struct hash *ret_hash);
/* The part of a pinned plugin, or NULL. */
const struct plug_part *pins_part(const struct pins *pins, uint32_t kind, struct str type);
/* Adds the pins as rows of the top-level run <number> to the open batch, flow texts included. */
void pins_write(struct engine *engine, const struct pins *pins, uint64_t number);
/* Reads them back. Texts or plugins that are gone are left out; errors of the store. */
int pins_read(struct engine *engine, uint64_t number, struct pins **ret_pins,
              struct err_text *reterr_why);

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
