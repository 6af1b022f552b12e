/*
 * Environment of host processes.
 */
#include "work/env.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "work/spawner.h"

struct env {
    char *texts[SPAWNER_ENV_MAX + 1];
    unsigned count;
};

static void add(struct env *env, const char *name);
static bool has(const struct env *env, const char *name);

struct env *env_new(const char *const *names)
{
    static const char *const standard[] = {
        "PATH", "LANG", "LC_ALL", "TZ", "HOME", "TMPDIR",
    };
    struct env *env = xcalloc(1, sizeof(*env));

    for (size_t i = 0; i < sizeof(standard) / sizeof(standard[0]); i++) {
        add(env, standard[i]);
    }
    for (size_t i = 0; names && names[i]; i++) {
        add(env, names[i]);
    }
    return env;
}

struct env *env_free(struct env *env)
{
    if (!env) {
        return NULL;
    }
    for (unsigned i = 0; i < env->count; i++) {
        free(env->texts[i]);
    }
    free(env);
    return NULL;
}

const char *const *env_list(const struct env *env)
{
    return (const char *const *)env->texts;
}

/* Takes over one name if it is set, allowed and new. */
static void add(struct env *env, const char *name)
{
    const char *value = getenv(name);

    if (!value || strncmp(name, "LD_", 3) == 0 || has(env, name) || env->count == SPAWNER_ENV_MAX) {
        return;
    }
    env->texts[env->count++] = xasprintf("%s=%s", name, value);
}

/* True when <name> is in the list. */
static bool has(const struct env *env, const char *name)
{
    size_t len = strlen(name);

    for (unsigned i = 0; i < env->count; i++) {
        if (strncmp(env->texts[i], name, len) == 0 && env->texts[i][len] == '=') {
            return true;
        }
    }
    return false;
}
