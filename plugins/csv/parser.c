/*
 * See parser.h.
 */
#include "parser.h"

#include <string.h>

void parser_init(struct parser *parser, const char *text, size_t len, char delimiter)
{
    parser->text = text;
    parser->len = len;
    parser->at = len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    parser->line = 1;
    parser->row_line = 1;
    parser->in_row = 0;
    parser->delimiter = delimiter;
    parser->problem = NULL;
}

/* 1 when the parser stands before the end of a line or of the text. */
static int at_end(const struct parser *parser)
{
    return parser->at >= parser->len || parser->text[parser->at] == '\n' ||
           parser->text[parser->at] == '\r';
}

/* Moves behind the end of a line, if there is one. */
static void skip_end(struct parser *parser)
{
    if (parser->at < parser->len && parser->text[parser->at] == '\r') {
        parser->at++;
        parser->line++;
        if (parser->at < parser->len && parser->text[parser->at] == '\n') {
            parser->at++;
        }
        return;
    }
    if (parser->at < parser->len && parser->text[parser->at] == '\n') {
        parser->at++;
        parser->line++;
    }
}

/* Takes a field in quotes, which the parser stands on; 0 with a problem. */
static int take_quoted(struct parser *parser, struct field *field)
{
    size_t line = parser->line;

    field->quoted = 1;
    field->ptr = parser->text + ++parser->at;
    while (parser->at < parser->len) {
        char byte = parser->text[parser->at];

        if (byte == '"' && parser->at + 1 < parser->len && parser->text[parser->at + 1] == '"') {
            field->doubled = 1;
            parser->at += 2;
            continue;
        }
        if (byte == '"') {
            field->len = (size_t)(parser->text + parser->at - field->ptr);
            parser->at++;
            return 1;
        }
        parser->line += byte == '\n';
        parser->at++;
    }
    parser->line = line;
    parser->problem = "a quote is opened here and never closed";
    return 0;
}

/* Takes a field without quotes; 0 with a problem. */
static int take_plain(struct parser *parser, struct field *field)
{
    size_t begin = parser->at;

    while (!at_end(parser) && parser->text[parser->at] != parser->delimiter) {
        if (parser->text[parser->at] == '"') {
            parser->problem = "a quote stands inside a field that does not begin with one";
            return 0;
        }
        parser->at++;
    }
    field->ptr = parser->text + begin;
    field->len = parser->at - begin;
    return 1;
}

int parser_next(struct parser *parser, struct field *ret_field)
{
    struct field field = {NULL, 0, 0, 0, 0};
    int taken;

    /* Only at the beginning of a row; after a delimiter an end is an empty last field. */
    if (!parser->in_row) {
        while (parser->at < parser->len && at_end(parser)) {
            skip_end(parser);
        }
        if (parser->at >= parser->len) {
            return 0;
        }
        parser->row_line = parser->line;
    }
    if (parser->at < parser->len && parser->text[parser->at] == '"') {
        taken = take_quoted(parser, &field);
    } else {
        taken = take_plain(parser, &field);
    }
    if (!taken) {
        return -1;
    }
    if (at_end(parser)) {
        field.last = 1;
        parser->in_row = 0;
        skip_end(parser);
    } else if (parser->text[parser->at] == parser->delimiter) {
        parser->in_row = 1;
        parser->at++;
    } else {
        parser->problem = "text follows a closing quote";
        return -1;
    }
    *ret_field = field;
    return 1;
}

size_t field_copy(const struct field *field, char *to)
{
    size_t len = 0;

    for (size_t i = 0; i < field->len; i++) {
        to[len++] = field->ptr[i];
        if (field->doubled && field->ptr[i] == '"') {
            i++;
        }
    }
    return len;
}
