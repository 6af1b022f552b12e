/*
 * What a run tree is bound to: the flow texts and the plugin contents of the moment when it was
 * submitted.
 *
 * The pins of a top-level run hold for its whole tree and are rows of the store, so that a change
 * of files never changes a run under way, nor one that is started again. Loop thread.
 */
#ifndef DRIVE_PINS_H
#define DRIVE_PINS_H

#include "drive/engine_int.h"

/* Shared by the runs of a tree. */
struct pins;

struct pins *pins_new(void);
struct pins *pins_ref(struct pins *pins);
struct pins *pins_unref(struct pins *pins);

/* Pins flow <name> to a text (the flow is referenced) and plugin <name> to a content. */
void pins_add_flow(struct pins *pins, struct str name, struct flow *flow, const struct hash *hash);
void pins_add_plugin(struct pins *pins, const struct plug_plugin *plugin);
/* Pins the plugins of today in place of those of the same names. */
void pins_renew_plugins(struct pins *pins, const struct catalogue *catalogue);
/* The pinned flow and the hash of its text, or NULL. */
struct flow *pins_flow(const struct pins *pins, struct str name, struct hash *ret_hash);
/* The part of a pinned plugin, or NULL. */
const struct plug_part *pins_part(const struct pins *pins, uint32_t kind, struct str type);
/* Adds the pins as rows of the top-level run <number> to the open batch, flow texts included. */
void pins_write(struct engine *engine, const struct pins *pins, uint64_t number);
/* Reads them back. Texts or plugins that are gone are left out; errors of the store. */
int pins_read(struct engine *engine, uint64_t number, struct pins **ret_pins,
              struct err_text *reterr_why);

#endif
