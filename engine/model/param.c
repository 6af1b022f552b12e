/*
 * Parameters: making given values fit what is declared; see param.h.
 *
 * One value is coerced by coerce_one(); lists go through it member by member. The result is written
 * behind what <out> holds already and taken back on failure.
 */
#include "model/param.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/must.h"
#include "base/quantity.h"
#include "model/pattern.h"
#include "value/canon.h"
#include "value/json.h"
#include "value/pack.h"

enum {
    NUMBER_TEXT_MAX = 64, /* bytes of a number written as text */
    SHOWN_MAX = 60,       /* bytes of a value quoted in a message */
    VALUE_MAX = 64 << 20, /* bytes of a value in canonical form or as JSON */
};

/* Whole numbers up to here are exact as double. */
#define FLOAT_INT_MAX 9007199254740992.0

static const struct {
    const char *name;
    const char *one;
    const char *list;
} types[] = {
    [PARAM_STRING] = {"string", "a string", "a list of strings"},
    [PARAM_INT] = {"int", "an integer", "a list of integers"},
    [PARAM_FLOAT] = {"float", "a number", "a list of numbers"},
    [PARAM_BOOL] = {"bool", "true or false", "a list of true or false"},
    [PARAM_DURATION] = {"duration", "a duration such as 1h30m", "a list of durations"},
    [PARAM_SIZE] = {"size", "a size such as 64KiB", "a list of sizes"},
    [PARAM_BYTES] = {"bytes", "binary data or a string", "a list of binary data"},
    [PARAM_VALUE] = {"value", "a value", "a list"},
    [PARAM_FILE] = {"file", "a path", "a list of paths"},
};

/* One call's work. */
struct coercion {
    const struct param_spec *spec;
    struct pattern *pattern; /* compiled when the first string comes; NULL before */
};

static int coerce_one(struct coercion *coercion, struct val given, struct buf *out,
                      struct err_text *reterr_why);
static int check_choice(const struct param_spec *spec, struct val made,
                        struct err_text *reterr_why);

/* True for numbers inside the enum. */
static bool type_ok(enum param_type type)
{
    return type >= PARAM_STRING && type <= PARAM_FILE;
}

const char *param_type_name(enum param_type type)
{
    return type_ok(type) ? types[type].name : "?";
}

enum param_type param_type_of(struct str name)
{
    for (enum param_type type = PARAM_STRING; type <= PARAM_FILE; type++) {
        if (str_is(name, types[type].name)) {
            return type;
        }
    }
    return (enum param_type)0;
}

const char *param_type_words(enum param_type type, bool list)
{
    if (!type_ok(type)) {
        return "?";
    }
    return list ? types[type].list : types[type].one;
}

/* Takes back what was written since <len>, but for sticky errors. Returns <err>. */
static int take_back(struct buf *out, size_t len, int err)
{
    if (buf_err(out) == 0) {
        out->len = len;
    }
    return err;
}

/* What was written since <len>, as a value. */
static struct val made_since(const struct buf *out, size_t len)
{
    return (struct val){out->data + len, out->len - len};
}

/* The error for a value of the wrong type. */
static int wrong_type(const struct param_spec *spec, struct val given, struct err_text *reterr_why)
{
    enum val_type type = val_type(given);
    if (type == VAL_STR && val_str(given).len <= SHOWN_MAX) {
        return err_set(reterr_why, ERR_TYPE, "wants %s, not \"%.*s\"",
                       param_type_words(spec->type, false), STR_ARGS(val_str(given)));
    }
    return err_set(reterr_why, ERR_TYPE, "wants %s, not %s", param_type_words(spec->type, false),
                   val_type_words(type));
}

/* Reads all of <text> as an integer. */
static bool text_to_int(struct str text, int64_t *ret_number)
{
    char copy[NUMBER_TEXT_MAX + 1];
    size_t sign = text.len > 0 && (text.ptr[0] == '-' || text.ptr[0] == '+');
    if (text.len == sign || text.len > NUMBER_TEXT_MAX) {
        return false;
    }
    for (size_t index = sign; index < text.len; index++) {
        if (text.ptr[index] < '0' || text.ptr[index] > '9') {
            return false;
        }
    }
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    errno = 0;
    long long number = strtoll(copy, NULL, 10);
    if (errno != 0) {
        return false;
    }
    *ret_number = number;
    return true;
}

/* Reads all of <text> as a finite decimal number. */
static bool text_to_float(struct str text, double *ret_number)
{
    char copy[NUMBER_TEXT_MAX + 1];
    if (text.len == 0 || text.len > NUMBER_TEXT_MAX) {
        return false;
    }
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    if (strspn(copy, "0123456789+-.eE") != text.len) {
        return false;
    }
    char *end = NULL;
    double number = strtod(copy, &end);
    if (*end != '\0' || !isfinite(number)) {
        return false;
    }
    *ret_number = number;
    return true;
}

/* An integer from whatever can be one without loss. */
static int coerce_int(const struct param_spec *spec, struct val given, int64_t *ret_number,
                      struct err_text *reterr_why)
{
    enum val_type type = val_type(given);
    if (type == VAL_INT) {
        *ret_number = val_int(given);
        return 0;
    }
    if (type == VAL_FLOAT) {
        double number = val_float(given);
        if (floor(number) == number && fabs(number) <= FLOAT_INT_MAX) {
            *ret_number = (int64_t)number;
            return 0;
        }
        return err_set(reterr_why, ERR_TYPE, "wants an integer, not %.15g", number);
    }
    if (type == VAL_UINT) {
        return err_set(reterr_why, ERR_RANGE, "must be at most 9223372036854775807");
    }
    if (type == VAL_STR && text_to_int(val_str(given), ret_number)) {
        return 0;
    }
    return wrong_type(spec, given, reterr_why);
}

/* A number as double. */
static int coerce_float(const struct param_spec *spec, struct val given, double *ret_number,
                        struct err_text *reterr_why)
{
    enum val_type type = val_type(given);
    if (type == VAL_INT || type == VAL_UINT || type == VAL_FLOAT) {
        *ret_number = val_float(given);
        return 0;
    }
    if (type == VAL_STR && text_to_float(val_str(given), ret_number)) {
        return 0;
    }
    return wrong_type(spec, given, reterr_why);
}

/* Microseconds or bytes: a text with units, or a bare number of seconds or bytes. */
static int coerce_quantity(const struct param_spec *spec, struct val given, int64_t *ret_number,
                           struct err_text *reterr_why)
{
    bool duration = spec->type == PARAM_DURATION;
    enum val_type type = val_type(given);
    if (type == VAL_STR) {
        struct str text = val_str(given);
        int err = duration ? quantity_duration(text, ret_number) : quantity_size(text, ret_number);
        if (err == ERR_RANGE) {
            return err_set(reterr_why, ERR_RANGE, "is too large");
        }
        return err == 0 ? 0 : wrong_type(spec, given, reterr_why);
    }
    if (type != VAL_INT && type != VAL_UINT && type != VAL_FLOAT) {
        return wrong_type(spec, given, reterr_why);
    }
    if (!duration && type == VAL_FLOAT && floor(val_float(given)) != val_float(given)) {
        return wrong_type(spec, given, reterr_why);
    }
    double scale = duration ? 1e6 : 1;
    double largest = duration ? (double)QUANTITY_DURATION_US_MAX : FLOAT_INT_MAX;
    double number = val_float(given) * scale;
    if (!(number >= 0 && number <= largest)) {
        return err_set(reterr_why, ERR_RANGE, number < 0 ? "must not be negative" : "is too large");
    }
    if (type == VAL_INT && !duration) {
        *ret_number = val_int(given);
        return 0;
    }
    *ret_number = (int64_t)llround(number);
    return 0;
}

/* Makes the packed value, before range and choices are checked. */
static int convert(const struct param_spec *spec, struct val given, struct buf *out,
                   struct err_text *reterr_why)
{
    enum val_type type = val_type(given);
    int64_t number = 0;
    double real = 0;
    int err = 0;
    switch (spec->type) {
    case PARAM_INT:
        err = coerce_int(spec, given, &number, reterr_why);
        pack_int(out, number);
        return err;
    case PARAM_FLOAT:
        err = coerce_float(spec, given, &real, reterr_why);
        pack_float(out, real);
        return err;
    case PARAM_BOOL: {
        bool yes = type == VAL_STR && str_is(val_str(given), "true");
        bool no = type == VAL_STR && str_is(val_str(given), "false");
        if (type != VAL_BOOL && !yes && !no) {
            return wrong_type(spec, given, reterr_why);
        }
        pack_bool(out, type == VAL_BOOL ? val_bool(given) : yes);
        return 0;
    }
    case PARAM_DURATION:
    case PARAM_SIZE:
        err = coerce_quantity(spec, given, &number, reterr_why);
        pack_int(out, number);
        return err;
    case PARAM_BYTES:
        if (type != VAL_BIN && type != VAL_STR && type != VAL_BLOB) {
            return wrong_type(spec, given, reterr_why);
        }
        if (type == VAL_STR) {
            pack_bin(out, val_str(given).ptr, val_str(given).len);
            return 0;
        }
        break;
    case PARAM_STRING:
    case PARAM_FILE:
        if (type != VAL_STR && type != VAL_BLOB) {
            return wrong_type(spec, given, reterr_why);
        }
        break;
    case PARAM_VALUE:
        break;
    }
    pack_val(out, given);
    return 0;
}

/* Bounds of numbers. <made> has the type's own form. */
static int check_range(const struct param_spec *spec, struct val made, struct err_text *reterr_why)
{
    bool real = spec->type == PARAM_FLOAT;
    bool low = spec->min.ptr && (real ? !(val_float(made) >= val_float(spec->min))
                                      : val_int(made) < val_int(spec->min));
    bool high = spec->max.ptr && (real ? !(val_float(made) <= val_float(spec->max))
                                       : val_int(made) > val_int(spec->max));
    if (!low && !high) {
        return 0;
    }
    struct val bound = low ? spec->min : spec->max;
    const char *words = low ? "least" : "most";
    if (real) {
        return err_set(reterr_why, ERR_RANGE, "must be at %s %.15g, not %.15g", words,
                       val_float(bound), val_float(made));
    }
    if (spec->type == PARAM_DURATION) {
        return err_set(reterr_why, ERR_RANGE, "must be at %s %.15g s, not %.15g s", words,
                       (double)val_int(bound) / 1e6, (double)val_int(made) / 1e6);
    }
    return err_set(reterr_why, ERR_RANGE, "must be at %s %lld%s, not %lld", words,
                   (long long)val_int(bound), spec->type == PARAM_SIZE ? " bytes" : "",
                   (long long)val_int(made));
}

/* Length limits of strings and lists. */
static int check_length(const struct param_spec *spec, size_t length, const char *unit,
                        struct err_text *reterr_why)
{
    if (length < spec->length_min) {
        return err_set(reterr_why, ERR_RANGE, "must have at least %u %s, not %zu", spec->length_min,
                       unit, length);
    }
    if (spec->length_max > 0 && length > spec->length_max) {
        return err_set(reterr_why, ERR_RANGE, "must have at most %u %s, not %zu", spec->length_max,
                       unit, length);
    }
    return 0;
}

/* The pattern of the specification. */
static int check_pattern(struct coercion *coercion, struct str text, struct err_text *reterr_why)
{
    struct str pattern = coercion->spec->pattern;
    if (pattern.len > 0 && !coercion->pattern) {
        coercion->pattern = pattern_new(pattern);
        if (!coercion->pattern) {
            return err_set(reterr_why, ERR_MEMORY, "can not be checked: out of memory");
        }
    }
    if (pattern.len == 0 || pattern_matches(coercion->pattern, text)) {
        return 0;
    }
    if (text.len > SHOWN_MAX) {
        return err_set(reterr_why, ERR_INVALID, "must match the pattern %.*s", STR_ARGS(pattern));
    }
    return err_set(reterr_why, ERR_INVALID, "must match the pattern %.*s, and \"%.*s\" does not",
                   STR_ARGS(pattern), STR_ARGS(text));
}

/* Length, pattern and emptiness of a string. */
static int check_string(struct coercion *coercion, struct str text, struct err_text *reterr_why)
{
    const struct param_spec *spec = coercion->spec;
    if (spec->type == PARAM_FILE && text.len == 0) {
        return err_set(reterr_why, ERR_INVALID, "wants a path, not an empty string");
    }
    size_t chars = 0;
    for (size_t index = 0; index < text.len; index++) {
        chars += ((unsigned char)text.ptr[index] & 0xC0) != 0x80;
    }
    int err = spec->list ? 0 : check_length(spec, chars, "characters", reterr_why);
    if (err < 0) {
        return err;
    }
    return check_pattern(coercion, text, reterr_why);
}

/* Makes one value (a member, when the parameter is a list) and checks it. */
static int coerce_one(struct coercion *coercion, struct val given, struct buf *out,
                      struct err_text *reterr_why)
{
    const struct param_spec *spec = coercion->spec;
    size_t before = out->len;
    int err = convert(spec, given, out, reterr_why);
    if (err < 0 || buf_err(out) != 0) {
        return err < 0 ? err : buf_err(out);
    }
    struct val made = made_since(out, before);
    switch (val_type(made)) {
    case VAL_INT:
    case VAL_FLOAT:
        err = spec->type == PARAM_VALUE ? 0 : check_range(spec, made, reterr_why);
        break;
    case VAL_STR:
        err = spec->type == PARAM_VALUE ? 0 : check_string(coercion, val_str(made), reterr_why);
        break;
    case VAL_NIL:
    case VAL_BOOL:
    case VAL_UINT:
    case VAL_BIN:
    case VAL_LIST:
    case VAL_MAP:
    case VAL_BLOB:
        break;
    }
    return err < 0 ? err : check_choice(spec, made, reterr_why);
}

/* Lists the allowed values into <words>, shortened when they are many. */
static void put_choices(struct val choices, struct buf *words)
{
    struct val_iter iter = val_iter(choices);
    struct val choice;
    const char *between = "";
    while (val_next(&iter, NULL, &choice)) {
        if (words->len > 200) {
            buf_printf(words, ", ...");
            return;
        }
        buf_printf(words, "%s", between);
        json_print(words, choice);
        between = ", ";
    }
}

/* A value must equal one of the choices, when there are any. */
static int check_choice(const struct param_spec *spec, struct val made, struct err_text *reterr_why)
{
    if (!spec->choices.ptr) {
        return 0;
    }
    CLEANUP_BUF struct buf canonical = BUF_INIT(VALUE_MAX);
    int err = canon_put(&canonical, made, NULL);
    struct val_iter iter = val_iter(spec->choices);
    struct val choice;
    while (err == 0 && val_next(&iter, NULL, &choice)) {
        if (str_eq((struct str){(const char *)choice.ptr, choice.len}, buf_str(&canonical))) {
            return 0;
        }
    }
    CLEANUP_BUF struct buf words = BUF_INIT(VALUE_MAX);
    put_choices(spec->choices, &words);
    return err_set(reterr_why, ERR_INVALID, "must be one of %s", buf_cstr(&words));
}

/* Makes a list, member by member. */
static int coerce_list(struct coercion *coercion, struct val given, struct buf *out,
                       struct err_text *reterr_why)
{
    const struct param_spec *spec = coercion->spec;
    int err = check_length(spec, val_count(given), "members", reterr_why);
    if (err < 0) {
        return err;
    }
    pack_list(out, val_count(given));
    struct val_iter iter = val_iter(given);
    struct val member;
    for (uint32_t index = 0; val_next(&iter, NULL, &member); index++) {
        struct err_text why = {""};
        err = coerce_one(coercion, member, out, &why);
        if (buf_err(out) != 0) {
            return buf_err(out);
        }
        if (err < 0) {
            return err_set(reterr_why, err, "has a wrong member: [%u] %s", index, why.text);
        }
    }
    return 0;
}

/* Replaces a sentence that may quote a secret value. */
static void hide_value(const struct param_spec *spec, int err, struct err_text *reterr_why)
{
    if (err == ERR_TYPE) {
        err_set(reterr_why, err, "wants %s", param_type_words(spec->type, spec->list));
    } else {
        err_set(reterr_why, err, "is not within what is declared for it");
    }
}

int param_coerce(const struct param_spec *spec, struct val given, struct buf *out,
                 struct err_text *reterr_why)
{
    must(type_ok(spec->type));
    struct coercion coercion = {.spec = spec};
    size_t before = out->len;
    int err = 0;
    if (!spec->list) {
        err = coerce_one(&coercion, given, out, reterr_why);
    } else if (val_type(given) == VAL_LIST) {
        err = coerce_list(&coercion, given, out, reterr_why);
    } else if (val_type(given) == VAL_BLOB) {
        pack_val(out, given);
    } else {
        err = err_set(reterr_why, ERR_TYPE, "wants %s, not %s", param_type_words(spec->type, true),
                      val_type_words(val_type(given)));
    }
    pattern_free(coercion.pattern);
    if (err < 0 && spec->secret) {
        hide_value(spec, err, reterr_why);
    }
    if (buf_err(out) != 0) {
        return err_set(reterr_why, buf_err(out), "is too large");
    }
    return err < 0 ? take_back(out, before, err) : 0;
}

/* Packs the items of <text>, which stand between commas, as a list of strings. */
static void pack_items(struct str text, struct buf *out)
{
    size_t place = pack_list_open(out);
    uint32_t count = 0;
    size_t begin = 0;
    for (size_t index = 0; index <= text.len && text.len > 0; index++) {
        if (index == text.len || text.ptr[index] == ',') {
            pack_str(out, (struct str){text.ptr + begin, index - begin});
            count++;
            begin = index + 1;
        }
    }
    pack_close(out, place, count);
}

int param_coerce_text(const struct param_spec *spec, struct str text, struct buf *out,
                      struct err_text *reterr_why)
{
    if (text.len > PARAM_TEXT_MAX) {
        return err_set(reterr_why, ERR_LIMIT, "is longer than %d bytes", PARAM_TEXT_MAX);
    }
    if (!str_utf8_ok(text)) {
        return err_set(reterr_why, ERR_INVALID, "is not UTF-8 text");
    }
    CLEANUP_BUF struct buf packed = BUF_INIT(PARAM_TEXT_MAX * 8);
    const struct val_limits limits = {PARAM_TEXT_MAX, PARAM_TEXT_MAX, VAL_DEPTH_MAX};
    bool json_list = spec->list && text.len > 0 && text.ptr[0] == '[';
    if (json_list) {
        struct err_text why = {""};
        int err = json_parse(text, &limits, 0, &packed, &why);
        if (err < 0) {
            return err_set(reterr_why, err, "is not a JSON list: %s", why.text);
        }
    } else if (spec->list) {
        pack_items(text, &packed);
    } else if (spec->type != PARAM_VALUE || json_parse(text, &limits, 0, &packed, NULL) < 0) {
        pack_str(&packed, text);
    }
    if (buf_err(&packed) != 0) {
        return err_set(reterr_why, buf_err(&packed), "is too large");
    }
    return param_coerce(spec, (struct val){packed.data, packed.len}, out, reterr_why);
}
