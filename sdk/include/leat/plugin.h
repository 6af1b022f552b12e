/*
 * Everything a plugin in C includes: getters for parameters, results and log lines with formatting,
 * and macros that write the descriptor, the entry function and the marker. The smallest plugin is a
 * function and one LEAT_PLUGIN(); see examples/plugins/hello/hello.c.
 *
 * Convenience over leat/abi.h, no part of the contract: what it compiles to is. The functions
 * compile as C11 and C++11; the descriptor macros need C11 (compound literals).
 *
 * Formatting never cuts a text silently: what does not fit on the stack is formatted in memory of
 * its own, and when there is none, the line says so.
 *
 * To link a plugin into a program, a test for example, define LEAT_STATIC as the plugin's name in C
 * before this file is included: `#define LEAT_STATIC hello` names its entry leat_plugin_v1_hello().
 */
#ifndef LEAT_PLUGIN_H
#define LEAT_PLUGIN_H

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <leat/abi.h>
#include <leat/value.h>

#if defined(__GNUC__)
#define LEAT_PRINTF_(text, first) __attribute__((__format__(__printf__, text, first)))
#else
#define LEAT_PRINTF_(text, first)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* A leat_str as the two arguments of "%.*s". */
#define LEAT_STRF(str)                                                \
    (int)((str).len > (size_t)INT_MAX ? (size_t)INT_MAX : (str).len), \
        ((str).ptr != NULL ? (str).ptr : "")

/* Room for a formatted text on the stack; longer ones take a detour over the heap. */
#define LEAT_FORMAT_STACK 512

/* ---- small things ---- */

/* Borrows a C string. NULL gives the empty leat_str. */
LEAT_API leat_str leat_str_of(const char *text);

/* 1 when <str> has exactly the bytes of <text>. */
LEAT_API int leat_str_is(leat_str str, const char *text);

/* A NUL-terminated copy in memory of the call [call-thread]; NULL when there is none left or the
 * text has a NUL inside, which a C function would take for its end. */
LEAT_API char *leat_str_dup(leat_call *call, leat_str str);

/* ---- parameters [call-thread] ----
 *
 * Of a declared parameter, with its declared type; borrowed
 * until run() returns. An optional parameter that was not given and has no fallback reads as empty,
 * 0 or the empty view: leat_param_given() tells. Asking for anything else is a bug of the plugin,
 * which the engine reports and which fails the attempt. */
LEAT_API leat_str leat_param_str(leat_call *call, const char *name);
LEAT_API int64_t leat_param_int(leat_call *call, const char *name);
LEAT_API double leat_param_float(leat_call *call, const char *name);
LEAT_API int leat_param_bool(leat_call *call, const char *name);
LEAT_API int64_t leat_param_duration(leat_call *call, const char *name); /* microseconds */
LEAT_API int64_t leat_param_size(leat_call *call, const char *name);     /* bytes */
LEAT_API leat_str leat_param_bytes(leat_call *call, const char *name);
LEAT_API leat_view leat_param_value(leat_call *call, const char *name);
LEAT_API leat_str leat_param_file(leat_call *call, const char *name); /* the path */

/* Of a list parameter: a view of the list, for leat_iter_of(). Durations stand in it as ints of
 * microseconds, sizes as ints of bytes, files as paths. */
LEAT_API leat_view leat_param_str_list(leat_call *call, const char *name);
LEAT_API leat_view leat_param_int_list(leat_call *call, const char *name);
LEAT_API leat_view leat_param_float_list(leat_call *call, const char *name);
LEAT_API leat_view leat_param_bool_list(leat_call *call, const char *name);
LEAT_API leat_view leat_param_duration_list(leat_call *call, const char *name);
LEAT_API leat_view leat_param_size_list(leat_call *call, const char *name);
LEAT_API leat_view leat_param_bytes_list(leat_call *call, const char *name);
LEAT_API leat_view leat_param_value_list(leat_call *call, const char *name);
LEAT_API leat_view leat_param_file_list(leat_call *call, const char *name);

/* 1 when the parameter has a value (given or by fallback) other than null. */
LEAT_API int leat_param_given(leat_call *call, const char *name);

/* The whole input, a map. For a notifier it is the event. */
LEAT_API leat_view leat_input(leat_call *call);

/* ---- results [call-thread] ----
 *
 * Each hands over a copy under <key> and returns LEAT_OK, so that
 * it can be the return statement, or LEAT_FAIL when the value is refused; the attempt fails then,
 * whatever run() returns. */
LEAT_API leat_status leat_result_str(leat_call *call, const char *key, leat_str text);
LEAT_API leat_status leat_result_text(leat_call *call, const char *key, const char *text);
LEAT_API leat_status leat_result_int(leat_call *call, const char *key, int64_t value);
LEAT_API leat_status leat_result_float(leat_call *call, const char *key, double value);
LEAT_API leat_status leat_result_bool(leat_call *call, const char *key, int value);
LEAT_API leat_status leat_result_nil(leat_call *call, const char *key);
LEAT_API leat_status leat_result_bytes(leat_call *call, const char *key, const void *data,
                                       size_t size);
LEAT_API leat_status leat_result_fmt(leat_call *call, const char *key, const char *format, ...)
    LEAT_PRINTF_(3, 4);
/* One msgpack value, for example what leat_writer_done() gave. The empty leat_str, which is what a
 * failed writer gives, is refused. */
LEAT_API leat_status leat_result_value(leat_call *call, const char *key, leat_str msgpack);
/* The whole result instead of a map of keyed ones; then it must be the only one. */
LEAT_API leat_status leat_result_whole(leat_call *call, leat_str msgpack);

/* ---- outcome [call-thread] ----
 *
 * `return leat_fail(call, "http.bad_url", "no host in %s",
 * url);`. <code> is stable and for machines, the text one sentence for people. leat_retry() adds
 * after how many milliseconds a further attempt makes sense, -1 for no opinion. leat_stopped() is
 * for a part that noticed leat_cancelled(). */
LEAT_API leat_status leat_fail(leat_call *call, const char *code, const char *format, ...)
    LEAT_PRINTF_(3, 4);
LEAT_API leat_status leat_retry(leat_call *call, int64_t after_ms, const char *code,
                                const char *format, ...) LEAT_PRINTF_(4, 5);
LEAT_API leat_status leat_stopped(leat_call *call);

/* ---- life of the attempt [any-thread] ---- */

/* 1 when the attempt should stop. Poll it in loops. */
LEAT_API int leat_cancelled(leat_call *call);
/* Becomes readable when the attempt should stop; never read or close it. -1 when there is none. */
LEAT_API int leat_cancel_fd(leat_call *call);
/* Milliseconds until the attempt's timeout, -1 without one. */
LEAT_API int64_t leat_deadline_ms(leat_call *call);
/* Fraction done, 0 to 1, and a text or NULL. */
LEAT_API void leat_progress(leat_call *call, double done, const char *text);
LEAT_API void leat_progress_fmt(leat_call *call, double done, const char *format, ...)
    LEAT_PRINTF_(3, 4);

LEAT_API void leat_debug(leat_call *call, const char *format, ...) LEAT_PRINTF_(2, 3);
LEAT_API void leat_info(leat_call *call, const char *format, ...) LEAT_PRINTF_(2, 3);
LEAT_API void leat_warn(leat_call *call, const char *format, ...) LEAT_PRINTF_(2, 3);
LEAT_API void leat_error(leat_call *call, const char *format, ...) LEAT_PRINTF_(2, 3);

/* A fact about the attempt, such as "attempt" or "idempotency_key"; empty when unknown. */
LEAT_API leat_str leat_fact(leat_call *call, const char *name);
/* A table for the extension <id> or NULL. */
LEAT_API const void *leat_extension(leat_call *call, const char *id);

/* ---- memory and state [call-thread] ---- */

/* Memory that is freed after run(), NULL when there is none left. */
LEAT_API void *leat_alloc(leat_call *call, size_t size);
/* What open() stored, or NULL. */
LEAT_API void *leat_state(leat_call *call);

#ifndef __cplusplus

/* ---- the descriptor ----
 *
 * LEAT_PLUGIN(name, version, summary, parts...) stands once, at the end
 * of the plugin's file. Parts are LEAT_TASK(function, type, summary, parameters...) and
 * LEAT_NOTIFIER of the same shape; the _EX forms take flags (LEAT_PART_*) after the summary. All
 * texts are literals.
 *
 * Parameters are LEAT_<TYPE>(name, fallback, doc) with the fallback as text
 * ("3", "true", "10s", "64KiB") or NULL for an optional one without a value,
 * LEAT_<TYPE>_REQUIRED(name, doc), and for lists LEAT_<TYPE>_LIST(name, fallback, doc) with the
 * fallback as JSON, LEAT_<TYPE>_LIST_REQUIRED(name, doc). LEAT_SECRET(name, fallback, doc) and
 * LEAT_SECRET_REQUIRED(name, doc) are strings that are masked wherever they are shown. Anything
 * else: LEAT_PARAM(type, flags, name, fallback, doc). */
#define LEAT_PARAM(type, flags, name, fallback, doc) \
    {                                                \
        name, fallback, doc, type, flags             \
    }

#define LEAT_STRING(name, fallback, doc) LEAT_PARAM(LEAT_TYPE_STRING, 0, name, fallback, doc)
#define LEAT_INT(name, fallback, doc) LEAT_PARAM(LEAT_TYPE_INT, 0, name, fallback, doc)
#define LEAT_FLOAT(name, fallback, doc) LEAT_PARAM(LEAT_TYPE_FLOAT, 0, name, fallback, doc)
#define LEAT_BOOL(name, fallback, doc) LEAT_PARAM(LEAT_TYPE_BOOL, 0, name, fallback, doc)
#define LEAT_DURATION(name, fallback, doc) LEAT_PARAM(LEAT_TYPE_DURATION, 0, name, fallback, doc)
#define LEAT_SIZE(name, fallback, doc) LEAT_PARAM(LEAT_TYPE_SIZE, 0, name, fallback, doc)
#define LEAT_BYTES(name, fallback, doc) LEAT_PARAM(LEAT_TYPE_BYTES, 0, name, fallback, doc)
#define LEAT_VALUE(name, fallback, doc) LEAT_PARAM(LEAT_TYPE_VALUE, 0, name, fallback, doc)
#define LEAT_FILE(name, fallback, doc) LEAT_PARAM(LEAT_TYPE_FILE, 0, name, fallback, doc)

#define LEAT_STRING_REQUIRED(name, doc) \
    LEAT_PARAM(LEAT_TYPE_STRING, LEAT_PARAM_REQUIRED, name, NULL, doc)
#define LEAT_INT_REQUIRED(name, doc) LEAT_PARAM(LEAT_TYPE_INT, LEAT_PARAM_REQUIRED, name, NULL, doc)
#define LEAT_FLOAT_REQUIRED(name, doc) \
    LEAT_PARAM(LEAT_TYPE_FLOAT, LEAT_PARAM_REQUIRED, name, NULL, doc)
#define LEAT_BOOL_REQUIRED(name, doc) \
    LEAT_PARAM(LEAT_TYPE_BOOL, LEAT_PARAM_REQUIRED, name, NULL, doc)
#define LEAT_DURATION_REQUIRED(name, doc) \
    LEAT_PARAM(LEAT_TYPE_DURATION, LEAT_PARAM_REQUIRED, name, NULL, doc)
#define LEAT_SIZE_REQUIRED(name, doc) \
    LEAT_PARAM(LEAT_TYPE_SIZE, LEAT_PARAM_REQUIRED, name, NULL, doc)
#define LEAT_BYTES_REQUIRED(name, doc) \
    LEAT_PARAM(LEAT_TYPE_BYTES, LEAT_PARAM_REQUIRED, name, NULL, doc)
#define LEAT_VALUE_REQUIRED(name, doc) \
    LEAT_PARAM(LEAT_TYPE_VALUE, LEAT_PARAM_REQUIRED, name, NULL, doc)
#define LEAT_FILE_REQUIRED(name, doc) \
    LEAT_PARAM(LEAT_TYPE_FILE, LEAT_PARAM_REQUIRED, name, NULL, doc)

#define LEAT_STRING_LIST(name, fallback, doc) \
    LEAT_PARAM(LEAT_TYPE_STRING, LEAT_PARAM_LIST, name, fallback, doc)
#define LEAT_INT_LIST(name, fallback, doc) \
    LEAT_PARAM(LEAT_TYPE_INT, LEAT_PARAM_LIST, name, fallback, doc)
#define LEAT_FLOAT_LIST(name, fallback, doc) \
    LEAT_PARAM(LEAT_TYPE_FLOAT, LEAT_PARAM_LIST, name, fallback, doc)
#define LEAT_BOOL_LIST(name, fallback, doc) \
    LEAT_PARAM(LEAT_TYPE_BOOL, LEAT_PARAM_LIST, name, fallback, doc)
#define LEAT_DURATION_LIST(name, fallback, doc) \
    LEAT_PARAM(LEAT_TYPE_DURATION, LEAT_PARAM_LIST, name, fallback, doc)
#define LEAT_SIZE_LIST(name, fallback, doc) \
    LEAT_PARAM(LEAT_TYPE_SIZE, LEAT_PARAM_LIST, name, fallback, doc)
#define LEAT_BYTES_LIST(name, fallback, doc) \
    LEAT_PARAM(LEAT_TYPE_BYTES, LEAT_PARAM_LIST, name, fallback, doc)
#define LEAT_VALUE_LIST(name, fallback, doc) \
    LEAT_PARAM(LEAT_TYPE_VALUE, LEAT_PARAM_LIST, name, fallback, doc)
#define LEAT_FILE_LIST(name, fallback, doc) \
    LEAT_PARAM(LEAT_TYPE_FILE, LEAT_PARAM_LIST, name, fallback, doc)

#define LEAT_STRING_LIST_REQUIRED(name, doc) \
    LEAT_PARAM(LEAT_TYPE_STRING, LEAT_PARAM_LIST | LEAT_PARAM_REQUIRED, name, NULL, doc)
#define LEAT_INT_LIST_REQUIRED(name, doc) \
    LEAT_PARAM(LEAT_TYPE_INT, LEAT_PARAM_LIST | LEAT_PARAM_REQUIRED, name, NULL, doc)
#define LEAT_FLOAT_LIST_REQUIRED(name, doc) \
    LEAT_PARAM(LEAT_TYPE_FLOAT, LEAT_PARAM_LIST | LEAT_PARAM_REQUIRED, name, NULL, doc)
#define LEAT_BOOL_LIST_REQUIRED(name, doc) \
    LEAT_PARAM(LEAT_TYPE_BOOL, LEAT_PARAM_LIST | LEAT_PARAM_REQUIRED, name, NULL, doc)
#define LEAT_DURATION_LIST_REQUIRED(name, doc) \
    LEAT_PARAM(LEAT_TYPE_DURATION, LEAT_PARAM_LIST | LEAT_PARAM_REQUIRED, name, NULL, doc)
#define LEAT_SIZE_LIST_REQUIRED(name, doc) \
    LEAT_PARAM(LEAT_TYPE_SIZE, LEAT_PARAM_LIST | LEAT_PARAM_REQUIRED, name, NULL, doc)
#define LEAT_BYTES_LIST_REQUIRED(name, doc) \
    LEAT_PARAM(LEAT_TYPE_BYTES, LEAT_PARAM_LIST | LEAT_PARAM_REQUIRED, name, NULL, doc)
#define LEAT_VALUE_LIST_REQUIRED(name, doc) \
    LEAT_PARAM(LEAT_TYPE_VALUE, LEAT_PARAM_LIST | LEAT_PARAM_REQUIRED, name, NULL, doc)
#define LEAT_FILE_LIST_REQUIRED(name, doc) \
    LEAT_PARAM(LEAT_TYPE_FILE, LEAT_PARAM_LIST | LEAT_PARAM_REQUIRED, name, NULL, doc)

#define LEAT_SECRET(name, fallback, doc) \
    LEAT_PARAM(LEAT_TYPE_STRING, LEAT_PARAM_SECRET, name, fallback, doc)
#define LEAT_SECRET_REQUIRED(name, doc) \
    LEAT_PARAM(LEAT_TYPE_STRING, LEAT_PARAM_SECRET | LEAT_PARAM_REQUIRED, name, NULL, doc)

/* The end of a table of parameters; also what keeps a part without any from being wrong C. */
#define LEAT_PARAM_END_ LEAT_PARAM(0, 0, NULL, NULL, NULL)

/* <...> is at least the table's end. */
#define LEAT_PART_(kind, flags, run, type, summary, ...)                                          \
    &(const leat_part)                                                                            \
    {                                                                                             \
        (uint32_t)sizeof(leat_part), kind, type, summary, run, (const leat_param[]){__VA_ARGS__}, \
            (uint32_t)sizeof(leat_param), flags                                                   \
    }
#define LEAT_PART_PLAIN_(kind, run, type, ...) LEAT_PART_(kind, 0, run, type, __VA_ARGS__)
#define LEAT_PART_EX_(kind, run, type, summary, flags, ...) \
    LEAT_PART_(kind, flags, run, type, summary, __VA_ARGS__)

#define LEAT_TASK(...) LEAT_PART_PLAIN_(LEAT_KIND_TASK, __VA_ARGS__, LEAT_PARAM_END_)
#define LEAT_TASK_EX(...) LEAT_PART_EX_(LEAT_KIND_TASK, __VA_ARGS__, LEAT_PARAM_END_)
#define LEAT_NOTIFIER(...) LEAT_PART_PLAIN_(LEAT_KIND_NOTIFIER, __VA_ARGS__, LEAT_PARAM_END_)
#define LEAT_NOTIFIER_EX(...) LEAT_PART_EX_(LEAT_KIND_NOTIFIER, __VA_ARGS__, LEAT_PARAM_END_)

/* `used` keeps the marker in the object file, `retain` keeps the linker from collecting it as
 * garbage; a compiler without the latter must not be combined with --gc-sections. */
#if defined(__has_attribute)
#if __has_attribute(retain)
#define LEAT_KEEP_ __attribute__((used, retain))
#endif
#endif
#if !defined(LEAT_KEEP_) && defined(__GNUC__)
#define LEAT_KEEP_ __attribute__((used))
#elif !defined(LEAT_KEEP_)
#define LEAT_KEEP_
#endif

#if defined(__GNUC__)
#define LEAT_EXPORT_ __attribute__((visibility("default")))
#else
#define LEAT_EXPORT_
#endif

#define LEAT_PASTE_(left, right) left##right
#define LEAT_PASTE_EXPANDED_(left, right) LEAT_PASTE_(left, right)
#ifdef LEAT_STATIC
#define LEAT_ENTRY_ LEAT_PASTE_EXPANDED_(leat_plugin_v1_, LEAT_STATIC)
#else
#define LEAT_ENTRY_ leat_plugin_v1
#endif

#define LEAT_PLUGIN(name, version, summary, ...) \
    LEAT_PLUGIN_EX(name, version, summary, 0, NULL, NULL, __VA_ARGS__)

/* With flags (LEAT_PLUGIN_*) and the functions open and close, each of which may be NULL. */
#define LEAT_PLUGIN_EX(name, version, summary, flags, open, close, ...)                 \
    static const leat_marker leat_marker_ LEAT_KEEP_ = {LEAT_MARKER, LEAT_ABI_MAJOR,    \
                                                        LEAT_ABI_MINOR, name, version}; \
    static const leat_part *const leat_parts_[] = {__VA_ARGS__, NULL};                  \
    static const leat_plugin leat_plugin_ = {LEAT_PLUGIN_MAGIC,                         \
                                             (uint32_t)sizeof(leat_plugin),             \
                                             LEAT_ABI_MAJOR,                            \
                                             LEAT_ABI_MINOR,                            \
                                             flags,                                     \
                                             name,                                      \
                                             version,                                   \
                                             summary,                                   \
                                             leat_parts_,                               \
                                             open,                                      \
                                             close,                                     \
                                             NULL};                                     \
    LEAT_EXPORT_ const leat_plugin *LEAT_ENTRY_(void);                                  \
    LEAT_EXPORT_ const leat_plugin *LEAT_ENTRY_(void)                                   \
    {                                                                                   \
        return &leat_plugin_;                                                           \
    }                                                                                   \
    _Static_assert(sizeof(name) <= LEAT_MARKER_NAME_MAX &&                              \
                       sizeof(version) <= LEAT_MARKER_VERSION_MAX,                      \
                   "the plugin's name or version is too long for the marker")

#endif /* __cplusplus */

/* ---- bodies ---- */

LEAT_API leat_str leat_str_of(const char *text)
{
    leat_str str = {text, text == NULL ? 0 : strlen(text)};

    return str;
}

LEAT_API int leat_str_is(leat_str str, const char *text)
{
    size_t len = strlen(text);

    return str.len == len && (len == 0 || memcmp(str.ptr, text, len) == 0);
}

LEAT_API char *leat_str_dup(leat_call *call, leat_str str)
{
    char *copy;

    if (str.len > 0 && memchr(str.ptr, '\0', str.len) != NULL) {
        return NULL;
    }
    copy = (char *)leat_alloc(call, str.len + 1);
    if (copy == NULL) {
        return NULL;
    }
    if (str.len > 0) {
        memcpy(copy, str.ptr, str.len);
    }
    copy[str.len] = '\0';
    return copy;
}

/* A parameter of one of the types that are read as a leat_str. */
LEAT_API leat_str leat_param_borrow_(leat_call *call, const char *name, uint32_t type)
{
    leat_str none = {NULL, 0};
    leat_str value = {NULL, 0};

    return call->host->param(call, name, type, &value) == LEAT_OK ? value : none;
}

/* A parameter of one of the types that are read as an int64_t. */
LEAT_API int64_t leat_param_number_(leat_call *call, const char *name, uint32_t type)
{
    int64_t value = 0;

    return call->host->param(call, name, type, &value) == LEAT_OK ? value : 0;
}

/* A list parameter. */
LEAT_API leat_view leat_param_list_(leat_call *call, const char *name, uint32_t type)
{
    return leat_view_of(leat_param_borrow_(call, name, LEAT_TYPE_LIST_OF(type)));
}

LEAT_API leat_str leat_param_str(leat_call *call, const char *name)
{
    return leat_param_borrow_(call, name, LEAT_TYPE_STRING);
}

LEAT_API int64_t leat_param_int(leat_call *call, const char *name)
{
    return leat_param_number_(call, name, LEAT_TYPE_INT);
}

LEAT_API double leat_param_float(leat_call *call, const char *name)
{
    double value = 0;

    return call->host->param(call, name, LEAT_TYPE_FLOAT, &value) == LEAT_OK ? value : 0;
}

LEAT_API int leat_param_bool(leat_call *call, const char *name)
{
    int32_t value = 0;

    return call->host->param(call, name, LEAT_TYPE_BOOL, &value) == LEAT_OK && value != 0;
}

LEAT_API int64_t leat_param_duration(leat_call *call, const char *name)
{
    return leat_param_number_(call, name, LEAT_TYPE_DURATION);
}

LEAT_API int64_t leat_param_size(leat_call *call, const char *name)
{
    return leat_param_number_(call, name, LEAT_TYPE_SIZE);
}

LEAT_API leat_str leat_param_bytes(leat_call *call, const char *name)
{
    return leat_param_borrow_(call, name, LEAT_TYPE_BYTES);
}

LEAT_API leat_view leat_param_value(leat_call *call, const char *name)
{
    return leat_view_of(leat_param_borrow_(call, name, LEAT_TYPE_VALUE));
}

LEAT_API leat_str leat_param_file(leat_call *call, const char *name)
{
    return leat_param_borrow_(call, name, LEAT_TYPE_FILE);
}

LEAT_API leat_view leat_param_str_list(leat_call *call, const char *name)
{
    return leat_param_list_(call, name, LEAT_TYPE_STRING);
}

LEAT_API leat_view leat_param_int_list(leat_call *call, const char *name)
{
    return leat_param_list_(call, name, LEAT_TYPE_INT);
}

LEAT_API leat_view leat_param_float_list(leat_call *call, const char *name)
{
    return leat_param_list_(call, name, LEAT_TYPE_FLOAT);
}

LEAT_API leat_view leat_param_bool_list(leat_call *call, const char *name)
{
    return leat_param_list_(call, name, LEAT_TYPE_BOOL);
}

LEAT_API leat_view leat_param_duration_list(leat_call *call, const char *name)
{
    return leat_param_list_(call, name, LEAT_TYPE_DURATION);
}

LEAT_API leat_view leat_param_size_list(leat_call *call, const char *name)
{
    return leat_param_list_(call, name, LEAT_TYPE_SIZE);
}

LEAT_API leat_view leat_param_bytes_list(leat_call *call, const char *name)
{
    return leat_param_list_(call, name, LEAT_TYPE_BYTES);
}

LEAT_API leat_view leat_param_value_list(leat_call *call, const char *name)
{
    return leat_param_list_(call, name, LEAT_TYPE_VALUE);
}

LEAT_API leat_view leat_param_file_list(leat_call *call, const char *name)
{
    return leat_param_list_(call, name, LEAT_TYPE_FILE);
}

LEAT_API int leat_param_given(leat_call *call, const char *name)
{
    int type = leat_view_type(leat_view_find(leat_input(call), name));

    return type != LEAT_VIEW_NONE && type != LEAT_VIEW_NIL;
}

LEAT_API leat_view leat_input(leat_call *call)
{
    leat_str none = {NULL, 0};
    leat_str map = {NULL, 0};

    return leat_view_of(call->host->input(call, &map) == LEAT_OK ? map : none);
}

LEAT_API leat_status leat_result_value(leat_call *call, const char *key, leat_str msgpack)
{
    return call->host->result(call, key, &msgpack);
}

LEAT_API leat_status leat_result_whole(leat_call *call, leat_str msgpack)
{
    return call->host->result(call, NULL, &msgpack);
}

/* A result of <len> finished bytes. */
LEAT_API leat_status leat_result_packed_(leat_call *call, const char *key, const void *data,
                                         size_t len)
{
    leat_str msgpack = {(const char *)data, len};

    return call->host->result(call, key, &msgpack);
}

/* A result that is a head and a payload; short ones are put together on the stack. */
LEAT_API leat_status leat_result_payload_(leat_call *call, const char *key, unsigned tag,
                                          const void *data, size_t size)
{
    unsigned char small[LEAT_FORMAT_STACK];
    unsigned char *packed = small;
    size_t len;

    if (size > LEAT_RESULT_MAX) {
        return leat_fail(call, "plugin.result_too_large",
                         "the result \"%s\" has %zu bytes; %u is the most one result can have",
                         key == NULL ? "" : key, size, LEAT_RESULT_MAX);
    }
    if (size > sizeof small - 5) {
        packed = (unsigned char *)leat_alloc(call, size + 5);
    }
    if (packed == NULL) {
        return leat_fail(call, "plugin.no_memory", "no memory for the result \"%s\" of %zu bytes",
                         key == NULL ? "" : key, size);
    }
    len = leat_pack_head_(packed, tag, size);
    if (size > 0) {
        memcpy(packed + len, data, size);
    }
    return leat_result_packed_(call, key, packed, len + size);
}

LEAT_API leat_status leat_result_str(leat_call *call, const char *key, leat_str text)
{
    return leat_result_payload_(call, key, 0xd9, text.ptr, text.len);
}

LEAT_API leat_status leat_result_text(leat_call *call, const char *key, const char *text)
{
    return leat_result_payload_(call, key, 0xd9, text, strlen(text));
}

LEAT_API leat_status leat_result_bytes(leat_call *call, const char *key, const void *data,
                                       size_t size)
{
    return leat_result_payload_(call, key, 0xc4, data, size);
}

LEAT_API leat_status leat_result_int(leat_call *call, const char *key, int64_t value)
{
    unsigned char packed[9];

    return leat_result_packed_(call, key, packed, leat_pack_int_(packed, value));
}

LEAT_API leat_status leat_result_float(leat_call *call, const char *key, double value)
{
    unsigned char packed[9];

    return leat_result_packed_(call, key, packed, leat_pack_float_(packed, value));
}

LEAT_API leat_status leat_result_bool(leat_call *call, const char *key, int value)
{
    return leat_result_packed_(call, key, value ? "\xc3" : "\xc2", 1);
}

LEAT_API leat_status leat_result_nil(leat_call *call, const char *key)
{
    return leat_result_packed_(call, key, "\xc0", 1);
}

/* A formatted text: in <small> when it fits there, else on the heap until leat_format_done_(). */
typedef struct leat_text_ {
    char *ptr;
    size_t len;
    char small[LEAT_FORMAT_STACK];
} leat_text_;

/* Formats. Without memory the text is cut and ends with a mark that says so. */
LEAT_API void leat_format_(leat_text_ *text, const char *format, va_list args) LEAT_PRINTF_(2, 0);

LEAT_API void leat_format_(leat_text_ *text, const char *format, va_list args)
{
    static const char mark[] = " [cut: no memory]";
    va_list again;
    int len;

    va_copy(again, args);
    text->ptr = text->small;
    len = vsnprintf(text->small, sizeof text->small, format, args);
    if (len < 0) {
        len = snprintf(text->small, sizeof text->small, "[a text that printf refused to format]");
    }
    text->len = (size_t)len;
    if (text->len >= sizeof text->small) {
        text->ptr = (char *)malloc(text->len + 1);
        if (text->ptr == NULL) {
            text->ptr = text->small;
            text->len = sizeof text->small - 1;
            memcpy(text->small + sizeof text->small - sizeof mark, mark, sizeof mark);
        } else {
            (void)vsnprintf(text->ptr, text->len + 1, format, again);
        }
    }
    va_end(again);
}

/* Frees what leat_format_() took. */
LEAT_API void leat_format_done_(leat_text_ *text)
{
    if (text->ptr != text->small) {
        free(text->ptr);
    }
}

LEAT_API leat_status leat_result_fmt(leat_call *call, const char *key, const char *format, ...)
{
    leat_text_ text;
    leat_status status;
    va_list args;

    va_start(args, format);
    leat_format_(&text, format, args);
    va_end(args);
    status = leat_result_payload_(call, key, 0xd9, text.ptr, text.len);
    leat_format_done_(&text);
    return status;
}

/* The outcome with a formatted text. */
LEAT_API leat_status leat_outcome_(leat_call *call, leat_status status, const char *code,
                                   int64_t after_ms, const char *format, va_list args)
    LEAT_PRINTF_(5, 0);

LEAT_API leat_status leat_outcome_(leat_call *call, leat_status status, const char *code,
                                   int64_t after_ms, const char *format, va_list args)
{
    leat_text_ text;
    leat_status answer;

    leat_format_(&text, format, args);
    answer = call->host->outcome(call, status, code, text.ptr, after_ms);
    leat_format_done_(&text);
    return answer;
}

LEAT_API leat_status leat_fail(leat_call *call, const char *code, const char *format, ...)
{
    leat_status status;
    va_list args;

    va_start(args, format);
    status = leat_outcome_(call, LEAT_FAIL, code, -1, format, args);
    va_end(args);
    return status;
}

LEAT_API leat_status leat_retry(leat_call *call, int64_t after_ms, const char *code,
                                const char *format, ...)
{
    leat_status status;
    va_list args;

    va_start(args, format);
    status = leat_outcome_(call, LEAT_RETRY, code, after_ms, format, args);
    va_end(args);
    return status;
}

LEAT_API leat_status leat_stopped(leat_call *call)
{
    return call->host->outcome(call, LEAT_CANCELLED, "plugin.stopped",
                               "Stopped because it was asked to.", -1);
}

LEAT_API int leat_cancelled(leat_call *call)
{
    return call->host->cancelled(call) != 0;
}

LEAT_API int leat_cancel_fd(leat_call *call)
{
    return call->host->cancel_fd(call);
}

LEAT_API int64_t leat_deadline_ms(leat_call *call)
{
    return call->host->deadline_ms(call);
}

LEAT_API void leat_progress(leat_call *call, double done, const char *text)
{
    call->host->progress(call, done, text);
}

LEAT_API void leat_progress_fmt(leat_call *call, double done, const char *format, ...)
{
    leat_text_ text;
    va_list args;

    va_start(args, format);
    leat_format_(&text, format, args);
    va_end(args);
    call->host->progress(call, done, text.ptr);
    leat_format_done_(&text);
}

/* One log line. */
LEAT_API void leat_log_(leat_call *call, int32_t level, const char *format, va_list args)
    LEAT_PRINTF_(3, 0);

LEAT_API void leat_log_(leat_call *call, int32_t level, const char *format, va_list args)
{
    leat_text_ text;

    leat_format_(&text, format, args);
    call->host->log(call, level, text.ptr);
    leat_format_done_(&text);
}

LEAT_API void leat_debug(leat_call *call, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    leat_log_(call, LEAT_LOG_DEBUG, format, args);
    va_end(args);
}

LEAT_API void leat_info(leat_call *call, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    leat_log_(call, LEAT_LOG_INFO, format, args);
    va_end(args);
}

LEAT_API void leat_warn(leat_call *call, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    leat_log_(call, LEAT_LOG_WARNING, format, args);
    va_end(args);
}

LEAT_API void leat_error(leat_call *call, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    leat_log_(call, LEAT_LOG_ERROR, format, args);
    va_end(args);
}

LEAT_API leat_str leat_fact(leat_call *call, const char *name)
{
    return call->host->fact(call, name);
}

LEAT_API const void *leat_extension(leat_call *call, const char *id)
{
    return call->host->extension(call, id);
}

LEAT_API void *leat_alloc(leat_call *call, size_t size)
{
    return call->host->alloc(call, size);
}

LEAT_API void *leat_state(leat_call *call)
{
    return call->host->state(call);
}

#ifdef __cplusplus
}
#endif

#endif
