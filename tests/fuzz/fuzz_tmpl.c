/*
 * Fuzzes strings with `${...}`: parsing never faults, problems lie inside the string and have a
 * sentence, and what parses evaluates to a well-formed value or says why not.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/must.h"
#include "value/pack.h"
#include "value/tmpl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* {"a": [1, {"b": "text"}], "c": null} under every name but those that begin with x. */
static int lookup(void *user, enum ref_root root, struct str name, struct val *ret_value)
{
    static const uint8_t value[] = "\x82\xa1"
                                   "a\x92\x01\x81\xa1"
                                   "b\xa4text\xa1"
                                   "c\xc0";
    (void)user;
    (void)root;
    if (name.len > 0 && name.ptr[0] == 'x') {
        return ERR_NOT_FOUND;
    }
    *ret_value = (struct val){value, sizeof(value) - 1};
    return 0;
}

/* Expressions must survive being turned into program text, and have their uses inside them. */
static void check_exprs(const struct tmpl_exprs *exprs)
{
    for (uint32_t index = 0; index < exprs->count; index++) {
        const struct tmpl_expr *expr = &exprs->list[index];
        CLEANUP_BUF struct buf program = BUF_INIT(1 << 20);
        must(ref_put_jq(&program, expr->text) == 0);
        for (uint32_t use = 0; use < expr->uses_count; use++) {
            must((size_t)expr->uses[use].offset + expr->uses[use].len <= expr->text.len);
        }
    }
}

/* Evaluates, and lists what is missing. */
static void check_eval(const struct tmpl *tmpl, const struct tmpl_exprs *exprs)
{
    const struct tmpl_scope scope = {.lookup = lookup};
    CLEANUP_BUF struct buf out = BUF_INIT(1 << 20);
    struct tmpl_job jobs[TMPL_JOBS_MAX];
    size_t count = 0;
    struct err_text why = {""};
    int err = tmpl_eval(tmpl, &scope, &out, &why);
    struct val v;
    must(err != 0 || val_scan(out.data, out.len, &val_limits_task, &v, &why) == 0);
    must(err != 0 || v.len == out.len);
    must(err >= 0 || why.text[0] != '\0');
    if (err == TMPL_NEEDS_EVALUATOR &&
        tmpl_jobs(tmpl, &scope, TMPL_JOBS_MAX, jobs, &count, &why) == 0) {
        must(count > 0);
        must(tmpl_scope_pack(exprs, jobs, count, &scope, &out, &why) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    if (!str_utf8_ok(text)) {
        return 0;
    }
    struct arena arena;
    struct tmpl_exprs exprs = {0};
    const struct tmpl *tmpl = NULL;
    struct err_text why = {""};
    size_t offset = 0;
    arena_init(&arena, (size_t)16 << 20);
    int err = tmpl_parse_string(&arena, text, &exprs, &tmpl, &offset, &why);
    if (err) {
        must(why.text[0] != '\0' && offset <= size);
    } else {
        check_exprs(&exprs);
        check_eval(tmpl, &exprs);
    }
    arena_done(&arena);
    return 0;
}
