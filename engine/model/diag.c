/*
 * Diagnostics: the problems of one text, collected and shown all at once; see diag.h.
 *
 * Problems are few (DIAG_MAX), so everything here is simple lists. What outsiders wrote is cleaned
 * when it is shown, so that a file can not play tricks on a terminal.
 */
#include "model/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/must.h"
#include "value/pack.h"

enum {
    TEXT_MAX = 512,   /* bytes of a sentence or hint */
    LINE_WIDTH = 100, /* characters shown of a source line */
    LINE_BEFORE = 60, /* of those, characters before the caret when the line is cut */
};

struct diag_list {
    char *name;
    struct str text;
    struct diag kept[DIAG_MAX];
    size_t count;
    size_t errors;
    size_t warnings;
    bool sorted;
};

/* Where the renderer stands in the text, which it walks once. */
struct line_cursor {
    struct str rest;
    uint32_t line;
};

struct diag_list *diag_new(const char *name, struct str text)
{
    struct diag_list *list = xcalloc(1, sizeof(*list));
    list->name = xstrdup(name ? name : "");
    list->text = text;
    return list;
}

/* Frees the texts of one problem. */
static void free_texts(struct diag *diag)
{
    free((void *)(uintptr_t)diag->subject);
    free((void *)(uintptr_t)diag->text);
    free((void *)(uintptr_t)diag->hint);
}

struct diag_list *diag_free(struct diag_list *list)
{
    if (list) {
        for (size_t index = 0; index < list->count; index++) {
            free_texts(&list->kept[index]);
        }
        free(list->name);
        free(list);
    }
    return NULL;
}

/* Shortens <text> of <len> bytes to at most <max>, not inside a character, and shows that. */
static void cut_text(char *text, size_t len, size_t max)
{
    if (len <= max) {
        return;
    }
    size_t end = max - 3;
    while (end > 0 && ((unsigned char)text[end] & 0xC0) == 0x80) {
        end--;
    }
    memcpy(text + end, "...", 4);
}

/* True when the same error was met before, as happens with aliased nodes. */
static bool known(const struct diag_list *list, struct diag_place place, const char *text)
{
    for (size_t index = 0; index < list->count; index++) {
        const struct diag *diag = &list->kept[index];
        if (place.line > 0 && diag->place.line == place.line &&
            diag->place.column == place.column && strcmp(diag->text, text) == 0) {
            return true;
        }
    }
    return false;
}

void diag_add(struct diag_list *list, enum diag_severity severity, struct diag_place place,
              struct str subject, const char *hint, const char *format, ...)
{
    char text[TEXT_MAX * 2];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    must(len >= 0);
    size_t held = (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1;
    cut_text(text, held, TEXT_MAX);
    if (known(list, place, text)) {
        return;
    }
    list->errors += severity == DIAG_ERROR;
    list->warnings += severity == DIAG_WARNING;
    if (list->count == DIAG_MAX) {
        return;
    }
    list->kept[list->count] = (struct diag){
        .severity = severity,
        .place = place,
        .subject = str_dup(subject),
        .text = xstrdup(text),
        .hint = hint ? xstrdup(hint) : NULL,
    };
    list->count++;
    list->sorted = false;
}

size_t diag_error_count(const struct diag_list *list)
{
    return list->errors;
}

bool diag_full(const struct diag_list *list)
{
    return list->count == DIAG_MAX;
}

size_t diag_count(const struct diag_list *list)
{
    return list->count;
}

/* True when <a> belongs behind <b>. */
static bool comes_after(const struct diag *a, const struct diag *b)
{
    if (a->place.line != b->place.line) {
        return a->place.line > b->place.line;
    }
    return a->place.column > b->place.column;
}

/* Sorts by place; problems at the same place stay in the order in which they came. */
static void sort(struct diag_list *list)
{
    for (size_t index = 1; index < list->count && !list->sorted; index++) {
        struct diag moving = list->kept[index];
        size_t place = index;
        while (place > 0 && comes_after(&list->kept[place - 1], &moving)) {
            list->kept[place] = list->kept[place - 1];
            place--;
        }
        list->kept[place] = moving;
    }
    list->sorted = true;
}

const struct diag *diag_at(struct diag_list *list, size_t index)
{
    must(index < list->count);
    sort(list);
    return &list->kept[index];
}

/* The length of the character at the start of <s>, which is not empty; 1 for broken bytes. */
static size_t char_len(struct str s)
{
    size_t len = 1;
    while (len < s.len && len < 4 && ((unsigned char)s.ptr[len] & 0xC0) == 0x80) {
        len++;
    }
    return len;
}

/*
 * True for characters that terminals act on: C0, DEL, C1, and the marks that change the direction
 * of writing (U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069).
 */
static bool is_control(struct str character)
{
    unsigned char byte[3] = {0};
    memcpy(byte, character.ptr, character.len < 3 ? character.len : 3);
    if (character.len == 1) {
        return byte[0] < 0x20 || byte[0] >= 0x7F;
    }
    if (character.len == 2) {
        return byte[0] == 0xC2 && byte[1] < 0xA0;
    }
    if (character.len != 3 || byte[0] != 0xE2) {
        return false;
    }
    bool marks = byte[1] == 0x80 &&
                 (byte[2] == 0x8E || byte[2] == 0x8F || (byte[2] >= 0xAA && byte[2] <= 0xAE));
    bool isolates = byte[1] == 0x81 && byte[2] >= 0xA6 && byte[2] <= 0xA9;
    return marks || isolates;
}

/* Appends up to <max> characters of <s>, controls as "?" and tabs as a space. */
static void put_clean(struct buf *out, struct str s, size_t max)
{
    for (size_t count = 0; s.len > 0 && count < max; count++) {
        struct str character = {s.ptr, char_len(s)};
        s = (struct str){s.ptr + character.len, s.len - character.len};
        if (character.ptr[0] == '\t') {
            buf_put_byte(out, ' ');
        } else if (is_control(character)) {
            buf_put_byte(out, '?');
        } else {
            buf_put_str(out, character);
        }
    }
}

/* Appends a C string of any length, cleaned. */
static void put_clean_text(struct buf *out, const char *text)
{
    put_clean(out, str_of(text), SIZE_MAX);
}

/* Moves the cursor to <line> and gives that line without its end; false when there is none. */
static bool find_line(struct line_cursor *cursor, uint32_t line, struct str *ret_line)
{
    while (cursor->line < line) {
        const char *end =
            cursor->rest.len > 0 ? memchr(cursor->rest.ptr, '\n', cursor->rest.len) : NULL;
        if (!end) {
            return false;
        }
        size_t len = (size_t)(end - cursor->rest.ptr) + 1;
        cursor->rest = (struct str){cursor->rest.ptr + len, cursor->rest.len - len};
        cursor->line++;
    }
    if (cursor->rest.len == 0) {
        return false;
    }
    const char *end = memchr(cursor->rest.ptr, '\n', cursor->rest.len);
    size_t len = end ? (size_t)(end - cursor->rest.ptr) : cursor->rest.len;
    if (len > 0 && cursor->rest.ptr[len - 1] == '\r') {
        len--;
    }
    *ret_line = (struct str){cursor->rest.ptr, len};
    return true;
}

/* Drops the first <count> characters of <s>. */
static struct str skip_chars(struct str s, size_t count)
{
    while (s.len > 0 && count > 0) {
        size_t len = char_len(s);
        s = (struct str){s.ptr + len, s.len - len};
        count--;
    }
    return s;
}

/* Appends the line a problem is about, cut to a window when it is long, and the caret under it. */
static void put_source(struct buf *out, struct str line, struct diag_place place, bool colour)
{
    size_t before = place.column > 0 ? place.column - 1 : 0;
    size_t skipped = before > LINE_WIDTH - 10 ? before - LINE_BEFORE : 0;
    buf_printf(out, "  %6u | %s", place.line, skipped > 0 ? "..." : "");
    put_clean(out, skip_chars(line, skipped), LINE_WIDTH);
    buf_printf(out, "\n         | %*s%s^%s\n", (int)(before - skipped) + (skipped > 0 ? 3 : 0), "",
               colour ? "\033[1;32m" : "", colour ? "\033[0m" : "");
}

/* Appends one problem with its place, line and hint. */
static void put_problem(const struct diag_list *list, const struct diag *diag,
                        struct line_cursor *cursor, bool colour, struct buf *out)
{
    bool error = diag->severity == DIAG_ERROR;
    put_clean_text(out, list->name);
    if (diag->place.line > 0) {
        buf_printf(out, ":%u:%u", diag->place.line, diag->place.column);
    }
    buf_printf(out, "%s%s%s: ", list->name[0] || diag->place.line > 0 ? ": " : "",
               !colour ? ""
               : error ? "\033[1;31m"
                       : "\033[1;33m",
               error ? "error" : "warning");
    buf_printf(out, "%s", colour ? "\033[0m" : "");
    put_clean_text(out, diag->text);
    buf_put_byte(out, '\n');
    struct str line;
    bool shown = diag->place.line > 0 && find_line(cursor, diag->place.line, &line);
    if (shown) {
        put_source(out, line, diag->place, colour);
    }
    if (diag->hint) {
        buf_printf(out, "         = ");
        put_clean_text(out, diag->hint);
        buf_put_byte(out, '\n');
    }
}

int diag_render(struct diag_list *list, bool colour, struct buf *out)
{
    sort(list);
    struct line_cursor cursor = {.rest = list->text, .line = 1};
    for (size_t index = 0; index < list->count; index++) {
        put_problem(list, &list->kept[index], &cursor, colour, out);
    }
    size_t hidden = list->errors + list->warnings - list->count;
    if (hidden > 0) {
        buf_printf(out, "... and %zu more\n", hidden);
    }
    if (list->errors > 0) {
        buf_printf(out, "%zu error%s", list->errors, list->errors == 1 ? "" : "s");
    }
    if (list->warnings > 0) {
        buf_printf(out, "%s%zu warning%s", list->errors > 0 ? ", " : "", list->warnings,
                   list->warnings == 1 ? "" : "s");
    }
    if (list->errors + list->warnings > 0) {
        buf_put_byte(out, '\n');
    }
    return buf_err(out);
}

int diag_pack(struct diag_list *list, struct buf *out)
{
    sort(list);
    pack_list(out, (uint32_t)list->count);
    for (size_t index = 0; index < list->count; index++) {
        const struct diag *diag = &list->kept[index];
        pack_map(out, 6);
        pack_cstr(out, "severity");
        pack_cstr(out, diag->severity == DIAG_ERROR ? "error" : "warning");
        pack_cstr(out, "line");
        pack_uint(out, diag->place.line);
        pack_cstr(out, "column");
        pack_uint(out, diag->place.column);
        pack_cstr(out, "subject");
        pack_text(out, str_of(diag->subject));
        pack_cstr(out, "text");
        pack_text(out, str_of(diag->text));
        pack_cstr(out, "hint");
        if (diag->hint) {
            pack_text(out, str_of(diag->hint));
        } else {
            pack_nil(out);
        }
    }
    return buf_err(out);
}
