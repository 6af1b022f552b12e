/*
 * See help.h. Help texts are written in lines of any length: lines of one paragraph are joined and
 * wrapped to the terminal, lines that begin with a space are examples and stay as they are, and a
 * line that ends with a colon before an example is a heading.
 */
#include "main/help.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "main/show.h"
#include "main/term.h"

enum { WIDTH_MAX = 96, LEFT_MAX = 30, LEFT_SIZE = 160, TEXT_MAX = 256 * 1024 };

/* How help looks here, and what was written of it. */
struct help {
    bool colour;
    int width;
    struct buf out;
};

/* A bold heading after an empty line. */
static void put_heading(struct help *help, struct str text)
{
    buf_put_byte(&help->out, '\n');
    term_colour(&help->out, help->colour, TERM_BOLD);
    buf_put_str(&help->out, text);
    term_colour(&help->out, help->colour, TERM_PLAIN);
    buf_put_byte(&help->out, '\n');
}

/* A word on the left and its meaning, wrapped in a column of its own behind <left> columns. */
static void put_pair(struct help *help, const char *word, int left, const char *meaning)
{
    int columns = term_columns(str_of(word));

    buf_put_str(&help->out, STR("  "));
    term_colour(&help->out, help->colour, TERM_CYAN);
    buf_put_str(&help->out, str_of(word));
    term_colour(&help->out, help->colour, TERM_PLAIN);
    if (columns > left) {
        buf_put_byte(&help->out, '\n');
        term_put_spaces(&help->out, left + 4);
    } else {
        term_put_spaces(&help->out, left - columns + 2);
    }
    show_wrapped(&help->out, str_of(meaning), left + 4, help->width - left - 4);
    buf_put_byte(&help->out, '\n');
}

/* "run FLOW.yaml" */
static void command_words(const struct cli_command *command, char ret_words[LEFT_SIZE])
{
    snprintf(ret_words, LEFT_SIZE, "%s%s%s", command->name, command->arguments[0] ? " " : "",
             command->arguments);
}

/* "-p, --param NAME=VALUE" */
static void option_words(const struct cli_option *option, char ret_words[LEFT_SIZE])
{
    char letter[8] = "    ";

    if (option->letter) {
        snprintf(letter, sizeof(letter), "-%c, ", option->letter);
    }
    snprintf(ret_words, LEFT_SIZE, "%s--%s%s%s", letter, option->name, option->argument ? " " : "",
             option->argument ? option->argument : "");
}

/* The wider of two widths, as far as a left column may go. */
static int wider(int width, const char *words)
{
    int columns = term_columns(str_of(words));

    return columns > width && columns <= LEFT_MAX ? columns : width;
}

/* The commands below <command>, under their headings. */
static void put_commands(struct help *help, const struct cli_command *command)
{
    const char *group = "Commands";
    char words[LEFT_SIZE];
    bool first = true;
    int left = 0;

    for (const struct cli_command *sub = command->subcommands; sub->name; sub++) {
        command_words(sub, words);
        left = wider(left, words);
    }
    for (const struct cli_command *sub = command->subcommands; sub->name; sub++) {
        if (sub->group || first) {
            group = sub->group ? sub->group : group;
            put_heading(help, str_of(group));
            first = false;
        }
        command_words(sub, words);
        put_pair(help, words, left, sub->summary);
    }
}

/* Two tables of options under one heading. */
static void put_options(struct help *help, const struct cli_option *own,
                        const struct cli_option *common)
{
    const struct cli_option *const tables[] = {own, common};
    char words[LEFT_SIZE];
    int left = 0;

    for (size_t i = 0; i < 2; i++) {
        for (const struct cli_option *option = tables[i]; option && option->name; option++) {
            option_words(option, words);
            left = wider(left, words);
        }
    }
    put_heading(help, STR("Options"));
    for (size_t i = 0; i < 2; i++) {
        for (const struct cli_option *option = tables[i]; option && option->name; option++) {
            char meaning[512];

            snprintf(meaning, sizeof(meaning), "%s%s", option->help,
                     option->repeats ? "; may be repeated" : "");
            option_words(option, words);
            put_pair(help, words, left, meaning);
        }
    }
}

/* Takes the next line off a text. */
static struct str take_line(struct str *text)
{
    const char *end = memchr(text->ptr, '\n', text->len);
    struct str line = {text->ptr, end ? (size_t)(end - text->ptr) : text->len};

    *text = end ? (struct str){end + 1, text->len - line.len - 1} : STR_NONE;
    return line;
}

/* True when a line is followed by an example, and so is its heading. */
static bool heads(struct str line, struct str rest)
{
    return line.len > 0 && line.ptr[line.len - 1] == ':' && rest.len > 0 && rest.ptr[0] == ' ';
}

/* One paragraph: lines up to an empty one, an example, or a heading. */
static void put_paragraph(struct help *help, struct str first, struct str *rest)
{
    CLEANUP_BUF struct buf joined = BUF_INIT(TEXT_MAX);

    buf_put_str(&joined, first);
    while (rest->len > 0 && rest->ptr[0] != '\n' && rest->ptr[0] != ' ') {
        buf_put_byte(&joined, ' ');
        buf_put_str(&joined, take_line(rest));
    }
    buf_put_byte(&help->out, '\n');
    show_wrapped(&help->out, buf_str(&joined), 0, help->width);
    buf_put_byte(&help->out, '\n');
}

/* The text below the options. */
static void put_text(struct help *help, struct str text)
{
    while (text.len > 0) {
        struct str line = take_line(&text);

        if (line.len == 0) {
            continue;
        }
        if (heads(line, text)) {
            put_heading(help, (struct str){line.ptr, line.len - 1});
        } else if (line.ptr[0] == ' ') {
            buf_put_str(&help->out, line);
            buf_put_byte(&help->out, '\n');
        } else {
            put_paragraph(help, line, &text);
        }
    }
}

/* "Usage: leat run [OPTIONS] FLOW.yaml" */
static void put_usage(struct help *help, const struct cli_command *command, const char *path)
{
    put_heading(help, STR("Usage"));
    buf_printf(&help->out, "  %s %s", path, command->subcommands ? "COMMAND" : "[OPTIONS]");
    if (!command->subcommands && command->arguments[0]) {
        buf_printf(&help->out, " %s", command->arguments);
    }
    buf_put_byte(&help->out, '\n');
}

void help_print(const struct cli_command *command, const char *path,
                const struct cli_option *common, bool colour, int width)
{
    struct help help = {.colour = colour, .width = width > WIDTH_MAX ? WIDTH_MAX : width - 1};

    buf_init(&help.out, TEXT_MAX);
    show_wrapped(&help.out, str_of(command->summary), 0, help.width);
    buf_put_byte(&help.out, '\n');
    put_usage(&help, command, path);
    if (command->subcommands) {
        put_commands(&help, command);
    } else {
        put_options(&help, command->options, common);
    }
    if (command->help) {
        put_text(&help, str_of(command->help));
    }
    if (command->subcommands) {
        buf_put_byte(&help.out, '\n');
        term_colour(&help.out, colour, TERM_DIM);
        buf_printf(&help.out, "%s COMMAND --help tells more about a command.", path);
        term_colour(&help.out, colour, TERM_PLAIN);
        buf_put_byte(&help.out, '\n');
    }
    show_flush(&help.out);
    buf_done(&help.out);
}
