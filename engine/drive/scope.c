/*
 * See scope.h.
 */
#include "drive/scope.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/must.h"
#include "value/pack.h"

_Static_assert((int)UUID_TEXT_SIZE >= (int)CLOCK_TEXT_SIZE, "one text serves both");

enum { NAME_MAX_BYTES = 256 };

static int lookup(void *user, enum ref_root root, struct str name, struct val *ret_value);

void scope_init(struct scope *scope, struct engine *engine, struct run *run,
                const struct task *task)
{
    *scope = (struct scope){.engine = engine, .run = run, .task = task, .state = STATE_NONE};
    scope->tmpl.lookup = lookup;
    scope->tmpl.user = scope;
}

void scope_done(struct scope *scope)
{
    for (uint32_t i = 0; i < scope->made_count; i++) {
        buf_done(&scope->made[i]);
    }
    scope->made_count = 0;
}

struct val scope_item(const struct run *run, const struct task *task)
{
    const struct step_data *step = &run_data(run)->steps[task->step];

    if (task->map_index < 0 || (uint32_t)task->map_index >= step->list_count) {
        return VAL_NONE;
    }
    return val_here(step->list.ptr + step->offsets[task->map_index]);
}

const char *scope_secret(struct str name)
{
    char variable[NAME_MAX_BYTES + 16] = "LEAT_SECRET_";
    size_t len = strlen(variable);

    if (name.len > NAME_MAX_BYTES) {
        return NULL;
    }
    for (size_t i = 0; i < name.len; i++) {
        int c = toupper((unsigned char)name.ptr[i]);
        variable[len + i] = (char)(isalnum(c) ? c : '_');
    }
    return getenv(variable);
}

/* A place for a value that only this evaluation needs. The few places are reused in turn; tmpl_eval
 * copies a looked-up value before it asks for the next one. */
static struct buf *make(struct scope *scope)
{
    enum { PLACES = sizeof(scope->made) / sizeof(scope->made[0]) };
    struct buf *buf;

    if (scope->made_count < PLACES) {
        buf = &scope->made[scope->made_count++];
        buf_init(buf, LEAT_RESULT_MAX);
        return buf;
    }
    buf = &scope->made[PLACES - 1];
    buf_clear(buf);
    return buf;
}

/* Hands out a value made in <buf>. */
static int made(const struct buf *buf, struct val *ret_value)
{
    if (buf_err(buf)) {
        return buf_err(buf);
    }
    *ret_value = (struct val){buf->data, buf->len};
    return 0;
}

/* Hands out a text, or ERR_NOT_FOUND for NULL. */
static int made_text(struct scope *scope, const char *text, struct val *ret_value)
{
    struct buf *buf;

    if (!text) {
        return ERR_NOT_FOUND;
    }
    buf = make(scope);
    pack_text(buf, str_of(text));
    return made(buf, ret_value);
}

/* params.NAME, or all of them. */
static int lookup_params(struct scope *scope, struct str name, struct val *ret_value)
{
    struct val params = run_data(scope->run)->params;
    struct val member;

    if (name.len == 0) {
        *ret_value = params;
        return 0;
    }
    member = val_find(params, name);
    if (!member.ptr) {
        return ERR_NOT_FOUND;
    }
    *ret_value = member;
    return 0;
}

/* steps.NAME: what a step came to, null when it came to nothing. */
static int lookup_step(struct scope *scope, struct str name, struct val *ret_value)
{
    static const uint8_t nil[] = {0xc0};
    struct run *run = scope->run;
    int64_t index = run->tasks ? flow_find_step(run->flow, name) : -1; /* names come before tasks */
    const struct task *task;
    struct buf *list;

    if (index < 0) {
        return ERR_NOT_FOUND;
    }
    task = &run->tasks[index];
    *ret_value = (struct val){nil, sizeof(nil)};
    if (!state_completed(task->state)) {
        return 0;
    }
    if (task->result.ptr) {
        *ret_value = task->result;
        return 0;
    }
    if (!core_task_is_map(run, task) || task->state == STATE_SKIPPED) {
        return 0;
    }
    list = &run_data(run)->steps[index].result;
    if (list->len == 0) {
        int err = core_map_result(run, (uint32_t)index, list);

        if (err) {
            return err;
        }
    }
    return made(list, ret_value);
}

/* One member of `run` as text; false for unknown names. */
static bool run_member(const struct scope *scope, struct str name, char *ret_text, size_t size)
{
    const struct run *run = scope->run;
    CLEANUP_BUF struct buf reason = BUF_INIT(2 * CORE_TEXT_MAX);
    char text[UUID_TEXT_SIZE]; /* long enough for an instant, too */
    const char *value = text;

    if (str_is(name, "id")) {
        uuid_format(&run->uuid, text);
    } else if (str_is(name, "name")) {
        value = run->name;
    } else if (str_is(name, "flow")) {
        snprintf(ret_text, size, "%.*s", STR_ARGS(run->flow->name));
        return true;
    } else if (str_is(name, "state")) {
        enum state outlook = core_outlook(run, &reason);

        value = state_name(scope->state == STATE_NONE ? outlook : scope->state);
    } else if (str_is(name, "created")) {
        clock_format(run->created_us, text);
    } else if (str_is(name, "base_dir")) {
        value = run->base_dir;
    } else if (str_is(name, "workdir")) {
        struct run_data *data = run_data(run);

        if (!data->workdir_made) {
            data->workdir_made = file_mkdirs(data->workdir, 0700, NULL) == 0;
        }
        value = data->workdir;
    } else if (str_is(name, "error")) {
        core_outlook(run, &reason);
        value = buf_cstr(&reason);
    } else {
        return false;
    }
    snprintf(ret_text, size, "%s", value);
    return true;
}

/* run.NAME, or all of them. */
static int lookup_run(struct scope *scope, struct str name, struct val *ret_value)
{
    static const char *const members[] = {"id",      "name",     "flow",    "state",
                                          "created", "base_dir", "workdir", "error"};
    enum { COUNT = sizeof(members) / sizeof(members[0]) };
    char text[CORE_TEXT_MAX + 1];
    struct buf *buf;

    if (name.len > 0) {
        return run_member(scope, name, text, sizeof(text)) ? made_text(scope, text, ret_value)
                                                           : ERR_NOT_FOUND;
    }
    buf = make(scope);
    pack_map(buf, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        must(run_member(scope, str_of(members[i]), text, sizeof(text)));
        pack_cstr(buf, members[i]);
        pack_text(buf, str_of(text));
    }
    return made(buf, ret_value);
}

/* secrets.NAME */
static int lookup_secret(struct scope *scope, struct str name, struct val *ret_value)
{
    char text[SCOPE_MARK_SIZE + NAME_MAX_BYTES + 2];
    char id[UUID_TEXT_SIZE];
    int len;

    if (!scope->secret_mark) {
        return made_text(scope, scope_secret(name), ret_value);
    }
    if (name.len > NAME_MAX_BYTES) {
        return ERR_NOT_FOUND;
    }
    uuid_format(scope->secret_mark, id);
    len = snprintf(text, sizeof(text), SCOPE_MARK, id);
    snprintf(text + len, sizeof(text) - (size_t)len, "%.*s}", STR_ARGS(name));
    return made_text(scope, text, ret_value);
}

/* env.NAME */
static int lookup_env(struct scope *scope, struct str name, struct val *ret_value)
{
    char variable[NAME_MAX_BYTES + 1];

    if (name.len > NAME_MAX_BYTES || str_starts(name, STR("LEAT_SECRET_"))) {
        return ERR_NOT_FOUND;
    }
    snprintf(variable, sizeof(variable), "%.*s", STR_ARGS(name));
    return made_text(scope, getenv(variable), ret_value);
}

/* tmpl_scope.lookup */
static int lookup(void *user, enum ref_root root, struct str name, struct val *ret_value)
{
    struct scope *scope = user;
    struct val member;
    struct buf *buf;

    switch (root) {
    case REF_PARAMS:
        return lookup_params(scope, name, ret_value);
    case REF_STEPS:
        return lookup_step(scope, name, ret_value);
    case REF_ITEM:
        member = scope->task ? scope_item(scope->run, scope->task) : VAL_NONE;
        if (!member.ptr) {
            return ERR_NOT_FOUND;
        }
        *ret_value = member;
        return 0;
    case REF_INDEX:
        if (!scope->task || scope->task->map_index < 0) {
            return ERR_NOT_FOUND;
        }
        buf = make(scope);
        pack_int(buf, scope->task->map_index);
        return made(buf, ret_value);
    case REF_RUN:
        return lookup_run(scope, name, ret_value);
    case REF_VARS:
        member = scope->engine->settings->vars.ptr ? val_find(scope->engine->settings->vars, name)
                                                   : VAL_NONE;
        if (!member.ptr) {
            return ERR_NOT_FOUND;
        }
        *ret_value = member;
        return 0;
    case REF_SECRETS:
        return lookup_secret(scope, name, ret_value);
    case REF_ENV:
        return lookup_env(scope, name, ret_value);
    case REF_ROOTS_COUNT:
        break;
    }
    unreachable("a reference to an unknown root");
}
