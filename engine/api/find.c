/*
 * See find.h.
 */
#include "api/find.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/suggest.h"
#include "store/key.h"

enum { OFFERED_MAX = 500 }; /* newest runs whose names are offered as suggestions */

/* ---- runs ----------------------------------------------------------------------------------- */

int find_run_row(struct store_read *read, uint64_t number, struct run_row *ret_row,
                 struct err_text *reterr_why)
{
    struct store_key key = {0};
    struct str bytes;
    int err;

    key_u64(&key, number);
    err = store_peek(read, STORE_FLOW_RUN, key_str(&key), &bytes);
    if (err) {
        return err_set(reterr_why, err, "The flow run can not be read: %s.", err_sentence(err));
    }
    return record_parse_run(bytes, ret_row, reterr_why);
}

/* What a scan for the newest run looks for. */
struct newest {
    bool top;        /* subflows do not count */
    uint64_t number; /* 0: none yet */
};

/* store_visit over FLOW_RUN: stops at the first that counts. */
static bool visit_newest(void *user, struct str key, struct str val)
{
    struct newest *newest = user;
    struct run_row row;

    if (newest->top && (record_parse_run(val, &row, NULL) != 0 || row.parent_run != 0)) {
        return true;
    }
    newest->number = key_read_u64(key, 0);
    return false;
}

/* store_visit over BY_NAME: the run's number is at the end of the key. */
static bool visit_name(void *user, struct str key, struct str val)
{
    (void)val;
    *(uint64_t *)user = key_read_u64(key, key.len - 8);
    return false;
}

/* The newest run with a name, or 0. */
static uint64_t by_name(struct store_read *read, struct str name)
{
    struct store_key prefix = {0};
    uint64_t number = 0;

    key_text(&prefix, name);
    if (prefix.len <= STORE_KEY_MAX - 8) {
        store_scan(read, STORE_BY_NAME, key_str(&prefix), STR_NONE, true, visit_name, &number);
    }
    return number;
}

/* The run with exactly this id, or 0. */
static uint64_t by_uuid(struct store_read *read, const struct uuid *uuid)
{
    struct str key = {(const char *)uuid->bytes, UUID_SIZE};
    struct str val;

    return store_peek(read, STORE_BY_ID, key, &val) == 0 ? key_read_u64(val, 0) : 0;
}

/* A search by the beginning of an id's text. */
struct by_prefix {
    struct str prefix;
    uint64_t number;
    unsigned found;
};

/* store_visit over BY_ID. */
static bool visit_prefix(void *user, struct str key, struct str val)
{
    struct by_prefix *search = user;
    char text[UUID_TEXT_SIZE];
    struct uuid uuid;

    if (key.len != UUID_SIZE) {
        return true;
    }
    memcpy(uuid.bytes, key.ptr, UUID_SIZE);
    uuid_format(&uuid, text);
    if (strncasecmp(text, search->prefix.ptr, search->prefix.len) == 0) {
        search->number = key_read_u64(val, 0);
        search->found++;
    }
    return search->found < 2;
}

/* True for text that could be the beginning of an id. */
static bool is_prefix(struct str text)
{
    if (text.len < FIND_PREFIX_MIN || text.len >= UUID_TEXT_SIZE) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;

        if (hyphen ? text.ptr[i] != '-' : !isxdigit((unsigned char)text.ptr[i])) {
            return false;
        }
    }
    return true;
}

/* Looks an id's beginning up: its first four bytes, which are there, narrow the scan. */
static void by_prefix(struct store_read *read, struct by_prefix *search)
{
    char bytes[4];
    unsigned value;

    for (size_t i = 0; i < sizeof(bytes); i++) {
        char digits[3] = {search->prefix.ptr[2 * i], search->prefix.ptr[2 * i + 1], '\0'};

        sscanf(digits, "%x", &value);
        bytes[i] = (char)value;
    }
    store_scan(read, STORE_BY_ID, (struct str){bytes, sizeof(bytes)}, STR_NONE, true, visit_prefix,
               search);
}

/* Offers names of recent runs. */
struct offering {
    struct suggest suggest;
    unsigned left;
};

/* store_visit over FLOW_RUN. */
static bool visit_offer(void *user, struct str key, struct str val)
{
    struct offering *offering = user;
    struct run_row row;

    (void)key;
    if (record_parse_run(val, &row, NULL) == 0) {
        suggest_offer(&offering->suggest, row.name);
    }
    return --offering->left > 0;
}

/* Says that there is no such run. */
static int refuse_run(struct store_read *read, struct str text, struct err_text *reterr_why)
{
    struct offering offering = {.suggest = {.word = text}, .left = OFFERED_MAX};
    int shown = text.len > 100 ? 100 : (int)text.len;

    store_scan(read, STORE_FLOW_RUN, STR_NONE, STR_NONE, true, visit_offer, &offering);
    if (offering.suggest.best.len) {
        return err_set(reterr_why, ERR_NOT_FOUND,
                       "There is no flow run \"%.*s\"; did you mean \"%.*s\"?", shown, text.ptr,
                       STR_ARGS(offering.suggest.best));
    }
    return err_set(reterr_why, ERR_NOT_FOUND, "There is no flow run \"%.*s\".", shown, text.ptr);
}

int find_run(struct store_read *read, struct str text, uint64_t *ret_number,
             struct err_text *reterr_why)
{
    struct by_prefix search = {.prefix = text};
    struct newest newest = {.top = true};
    struct uuid uuid;
    uint64_t number = 0;

    if (str_is(text, "@last")) {
        store_scan(read, STORE_FLOW_RUN, STR_NONE, STR_NONE, true, visit_newest, &newest);
        if (newest.number == 0) {
            return err_set(reterr_why, ERR_NOT_FOUND, "There is no flow run yet.");
        }
        *ret_number = newest.number;
        return 0;
    }
    number = uuid_parse(text, &uuid) == 0 ? by_uuid(read, &uuid) : by_name(read, text);
    if (number == 0 && is_prefix(text)) {
        by_prefix(read, &search);
        if (search.found > 1) {
            return err_set(reterr_why, ERR_INVALID,
                           "More than one flow run's id begins with \"%.*s\"; give more of it.",
                           STR_ARGS(text));
        }
        number = search.number;
    }
    if (number == 0) {
        return refuse_run(read, text, reterr_why);
    }
    *ret_number = number;
    return 0;
}

/* ---- task runs ------------------------------------------------------------------------------ */

bool find_split_task(struct str name, struct str *ret_step, int32_t *ret_index)
{
    const char *open = name.len ? memchr(name.ptr, '[', name.len) : NULL;
    int64_t index = 0;

    if (!open) {
        *ret_step = name;
        *ret_index = -1;
        return name.len > 0;
    }
    if (open == name.ptr || name.ptr[name.len - 1] != ']' || open + 2 >= name.ptr + name.len) {
        return false;
    }
    for (const char *at = open + 1; at < name.ptr + name.len - 1; at++) {
        if (!isdigit((unsigned char)*at) || index > INT32_MAX / 10) {
            return false;
        }
        index = index * 10 + (*at - '0');
    }
    if (index > INT32_MAX) {
        return false;
    }
    *ret_step = (struct str){name.ptr, (size_t)(open - name.ptr)};
    *ret_index = (int32_t)index;
    return true;
}

int find_task_row(struct store_read *read, uint64_t run, uint32_t index, struct task_row *ret_row,
                  struct err_text *reterr_why)
{
    struct store_key key = {0};
    struct str bytes;
    int err;

    key_u64(&key, run);
    key_u32(&key, index);
    err = store_peek(read, STORE_TASK_RUN, key_str(&key), &bytes);
    if (err) {
        return err_set(reterr_why, err, "The task run can not be read: %s.", err_sentence(err));
    }
    return record_parse_task(bytes, ret_row, reterr_why);
}

/* A search for a step's row. */
struct by_step {
    struct suggest suggest;
    struct task_row row;
    bool found;
};

/* store_visit over the rows of a run: steps come before children of maps. */
static bool visit_step(void *user, struct str key, struct str val)
{
    struct by_step *search = user;
    struct task_row row;

    (void)key;
    if (record_parse_task(val, &row, NULL) != 0) {
        return true;
    }
    if (row.map_index >= 0) {
        return false;
    }
    suggest_offer(&search->suggest, row.step_name);
    if (str_eq(row.step_name, search->suggest.word)) {
        search->row = row;
        search->found = true;
    }
    return !search->found;
}

/* Says that there is no such task run. */
static int refuse_task(const struct by_step *search, struct str name, struct err_text *reterr_why)
{
    int shown = name.len > 160 ? 160 : (int)name.len;

    if (search->suggest.best.len && !search->found) {
        return err_set(reterr_why, ERR_NOT_FOUND,
                       "The flow run has no task run \"%.*s\"; did you mean \"%.*s\"?", shown,
                       name.ptr, STR_ARGS(search->suggest.best));
    }
    return err_set(reterr_why, ERR_NOT_FOUND, "The flow run has no task run \"%.*s\".", shown,
                   name.ptr);
}

int find_task(struct store_read *read, uint64_t run, struct str name, struct task_row *ret_row,
              struct err_text *reterr_why)
{
    struct by_step search = {0};
    struct store_key prefix = {0};
    int32_t index;

    if (!find_split_task(name, &search.suggest.word, &index)) {
        return refuse_task(&search, name, reterr_why);
    }
    key_u64(&prefix, run);
    store_scan(read, STORE_TASK_RUN, key_str(&prefix), STR_NONE, false, visit_step, &search);
    if (!search.found || (index >= 0 && (uint32_t)index >= search.row.child_count)) {
        return refuse_task(&search, name, reterr_why);
    }
    if (index < 0) {
        *ret_row = search.row;
        return 0;
    }
    return find_task_row(read, run, search.row.first_child + (uint32_t)index, ret_row, reterr_why);
}
