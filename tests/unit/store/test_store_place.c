/*
 * File systems, the lock file's text and the side file.
 */
#include "store/store_place.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/buf.h"
#include "base/file.h"
#include "temp_store.h"

static const uint8_t id[KV_ID_SIZE] = "an identity....";
static const uint8_t *const some_id = id;

TestSuite(store_place, .init = temp_store_enter, .fini = temp_store_leave);

/* Takes HOME/store. */
static struct store_place *open_place(void)
{
    struct store_place *place = NULL;
    struct err_text why = {""};
    cr_assert_eq(store_place_open(temp_home, &place, &why), 0, "%s", why.text);
    return place;
}

Test(store_place, local_file_systems_are_fit)
{
    cr_expect_eq(store_place_judge(0xEF53), PLACE_FIT);
    cr_expect_eq(store_place_judge(0x58465342), PLACE_FIT);
    cr_expect_eq(store_place_judge(0x9123683E), PLACE_FIT);
}

Test(store_place, memory_and_overlay_file_systems_are_not_durable)
{
    cr_expect_eq(store_place_judge(0x01021994), PLACE_NOT_DURABLE);
    cr_expect_eq(store_place_judge(0x794C7630), PLACE_NOT_DURABLE);
}

Test(store_place, network_and_unknown_file_systems_are_unfit)
{
    cr_expect_eq(store_place_judge(0x6969), PLACE_UNFIT, "NFS");
    cr_expect_eq(store_place_judge(0xFF534D42), PLACE_UNFIT, "CIFS");
    cr_expect_eq(store_place_judge(0xFE534D42), PLACE_UNFIT, "SMB2");
    cr_expect_eq(store_place_judge(0x01021997), PLACE_UNFIT, "9p");
    cr_expect_eq(store_place_judge(0x65735546), PLACE_UNFIT, "FUSE");
    cr_expect_eq(store_place_judge(0), PLACE_UNFIT);
}

Test(store_place, the_lock_file_names_process_boot_and_generation)
{
    struct store_place *place = open_place();
    cr_assert_eq(store_place_announce(place, 0xabcdef, NULL), 0);
    CLEANUP_BUF struct buf text = BUF_INIT(1000);
    cr_assert_eq(file_read("store/lock", &text, NULL), 0);
    int pid = 0;
    char boot[64] = "";
    char generation[32] = "";
    cr_expect_eq(
        sscanf(buf_cstr(&text), "pid %d\nboot %63s\ngeneration %31s\n", &pid, boot, generation), 3);
    cr_expect_eq(pid, getpid());
    cr_expect_eq(strlen(boot), 36);
    cr_expect_str_eq(generation, "0000000000abcdef");
    store_place_close(place);
}

Test(store_place, the_lock_is_free_after_closing)
{
    struct store_place *place = open_place();
    struct store_place *second = NULL;
    cr_expect_eq(store_place_open(temp_home, &second, NULL), ERR_STORE_BUSY);
    cr_expect_null(second);
    store_place_close(place);
    cr_expect_eq(store_place_open(temp_home, &second, NULL), 0);
    store_place_close(second);
}

Test(store_place, what_was_acknowledged_is_read_back)
{
    struct store_place *place = open_place();
    uint8_t found[KV_ID_SIZE];
    uint64_t commit_seq = 0;
    cr_expect_eq(store_place_read_acked(place, found, &commit_seq), ERR_NOT_FOUND);
    cr_assert_eq(store_place_write_acked(place, some_id, 7), 0);
    cr_assert_eq(store_place_write_acked(place, some_id, 8), 0);
    cr_expect_eq(store_place_read_acked(place, found, &commit_seq), 0);
    cr_expect_eq(commit_seq, 8);
    cr_expect_arr_eq(found, some_id, KV_ID_SIZE);
    store_place_close(place);
}

Test(store_place, a_side_file_with_any_byte_changed_says_nothing)
{
    struct store_place *place = open_place();
    uint8_t found[KV_ID_SIZE];
    uint64_t commit_seq = 0;
    cr_assert_eq(store_place_write_acked(place, some_id, 7), 0);
    CLEANUP_BUF struct buf bytes = BUF_INIT(1000);
    cr_assert_eq(file_read("store/acked", &bytes, NULL), 0);
    for (size_t i = 0; i < bytes.len; i++) {
        bytes.data[i] ^= 1;
        cr_assert_eq(file_write("store/acked", bytes.data, bytes.len, 0600, NULL), 0);
        cr_expect_eq(store_place_read_acked(place, found, &commit_seq), ERR_NOT_FOUND);
        bytes.data[i] ^= 1;
    }
    store_place_close(place);
}
