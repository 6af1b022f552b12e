/*
 * The input of a notifier: secrets take the place of their marks, and of nothing else.
 */
#include "drive/notice.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drive/scope.h"
#include "value/json.h"
#include "value/pack.h"

static const struct uuid id = {.bytes = {0x11, 0x22, 0x33}};
static const struct uuid other_id = {.bytes = {0x44}};
static struct buf with;
static struct buf event;
static struct buf input;
static struct err_text why;

static const struct param_spec params[] = {
    {.name = {"url", 3}, .type = PARAM_STRING, .required = true},
    {.name = {"extra", 5}, .type = PARAM_VALUE},
    {.name = {"event", 5}, .type = PARAM_VALUE},
};
static const struct plug_part part = {
    .type = "test.send", .kind = LEAT_KIND_NOTIFIER, .params = params, .param_count = 3};

/* An event, and one secret. */
static void enter(void)
{
    buf_init(&with, 64 * 1024);
    buf_init(&event, 64 * 1024);
    buf_init(&input, 1024 * 1024);
    pack_map(&event, 1);
    pack_cstr(&event, "message");
    pack_cstr(&event, "hello");
    setenv("LEAT_SECRET_KEY", "s3cret", 1);
    why = (struct err_text){""};
}

/* The end. */
static void leave(void)
{
    buf_done(&with);
    buf_done(&event);
    buf_done(&input);
}

TestSuite(notice, .init = enter, .fini = leave);

/* The mark of a secret, in memory that the next call but three uses again. */
static const char *mark(const struct uuid *uuid, const char *name)
{
    static char texts[4][256];
    static int next;
    char *text = texts[next++ % 4];
    char uuid_text[UUID_TEXT_SIZE];
    int len;

    uuid_format(uuid, uuid_text);
    len = snprintf(text, sizeof(texts[0]), SCOPE_MARK, uuid_text);
    snprintf(text + len, sizeof(texts[0]) - (size_t)len, "%s}", name);
    return text;
}

/* Parameters with this url. */
static void give_url(const char *url)
{
    pack_map(&with, 1);
    pack_cstr(&with, "url");
    pack_cstr(&with, url);
}

/* Makes the input. */
static int make(void)
{
    return notice_input(&part, &id, (struct val){with.data, with.len},
                        (struct val){event.data, event.len}, &input, &why);
}

/* The url in the input. */
static struct str url(void)
{
    return val_str(val_find(val_here(input.data), STR("url")));
}

Test(notice, the_event_is_added)
{
    give_url("http://x");
    cr_assert_eq(make(), 0, "%s", why.text);
    cr_assert(str_eq(url(), STR("http://x")));
    cr_assert(
        str_eq(val_str(val_find(val_find(val_here(input.data), STR("event")), STR("message"))),
               STR("hello")));
}

Test(notice, a_mark_becomes_the_secret)
{
    give_url(mark(&id, "key"));
    cr_assert_eq(make(), 0, "%s", why.text);
    cr_assert(str_eq(url(), STR("s3cret")));
}

Test(notice, marks_inside_text_become_secrets)
{
    char text[512];

    snprintf(text, sizeof(text), "a%sb%sc", mark(&id, "key"), mark(&id, "key"));
    give_url(text);
    cr_assert_eq(make(), 0, "%s", why.text);
    cr_assert(str_eq(url(), STR("as3cretbs3cretc")));
}

Test(notice, marks_at_any_depth_become_secrets)
{
    CLEANUP_BUF struct buf json = BUF_INIT(4096);

    pack_map(&with, 2);
    pack_cstr(&with, "extra");
    pack_map(&with, 2);
    pack_cstr(&with, "headers");
    pack_list(&with, 2);
    pack_cstr(&with, mark(&id, "key"));
    pack_map(&with, 0);
    pack_cstr(&with, "n");
    pack_int(&with, 5);
    pack_cstr(&with, "url");
    pack_cstr(&with, "u");
    cr_assert_eq(make(), 0, "%s", why.text);
    json_print(&json, val_find(val_here(input.data), STR("extra")));
    cr_assert(strstr(buf_cstr(&json), "s3cret"), "%s", buf_cstr(&json));
    cr_assert(strstr(buf_cstr(&json), "\"n\""), "%s", buf_cstr(&json));
}

Test(notice, what_only_looks_like_a_mark_stays)
{
    char text[512];

    snprintf(text, sizeof(text), "${secrets.key} %s $${", mark(&other_id, "key"));
    give_url(text);
    cr_assert_eq(make(), 0, "%s", why.text);
    cr_assert(str_eq(url(), str_of(text)), "a parameter of the run can not name a secret");
}

Test(notice, a_secret_that_is_not_there_is_named)
{
    give_url(mark(&id, "nowhere_to_be_found"));
    cr_assert_eq(make(), ERR_NOT_FOUND);
    cr_assert(strstr(why.text, "nowhere_to_be_found"), "%s", why.text);
}

Test(notice, a_mark_without_its_end_is_no_secret)
{
    char text[512];

    snprintf(text, sizeof(text), "%s", mark(&id, "key"));
    text[strlen(text) - 1] = '\0';
    give_url(text);
    cr_assert_eq(make(), ERR_NOT_FOUND);
}

Test(notice, a_parameter_that_is_missing_is_named)
{
    pack_map(&with, 0);
    cr_assert_lt(make(), 0);
    cr_assert(strstr(why.text, "url"), "%s", why.text);
}

Test(notice, an_input_that_is_too_large_is_a_limit_with_a_sentence)
{
    input.max = 100;
    give_url("http://example.org/a/rather/long/path/that/together/with/the/event/does/not/fit/in/a"
             "/hundred/bytes");
    cr_assert_eq(make(), ERR_LIMIT);
    cr_assert_gt(strlen(why.text), 0);
}
