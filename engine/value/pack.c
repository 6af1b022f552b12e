/*
 * Writing msgpack into a struct buf; see pack.h. The packer is used without its own buffer: what it
 * produces goes straight into ours.
 */
#include "value/pack.h"

#include <msgpack.h>

#include "base/must.h"

enum { BLOB_EXT = 1, BLOB_PAYLOAD = HASH_SIZE + 8, HEAD_OPEN = 5 };

/* msgpack-c's way out. Errors are kept by the buffer. */
static int write_cb(void *data, const char *bytes, size_t len)
{
    return buf_put(data, bytes, len);
}

/* A packer that writes to <buf>. */
static msgpack_packer packer(struct buf *buf)
{
    return (msgpack_packer){.data = buf, .callback = write_cb};
}

void pack_nil(struct buf *buf)
{
    msgpack_packer to = packer(buf);
    msgpack_pack_nil(&to);
}

void pack_bool(struct buf *buf, bool value)
{
    msgpack_packer to = packer(buf);
    if (value) {
        msgpack_pack_true(&to);
    } else {
        msgpack_pack_false(&to);
    }
}

void pack_int(struct buf *buf, int64_t value)
{
    msgpack_packer to = packer(buf);
    msgpack_pack_int64(&to, value);
}

void pack_uint(struct buf *buf, uint64_t value)
{
    msgpack_packer to = packer(buf);
    msgpack_pack_uint64(&to, value);
}

void pack_float(struct buf *buf, double value)
{
    msgpack_packer to = packer(buf);
    msgpack_pack_double(&to, value);
}

void pack_str(struct buf *buf, struct str text)
{
    must(text.len <= UINT32_MAX);
    msgpack_packer to = packer(buf);
    msgpack_pack_str(&to, text.len);
    buf_put_str(buf, text);
}

void pack_cstr(struct buf *buf, const char *text)
{
    pack_str(buf, str_of(text));
}

/* Bytes of the well-formed character at the start of <bytes>, or 0. */
static size_t char_len(struct str bytes)
{
    for (size_t len = 1; len <= 4 && len <= bytes.len; len++) {
        if (str_utf8_ok((struct str){bytes.ptr, len})) {
            return len;
        }
    }
    return 0;
}

/* Appends <bytes> (of which <out> NULL only counts the result), broken bytes replaced. */
static size_t put_repaired(struct buf *out, struct str bytes)
{
    static const char replacement[] = "\xef\xbf\xbd";
    size_t written = 0;
    size_t at = 0;
    while (at < bytes.len) {
        size_t len = char_len((struct str){bytes.ptr + at, bytes.len - at});
        struct str piece = {len > 0 ? bytes.ptr + at : replacement, len > 0 ? len : 3};
        if (out) {
            buf_put_str(out, piece);
        }
        written += piece.len;
        at += len > 0 ? len : 1;
    }
    return written;
}

void pack_text(struct buf *buf, struct str bytes)
{
    if (str_utf8_ok(bytes)) {
        pack_str(buf, bytes);
        return;
    }
    size_t len = put_repaired(NULL, bytes);
    must(len <= UINT32_MAX);
    msgpack_packer to = packer(buf);
    msgpack_pack_str(&to, len);
    put_repaired(buf, bytes);
}

void pack_bin(struct buf *buf, const void *bytes, size_t len)
{
    must(len <= UINT32_MAX);
    msgpack_packer to = packer(buf);
    msgpack_pack_bin(&to, len);
    buf_put(buf, bytes, len);
}

void pack_list(struct buf *buf, uint32_t count)
{
    msgpack_packer to = packer(buf);
    msgpack_pack_array(&to, count);
}

void pack_map(struct buf *buf, uint32_t count)
{
    msgpack_packer to = packer(buf);
    msgpack_pack_map(&to, count);
}

/* A head of the widest form whose count comes later. */
static size_t open_head(struct buf *buf, uint8_t first)
{
    size_t place = buf->len;
    const uint8_t head[HEAD_OPEN] = {first, 0, 0, 0, 0};
    buf_put(buf, head, sizeof(head));
    return place;
}

size_t pack_list_open(struct buf *buf)
{
    return open_head(buf, 0xdd);
}

size_t pack_map_open(struct buf *buf)
{
    return open_head(buf, 0xdf);
}

void pack_close(struct buf *buf, size_t place, uint32_t count)
{
    if (buf_err(buf)) {
        return;
    }
    must(place + HEAD_OPEN <= buf->len);
    must(buf->data[place] == 0xdd || buf->data[place] == 0xdf);
    for (size_t index = 0; index < 4; index++) {
        buf->data[place + 1 + index] = (uint8_t)(count >> (24 - 8 * index));
    }
}

void pack_val(struct buf *buf, struct val value)
{
    must(value.len > 0);
    buf_put(buf, value.ptr, value.len);
}

void pack_blob(struct buf *buf, const struct blob_ref *blob)
{
    uint8_t payload[BLOB_PAYLOAD];
    memcpy(payload, blob->hash.bytes, HASH_SIZE);
    for (size_t index = 0; index < 8; index++) {
        payload[HASH_SIZE + index] = (uint8_t)(blob->size >> (8 * index));
    }
    msgpack_packer to = packer(buf);
    msgpack_pack_ext(&to, sizeof(payload), BLOB_EXT);
    msgpack_pack_ext_body(&to, payload, sizeof(payload));
}
