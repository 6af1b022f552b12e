/*
 * Parameters: what flows, tasks and notifiers declare, and how given values are made to fit.
 *
 * The same code checks literals in flow files, parameters on the command line and over the API, and
 * the inputs of tasks right before an attempt. Values are msgpack (value/val.h).
 */
#ifndef MODEL_PARAM_H
#define MODEL_PARAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "value/val.h"

enum {
    PARAM_TEXT_MAX = 512 * 1024, /* bytes of one value given as text */
    PARAM_ENUM_MAX = 1000,       /* allowed values of one parameter */
};

/* The numbers are those of LEAT_TYPE_* in leat/abi.h, so that descriptors need no translation. */
enum param_type {
    PARAM_STRING = 1,
    PARAM_INT = 2,
    PARAM_FLOAT = 3,
    PARAM_BOOL = 4,
    PARAM_DURATION = 5, /* an integer, microseconds */
    PARAM_SIZE = 6,     /* an integer, bytes */
    PARAM_BYTES = 7,
    PARAM_VALUE = 8, /* anything */
    PARAM_FILE = 9,  /* a path */
};

/* One declared parameter. All pointers are borrowed from whoever made the specification. */
struct param_spec {
    struct str name;
    struct str doc;
    enum param_type type; /* of each member when <list> */
    bool list;
    bool required;       /* there is no default and a value must be given */
    bool secret;         /* masked wherever it is shown */
    struct val fallback; /* the default, already coerced; VAL_NONE when there is none */
    struct val min;      /* bounds of numbers, durations and sizes, in the type's own form; */
    struct val max;      /* VAL_NONE when there is none; checked for each member of a list */
    uint32_t length_min; /* characters of a string, members of a list */
    uint32_t length_max; /* 0: no limit of its own */
    struct str pattern;  /* expression a string must match (model/pattern.h); empty: none */
    struct val choices;  /* list of allowed values (of each member), coerced and canonical
                          * (value/canon.h); VAL_NONE: any */
};

/* "string", "duration", ...; "?" for numbers outside the enum. Static text. */
const char *param_type_name(enum param_type type);
/* The type of that name, or 0. */
enum param_type param_type_of(struct str name);
/* Describes what fits: "an integer", "a list of strings". Static text. */
const char *param_type_words(enum param_type type, bool list);

/*
 * Makes <given> fit <spec> and appends the result to <out>:
 *
 *   string    a string
 *   int       an integer; 2.0; the text of one
 *   float     any number; the text of one
 *   bool      true, false; the texts "true" and "false"
 *   duration  "1h30m", or a number of seconds                     -> int, microseconds
 *   size      "64KiB", or an integer of bytes                    -> int, bytes
 *   bytes     binary, or the UTF-8 bytes of a string              -> bin
 *   value     anything
 *   file      a string without NUL, not empty
 *   list      a list whose members fit
 *
 * A blob reference fits string, bytes, value, file and lists unseen; the host checks it. Then
 * range, length, pattern and choices are checked. ERR_TYPE, ERR_RANGE or ERR_INVALID with a
 * sentence that begins with what is wrong ("wants an integer, not a string"), for use after the
 * parameter's name; ERR_LIMIT or ERR_MEMORY from <out>. Sentences about secret parameters do not
 * quote the value. <out> is as before on failure.
 */
int param_coerce(const struct param_spec *spec, struct val given, struct buf *out,
                 struct err_text *reterr_why);

/* The same for a text that a person typed (`-p name=text`) or a descriptor's default: a value is
 * read as JSON when it is JSON and is a string otherwise; a list is a JSON list or items between
 * commas. */
int param_coerce_text(const struct param_spec *spec, struct str text, struct buf *out,
                      struct err_text *reterr_why);

#endif
