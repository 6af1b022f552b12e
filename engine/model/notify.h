/*
 * Notify rules: which ends of a flow run are told to whom, and how.
 *
 * The same rules stand in flow files (for that flow) and in leat.yaml (for all flows, narrowed by
 * patterns), so both read them here. Matching is on names and types of states as text; the table of
 * states itself belongs to core.
 */
#ifndef MODEL_NOTIFY_H
#define MODEL_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "model/reader.h"

enum {
    NOTIFY_STATES_MAX = 32,   /* entries of `on` */
    NOTIFY_PATTERNS_MAX = 32, /* entries of `flows` and of `tags` */
};

struct notify_rule {
    const struct str *states; /* names ("TimedOut") or types ("FAILED") of states; never empty */
    uint32_t state_count;
    struct str via;             /* type of a notifier part, or a name from leat.yaml */
    const struct tmpl *with;    /* parameters for the notifier, a map template; never NULL */
    const struct tmpl *message; /* NULL: the engine's own sentence */
    const struct str *tags;     /* patterns; the run needs a match for one of them */
    uint32_t tag_count;         /* 0: any run */
    const struct str *flows;    /* patterns of flow names, leat.yaml only */
    uint32_t flow_count;        /* 0: any flow */
    uint32_t line;              /* where the rule stands in its file, from 1 */
};

/* The keys of a rule in a flow file, and in leat.yaml. */
extern const struct key_table notify_flow_keys;
extern const struct key_table notify_all_keys;

/* True when a run of <flow> with these tags that enters the state of that name and type is to be
 * told. <state_name> as in "TimedOut", <state_type> as in "FAILED". */
bool notify_rule_matches(const struct notify_rule *rule, struct str state_name,
                         struct str state_type, struct str flow, const struct str *tags,
                         uint32_t tag_count);

/*
 * Reads the list of rules <node>. Problems go to the reader's diagnostics; rules with problems are
 * left out. <in_leat_yaml> allows the key `flows`. The result lies in the reader's arena, and its
 * templates use the reader's expressions.
 */
void notify_rules_parse(struct reader *reader, const struct yaml_node *node, bool in_leat_yaml,
                        const struct notify_rule **ret_rules, uint32_t *ret_count);

#endif
