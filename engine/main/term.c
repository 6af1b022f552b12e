/*
 * See term.h. Widths come from wcwidth() of the C library, in the locale that main() has set.
 */
#include "main/term.h"

#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "base/clock.h"

/* Looks of states. */
static const struct {
    const char *state;
    const char *sign;
    enum term_colour colour;
} looks[] = {
    {"Completed", "✓", TERM_GREEN},      {"Cached", "✓", TERM_CYAN},
    {"Skipped", "–", TERM_DIM},          {"RolledBack", "↺", TERM_DIM},
    {"Failed", "✗", TERM_RED},           {"TimedOut", "✗", TERM_RED},
    {"UpstreamFailed", "✗", TERM_DIM},   {"Crashed", "✗", TERM_MAGENTA},
    {"Cancelled", "■", TERM_YELLOW},     {"Cancelling", "■", TERM_YELLOW},
    {"Running", "●", TERM_BLUE},         {"Retrying", "●", TERM_YELLOW},
    {"AwaitingRetry", "↻", TERM_YELLOW},
};

void term_colour(struct buf *out, bool on, enum term_colour colour)
{
    static const char *const codes[] = {"\033[0m",  "\033[2m",  "\033[1m",  "\033[31m", "\033[32m",
                                        "\033[33m", "\033[34m", "\033[35m", "\033[36m"};

    if (on) {
        buf_put_str(out, str_of(codes[colour]));
    }
}

enum term_colour term_state_colour(struct str state)
{
    for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++) {
        if (str_is(state, looks[i].state)) {
            return looks[i].colour;
        }
    }
    return TERM_DIM;
}

const char *term_state_sign(struct str state)
{
    for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++) {
        if (str_is(state, looks[i].state)) {
            return looks[i].sign;
        }
    }
    return "○";
}

/* True for characters that turn the direction of what follows, so that it reads as something else.
 */
static bool turns_text(wchar_t character)
{
    return (character >= 0x202a && character <= 0x202e) ||
           (character >= 0x2066 && character <= 0x2069);
}

/* Reads one character: its bytes and columns; control characters have -1 columns. */
static size_t next_char(struct str text, int *ret_columns)
{
    mbstate_t state = {0};
    wchar_t character;
    size_t len = mbrtowc(&character, text.ptr, text.len, &state);

    if (len == (size_t)-1 || len == (size_t)-2 || len == 0) {
        *ret_columns = -1;
        len = 1;
        while (len < text.len && ((unsigned char)text.ptr[len] & 0xc0) == 0x80) {
            len++; /* what is not UTF-8 becomes one sign per character, not per byte */
        }
        return len;
    }
    *ret_columns = turns_text(character) ? -1 : wcwidth(character);
    return len;
}

int term_columns(struct str text)
{
    int sum = 0;

    while (text.len > 0) {
        int columns;
        size_t len = next_char(text, &columns);

        sum += columns < 0 ? 1 : columns;
        text = (struct str){text.ptr + len, text.len - len};
    }
    return sum;
}

int term_put_cut(struct buf *out, struct str text, int columns)
{
    bool cut = term_columns(text) > columns;
    int room = cut ? columns - 1 : columns;
    int used = 0;

    while (text.len > 0) {
        int wide;
        size_t len = next_char(text, &wide);

        if (used + (wide < 0 ? 1 : wide) > room) {
            break;
        }
        if (wide < 0) {
            buf_put_byte(out, '?');
            used++;
        } else {
            buf_put(out, text.ptr, len);
            used += wide;
        }
        text = (struct str){text.ptr + len, text.len - len};
    }
    if (cut && columns > 0) {
        buf_put_str(out, STR("…"));
        used++;
    }
    return used;
}

void term_put_text(struct buf *out, struct str text)
{
    term_put_cut(out, text, INT32_MAX);
}

void term_put_spaces(struct buf *out, int count)
{
    for (int i = 0; i < count; i++) {
        buf_put_byte(out, ' ');
    }
}

void term_put_duration(struct buf *out, int64_t us)
{
    char text[CLOCK_TEXT_SIZE];

    clock_format_duration(us < 0 ? 0 : us, text);
    buf_put_str(out, str_of(text));
}
