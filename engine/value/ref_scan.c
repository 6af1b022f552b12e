/*
 * References inside jq expressions; see ref.h.
 *
 * The walk over an expression knows as much of jq's grammar as is needed to tell references from
 * everything else: strings with their interpolations, comments, brackets, fields, variables, object
 * keys and calls. jq itself judges the rest.
 */
#include "base/must.h"
#include "value/ref.h"
#include "value/ref_int.h"

enum { BRACKETS_MAX = 64, USES_MAX = 256, USES_FIRST = 4 };

struct bracket {
    char kind; /* ( [ { or, for an interpolation in a string, " */
    bool key;  /* in { }: an object key may come next */
    size_t offset;
};

struct walk {
    struct str text;
    size_t at;
    struct bracket brackets[BRACKETS_MAX];
    uint32_t depth;
    bool any;             /* a token has been read */
    bool after_def;       /* the last word was `def` */
    struct arena *arena;  /* for uses; NULL: they are dropped */
    struct ref_use *uses; /* up to USES_MAX of them, doubled when they are full */
    uint32_t uses_count;
    uint32_t uses_cap;
    struct buf *out; /* for the program text; NULL: not wanted */
    size_t copied;   /* how much of the text is in `out` */
    size_t err_offset;
    struct err_text *reterr_why;
};

/* Ends the walk with a problem at <offset>. */
static int walk_fail(struct walk *walk, size_t offset, int code, const char *sentence)
{
    walk->err_offset = offset;
    return err_set(walk->reterr_why, code, "%s", sentence);
}

/* Opens a bracket. */
static int open_bracket(struct walk *walk, char kind)
{
    if (walk->depth == BRACKETS_MAX) {
        return walk_fail(walk, walk->at, ERR_LIMIT,
                         "The expression's brackets are nested deeper than 64 levels.");
    }
    walk->brackets[walk->depth] = (struct bracket){kind, kind == '{', walk->at};
    walk->depth++;
    return 0;
}

/* Goes through a string to its end or to its next interpolation; <at> is behind the quote. */
static int walk_string(struct walk *walk, size_t quote)
{
    while (walk->at < walk->text.len) {
        char c = walk->text.ptr[walk->at];
        if (c == '"') {
            walk->at++;
            return 0;
        }
        if (c == '\\' && ref_peek(walk->text, walk->at + 1) == '(') {
            int err = open_bracket(walk, '"');
            walk->at += 2;
            return err;
        }
        walk->at += c == '\\' ? 2 : 1;
    }
    return walk_fail(walk, quote, ERR_PARSE, "This string in the expression is not closed.");
}

/* Closes a bracket; at the end of an interpolation its string goes on. */
static int close_bracket(struct walk *walk, char c)
{
    static const char pairs[] = {')', '(', ']', '[', '}', '{'};
    char want = c == pairs[0] ? pairs[1] : c == pairs[2] ? pairs[3] : pairs[5];
    const struct bracket *top = walk->depth > 0 ? &walk->brackets[walk->depth - 1] : NULL;
    bool string = top && top->kind == '"' && c == ')';
    if (!top || (top->kind != want && !string)) {
        return walk_fail(walk, walk->at, ERR_PARSE,
                         "This closing bracket in the expression has no opening one.");
    }
    size_t offset = top->offset;
    walk->depth--;
    walk->at++;
    return string ? walk_string(walk, offset) : 0;
}

/* Goes through `$name`. */
static int walk_variable(struct walk *walk)
{
    size_t begin = walk->at;
    size_t name = ref_skip_space(walk->text, begin + 1);
    walk->at = ref_word_end(walk->text, name);
    struct str word = ref_slice(walk->text, name, walk->at);
    if (str_is(word, "ENV")) {
        return walk_fail(walk, begin, ERR_INVALID,
                         "$ENV is not known here; write env.NAME for an environment variable.");
    }
    if (str_starts(word, STR("__"))) {
        return walk_fail(walk, begin, ERR_INVALID,
                         "Variables that begin with two underscores can not be used.");
    }
    return 0;
}

/* Goes through a number. */
static void walk_number(struct walk *walk)
{
    size_t at = walk->at;
    while (ref_is_digit(ref_peek(walk->text, at)) || ref_peek(walk->text, at) == '.') {
        at++;
    }
    char exponent = ref_peek(walk->text, at);
    if (exponent == 'e' || exponent == 'E') {
        size_t digits = at + 1;
        char sign = ref_peek(walk->text, digits);
        digits += sign == '+' || sign == '-' ? 1 : 0;
        at = ref_is_digit(ref_peek(walk->text, digits)) ? ref_word_end(walk->text, digits) : at;
    }
    walk->at = at;
}

/* Records a use of `root.name` that begins at <begin> and ends at <end>. */
static int add_use(struct walk *walk, enum ref_root root, struct str name, size_t begin, size_t end)
{
    if (!walk->arena) {
        return 0;
    }
    if (walk->uses_count == USES_MAX) {
        return walk_fail(walk, begin, ERR_LIMIT, "The expression has more than 256 references.");
    }
    if (walk->uses_count == walk->uses_cap) {
        uint32_t cap = walk->uses_cap > 0 ? walk->uses_cap * 2 : USES_FIRST;
        struct ref_use *uses = arena_array(walk->arena, cap, sizeof(*uses));
        if (!uses) {
            return walk_fail(walk, begin, arena_err(walk->arena),
                             "There is no room left for another reference.");
        }
        if (walk->uses_count > 0) {
            memcpy(uses, walk->uses, walk->uses_count * sizeof(*uses));
        }
        walk->uses = uses;
        walk->uses_cap = cap;
    }
    walk->uses[walk->uses_count] = (struct ref_use){
        .root = root, .name = name, .offset = (uint32_t)begin, .len = (uint32_t)(end - begin)};
    walk->uses_count++;
    return 0;
}

/* Puts `["some-name"]` where the text says `.some-name`. */
static void rewrite_hyphen(struct walk *walk, const struct ref_segment *segment)
{
    if (!walk->out || !segment->hyphen) {
        return;
    }
    buf_put_str(walk->out, ref_slice(walk->text, walk->copied, segment->begin));
    buf_put_str(walk->out, STR("[\""));
    buf_put_str(walk->out, segment->name);
    buf_put_str(walk->out, STR("\"]"));
    walk->copied = segment->end;
}

/* Goes through a reference; the root's word ends at `walk->at`. */
static int walk_reference(struct walk *walk, enum ref_root root, size_t begin)
{
    struct ref_segment segment;
    struct str name = {"", 0};
    size_t end = walk->at;
    bool more = ref_read_segment(walk->text, walk->at, &segment);
    if (ref_root_has_names(root) && more && !segment.number) {
        name = segment.name;
        end = segment.end;
    } else if (ref_root_has_names(root)) {
        int err = ref_whole_root_check(root, walk->reterr_why);
        if (err) {
            walk->err_offset = begin;
            return err;
        }
    }
    while (more) {
        rewrite_hyphen(walk, &segment);
        walk->at = segment.end;
        more = ref_read_segment(walk->text, walk->at, &segment);
    }
    return add_use(walk, root, name, begin, end);
}

/* Goes through a word: a keyword, a call, an object key or a reference. */
static int walk_word(struct walk *walk)
{
    size_t begin = walk->at;
    walk->at = ref_word_end(walk->text, begin);
    struct str word = ref_slice(walk->text, begin, walk->at);
    if (str_starts(word, STR("__"))) {
        return walk_fail(walk, begin, ERR_INVALID,
                         "Names that begin with two underscores can not be used.");
    }
    bool defined = walk->after_def;
    walk->after_def = str_is(word, "def");
    struct bracket *top = walk->depth > 0 ? &walk->brackets[walk->depth - 1] : NULL;
    bool key = top && top->key;
    bool call = ref_peek(walk->text, ref_skip_space(walk->text, walk->at)) == '(';
    enum ref_root root = ref_root_of(word);
    if (defined || key || call || root == REF_ROOTS_COUNT) {
        return 0;
    }
    return walk_reference(walk, root, begin);
}

/* Goes through what begins with a dot: a field, a number, or the dot itself. */
static int walk_dot(struct walk *walk, bool first)
{
    char next = ref_peek(walk->text, walk->at + 1);
    if (ref_is_digit(next)) {
        walk_number(walk);
        return 0;
    }
    if (first && ref_begins_word(next)) {
        return walk_fail(walk, walk->at, ERR_INVALID,
                         "An expression has no input that could have this member; begin with a "
                         "name, as in params.month or steps.read.table.");
    }
    walk->at = ref_begins_word(next) ? ref_word_end(walk->text, walk->at + 1) : walk->at + 1;
    return 0;
}

/* Goes through the token at `walk->at`, which is not white space. */
static int walk_token(struct walk *walk, char c)
{
    struct bracket *top = walk->depth > 0 ? &walk->brackets[walk->depth - 1] : NULL;
    bool first = !walk->any;
    walk->any = true;
    if (ref_begins_word(c)) {
        int err = walk_word(walk);
        if (top) {
            top->key = false;
        }
        return err;
    }
    walk->after_def = false;
    if (top) {
        top->key = top->kind == '{' && c == ',';
    }
    switch (c) {
    case '"':
        walk->at++;
        return walk_string(walk, walk->at - 1);
    case '(':
    case '[':
    case '{': {
        int err = open_bracket(walk, c);
        walk->at++;
        return err;
    }
    case ')':
    case ']':
    case '}':
        return close_bracket(walk, c);
    case '$':
        return walk_variable(walk);
    case '.':
        return walk_dot(walk, first);
    case '@':
        walk->at = ref_word_end(walk->text, walk->at + 1);
        return 0;
    default:
        break;
    }
    if (ref_is_digit(c)) {
        walk_number(walk);
    } else {
        walk->at++;
    }
    return 0;
}

/* Walks to the expression's end: an unmatched `}` or the end of the text. */
static int walk_all(struct walk *walk)
{
    size_t limit = walk->text.len;
    while (walk->at < limit) {
        char c = walk->text.ptr[walk->at];
        if (ref_is_space(c)) {
            walk->at++;
        } else if (c == '#') {
            while (walk->at < limit && walk->text.ptr[walk->at] != '\n') {
                walk->at++;
            }
        } else if (c == '}' && walk->depth == 0) {
            break;
        } else {
            int err = walk_token(walk, c);
            if (err) {
                return err;
            }
        }
    }
    if (walk->at > REF_EXPR_MAX) {
        return walk_fail(walk, 0, ERR_LIMIT, "The expression is longer than 8 KiB.");
    }
    if (walk->depth > 0) {
        const struct bracket *top = &walk->brackets[walk->depth - 1];
        return walk_fail(walk, top->offset, ERR_PARSE,
                         "This opening bracket in the expression is not closed.");
    }
    if (!walk->any) {
        return walk_fail(walk, 0, ERR_PARSE,
                         "There is nothing between the braces; write a reference such as "
                         "params.month, or $${ for the characters themselves.");
    }
    return 0;
}

int ref_scan(struct arena *arena, struct str text, struct ref_scan *ret_scan, size_t *reterr_offset,
             struct err_text *reterr_why)
{
    must(arena && ret_scan && reterr_offset);
    const char *nul = text.len > 0 ? memchr(text.ptr, '\0', text.len) : NULL;
    if (nul) {
        *reterr_offset = (size_t)(nul - text.ptr);
        return err_set(reterr_why, ERR_PARSE, "There is a NUL character in the expression.");
    }
    struct walk walk = {.text = text, .arena = arena, .reterr_why = reterr_why};
    int err = walk_all(&walk);
    if (err) {
        *reterr_offset = walk.err_offset;
        return err;
    }
    *ret_scan = (struct ref_scan){walk.uses, walk.uses_count, walk.at};
    return 0;
}

int ref_put_jq(struct buf *buf, struct str text)
{
    struct walk walk = {.text = text, .out = buf};
    int err = walk_all(&walk);
    must(!err);
    return buf_put_str(buf, ref_slice(text, walk.copied, walk.at));
}
