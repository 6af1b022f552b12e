/*
 * See home.h.
 */
#include "main/home.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

/* The nearest directory with a leat.yaml from here upwards, or NULL. */
static char *find_project(void)
{
    char *dir = file_absolute(".");

    for (;;) {
        CLEANUP_FREE char *file = file_join(dir, "leat.yaml");
        char *parent;

        if (file_exists(file)) {
            return dir;
        }
        parent = file_dirname(dir);
        if (strcmp(parent, dir) == 0) {
            free(parent);
            free(dir);
            return NULL;
        }
        free(dir);
        dir = parent;
    }
}

/* Where the home is when nothing names one. */
static char *default_home(void)
{
    const char *data = getenv("XDG_DATA_HOME");
    const char *user = getenv("HOME");

    if (data && data[0] == '/') {
        return file_join(data, "leat");
    }
    return xasprintf("%s/.local/share/leat", user && user[0] == '/' ? user : "/tmp");
}

char *home_find(const char *given, bool *ret_is_default)
{
    const char *variable = getenv("LEAT_HOME");
    char *project;

    *ret_is_default = false;
    if (given && given[0] != '\0') {
        return file_absolute(given);
    }
    if (variable && variable[0] != '\0') {
        return file_absolute(variable);
    }
    project = find_project();
    if (project) {
        return project;
    }
    *ret_is_default = true;
    return default_home();
}

char *home_bundled_plugins(void)
{
    static const char *const places[] = {"plugins", "../lib/leat/plugins"};
    char exe[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
    CLEANUP_FREE char *dir = NULL;

    if (len <= 0) {
        return NULL;
    }
    exe[len] = '\0';
    dir = file_dirname(exe);
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        CLEANUP_FREE char *joined = file_join(dir, places[i]);
        char *path = file_absolute(joined);

        if (file_is_dir(path)) {
            return path;
        }
        free(path);
    }
    return NULL;
}
