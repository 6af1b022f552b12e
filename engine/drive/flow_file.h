/*
 * Reading flow files with everything at hand that names in them may mean: the tasks and notifiers
 * of the catalogue, the names of leat.yaml, and the files of subflows.
 *
 * Used by the engine for every flow it takes on, and by `leat check` without an engine. The thread
 * that may use the catalogue.
 */
#ifndef DRIVE_FLOW_FILE_H
#define DRIVE_FLOW_FILE_H

#include <stdbool.h>

#include "drive/settings.h"
#include "model/diag.h"
#include "model/flow.h"

struct catalogue;

/* Where names lead. All members are borrowed. */
struct flow_file_names {
    const char *home;
    const struct catalogue *catalogue;
    const struct settings *settings;
};

/* The file of subflow <name> on the heap: NAME.yaml or NAME.yml beside <file> (NULL: nowhere), then
 * in HOME/flows; NULL when there is none. */
char *flow_file_find(const char *home, const char *file, struct str name);

/* flow_parse() of <text>, which stands in <file> (NULL: nowhere), with its names checked and, if
 * <compile>, its expressions compiled. */
int flow_file_parse(const struct flow_file_names *names, struct str text, const char *file,
                    bool compile, struct diag_list *diags, struct flow **ret_flow);

#endif
