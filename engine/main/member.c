/*
 * See member.h.
 */
#include "main/member.h"

#include "base/clock.h"

struct val member(struct val object, const char *key)
{
    struct val found;

    if (!object.ptr || val_type(object) != VAL_MAP) {
        return VAL_NONE;
    }
    found = val_find(object, str_of(key));
    return found.ptr && val_type(found) != VAL_NIL ? found : VAL_NONE;
}

struct str member_text(struct val object, const char *key)
{
    struct val found = member(object, key);

    return found.ptr && val_type(found) == VAL_STR ? val_str(found) : STR_NONE;
}

int64_t member_int(struct val object, const char *key, int64_t fallback)
{
    struct val found = member(object, key);

    if (found.ptr && val_type(found) == VAL_INT) {
        return val_int(found);
    }
    return (int64_t)member_number(object, key, (double)fallback);
}

double member_number(struct val object, const char *key, double fallback)
{
    struct val found = member(object, key);
    enum val_type type = found.ptr ? val_type(found) : VAL_NIL;

    return type == VAL_INT || type == VAL_UINT || type == VAL_FLOAT ? val_float(found) : fallback;
}

bool member_true(struct val object, const char *key)
{
    struct val found = member(object, key);

    return found.ptr && val_type(found) == VAL_BOOL && val_bool(found);
}

int64_t member_time(struct val object, const char *key)
{
    struct str text = member_text(object, key);

    return text.len ? clock_parse(text) : 0;
}

struct str member_state(struct val object)
{
    return member_text(member(object, "state"), "name");
}

struct str member_state_type(struct val object)
{
    return member_text(member(object, "state"), "type");
}

uint32_t member_count(struct val object, const char *key)
{
    struct val found = member(object, key);

    return found.ptr && val_type(found) == VAL_LIST ? val_count(found) : 0;
}

struct val_iter member_iter(struct val object, const char *key)
{
    struct val found = member(object, key);
    bool container = found.ptr && (val_type(found) == VAL_LIST || val_type(found) == VAL_MAP);

    return container ? val_iter(found) : (struct val_iter){0};
}
