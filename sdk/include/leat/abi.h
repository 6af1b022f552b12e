/*
 * leat SDK ABI, major 1.
 *
 * This file is the whole contract between the engine and a plugin; everything else in the SDK is
 * convenience on top of it. Seven rules:
 *
 *   1. Values cross as msgpack bytes; control crosses as tables of function pointers.
 *   2. Every struct that crosses begins with its size (the plugin's first with a magic, too).
 *   3. Append only: nothing is removed, reordered, retyped or given a new meaning. Zero means
 *      "as before".
 *   4. Table functions take scalars and pointers; structs travel by pointer.
 *   5. Borrow in, copy out: what you receive is valid until you return, what you hand over is
 *      copied before the call comes back. Nobody frees the other side's memory.
 *   6. Every function is tagged with the threads that may call it: [load-thread] is the one that
 *      calls open and close, [call-thread] the one that runs the part, [any-thread] all of them.
 *   7. A plugin exports exactly one symbol, `leat_plugin_v1`, and needs none of the engine's.
 *
 * Changes by minor version:
 *   1.0  first version
 */
#ifndef LEAT_ABI_H
#define LEAT_ABI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LEAT_ABI_MAJOR 1
#define LEAT_ABI_MINOR 0

/* First four bytes of a leat_plugin. */
#define LEAT_PLUGIN_MAGIC 0x7461656cu

/* Limits of the contract, in bytes unless named otherwise. */
#define LEAT_DEPTH_MAX 32u          /* nesting of a value */
#define LEAT_NODES_MAX 1000000u     /* scalars and containers in one value */
#define LEAT_INPUT_MAX (64u << 20)  /* the whole input of one attempt */
#define LEAT_RESULT_MAX (64u << 20) /* one keyed result; all of them together twice that */
#define LEAT_RESULT_KEYS_MAX 256u   /* keyed results of one attempt */
#define LEAT_KEY_MAX 128u           /* a parameter's or result's name */
#define LEAT_TEXT_MAX (16u << 10)   /* a log line, progress text or sentence; cut by the host */
#define LEAT_CODE_MAX 128u          /* an error code */

/* How an attempt ended. An open set: hosts treat unknown values as LEAT_FAIL. */
typedef int32_t leat_status;
#define LEAT_OK 0        /* done; the results count */
#define LEAT_RETRY 1     /* failed, and trying again may help; the engine's policy decides */
#define LEAT_FAIL 2      /* failed, and trying again is pointless */
#define LEAT_CANCELLED 3 /* stopped because it was asked to */

/* Kinds of part. Flow and launcher are reserved and refused by engines that do not know them. */
#define LEAT_KIND_TASK 1u
#define LEAT_KIND_NOTIFIER 2u
#define LEAT_KIND_FLOW 3u
#define LEAT_KIND_LAUNCHER 4u

/* Types of parameter. The comment says what param() writes to its last argument. */
#define LEAT_TYPE_STRING 1u   /* leat_str, UTF-8 */
#define LEAT_TYPE_INT 2u      /* int64_t */
#define LEAT_TYPE_FLOAT 3u    /* double */
#define LEAT_TYPE_BOOL 4u     /* int32_t, 0 or 1 */
#define LEAT_TYPE_DURATION 5u /* int64_t, microseconds */
#define LEAT_TYPE_SIZE 6u     /* int64_t, bytes */
#define LEAT_TYPE_BYTES 7u    /* leat_str, any bytes */
#define LEAT_TYPE_VALUE 8u    /* leat_str, one msgpack value */
#define LEAT_TYPE_FILE 9u     /* leat_str, a path; the cache counts the file by its content */

/* Flags of a parameter. Hosts ignore flags they do not know, here and below. */
#define LEAT_PARAM_REQUIRED 1u /* there is no fallback; the caller must give it */
#define LEAT_PARAM_SECRET 2u   /* masked wherever it is shown */
#define LEAT_PARAM_LIST 4u     /* a list of the type; param() writes a leat_str, the msgpack list */

/* Flags of a part. */
#define LEAT_PART_IDEMPOTENT 1u /* running it twice does no harm */
#define LEAT_PART_SLOW 2u       /* must report progress at least every 60 s, or counts as stuck */
#define LEAT_PART_NOCACHE 4u    /* works by side effect; never answered from the cache */
#define LEAT_PART_ISOLATED 8u   /* wants a fresh process for every attempt */

/* Flags of a plugin. */
#define LEAT_PLUGIN_THREADSAFE 1u /* several calls at once are fine */

/* Levels of a log line. The last two are for breaches of this contract. */
#define LEAT_LOG_DEBUG 10
#define LEAT_LOG_INFO 20
#define LEAT_LOG_WARNING 30
#define LEAT_LOG_ERROR 40
#define LEAT_LOG_PLUGIN_MISBEHAVING 50
#define LEAT_LOG_HOST_MISBEHAVING 51

/* Borrowed bytes: pointer and length, not NUL-terminated. <ptr> may be NULL when <len> is 0. */
typedef struct leat_str {
    const char *ptr;
    size_t len;
} leat_str;

typedef struct leat_host leat_host;

/* One attempt of one step, or one delivery. The host keeps more behind the public head. */
typedef struct leat_call {
    const leat_host *host;
} leat_call;

/* What the host offers to a call. Check members beyond the first release with LEAT_HAS. */
struct leat_host {
    uint32_t struct_size;
    uint16_t abi_major;
    uint16_t abi_minor;

    /*
     * [call-thread] Writes the parameter <name> to <ret_value>, whose type the comments at
     * LEAT_TYPE_* tell; what it points to is borrowed until run() returns. <type> repeats the
     * declared type, as LEAT_TYPE_LIST_OF(type) for a list: that is how both sides know what
     * <ret_value> points to. LEAT_OK for every declared parameter, because the engine has merged,
     * checked, coerced and defaulted it already; an optional one without a value gives an empty
     * leat_str (NULL pointer) or 0. Asking for an undeclared one, or with another type, is a bug of
     * the plugin: <ret_value> stays as it was, the answer is LEAT_FAIL, and the attempt is logged
     * and failed.
     */
    leat_status (*param)(leat_call *call, const char *name, uint32_t type, void *ret_value);

    /* [call-thread] The whole input as one msgpack map, borrowed until run() returns. */
    leat_status (*input)(leat_call *call, leat_str *ret_msgpack);

    /*
     * [call-thread] Hands over one keyed result (a msgpack value, copied). The attempt's result is
     * the map of all keys; <key> NULL sets the whole result instead and must then be the only one.
     * A repeated key replaces. LEAT_FAIL, with a log line, for a malformed or oversize value; the
     * attempt then fails whatever run() returns.
     */
    leat_status (*result)(leat_call *call, const char *key, const leat_str *msgpack);

    /*
     * [call-thread] Says how the attempt ended and returns <status>, so that it can be the return
     * statement. <code> is a stable dotted word such as "http.timeout" (NULL: "plugin.failed"),
     * <text> one sentence for people, <retry_after_ms> the wish for a delay or -1. The last one
     * counts.
     */
    leat_status (*outcome)(leat_call *call, leat_status status, const char *code, const char *text,
                           int64_t retry_after_ms);

    /* [any-thread] 1 when the attempt should stop. Cheap; poll it. */
    int32_t (*cancelled)(leat_call *call);
    /* [any-thread] A descriptor that becomes readable when the attempt should stop, for poll().
     * Do not read or close it. -1 when there is none. */
    int32_t (*cancel_fd)(leat_call *call);
    /* [any-thread] Milliseconds until the attempt's timeout, -1 without one. */
    int64_t (*deadline_ms)(leat_call *call);
    /* [any-thread] Fraction done, 0 to 1 (may go back; NaN for unknown), and a text or NULL.
     * Doubles as heartbeat. At most ten a second are forwarded, the last one always. */
    void (*progress)(leat_call *call, double done, const char *text);
    /* [any-thread] One log line, UTF-8 text without a newline at its end. */
    void (*log)(leat_call *call, int32_t level, const char *text);

    /* [call-thread] Memory that the host frees after run(); aligned for any type; NULL when there
     * is none left. */
    void *(*alloc)(leat_call *call, size_t size);
    /* [any-thread] A table for the extension <id>, for example "leat.checkpoint/1", or NULL. */
    const void *(*extension)(leat_call *call, const char *id);
    /* [call-thread] What open() stored in <ret_state>, or NULL. */
    void *(*state)(leat_call *call);
    /* [any-thread] Facts about the attempt by name, borrowed until run() returns, empty when
     * unknown: "flow_run_id", "flow_run_name", "flow", "step", "task_run", "attempt",
     * "idempotency_key", "workdir" (a directory of the run's own, made when it is asked for). */
    leat_str (*fact)(leat_call *call, const char *name);
};

/* One declared parameter. A table of them ends with an entry whose name is NULL; the part says how
 * far apart its entries are. */
typedef struct leat_param {
    const char *name;     /* letters, digits, `_`, no digit first; at most LEAT_KEY_MAX bytes */
    const char *fallback; /* the default as text (JSON for lists and values), NULL for none */
    const char *doc;      /* one sentence */
    uint32_t type;
    uint32_t flags;
} leat_param;

/* One part: a task, a flow, a notifier or a launcher. */
typedef struct leat_part {
    uint32_t struct_size;
    uint32_t kind;
    const char *type;    /* the name flows use: words joined by dots, one dot at least in a task's:
                            "csv.read"; at most LEAT_KEY_MAX bytes */
    const char *summary; /* one sentence */
    /* [call-thread] Runs one attempt; may block. */
    leat_status (*run)(leat_call *call);
    const leat_param *params; /* NULL when there are none */
    uint32_t param_stride;    /* sizeof(leat_param) as the plugin knew it */
    uint32_t flags;
} leat_part;

/* The plugin's descriptor, constant for the life of the process. */
typedef struct leat_plugin {
    uint32_t magic;
    uint32_t struct_size;
    uint16_t abi_major;
    uint16_t abi_minor;
    uint32_t flags;
    const char *name;    /* letters, digits, `_`, `-`, `.`, a letter or `_` first; less than
                            LEAT_MARKER_NAME_MAX bytes; unique in a plugins directory */
    const char *version; /* for people and for caching; any text of 1 byte or more, less than
                            LEAT_MARKER_VERSION_MAX bytes */
    const char *summary; /* one sentence */
    const leat_part *const *parts; /* pointers, so that leat_part may grow; ends with NULL */
    /* [load-thread] Called once per host process before any run(); NULL when not needed. */
    leat_status (*open)(leat_call *call, void **ret_state);
    /* [load-thread] Called once after a successful open(); NULL when not needed. */
    void (*close)(void *state);
    /* [any-thread] A table for the extension <id> or NULL; the pointer itself may be NULL. */
    const void *(*extension)(const char *id);
} leat_plugin;

/* The type argument of param() for a list parameter. */
#define LEAT_TYPE_LIST_OF(type) ((type) | 0x100u)

/* The one exported function. Returns the descriptor; does nothing else. */
typedef const leat_plugin *(*leat_plugin_entry)(void);
#define LEAT_PLUGIN_SYMBOL "leat_plugin_v1"

/* True when the host's table <host> is long enough to have the function <member> and has it. */
#define LEAT_HAS(host, member)                                                   \
    ((host)->struct_size >=                                                      \
         offsetof(leat_host, member) + sizeof(((const leat_host *)0)->member) && \
     (host)->member != NULL)

/*
 * The marker that lets a tool read what a file is without loading it: these sixteen bytes stand
 * once in the file, the rest of a leat_marker behind them. leat/plugin.h emits it; other languages
 * write the same bytes.
 */
#define LEAT_MARKER "\x7fleat-plugin\x7f\x01\n"
#define LEAT_MARKER_SIZE 16
#define LEAT_MARKER_NAME_MAX 64
#define LEAT_MARKER_VERSION_MAX 64

/* The marker and what it names. Texts end with a NUL and repeat the descriptor's. */
typedef struct leat_marker {
    char magic[LEAT_MARKER_SIZE];
    uint16_t abi_major; /* little-endian, like the next */
    uint16_t abi_minor;
    char name[LEAT_MARKER_NAME_MAX];
    char version[LEAT_MARKER_VERSION_MAX];
} leat_marker;

#ifdef __cplusplus
}
#endif

#endif
