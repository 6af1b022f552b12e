/*
 * Plain references: how they are spelt, and parsing them into a root, a name and a packed path; see
 * ref.h.
 */
#include "value/ref.h"

#include "base/must.h"
#include "value/pack.h"
#include "value/ref_int.h"

enum { INDEX_DIGITS_MAX = 9 };

static const char *const root_names[REF_ROOTS_COUNT] = {
    [REF_PARAMS] = "params",   [REF_STEPS] = "steps", [REF_ITEM] = "item",
    [REF_INDEX] = "index",     [REF_RUN] = "run",     [REF_VARS] = "vars",
    [REF_SECRETS] = "secrets", [REF_ENV] = "env",
};

const char *ref_root_name(enum ref_root root)
{
    must((size_t)root < REF_ROOTS_COUNT);
    return root_names[root];
}

size_t ref_word_end(struct str text, size_t at)
{
    while (ref_in_word(ref_peek(text, at))) {
        at++;
    }
    return at;
}

/* The end of the name that begins at <at>: a word, going on after inner hyphens. */
static size_t name_end(struct str text, size_t at)
{
    at = ref_word_end(text, at);
    while (ref_peek(text, at) == '-' && ref_in_word(ref_peek(text, at + 1))) {
        at = ref_word_end(text, at + 1);
    }
    return at;
}

enum ref_root ref_root_of(struct str word)
{
    enum ref_root root = REF_PARAMS;
    while (root < REF_ROOTS_COUNT && !str_is(word, root_names[root])) {
        root++;
    }
    return root;
}

/* Reads what stands in brackets; false when it is not a constant. <at> is behind the bracket. */
static bool read_bracket(struct str text, size_t at, struct ref_segment *ret_segment)
{
    size_t begin = ref_skip_space(text, at);
    size_t end = begin;
    if (ref_peek(text, begin) == '"') {
        end = begin + 1;
        while (end < text.len && text.ptr[end] != '"' && text.ptr[end] != '\\') {
            end++;
        }
        ret_segment->name = ref_slice(text, begin + 1, end);
        if (ref_peek(text, end) != '"') {
            return false;
        }
        end++;
    } else {
        bool negative = ref_peek(text, end) == '-';
        end += negative ? 1 : 0;
        size_t digits = end;
        while (ref_is_digit(ref_peek(text, end))) {
            ret_segment->index = ret_segment->index * 10 + (text.ptr[end] - '0');
            end++;
            if (end - digits > INDEX_DIGITS_MAX) {
                return false;
            }
        }
        if (end == digits) {
            return false;
        }
        ret_segment->number = true;
        ret_segment->index = negative ? -ret_segment->index : ret_segment->index;
    }
    end = ref_skip_space(text, end);
    ret_segment->end = end + 1;
    return ref_peek(text, end) == ']';
}

bool ref_read_segment(struct str text, size_t at, struct ref_segment *ret_segment)
{
    *ret_segment = (struct ref_segment){.begin = ref_skip_space(text, at)};
    at = ret_segment->begin;
    if (ref_peek(text, at) == '[') {
        return read_bracket(text, at + 1, ret_segment);
    }
    if (ref_peek(text, at) != '.' || !ref_begins_word(ref_peek(text, at + 1))) {
        return false;
    }
    ret_segment->end = name_end(text, at + 1);
    ret_segment->name = ref_slice(text, at + 1, ret_segment->end);
    ret_segment->hyphen = memchr(ret_segment->name.ptr, '-', ret_segment->name.len) != NULL;
    return true;
}

bool ref_root_has_names(enum ref_root root)
{
    return root != REF_ITEM && root != REF_INDEX;
}

int ref_whole_root_check(enum ref_root root, struct err_text *reterr_why)
{
    switch (root) {
    case REF_STEPS:
        return err_set(reterr_why, ERR_INVALID,
                       "`steps` alone is no value; name the step: steps.NAME.");
    case REF_VARS:
        return err_set(reterr_why, ERR_INVALID,
                       "`vars` alone is no value; name the variable: vars.NAME.");
    case REF_SECRETS:
        return err_set(reterr_why, ERR_INVALID,
                       "`secrets` alone is no value; name the secret: secrets.NAME.");
    case REF_ENV:
        return err_set(reterr_why, ERR_INVALID,
                       "`env` alone is no value; name the environment variable: env.NAME.");
    default:
        return 0;
    }
}

/* Reads segments from <at> to the end of <text> into <path>. 1 when that is all there is. */
static int read_path(struct str text, size_t at, struct buf *path, uint32_t *ret_count,
                     struct err_text *reterr_why)
{
    struct ref_segment segment;
    uint32_t count = 0;
    while (ref_skip_space(text, at) < text.len) {
        if (!ref_read_segment(text, at, &segment)) {
            return 0;
        }
        if (count == REF_PATH_MAX) {
            return err_set(reterr_why, ERR_LIMIT, "A path may have at most %d members.",
                           REF_PATH_MAX);
        }
        if (segment.number) {
            pack_int(path, segment.index);
        } else {
            pack_str(path, segment.name);
        }
        count++;
        at = segment.end;
    }
    *ret_count = count;
    return 1;
}

/* Makes the packed list of <count> members whose bytes are in <members>. */
static int keep_path(struct arena *arena, const struct buf *members, uint32_t count,
                     struct val *ret_path)
{
    CLEANUP_BUF struct buf list = BUF_INIT(members->max + 8);
    pack_list(&list, count);
    buf_put_str(&list, buf_str(members));
    const uint8_t *copy = buf_err(&list) ? NULL : arena_memdup(arena, list.data, list.len);
    if (!copy) {
        return buf_err(&list) ? buf_err(&list) : arena_err(arena);
    }
    *ret_path = (struct val){copy, list.len};
    return 0;
}

/* Reads the name that follows the root at <at>. 1, or 0 when it is not a constant name. */
static int read_name(struct str text, size_t at, struct str *ret_name, size_t *ret_end)
{
    struct ref_segment segment;
    if (!ref_read_segment(text, at, &segment) || segment.number) {
        return 0;
    }
    *ret_name = segment.name;
    *ret_end = segment.end;
    return 1;
}

/* Fills <ret_ref> from <text>, which lives in the arena. Returns as ref_parse. */
static int parse_plain(struct arena *arena, struct str text, struct ref *ret_ref,
                       struct err_text *reterr_why)
{
    size_t at = ref_word_end(text, 0);
    struct ref ref = {.text = text, .root = ref_root_of(ref_slice(text, 0, at))};
    if (ref.root == REF_ROOTS_COUNT) {
        return 0;
    }
    if (ref_root_has_names(ref.root)) {
        int err = at == text.len ? ref_whole_root_check(ref.root, reterr_why) : 0;
        if (err) {
            return err;
        }
        if (at < text.len && !read_name(text, at, &ref.name, &at)) {
            return 0;
        }
    }
    CLEANUP_BUF struct buf members = BUF_INIT((size_t)2 * REF_EXPR_MAX);
    uint32_t count = 0;
    int found = read_path(text, at, &members, &count, reterr_why);
    if (found != 1) {
        return found;
    }
    if (ref.root == REF_INDEX && count > 0) {
        return err_set(reterr_why, ERR_INVALID, "`index` is a number and has no members.");
    }
    int err = keep_path(arena, &members, count, &ref.path);
    if (err) {
        return err_set(reterr_why, err, "There is no room left for another reference.");
    }
    *ret_ref = ref;
    return 1;
}

int ref_parse(struct arena *arena, struct str text, struct ref *ret_ref,
              struct err_text *reterr_why)
{
    must(arena && ret_ref);
    size_t begin = ref_skip_space(text, 0);
    size_t end = text.len;
    while (end > begin && ref_is_space(text.ptr[end - 1])) {
        end--;
    }
    if (!ref_begins_word(ref_peek(text, begin)) || end - begin > REF_EXPR_MAX) {
        return 0;
    }
    struct str trimmed = ref_slice(text, begin, end);
    if (ref_root_of(ref_slice(trimmed, 0, ref_word_end(trimmed, 0))) == REF_ROOTS_COUNT) {
        return 0;
    }
    const char *copy = arena_str(arena, trimmed);
    if (!copy) {
        return err_set(reterr_why, arena_err(arena), "There is no room left for a reference.");
    }
    return parse_plain(arena, (struct str){copy, trimmed.len}, ret_ref, reterr_why);
}
