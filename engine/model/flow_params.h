/*
 * The `params` of a flow file: declarations of parameters.
 *
 * A declaration is a map of the keys in flow_params_keys, or just a default whose type is inferred.
 */
#ifndef MODEL_FLOW_PARAMS_H
#define MODEL_FLOW_PARAMS_H

#include "model/param.h"
#include "model/reader.h"

extern const struct key_table flow_params_keys; /* one declaration */

/* Reads the map <node> of at most FLOW_PARAMS_MAX declarations. Problems go to the reader's
 * diagnostics; what is wrong is declared as far as it can be read, so that references to it are no
 * further mistakes. The result lies in the reader's arena. */
void flow_params_read(struct reader *reader, const struct yaml_node *node,
                      const struct param_spec **ret_specs, uint32_t *ret_count);

#endif
