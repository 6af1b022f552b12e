/*
 * Fuzzes the msgpack scan and everything that relies on it: whatever the scan accepts must be
 * walked, printed, made canonical and hashed without a fault, agree with msgpack-c on its extent,
 * and keep its hash when it is read back from its canonical form.
 */
#include <stddef.h>
#include <stdint.h>

#include <msgpack.h>

#include "base/must.h"
#include "value/canon.h"
#include "value/json.h"
#include "value/val.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Canonical form, its hash, and the same again from the canonical bytes. */
static void check_canon(struct val v)
{
    CLEANUP_BUF struct buf canon = BUF_INIT((size_t)64 << 20);
    struct err_text why;
    struct hash hash;
    int err = canon_hash(v, &hash, &why);
    must(err == canon_put(&canon, v, &why));
    if (err) {
        must(err == ERR_INVALID);
        return;
    }
    struct val again;
    struct hash hash_again;
    must(val_scan(canon.data, canon.len, &val_limits_task, &again, &why) == 0);
    must(again.len == canon.len);
    must(canon_hash(again, &hash_again, &why) == 0);
    must(memcmp(&hash, &hash_again, sizeof(hash)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct val v;
    struct err_text why = {""};
    int err = val_scan(data, size, &val_limits_task, &v, &why);
    if (err) {
        must(why.text[0] != '\0');
        return 0;
    }
    must(v.len <= size && val_here(v.ptr).len == v.len);
    size_t offset = 0;
    msgpack_unpacked unpacked;
    msgpack_unpacked_init(&unpacked);
    must(msgpack_unpack_next(&unpacked, (const char *)data, size, &offset) >= 0);
    must(offset == v.len);
    msgpack_unpacked_destroy(&unpacked);
    check_canon(v);
    CLEANUP_BUF struct buf text = BUF_INIT((size_t)64 << 20);
    must(json_print_pretty(&text, v) == 0);
    return 0;
}
