/*
 * The API's description of itself, and the reference in docs/.
 */
#include "api/api.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/route.h"
#include "base/file.h"
#include "value/json.h"

static struct buf value;
static struct val document;

/* Makes the document. */
static void start(void)
{
    buf_init(&value, 1024 * 1024);
    cr_assert_eq(api_openapi("1.2.3", &value), 0);
    cr_assert_eq(val_scan(value.data, value.len, &val_limits_task, &document, NULL), 0);
}

/* Frees it. */
static void stop(void)
{
    buf_done(&value);
}

TestSuite(openapi, .init = start, .fini = stop);

Test(openapi, every_route_is_an_operation)
{
    struct val paths = val_find(document, STR("paths"));

    for (size_t i = 0; i < route_count; i++) {
        const char *method = strcmp(route_table[i].method, "GET") == 0    ? "get"
                             : strcmp(route_table[i].method, "POST") == 0 ? "post"
                                                                          : "delete";
        char path[256];
        struct val operations;

        snprintf(path, sizeof(path), API_PREFIX "%s", route_table[i].pattern);
        operations = val_find(paths, str_of(path));
        cr_assert(operations.ptr, "%s", path);
        cr_assert(val_find(operations, str_of(method)).ptr, "%s %s", method, path);
    }
}

Test(openapi, every_reference_leads_somewhere)
{
    struct val schemas = val_find(val_find(document, STR("components")), STR("schemas"));
    struct buf json = BUF_INIT(4 * 1024 * 1024);
    const char *prefix = "#/components/schemas/";

    json_print(&json, document);
    for (const char *ref = strstr(buf_cstr(&json), prefix); ref; ref = strstr(ref + 1, prefix)) {
        struct str name = {ref + strlen(prefix), strcspn(ref + strlen(prefix), "\"")};

        cr_expect(val_find(schemas, name).ptr, "%.*s", (int)name.len, name.ptr);
    }
    buf_done(&json);
}

/* The content of a file in docs/. */
static void expect_file(const char *name, struct buf *wanted)
{
    struct buf found = BUF_INIT(4 * 1024 * 1024);
    struct err_text why = {""};
    char *path;

    cr_assert(getenv("LEAT_ROOT"));
    path = file_join(getenv("LEAT_ROOT"), name);
    cr_assert_eq(file_read(path, &found, &why), 0, "%s", why.text);
    if (getenv("LEAT_WRITE_DOCS") && !str_eq(buf_str(&found), buf_str(wanted))) {
        cr_assert_eq(file_write(path, wanted->data, wanted->len, 0644, &why), 0, "%s", why.text);
    } else {
        cr_assert(str_eq(buf_str(&found), buf_str(wanted)),
                  "%s is not what the tables say; run this test with LEAT_WRITE_DOCS=1", name);
    }
    free(path);
    buf_done(&found);
}

Test(openapi, the_reference_in_the_docs_is_up_to_date)
{
    struct buf text = BUF_INIT(1024 * 1024);

    cr_assert_eq(api_reference(&text), 0);
    expect_file("docs/reference-api.md", &text);
    buf_done(&text);
}

Test(openapi, the_document_in_the_docs_is_up_to_date)
{
    struct buf fresh = BUF_INIT(1024 * 1024);
    struct buf json = BUF_INIT(4 * 1024 * 1024);

    cr_assert_eq(api_openapi("1", &fresh), 0);
    json_print_pretty(&json, (struct val){fresh.data, fresh.len});
    buf_put_byte(&json, '\n');
    expect_file("docs/openapi.json", &json);
    buf_done(&fresh);
    buf_done(&json);
}
