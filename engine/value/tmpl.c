/*
 * Templates: parsing strings and building; see tmpl.h and, for the shape of the result, tmpl_int.h.
 */
#include "value/tmpl.h"

#include "base/must.h"
#include "value/pack.h"
#include "value/tmpl_int.h"

enum { CAP_FIRST = 8, EXPRS_FIRST = 4 };

/* ---- the builder ---- */

void tmpl_builder_init(struct tmpl_builder *builder, struct arena *arena, struct tmpl_exprs *exprs)
{
    must(arena && exprs);
    *builder = (struct tmpl_builder){.arena = arena, .exprs = exprs};
    buf_init(&builder->bytes, TMPL_SIZE_MAX);
}

void tmpl_builder_done(struct tmpl_builder *builder)
{
    buf_done(&builder->bytes);
}

/* Keeps the first error. */
static void set_err(struct tmpl_builder *builder, int err)
{
    builder->err = builder->err ? builder->err : err;
}

/* A copy of <old> (<count> members) in the arena with room for twice <*cap>, or NULL. */
static void *grown(struct arena *arena, const void *old, uint32_t count, size_t size,
                   uint32_t first, uint32_t *cap)
{
    uint32_t wanted = *cap > 0 ? *cap * 2 : first;
    void *list = arena_array(arena, wanted, size);
    if (!list) {
        return NULL;
    }
    if (count > 0) {
        memcpy(list, old, count * size);
    }
    *cap = wanted;
    return list;
}

/* Appends an op. */
static void add_op(struct tmpl_builder *builder, struct tmpl_op op)
{
    if (builder->ops_count == TMPL_OPS_MAX) {
        set_err(builder, ERR_LIMIT);
    }
    if (builder->err) {
        return;
    }
    if (builder->ops_count == builder->ops_cap) {
        struct tmpl_op *ops = grown(builder->arena, builder->ops, builder->ops_count, sizeof(op),
                                    CAP_FIRST, &builder->ops_cap);
        if (!ops) {
            set_err(builder, arena_err(builder->arena));
            return;
        }
        builder->ops = ops;
    }
    builder->ops[builder->ops_count] = op;
    builder->ops_count++;
}

/* Makes an op of the packed bytes that have come since the last one. */
static void end_run(struct tmpl_builder *builder)
{
    size_t len = builder->bytes.len - builder->run_begin;
    if (buf_err(&builder->bytes)) {
        set_err(builder, buf_err(&builder->bytes));
    } else if (len > 0) {
        add_op(builder,
               (struct tmpl_op){.kind = TMPL_OP_RAW, .offset = builder->run_begin, .len = len});
    }
    builder->run_begin = builder->bytes.len;
}

/* Counts a value that begins now as a member of the innermost open container. */
static void begin_value(struct tmpl_builder *builder)
{
    while (builder->depth > 0 && builder->left[builder->depth - 1] == 0) {
        builder->depth--;
    }
    if (builder->depth > 0) {
        builder->left[builder->depth - 1]--;
    }
}

/* Opens a container. */
static void open_container(struct tmpl_builder *builder, uint32_t count)
{
    begin_value(builder);
    if (builder->depth == VAL_DEPTH_MAX) {
        set_err(builder, ERR_LIMIT);
        return;
    }
    builder->left[builder->depth] = count;
    builder->depth++;
}

void tmpl_put_map(struct tmpl_builder *builder, uint32_t count)
{
    open_container(builder, count);
    pack_map(&builder->bytes, count);
}

void tmpl_put_list(struct tmpl_builder *builder, uint32_t count)
{
    open_container(builder, count);
    pack_list(&builder->bytes, count);
}

void tmpl_put_key(struct tmpl_builder *builder, struct str key)
{
    pack_str(&builder->bytes, key);
}

void tmpl_put_val(struct tmpl_builder *builder, struct val value)
{
    begin_value(builder);
    pack_val(&builder->bytes, value);
}

/* Appends a use. */
static void add_use(struct tmpl_builder *builder, struct ref_use use)
{
    if (builder->err) {
        return;
    }
    if (builder->uses_count == builder->uses_cap) {
        struct ref_use *uses = grown(builder->arena, builder->uses, builder->uses_count,
                                     sizeof(use), CAP_FIRST, &builder->uses_cap);
        if (!uses) {
            set_err(builder, arena_err(builder->arena));
            return;
        }
        builder->uses = uses;
    }
    builder->uses[builder->uses_count] = use;
    builder->uses_count++;
}

void tmpl_put_tmpl(struct tmpl_builder *builder, const struct tmpl *tmpl)
{
    struct val literal = tmpl_literal(tmpl);
    if (literal.ptr) {
        tmpl_put_val(builder, literal);
        return;
    }
    begin_value(builder);
    end_run(builder);
    for (uint32_t index = 0; index < tmpl->ops_count; index++) {
        struct tmpl_op op = tmpl->ops[index];
        if (op.len > 0) {
            const uint8_t *from = tmpl->bytes + op.offset;
            op.offset = builder->bytes.len;
            buf_put(&builder->bytes, from, op.len);
        }
        op.depth = (uint8_t)(op.depth + builder->depth);
        add_op(builder, op);
    }
    for (uint32_t index = 0; index < tmpl->uses_count; index++) {
        add_use(builder, tmpl->uses[index]);
    }
    builder->run_begin = builder->bytes.len;
}

/* ---- strings ---- */

/* A string on its way into a builder. */
struct string {
    struct tmpl_builder *builder;
    struct str text;   /* in the arena */
    size_t err_offset; /* what a problem is about */
    struct err_text *reterr_why;
};

/* Ends a string with a problem at <offset>. */
static int string_fail(struct string *string, size_t offset, int code, const char *sentence)
{
    string->err_offset = offset;
    return err_set(string->reterr_why, code, "%s", sentence);
}

/* The offset of the next `${` or `$${` from <at> on, or the text's length. */
static size_t find_dollar(struct str text, size_t at)
{
    while (at + 1 < text.len) {
        const char *dollar = memchr(text.ptr + at, '$', text.len - at - 1);
        if (!dollar) {
            break;
        }
        at = (size_t)(dollar - text.ptr);
        struct str rest = {dollar, text.len - at};
        if (str_starts(rest, STR("${")) || str_starts(rest, STR("$${"))) {
            return at;
        }
        at++;
    }
    return text.len;
}

/* The number of the expression <text>, which is added when it is new. */
static int keep_expr(struct string *string, struct str text, const struct ref_scan *scan,
                     size_t offset, uint32_t *ret_index)
{
    struct tmpl_exprs *exprs = string->builder->exprs;
    for (uint32_t index = 0; index < exprs->count; index++) {
        if (str_eq(exprs->list[index].text, text)) {
            *ret_index = index;
            return 0;
        }
    }
    if (exprs->count == TMPL_EXPRS_MAX) {
        return string_fail(string, offset, ERR_LIMIT,
                           "The flow has more than 256 different expressions; plain references "
                           "like params.month do not count.");
    }
    if (exprs->count == exprs->cap) {
        struct tmpl_expr *list = grown(string->builder->arena, exprs->list, exprs->count,
                                       sizeof(*list), EXPRS_FIRST, &exprs->cap);
        if (!list) {
            return string_fail(string, offset, arena_err(string->builder->arena),
                               "There is no room left for another expression.");
        }
        exprs->list = list;
    }
    exprs->list[exprs->count] = (struct tmpl_expr){text, scan->uses, scan->uses_count};
    *ret_index = exprs->count;
    exprs->count++;
    return 0;
}

/* Trims white space at the end. */
static struct str trim_end(struct str text)
{
    while (text.len > 0 && strchr(" \t\r\n", text.ptr[text.len - 1])) {
        text.len--;
    }
    return text;
}

/* Makes an op of the reference or expression in <body>, which begins at <offset>. */
static int make_op(struct string *string, struct str body, size_t offset,
                   const struct ref_scan *scan, struct tmpl_op *ret_op)
{
    struct arena *arena = string->builder->arena;
    struct ref ref;
    int found = ref_parse(arena, body, &ref, string->reterr_why);
    if (found < 0) {
        string->err_offset = offset;
        return found;
    }
    if (found == 0) {
        *ret_op = (struct tmpl_op){.kind = TMPL_OP_EXPR};
        return keep_expr(string, body, scan, offset, &ret_op->expr);
    }
    const struct ref *kept = arena_memdup(arena, &ref, sizeof(ref));
    if (!kept) {
        return string_fail(string, offset, arena_err(arena),
                           "There is no room left for another reference.");
    }
    *ret_op = (struct tmpl_op){.kind = TMPL_OP_REF, .ref = kept};
    return 0;
}

/* Reads the `${...}` at <at> into an op; its uses go to the builder. */
static int read_braces(struct string *string, size_t at, struct tmpl_op *ret_op, size_t *ret_end)
{
    struct str text = string->text;
    size_t begin = at + 2;
    while (begin < text.len && strchr(" \t\r\n", text.ptr[begin])) {
        begin++;
    }
    struct str rest = {text.ptr + begin, text.len - begin};
    struct ref_scan scan;
    size_t inner = 0;
    int err = ref_scan(string->builder->arena, rest, &scan, &inner, string->reterr_why);
    if (err) {
        string->err_offset = begin + inner;
        return err;
    }
    if (scan.end == rest.len) {
        return string_fail(string, at, ERR_PARSE,
                           "This ${ is not closed by }; write $${ for the characters themselves.");
    }
    struct str body = trim_end((struct str){rest.ptr, scan.end});
    err = make_op(string, body, begin, &scan, ret_op);
    for (uint32_t index = 0; !err && index < scan.uses_count; index++) {
        struct ref_use use = scan.uses[index];
        use.offset += (uint32_t)begin;
        use.origin = string->builder->origin;
        add_use(string->builder, use);
    }
    ret_op->depth = (uint8_t)string->builder->depth;
    *ret_end = begin + scan.end + 1;
    return err;
}

/* Appends a piece of text. */
static void add_text(struct tmpl_builder *builder, struct str text)
{
    if (text.len == 0) {
        return;
    }
    struct tmpl_op op = {.kind = TMPL_OP_TEXT, .offset = builder->bytes.len, .len = text.len};
    buf_put_str(&builder->bytes, text);
    add_op(builder, op);
}

/* Appends the pieces of a string that has more in it than one reference. */
static int put_pieces(struct string *string)
{
    struct tmpl_builder *builder = string->builder;
    struct str text = string->text;
    add_op(builder, (struct tmpl_op){.kind = TMPL_OP_BEGIN});
    size_t at = 0;
    while (at < text.len) {
        size_t dollar = find_dollar(text, at);
        add_text(builder, (struct str){text.ptr + at, dollar - at});
        at = dollar;
        if (dollar < text.len && text.ptr[dollar + 1] == '$') {
            add_text(builder, STR("${"));
            at = dollar + 3;
        } else if (dollar < text.len) {
            struct tmpl_op op = {.kind = TMPL_OP_REF};
            int err = read_braces(string, dollar, &op, &at);
            if (err) {
                return err;
            }
            op.text = true;
            add_op(builder, op);
        }
    }
    add_op(builder, (struct tmpl_op){.kind = TMPL_OP_END});
    return 0;
}

/* Packs a string without references: `$${` becomes `${`. */
static void put_plain(struct tmpl_builder *builder, struct str text)
{
    CLEANUP_BUF struct buf plain = BUF_INIT(text.len);
    size_t at = 0;
    while (at < text.len) {
        size_t dollar = find_dollar(text, at);
        buf_put(&plain, text.ptr + at, dollar - at);
        at = dollar;
        if (dollar < text.len) {
            buf_put_str(&plain, STR("${"));
            at = dollar + 3;
        }
    }
    set_err(builder, buf_err(&plain));
    pack_str(&builder->bytes, buf_str(&plain));
}

/* True when there is a `${` that is not `$${`. */
static bool has_reference(struct str text)
{
    size_t at = find_dollar(text, 0);
    while (at < text.len && text.ptr[at + 1] == '$') {
        at = find_dollar(text, at + 3);
    }
    return at < text.len;
}

/* Appends a string that has a reference in it. */
static int put_referring(struct string *string)
{
    struct tmpl_builder *builder = string->builder;
    struct str text = string->text;
    if (text.len > TMPL_STRING_MAX) {
        return string_fail(string, 0, ERR_LIMIT,
                           "A string with ${...} in it may have at most 64 KiB.");
    }
    const char *copy = arena_str(builder->arena, text);
    if (!copy) {
        return string_fail(string, 0, arena_err(builder->arena),
                           "There is no room left for another string.");
    }
    string->text.ptr = copy;
    end_run(builder);
    uint32_t uses_count = builder->uses_count;
    if (str_starts(text, STR("${"))) {
        struct tmpl_op op = {.kind = TMPL_OP_REF};
        size_t end = 0;
        int err = read_braces(string, 0, &op, &end);
        if (err) {
            return err;
        }
        if (end == text.len) {
            add_op(builder, op);
            return 0;
        }
        builder->uses_count = uses_count;
    }
    int err = put_pieces(string);
    builder->run_begin = builder->bytes.len;
    return err;
}

int tmpl_put_string(struct tmpl_builder *builder, struct str text, size_t *reterr_offset,
                    struct err_text *reterr_why)
{
    must(builder && reterr_offset);
    begin_value(builder);
    if (!has_reference(text)) {
        put_plain(builder, text);
        return 0;
    }
    struct string string = {.builder = builder, .text = text, .reterr_why = reterr_why};
    end_run(builder);
    size_t len = builder->bytes.len;
    uint32_t ops_count = builder->ops_count;
    uint32_t uses_count = builder->uses_count;
    int err = put_referring(&string);
    if (err) {
        *reterr_offset = string.err_offset;
        builder->bytes.len = buf_err(&builder->bytes) ? 0 : len;
        builder->run_begin = builder->bytes.len;
        builder->ops_count = ops_count;
        builder->uses_count = uses_count;
        pack_nil(&builder->bytes);
    }
    return err;
}

/* ---- finishing ---- */

/* Checks the template as a value with nil and empty strings where something will be filled in. */
static int check_shape(const struct tmpl_builder *builder, struct err_text *reterr_why)
{
    static const struct val_limits limits = {
        .bytes_max = TMPL_SIZE_MAX, .nodes_max = TMPL_SIZE_MAX, .depth_max = VAL_DEPTH_MAX};
    CLEANUP_BUF struct buf shape = BUF_INIT((size_t)TMPL_SIZE_MAX + TMPL_OPS_MAX);
    for (uint32_t index = 0; index < builder->ops_count; index++) {
        const struct tmpl_op *op = &builder->ops[index];
        if (op->kind == TMPL_OP_RAW) {
            buf_put(&shape, builder->bytes.data + op->offset, op->len);
        } else if (op->kind == TMPL_OP_BEGIN) {
            pack_str(&shape, STR(""));
        } else if ((op->kind == TMPL_OP_REF || op->kind == TMPL_OP_EXPR) && !op->text) {
            pack_nil(&shape);
        }
    }
    if (buf_err(&shape)) {
        return err_set(reterr_why, buf_err(&shape), "There is no memory to check a template.");
    }
    struct val whole;
    int err = val_scan(shape.data, shape.len, &limits, &whole, reterr_why);
    if (!err && whole.len != shape.len) {
        return err_set(reterr_why, ERR_PARSE, "The template holds more than one value.");
    }
    return err;
}

int tmpl_builder_finish(struct tmpl_builder *builder, const struct tmpl **ret_tmpl,
                        struct err_text *reterr_why)
{
    must(builder && ret_tmpl);
    end_run(builder);
    if (builder->err) {
        return err_set(reterr_why, builder->err,
                       "The template is too large: at most %d bytes, %d pieces and %d levels.",
                       TMPL_SIZE_MAX, TMPL_OPS_MAX, VAL_DEPTH_MAX);
    }
    int err = check_shape(builder, reterr_why);
    if (err) {
        return err;
    }
    struct tmpl *tmpl = arena_alloc(builder->arena, sizeof(*tmpl));
    const uint8_t *bytes = arena_memdup(builder->arena, builder->bytes.data, builder->bytes.len);
    if (!tmpl || !bytes) {
        return err_set(reterr_why, arena_err(builder->arena),
                       "There is no room left for another template.");
    }
    *tmpl = (struct tmpl){.bytes = bytes,
                          .ops = builder->ops,
                          .ops_count = builder->ops_count,
                          .uses = builder->uses,
                          .uses_count = builder->uses_count};
    *ret_tmpl = tmpl;
    return 0;
}

int tmpl_parse_string(struct arena *arena, struct str text, struct tmpl_exprs *exprs,
                      const struct tmpl **ret_tmpl, size_t *reterr_offset,
                      struct err_text *reterr_why)
{
    struct tmpl_builder builder;
    tmpl_builder_init(&builder, arena, exprs);
    int err = tmpl_put_string(&builder, text, reterr_offset, reterr_why);
    if (!err) {
        err = tmpl_builder_finish(&builder, ret_tmpl, reterr_why);
        *reterr_offset = err ? 0 : *reterr_offset;
    }
    tmpl_builder_done(&builder);
    return err;
}

const struct tmpl *tmpl_of_val(struct arena *arena, struct val value)
{
    must(value.len > 0);
    struct tmpl *tmpl = arena_alloc(arena, sizeof(*tmpl));
    struct tmpl_op *op = arena_alloc(arena, sizeof(*op));
    const uint8_t *bytes = arena_memdup(arena, value.ptr, value.len);
    if (!tmpl || !op || !bytes) {
        return NULL;
    }
    *op = (struct tmpl_op){.kind = TMPL_OP_RAW, .len = value.len};
    *tmpl = (struct tmpl){.bytes = bytes, .ops = op, .ops_count = 1};
    return tmpl;
}

struct val tmpl_literal(const struct tmpl *tmpl)
{
    if (tmpl->ops_count != 1 || tmpl->ops[0].kind != TMPL_OP_RAW) {
        return VAL_NONE;
    }
    return (struct val){tmpl->bytes, tmpl->ops[0].len};
}

const struct ref_use *tmpl_uses(const struct tmpl *tmpl, uint32_t *ret_count)
{
    *ret_count = tmpl->uses_count;
    return tmpl->uses;
}

bool tmpl_computes(const struct tmpl *tmpl)
{
    for (uint32_t index = 0; index < tmpl->ops_count; index++) {
        if (tmpl->ops[index].kind == TMPL_OP_EXPR) {
            return true;
        }
    }
    return false;
}

const struct ref *tmpl_plain(const struct tmpl *tmpl)
{
    bool plain = tmpl->ops_count == 1 && tmpl->ops[0].kind == TMPL_OP_REF;
    return plain ? tmpl->ops[0].ref : NULL;
}
