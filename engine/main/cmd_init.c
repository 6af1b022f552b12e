/*
 * `leat init`: a small project to start from. Its flows run as they are with the bundled plugins.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "main/commands.h"
#include "main/show.h"
#include "main/term.h"
#include "value/pack.h"

/* Uncommented, every setting below is its default. */
static const char settings_text[] =
    "# Settings of this home. Everything is optional; what stands here commented is the default.\n"
    "# `leat config view` shows what is in effect. The environment overrules: LEAT_HOSTS_MAX=8.\n"
    "\n"
    "# hosts:\n"
    "#   max: 32            # host processes at once; plugins run in them, never in the engine\n"
    "#   calls: 100000      # calls after which a host process is replaced\n"
    "#   grace: 5s          # from a polite request to stop until SIGTERM\n"
    "#   env: []            # variables that hosts inherit, such as SSL_CERT_FILE\n"
    "\n"
    "# store:\n"
    "#   size_max: 64GiB    # most bytes the store may use\n"
    "\n"
    "# vars:                # what ${vars.NAME} means in flows\n"
    "#   region: eu\n"
    "\n"
    "# notifiers:           # names for notifiers with their parameters\n"
    "#   team: { via: webhook, with: { url: \"https://example.org/hook\" } }\n"
    "\n"
    "# notify:              # rules for all flows; flows may have rules of their own\n"
    "#   - { on: [Failed, Crashed], via: log }\n";

static const char hello_text[] =
    "# The smallest useful flow: one parameter, one step, one result.\n"
    "#\n"
    "#   leat run flows/hello.yaml -p who=Ada\n"
    "flow: hello\n"
    "description: Say hello to somebody.\n"
    "params:\n"
    "  who: { type: string, default: world, min_length: 1, description: Whom to greet. }\n"
    "steps:\n"
    "  greet:\n"
    "    task: exec.run\n"
    "    with:\n"
    "      command: [echo, \"Hello, ${params.who}!\"]\n"
    "      parse: lines\n"
    "output: \"${steps.greet.stdout[0]}\"\n";

static const char pipeline_text[] =
    "# Data, work on each item in parallel, a summary, a file. Run it twice: what has not changed\n"
    "# is taken from the cache. Give more days: only the new ones are worked on.\n"
    "#\n"
    "#   leat run flows/pipeline.yaml\n"
    "#   leat run flows/pipeline.yaml -p days=30\n"
    "flow: pipeline\n"
    "description: Make up some days of weather and report on them.\n"
    "params:\n"
    "  days: { type: int, default: 10, min: 1, max: 366, description: How many days to make up. }\n"
    "  report: { type: string, default: report.json, description: Where the report goes. }\n"
    "cache: inputs\n"
    "task_runner: { width: 4 }\n"
    "steps:\n"
    "  days:\n"
    "    task: exec.run\n"
    "    with: { shell: \"seq ${params.days}\", parse: lines }\n"
    "  measure:\n"
    "    task: exec.run\n"
    "    map: \"${steps.days.stdout}\"       # once for each day, four at a time\n"
    "    with:\n"
    "      shell: |\n"
    "        sleep 0.3\n"
    "        awk -v day=\"$DAY\" 'BEGIN { srand(day); print int(rand() * 300) / 10 }'\n"
    "      env: { DAY: \"${item}\" }\n"
    "      parse: json                     # the number that awk prints is JSON already\n"
    "    retries: 2\n"
    "    retry_delay: 1s\n"
    "    timeout: 10s\n"
    "  report:\n"
    "    task: json.write\n"
    "    with:\n"
    "      path: \"${params.report}\"\n"
    "      value:\n"
    "        days: \"${steps.measure | length}\"\n"
    "        warmest: \"${[steps.measure[].stdout] | max}\"\n"
    "        mean: \"${[steps.measure[].stdout] | add / length}\"\n"
    "output: \"${steps.report.path}\"\n";

static const char plugins_text[] =
    "# Plugins\n"
    "\n"
    "Every shared object in this directory is a plugin; its tasks can be used in flows at once.\n"
    "This is one, whole:\n"
    "\n"
    "```c\n"
    "#include <leat/plugin.h>\n"
    "\n"
    "/* Greets one person by name and returns the sentence. */\n"
    "static leat_status greet(leat_call *call)\n"
    "{\n"
    "    leat_str who = leat_param_str(call, \"who\");\n"
    "\n"
    "    leat_info(call, \"greeting %.*s\", LEAT_STRF(who));\n"
    "    return leat_result_fmt(call, \"text\", \"Hello, %.*s!\", LEAT_STRF(who));\n"
    "}\n"
    "\n"
    "LEAT_PLUGIN(\"example.hello\", \"1.0.0\", \"Says hello\",\n"
    "            LEAT_TASK(greet, \"hello.greet\", \"Greet one person by name\",\n"
    "                      LEAT_STRING(\"who\", \"world\", \"Whom to greet\")));\n"
    "```\n"
    "\n"
    "    cc -shared -fPIC -o plugins/hello.so hello.c\n"
    "    leat plugin check plugins/hello.so\n"
    "    leat plugin run plugins/hello.so hello.greet -p who=Ada\n"
    "\n"
    "Only you may be able to change this directory and the files in it. `leat plugin ls` says why\n"
    "a file is refused.\n";

static const char ignore_text[] = "/blobs/\n/run/\n/store/\n/work/\n/report.json\n*.so\n";

static const struct {
    const char *path;
    const char *text;
    const char *what;
} files[] = {
    {"leat.yaml", settings_text, "settings, all optional"},
    {"flows/hello.yaml", hello_text, "the smallest useful flow"},
    {"flows/pipeline.yaml", pipeline_text, "steps, a map, retries, the cache"},
    {"plugins/README.md", plugins_text, "how to make a plugin"},
    {".gitignore", ignore_text, "what to keep out of git"},
};

enum { FILES = sizeof(files) / sizeof(files[0]) };

/* Refuses to touch what is there. */
static int check_free(const char *dir)
{
    for (size_t i = 0; i < FILES; i++) {
        CLEANUP_FREE char *path = file_join(dir, files[i].path);

        if (file_exists(path)) {
            return cli_error(CLI_USAGE, "%s is there already; nothing was changed", path);
        }
    }
    return CLI_OK;
}

/* Writes the files. Directories are made so that only the user may change plugins. */
static int write_files(const char *dir)
{
    struct err_text why;

    for (size_t i = 0; i < FILES; i++) {
        CLEANUP_FREE char *path = file_join(dir, files[i].path);
        CLEANUP_FREE char *parent = file_dirname(path);

        if (file_mkdirs(parent, 0755, &why) != 0 ||
            file_write(path, files[i].text, strlen(files[i].text), 0644, &why) != 0) {
            return cli_error(CLI_USAGE, "%s", why.text);
        }
    }
    return CLI_OK;
}

/* Says what was made and what to do next. */
static void tell(const struct cli *cli, const char *dir)
{
    CLEANUP_BUF struct buf out = BUF_INIT(SHOW_MAX);
    bool here = strcmp(dir, ".") == 0;

    buf_put_str(&out, STR("Made a project in "));
    term_put_text(&out, here ? STR("this directory") : str_of(dir));
    buf_put_str(&out, STR(":\n"));
    for (size_t i = 0; i < FILES; i++) {
        buf_printf(&out, "  %-20s  ", files[i].path);
        term_colour(&out, cli->colour, TERM_DIM);
        buf_put_str(&out, str_of(files[i].what));
        term_colour(&out, cli->colour, TERM_PLAIN);
        buf_put_byte(&out, '\n');
    }
    buf_put_str(&out, STR("\nNext:\n"));
    if (!here) {
        buf_put_str(&out, STR("  cd "));
        term_put_text(&out, str_of(dir));
        buf_put_byte(&out, '\n');
    }
    buf_put_str(&out,
                STR("  leat run flows/hello.yaml -p who=Ada\n"
                    "  leat run flows/pipeline.yaml          # and once more\n"
                    "  leat cache explain @last/measure[0]   # why it was or was not run again\n"
                    "  leat flow-run inspect @last\n"));
    show_flush(&out);
}

/* The document: what was made where. */
static void print_document(const char *dir)
{
    CLEANUP_BUF struct buf out = BUF_INIT(SHOW_MAX);
    CLEANUP_FREE char *absolute = file_absolute(dir);

    pack_map(&out, 2);
    pack_cstr(&out, "directory");
    pack_text(&out, str_of(absolute));
    pack_cstr(&out, "files");
    pack_list(&out, FILES);
    for (size_t i = 0; i < FILES; i++) {
        pack_cstr(&out, files[i].path);
    }
    show_json((struct val){out.data, out.len});
}

/* leat init */
static int run(struct cli *cli, const struct cli_args *args)
{
    const char *dir = args->argument_count > 0 ? args->arguments[0] : ".";
    int code = check_free(dir);

    if (code == CLI_OK) {
        code = write_files(dir);
    }
    if (code != CLI_OK) {
        return code;
    }
    if (cli->json) {
        print_document(dir);
    } else {
        tell(cli, dir);
    }
    return CLI_OK;
}

const struct cli_command cmd_init = {
    .name = "init",
    .arguments = "[DIR]",
    .arguments_max = 1,
    .summary = "Make a small project to start from",
    .help =
        "Writes leat.yaml, two flows that run as they are, and a place for plugins, into DIR or\n"
        "the current directory. A file that is there already is never touched. A directory with\n"
        "a leat.yaml is a home for all commands that are called in it or below.",
    .run = run,
};
