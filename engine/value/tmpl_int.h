/*
 * What a template looks like inside: shared by tmpl.c (building) and tmpl_eval.c (evaluating).
 *
 * Ops follow each other in the order in which the result is written. For
 *     { path: "data/${params.month}.csv", rounds: "${params.rounds}" }
 * they are
 *     RAW   map of 2, "path"
 *     BEGIN
 *     TEXT  data/
 *     REF   params.month, as text
 *     TEXT  .csv
 *     END
 *     RAW   "rounds"
 *     REF   params.rounds
 */
#ifndef VALUE_TMPL_INT_H
#define VALUE_TMPL_INT_H

#include "value/tmpl.h"

enum tmpl_op_kind {
    TMPL_OP_RAW,   /* packed bytes */
    TMPL_OP_BEGIN, /* of a string made of pieces */
    TMPL_OP_TEXT,  /* a piece of text */
    TMPL_OP_END,   /* of that string */
    TMPL_OP_REF,
    TMPL_OP_EXPR,
};

struct tmpl_op {
    enum tmpl_op_kind kind;
    bool text;             /* REF, EXPR: rendered between BEGIN and END */
    uint8_t depth;         /* REF, EXPR: containers around it */
    uint32_t expr;         /* EXPR */
    const struct ref *ref; /* REF */
    size_t offset;         /* RAW, TEXT: into the template's bytes */
    size_t len;
};

struct tmpl {
    const uint8_t *bytes;
    const struct tmpl_op *ops;
    uint32_t ops_count;
    const struct ref_use *uses;
    uint32_t uses_count;
};

#endif
