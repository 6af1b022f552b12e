/*
 * JSON Schema (draft 2020-12) of tables of keys, made from the tables that the parser uses, so that
 * editors and parser never disagree.
 */
#ifndef MODEL_SCHEMA_H
#define MODEL_SCHEMA_H

#include "base/buf.h"
#include "model/reader.h"

/* Appends the schema of flow files (`leat schema`) as a msgpack value. buf_err(out). */
int schema_flow(struct buf *out);

/* Appends the schema of one table of keys as a msgpack map: an object without further properties.
 * For leat.yaml and whoever else has a table. buf_err(out). */
int schema_table(const struct key_table *table, struct buf *out);

#endif
