/*
 * See plugin_check.h. The rules are those of the three doors that lead into the catalogue (see
 * plug/catalogue.h) and, behind them, what people need to use a plugin: words about everything. The
 * file's code runs only in a child process, and nothing is kept.
 */
#include "main/plugin_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "main/show.h"
#include "main/term.h"
#include "plug/catalogue.h"
#include "plug/manifest.h"
#include "plug/probe.h"
#include "value/pack.h"
#include "work/describe.h"
#include "work/spawner.h"

enum { TEXT_MAX = 64 * 1024, RULE_COLUMNS = 12, NAMED_MAX = 10 };

enum verdict { PASS, WARN, FAIL, SKIP };

/* A check of one file. */
struct check {
    const struct cli *cli;
    const char *file;
    char *absolute;
    char *home; /* temporary, for copies */
    struct spawner *spawner;
    struct copies *copies;
    struct index *index;
    const struct plug_plugin *plugin; /* NULL while the doors are shut */
    struct buf out;                   /* lines, or members of the document */
    uint32_t rules;
    uint32_t broken;
};

static const char *const verdict_words[] = {"pass", "warn", "fail", "skip"};

/* Adds the verdict on one rule. */
static void put_rule(struct check *check, enum verdict verdict, const char *rule, struct str text)
{
    static const char *const signs[] = {"✓", "!", "✗", "–"};
    static const enum term_colour colours[] = {TERM_GREEN, TERM_YELLOW, TERM_RED, TERM_DIM};
    struct buf *out = &check->out;

    check->rules++;
    check->broken += verdict == FAIL;
    if (check->cli->json) {
        pack_map(out, 3);
        pack_cstr(out, "rule");
        pack_cstr(out, rule);
        pack_cstr(out, "verdict");
        pack_cstr(out, verdict_words[verdict]);
        pack_cstr(out, "text");
        pack_text(out, text);
        return;
    }
    term_colour(out, check->cli->colour, colours[verdict]);
    buf_printf(out, "%s %-*s", signs[verdict], RULE_COLUMNS, rule);
    term_colour(out, check->cli->colour, TERM_PLAIN);
    show_wrapped(out, text, RULE_COLUMNS + 2,
                 check->cli->terminal ? check->cli->width - RULE_COLUMNS - 3 : INT32_MAX);
    buf_put_byte(out, '\n');
}

/* Makes what the doors need; an exit code. */
static int prepare(struct check *check)
{
    const char *temporary = getenv("TMPDIR");
    struct err_text why;

    if (!file_exists(check->file)) {
        return cli_error(CLI_USAGE, "there is no file %s", check->file);
    }
    check->home = xasprintf("%s/leat-check-XXXXXX", temporary && temporary[0] ? temporary : "/tmp");
    if (!mkdtemp(check->home)) {
        check->home = (free(check->home), NULL);
        return cli_error(CLI_NO_ENGINE, "no temporary directory can be made");
    }
    check->copies = copies_new(check->home);
    check->index = index_new();
    if (spawner_new(&check->spawner, &why) != 0 || copies_open(check->copies, &why) != 0) {
        return cli_error(CLI_NO_ENGINE, "%s", why.text);
    }
    return CLI_OK;
}

/* Takes the file through the doors, with a child process or without. */
static int probe(struct check *check, bool describe, struct probe_result *ret_result)
{
    struct probe probe = {.copies = check->copies,
                          .index = check->index,
                          .describe = describe ? describe_plugin : NULL,
                          .user = check->spawner,
                          .wall_us = clock_wall_us(&clock_real)};
    struct err_text why;

    if (probe_file(&probe, check->absolute, ret_result, &why) != 0) {
        return cli_error(CLI_NO_ENGINE, "%s", why.text);
    }
    return CLI_OK;
}

/* The file by itself and the directory around it. */
static void check_place(struct check *check, const struct probe_result *result, bool marked)
{
    CLEANUP_FREE char *dir = file_dirname(check->absolute);
    struct err_text why;

    if (result->status == PROBE_REFUSED && (marked || !result->read)) {
        put_rule(check, FAIL, "file", str_of(result->reason.text));
    } else {
        put_rule(check, PASS, "file", STR("is a regular file that nobody else can change"));
    }
    if (probe_dir(dir, &why) != 0) {
        put_rule(check, WARN, "directory",
                 str_of(why.text)); /* it counts for the directory it will be installed to */
    }
}

/* The marker, read without running anything. */
static bool check_marker(struct check *check, bool judge)
{
    CLEANUP_BUF struct buf content = BUF_INIT(CATALOGUE_FILE_SIZE_MAX);
    CLEANUP_BUF struct buf text = BUF_INIT(TEXT_MAX);
    struct manifest manifest;
    struct err_text why;
    bool sound = file_read(check->file, &content, &why) == 0 &&
                 manifest_read(content.data, content.len, &manifest, NULL, &why) == 0;

    if (!judge) {
        return sound;
    }
    if (!sound) {
        put_rule(check, FAIL, "marker", str_of(why.text));
        return false;
    }
    buf_printf(&text, "names plugin %s %s for ABI %u.%u", manifest.name, manifest.version,
               (unsigned)manifest.abi_major, (unsigned)manifest.abi_minor);
    put_rule(check, PASS, "marker", buf_str(&text));
    if (manifest.search_path[0] != '\0') {
        buf_clear(&text);
        buf_printf(&text, "pulls libraries from \"%s\" (RPATH or RUNPATH); link without -rpath",
                   manifest.search_path);
        put_rule(check, WARN, "libraries", buf_str(&text));
    }
    return true;
}

/* What the child process found in the descriptor. */
static void check_descriptor(struct check *check, const struct probe_result *result)
{
    CLEANUP_BUF struct buf text = BUF_INIT(TEXT_MAX);
    uint32_t params = 0;
    uint32_t defaults = 0;

    if (result->status != PROBE_OK) {
        put_rule(check, FAIL, "descriptor", str_of(result->reason.text));
        return;
    }
    check->plugin = result->plugin;
    for (uint32_t i = 0; i < check->plugin->part_count; i++) {
        const struct plug_part *part = &check->plugin->parts[i];

        params += part->param_count;
        for (uint32_t p = 0; p < part->param_count; p++) {
            defaults += part->params[p].fallback.ptr != NULL;
        }
    }
    put_rule(check, PASS, "descriptor", STR("loads in a process of its own and keeps the rules"));
    show_count(&text, check->plugin->part_count, "part with ", "parts with ");
    show_count(&text, params, "parameter", "parameters");
    put_rule(check, check->plugin->part_count > 0 ? PASS : FAIL, "parts", buf_str(&text));
    buf_clear(&text);
    show_count(&text, defaults, "default fits its type", "defaults fit their types");
    put_rule(check, PASS, "defaults", buf_str(&text));
}

/* Names one thing without words. */
static void name_mute(struct buf *text, uint32_t *mute, const char *part, struct str param)
{
    if (++*mute > NAMED_MAX) {
        return;
    }
    buf_printf(text, "%s%s", *mute > 1 ? ", " : "", part);
    if (param.len > 0) {
        buf_printf(text, ".%.*s", STR_ARGS(param));
    }
}

/* Words about the plugin, each part and each parameter. */
static void check_words(struct check *check)
{
    CLEANUP_BUF struct buf text = BUF_INIT(TEXT_MAX);
    const struct plug_plugin *plugin = check->plugin;
    uint32_t mute = 0;

    buf_put_str(&text, STR("nothing says what these are for: "));
    if (plugin->summary[0] == '\0') {
        name_mute(&text, &mute, "the plugin", STR_NONE);
    }
    for (uint32_t i = 0; i < plugin->part_count; i++) {
        const struct plug_part *part = &plugin->parts[i];

        if (part->summary[0] == '\0') {
            name_mute(&text, &mute, part->type, STR_NONE);
        }
        for (uint32_t p = 0; p < part->param_count; p++) {
            if (part->params[p].doc.len == 0) {
                name_mute(&text, &mute, part->type, part->params[p].name);
            }
        }
    }
    if (mute > NAMED_MAX) {
        buf_printf(&text, " and %u more", mute - NAMED_MAX);
    }
    if (mute > 0) {
        put_rule(check, FAIL, "words", buf_str(&text));
    } else {
        put_rule(check, PASS, "words", STR("every part and parameter says what it is for"));
    }
}

/* All rules in order; CLI_OK when they could be looked at. */
static int check_rules(struct check *check)
{
    bool marked = check_marker(check, false);
    struct probe_result result;
    int code = probe(check, false, &result);

    if (code != CLI_OK) {
        return code;
    }
    check_place(check, &result, marked);
    check_marker(check, true);
    if (check->broken == 0) {
        code = probe(check, true, &result);
        if (code != CLI_OK) {
            return code;
        }
        check_descriptor(check, &result);
    }
    if (check->plugin) {
        check_words(check);
    } else {
        put_rule(check, SKIP, "the rest", STR("can not be looked at before that is mended"));
    }
    return CLI_OK;
}

/* Prints lines and total, or the document. */
static void print(struct check *check)
{
    if (check->cli->json) {
        CLEANUP_BUF struct buf document = BUF_INIT(SHOW_MAX);

        pack_map(&document, 3);
        pack_cstr(&document, "file");
        pack_text(&document, str_of(check->file));
        pack_cstr(&document, "ok");
        pack_bool(&document, check->broken == 0);
        pack_cstr(&document, "rules");
        pack_list(&document, check->rules);
        buf_put_str(&document, buf_str(&check->out));
        show_json((struct val){document.data, document.len});
        return;
    }
    term_put_text(&check->out, str_of(check->file));
    buf_put_str(&check->out, STR(": "));
    term_colour(&check->out, check->cli->colour, check->broken ? TERM_RED : TERM_GREEN);
    if (check->broken > 0) {
        show_count(&check->out, check->broken, "broken rule", "broken rules");
    } else {
        buf_put_str(&check->out, STR("ok"));
    }
    term_colour(&check->out, check->cli->colour, TERM_PLAIN);
    buf_put_byte(&check->out, '\n');
    show_flush(&check->out);
}

int plugin_check(struct cli *cli, const struct cli_args *args)
{
    struct check check = {
        .cli = cli, .file = args->arguments[0], .absolute = file_absolute(args->arguments[0])};
    int code;

    buf_init(&check.out, SHOW_MAX);
    code = prepare(&check);
    if (code == CLI_OK) {
        code = check_rules(&check);
    }
    if (code == CLI_OK) {
        print(&check);
        code = check.broken > 0 ? CLI_USAGE : CLI_OK;
    }
    buf_done(&check.out);
    index_free(check.index);
    copies_free(check.copies);
    spawner_free(check.spawner);
    if (check.home) {
        file_remove_tree(check.home, NULL);
    }
    free(check.home);
    free(check.absolute);
    return code;
}
