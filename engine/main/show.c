/*
 * See show.h.
 */
#include "main/show.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "main/member.h"
#include "main/term.h"
#include "value/json.h"

enum { LABEL_COLUMNS = 10 };

void show_flush(struct buf *out)
{
    if (buf_err(out)) {
        cli_error(0, "the text is too long to be shown");
    } else if (out->len > 0) {
        fwrite(out->data, 1, out->len, stdout);
    }
    buf_clear(out);
}

int show_json(struct val value)
{
    CLEANUP_BUF struct buf out = BUF_INIT(SHOW_MAX);

    json_print_pretty(&out, value);
    buf_put_byte(&out, '\n');
    show_flush(&out);
    return CLI_OK;
}

void show_ago(struct buf *out, int64_t instant_us, int64_t now_us)
{
    static const struct {
        int64_t below_s;
        int64_t unit_s;
        const char *unit;
    } units[] = {
        {90, 1, "s"},
        {90 * 60, 60, "min"},
        {36 * 3600, 3600, "h"},
        {INT64_MAX, 86400, "days"},
    };
    int64_t seconds = (now_us - instant_us) / 1000000;
    bool coming = seconds < 0;
    size_t i = 0;

    if (instant_us == 0) {
        buf_put_str(out, STR("-"));
        return;
    }
    if (seconds == 0) {
        buf_put_str(out, STR("just now"));
        return;
    }
    seconds = coming ? -seconds : seconds;
    while (seconds >= units[i].below_s) {
        i++;
    }
    buf_printf(out, "%s%lld %s%s", coming ? "in " : "",
               (long long)((seconds + units[i].unit_s / 2) / units[i].unit_s), units[i].unit,
               coming ? "" : " ago");
}

/* The local time of an instant. */
static struct tm local_time(int64_t instant_us)
{
    time_t seconds = (time_t)(instant_us / 1000000);
    struct tm parts = {0};

    localtime_r(&seconds, &parts);
    return parts;
}

void show_time(struct buf *out, int64_t instant_us)
{
    struct tm parts = local_time(instant_us);
    char text[CLOCK_TEXT_SIZE];

    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &parts);
    buf_put_str(out, str_of(text));
}

void show_clock(struct buf *out, int64_t instant_us)
{
    struct tm parts = local_time(instant_us);

    buf_printf(out, "%02d:%02d:%02d.%03d", parts.tm_hour, parts.tm_min, parts.tm_sec,
               (int)(instant_us / 1000 % 1000));
}

void show_duration_of(struct buf *out, struct val object, int64_t now_us)
{
    double duration_ms = member_number(object, "duration_ms", -1);
    int64_t started = member_time(object, "started");

    if (duration_ms >= 0) {
        term_put_duration(out, (int64_t)(duration_ms * 1000));
    } else if (started && !member_time(object, "ended")) {
        term_put_duration(out, now_us - started);
    }
}

void show_size(struct buf *out, int64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double number = (double)bytes;
    size_t unit = 0;

    while (number >= 1023.5 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        number /= 1024;
        unit++;
    }
    buf_printf(out, unit > 0 && number < 9.95 ? "%.1f %s" : "%.0f %s", number, units[unit]);
}

void show_count(struct buf *out, int64_t count, const char *one, const char *many)
{
    buf_printf(out, "%lld %s", (long long)count, count == 1 ? one : many);
}

void show_state(struct buf *out, const struct cli *cli, struct str state)
{
    term_colour(out, cli->colour, term_state_colour(state));
    buf_printf(out, "%s ", term_state_sign(state));
    term_put_text(out, state);
    term_colour(out, cli->colour, TERM_PLAIN);
}

void show_heading(struct buf *out, const struct cli *cli, const char *title)
{
    buf_put_byte(out, '\n');
    term_colour(out, cli->colour, TERM_BOLD);
    term_put_text(out, str_of(title));
    term_colour(out, cli->colour, TERM_PLAIN);
    buf_put_byte(out, '\n');
}

void show_label(struct buf *out, const struct cli *cli, const char *label)
{
    term_colour(out, cli->colour, TERM_DIM);
    buf_printf(out, "  %-*s", LABEL_COLUMNS, label);
    term_colour(out, cli->colour, TERM_PLAIN);
}

void show_fact(struct buf *out, const struct cli *cli, const char *label, struct str text)
{
    if (text.len == 0) {
        return;
    }
    show_label(out, cli, label);
    show_wrapped(out, text, LABEL_COLUMNS + 2,
                 cli->terminal ? cli->width - LABEL_COLUMNS - 3 : INT32_MAX);
    buf_put_byte(out, '\n');
}

bool show_value(struct buf *out, const struct cli *cli, struct val value, int indent, int lines_max)
{
    CLEANUP_BUF struct buf text = BUF_INIT(SHOW_MAX);
    int width = cli->terminal && lines_max > 0 ? cli->width - indent - 1 : INT32_MAX;
    struct str left;
    bool whole = true;

    if (val_type(value) == VAL_STR) {
        buf_put_str(&text, val_str(value));
    } else {
        json_print_pretty(&text, value);
    }
    left = buf_str(&text);
    for (int line = 0; left.len > 0 || line == 0; line++) {
        const char *end = left.len ? memchr(left.ptr, '\n', left.len) : NULL;
        size_t len = end ? (size_t)(end - left.ptr) : left.len;

        if (lines_max > 0 && line == lines_max) {
            term_put_spaces(out, indent);
            buf_put_str(out, STR("…\n"));
            return false;
        }
        if (line > 0) {
            term_put_spaces(out, indent);
        }
        whole = term_columns((struct str){left.ptr, len}) <= width && whole;
        term_put_cut(out, (struct str){left.ptr, len}, width);
        buf_put_byte(out, '\n');
        left = end ? (struct str){end + 1, left.len - len - 1} : STR_NONE;
    }
    return whole;
}

void show_wrapped(struct buf *out, struct str text, int indent, int width)
{
    int column = 0;

    for (size_t at = 0; at < text.len;) {
        size_t end = at;
        struct str word;
        int columns;

        if (text.ptr[at] == '\n') {
            buf_put_byte(out, '\n');
            term_put_spaces(out, indent);
            column = 0;
            at++;
            continue;
        }
        if (text.ptr[at] == ' ') {
            at++;
            continue;
        }
        while (end < text.len && text.ptr[end] != ' ' && text.ptr[end] != '\n') {
            end++;
        }
        word = (struct str){text.ptr + at, end - at};
        columns = term_columns(word);
        if (column > 0 && column + 1 + columns > width) {
            buf_put_byte(out, '\n');
            term_put_spaces(out, indent);
            column = 0;
        }
        if (column > 0) {
            buf_put_byte(out, ' ');
            column++;
        }
        term_put_text(out, word);
        column += columns;
        at = end;
    }
}
