/*
 * One plugin file through the three doors (see catalogue.h), as far as it gets.
 *
 * Only the catalogue calls this, on its scanning thread. Nothing of the file is believed: it may be
 * anything, and it may change while it is read.
 */
#ifndef PLUG_PROBE_H
#define PLUG_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "plug/copies.h"
#include "plug/index.h"

enum probe_status {
    PROBE_OK,
    PROBE_PENDING, /* look again: not complete, or it may not be described here */
    PROBE_REFUSED,
};

/* What a probe works with. */
struct probe {
    struct copies *copies;
    struct index *index;
    int (*describe)(void *user, const char *copy_path, struct buf *ret_msgpack,
                    struct err_text *reterr_why); /* may be NULL */
    void *user;
    int64_t wall_us;    /* now */
    int64_t settle_ms;  /* how long a changed file is not trusted to stay */
    int64_t refused_ms; /* how long a refusal by `describe` is believed */
};

struct probe_result {
    enum probe_status status;
    struct err_text reason;          /* a predicate for after the path; "" when the status is OK */
    struct err_text warning;         /* likewise, or "" */
    char name[LEAT_MARKER_NAME_MAX]; /* from the marker, "" before it was read */
    char version[LEAT_MARKER_VERSION_MAX]; /* likewise */
    const struct plug_plugin *plugin;      /* lives as long as the copies; NULL unless OK */
    struct index_stamp stamp;              /* of the file that was looked at */
    bool read; /* its bytes were read and hashed; otherwise the index had them */
};

/*
 * Looks at the file <path>. 0 with a result, whatever the file is; an error with a sentence when
 * copies or index can not be written.
 */
int probe_file(const struct probe *probe, const char *path, struct probe_result *ret_result,
               struct err_text *reterr_why);

/* 0 when only root and the present user may change what the directory <path> holds; ERR_NOT_FOUND
 * when there is none; ERR_PLUGIN_REFUSED with a predicate for after the path. */
int probe_dir(const char *path, struct err_text *reterr_why);

#endif
