/*
 * The form of a flow file: which keys there are and what each may hold, as tables.
 *
 * The parser reads with these tables, the JSON Schema is made from them, and a test holds the
 * reference (docs/reference-flow.md) against them. A form is what one map of the file says, before
 * names are looked up; flow.c makes the flow of it.
 */
#ifndef MODEL_FLOW_FORM_H
#define MODEL_FLOW_FORM_H

#include "model/flow.h"
#include "model/reader.h"

/* The file as a whole. Zero but for what the file says. */
struct flow_form {
    struct str name;
    struct str description;
    struct str version;
    const struct param_spec *params;
    uint32_t param_count;
    const struct tmpl *run_name;
    struct key_strings tags;
    bool sequential;
    uint32_t width;
    int64_t timeout_us;
    struct flow_cache cache;
    int64_t interrupted; /* enum flow_interrupted */
    int64_t durability;  /* enum flow_durability */
    const struct yaml_node *steps;
    const struct yaml_node *finally;
    const struct tmpl *output;
    const struct notify_rule *notify;
    uint32_t notify_count;
};

/* One step. The caller sets the defaults that the flow gives. */
struct step_form {
    struct str task;
    struct str flow;
    struct str description;
    const struct tmpl *with;
    const struct tmpl *when;
    const struct tmpl *map;
    const struct tmpl *run_name;
    struct key_strings wait_for;
    struct key_strings tolerated; /* allow_failure: [...] */
    bool allow_failure;
    int64_t retries;
    struct flow_retry retry; /* all but the number of retries and the codes */
    struct key_strings retry_on;
    int64_t timeout_us;
    struct flow_cache cache;
    struct key_strings tags;
    int64_t interrupted; /* enum flow_interrupted */
    int64_t isolation;   /* enum flow_isolation */
};

extern const struct key_table flow_form_keys;        /* the file */
extern const struct key_table flow_form_step_keys;   /* a step */
extern const struct key_table flow_form_cache_keys;  /* cache: {...} */
extern const struct key_table flow_form_delay_keys;  /* retry_delay: {...} */
extern const struct key_table flow_form_runner_keys; /* task_runner: {...} */

#endif
