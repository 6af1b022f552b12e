/*
 * Output bytes to log lines.
 */
#include "work/capture.h"

#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd"

enum {
    CUT_MARK_LEN = sizeof(CAPTURE_CUT_MARK) - 1,
    CONTENT_MAX = CAPTURE_LINE_MAX - CUT_MARK_LEN,
    REPLACEMENT_LEN = sizeof(REPLACEMENT) - 1,
};

static void add_piece(struct capture *capture, const char *bytes, size_t len);
static void emit_line(struct capture *capture, capture_emit_cb emit, void *user);
static struct str clean_line(const struct capture *capture, char *scratch);
static size_t character_len(const char *at, size_t left);
static size_t cut_between_characters(const char *bytes, size_t len);

void capture_begin(struct capture *capture)
{
    capture->len = 0;
    capture->cut = false;
    capture->call_bytes = 0;
    capture->ended = false;
}

void capture_feed(struct capture *capture, const char *bytes, size_t len, capture_emit_cb emit,
                  void *user)
{
    while (len > 0 && !capture->ended) {
        const char *end = memchr(bytes, '\n', len);
        size_t piece = end ? (size_t)(end - bytes) : len;
        size_t used = end ? piece + 1 : piece;

        size_t cost = used + (end ? CAPTURE_LINE_COST : 0);
        if (capture->call_bytes + cost > CAPTURE_CALL_MAX) {
            capture_flush(capture, emit, user);
            capture->ended = true;
            emit(user, STR(CAPTURE_END_MARK));
            return;
        }
        capture->call_bytes += cost;
        add_piece(capture, bytes, piece);
        if (end) {
            emit_line(capture, emit, user);
        }
        bytes += used;
        len -= used;
    }
}

void capture_flush(struct capture *capture, capture_emit_cb emit, void *user)
{
    if (capture->len > 0) {
        emit_line(capture, emit, user);
    }
    capture->cut = false;
}

/* Adds bytes of one line, as far as they fit. */
static void add_piece(struct capture *capture, const char *bytes, size_t len)
{
    size_t room = CONTENT_MAX - capture->len;

    if (len > room) {
        capture->cut = true;
        len = room;
    }
    if (len > 0) {
        memcpy(capture->line + capture->len, bytes, len);
        capture->len += len;
    }
}

/* Emits the line and begins the next one. */
static void emit_line(struct capture *capture, capture_emit_cb emit, void *user)
{
    char scratch[CAPTURE_LINE_MAX];

    if (!capture->cut && capture->len > 0 && capture->line[capture->len - 1] == '\r') {
        capture->len--;
    }
    if (capture->cut) {
        capture->len = cut_between_characters(capture->line, capture->len);
    }
    struct str line = {capture->line, capture->len};
    if (!str_utf8_ok(line)) {
        line = clean_line(capture, scratch);
    } else if (capture->cut) {
        memcpy(capture->line + capture->len, CAPTURE_CUT_MARK, CUT_MARK_LEN);
        line.len += CUT_MARK_LEN;
    }
    emit(user, line);
    capture->len = 0;
    capture->cut = false;
}

/* The line with U+FFFD for every byte that is not UTF-8; cut when that makes it too long. */
static struct str clean_line(const struct capture *capture, char *scratch)
{
    size_t out = 0;
    size_t at = 0;
    bool cut = capture->cut;

    while (at < capture->len) {
        size_t len = character_len(capture->line + at, capture->len - at);
        size_t grown = len ? len : REPLACEMENT_LEN;
        if (out + grown > CONTENT_MAX) {
            cut = true;
            break;
        }
        memcpy(scratch + out, len ? capture->line + at : REPLACEMENT, grown);
        out += grown;
        at += len ? len : 1;
    }
    if (cut) {
        memcpy(scratch + out, CAPTURE_CUT_MARK, CUT_MARK_LEN);
        out += CUT_MARK_LEN;
    }
    return (struct str){scratch, out};
}

/* Bytes of the well-formed character at <at>, 0 when there is none. */
static size_t character_len(const char *at, size_t left)
{
    uint8_t first = (uint8_t)*at;
    size_t len = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;

    return len <= left && str_utf8_ok((struct str){at, len}) ? len : 0;
}

/* <len> without the beginning of a character at the end. */
static size_t cut_between_characters(const char *bytes, size_t len)
{
    size_t back = 0;

    while (back < 3 && back < len && ((uint8_t)bytes[len - 1 - back] & 0xc0) == 0x80) {
        back++;
    }
    if (back == len) {
        return len;
    }
    size_t lead = len - 1 - back;
    uint8_t first = (uint8_t)bytes[lead];
    bool whole = first < 0xc0 || character_len(bytes + lead, back + 1) == back + 1;
    return whole ? len : lead;
}
