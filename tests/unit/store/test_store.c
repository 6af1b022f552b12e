/*
 * The store as a whole: opening, ownership, roll-back, order, deletions, facts.
 */
#include "store/store.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/buf.h"
#include "base/file.h"
#include "store/key.h"
#include "store/store_log.h"
#include "store/store_read.h"
#include "temp_store.h"

TestSuite(store, .init = temp_store_enter, .fini = temp_store_leave);

Test(store, what_was_written_is_there_after_opening_again)
{
    struct store *store = temp_store_open();
    cr_assert_eq(temp_store_put(store, STORE_FLOW_RUN, "run", "row"), 0);
    store = store_close(store);
    store = temp_store_open();
    cr_expect(temp_store_has(store, STORE_FLOW_RUN, "run", "row"));
    store_close(store);
}

Test(store, every_table_can_be_written)
{
    struct store *store = temp_store_open();
    struct store_batch *batch = store_batch_new(store);
    for (unsigned table = 0; table < STORE_TABLES; table++) {
        store_batch_put(batch, (enum store_table)table, STR("key"), STR("val"));
    }
    cr_assert_eq(temp_store_commit(store, batch), 0);
    for (unsigned table = 0; table < STORE_TABLES; table++) {
        cr_expect(temp_store_has(store, (enum store_table)table, "key", "val"), "%u", table);
    }
    store_close(store);
}

Test(store, a_home_is_made_with_its_parents)
{
    struct store *store = NULL;
    struct store_options options = {.map_size = 1 << 20};
    cr_assert_eq(store_open(temp_path("a/b/home"), &options, &store, NULL), 0);
    struct stat st;
    cr_expect_eq(stat(temp_path("a/b/home/store"), &st), 0);
    cr_expect_eq(st.st_mode & 0777, 0700);
    cr_expect_eq(stat(temp_path("a/b/home/store/state/data.mdb"), &st), 0);
    cr_expect_eq(st.st_mode & 0777, 0600);
    store_close(store);
}

Test(store, a_second_open_in_the_same_process_is_refused)
{
    struct store *store = temp_store_open();
    struct err_text why = {""};
    char sentence[64];
    cr_expect_eq(temp_store_try(&why), ERR_STORE_BUSY);
    (void)snprintf(sentence, sizeof sentence, "in use by process %d;", (int)getpid());
    cr_expect_not_null(strstr(why.text, sentence), "%s", why.text);
    store_close(store);
    cr_expect_eq(temp_store_try(&why), 0);
}

/* Runs <child> in a forked process and returns its exit status as waitpid gives it. */
static int in_child(int (*child)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        _exit(child());
    }
    int status = 0;
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    return status;
}

/* Exits with 1 when the store is busy and the sentence names the parent. */
static int try_to_open(void)
{
    struct err_text why = {""};
    char sentence[64];
    int err = temp_store_try(&why);
    (void)snprintf(sentence, sizeof sentence, "in use by process %d;", (int)getppid());
    return err == ERR_STORE_BUSY && strstr(why.text, sentence) != NULL;
}

Test(store, a_second_process_is_refused_and_told_the_pid)
{
    struct store *store = temp_store_open();
    int status = in_child(try_to_open);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    store_close(store);
}

Test(store, the_owner_can_be_asked_for_without_disturbing_it)
{
    pid_t pid = -2;
    cr_expect_eq(store_owner(temp_home, &pid), 0);
    cr_expect_eq(pid, 0, "no store yet");
    struct store *store = temp_store_open();
    cr_expect_eq(store_owner(temp_home, &pid), 0);
    cr_expect_eq(pid, getpid());
    store_close(store);
    cr_expect_eq(store_owner(temp_home, &pid), 0);
    cr_expect_eq(pid, 0, "closed");
}

Test(store, an_owner_that_can_not_be_read_is_reported_as_unknown)
{
    struct store *store = temp_store_open();
    cr_assert_eq(truncate("store/lock", 0), 0);
    pid_t pid = -2;
    cr_expect_eq(store_owner(temp_home, &pid), 0);
    cr_expect_eq(pid, -1);
    struct err_text why = {""};
    cr_expect_eq(temp_store_try(&why), ERR_STORE_BUSY);
    cr_expect_not_null(strstr(why.text, "another process"), "%s", why.text);
    store_close(store);
}

Test(store, a_directory_open_to_others_is_refused)
{
    cr_assert_eq(mkdir("store", 0700), 0);
    cr_assert_eq(chmod("store", 0755), 0);
    struct err_text why = {""};
    cr_expect_eq(temp_store_try(&why), ERR_STORE_UNSUITABLE);
    cr_expect_not_null(strstr(why.text, "chmod 700"), "%s", why.text);
}

Test(store, a_file_in_place_of_the_directory_is_refused)
{
    cr_assert_eq(file_write("store", "x", 1, 0600, NULL), 0);
    struct err_text why = {""};
    cr_expect_lt(temp_store_try(&why), 0);
    cr_expect_neq(why.text[0], '\0');
}

Test(store, a_directory_of_another_user_is_refused)
{
    if (geteuid() != 0) {
        cr_skip_test("only root can give directories away");
    }
    cr_assert_eq(mkdir("store", 0700), 0);
    cr_assert_eq(chown("store", 65534, 65534), 0);
    struct err_text why = {""};
    cr_expect_eq(temp_store_try(&why), ERR_STORE_UNSUITABLE);
}

Test(store, a_memory_file_system_gives_a_warning)
{
    char home[] = "/dev/shm/leat-store.XXXXXX";
    struct statfs fs;
    if (statfs("/dev/shm", &fs) != 0 || fs.f_type != 0x01021994 || !mkdtemp(home)) {
        cr_skip_test("no memory file system here");
    }
    struct store *store = NULL;
    struct store_options options = {.map_size = 1 << 20};
    int err = store_open(home, &options, &store, NULL);
    if (!err) {
        cr_expect_not_null(store_warning(store));
    }
    store_close(store);
    file_remove_tree(home, NULL);
    cr_expect_eq(err, 0);
}

Test(store, no_descriptor_survives_exec)
{
    struct store *store = temp_store_open();
    cr_assert_eq(temp_store_put(store, STORE_EVENT, "k", "v"), 0);
    int seen = 0;
    for (int fd = 3; fd < TEMP_DESCRIPTORS; fd++) {
        if (temp_descriptor_is(fd, temp_home)) {
            cr_expect(fcntl(fd, F_GETFD) & FD_CLOEXEC, "descriptor %d", fd);
            seen++;
        }
    }
    cr_expect_gt(seen, 4);
    store_close(store);
}

/* Copies a file of the closed store. */
static void copy_file(const char *from, const char *to)
{
    CLEANUP_BUF struct buf bytes = BUF_INIT(64 << 20);
    cr_assert_eq(file_read(from, &bytes, NULL), 0);
    cr_assert_eq(file_write(to, bytes.data, bytes.len, 0600, NULL), 0);
}

/* Leaves a closed store whose state is older than its side file. */
static void make_rolled_back(void)
{
    struct store *store = temp_store_open();
    cr_assert_eq(temp_store_put(store, STORE_EVENT, "old", "v"), 0);
    store_close(store);
    copy_file("store/state/data.mdb", "backup");
    store = temp_store_open();
    cr_assert_eq(temp_store_put(store, STORE_EVENT, "new", "v"), 0);
    store_close(store);
    copy_file("backup", "store/state/data.mdb");
}

/* Opens with --accept-rollback and gives the generation. */
static uint64_t accept_rollback(void)
{
    struct store_options options = {.map_size = 64 << 20, .accept_rollback = true};
    struct store *store = NULL;
    struct store_stats stats = {0};
    struct err_text why = {""};
    cr_assert_eq(store_open(temp_home, &options, &store, &why), 0, "%s", why.text);
    cr_assert_eq(store_stats(store, &stats), 0);
    store_close(store);
    return stats.generation;
}

Test(store, a_store_that_went_back_in_time_is_refused)
{
    make_rolled_back();
    struct err_text why = {""};
    cr_expect_eq(temp_store_try(&why), ERR_CORRUPT);
    cr_expect_not_null(strstr(why.text, "went back in time"), "%s", why.text);
    cr_expect_not_null(strstr(why.text, "--accept-rollback"), "%s", why.text);
}

Test(store, an_accepted_roll_back_changes_the_generation_and_is_asked_once)
{
    struct store *store = temp_store_open();
    struct store_stats stats;
    cr_assert_eq(store_stats(store, &stats), 0);
    store_close(store);
    make_rolled_back();
    uint64_t generation = accept_rollback();
    cr_expect_neq(generation, stats.generation);
    struct err_text why = {""};
    cr_expect_eq(temp_store_try(&why), 0, "%s", why.text);
}

Test(store, accepting_without_a_roll_back_changes_nothing)
{
    struct store *store = temp_store_open();
    struct store_stats stats;
    cr_assert_eq(store_stats(store, &stats), 0);
    store_close(store);
    cr_expect_eq(accept_rollback(), stats.generation);
}

Test(store, a_state_that_vanished_is_refused_unless_accepted)
{
    struct store *store = temp_store_open();
    cr_assert_eq(temp_store_put(store, STORE_EVENT, "k", "v"), 0);
    store_close(store);
    cr_assert_eq(file_remove_tree("store/state", NULL), 0);
    struct err_text why = {""};
    cr_expect_eq(temp_store_try(&why), ERR_CORRUPT);
    accept_rollback();
    cr_expect_eq(temp_store_try(&why), 0, "%s", why.text);
}

Test(store, a_damaged_side_file_is_ignored)
{
    struct store *store = temp_store_open();
    cr_assert_eq(temp_store_put(store, STORE_EVENT, "k", "v"), 0);
    store_close(store);
    cr_assert_eq(file_write("store/acked", "garbage", 7, 0600, NULL), 0);
    struct err_text why = {""};
    cr_expect_eq(temp_store_try(&why), 0, "%s", why.text);
}

/* Dies while the first store is made. */
static int die_while_creating(void)
{
    setenv("LEAT_FAULT", "store.create:kill", 1);
    struct err_text why;
    return temp_store_try(&why);
}

Test(store, an_unfinished_creation_is_started_again)
{
    int status = in_child(die_while_creating);
    cr_assert(WIFSIGNALED(status));
    cr_assert(file_exists("store/state.new"));
    struct err_text why = {""};
    cr_expect_eq(temp_store_try(&why), 0, "%s", why.text);
    cr_expect(!file_exists("store/state.new"));
}

Test(store, a_damaged_log_is_set_aside_with_a_warning)
{
    struct store *store = temp_store_open();
    cr_assert_eq(temp_store_put(store, STORE_EVENT, "k", "v"), 0);
    store_close(store);
    cr_assert_eq(truncate("store/log/data.mdb", 100), 0);
    store = temp_store_open();
    cr_expect_not_null(store_warning(store));
    cr_expect(temp_store_has(store, STORE_EVENT, "k", "v"));
    cr_expect_eq(store_log(store, 1, STR("line")), 0);
    store_close(store);
}

/* The order in which `done` was called, and when wake was. */
struct order {
    int next;
    int wrong;
};
struct ticket {
    struct order *order;
    int number;
};

/* Compares its turn with its number. */
static void on_turn(void *user, int err)
{
    struct ticket *ticket = user;
    ticket->order->wrong += err != 0 || ticket->number != ticket->order->next;
    ticket->order->next++;
}

Test(store, batches_commit_and_end_in_the_order_of_submission)
{
    enum { COUNT = 3000 };
    struct store *store = temp_store_open();
    static struct ticket tickets[COUNT];
    struct order order = {0};
    char val[16];
    for (int i = 0; i < COUNT; i++) {
        tickets[i] = (struct ticket){&order, i};
        (void)snprintf(val, sizeof val, "%d", i);
        struct store_batch *batch = store_batch_new(store);
        store_batch_put(batch, STORE_EVENT, STR("last"), str_of(val));
        store_submit(store, batch, on_turn, &tickets[i]);
    }
    store_drain(store);
    cr_expect_eq(order.next, COUNT);
    cr_expect_eq(order.wrong, 0);
    cr_expect(temp_store_has(store, STORE_EVENT, "last", val));
    store_close(store);
}

/* Makes an event descriptor readable. */
static void on_wake(void *user)
{
    const int *event_fd = user;
    cr_assert_eq(eventfd_write(*event_fd, 1), 0);
}

/* Counts calls. */
static void on_count(void *user, int err)
{
    int *count = user;
    cr_expect_eq(err, 0);
    (*count)++;
}

Test(store, wake_is_called_when_there_is_something_to_poll)
{
    int event_fd = eventfd(0, EFD_CLOEXEC);
    struct store_options options = {.map_size = 64 << 20, .wake = on_wake, .user = &event_fd};
    struct store *store = NULL;
    cr_assert_eq(store_open(temp_home, &options, &store, NULL), 0);
    int count = 0;
    for (int i = 1; i <= 20; i++) {
        struct store_batch *batch = store_batch_new(store);
        store_batch_put(batch, STORE_EVENT, STR("k"), STR("v"));
        store_submit(store, batch, on_count, &count);
        while (count < i) {
            eventfd_t number = 0;
            cr_assert_eq(eventfd_read(event_fd, &number), 0);
            store_poll(store);
        }
    }
    store_close(store);
    close(event_fd);
}

/* Submits the next of a chain of batches. */
struct chain {
    struct store *store;
    int left;
};

/* Each end begins the next. */
static void on_link(void *user, int err)
{
    struct chain *chain = user;
    cr_expect_eq(err, 0);
    if (chain->left-- > 0) {
        struct store_batch *batch = store_batch_new(chain->store);
        store_batch_put(batch, STORE_EVENT, STR("k"), STR("v"));
        store_submit(chain->store, batch, on_link, chain);
    }
}

Test(store, close_finishes_what_done_functions_submit)
{
    struct store *store = temp_store_open();
    struct chain chain = {store, 10};
    on_link(&chain, 0);
    store_close(store);
    cr_expect_eq(chain.left, -1);
}

Test(store, a_batch_without_operations_ends_well)
{
    struct store *store = temp_store_open();
    cr_expect_eq(temp_store_commit(store, store_batch_new(store)), 0);
    store_close(store);
}

Test(store, a_faulty_batch_ends_with_its_error_and_changes_nothing)
{
    struct store *store = temp_store_open();
    struct store_batch *batch = store_batch_new(store);
    store_batch_put(batch, STORE_EVENT, STR("k"), STR("v"));
    store_batch_put(batch, STORE_EVENT, STR(""), STR("v"));
    cr_expect_eq(temp_store_commit(store, batch), ERR_LIMIT);
    cr_expect_eq(temp_store_rows(store, STORE_EVENT), 0);
    cr_expect(!store_broken(store));
    store_close(store);
}

Test(store, later_operations_of_a_batch_win)
{
    struct store *store = temp_store_open();
    struct store_batch *batch = store_batch_new(store);
    store_batch_put(batch, STORE_EVENT, STR("a"), STR("1"));
    store_batch_put(batch, STORE_EVENT, STR("a"), STR("2"));
    store_batch_put(batch, STORE_EVENT, STR("b"), STR("1"));
    store_batch_del(batch, STORE_EVENT, STR("b"));
    store_batch_del(batch, STORE_EVENT, STR("never there"));
    cr_expect_eq(temp_store_commit(store, batch), 0);
    cr_expect(temp_store_has(store, STORE_EVENT, "a", "2"));
    cr_expect_eq(temp_store_rows(store, STORE_EVENT), 1);
    store_close(store);
}

Test(store, journal_numbers_are_known_at_submit_and_go_on_after_opening)
{
    struct store *store = temp_store_open();
    cr_expect_eq(store_next_sequence(store), 1);
    struct store_batch *batch = store_batch_new(store);
    store_batch_journal(batch, STR("one"));
    store_batch_journal(batch, STR("two"));
    cr_expect_eq(temp_store_commit(store, batch), 0);
    cr_expect_eq(store_next_sequence(store), 3);
    cr_expect_eq(store_sequence(store), 2);
    struct store_key key = {0};
    key_u64(&key, 2);
    struct store_read *read = NULL;
    struct str val = STR_NONE;
    cr_assert_eq(store_read_begin(store, &read), 0);
    cr_expect_eq(store_peek(read, STORE_JOURNAL, key_str(&key), &val), 0);
    cr_expect(str_is(val, "two"));
    store_read_end(read);
    store_close(store);
    store = temp_store_open();
    cr_expect_eq(store_next_sequence(store), 3);
    store_close(store);
}

Test(store, journal_numbers_are_not_used_again_after_pruning)
{
    struct store *store = temp_store_open();
    struct store_batch *batch = store_batch_new(store);
    store_batch_journal(batch, STR("one"));
    cr_assert_eq(temp_store_commit(store, batch), 0);
    batch = store_batch_new(store);
    store_batch_del_prefix(batch, STORE_JOURNAL, STR(""));
    cr_assert_eq(temp_store_commit(store, batch), 0);
    store_close(store);
    store = temp_store_open();
    cr_expect_eq(store_next_sequence(store), 2);
    store_close(store);
}

/* Puts <count> rows "<letter>0000" and so on. */
static void put_many(struct store *store, char letter, int count)
{
    struct store_batch *batch = store_batch_new(store);
    for (int i = 0; i < count; i++) {
        char key[16];
        int len = snprintf(key, sizeof key, "%c%04d", letter, i);
        store_batch_put(batch, STORE_EVENT, (struct str){key, (size_t)len}, STR("v"));
    }
    cr_assert_eq(temp_store_commit(store, batch), 0);
}

Test(store, a_prefix_with_many_keys_is_removed_in_slices)
{
    struct store *store = temp_store_open();
    put_many(store, 'a', 10);
    put_many(store, 'b', 2 * STORE_SLICE + 34);
    put_many(store, 'c', 10);
    struct store_stats before;
    struct store_stats after;
    cr_assert_eq(store_stats(store, &before), 0);
    struct store_batch *batch = store_batch_new(store);
    store_batch_del_prefix(batch, STORE_EVENT, STR("b"));
    store_batch_put(batch, STORE_AUDIT, STR("k"), STR("v"));
    cr_expect_eq(temp_store_commit(store, batch), 0);
    cr_assert_eq(store_stats(store, &after), 0);
    cr_expect_eq(after.transactions - before.transactions, 3);
    cr_expect_eq(temp_store_rows(store, STORE_EVENT), 20);
    cr_expect_eq(temp_store_rows(store, STORE_AUDIT), 1);
    store_close(store);
}

Test(store, a_prefix_with_one_slice_of_keys_goes_in_one_transaction)
{
    struct store *store = temp_store_open();
    put_many(store, 'b', STORE_SLICE);
    struct store_stats before;
    struct store_stats after;
    cr_assert_eq(store_stats(store, &before), 0);
    struct store_batch *batch = store_batch_new(store);
    store_batch_del_prefix(batch, STORE_EVENT, STR("b"));
    cr_expect_eq(temp_store_commit(store, batch), 0);
    cr_assert_eq(store_stats(store, &after), 0);
    cr_expect_eq(after.transactions - before.transactions, 1);
    cr_expect_eq(temp_store_rows(store, STORE_EVENT), 0);
    store_close(store);
}

Test(store, a_prefix_removes_what_the_same_batch_put_before_it)
{
    struct store *store = temp_store_open();
    struct store_batch *batch = store_batch_new(store);
    store_batch_put(batch, STORE_EVENT, STR("b1"), STR("v"));
    store_batch_del_prefix(batch, STORE_EVENT, STR("b"));
    store_batch_put(batch, STORE_EVENT, STR("b2"), STR("v"));
    cr_expect_eq(temp_store_commit(store, batch), 0);
    cr_expect_eq(temp_store_rows(store, STORE_EVENT), 1);
    cr_expect(temp_store_has(store, STORE_EVENT, "b2", "v"));
    store_close(store);
}

Test(store, a_range_is_removed_without_its_upper_bound)
{
    struct store *store = temp_store_open();
    put_many(store, 'a', 10);
    struct store_batch *batch = store_batch_new(store);
    store_batch_del_range(batch, STORE_EVENT, STR("a0003"), STR("a0007"));
    cr_expect_eq(temp_store_commit(store, batch), 0);
    cr_expect_eq(temp_store_rows(store, STORE_EVENT), 6);
    cr_expect(temp_store_has(store, STORE_EVENT, "a0002", "v"));
    cr_expect(!temp_store_has(store, STORE_EVENT, "a0003", "v"));
    cr_expect(!temp_store_has(store, STORE_EVENT, "a0006", "v"));
    cr_expect(temp_store_has(store, STORE_EVENT, "a0007", "v"));
    store_close(store);
}

Test(store, a_range_without_bounds_is_the_whole_table)
{
    struct store *store = temp_store_open();
    put_many(store, 'a', 10);
    struct store_batch *batch = store_batch_new(store);
    store_batch_del_range(batch, STORE_EVENT, STR(""), STR(""));
    cr_expect_eq(temp_store_commit(store, batch), 0);
    cr_expect_eq(temp_store_rows(store, STORE_EVENT), 0);
    store_close(store);
}

Test(store, facts_are_sensible)
{
    struct store *store = temp_store_open();
    cr_assert_eq(temp_store_put(store, STORE_EVENT, "k", "v"), 0);
    struct store_stats stats;
    cr_assert_eq(store_stats(store, &stats), 0);
    cr_expect_eq(stats.commit_seq, 1);
    cr_expect_eq(stats.transactions, 1);
    cr_expect_eq(stats.operations, 1);
    cr_expect_eq(stats.batches_waiting, 0);
    cr_expect_eq(store_waiting(store), 0);
    store_submit(store, store_batch_new(store), NULL, NULL);
    cr_expect_eq(store_waiting(store), 1);
    store_drain(store);
    cr_expect_eq(stats.map_bytes, 64 << 20);
    cr_expect_gt(stats.used_bytes, 4096);
    cr_expect_lt(stats.used_bytes, 1 << 20);
    cr_expect_gt(stats.disk_free_bytes, 0);
    cr_expect_gt(stats.commit_us, 0);
    cr_expect_eq(store_room(store), STORE_ROOM_FINE);
    cr_expect_not_null(strstr(store_engine_version(), "LMDB"));
    store_close(store);
}
