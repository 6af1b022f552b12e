/*
 * Sets of parameters: giving each declared parameter its value, and describing the set to forms.
 *
 * Used for flow runs (command line, API, subflows) and for the inputs of tasks and notifiers right
 * before an attempt.
 */
#ifndef MODEL_PARAMS_H
#define MODEL_PARAMS_H

#include <stddef.h>

#include "base/buf.h"
#include "base/str.h"
#include "model/diag.h"
#include "model/param.h"
#include "value/val.h"

enum { PARAMS_TOTAL_MAX = 512 * 1024 }; /* bytes of a bound set */

/*
 * Merges what was given with the defaults and appends one map with every parameter in the order of
 * <specs>; an optional one without default and value is null. <given> is a map of values, <typed> a
 * map of strings for param_coerce_text() that wins over it; either may be VAL_NONE. A null counts
 * as not given (but for required parameters of type value). Adds *all* problems to <problems>, each
 * with the parameter's name as subject: unknown names (with a suggestion), missing ones, values
 * that do not fit, more in total than <out> may hold (flow runs: PARAMS_TOTAL_MAX). 0, ERR_INVALID,
 * or ERR_LIMIT, ERR_MEMORY from <out>; <out> is as before but for the latter two.
 */
int params_bind(const struct param_spec *specs, size_t count, struct val given, struct val typed,
                struct buf *out, struct diag_list *problems);

/*
 * Appends the map that params_bind() made of a flow's parameters as templates see it: durations are
 * seconds again, as people write them, because that is what a bare number means wherever they are
 * handed on to.
 * Everything else stays. buf_err().
 */
int params_for_templates(const struct param_spec *specs, size_t count, struct val bound,
                         struct buf *out);

/* The one of that name, or NULL. */
const struct param_spec *params_find(const struct param_spec *specs, size_t count, struct str name);

/* Appends a JSON Schema (2020-12) object for a set of parameters, as a msgpack value. buf_err(). */
int params_schema(const struct param_spec *specs, size_t count, struct buf *out);

#endif
