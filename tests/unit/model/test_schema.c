/*
 * The JSON Schema of flow files, and the reference that must name every key.
 */
#include "model/schema.h"

#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "base/file.h"
#include "model/flow_form.h"
#include "model/flow_params.h"
#include "tests/unit/model/fixture.h"

/* The schema of flow files. */
static struct val flow_schema(void)
{
    struct buf out = BUF_INIT(1024 * 1024);
    cr_assert_eq(schema_flow(&out), 0);
    fixture_keep(out.data);
    struct val schema;
    struct err_text why = {""};
    cr_assert_eq(val_scan(out.data, out.len, &val_limits_task, &schema, &why), 0, "%s", why.text);
    cr_assert_eq(schema.len, out.len);
    return schema;
}

Test(schema, every_key_of_a_flow_file_is_a_property)
{
    struct val properties = val_find(flow_schema(), STR("properties"));
    cr_assert_eq(val_count(properties), flow_form_keys.count);
    for (uint32_t row = 0; row < flow_form_keys.count; row++) {
        cr_assert_not_null(val_find(properties, str_of(flow_form_keys.keys[row].name)).ptr);
    }
}

Test(schema, every_reference_has_its_definition)
{
    struct val schema = flow_schema();
    struct val defs = val_find(schema, STR("$defs"));
    const char *at = fixture_json(schema.ptr, schema.len);
    const char *mark = "\"$ref\":\"#/$defs/";
    int found = 0;
    for (at = strstr(at, mark); at; at = strstr(at, mark)) {
        at += strlen(mark);
        struct str name = {at, strcspn(at, "\"")};
        cr_assert_not_null(val_find(defs, name).ptr, "%.*s", STR_ARGS(name));
        found++;
    }
    cr_assert_geq(found, 6);
}

Test(schema, what_is_required_is_said)
{
    struct val required = val_find(flow_schema(), STR("required"));
    cr_assert_str_eq(fixture_json(required.ptr, required.len), "[\"flow\",\"steps\"]");
}

Test(schema, unknown_keys_are_not_allowed)
{
    cr_assert_not(val_bool(val_find(flow_schema(), STR("additionalProperties"))));
}

Test(schema, limits_come_from_the_table)
{
    struct val step = val_find(val_find(flow_schema(), STR("$defs")), STR("step"));
    struct val retries = val_find(val_find(step, STR("properties")), STR("retries"));
    cr_assert_eq(val_int(val_find(retries, STR("maximum"))), FLOW_RETRIES_MAX);
}

/* Every key of <table> stands in the reference as code. */
static void in_reference(const char *text, const struct key_table *table)
{
    for (uint32_t row = 0; row < table->count; row++) {
        char mark[64];
        snprintf(mark, sizeof(mark), "`%s`", table->keys[row].name);
        cr_assert(strstr(text, mark), "docs/reference-flow.md lacks %s of %s", mark, table->what);
    }
}

Test(schema, the_reference_names_every_key)
{
    const char *root = getenv("LEAT_ROOT");
    char path[4096];
    snprintf(path, sizeof(path), "%s/docs/reference-flow.md", root ? root : ".");
    CLEANUP_BUF struct buf text = BUF_INIT(1024 * 1024);
    struct err_text why = {""};
    cr_assert_eq(file_read(path, &text, &why), 0, "%s", why.text);
    in_reference(buf_cstr(&text), &flow_form_keys);
    in_reference(buf_cstr(&text), &flow_form_step_keys);
    in_reference(buf_cstr(&text), &flow_form_cache_keys);
    in_reference(buf_cstr(&text), &flow_form_delay_keys);
    in_reference(buf_cstr(&text), &flow_form_runner_keys);
    in_reference(buf_cstr(&text), &flow_params_keys);
    in_reference(buf_cstr(&text), &notify_flow_keys);
    for (size_t index = 0; flow_run_facts[index]; index++) {
        char mark[64];
        snprintf(mark, sizeof(mark), "`run.%s`", flow_run_facts[index]);
        cr_assert(strstr(buf_cstr(&text), mark), "docs/reference-flow.md lacks %s", mark);
    }
}
