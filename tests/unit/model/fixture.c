/*
 * What tests of the model share; see fixture.h.
 */
#include "tests/unit/model/fixture.h"

#include <stdlib.h>

#include <criterion/criterion.h>

#include "base/mem.h"
#include "value/json.h"
#include "value/pack.h"

static const uint8_t one[] = {0x01};

static const struct param_spec csv_params[] = {
    {.name = {"path", 4}, .type = PARAM_FILE, .required = true},
    {.name = {"delimiter", 9}, .type = PARAM_STRING},
    {.name = {"columns", 7}, .type = PARAM_STRING, .list = true},
};

static const struct param_spec train_params[] = {
    {.name = {"data", 4}, .type = PARAM_VALUE, .required = true},
    {.name = {"rounds", 6}, .type = PARAM_INT, .min = {one, 1}},
    {.name = {"eta", 3}, .type = PARAM_FLOAT},
    {.name = {"wait", 4}, .type = PARAM_DURATION},
};

static const struct param_spec remove_params[] = {
    {.name = {"path", 4}, .type = PARAM_FILE, .required = true},
};

static const struct param_spec publish_params[] = {
    {.name = {"model", 5}, .type = PARAM_VALUE, .required = true},
};

static const struct param_spec slack_params[] = {
    {.name = {"url", 3}, .type = PARAM_STRING, .required = true, .secret = true},
};

static const struct {
    enum flow_target kind;
    const char *name;
    struct flow_signature signature;
} parts[] = {
    {FLOW_TARGET_TASK, "csv.read", {.params = csv_params, .param_count = 3}},
    {FLOW_TARGET_TASK, "xgboost.train", {.params = train_params, .param_count = 4}},
    {FLOW_TARGET_TASK, "fs.remove", {.params = remove_params, .param_count = 1}},
    {FLOW_TARGET_FLOW, "publish", {.params = publish_params, .param_count = 1}},
    {FLOW_TARGET_NOTIFIER, "slack", {.params = slack_params, .param_count = 1}},
    {FLOW_TARGET_NOTIFIER, "log", {.params = NULL}},
};

/* flow_catalogue.find */
static bool find(void *user, enum flow_target kind, struct str name,
                 struct flow_signature *ret_signature)
{
    (void)user;
    for (size_t index = 0; index < sizeof(parts) / sizeof(parts[0]); index++) {
        if (parts[index].kind == kind && str_is(name, parts[index].name)) {
            *ret_signature = parts[index].signature;
            return true;
        }
    }
    return false;
}

/* flow_catalogue.offer */
static void offer(void *user, enum flow_target kind, struct suggest *suggest)
{
    (void)user;
    for (size_t index = 0; index < sizeof(parts) / sizeof(parts[0]); index++) {
        if (parts[index].kind == kind) {
            suggest_offer(suggest, str_of(parts[index].name));
        }
    }
}

const struct flow_catalogue fixture_catalogue = {.find = find, .offer = offer};

struct parsed fixture_parse_text(const char *text, bool compile)
{
    struct flow_options options = {.catalogue = &fixture_catalogue, .compile_expressions = compile};
    struct diag_list *diags = diag_new("f.yaml", str_of(text));
    struct parsed parsed = {.err = 0};
    parsed.err = flow_parse(str_of(text), &options, diags, &parsed.flow);
    parsed.errors = diag_error_count(diags);
    CLEANUP_BUF struct buf out = BUF_INIT(1024 * 1024);
    cr_assert_eq(diag_render(diags, false, &out), 0);
    parsed.problems = xstrdup(buf_cstr(&out));
    diag_free(diags);
    cr_assert_eq(parsed.err == 0, parsed.flow != NULL);
    cr_assert_eq(parsed.err == 0, parsed.errors == 0);
    return parsed;
}

struct parsed fixture_parse(const char *text)
{
    return fixture_parse_text(text, false);
}

void parsed_done(struct parsed *parsed)
{
    flow_unref(parsed->flow);
    free(parsed->problems);
}

void *fixture_keep(void *memory)
{
    static void *kept[16 * 1024];
    static size_t count;
    cr_assert_lt(count, sizeof(kept) / sizeof(kept[0]));
    kept[count] = memory;
    count++;
    return memory;
}

struct val fixture_val(const char *json)
{
    struct buf out = BUF_INIT(16 * 1024 * 1024);
    struct err_text why = {""};
    int err = json_parse(str_of(json), &val_limits_task, 0, &out, &why);
    cr_assert_eq(err, 0, "%s", why.text);
    size_t len = 0;
    uint8_t *bytes = fixture_keep(buf_take(&out, &len));
    return (struct val){bytes, len};
}

const char *fixture_json(const void *bytes, size_t len)
{
    struct buf out = BUF_INIT(16 * 1024 * 1024);
    cr_assert_eq(json_print(&out, (struct val){bytes, len}), 0);
    return fixture_keep(buf_take(&out, &len));
}
