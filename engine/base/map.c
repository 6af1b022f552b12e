/*
 * A hash map from byte strings to pointers; see map.h.
 *
 * Two arrays: entries lie densely in the order of their arrival (a removal moves the last one into
 * the gap), and a table of slots with linear probing holds their positions. So a walk depends only
 * on the calls made, never on the secret hash key, and a simulation can be repeated.
 *
 *     slots    [ -, 3, -, 1, 2, -, -, 4 ]        position + 1, 0 is empty; at most 3/4 full
 *     entries  [ a, b, c, d ]
 */
#include "base/map.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/mem.h"
#include "base/must.h"
#include "base/rng.h"

enum { SLOTS_MIN = 8, KEY_INLINE_MAX = 16 };

/* Short keys, numbers above all, live inside the entry. */
struct entry {
    uint64_t hash;
    size_t len;
    union {
        char bytes[KEY_INLINE_MAX];
        char *heap;
    } key;
    void *value;
};

struct map {
    uint8_t secret[crypto_shorthash_siphash24_KEYBYTES];
    uint32_t *slots;
    struct entry *entries;
    size_t slot_count; /* a power of two */
    size_t count;
    size_t cap;
};

struct map *map_new(void)
{
    struct map *map = xcalloc(1, sizeof *map);
    struct rng rng;
    rng_seed_system(&rng);
    memcpy(map->secret, rng.state, sizeof map->secret);
    map->slot_count = SLOTS_MIN;
    map->slots = xcalloc(map->slot_count, sizeof *map->slots);
    return map;
}

/* Frees what an entry owns. */
static void entry_done(struct entry *entry)
{
    if (entry->len > KEY_INLINE_MAX) {
        free(entry->key.heap);
    }
}

struct map *map_free(struct map *map)
{
    if (map) {
        for (size_t index = 0; index < map->count; index++) {
            entry_done(&map->entries[index]);
        }
        free(map->entries);
        free(map->slots);
        free(map);
    }
    return NULL;
}

size_t map_count(const struct map *map)
{
    return map->count;
}

/* The keyed hash of <key>. */
static uint64_t hash_of(const struct map *map, struct str key)
{
    uint64_t hash = 0;
    int err = crypto_shorthash_siphash24((unsigned char *)&hash, (const unsigned char *)key.ptr,
                                         key.len, map->secret);
    must(err == 0);
    return hash;
}

/* The key of <entry>, borrowed. */
static struct str entry_key(const struct entry *entry)
{
    const char *bytes = entry->len > KEY_INLINE_MAX ? entry->key.heap : entry->key.bytes;
    return (struct str){bytes, entry->len};
}

/* The slot that holds <key>, or the empty one where it belongs. */
static size_t find_slot(const struct map *map, uint64_t hash, struct str key)
{
    size_t mask = map->slot_count - 1;
    size_t slot = (size_t)hash & mask;
    while (map->slots[slot] != 0) {
        const struct entry *entry = &map->entries[map->slots[slot] - 1];
        if (entry->hash == hash && str_eq(entry_key(entry), key)) {
            return slot;
        }
        slot = (slot + 1) & mask;
    }
    return slot;
}

void *map_get(const struct map *map, struct str key)
{
    size_t slot = find_slot(map, hash_of(map, key), key);
    return map->slots[slot] == 0 ? NULL : map->entries[map->slots[slot] - 1].value;
}

/* Doubles the table of slots. */
static void grow_slots(struct map *map)
{
    must(map->slot_count <= UINT32_MAX / 2);
    map->slot_count *= 2;
    free(map->slots);
    map->slots = xcalloc(map->slot_count, sizeof *map->slots);
    size_t mask = map->slot_count - 1;
    for (size_t index = 0; index < map->count; index++) {
        size_t slot = (size_t)map->entries[index].hash & mask;
        while (map->slots[slot] != 0) {
            slot = (slot + 1) & mask;
        }
        map->slots[slot] = (uint32_t)index + 1;
    }
}

void *map_put(struct map *map, struct str key, void *value)
{
    must(value);
    must(key.ptr || key.len == 0);
    uint64_t hash = hash_of(map, key);
    size_t slot = find_slot(map, hash, key);
    if (map->slots[slot] != 0) {
        struct entry *entry = &map->entries[map->slots[slot] - 1];
        void *previous = entry->value;
        entry->value = value;
        return previous;
    }
    if ((map->count + 1) * 4 > map->slot_count * 3) {
        grow_slots(map);
        slot = find_slot(map, hash, key);
    }
    if (map->count == map->cap) {
        map->cap = map->cap == 0 ? SLOTS_MIN : map->cap * 2;
        map->entries = xreallocarray(map->entries, map->cap, sizeof *map->entries);
    }
    struct entry *entry = &map->entries[map->count];
    *entry = (struct entry){.hash = hash, .len = key.len, .value = value};
    if (key.len > KEY_INLINE_MAX) {
        entry->key.heap = xmemdup(key.ptr, key.len);
    } else if (key.len > 0) {
        memcpy(entry->key.bytes, key.ptr, key.len);
    }
    map->count++;
    map->slots[slot] = (uint32_t)map->count;
    return NULL;
}

/* Empties <slot> and moves later members of the same probe run up, so that none gets lost. */
static void clear_slot(struct map *map, size_t slot)
{
    size_t mask = map->slot_count - 1;
    size_t gap = slot;
    size_t next = (slot + 1) & mask;
    while (map->slots[next] != 0) {
        size_t home = (size_t)map->entries[map->slots[next] - 1].hash & mask;
        if (((next - home) & mask) >= ((next - gap) & mask)) {
            map->slots[gap] = map->slots[next];
            gap = next;
        }
        next = (next + 1) & mask;
    }
    map->slots[gap] = 0;
}

void *map_remove(struct map *map, struct str key)
{
    size_t slot = find_slot(map, hash_of(map, key), key);
    if (map->slots[slot] == 0) {
        return NULL;
    }
    size_t removed = map->slots[slot] - 1;
    size_t last = map->count - 1;
    void *value = map->entries[removed].value;
    clear_slot(map, slot);
    if (removed != last) {
        const struct entry *moved = &map->entries[last];
        map->slots[find_slot(map, moved->hash, entry_key(moved))] = (uint32_t)removed + 1;
    }
    entry_done(&map->entries[removed]);
    map->entries[removed] = map->entries[last];
    map->count--;
    return value;
}

bool map_next(const struct map *map, size_t *cursor, struct str *ret_key, void **ret_value)
{
    if (*cursor >= map->count) {
        return false;
    }
    const struct entry *entry = &map->entries[*cursor];
    *ret_key = entry_key(entry);
    *ret_value = entry->value;
    (*cursor)++;
    return true;
}
