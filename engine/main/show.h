/*
 * How commands show values, times, sizes and states to people, and the one document of -o json.
 */
#ifndef MAIN_SHOW_H
#define MAIN_SHOW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "main/cli.h"
#include "value/val.h"

/* Most bytes that one command prints as text. */
enum { SHOW_MAX = 512 * 1024 * 1024 };

/* Writes <out> to standard output and empties it; text that grew too large is an error message. */
void show_flush(struct buf *out);

/* Prints <value> as indented JSON. Returns CLI_OK. */
int show_json(struct val value);

/* "just now", "42 s ago", "3 min ago", "2 h ago", "5 days ago", "in 4 s"; "-" for instant 0. */
void show_ago(struct buf *out, int64_t instant_us, int64_t now_us);
/* Local time: "2026-11-21 20:27:47"; and of the day with milliseconds: "20:27:47.123". */
void show_time(struct buf *out, int64_t instant_us);
void show_clock(struct buf *out, int64_t instant_us);
/* The length of time that an API object took or has taken so far; nothing when it has not begun. */
void show_duration_of(struct buf *out, struct val object, int64_t now_us);
/* "512 B", "1.5 KiB", "20 MiB". */
void show_size(struct buf *out, int64_t bytes);
/* "1 run", "2 runs". */
void show_count(struct buf *out, int64_t count, const char *one, const char *many);

/* Sign and name of a state in its colour. */
void show_state(struct buf *out, const struct cli *cli, struct str state);

/* A heading of a section: bold, after an empty line. */
void show_heading(struct buf *out, const struct cli *cli, const char *title);
/* The dim, padded name of a fact: "  created   ". */
void show_label(struct buf *out, const struct cli *cli, const char *label);
/* A whole line "  label     text"; nothing when the text is empty. */
void show_fact(struct buf *out, const struct cli *cli, const char *label, struct str text);

/*
 * A value for people: strings as they are, other values as JSON, indented by <indent> columns after
 * the first line and cut to <lines_max> lines (0: all) and to a terminal's width. Ends with a line
 * break. Returns false when something was left out.
 */
bool show_value(struct buf *out, const struct cli *cli, struct val value, int indent,
                int lines_max);

/* Text for people, wrapped at spaces to <width> columns, every line after the first behind <indent>
 * spaces; line breaks in it are kept. Without a final line break. */
void show_wrapped(struct buf *out, struct str text, int indent, int width);

#endif
