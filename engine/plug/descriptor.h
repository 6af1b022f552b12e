/*
 * What a plugin declares: its name, its parts and their parameters.
 *
 * A plugin's own descriptor (struct leat_plugin, leat/abi.h) exists only in processes that loaded
 * the plugin. There descriptor_encode() turns it into msgpack; the engine, which never loads a
 * plugin, turns that into a struct plug_plugin with descriptor_decode(). Both check every rule of
 * the ABI, because the bytes come from a process that ran foreign code. Members added to the ABI's
 * structs later are read as zero from plugins that do not have them yet.
 *
 * Used by the catalogue and by hosts. Any thread; nothing here is shared.
 */
#ifndef PLUG_DESCRIPTOR_H
#define PLUG_DESCRIPTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <leat/abi.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/str.h"
#include "model/param.h"

enum {
    DESCRIPTOR_BYTES_MAX = 1024 * 1024,      /* a descriptor as msgpack */
    DESCRIPTOR_MEMORY_MAX = 8 * 1024 * 1024, /* a decoded one in its arena */
    DESCRIPTOR_PARTS_MAX = 256,              /* parts of one plugin */
    DESCRIPTOR_PARAMS_MAX = 256,             /* parameters of one part */
    DESCRIPTOR_NAME_MAX = 63,                /* bytes of a plugin's name or version */
    DESCRIPTOR_TYPE_MAX = 128,               /* bytes of a part's type */
    DESCRIPTOR_SUMMARY_MAX = 1024,           /* bytes of a summary */
    DESCRIPTOR_DOC_MAX = 8 * 1024,           /* bytes of a parameter's documentation */
    DESCRIPTOR_FALLBACK_MAX = 16 * 1024,     /* bytes of a parameter's default */
};

/* One part of a plugin. */
struct plug_part {
    const char *type;    /* "csv.read"; unique among the parts of its kind */
    const char *summary; /* one sentence */
    uint32_t kind;       /* LEAT_KIND_TASK or LEAT_KIND_NOTIFIER */
    uint32_t flags;      /* LEAT_PART_*, unknown bits included */
    const struct param_spec *params;
    uint32_t param_count;
    const struct plug_plugin *plugin;
};

/* One plugin, immutable. */
struct plug_plugin {
    const char *name;
    const char *version;
    const char *summary;
    uint16_t abi_major;
    uint16_t abi_minor;
    uint32_t flags; /* LEAT_PLUGIN_*, unknown bits included */
    const struct plug_part *parts;
    uint32_t part_count;
    struct hash hash;        /* of the file's content; this and what follows by the catalogue */
    const char *copy_path;   /* the private copy that hosts load */
    const char *source_path; /* where the file was found; the copy when only that is left */
};

/*
 * Appends the descriptor as msgpack to <out>. <plugin> comes from foreign code: a wrong size or a
 * missing text is found, a wild pointer crashes the process, which is why only throw-away processes
 * call this. ERR_PLUGIN_REFUSED or ERR_PLUGIN_ABI with a sentence that names the broken rule;
 * ERR_LIMIT.
 */
int descriptor_encode(const leat_plugin *plugin, struct buf *out, struct err_text *reterr_why);

/*
 * Reads what descriptor_encode() wrote, from untrusted bytes (exactly one value, nothing after it).
 * All memory is <arena>'s, and the parts refer to <ret_plugin>, which must stay where it is; the
 * members of the catalogue stay empty. ERR_PLUGIN_REFUSED or ERR_PLUGIN_ABI with a sentence that
 * names the broken rule; ERR_LIMIT when the arena is too small.
 */
int descriptor_decode(const void *bytes, size_t len, struct arena *arena,
                      struct plug_plugin *ret_plugin, struct err_text *reterr_why);

/* The part <type> of <kind>, or NULL. */
const struct plug_part *descriptor_part(const struct plug_plugin *plugin, uint32_t kind,
                                        struct str type);

/* The same in a loaded plugin whose descriptor was found to be sound, for hosts. */
const leat_part *descriptor_abi_part(const leat_plugin *plugin, uint32_t kind, struct str type);

/* Entry <index> of a loaded part's table of parameters, NULL at its end. Minds the stride. */
const leat_param *descriptor_abi_param(const leat_part *part, size_t index);

/* True for a type a part may have: words of letters, digits, `_` and `-` joined by dots, beginning
 * with a letter; a task has a dot at least. */
bool descriptor_type_ok(uint32_t kind, struct str type);

#endif
