/*
 * Event streams over HTTP.
 */
#include "api/http_stream.h"

#include <criterion/criterion.h>
#include <string.h>

#include "api/http.h"
#include "base/file.h"
#include "fixture.h"
#include "wire.h"

static struct fixture fixture;
static struct http *http;
static struct wire wire;
static struct wire_answer answer;

/* An engine, its server, and a connection. */
static void start(void)
{
    struct err_text why = {""};

    fixture_start(&fixture);
    cr_assert_eq(http_start(fixture.api, fixture.home, &http, &why), 0, "%s", why.text);
    wire_open(&wire, fixture.home);
}

/* Ends all three. */
static void stop(void)
{
    wire_answer_done(&answer);
    wire_close(&wire);
    http = http_stop(http);
    fixture_stop(&fixture);
}

TestSuite(http_stream, .init = start, .fini = stop, .timeout = 60);

/* A request for the events of a run. */
static const char *events(const char *run)
{
    return format("GET " API_PREFIX "/flow-runs/%s/events?logs=1 HTTP/1.1\r\nHost: leat\r\n\r\n",
                  run);
}

/* Submits a flow that waits for go(). */
static const char *submit_waiting(void)
{
    const char *id = fixture_submit(
        &fixture,
        format("flow: waits\nsteps:\n  wait:\n    task: exec.run\n    with:\n"
               "      shell: \"touch %s/began; while ! test -e %s/go; do sleep 0.02; done\"\n",
               fixture.home, fixture.home),
        "");

    fixture_wait_for_file(format("%s/began", fixture.home));
    return id;
}

/* Lets it go on. */
static void go(void)
{
    cr_assert_eq(file_write(format("%s/go", fixture.home), "", 0, 0644, NULL), 0);
}

Test(http_stream, an_ended_run_is_told_from_snapshot_to_end)
{
    const char *id = fixture_run(&fixture, flow_hello, "");
    const char *body;

    cr_assert_eq(wire_ask(&wire, events(id), &answer), 200);
    cr_assert_str_eq(wire_header(&answer, "Content-Type"), "text/event-stream");
    body = buf_cstr(&answer.body);
    cr_assert_eq(strncmp(body, "event: snapshot\ndata: {\"type\":\"snapshot\"", 40), 0, "%s", body);
    cr_assert(strstr(body, "\n\nevent: log\ndata: {"));
    cr_assert(strstr(body, "\n\nevent: end\ndata: {\"type\":\"end\""));
    cr_assert_eq(wire_ask(&wire, events("nobody"), &answer), 404);
}

Test(http_stream, a_suspended_stream_wakes_for_news)
{
    const char *id = submit_waiting();

    wire_text(&wire, events(id));
    cr_assert(wire_until(&wire, "event: snapshot"));
    go();
    cr_assert(wire_until(&wire, "event: task_run"));
    cr_assert(wire_until(&wire, "event: end"));
}

Test(http_stream, head_gives_no_events)
{
    const char *id = fixture_run(&fixture, flow_hello, "");

    cr_assert_eq(wire_ask(&wire,
                          format("HEAD " API_PREFIX "/flow-runs/%s/events HTTP/1.1\r\n"
                                 "Host: leat\r\n\r\n",
                                 id),
                          &answer),
                 200);
}

Test(http_stream, the_64th_stream_is_the_last)
{
    struct wire streams[HTTP_STREAMS_MAX];
    const char *id = submit_waiting();

    for (int i = 0; i < HTTP_STREAMS_MAX; i++) {
        wire_open(&streams[i], fixture.home);
        wire_text(&streams[i], events(id));
        cr_assert(wire_until(&streams[i], "event: snapshot"));
    }
    cr_assert_eq(wire_ask(&wire, events(id), &answer), 503);
    cr_assert(strstr(buf_cstr(&answer.body), "64 event streams"));
    go();
    for (int i = 0; i < HTTP_STREAMS_MAX; i++) {
        cr_assert(wire_until(&streams[i], "event: end"), "stream %d", i);
        wire_close(&streams[i]);
    }
}

Test(http_stream, a_place_is_free_again_after_a_stream)
{
    const char *id = fixture_run(&fixture, flow_hello, "");

    for (int i = 0; i < HTTP_STREAMS_MAX + 1; i++) {
        cr_assert_eq(wire_ask(&wire, events(id), &answer), 200);
    }
}

Test(http_stream, a_reader_that_goes_away_is_forgotten)
{
    const char *id = submit_waiting();

    for (int i = 0; i < 10; i++) {
        struct wire gone;

        wire_open(&gone, fixture.home);
        wire_text(&gone, events(id));
        cr_assert(wire_until(&gone, "event: snapshot"));
        wire_close(&gone);
    }
    go();
    fixture_wait(&fixture, id);
    cr_assert_eq(wire_ask(&wire, events(id), &answer), 200);
}

Test(http_stream, stopping_the_server_ends_streams)
{
    const char *id = submit_waiting();

    wire_text(&wire, events(id));
    cr_assert(wire_until(&wire, "event: snapshot"));
    http = http_stop(http);
    cr_assert(wire_ends(&wire));
    go();
    fixture_wait(&fixture, id);
}

Test(http_stream, many_lines_reach_a_reader_in_order)
{
    const char *id = fixture_submit(
        &fixture,
        "flow: chatty\nsteps:\n  talk:\n    task: exec.run\n"
        "    with: { shell: \"i=0; while test $i -lt 3000; do echo line-$i- >&2; i=$((i+1)); "
        "done\" }\n",
        "");
    const char *at;

    cr_assert_eq(wire_ask(&wire, events(id), &answer), 200);
    at = buf_cstr(&answer.body);
    for (int i = 0; i < 3000; i++) {
        at = strstr(at, format("line-%d-", i));
        cr_assert(at, "line %d is missing", i);
    }
}
