/*
 * Rows of the outbox and of the delivery log: what is read back, and what is refused.
 */
#include "drive/outbox.h"

#include <criterion/criterion.h>

#include "value/pack.h"

static struct buf row;

/* An empty row. */
static void enter(void)
{
    buf_init(&row, 4096);
}

/* Its end. */
static void leave(void)
{
    buf_done(&row);
}

TestSuite(outbox_rows, .init = enter, .fini = leave);

/* A waiting notification whose parameters are <depth> maps in each other. */
static void write_waiting(int attempts, int depth)
{
    static const uint8_t id[UUID_SIZE] = {1};
    static const uint8_t root[UUID_SIZE] = {2};

    buf_clear(&row);
    pack_list(&row, 9);
    pack_int(&row, 1);
    pack_bin(&row, id, sizeof(id));
    pack_bin(&row, root, sizeof(root));
    pack_int(&row, 77);
    pack_cstr(&row, "webhook.post");
    pack_cstr(&row, "Failed");
    for (int i = 1; i < depth; i++) {
        pack_map(&row, 1);
        pack_cstr(&row, "k");
    }
    pack_map(&row, 0);
    pack_map(&row, 1);
    pack_cstr(&row, "id");
    pack_cstr(&row, "x");
    pack_int(&row, attempts);
}

/* An attempt at delivery. */
static void write_attempt(int64_t attempt, int64_t outcome)
{
    buf_clear(&row);
    pack_list(&row, 10);
    pack_int(&row, 1);
    pack_int(&row, 1000);
    pack_int(&row, 77);
    pack_cstr(&row, "webhook.post");
    pack_cstr(&row, "Failed");
    pack_int(&row, attempt);
    pack_int(&row, outcome);
    pack_cstr(&row, "http.status");
    pack_cstr(&row, "it answered 500");
    pack_int(&row, 2000);
}

Test(outbox_rows, a_waiting_notification_comes_back)
{
    struct outbox_row waiting;

    write_waiting(3, 1);
    cr_assert_eq(outbox_parse_row(buf_str(&row), &waiting), 0);
    cr_assert_eq(waiting.id.bytes[0], 1);
    cr_assert_eq(waiting.root.bytes[0], 2);
    cr_assert_eq(waiting.run, 77);
    cr_assert(str_eq(waiting.via, STR("webhook.post")));
    cr_assert(str_eq(waiting.state, STR("Failed")));
    cr_assert_eq(val_count(waiting.with), 0);
    cr_assert_eq(val_count(waiting.event), 1);
    cr_assert_eq(waiting.attempts, 3);
}

Test(outbox_rows, parameters_as_deep_as_values_are_come_back)
{
    struct outbox_row waiting;

    write_waiting(0, VAL_DEPTH_MAX);
    cr_assert_eq(outbox_parse_row(buf_str(&row), &waiting), 0);
}

Test(outbox_rows, more_attempts_than_there_are_are_refused)
{
    struct outbox_row waiting;

    write_waiting(OUTBOX_ATTEMPTS_MAX + 1, 1);
    cr_assert_eq(outbox_parse_row(buf_str(&row), &waiting), ERR_CORRUPT);
    write_waiting(-1, 1);
    cr_assert_eq(outbox_parse_row(buf_str(&row), &waiting), ERR_CORRUPT);
}

Test(outbox_rows, an_attempt_comes_back)
{
    struct delivery_row attempt;

    write_attempt(4, DELIVERY_RETRY);
    cr_assert_eq(outbox_parse_delivery(buf_str(&row), &attempt), 0);
    cr_assert_eq(attempt.time_us, 1000);
    cr_assert_eq(attempt.run, 77);
    cr_assert_eq(attempt.attempt, 4);
    cr_assert_eq(attempt.outcome, DELIVERY_RETRY);
    cr_assert(str_eq(attempt.code, STR("http.status")));
    cr_assert(str_eq(attempt.text, STR("it answered 500")));
    cr_assert_eq(attempt.next_us, 2000);
}

Test(outbox_rows, an_unknown_outcome_is_refused)
{
    struct delivery_row attempt;

    write_attempt(4, DELIVERY_DEAD + 1);
    cr_assert_eq(outbox_parse_delivery(buf_str(&row), &attempt), ERR_CORRUPT);
    write_attempt(4, -1);
    cr_assert_eq(outbox_parse_delivery(buf_str(&row), &attempt), ERR_CORRUPT);
}

Test(outbox_rows, rows_cut_anywhere_are_refused)
{
    struct delivery_row attempt;
    struct outbox_row waiting;

    write_waiting(3, 1);
    for (size_t len = 0; len < row.len; len++) {
        struct str cut = {(const char *)row.data, len};

        cr_assert_eq(outbox_parse_row(cut, &waiting), ERR_CORRUPT, "%zu bytes", len);
    }
    write_attempt(4, DELIVERY_RETRY);
    for (size_t len = 0; len < row.len; len++) {
        struct str cut = {(const char *)row.data, len};

        cr_assert_eq(outbox_parse_delivery(cut, &attempt), ERR_CORRUPT, "%zu bytes", len);
    }
}

Test(outbox_rows, one_kind_is_not_taken_for_the_other)
{
    struct delivery_row attempt;
    struct outbox_row waiting;

    write_waiting(3, 1);
    cr_assert_eq(outbox_parse_delivery(buf_str(&row), &attempt), ERR_CORRUPT);
    write_attempt(4, DELIVERY_RETRY);
    cr_assert_eq(outbox_parse_row(buf_str(&row), &waiting), ERR_CORRUPT);
}

Test(outbox_rows, rows_with_any_byte_changed_are_read_or_refused)
{
    struct delivery_row attempt;
    struct outbox_row waiting;

    write_waiting(3, 2);
    for (size_t at = 0; at < row.len; at++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            uint8_t kept = row.data[at];

            row.data[at] = (uint8_t)byte;
            outbox_parse_row(buf_str(&row), &waiting);
            outbox_parse_delivery(buf_str(&row), &attempt);
            row.data[at] = kept;
        }
    }
}
