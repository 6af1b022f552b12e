/*
 * Parameters for the part that runs.
 */
#include "work/host_input.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/must.h"
#include "plug/descriptor.h"
#include "work/blob_view.h"

/* A parameter whose references have been filled in. */
struct filled {
    const uint8_t *at; /* where it stands in the map */
    struct val value;
};

struct host_input {
    struct blob_view *view;
    const leat_part *part;
    struct val map;
    struct val facts;
    bool refs; /* the map holds blob references somewhere */
    struct filled filled[DESCRIPTOR_PARAMS_MAX];
    size_t filled_count;
};

static const leat_param *find_param(const leat_part *part, const char *name);
static uint32_t param_type(const leat_param *param);
static int fill(struct host_input *input, struct val *value, struct err_text *reterr_why);
static void give_empty(uint32_t type, void *ret_value);
static int give(uint32_t type, struct val value, void *ret_value);
static int give_text(struct val value, bool binary, leat_str *ret_text);
static int give_number(uint32_t type, struct val value, void *ret_value);
static leat_str view_of(struct val value);

struct host_input *host_input_new(struct blob_dir *blobs)
{
    struct host_input *input = xcalloc(1, sizeof(*input));

    input->view = blob_view_new(blobs);
    return input;
}

struct host_input *host_input_free(struct host_input *input)
{
    if (!input) {
        return NULL;
    }
    blob_view_free(input->view);
    free(input);
    return NULL;
}

void host_input_begin(struct host_input *input, const leat_part *part, struct val map,
                      struct val facts)
{
    input->part = part;
    input->map = map;
    input->facts = facts;
    input->filled_count = 0;
    input->refs = map.len > 0 && blob_view_has_ref(map);
}

void host_input_end(struct host_input *input)
{
    if (input->refs) {
        blob_view_reset(input->view);
    }
    input->part = NULL;
    input->map = VAL_NONE;
    input->facts = VAL_NONE;
    input->filled_count = 0;
    input->refs = false;
}

int host_input_param(struct host_input *input, const char *name, uint32_t type, void *ret_value,
                     struct err_text *reterr_why)
{
    const leat_param *param = input->part && name ? find_param(input->part, name) : NULL;

    if (!param) {
        return err_set(reterr_why, ERR_INVALID,
                       "the plugin asked for the parameter \"%.128s\", which it does not declare",
                       name ? name : "(null)");
    }
    if (param_type(param) != type) {
        return err_set(reterr_why, ERR_INVALID,
                       "the plugin asked for the parameter \"%.128s\" as type %#x but declares it "
                       "as %#x",
                       name, type, param_type(param));
    }
    struct val value = val_find(input->map, str_of(name));
    if (value.len == 0 || (val_type(value) == VAL_NIL && type != LEAT_TYPE_VALUE)) {
        give_empty(type, ret_value);
        return 0;
    }
    int err = fill(input, &value, reterr_why);
    if (err) {
        return err;
    }
    if (give(type, value, ret_value)) {
        return err_set(reterr_why, ERR_TYPE,
                       "the engine handed over %s for the parameter \"%.128s\"",
                       val_type_words(val_type(value)), name);
    }
    return 0;
}

/* The declaration of <name>, or NULL. */
static const leat_param *find_param(const leat_part *part, const char *name)
{
    for (size_t i = 0;; i++) {
        const leat_param *param = descriptor_abi_param(part, i);
        if (!param || strcmp(param->name, name) == 0) {
            return param;
        }
    }
}

/* The type argument that belongs to a declaration. */
static uint32_t param_type(const leat_param *param)
{
    return param->flags & LEAT_PARAM_LIST ? LEAT_TYPE_LIST_OF(param->type) : param->type;
}

/* Replaces a value that has references by the filled-in one, the same one every time. */
static int fill(struct host_input *input, struct val *value, struct err_text *reterr_why)
{
    if (!input->refs || !blob_view_has_ref(*value)) {
        return 0;
    }
    for (size_t i = 0; i < input->filled_count; i++) {
        if (input->filled[i].at == value->ptr) {
            *value = input->filled[i].value;
            return 0;
        }
    }
    struct filled filled = {.at = value->ptr};
    int err = blob_view_expand(input->view, *value, &filled.value, reterr_why);
    if (err) {
        return err;
    }
    must(input->filled_count < DESCRIPTOR_PARAMS_MAX);
    input->filled[input->filled_count++] = filled;
    *value = filled.value;
    return 0;
}

/* What an optional parameter without a value reads as. */
static void give_empty(uint32_t type, void *ret_value)
{
    switch (type) {
    case LEAT_TYPE_INT:
    case LEAT_TYPE_DURATION:
    case LEAT_TYPE_SIZE:
        *(int64_t *)ret_value = 0;
        return;
    case LEAT_TYPE_FLOAT:
        *(double *)ret_value = 0;
        return;
    case LEAT_TYPE_BOOL:
        *(int32_t *)ret_value = 0;
        return;
    default:
        *(leat_str *)ret_value = (leat_str){NULL, 0};
        return;
    }
}

/* Writes <value> as <type>; ERR_TYPE when it is something else. */
static int give(uint32_t type, struct val value, void *ret_value)
{
    switch (type) {
    case LEAT_TYPE_STRING:
    case LEAT_TYPE_FILE:
        return give_text(value, false, ret_value);
    case LEAT_TYPE_BYTES:
        return give_text(value, true, ret_value);
    case LEAT_TYPE_INT:
    case LEAT_TYPE_DURATION:
    case LEAT_TYPE_SIZE:
    case LEAT_TYPE_FLOAT:
        return give_number(type, value, ret_value);
    case LEAT_TYPE_BOOL:
        if (val_type(value) != VAL_BOOL) {
            return ERR_TYPE;
        }
        *(int32_t *)ret_value = val_bool(value);
        return 0;
    case LEAT_TYPE_VALUE:
        *(leat_str *)ret_value = view_of(value);
        return 0;
    default:
        /* The lists. */
        if (val_type(value) != VAL_LIST) {
            return ERR_TYPE;
        }
        *(leat_str *)ret_value = view_of(value);
        return 0;
    }
}

/* The content of a string, or of bytes when <binary>. */
static int give_text(struct val value, bool binary, leat_str *ret_text)
{
    enum val_type type = val_type(value);

    if (type != VAL_STR && !(binary && type == VAL_BIN)) {
        return ERR_TYPE;
    }
    struct str text = val_str(value);
    *ret_text = (leat_str){text.ptr, text.len};
    return 0;
}

/* A number of the wanted kind. */
static int give_number(uint32_t type, struct val value, void *ret_value)
{
    enum val_type is = val_type(value);

    if (type == LEAT_TYPE_FLOAT) {
        if (is != VAL_INT && is != VAL_UINT && is != VAL_FLOAT) {
            return ERR_TYPE;
        }
        *(double *)ret_value = val_float(value);
        return 0;
    }
    if (is != VAL_INT) {
        return ERR_TYPE;
    }
    *(int64_t *)ret_value = val_int(value);
    return 0;
}

int host_input_whole(struct host_input *input, struct str *ret_msgpack, struct err_text *reterr_why)
{
    static const char empty_map[] = "\x80";
    struct val whole = input->map;

    if (whole.len == 0) {
        *ret_msgpack = (struct str){empty_map, 1};
        return 0;
    }
    int err = fill(input, &whole, reterr_why);
    if (err) {
        return err;
    }
    *ret_msgpack = (struct str){(const char *)whole.ptr, whole.len};
    return 0;
}

struct str host_input_fact(const struct host_input *input, const char *name)
{
    if (!name || input->facts.len == 0) {
        return STR_NONE;
    }
    struct val fact = val_find(input->facts, str_of(name));
    return fact.len > 0 && val_type(fact) == VAL_STR ? val_str(fact) : STR_NONE;
}

/* The bytes of a value as the ABI passes them. */
static leat_str view_of(struct val value)
{
    return (leat_str){(const char *)value.ptr, value.len};
}
