/*
 * The layout of every struct that crosses the ABI, pinned. Nothing is linked: compiling this file
 * is the test, in C and in C++, on 64-bit machines.
 *
 * A line that fails means that plugins which people have already compiled would break. New members
 * go to the end of their struct and get a new line here; existing lines never change within a major
 * version.
 */
#include <leat/abi.h>

#ifdef __cplusplus
#define PIN(condition) static_assert(condition, #condition)
#else
#define PIN(condition) _Static_assert(condition, #condition)
#endif

/* <member> of <type> stands at <offset> and has <size> bytes. */
#define PIN_MEMBER(type, member, offset, size) \
    PIN(offsetof(type, member) == (offset));   \
    PIN(sizeof(((const type *)0)->member) == (size))

PIN(sizeof(void *) == 8);
PIN(sizeof(void (*)(void)) == 8);
PIN(sizeof(size_t) == 8);
PIN(sizeof(leat_status) == 4);

PIN(sizeof(leat_str) == 16);
PIN_MEMBER(leat_str, ptr, 0, 8);
PIN_MEMBER(leat_str, len, 8, 8);

PIN(sizeof(leat_call) == 8);
PIN_MEMBER(leat_call, host, 0, 8);

PIN(sizeof(leat_host) == 112);
PIN_MEMBER(leat_host, struct_size, 0, 4);
PIN_MEMBER(leat_host, abi_major, 4, 2);
PIN_MEMBER(leat_host, abi_minor, 6, 2);
PIN_MEMBER(leat_host, param, 8, 8);
PIN_MEMBER(leat_host, input, 16, 8);
PIN_MEMBER(leat_host, result, 24, 8);
PIN_MEMBER(leat_host, outcome, 32, 8);
PIN_MEMBER(leat_host, cancelled, 40, 8);
PIN_MEMBER(leat_host, cancel_fd, 48, 8);
PIN_MEMBER(leat_host, deadline_ms, 56, 8);
PIN_MEMBER(leat_host, progress, 64, 8);
PIN_MEMBER(leat_host, log, 72, 8);
PIN_MEMBER(leat_host, alloc, 80, 8);
PIN_MEMBER(leat_host, extension, 88, 8);
PIN_MEMBER(leat_host, state, 96, 8);
PIN_MEMBER(leat_host, fact, 104, 8);

PIN(sizeof(leat_param) == 32);
PIN_MEMBER(leat_param, name, 0, 8);
PIN_MEMBER(leat_param, fallback, 8, 8);
PIN_MEMBER(leat_param, doc, 16, 8);
PIN_MEMBER(leat_param, type, 24, 4);
PIN_MEMBER(leat_param, flags, 28, 4);

PIN(sizeof(leat_part) == 48);
PIN_MEMBER(leat_part, struct_size, 0, 4);
PIN_MEMBER(leat_part, kind, 4, 4);
PIN_MEMBER(leat_part, type, 8, 8);
PIN_MEMBER(leat_part, summary, 16, 8);
PIN_MEMBER(leat_part, run, 24, 8);
PIN_MEMBER(leat_part, params, 32, 8);
PIN_MEMBER(leat_part, param_stride, 40, 4);
PIN_MEMBER(leat_part, flags, 44, 4);

PIN(sizeof(leat_plugin) == 72);
PIN_MEMBER(leat_plugin, magic, 0, 4);
PIN_MEMBER(leat_plugin, struct_size, 4, 4);
PIN_MEMBER(leat_plugin, abi_major, 8, 2);
PIN_MEMBER(leat_plugin, abi_minor, 10, 2);
PIN_MEMBER(leat_plugin, flags, 12, 4);
PIN_MEMBER(leat_plugin, name, 16, 8);
PIN_MEMBER(leat_plugin, version, 24, 8);
PIN_MEMBER(leat_plugin, summary, 32, 8);
PIN_MEMBER(leat_plugin, parts, 40, 8);
PIN_MEMBER(leat_plugin, open, 48, 8);
PIN_MEMBER(leat_plugin, close, 56, 8);
PIN_MEMBER(leat_plugin, extension, 64, 8);

PIN(sizeof(leat_marker) == 148);
PIN_MEMBER(leat_marker, magic, 0, 16);
PIN_MEMBER(leat_marker, abi_major, 16, 2);
PIN_MEMBER(leat_marker, abi_minor, 18, 2);
PIN_MEMBER(leat_marker, name, 20, 64);
PIN_MEMBER(leat_marker, version, 84, 64);

/* Numbers that are compiled into plugins. */
PIN(LEAT_PLUGIN_MAGIC == 0x7461656cu);
PIN(LEAT_OK == 0 && LEAT_RETRY == 1 && LEAT_FAIL == 2 && LEAT_CANCELLED == 3);
PIN(LEAT_KIND_TASK == 1 && LEAT_KIND_NOTIFIER == 2 && LEAT_KIND_FLOW == 3);
PIN(LEAT_KIND_LAUNCHER == 4);
PIN(LEAT_TYPE_STRING == 1 && LEAT_TYPE_INT == 2 && LEAT_TYPE_FLOAT == 3 && LEAT_TYPE_BOOL == 4);
PIN(LEAT_TYPE_DURATION == 5 && LEAT_TYPE_SIZE == 6 && LEAT_TYPE_BYTES == 7);
PIN(LEAT_TYPE_VALUE == 8 && LEAT_TYPE_FILE == 9);
PIN(LEAT_TYPE_LIST_OF(LEAT_TYPE_FILE) == 0x109);
PIN(LEAT_PARAM_REQUIRED == 1 && LEAT_PARAM_SECRET == 2 && LEAT_PARAM_LIST == 4);
PIN(LEAT_PART_IDEMPOTENT == 1 && LEAT_PART_SLOW == 2 && LEAT_PART_NOCACHE == 4);
PIN(LEAT_PART_ISOLATED == 8);
PIN(LEAT_PLUGIN_THREADSAFE == 1);
PIN(LEAT_LOG_DEBUG == 10 && LEAT_LOG_INFO == 20 && LEAT_LOG_WARNING == 30);
PIN(LEAT_LOG_ERROR == 40 && LEAT_LOG_PLUGIN_MISBEHAVING == 50);
PIN(LEAT_LOG_HOST_MISBEHAVING == 51);
