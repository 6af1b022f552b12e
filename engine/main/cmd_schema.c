/*
 * `leat schema`: the JSON Schema of flow files. Needs no engine.
 */
#include "main/commands.h"
#include "main/show.h"
#include "model/schema.h"

/* leat schema */
static int run(struct cli *cli, const struct cli_args *args)
{
    CLEANUP_BUF struct buf schema = BUF_INIT(SHOW_MAX);

    (void)cli;
    (void)args;
    schema_flow(&schema);
    return show_json((struct val){schema.data, schema.len});
}

const struct cli_command cmd_schema = {
    .name = "schema",
    .arguments = "",
    .summary = "Print the JSON Schema of flow files, for editors",
    .help = "Editors with a YAML language server complete and check flow files with it:\n"
            "  leat schema > flow.schema.json\n"
            "and as the first line of a flow file:\n"
            "  # yaml-language-server: $schema=../flow.schema.json",
    .run = run,
};
