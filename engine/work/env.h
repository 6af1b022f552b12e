/*
 * The environment of host processes: built from nothing, from an allow-list of names.
 */
#ifndef WORK_ENV_H
#define WORK_ENV_H

struct env;

/* PATH, LANG, LC_ALL, TZ, HOME, TMPDIR and <names> (NULL-terminated; NULL for none) with the values
 * they have in this process now; never names that steer the dynamic loader. */
struct env *env_new(const char *const *names);
/* NULL is allowed; returns NULL. */
struct env *env_free(struct env *env);
/* "NAME=value" texts, NULL-terminated, borrowed until env_free(). */
const char *const *env_list(const struct env *env);

#endif
