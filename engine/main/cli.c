/*
 * See cli.h: finding the command, reading its options with getopt_long, and printing help from the
 * same tables.
 */
#include "main/cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/must.h"
#include "base/suggest.h"
#include "main/client.h"
#include "main/help.h"
#include "main/home.h"
#include "main/term.h"

enum { PATH_SIZE = 256, WIDTH_DEFAULT = 80, WIDTH_MIN = 20, ERROR_SIZE = 64 * 1024 };

/* What every command understands. */
static const struct cli_option common_options[] = {
    {"output", 'o', "FORMAT", "text (the default) or json", false},
    {"home", 0, "DIR", "the home to work in; see leat --help", false},
    {"help", 'h', NULL, "print this help", false},
    {NULL, 0, NULL, NULL, false},
};

/* ---- what was given ------------------------------------------------------------------------- */

const char *cli_value_at(const struct cli_args *args, const char *name, int index)
{
    for (int i = 0; i < args->given_count; i++) {
        if (strcmp(args->given[i].option->name, name) == 0 && index-- == 0) {
            return args->given[i].value ? args->given[i].value : "";
        }
    }
    return NULL;
}

const char *cli_value(const struct cli_args *args, const char *name)
{
    return cli_value_at(args, name, 0);
}

bool cli_given(const struct cli_args *args, const char *name)
{
    return cli_value(args, name) != NULL;
}

bool cli_number(const struct cli_args *args, const char *name, long min, long max, long *ret)
{
    const char *text = cli_value(args, name);
    char *end;
    long number;

    if (!text) {
        return true;
    }
    errno = 0;
    number = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || number < min || number > max) {
        cli_error(CLI_USAGE, "--%s wants a whole number from %ld to %ld, not \"%s\"", name, min,
                  max, text);
        return false;
    }
    *ret = number;
    return true;
}

int cli_error(int exit_code, const char *format, ...)
{
    CLEANUP_BUF struct buf line = BUF_INIT(ERROR_SIZE * 4);
    CLEANUP_FREE char *text = xmalloc(ERROR_SIZE);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, ERROR_SIZE, format, arguments);
    va_end(arguments);
    buf_put_str(&line, STR("leat: "));
    term_put_text(&line, str_of(text)); /* names and texts in it come from anywhere */
    buf_put_byte(&line, '\n');
    fflush(stdout);
    fwrite(line.data, 1, line.len, stderr);
    return exit_code;
}

/* What this process may show on standard output. */
static void look_around(struct cli *cli)
{
    const char *no_colour = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    struct winsize size;

    cli->terminal = isatty(STDOUT_FILENO);
    cli->colour =
        cli->terminal && !(no_colour && no_colour[0]) && !(term && strcmp(term, "dumb") == 0);
    cli->width = WIDTH_DEFAULT;
    if (cli->terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= WIDTH_MIN) {
        cli->width = size.ws_col;
    }
}

/* Prints the help of a command. */
static int print_help(const struct cli_command *command, const char *path)
{
    struct cli cli = {0};

    look_around(&cli);
    help_print(command, path, common_options, cli.colour, cli.width);
    return CLI_OK;
}

/* ---- finding the command -------------------------------------------------------------------- */

/* True when <word> names the command: its name, its plural, or its alias. */
static bool names(const struct cli_command *command, const char *word)
{
    size_t len = strlen(command->name);

    return strcmp(word, command->name) == 0 ||
           (command->alias && strcmp(word, command->alias) == 0) ||
           (command->subcommands && strncmp(word, command->name, len) == 0 &&
            strcmp(word + len, "s") == 0);
}

/* Says that there is no such command, and which one was meant. */
static int no_command(const struct cli_command *command, const char *path, const char *word)
{
    struct suggest suggest = {.word = str_of(word)};

    for (const struct cli_command *sub = command->subcommands; sub->name; sub++) {
        suggest_offer(&suggest, str_of(sub->name));
    }
    if (suggest.best.len > 0) {
        return cli_error(CLI_USAGE, "there is no command \"%s %s\"; did you mean \"%.*s\"?", path,
                         word, STR_ARGS(suggest.best));
    }
    return cli_error(CLI_USAGE, "there is no command \"%s %s\"; \"%s --help\" lists what there is",
                     path, word, path);
}

/* ---- options -------------------------------------------------------------------------------- */

/* The options of a command and the common ones, for getopt_long. */
struct option_set {
    const struct cli_option *options[CLI_OPTIONS_MAX];
    struct option longs[CLI_OPTIONS_MAX + 1];
    char letters[CLI_OPTIONS_MAX * 2 + 2];
    int count;
};

/* Adds a table of options. */
static void add_options(struct option_set *set, const struct cli_option *options)
{
    size_t len = strlen(set->letters);

    for (const struct cli_option *option = options; option && option->name; option++) {
        must(set->count < CLI_OPTIONS_MAX);
        set->options[set->count] = option;
        set->longs[set->count] =
            (struct option){option->name, option->argument ? required_argument : no_argument, NULL,
                            1000 + set->count};
        if (option->letter) {
            set->letters[len++] = option->letter;
            if (option->argument) {
                set->letters[len++] = ':';
            }
        }
        set->count++;
    }
}

/* The option behind getopt_long's answer, or NULL. */
static const struct cli_option *option_of(const struct option_set *set, int answer)
{
    if (answer >= 1000) {
        return set->options[answer - 1000];
    }
    for (int i = 0; i < set->count; i++) {
        if (set->options[i]->letter == answer) {
            return set->options[i];
        }
    }
    return NULL;
}

/* The word of the option that getopt_long() stumbled over: it names a letter in `optopt`, and a
 * long option by having gone past it. */
static void stumbled_over(char *const *argv, char *ret_word, size_t size)
{
    if (optopt > 0 && optopt < 256) {
        snprintf(ret_word, size, "-%c", optopt);
    } else {
        snprintf(ret_word, size, "%.*s", (int)strcspn(argv[optind - 1], "="), argv[optind - 1]);
    }
}

/* Says what is wrong with an option. */
static int bad_option(const struct option_set *set, const char *path, int answer, char *const *argv)
{
    char word[64];
    struct suggest suggest = {0};

    stumbled_over(argv, word, sizeof(word));
    suggest.word = str_of(word + strspn(word, "-"));
    if (answer == ':') {
        return cli_error(CLI_USAGE, "%s wants a value; see \"%s --help\"", word, path);
    }
    for (int i = 0; i < set->count; i++) {
        if (str_is(suggest.word, set->options[i]->name) && !set->options[i]->argument) {
            return cli_error(CLI_USAGE, "%s takes no value", word);
        }
        suggest_offer(&suggest, str_of(set->options[i]->name));
    }
    if (suggest.best.len > 0 && word[1] == '-') {
        return cli_error(CLI_USAGE, "there is no option \"%s\"; did you mean \"--%.*s\"?", word,
                         STR_ARGS(suggest.best));
    }
    return cli_error(CLI_USAGE, "there is no option \"%s\"; see \"%s --help\"", word, path);
}

/* Reads options and arguments; CLI_OK, or an exit code after a message. */
static int parse(const struct cli_command *command, const char *path, int argc, char **argv,
                 struct cli_args *args)
{
    struct option_set set = {.letters = ":"};
    int answer;

    add_options(&set, command->options);
    add_options(&set, common_options);
    args->command = command;
    optind = 1;
    for (answer = getopt_long(argc, argv, set.letters, set.longs, NULL); answer != -1;
         answer = getopt_long(argc, argv, set.letters, set.longs, NULL)) {
        const struct cli_option *option = option_of(&set, answer);

        if (!option) {
            return bad_option(&set, path, answer, argv);
        }
        if (args->given_count == CLI_VALUES_MAX) {
            return cli_error(CLI_USAGE, "more than %d options were given", CLI_VALUES_MAX);
        }
        if (!option->repeats && cli_given(args, option->name)) {
            return cli_error(CLI_USAGE, "--%s was given twice", option->name);
        }
        args->given[args->given_count].option = option;
        args->given[args->given_count++].value = optarg;
    }
    for (; optind < argc; optind++) {
        if (args->argument_count == CLI_ARGUMENTS_MAX) {
            return cli_error(CLI_USAGE, "more than %d arguments were given", CLI_ARGUMENTS_MAX);
        }
        args->arguments[args->argument_count++] = argv[optind];
    }
    return CLI_OK;
}

/* Checks the number of arguments. */
static int check_count(const struct cli_args *args, const char *path)
{
    const struct cli_command *command = args->command;

    if (args->argument_count < command->arguments_min) {
        return cli_error(CLI_USAGE, "\"%s\" wants %s; see \"%s --help\"", path, command->arguments,
                         path);
    }
    if (args->argument_count > command->arguments_max) {
        return cli_error(CLI_USAGE, "\"%s\" does not know what to do with \"%s\"", path,
                         args->arguments[command->arguments_max]);
    }
    return CLI_OK;
}

/* ---- running -------------------------------------------------------------------------------- */

/* Fills in how this process shows things, and where its home is. */
static int set_up(struct cli *cli, const struct cli_args *args)
{
    const char *format = cli_value(args, "output");

    if (format && strcmp(format, "json") != 0 && strcmp(format, "text") != 0) {
        return cli_error(CLI_USAGE, "--output wants text or json, not \"%s\"", format);
    }
    look_around(cli);
    cli->json = format && strcmp(format, "json") == 0;
    cli->home = home_find(cli_value(args, "home"), &cli->home_is_default);
    return CLI_OK;
}

/* Runs a leaf of the tree. */
static int run(const struct cli_command *command, const char *path, int argc, char **argv)
{
    struct cli_args *args = xcalloc(1, sizeof(*args));
    struct cli cli = {0};
    int code = parse(command, path, argc, argv, args);

    if (code == CLI_OK && cli_given(args, "help")) {
        print_help(command, path);
        free(args);
        return CLI_OK;
    }
    if (code == CLI_OK) {
        code = check_count(args, path);
    }
    if (code == CLI_OK) {
        code = set_up(&cli, args);
    }
    if (code == CLI_OK) {
        code = command->run(&cli, args);
    }
    client_close(cli.client);
    free((void *)(uintptr_t)cli.home);
    free(args);
    if (fflush(stdout) != 0 && code == CLI_OK) {
        code = cli_error(CLI_FAILED, "the output could not be written: %s", strerror(errno));
    }
    return code;
}

/* The command below <command> that <word> names, or NULL. */
static const struct cli_command *find_command(const struct cli_command *command, const char *word)
{
    for (const struct cli_command *sub = command->subcommands; sub && sub->name; sub++) {
        if (names(sub, word)) {
            return sub;
        }
    }
    return NULL;
}

/* `leat help flow-run ls` is `leat flow-run ls --help`. */
static int help_about(const struct cli_command *command, char *path, size_t size, int count,
                      char **words)
{
    for (int i = 0; i < count; i++) {
        const struct cli_command *sub = find_command(command, words[i]);

        if (!sub) {
            return command->subcommands ? no_command(command, path, words[i]) : CLI_USAGE;
        }
        snprintf(path + strlen(path), size - strlen(path), " %s", sub->name);
        command = sub;
    }
    return print_help(command, path);
}

/* True for an option that may stand before the command's last word; <ret_words> is how many
 * arguments it takes up. */
static bool leads(const char *word, int *ret_words)
{
    *ret_words =
        strcmp(word, "--home") == 0 || strcmp(word, "--output") == 0 || strcmp(word, "-o") == 0 ? 2
                                                                                                : 1;
    return *ret_words == 2 || strncmp(word, "--home=", 7) == 0 ||
           strncmp(word, "--output=", 9) == 0 || strncmp(word, "-o", 2) == 0;
}

int cli_main(const struct cli_command *root, int argc, char **argv)
{
    const struct cli_command *command = root;
    CLEANUP_FREE char **leaf_argv = xcalloc((size_t)argc + 1, sizeof(*leaf_argv));
    char path[PATH_SIZE] = "leat";
    int leaf_argc = 1; /* the leading options, moved behind the words of the command */
    int at = 1;

    while (command->subcommands) {
        const char *word = at < argc ? argv[at] : NULL;
        const struct cli_command *sub;
        int words;

        if (!word || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            print_help(command, path);
            return word ? CLI_OK : CLI_USAGE;
        }
        if (strcmp(word, "help") == 0) {
            return help_about(command, path, sizeof(path), argc - at - 1, argv + at + 1);
        }
        if (leads(word, &words)) {
            for (; words > 0 && at < argc; words--) {
                leaf_argv[leaf_argc++] = argv[at++];
            }
            continue;
        }
        sub = find_command(command, word);
        if (!sub) {
            return no_command(command, path, word);
        }
        snprintf(path + strlen(path), sizeof(path) - strlen(path), " %s", sub->name);
        command = sub;
        at++;
    }
    leaf_argv[0] = path;
    while (at < argc) {
        leaf_argv[leaf_argc++] = argv[at++];
    }
    return run(command, path, leaf_argc, leaf_argv);
}
