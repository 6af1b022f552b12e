/*
 * Linking the steps of a flow: which step needs which, from references, `wait_for` and
 * `allow_failure`; and whether that can work out.
 *
 * flow.c reads the steps and hands them over here. All walks are loops, so that a chain of a
 * hundred thousand steps is no problem.
 */
#ifndef MODEL_FLOW_LINK_H
#define MODEL_FLOW_LINK_H

#include "base/map.h"
#include "model/flow.h"
#include "model/flow_form.h"
#include "model/reader.h"

/* A flow under construction. Everything lies in the reader's arena but for the map. */
struct flow_link {
    struct reader *reader;
    struct flow *flow;              /* steps and counts are set, deps are not */
    struct flow_step *steps;        /* the same steps, to be changed */
    const struct step_form *forms;  /* one per step */
    const struct yaml_node **names; /* where each step's name stands */
    const struct yaml_node **nodes; /* where each step stands */
    const struct map *indices;      /* name -> index + 1 */
    const struct map *params;       /* name -> struct param_spec */
    uint32_t suggestions;           /* how many more may be looked for */
};

/* Checks every reference, sets deps and dependents of all steps, and looks for circles. Problems go
 * to the reader's diagnostics. */
void flow_link_steps(struct flow_link *link);

#endif
