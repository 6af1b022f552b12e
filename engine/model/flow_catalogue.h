/*
 * How the reading of flow files asks for things that lie in higher layers: which tasks, flows and
 * notifiers there are, and what may be given to them.
 */
#ifndef MODEL_FLOW_CATALOGUE_H
#define MODEL_FLOW_CATALOGUE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "base/suggest.h"
#include "model/param.h"

struct reader;    /* model/reader.h */
struct yaml_node; /* model/yaml.h */

/* What a step calls. */
enum flow_target {
    FLOW_TARGET_TASK,
    FLOW_TARGET_FLOW,
    FLOW_TARGET_NOTIFIER, /* never of a step; what `via` of a notify rule names */
};

/* What a caller may give to a task, flow or notifier. */
struct flow_signature {
    const struct param_spec *params;
    size_t param_count;
    bool unknown; /* a flow whose file has mistakes of its own: anything may be given */
};

/* What the callbacks give is borrowed until the reading is over. */
struct flow_catalogue {
    /* True and the signature when there is such a part or flow. */
    bool (*find)(void *user, enum flow_target kind, struct str name,
                 struct flow_signature *ret_signature);
    /* Offers every known name of that kind to <suggest>. */
    void (*offer)(void *user, enum flow_target kind, struct suggest *suggest);
    void *user;
};

/*
 * Checks that the part or flow <name> exists in the reader's catalogue and that the literal members
 * of <with> (a map node, or NULL) fit its parameters; values with ${...} are left to the run. Does
 * nothing without a catalogue. <name_node> is where the name stands.
 */
void flow_catalogue_check(struct reader *reader, enum flow_target kind,
                          const struct yaml_node *name_node, const struct yaml_node *with);

#endif
