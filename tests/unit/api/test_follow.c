/*
 * Followers: snapshot, stored lines, news, end, without gap or repetition.
 */
#include "api/api.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>

#include "base/file.h"
#include "fixture.h"

static struct fixture fixture;
static struct api_follow *follow;
static struct buf news;

/* A fresh engine. */
static void start(void)
{
    fixture_start(&fixture);
    buf_init(&news, API_RESPONSE_MAX);
}

/* Ends it. */
static void stop(void)
{
    api_follow_free(follow);
    buf_done(&news);
    fixture_stop(&fixture);
}

TestSuite(follow, .init = start, .fini = stop, .timeout = 60);

/* Begins to follow a run. */
static void begin(const char *run, bool logs)
{
    struct err_text why = {""};

    cr_assert_eq(api_follow_new(fixture.api, str_of(run), logs, NULL, NULL, &follow, &why), 0, "%s",
                 why.text);
}

/* The next object. */
static struct val next(void)
{
    cr_assert_eq(api_follow_next(follow, -1, &news), API_FOLLOW_NEWS);
    return (struct val){news.data, news.len};
}

/* True when the object has that type. */
static bool is(struct val value, const char *type)
{
    return str_is(val_str(at(value, "type")), type);
}

/* What was seen until the end. */
struct seen {
    unsigned snapshots;
    unsigned flow_runs;
    unsigned task_runs;
    unsigned completed; /* news of completed task runs */
    unsigned logs;
    bool ended;
};

/* Reads to the end. */
static struct seen read_all(void)
{
    struct seen seen = {0};

    while (api_follow_next(follow, -1, &news) == API_FOLLOW_NEWS) {
        struct val value = {news.data, news.len};

        cr_assert(!seen.ended);
        seen.snapshots += is(value, "snapshot");
        seen.flow_runs += is(value, "flow_run");
        seen.task_runs += is(value, "task_run");
        seen.completed +=
            is(value, "task_run") && str_is(val_str(at(value, "state.type")), "COMPLETED");
        seen.logs += is(value, "log");
        seen.ended = is(value, "end");
    }
    return seen;
}

/* A flow that waits for a file after it has written a line. */
static const char *waiting_flow(void)
{
    return format("flow: waits\nsteps:\n  wait:\n    task: exec.run\n    with:\n"
                  "      shell: \"echo before >&2; touch %s/began; "
                  "while ! test -e %s/go; do sleep 0.02; done; echo behind >&2\"\n"
                  "  greet: { task: hello.greet, wait_for: [wait] }\n",
                  fixture.home, fixture.home);
}

/* Lets it go on. */
static void go(void)
{
    cr_assert_eq(file_write(format("%s/go", fixture.home), "", 0, 0644, NULL), 0);
}

Test(follow, a_run_that_has_ended_gives_snapshot_and_end)
{
    const char *id = fixture_run(&fixture, flow_hello, "");
    struct val value;

    begin(id, false);
    value = next();
    cr_assert(is(value, "snapshot"));
    cr_assert_str_eq(text_at(value, "id"), id);
    cr_assert_str_eq(text_at(value, "task_runs.0.state.name"), "Completed");
    cr_assert_eq(count_at(value, "child_runs"), 0);
    value = next();
    cr_assert(is(value, "end"));
    cr_assert_str_eq(text_at(value, "state.name"), "Completed");
    cr_assert_eq(api_follow_next(follow, -1, &news), API_FOLLOW_OVER);
    cr_assert_eq(api_follow_next(follow, -1, &news), API_FOLLOW_OVER);
}

Test(follow, a_live_run_is_followed_to_its_end)
{
    const char *id = fixture_submit(&fixture, waiting_flow(), "");
    struct seen seen;

    fixture_wait_for_file(format("%s/began", fixture.home));
    begin(id, false);
    cr_assert(is(next(), "snapshot"));
    go();
    seen = read_all();
    cr_assert_eq(seen.completed, 2);
    cr_assert_eq(seen.flow_runs, 1);
    cr_assert(seen.ended);
}

Test(follow, nothing_is_told_twice_or_left_out_however_early_one_begins)
{
    for (int i = 0; i < 20; i++) {
        const char *id = fixture_submit(
            &fixture,
            format("flow: quick\nsteps:\n  a: { task: hello.greet, with: { who: x%d } }\n", i), "");
        unsigned lines = 0;
        bool completed = false;
        struct val value;

        begin(id, true);
        value = next();
        completed = strcmp(text_at(value, "task_runs.0.state.type"), "COMPLETED") == 0;
        for (value = next(); !is(value, "end"); value = next()) {
            lines += is(value, "log");
            if (is(value, "task_run") && str_is(val_str(at(value, "state.type")), "COMPLETED")) {
                cr_assert(!completed);
                completed = true;
            }
        }
        cr_assert(completed);
        cr_assert_eq(lines, 1, "%u lines", lines);
        follow = api_follow_free(follow);
    }
}

Test(follow, stored_lines_come_first_when_asked_for)
{
    const char *id = fixture_submit(&fixture, waiting_flow(), "");
    struct val value;

    fixture_wait_for_file(format("%s/began", fixture.home));
    begin(id, true);
    cr_assert(is(next(), "snapshot"));
    go();
    for (value = next(); !is(value, "log"); value = next()) {
    }
    cr_assert_str_eq(text_at(value, "text"), "before");
    cr_assert_str_eq(text_at(value, "task"), "wait");
    cr_assert_eq(read_all().logs, 2); /* "behind" and the greeting */
}

Test(follow, lines_of_an_ended_run_are_all_there)
{
    fixture_run(&fixture, flow_hello, "");
    begin("@last", true);
    cr_assert_eq(read_all().logs, 1);
}

Test(follow, lines_are_left_out_unless_asked_for)
{
    fixture_run(&fixture, flow_hello, "");
    begin("@last", false);
    cr_assert_eq(read_all().logs, 0);
}

/* Installs the greeting as a subflow and submits a flow that calls it. */
static const char *submit_outer(void)
{
    CLEANUP_BUF struct buf inner = BUF_INIT(4096);

    buf_put_str(&inner, str_of(waiting_flow()));
    cr_assert_eq(file_mkdirs(format("%s/flows", fixture.home), 0755, NULL), 0);
    cr_assert_eq(
        file_write(format("%s/flows/waits.yaml", fixture.home), inner.data, inner.len, 0644, NULL),
        0);
    return fixture_submit(&fixture,
                          "flow: outer\nsteps:\n  call: { flow: waits }\n"
                          "  other: { task: hello.greet }\n",
                          "");
}

Test(follow, a_snapshot_shows_subflows)
{
    const char *id = submit_outer();
    struct val value;

    fixture_wait_for_file(format("%s/began", fixture.home));
    begin(id, false);
    value = next();
    cr_assert_eq(count_at(value, "child_runs"), 1);
    cr_assert_str_eq(text_at(value, "child_runs.0.parent.run"), id);
    cr_assert_str_eq(text_at(value, "child_runs.0.task_runs.0.name"), "wait");
    go();
    cr_assert(read_all().ended);
}

Test(follow, a_subflow_can_be_followed_alone)
{
    const char *id = submit_outer();
    const char *child;
    struct val value;

    fixture_wait_for_file(format("%s/began", fixture.home));
    child = text_at(fixture_get(&fixture, format("/flow-runs/%s", id)), "task_runs.0.child_run");
    begin(child, false);
    value = next();
    cr_assert_str_eq(text_at(value, "id"), child);
    go();
    for (value = next(); !is(value, "end"); value = next()) {
        cr_assert_str_eq(text_at(value, "run"), child);
    }
    cr_assert_str_eq(text_at(value, "run"), child);
    fixture_wait(&fixture, id);
}

Test(follow, news_of_other_runs_are_not_told)
{
    const char *id = fixture_submit(&fixture, waiting_flow(), "");

    fixture_wait_for_file(format("%s/began", fixture.home));
    begin(id, false);
    next();
    fixture_run(&fixture, flow_hello, "");
    go();
    cr_assert_eq(read_all().flow_runs, 1);
}

Test(follow, an_unknown_run_is_not_found)
{
    struct err_text why = {""};

    cr_assert_eq(api_follow_new(fixture.api, STR("nobody"), false, NULL, NULL, &follow, &why),
                 ERR_NOT_FOUND);
    cr_assert(strstr(why.text, "nobody"));
}

Test(follow, a_deleted_run_ends_with_an_error)
{
    const char *id = fixture_run(&fixture, flow_hello, "");
    struct val value;

    begin(id, false);
    fixture_ask(&fixture, "DELETE", format("/flow-runs/%s", id), NULL, 204);
    value = next();
    cr_assert(is(value, "end"));
    cr_assert(text_at(value, "error"));
}

Test(follow, waiting_in_vain_ends_after_the_timeout)
{
    const char *id = fixture_submit(&fixture, waiting_flow(), "");

    fixture_wait_for_file(format("%s/began", fixture.home));
    begin(id, false);
    next();
    while (api_follow_next(follow, 0, &news) == API_FOLLOW_NEWS) {
    }
    cr_assert_eq(api_follow_next(follow, 20, &news), API_FOLLOW_IDLE);
    cr_assert_eq(news.len, 0);
    go();
    cr_assert(read_all().ended);
}

Test(follow, a_reader_that_is_too_slow_is_told_and_gets_a_new_snapshot)
{
    const char *id = fixture_submit(
        &fixture,
        format("flow: chatty\nsteps:\n  talk:\n    task: exec.run\n"
               "    map: [1, 2, 3, 4, 5, 6, 7, 8]\n    with:\n"
               "      shell: \"touch %s/began; while ! test -e %s/go; do sleep 0.02; done; "
               "seq 9000 >&2\"\n",
               fixture.home, fixture.home),
        "");
    bool lost = false;
    struct val value;

    fixture_wait_for_file(format("%s/began", fixture.home));
    begin(id, false);
    cr_assert(is(next(), "snapshot"));
    go();
    fixture_wait(&fixture, id);
    for (value = next(); !is(value, "snapshot"); value = next()) {
        lost = lost || is(value, "lost");
    }
    cr_assert(lost);
    cr_assert_str_eq(text_at(value, "state.name"), "Completed");
    cr_assert(is(next(), "end"));
}

/* Counts wakes and lets a thread wait for one. */
struct waker {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned count;
};

/* For the follower. */
static void wake(void *user)
{
    struct waker *waker = user;

    pthread_mutex_lock(&waker->lock);
    waker->count++;
    pthread_cond_signal(&waker->changed);
    pthread_mutex_unlock(&waker->lock);
}

Test(follow, news_wake_a_reader_that_had_nothing)
{
    struct waker waker = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};
    const char *id = fixture_submit(&fixture, waiting_flow(), "");
    enum api_follow_answer answer = API_FOLLOW_IDLE;

    fixture_wait_for_file(format("%s/began", fixture.home));
    begin(id, false);
    api_follow_set_wake(follow, wake, &waker);
    next();
    go();
    while (answer != API_FOLLOW_OVER) {
        unsigned before = waker.count;

        pthread_mutex_lock(&waker.lock);
        before = waker.count;
        pthread_mutex_unlock(&waker.lock);
        answer = api_follow_next(follow, 0, &news);
        pthread_mutex_lock(&waker.lock);
        while (answer == API_FOLLOW_IDLE && waker.count == before) {
            pthread_cond_wait(&waker.changed, &waker.lock);
        }
        pthread_mutex_unlock(&waker.lock);
    }
    cr_assert_gt(waker.count, 0);
}
