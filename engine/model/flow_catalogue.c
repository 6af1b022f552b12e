/*
 * Checking names of parts and flows, and the literals given to them; see flow_catalogue.h.
 */
#include "model/flow_catalogue.h"

#include "model/params.h"
#include "model/reader.h"

enum { LITERAL_MAX = 4 * 1024 * 1024 };

/* Indexed by enum flow_target. */
static const char *const target_words[] = {"task", "flow", "notifier"};

/* Reports a name that the catalogue does not have. */
static void report_unknown(struct reader *reader, enum flow_target kind,
                           const struct yaml_node *name)
{
    struct suggest suggest = {.word = name->text};
    if (!diag_full(reader->diags)) {
        reader->catalogue->offer(reader->catalogue->user, kind, &suggest);
    }
    const char *hint = reader_hint(reader, suggest.best);
    struct flow_signature ignored;
    if (kind == FLOW_TARGET_TASK &&
        reader->catalogue->find(reader->catalogue->user, FLOW_TARGET_NOTIFIER, name->text,
                                &ignored)) {
        hint = "it is a notifier: name it under `notify`, as `via`";
    } else if (!hint) {
        hint = kind == FLOW_TARGET_FLOW ? "its file NAME.yaml lies beside this one or in HOME/flows"
                                        : "`leat plugin ls` lists what the plugins offer";
    }
    reader_error(reader, name, hint, "there is no %s \"%.*s\"", target_words[kind],
                 STR_ARGS(name->text));
}

/* Reports a parameter that nobody declared. */
static void report_param(struct reader *reader, enum flow_target kind,
                         const struct yaml_node *target, const struct yaml_node *name,
                         const struct flow_signature *signature)
{
    struct suggest suggest = {.word = name->text};
    bool full = diag_full(reader->diags);
    for (size_t index = 0; index < signature->param_count && !full; index++) {
        suggest_offer(&suggest, signature->params[index].name);
    }
    reader_error(reader, name, reader_hint(reader, suggest.best),
                 "the %s \"%.*s\" has no parameter \"%.*s\"%s", target_words[kind],
                 STR_ARGS(target->text), STR_ARGS(name->text),
                 signature->param_count == 0 ? "; it takes none" : "");
}

/* Checks a value that holds no ${...} against its parameter. */
static void check_literal(struct reader *reader, const struct param_spec *spec,
                          const struct yaml_node *node)
{
    struct val literal;
    if (!reader_is_literal(node) || !reader_value(reader, node, &literal)) {
        return;
    }
    CLEANUP_BUF struct buf made = BUF_INIT(LITERAL_MAX);
    struct err_text why = {""};
    bool absent = val_type(literal) == VAL_NIL && !spec->required;
    if (!absent && param_coerce(spec, literal, &made, &why) < 0) {
        reader_error(reader, node, NULL, "`%.*s` %s", STR_ARGS(spec->name), why.text);
    }
}

void flow_catalogue_check(struct reader *reader, enum flow_target kind,
                          const struct yaml_node *name_node, const struct yaml_node *with)
{
    const struct flow_catalogue *catalogue = reader->catalogue;
    if (!catalogue) {
        return;
    }
    struct flow_signature signature = {0};
    if (!catalogue->find(catalogue->user, kind, name_node->text, &signature)) {
        report_unknown(reader, kind, name_node);
        return;
    }
    if (signature.unknown) {
        return;
    }
    bool map = with && with->type == YAML_TYPE_MAP;
    for (uint32_t index = 0; map && index < with->count; index++) {
        const struct param_spec *spec =
            params_find(signature.params, signature.param_count, with->keys[index]->text);
        if (spec) {
            check_literal(reader, spec, with->items[index]);
        } else {
            report_param(reader, kind, name_node, with->keys[index], &signature);
        }
    }
    for (size_t index = 0; index < signature.param_count; index++) {
        const struct param_spec *spec = &signature.params[index];
        bool given = false;
        for (uint32_t member = 0; map && member < with->count && !given; member++) {
            given = str_eq(with->keys[member]->text, spec->name);
        }
        if (spec->required && !given) {
            reader_error(reader, name_node, "give it under `with`",
                         "the %s \"%.*s\" needs the parameter \"%.*s\"", target_words[kind],
                         STR_ARGS(name_node->text), STR_ARGS(spec->name));
        }
    }
}
