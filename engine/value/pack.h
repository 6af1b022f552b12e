/*
 * Writing values: msgpack appended to a struct buf, through msgpack-c's packer.
 *
 * The errors of struct buf are sticky, so a writer makes all its calls and looks at buf_err() once.
 * Nothing here checks that counts are kept: whoever announces a list of three packs three members.
 * No heap memory besides the buffer's own. Any thread, one at a time per buffer.
 */
#ifndef VALUE_PACK_H
#define VALUE_PACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "value/val.h"

void pack_nil(struct buf *buf);
void pack_bool(struct buf *buf, bool value);
/* Integers take the shortest form. */
void pack_int(struct buf *buf, int64_t value);
void pack_uint(struct buf *buf, uint64_t value);
/* Always 64 bits wide. */
void pack_float(struct buf *buf, double value);

/* A string; <text> must be UTF-8 without NUL (see pack_text for bytes of unknown origin). */
void pack_str(struct buf *buf, struct str text);
/* The same for a C string. */
void pack_cstr(struct buf *buf, const char *text);
/* A string made of any bytes: what is not UTF-8, and NUL, becomes U+FFFD. */
void pack_text(struct buf *buf, struct str bytes);
/* Binary data, up to 4 GiB. */
void pack_bin(struct buf *buf, const void *bytes, size_t len);

/* The head of a list; <count> members follow. */
void pack_list(struct buf *buf, uint32_t count);
/* The head of a map; <count> pairs of pack_str (distinct) and value follow. */
void pack_map(struct buf *buf, uint32_t count);

/* Containers whose count is known only afterwards: open returns a place to hand to close, together
 * with the count. The head is always 5 bytes then. After an error both do nothing. */
size_t pack_list_open(struct buf *buf);
size_t pack_map_open(struct buf *buf);
void pack_close(struct buf *buf, size_t place, uint32_t count);

/* A finished value, byte for byte. */
void pack_val(struct buf *buf, struct val value);
void pack_blob(struct buf *buf, const struct blob_ref *blob);

#endif
