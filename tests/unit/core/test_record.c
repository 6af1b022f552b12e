/*
 * Rows and journal entries: round trips and hostile bytes.
 */
#include "core/record.h"

#include <criterion/criterion.h>

#include "base/rng.h"
#include "core/core.h"
#include "sim.h"

static struct sim *sim;

/* A fresh simulation. */
static void setup(void)
{
    sim = sim_new(1);
}

/* The end of the simulation. */
static void teardown(void)
{
    sim_free(sim);
}

TestSuite(record, .init = setup, .fini = teardown, .timeout = 60);

static const char flow_text[] = "flow: f\n"
                                "tags: [nightly, slow]\n"
                                "steps:\n"
                                "  a: { task: t.x, retries: 1, retry_delay: 5s }\n"
                                "  m: { task: t.x, map: [1, 2] }\n";

/* A run with a bit of everything, and the bytes of its row and of its tasks' rows. */
static struct run *sample(void)
{
    sim_flow(sim, flow_text);
    sim_plan(sim, "a", SIM_HANG);
    struct run *run = sim_submit(sim, "f");
    sim_drain(sim);
    sim_end(sim, run, "a", CORE_OUTCOME_RETRY);
    return run;
}

Test(record, a_task_row_gives_back_what_was_written)
{
    struct run *run = sample();
    struct task *task = sim_task(run, "a");
    task->has_cache_key = true;
    memset(task->cache_key.bytes, 0xAB, HASH_SIZE);
    task->child_run = UINT64_MAX;
    CLEANUP_BUF struct buf bytes = BUF_INIT(10000);
    record_task(run, task, &bytes);
    struct task_row row;
    cr_assert_eq(record_parse_task(buf_str(&bytes), &row, &sim->why), 0, "%s", sim->why.text);
    cr_assert_eq(row.index, task->index);
    cr_assert_eq(row.step, task->step);
    cr_assert(str_is(row.step_name, "a"));
    cr_assert_eq(row.map_index, -1);
    cr_assert_eq(row.state, STATE_AWAITING_RETRY);
    cr_assert_eq(row.kill_state, STATE_NONE);
    cr_assert_eq(row.attempt, 1);
    cr_assert_eq(row.attempt_free, 0);
    cr_assert_eq(row.epoch, task->epoch);
    cr_assert_eq(row.started_us, task->started_us);
    cr_assert_eq(row.ended_us, 0);
    cr_assert_eq(row.due_us, task->due_us);
    cr_assert_eq(row.child_run, UINT64_MAX);
    cr_assert(row.has_cache_key);
    cr_assert_eq(memcmp(&row.cache_key, &task->cache_key, HASH_SIZE), 0);
    cr_assert(str_is(row.error_code, "test.failed"));
    cr_assert(str_is(row.error_text, "it did not work"));
}

Test(record, the_row_of_a_map_tells_where_its_children_are)
{
    sample();
    struct task_row row;
    cr_assert_eq(record_parse_task(sim_row(sim, 1, 1), &row, NULL), 0);
    cr_assert_eq(row.first_child, 2);
    cr_assert_eq(row.child_count, 2);
    cr_assert_eq(record_parse_task(sim_row(sim, 1, 3), &row, NULL), 0);
    cr_assert_eq(row.map_index, 1);
    cr_assert_eq(row.step, 1);
    cr_assert_eq(row.child_count, 0);
}

Test(record, a_run_row_gives_back_what_was_written)
{
    struct run *run = sample();
    for (uint8_t index = 0; index < UUID_SIZE; index++) {
        run->uuid.bytes[index] = index;
    }
    CLEANUP_BUF struct buf bytes = BUF_INIT(10000);
    record_run(run, &bytes);
    struct run_row row;
    cr_assert_eq(record_parse_run(buf_str(&bytes), &row, &sim->why), 0, "%s", sim->why.text);
    cr_assert_eq(memcmp(&row.uuid, &run->uuid, UUID_SIZE), 0);
    cr_assert(str_is(row.name, run->name));
    cr_assert(str_is(row.flow_name, "f"));
    cr_assert_eq(row.state, STATE_RUNNING);
    cr_assert_eq(row.created_us, run->created_us);
    cr_assert_eq(row.task_count, 4);
    cr_assert(str_is(row.base_dir, "/tmp"));
    cr_assert_eq(val_count(row.tags), 2);
    cr_assert(str_is(val_str(val_at(row.tags, 1)), "slow"));
    cr_assert_eq(val_type(row.params), VAL_MAP);
    cr_assert_not(row.result.ptr);
    cr_assert_not(row.error_code.ptr);
}

Test(record, the_row_of_an_ended_run_has_result_or_error)
{
    sim_flow(sim, "flow: g\n"
                  "steps:\n"
                  "  a: { task: t.x }\n"
                  "output: '${steps.a}'\n");
    sim_submit(sim, "g");
    sim_drain(sim);
    sim->output_fails = true;
    sim_submit(sim, "g");
    sim_drain(sim);
    struct run_row row;
    cr_assert_eq(record_parse_run(sim_row(sim, 1, CORE_NO_TASK), &row, NULL), 0);
    cr_assert_eq(val_int(row.result), 1);
    cr_assert_eq(record_parse_run(sim_row(sim, 2, CORE_NO_TASK), &row, NULL), 0);
    cr_assert_not(row.result.ptr);
    cr_assert(str_is(row.error_code, "expression.failed"));
}

Test(record, texts_that_are_not_utf8_are_mended)
{
    struct run *run = sample();
    struct task *task = sim_task(run, "a");
    task->error->text = "bad \xff byte";
    CLEANUP_BUF struct buf bytes = BUF_INIT(10000);
    record_task(run, task, &bytes);
    struct task_row row;
    cr_assert_eq(record_parse_task(buf_str(&bytes), &row, NULL), 0);
    cr_assert(str_is(row.error_text, "bad \xef\xbf\xbd byte"));
}

static const struct journal_row entry = {
    .wall_us = 1234567890123456,
    .run = 77,
    .task = CORE_NO_TASK,
    .attempt = 3,
    .epoch = UINT32_MAX,
    .from = STATE_NONE,
    .to = STATE_PENDING,
    .code = {"a.code", 6},
    .text = {"a text", 6},
};

Test(record, a_journal_entry_gives_back_what_was_written)
{
    CLEANUP_BUF struct buf bytes = BUF_INIT(10000);
    record_journal(&entry, &bytes);
    struct journal_row row;
    cr_assert_eq(record_parse_journal(buf_str(&bytes), &row, &sim->why), 0);
    cr_assert_eq(row.wall_us, entry.wall_us);
    cr_assert_eq(row.run, entry.run);
    cr_assert_eq(row.task, entry.task);
    cr_assert_eq(row.attempt, entry.attempt);
    cr_assert_eq(row.epoch, entry.epoch);
    cr_assert_eq(row.from, entry.from);
    cr_assert_eq(row.to, entry.to);
    cr_assert(str_eq(row.code, entry.code));
    cr_assert(str_eq(row.text, entry.text));
}

Test(record, a_buffer_that_is_too_small_is_an_error_of_the_buffer)
{
    CLEANUP_BUF struct buf bytes = BUF_INIT(10);
    record_journal(&entry, &bytes);
    cr_assert_eq(buf_err(&bytes), ERR_LIMIT);
}

/* What any of the three parsers says about <bytes>, which lie in memory of just that size. */
static int parse(int kind, struct str bytes)
{
    struct run_row run;
    struct task_row task;
    struct journal_row journal;
    if (kind == 0) {
        return record_parse_run(bytes, &run, &sim->why);
    }
    if (kind == 1) {
        return record_parse_task(bytes, &task, &sim->why);
    }
    return record_parse_journal(bytes, &journal, &sim->why);
}

/* A good example for each parser, on the heap. */
static uint8_t *example(int kind, size_t *ret_len)
{
    CLEANUP_BUF struct buf bytes = BUF_INIT(10000);
    struct run *run = core_run(sim->core, 1);
    if (!run) {
        run = sample();
    }
    if (kind == 0) {
        record_run(run, &bytes);
    } else if (kind == 1) {
        record_task(run, sim_task(run, "a"), &bytes);
    } else {
        record_journal(&entry, &bytes);
    }
    return buf_take(&bytes, ret_len);
}

Test(record, cut_rows_are_corrupt)
{
    for (int kind = 0; kind < 3; kind++) {
        size_t len = 0;
        uint8_t *bytes = example(kind, &len);
        for (size_t cut = 0; cut < len; cut++) {
            uint8_t *copy = malloc(cut ? cut : 1);
            memcpy(copy, bytes, cut);
            cr_assert_eq(parse(kind, (struct str){(char *)copy, cut}), ERR_CORRUPT);
            free(copy);
        }
        cr_assert_eq(parse(kind, (struct str){(char *)bytes, len}), 0);
        free(bytes);
    }
}

Test(record, bytes_after_the_row_are_corrupt)
{
    for (int kind = 0; kind < 3; kind++) {
        size_t len = 0;
        uint8_t *bytes = example(kind, &len);
        bytes[len] = 0xC0; /* where buf_take() left a NUL */
        cr_assert_eq(parse(kind, (struct str){(char *)bytes, len + 1}), ERR_CORRUPT);
        free(bytes);
    }
}

Test(record, changed_bytes_are_read_or_refused_but_do_no_harm)
{
    struct rng rng;
    rng_seed(&rng, 3);
    for (int kind = 0; kind < 3; kind++) {
        size_t len = 0;
        uint8_t *bytes = example(kind, &len);
        for (int round = 0; round < 30000; round++) {
            uint8_t *copy = malloc(len);
            memcpy(copy, bytes, len);
            for (uint64_t changes = 1 + rng_below(&rng, 4); changes > 0; changes--) {
                copy[rng_below(&rng, len)] = (uint8_t)rng_u64(&rng);
            }
            int err = parse(kind, (struct str){(char *)copy, len});
            cr_assert(err == 0 || err == ERR_CORRUPT || err == ERR_STORE_SCHEMA, "%s",
                      err_name(err));
            free(copy);
        }
        free(bytes);
    }
}

Test(record, a_later_version_is_named_as_such)
{
    for (int kind = 0; kind < 3; kind++) {
        size_t len = 0;
        uint8_t *bytes = example(kind, &len);
        size_t version = bytes[0] == 0xDC ? 3 : 1;
        bytes[version] = RECORD_VERSION + 1;
        cr_assert_eq(parse(kind, (struct str){(char *)bytes, len}), ERR_STORE_SCHEMA);
        cr_assert(strstr(sim->why.text, "version 2"));
        bytes[version] = 0;
        cr_assert_eq(parse(kind, (struct str){(char *)bytes, len}), ERR_CORRUPT);
        free(bytes);
    }
}

Test(record, rows_of_one_kind_are_not_read_as_another)
{
    for (int kind = 0; kind < 3; kind++) {
        size_t len = 0;
        uint8_t *bytes = example(kind, &len);
        cr_assert_eq(parse((kind + 1) % 3, (struct str){(char *)bytes, len}), ERR_CORRUPT);
        free(bytes);
    }
}

/* Parses a journal entry after <change> to it. */
static int changed(struct journal_row change)
{
    CLEANUP_BUF struct buf bytes = BUF_INIT(10000);
    record_journal(&change, &bytes);
    return parse(2, buf_str(&bytes));
}

Test(record, numbers_outside_their_range_are_corrupt)
{
    struct journal_row row = entry;
    row.wall_us = -1;
    cr_assert_eq(changed(row), ERR_CORRUPT);
    row = entry;
    row.to = STATE_NONE;
    cr_assert_eq(changed(row), ERR_CORRUPT);
    row = entry;
    row.from = (enum state)STATE_COUNT;
    cr_assert_eq(changed(row), ERR_CORRUPT);
    cr_assert_str_eq(sim->why.text, "A stored journal entry is damaged at member 7.");
}

Test(record, parameters_may_be_a_blob_and_as_deep_as_values_go)
{
    struct run *run = sample();
    CLEANUP_BUF struct buf deep = BUF_INIT(1000);
    buf_put(&deep, "\x81\xa1x", 3);
    for (int level = 0; level < VAL_DEPTH_MAX - 1; level++) {
        buf_put_byte(&deep, 0x91);
    }
    buf_put_byte(&deep, 0xC0);
    struct val former = run->params;
    run->params = (struct val){deep.data, deep.len};
    CLEANUP_BUF struct buf bytes = BUF_INIT(10000);
    record_run(run, &bytes);
    run->params = former;
    cr_assert_eq(parse(0, buf_str(&bytes)), 0, "%s", sim->why.text);
}
