/*
 * See run_data.h.
 */
#include "drive/run_data.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/must.h"
#include "drive/big.h"
#include "drive/dispatch.h"
#include "drive/flows.h"
#include "drive/loop.h"
#include "model/params.h"
#include "store/key.h"
#include "store/store_read.h"
#include "value/pack.h"
#include "value/tmpl.h"

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

        write_pin(engine, number, PIN_FLOW, name, &pin->hash);
        write_text(engine, &pin->hash);
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

/* Identifies the expressions of a flow for the evaluator. */
static void name_program(struct run_data *data, const struct tmpl_exprs *exprs)
{
    struct hash_state state;

    data->text_count = exprs->count;
    data->texts = xcalloc(exprs->count ? exprs->count : 1, sizeof(*data->texts));
    hash_begin(&state);
    for (uint32_t i = 0; i < exprs->count; i++) {
        uint64_t len = exprs->list[i].text.len;

        data->texts[i] = exprs->list[i].text;
        hash_add(&state, &len, sizeof(len));
        hash_add(&state, data->texts[i].ptr, len);
    }
    data->program = hash_end(&state);
}

struct run_data *run_data_new(struct engine *engine, struct run *run, struct pins *pins,
                              const struct uuid *root, uint64_t root_number)
{
    struct run_data *data = xcalloc(1, sizeof(*data));
    char id[UUID_TEXT_SIZE];

    data->root = *root;
    data->root_number = root_number;
    data->pins = pins_ref(pins);
    data->step_count = run->flow->step_count;
    data->steps = xcalloc(data->step_count ? data->step_count : 1, sizeof(*data->steps));
    name_program(data, run->flow->exprs);
    uuid_format(&run->uuid, id);
    data->params = run->params;
    buf_init(&data->params_copy, PARAMS_TOTAL_MAX);
    data->workdir = xasprintf("%s/work/%s", engine->home, id);
    for (uint32_t i = 0; i < data->step_count; i++) {
        const struct flow_step *step = &run->flow->steps[i];
        struct step_data *at = &data->steps[i];

        buf_init(&at->list_copy, LEAT_RESULT_MAX);
        buf_init(&at->result, LEAT_RESULT_MAX);
        if (step->target_kind == FLOW_TARGET_TASK) {
            at->part = pins_part(pins, LEAT_KIND_TASK, step->target);
            at->lane = at->part ? dispatch_lane(engine, at->part, step->isolation) : 0;
        }
    }
    run->user = data;
    return data;
}

void run_data_set_params(struct run *run, struct val params)
{
    struct run_data *data = run_data(run);

    if (val_type(run->params) != VAL_BLOB) {
        data->params = run->params;
        return;
    }
    buf_clear(&data->params_copy);
    buf_put(&data->params_copy, params.ptr, params.len);
    data->params = (struct val){data->params_copy.data, data->params_copy.len};
}

void run_data_free(struct run *run)
{
    struct run_data *data = run->user;

    if (!data) {
        return;
    }
    for (uint32_t i = 0; i < data->step_count; i++) {
        struct step_data *step = &data->steps[i];

        if (step->list_is_blob) {
            blob_unmap(step->list.ptr, step->list.len);
        }
        free(step->offsets);
        buf_done(&step->list_copy);
        buf_done(&step->result);
    }
    free(data->steps);
    buf_done(&data->params_copy);
    free(data->texts);
    free(data->workdir);
    pins_unref(data->pins);
    free(data);
    run->user = NULL;
}
