/*
 * See run_data.h.
 */
#include "drive/run_data.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/must.h"
#include "drive/dispatch.h"
#include "model/params.h"
#include "value/tmpl.h"

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
