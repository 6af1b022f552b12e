/*
 * Fuzzes flow files: reading never faults or hangs, a refusal always has a problem whose place lies
 * in the text, and what is accepted keeps the promises of model/flow.h.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/must.h"
#include "model/flow.h"
#include "value/val.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Dependencies are distinct, ascending, inside their phase, and known from both ends. */
static void check_steps(const struct flow *flow)
{
    uint64_t deps = 0;
    uint64_t dependents = 0;
    must(flow->main_count > 0 && flow->main_count <= flow->step_count);
    for (uint32_t index = 0; index < flow->step_count; index++) {
        const struct flow_step *step = &flow->steps[index];
        must(step->with && step->target.len > 0);
        must(flow_find_step(flow, step->name) == index);
        for (uint32_t dep = 0; dep < step->dep_count; dep++) {
            uint32_t to = step->deps[dep].step;
            must(to != index && to < flow->step_count);
            must(dep == 0 || to > step->deps[dep - 1].step);
            must((to < flow->main_count) == (index < flow->main_count));
        }
        deps += step->dep_count;
        dependents += step->dependent_count;
    }
    must(deps == dependents);
}

/* Every problem has a sentence, and a place inside the text or none. */
static void check_problems(struct diag_list *diags, struct str text)
{
    uint32_t lines = 1;
    for (size_t index = 0; index < text.len; index++) {
        /* YAML counts more characters as line ends than newline; none counts twice. */
        lines += text.ptr[index] == '\n' || text.ptr[index] == '\r' ||
                 (unsigned char)text.ptr[index] >= 0x80;
    }
    for (size_t index = 0; index < diag_count(diags); index++) {
        const struct diag *diag = diag_at(diags, index);
        must(diag->text[0] != '\0');
        must(diag->place.line <= lines + 1 && diag->place.column <= text.len + 2);
        must((diag->place.line == 0) == (diag->place.column == 0));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    struct diag_list *diags = diag_new("f.yaml", text);
    struct flow *flow = NULL;
    int err = flow_parse(text, NULL, diags, &flow);
    must((err == 0) == (flow != NULL));
    must((err == 0) == (diag_error_count(diags) == 0));
    if (flow) {
        check_steps(flow);
    }
    check_problems(diags, text);
    CLEANUP_BUF struct buf shown = BUF_INIT(1024 * 1024);
    must(diag_render(diags, true, &shown) == 0);
    CLEANUP_BUF struct buf packed = BUF_INIT(1024 * 1024);
    must(diag_pack(diags, &packed) == 0);
    struct val list;
    must(val_scan(packed.data, packed.len, &val_limits_task, &list, NULL) == 0);
    diag_free(diags);
    flow_unref(flow);
    return 0;
}
