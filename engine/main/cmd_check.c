/*
 * `leat check`: every mistake of flow files at once, those of the subflows they call included.
 * Needs no engine: it looks at the plugins itself.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/map.h"
#include "base/mem.h"
#include "drive/flow_file.h"
#include "main/commands.h"
#include "main/config.h"
#include "main/home.h"
#include "main/show.h"
#include "main/term.h"
#include "plug/catalogue.h"
#include "value/pack.h"
#include "work/describe.h"
#include "work/spawner.h"

enum { PROBLEMS_MAX = 16 * 1024 * 1024, FILES_MAX = 1000 };

/* A check of some files. */
struct check {
    const struct cli *cli;
    struct config *config;
    struct spawner *spawner;
    struct catalogue *catalogue;
    struct map *seen; /* absolute paths */
    char **files;     /* as they are shown; those of subflows are added */
    int file_count;
    int failed;
    struct buf out;
    uint32_t items; /* of the document */
};

/* Reads settings and plugins; an exit code. */
static int prepare(struct check *check)
{
    CLEANUP_FREE char *bundled = home_bundled_plugins();
    CLEANUP_BUF struct buf problems = BUF_INIT(PROBLEMS_MAX);
    struct err_text why;

    if (config_load(check->cli->home, check->cli->colour, &check->config, &problems) != 0) {
        fputs(buf_cstr(&problems), stderr);
        return CLI_USAGE;
    }
    if (spawner_new(&check->spawner, &why) != 0) {
        return cli_error(CLI_NO_ENGINE, "%s", why.text);
    }
    check->catalogue = catalogue_new(check->cli->home, bundled, describe_plugin, check->spawner);
    if (catalogue_scan(check->catalogue, &why) != 0) {
        return cli_error(CLI_NO_ENGINE, "%s", why.text);
    }
    return CLI_OK;
}

/* Adds a file to be checked, once. */
static void add_file(struct check *check, const char *path)
{
    CLEANUP_FREE char *absolute = file_absolute(path);

    if (map_get(check->seen, str_of(absolute)) || check->file_count == FILES_MAX) {
        return;
    }
    map_put(check->seen, str_of(absolute), check);
    check->files = xreallocarray(check->files, (size_t)check->file_count + 1, sizeof(char *));
    check->files[check->file_count++] = xstrdup(path);
}

/* Adds the files of the flows that <flow> calls. */
static void add_subflows(struct check *check, const struct flow *flow, const char *file)
{
    for (uint32_t i = 0; i < flow->step_count; i++) {
        char *path;

        if (flow->steps[i].target_kind != FLOW_TARGET_FLOW) {
            continue;
        }
        path = flow_file_find(check->cli->home, file, flow->steps[i].target);
        if (path) {
            add_file(check, path);
        }
        free(path);
    }
}

/* The verdict on one file as a member of the document. */
static void put_item(struct check *check, const char *file, const struct flow *flow,
                     struct diag_list *diags)
{
    struct buf *out = &check->out;

    pack_map(out, flow ? 6 : 3);
    pack_cstr(out, "file");
    pack_text(out, str_of(file));
    pack_cstr(out, "ok");
    pack_bool(out, flow != NULL);
    if (flow) {
        pack_cstr(out, "flow");
        pack_text(out, flow->name);
        pack_cstr(out, "steps");
        pack_uint(out, flow->step_count);
        pack_cstr(out, "params");
        pack_uint(out, flow->param_count);
    }
    pack_cstr(out, "problems");
    diag_pack(diags, out);
    check->items++;
}

/* The verdict on one file for people: "flows/x.yaml: ok (flow train, 6 steps, 2 params)". */
static void put_line(struct check *check, const char *file, const struct flow *flow,
                     struct diag_list *diags)
{
    struct buf *out = &check->out;

    if (diag_count(diags) > 0) {
        diag_render(diags, check->cli->colour, out);
    }
    if (flow) {
        term_put_text(out, str_of(file));
        buf_put_str(out, STR(": "));
        term_colour(out, check->cli->colour, TERM_GREEN);
        buf_put_str(out, STR("ok"));
        term_colour(out, check->cli->colour, TERM_PLAIN);
        buf_put_str(out, STR(" (flow "));
        term_put_text(out, flow->name);
        buf_put_str(out, STR(", "));
        show_count(out, flow->step_count, "step", "steps");
        buf_put_str(out, STR(", "));
        show_count(out, flow->param_count, "param", "params");
        buf_put_str(out, STR(")\n"));
    }
    show_flush(out);
}

/* Checks one file. */
static void check_file(struct check *check, const char *file)
{
    const struct flow_file_names names = {check->cli->home, check->catalogue,
                                          config_settings(check->config)};
    CLEANUP_BUF struct buf text = BUF_INIT(FLOW_TEXT_MAX);
    struct err_text why;
    struct flow *flow = NULL;
    int err = file_read(file, &text, &why);
    struct diag_list *diags = diag_new(file, err ? STR_NONE : buf_str(&text));

    if (err) {
        diag_add(diags, DIAG_ERROR, (struct diag_place){0, 0}, STR_NONE, NULL, "%s", why.text);
    } else {
        err = flow_file_parse(&names, buf_str(&text), file, true, diags, &flow);
    }
    if (err) {
        check->failed++;
    } else {
        add_subflows(check, flow, file);
    }
    if (check->cli->json) {
        put_item(check, file, flow, diags);
    } else {
        put_line(check, file, flow, diags);
    }
    flow_unref(flow);
    diag_free(diags);
}

/* Checks all files and prints the verdicts; an exit code. */
static int check_all(struct check *check, const struct cli_args *args)
{
    size_t place = 0;

    for (int i = 0; i < args->argument_count; i++) {
        add_file(check, args->arguments[i]);
    }
    if (check->cli->json) {
        pack_map(&check->out, 1);
        pack_cstr(&check->out, "items");
        place = pack_list_open(&check->out);
    }
    for (int i = 0; i < check->file_count; i++) { /* grows meanwhile */
        check_file(check, check->files[i]);
    }
    if (check->cli->json) {
        pack_close(&check->out, place, check->items);
        show_json((struct val){check->out.data, check->out.len});
    }
    return check->failed > 0 ? CLI_USAGE : CLI_OK;
}

/* leat check */
static int run(struct cli *cli, const struct cli_args *args)
{
    struct check check = {.cli = cli, .seen = map_new()};
    int code;

    buf_init(&check.out, SHOW_MAX);
    code = prepare(&check);
    if (code == CLI_OK) {
        code = check_all(&check, args);
    }
    for (int i = 0; i < check.file_count; i++) {
        free(check.files[i]);
    }
    free(check.files);
    buf_done(&check.out);
    map_free(check.seen);
    catalogue_free(check.catalogue);
    spawner_free(check.spawner);
    config_free(check.config);
    return code;
}

const struct cli_command cmd_check = {
    .name = "check",
    .arguments = "FLOW.yaml...",
    .arguments_min = 1,
    .arguments_max = CLI_ARGUMENTS_MAX,
    .summary = "Find every mistake in flow files without running them",
    .help =
        "Checks the form of the file, names of tasks, flows, steps and parameters, types of\n"
        "literal values, circles, and that all expressions compile; and the same in the subflows\n"
        "that are called. The exit code is 2 when there are errors.\n"
        "\n"
        "Examples:\n"
        "  leat check flows/*.yaml\n"
        "  leat check flows/train.yaml -o json | jq '.items[].problems[]'",
    .run = run,
};
