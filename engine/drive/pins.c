/*
 * See pins.h. A row per pin, "run, kind, name -> hash"; the texts lie in a table of their own, once
 * per content.
 */
#include "drive/pins.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "drive/big.h"
#include "drive/flows.h"
#include "drive/loop.h"
#include "store/key.h"
#include "store/store_read.h"
#include "value/pack.h"

/* What a pin's key says it is. */
enum { PIN_FLOW = 'f', PIN_PLUGIN = 'p' };

/* One flow of the tree. */
struct pin {
    struct flow *flow; /* a reference */
    struct hash hash;
};

struct pins {
    uint32_t refs;
    struct map *flows;   /* struct pin by name */
    struct map *plugins; /* const struct plug_plugin by name */
};

struct pins *pins_new(void)
{
    struct pins *pins = xcalloc(1, sizeof(*pins));

    pins->refs = 1;
    pins->flows = map_new();
    pins->plugins = map_new();
    return pins;
}

struct pins *pins_ref(struct pins *pins)
{
    pins->refs++;
    return pins;
}

struct pins *pins_unref(struct pins *pins)
{
    size_t cursor = 0;
    struct str key;
    void *value;

    if (!pins || --pins->refs > 0) {
        return NULL;
    }
    while (map_next(pins->flows, &cursor, &key, &value)) {
        struct pin *pin = value;

        flow_unref(pin->flow);
        free(pin);
    }
    map_free(pins->flows);
    map_free(pins->plugins);
    free(pins);
    return NULL;
}

void pins_add_flow(struct pins *pins, struct str name, struct flow *flow, const struct hash *hash)
{
    struct pin *pin;

    if (map_get(pins->flows, name)) {
        return;
    }
    pin = xcalloc(1, sizeof(*pin));
    pin->flow = flow_ref(flow);
    pin->hash = *hash;
    map_put(pins->flows, name, pin);
}

void pins_add_plugin(struct pins *pins, const struct plug_plugin *plugin)
{
    map_put(pins->plugins, str_of(plugin->name), (void *)(uintptr_t)plugin);
}

void pins_renew_plugins(struct pins *pins, const struct catalogue *catalogue)
{
    size_t cursor = 0;
    struct str name;
    void *value;

    while (map_next(pins->plugins, &cursor, &name, &value)) {
        const struct plug_plugin *today = catalogue_plugin(catalogue, name);

        if (today && today != value) {
            map_put(pins->plugins, name, (void *)(uintptr_t)today);
            cursor = 0; /* the map has changed; what is new already is passed over */
        }
    }
}

struct flow *pins_flow(const struct pins *pins, struct str name, struct hash *ret_hash)
{
    struct pin *pin = map_get(pins->flows, name);

    if (!pin) {
        return NULL;
    }
    *ret_hash = pin->hash;
    return pin->flow;
}

const struct plug_part *pins_part(const struct pins *pins, uint32_t kind, struct str type)
{
    size_t cursor = 0;
    struct str key;
    void *value;

    while (map_next(pins->plugins, &cursor, &key, &value)) {
        const struct plug_plugin *plugin = value;

        for (uint32_t i = 0; i < plugin->part_count; i++) {
            if (plugin->parts[i].kind == kind && str_is(type, plugin->parts[i].type)) {
                return &plugin->parts[i];
            }
        }
    }
    return NULL;
}

/* Adds one row "run, kind, name -> hash". */
static void write_pin(struct engine *engine, uint64_t number, uint8_t kind, struct str name,
                      const struct hash *hash)
{
    struct store_key key = {0};

    key_u64(&key, number);
    key_u8(&key, kind);
    key_bytes(&key, name.ptr, name.len);
    store_batch_put(loop_batch(engine), STORE_PIN, key_str(&key), MAP_KEY(*hash));
}

/* Adds the text of a flow under its hash. */
static void write_text(struct engine *engine, const struct hash *hash)
{
    CLEANUP_BUF struct buf value = BUF_INIT(FLOW_TEXT_MAX + 16);
    CLEANUP_BUF struct buf row = BUF_INIT(STORE_VALUE_MAX);
    struct str text = flows_text(engine, hash);

    pack_bin(&value, text.ptr, text.len);
    if (big_put(engine->blobs, (struct val){value.data, value.len}, &row, NULL) == 0) {
        store_batch_put(loop_batch(engine), STORE_FLOW_TEXT, MAP_KEY(*hash), buf_str(&row));
    }
}

void pins_write(struct engine *engine, const struct pins *pins, uint64_t number)
{
    size_t cursor = 0;
    struct str name;
    void *value;

    while (map_next(pins->flows, &cursor, &name, &value)) {
        const struct pin *pin = value;

        loop_room(engine); /* texts may be durable before anything refers to them */
        write_text(engine, &pin->hash);
    }
    loop_room(engine);
    cursor = 0;
    while (map_next(pins->flows, &cursor, &name, &value)) {
        const struct pin *pin = value;

        write_pin(engine, number, PIN_FLOW, name, &pin->hash);
    }
    cursor = 0;
    while (map_next(pins->plugins, &cursor, &name, &value)) {
        const struct plug_plugin *plugin = value;

        write_pin(engine, number, PIN_PLUGIN, name, &plugin->hash);
    }
}

/* What reading pins fills. */
struct reading {
    struct engine *engine;
    struct pins *pins;
};

/* Takes up one pin row. */
static bool read_pin(void *user, struct str key, struct str val)
{
    enum { NAME_AT = sizeof(uint64_t) + 1 };
    struct reading *reading = user;
    const struct plug_plugin *plugin;
    struct flow *flow;
    struct hash hash;
    struct str name;

    if (key.len <= NAME_AT || val.len != sizeof(hash)) {
        return true;
    }
    memcpy(&hash, val.ptr, sizeof(hash));
    name = (struct str){key.ptr + NAME_AT, key.len - NAME_AT};
    if (key.ptr[NAME_AT - 1] == PIN_FLOW) {
        if (flows_pinned(reading->engine, &hash, &flow, NULL) == 0) {
            pins_add_flow(reading->pins, name, flow, &hash);
        }
    } else if (catalogue_pin(reading->engine->catalogue, &hash, &plugin, NULL) == 0) {
        pins_add_plugin(reading->pins, plugin);
    }
    return true;
}

int pins_read(struct engine *engine, uint64_t number, struct pins **ret_pins,
              struct err_text *reterr_why)
{
    struct reading reading = {.engine = engine, .pins = pins_new()};
    CLEANUP_STORE_READ struct store_read *read = NULL;
    struct store_key prefix = {0};
    int err = store_read_begin(engine->store, &read);

    key_u64(&prefix, number);
    if (err == 0) {
        err = store_scan(read, STORE_PIN, key_str(&prefix), STR_NONE, false, read_pin, &reading);
    }
    if (err) {
        pins_unref(reading.pins);
        return err_set(reterr_why, err, "what the run is bound to can not be read: %s",
                       err_sentence(err));
    }
    *ret_pins = reading.pins;
    return 0;
}
