/*
 * A flow as the engine runs it: the checked, immutable form of one flow file.
 *
 * flow_parse() reads the YAML text, reports every mistake it can find at once, and builds a struct
 * flow whose memory lies in one arena. Nothing changes it afterwards, so all layers above read its
 * members directly; flow_ref() and flow_unref() decide how long it lives. One thread.
 *
 *   steps[0 .. main_count)            the steps, in the order of the file
 *   steps[main_count .. step_count)   the steps of `finally`, likewise
 */
#ifndef MODEL_FLOW_H
#define MODEL_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "model/diag.h"
#include "model/flow_catalogue.h"
#include "model/notify.h"
#include "model/param.h"

struct tmpl;       /* value/tmpl.h */
struct tmpl_exprs; /* value/tmpl.h */

/* Limits of a flow file. */
enum {
    FLOW_TEXT_MAX = 16 * 1024 * 1024,     /* bytes of the file */
    FLOW_MEMORY_MAX = 1024 * 1024 * 1024, /* bytes of the flow in memory */
    FLOW_STEPS_MAX = 100000,              /* steps, those of `finally` included */
    FLOW_PARAMS_MAX = 1000,               /* parameters of a flow */
    FLOW_DEPS_MAX = 1000000,              /* edges between steps, all together */
    FLOW_NAME_MAX = 128,                  /* bytes of a name: flow, step, parameter, part, tag */
    FLOW_DESCRIPTION_MAX = 16 * 1024,     /* bytes of a description */
    FLOW_VERSION_MAX = 128,               /* bytes of a version */
    FLOW_TAGS_MAX = 32,                   /* tags of a flow, and of a step */
    FLOW_WIDTH_MAX = 10000,               /* task runs of one flow run at a time */
    FLOW_RETRIES_MAX = 1000,              /* further attempts of one task run */
    FLOW_DELAYS_MAX = 100,                /* entries of a list of retry delays */
    FLOW_RETRY_CODES_MAX = 32,            /* patterns of `retry_on` */
    FLOW_JITTER_MAX = 10,                 /* factor */
    FLOW_NOTIFY_MAX = 100,                /* rules of a flow */
    FLOW_MAP_MAX = 1000000,               /* items of one map, at run time */
};

/* What becomes of an attempt that was under way when the engine died. */
enum flow_interrupted {
    FLOW_INTERRUPTED_RETRY, /* repeat it; does not count as a retry (the default) */
    FLOW_INTERRUPTED_FAIL,  /* it ends as Crashed and is not repeated */
};

/*
 * What `${run.id}` and the like may name; ends with NULL. The drive gives the values, all texts:
 *   id name flow created     of the flow run; created is RFC 3339
 *   state                    the name of its state; in `finally` and `notify`, the one it ends in
 *   error                    why it failed; empty while it has not
 *   base_dir                 the directory in which relative paths begin
 *   workdir                  a directory of its own
 */
extern const char *const flow_run_facts[];

/* When a state change counts as recorded. */
enum flow_durability {
    FLOW_DURABILITY_STRICT,  /* when it is on the disk (the default) */
    FLOW_DURABILITY_RELAXED, /* when it is written; a power cut may lose the last moments */
};

/* Which process runs the attempts of a step. */
enum flow_isolation {
    FLOW_ISOLATION_HOST,    /* a host shared with other calls of the same plugin (the default) */
    FLOW_ISOLATION_PROCESS, /* a fresh process for every attempt */
};

/* When and how often a failed task run is tried again. */
struct flow_retry {
    uint32_t retries;         /* further attempts after the first; 0 for none */
    const int64_t *delays_us; /* before the n-th further attempt; the last repeats */
    uint32_t delay_count;     /* 0: at once */
    bool exponential;         /* delays_us[0] x 1, 2, 4, ... instead */
    int64_t delay_max_us;     /* exponential delays stop growing here; 0: no maximum */
    double jitter;            /* factor f of retry_jitter, 0 .. FLOW_JITTER_MAX */
    const struct str *codes;  /* patterns for str_match() on the error's code */
    uint32_t code_count;      /* 0: every code is tried again */
};

/* Where a result may come from instead of an attempt. */
enum flow_cache_mode {
    FLOW_CACHE_OFF,
    FLOW_CACHE_INPUTS, /* key: task, plugin content and inputs */
    FLOW_CACHE_KEY,    /* key: task and the text of a template */
};

struct flow_cache {
    enum flow_cache_mode mode;
    int64_t ttl_us;         /* how long an entry counts; 0: for ever */
    const struct tmpl *key; /* FLOW_CACHE_KEY only, otherwise NULL */
};

/* One step that has to end before another begins. */
struct flow_dep {
    uint32_t step;  /* index of the earlier step */
    bool data;      /* a reference uses its result; otherwise order only (`wait_for`) */
    bool tolerated; /* named in `allow_failure: [...]`: its failure does not stop this step */
};

struct flow_step {
    struct str name;
    struct str description;
    enum flow_target target_kind; /* task or flow */
    struct str target;            /* type of the task or name of the flow */
    const struct tmpl *with;      /* a map template; never NULL */
    const struct tmpl *when;      /* NULL: always */
    const struct tmpl *map;       /* NULL: the step is not mapped */
    const struct tmpl *run_name;  /* NULL: the step's name */
    const struct flow_dep *deps;  /* distinct, ascending; steps of `finally` name only each other */
    const uint32_t *dependents;   /* the same edges seen from the earlier step, ascending */
    uint32_t dep_count;
    uint32_t dependent_count;
    struct flow_retry retry;
    struct flow_cache cache; /* the flow's default is merged in */
    int64_t timeout_us;      /* of one attempt; 0: none */
    const struct str *tags;
    uint32_t tag_count;
    bool allow_failure; /* `allow_failure: true`: its failure counts as a null result */
    enum flow_interrupted interrupted; /* the flow's default is merged in */
    enum flow_isolation isolation;
    uint32_t line; /* where its name stands in the file, from 1 */
    uint32_t column;
};

struct flow {
    struct str name;
    struct str description;
    struct str version; /* empty when the file gives none */
    const struct param_spec *params;
    uint32_t param_count;
    const struct tmpl *run_name; /* NULL: the engine invents one */
    const struct str *tags;
    uint32_t tag_count;
    bool sequential;    /* one task run at a time, in the order of the file */
    uint32_t width;     /* task runs at a time; 1 when sequential, 0: engine's default */
    int64_t timeout_us; /* of the main steps all together; 0: none */
    enum flow_durability durability;
    const struct flow_step *steps;
    uint32_t main_count;
    uint32_t step_count;
    const struct tmpl *output; /* the flow's result; NULL: the empty map */
    const struct notify_rule *notify;
    uint32_t notify_count;
    const struct tmpl_exprs *exprs; /* every jq expression of the file; never NULL */
};

struct flow_options {
    const struct flow_catalogue *catalogue; /* NULL: names of parts and flows are not checked */
    bool compile_expressions; /* also compile jq expressions; costs some 40 ms when there are any */
};

/*
 * Reads the flow file <text> (at most FLOW_TEXT_MAX bytes) and adds every problem to <diags>, which
 * the caller created with the same text. <options> may be NULL. 0 when the flow can run (warnings
 * may still have been added); otherwise ERR_INVALID or ERR_LIMIT, with at least one error in
 * <diags>. The caller owns one reference to the flow.
 */
int flow_parse(struct str text, const struct flow_options *options, struct diag_list *diags,
               struct flow **ret_flow);

/* One more reference; returns <flow>. */
struct flow *flow_ref(struct flow *flow);
/* Gives up a reference and frees the flow with the last one. NULL is allowed; returns NULL. */
struct flow *flow_unref(struct flow *flow);

/* The index of the step <name>, or -1. O(1). */
int64_t flow_find_step(const struct flow *flow, struct str name);

#endif
