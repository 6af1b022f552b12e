/*
 * How references are spelt: what ref.c (plain references) and ref_scan.c (references inside
 * expressions) share. Nobody else includes this.
 */
#ifndef VALUE_REF_INT_H
#define VALUE_REF_INT_H

#include "value/ref.h"

/* Letters and `_`. */
static inline bool ref_begins_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* Decimal digits, whatever the locale. */
static inline bool ref_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* What a word may go on with. */
static inline bool ref_in_word(char c)
{
    return ref_begins_word(c) || ref_is_digit(c);
}

/* White space between tokens. */
static inline bool ref_is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The character at <at>, or NUL behind the end. */
static inline char ref_peek(struct str text, size_t at)
{
    return at < text.len ? text.ptr[at] : '\0';
}

/* The offset of the first byte from <at> on that is not white space. */
static inline size_t ref_skip_space(struct str text, size_t at)
{
    while (ref_is_space(ref_peek(text, at))) {
        at++;
    }
    return at;
}

/* The part of <text> from <begin> to <end>. */
static inline struct str ref_slice(struct str text, size_t begin, size_t end)
{
    return (struct str){text.ptr + begin, end - begin};
}

/* One step of a path in text: `.name`, `["name"]` or `[number]`. */
struct ref_segment {
    bool number;
    bool hyphen; /* `.name` with a hyphen, which jq would read as a subtraction */
    struct str name;
    int64_t index;
    size_t begin; /* of the dot or bracket */
    size_t end;
};

/* The end of the word that begins at <at>. */
size_t ref_word_end(struct str text, size_t at);
/* The root called <word>, or REF_ROOTS_COUNT. */
enum ref_root ref_root_of(struct str word);
/* Reads the segment at <at>, white space before it allowed; false when there is none. */
bool ref_read_segment(struct str text, size_t at, struct ref_segment *ret_segment);
/* Whether <root> is followed by a name: params.x yes, item.x no (that is a path into the item). */
bool ref_root_has_names(enum ref_root root);
/* ERR_INVALID with a sentence for a root that can not stand for a value alone. */
int ref_whole_root_check(enum ref_root root, struct err_text *reterr_why);

#endif
