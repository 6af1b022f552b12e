/*
 * `leat version`: what this program is. Needs no engine.
 */
#include <stdio.h>

#include <leat/abi.h>

#include "main/commands.h"
#include "main/show.h"
#include "main/version.h"
#include "value/pack.h"

/* leat version */
static int run(struct cli *cli, const struct cli_args *args)
{
    CLEANUP_BUF struct buf out = BUF_INIT(1024);

    (void)args;
    if (!cli->json) {
        printf("leat %s (plugin ABI %d.%d)\n", VERSION_TEXT, LEAT_ABI_MAJOR, LEAT_ABI_MINOR);
        return CLI_OK;
    }
    pack_map(&out, 2);
    pack_cstr(&out, "version");
    pack_cstr(&out, VERSION_TEXT);
    pack_cstr(&out, "abi");
    pack_map(&out, 2);
    pack_cstr(&out, "major");
    pack_uint(&out, LEAT_ABI_MAJOR);
    pack_cstr(&out, "minor");
    pack_uint(&out, LEAT_ABI_MINOR);
    return show_json((struct val){out.data, out.len});
}

const struct cli_command cmd_version = {
    .name = "version",
    .alias = "--version",
    .arguments = "",
    .summary = "Print the version of leat and of its plugin ABI",
    .run = run,
};
