/*
 * See desk.h.
 */
#include "main/desk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "main/client.h"
#include "main/member.h"
#include "plug/catalogue.h"

struct desk {
    struct cli *cli;
    const char *home_before;
    char *file; /* as it was named */
};

bool desk_is_file(const char *word)
{
    size_t len = strlen(word);

    return strchr(word, '/') || (len > 3 && strcmp(word + len - 3, ".so") == 0);
}

/* Makes the home with the copy in it; the home's path on the heap, or NULL after a message. */
static char *make_home(const char *file)
{
    const char *temporary = getenv("TMPDIR");
    CLEANUP_BUF struct buf content = BUF_INIT(CATALOGUE_FILE_SIZE_MAX);
    CLEANUP_FREE char *plugins = NULL;
    CLEANUP_FREE char *copy = NULL;
    struct err_text why;
    char *home;

    if (file_read(file, &content, &why) != 0) {
        cli_error(CLI_USAGE, "%s", why.text);
        return NULL;
    }
    home = xasprintf("%s/leat-desk-XXXXXX", temporary && temporary[0] ? temporary : "/tmp");
    if (!mkdtemp(home)) {
        cli_error(CLI_NO_ENGINE, "no temporary directory can be made at %s", home);
        free(home);
        return NULL;
    }
    plugins = file_join(home, "plugins");
    copy = file_join(plugins, file_basename(file));
    if (file_mkdirs(plugins, 0700, &why) != 0 ||
        file_write(copy, content.data, content.len, 0600, &why) != 0) {
        cli_error(CLI_NO_ENGINE, "%s", why.text);
        file_remove_tree(home, NULL);
        free(home);
        return NULL;
    }
    return home;
}

int desk_open(struct cli *cli, const char *file, struct desk **ret_desk)
{
    char *home = make_home(file);
    struct desk *desk;

    if (!home) {
        return CLI_USAGE;
    }
    desk = xcalloc(1, sizeof(*desk));
    desk->cli = cli;
    desk->home_before = cli->home;
    desk->file = xstrdup(file);
    cli->home = home;
    *ret_desk = desk;
    return CLI_OK;
}

struct desk *desk_close(struct desk *desk)
{
    if (desk) {
        desk->cli->client = client_close(desk->cli->client);
        file_remove_tree(desk->cli->home, NULL);
        free((void *)(uintptr_t)desk->cli->home);
        desk->cli->home = desk->home_before;
        free(desk->file);
        free(desk);
    }
    return NULL;
}

int desk_name(struct desk *desk, char **ret_name)
{
    struct api_response response;
    struct val_iter iter;
    struct val item;
    int code = client_get(desk->cli, "GET", "/plugins", VAL_NONE, &response);

    if (code != CLI_OK) {
        return code;
    }
    code = CLI_USAGE;
    iter = member_iter(api_response_value(&response), "items");
    while (code != CLI_OK && val_next(&iter, NULL, &item)) {
        if (member_true(item, "bundled")) {
            continue;
        }
        if (str_is(member_text(item, "status"), "ok")) {
            *ret_name = str_dup(member_text(item, "name"));
            code = CLI_OK;
        } else {
            cli_error(CLI_USAGE, "%s %.*s", desk->file, STR_ARGS(member_text(item, "reason")));
            break;
        }
    }
    if (code != CLI_OK && !item.ptr) {
        cli_error(CLI_USAGE, "%s is no plugin: its name must end with .so", desk->file);
    }
    api_response_done(&response);
    return code;
}
