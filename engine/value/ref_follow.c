/*
 * The way through a value along a path; see ref.h.
 */
#include <stdio.h>

#include "base/must.h"
#include "base/suggest.h"
#include "value/ref.h"

/* A map has no member <key>: says what is like it, or what there is. */
static int no_member(struct val map, struct str key, struct str shown, struct err_text *reterr_why)
{
    struct suggest suggest = {.word = key};
    struct val_iter iter = val_iter(map);
    struct str known = STR_NONE;
    struct val member;
    char list[160] = "";
    size_t len = 0;
    while (val_next(&iter, &known, &member)) {
        suggest_offer(&suggest, known);
        if (known.len + 4 < sizeof(list) - len) {
            len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%.*s", len ? ", " : "",
                                    STR_ARGS(known));
        }
    }
    if (suggest.best.len > 0 && suggest.best.len <= 64) {
        return err_set(reterr_why, ERR_NOT_FOUND,
                       "`%.*s`: there is no member \"%.*s\"; did you mean \"%.*s\"?",
                       shown.len > 128 ? 128 : (int)shown.len, shown.ptr,
                       key.len > 64 ? 64 : (int)key.len, key.ptr, STR_ARGS(suggest.best));
    }
    return err_set(reterr_why, ERR_NOT_FOUND, "`%.*s`: there is no member \"%.*s\"; there %s%s.",
                   shown.len > 128 ? 128 : (int)shown.len, shown.ptr,
                   key.len > 64 ? 64 : (int)key.len, key.ptr, len ? "are: " : "are none", list);
}

/* The member <key> of <map>. */
static int follow_name(struct val map, struct str key, struct str shown, struct val *ret_member,
                       struct err_text *reterr_why)
{
    enum val_type type = val_type(map);
    if (type != VAL_MAP) {
        return err_set(reterr_why, ERR_TYPE,
                       "`%.*s`: the member \"%.*s\" is asked of %s; only maps have named members.",
                       shown.len > 128 ? 128 : (int)shown.len, shown.ptr,
                       key.len > 64 ? 64 : (int)key.len, key.ptr, val_type_words(type));
    }
    struct val member = val_find(map, key);
    if (!member.ptr) {
        return no_member(map, key, shown, reterr_why);
    }
    *ret_member = member;
    return 0;
}

/* The member <index> of <list>. */
static int follow_index(struct val list, int64_t index, struct str shown, struct val *ret_member,
                        struct err_text *reterr_why)
{
    enum val_type type = val_type(list);
    if (type != VAL_LIST) {
        return err_set(reterr_why, ERR_TYPE,
                       "`%.*s`: the member [%lld] is asked of %s; only lists have numbered "
                       "members.",
                       shown.len > 128 ? 128 : (int)shown.len, shown.ptr, (long long)index,
                       val_type_words(type));
    }
    int64_t count = val_count(list);
    int64_t from_begin = index < 0 ? index + count : index;
    if (from_begin < 0 || from_begin >= count) {
        return err_set(
            reterr_why, ERR_NOT_FOUND, "`%.*s`: there is no member [%lld]; the list has %lld.",
            shown.len > 128 ? 128 : (int)shown.len, shown.ptr, (long long)index, (long long)count);
    }
    *ret_member = val_at(list, (uint32_t)from_begin);
    return 0;
}

/* Opens a blob on the way, if <value> is one. 0, 1 when it is not at hand, or an error. */
static int open_blob(struct val *value, const struct ref_blobs *blobs, struct err_text *reterr_why)
{
    if (val_type(*value) != VAL_BLOB) {
        return 0;
    }
    if (!blobs || !blobs->get) {
        return 1;
    }
    struct blob_ref blob = val_blob(*value);
    return blobs->get(blobs->user, &blob, value, reterr_why);
}

int ref_follow(struct val from, struct val path, const struct ref_blobs *blobs, struct str shown,
               struct val *ret_member, struct err_text *reterr_why)
{
    must(from.len > 0 && ret_member);
    struct val_iter iter = val_iter(path);
    struct val step;
    struct val here = from;
    while (val_next(&iter, NULL, &step)) {
        int err = open_blob(&here, blobs, reterr_why);
        if (err) {
            return err;
        }
        if (val_type(here) == VAL_NIL) {
            break;
        }
        err = val_type(step) == VAL_STR
                  ? follow_name(here, val_str(step), shown, &here, reterr_why)
                  : follow_index(here, val_int(step), shown, &here, reterr_why);
        if (err) {
            return err;
        }
    }
    *ret_member = here;
    return 0;
}
