/*
 * See notice.h.
 */
#include "drive/notice.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/must.h"
#include "drive/run_data.h"
#include "drive/scope.h"
#include "model/params.h"
#include "value/pack.h"
#include "value/tmpl.h"

enum { MESSAGE_MAX = 8 * 1024 };

struct str notice_via(const struct engine *engine, const struct notify_rule *rule)
{
    const struct settings_channel *channel = settings_channel(engine->settings, rule->via);

    return channel ? channel->via : rule->via;
}

/* Evaluates a template of a rule; what needs the evaluator is refused. */
static int evaluate(struct scope *scope, const struct tmpl *tmpl, bool as_text, struct buf *out,
                    struct err_text *reterr_why)
{
    int err = as_text ? tmpl_text(tmpl, &scope->tmpl, out, reterr_why)
                      : tmpl_eval(tmpl, &scope->tmpl, out, reterr_why);

    if (err == TMPL_NEEDS_EVALUATOR) {
        return err_set(reterr_why, ERR_INVALID,
                       "a notify rule takes plain references to small values only");
    }
    return err;
}

/* Merges two maps into one: members of <over> win. */
static void merge(struct buf *out, struct val under, struct val over)
{
    size_t place = pack_map_open(out);
    struct val_iter iter = val_iter(over);
    uint32_t count = 0;
    struct val member;
    struct str key;

    for (; val_next(&iter, &key, &member); count++) {
        pack_str(out, key);
        pack_val(out, member);
    }
    iter = val_iter(under);
    while (val_next(&iter, &key, &member)) {
        if (!val_find(over, key).ptr) {
            pack_str(out, key);
            pack_val(out, member);
            count++;
        }
    }
    pack_close(out, place, count);
}

/* The notifier's parameters: the channel's and the rule's. */
static int make_with(struct scope *scope, const struct notify_rule *rule, struct buf *out,
                     struct err_text *reterr_why)
{
    const struct settings_channel *channel = settings_channel(scope->engine->settings, rule->via);
    CLEANUP_BUF struct buf under = BUF_INIT(out->max);
    CLEANUP_BUF struct buf over = BUF_INIT(out->max);
    int err = evaluate(scope, rule->with, false, &over, reterr_why);

    if (err == 0 && channel) {
        err = evaluate(scope, channel->with, false, &under, reterr_why);
    } else {
        pack_map(&under, 0);
    }
    if (err) {
        return err;
    }
    merge(out, (struct val){under.data, under.len}, (struct val){over.data, over.len});
    return buf_err(out)
               ? err_set(reterr_why, ERR_LIMIT,
                         "the parameters of the notifier are more than %zu bytes", out->max)
               : 0;
}

/* The engine's own sentence. */
static void own_message(const struct run *run, enum state to, struct buf *out)
{
    char duration[CLOCK_TEXT_SIZE];
    int64_t begin = run->started_us ? run->started_us : run->created_us;

    buf_printf(out, "%.*s (%s) is %s", STR_ARGS(run->flow->name), run->name, state_name(to));
    if (state_terminal(to)) {
        clock_format_duration(run->ended_us - begin, duration);
        buf_printf(out, " after %s", duration);
    }
    if (run->error) {
        buf_printf(out, ": %s", run->error->text);
    }
}

/* A key with a text. */
static void put_text(struct buf *out, const char *key, struct str text)
{
    pack_cstr(out, key);
    pack_text(out, text);
}

/* A key with an instant, null when it has not come. */
static void put_time(struct buf *out, const char *key, int64_t wall_us)
{
    char text[CLOCK_TEXT_SIZE];

    pack_cstr(out, key);
    if (wall_us == 0) {
        pack_nil(out);
        return;
    }
    clock_format(wall_us, text);
    pack_cstr(out, text);
}

/* "flow_run": the facts about the run. */
static void put_run(struct buf *out, const struct run *run, enum state to)
{
    char id[UUID_TEXT_SIZE];
    uint32_t tags = 0;

    uuid_format(&run->uuid, id);
    pack_cstr(out, "flow_run");
    pack_map(out, 9);
    put_text(out, "id", str_of(id));
    put_text(out, "name", str_of(run->name));
    put_text(out, "flow", run->flow->name);
    pack_cstr(out, "state");
    pack_map(out, 2);
    put_text(out, "type", str_of(state_type_name(state_type(to))));
    put_text(out, "name", str_of(state_name(to)));
    pack_cstr(out, "error");
    if (run->error) {
        pack_map(out, 2);
        put_text(out, "code", str_of(run->error->code));
        put_text(out, "text", str_of(run->error->text));
    } else {
        pack_nil(out);
    }
    put_time(out, "started", run->started_us);
    put_time(out, "ended", run->ended_us);
    pack_cstr(out, "duration_ms");
    if (run->started_us && run->ended_us) {
        pack_int(out, (run->ended_us - run->started_us) / 1000);
    } else {
        pack_nil(out);
    }
    for (char **tag = run->tags; tag && *tag; tag++) {
        tags++;
    }
    pack_cstr(out, "tags");
    pack_list(out, tags);
    for (uint32_t i = 0; i < tags; i++) {
        pack_text(out, str_of(run->tags[i]));
    }
}

int notice_make(struct engine *engine, struct run *run, const struct notify_rule *rule,
                enum state to, const struct uuid *id, struct buf *ret_with, struct buf *ret_event,
                struct err_text *reterr_why)
{
    CLEANUP_BUF struct buf message = BUF_INIT(MESSAGE_MAX);
    char uuid[UUID_TEXT_SIZE];
    struct scope scope;
    int err;

    scope_init(&scope, engine, run, NULL);
    scope.secret_mark = id;
    scope.state = to;
    err = make_with(&scope, rule, ret_with, reterr_why);
    if (err == 0 && rule->message) {
        err = evaluate(&scope, rule->message, true, &message, reterr_why);
    } else {
        own_message(run, to, &message);
    }
    scope_done(&scope);
    if (err) {
        return err;
    }
    uuid_format(id, uuid);
    pack_map(ret_event, 5);
    put_text(ret_event, "id", str_of(uuid));
    put_text(ret_event, "type", STR("flow_run.state"));
    put_time(ret_event, "time", engine_wall_us());
    put_text(ret_event, "message", buf_str(&message));
    put_run(ret_event, run, to);
    if (buf_err(ret_event)) {
        return err_set(reterr_why, ERR_LIMIT, "the notification is too large");
    }
    return 0;
}

/* Appends <text> as a string, with the secrets in place of the marks of notification <id>. */
static int fill_string(struct str text, const char *id, struct buf *out,
                       struct err_text *reterr_why)
{
    CLEANUP_BUF struct buf filled = BUF_INIT(out->max);
    char mark[SCOPE_MARK_SIZE];
    size_t mark_len = (size_t)snprintf(mark, sizeof(mark), SCOPE_MARK, id);
    const char *at = memmem(text.ptr, text.len, mark, mark_len);

    while (at) {
        struct str name = {at + mark_len, text.len - (size_t)(at - text.ptr) - mark_len};
        const char *end = memchr(name.ptr, '}', name.len);
        const char *secret;

        name.len = end ? (size_t)(end - name.ptr) : 0;
        secret = scope_secret(name);
        if (!secret) {
            return err_set(
                reterr_why, ERR_NOT_FOUND,
                "there is no secret \"%.*s\": it is not in the environment of the engine",
                (int)(name.len < 64 ? name.len : 64), name.ptr);
        }
        buf_put(&filled, text.ptr, (size_t)(at - text.ptr));
        buf_put_str(&filled, str_of(secret));
        text.len -= (size_t)(name.ptr + name.len + 1 - text.ptr);
        text.ptr = name.ptr + name.len + 1;
        at = memmem(text.ptr, text.len, mark, mark_len);
    }
    buf_put_str(&filled, text);
    pack_text(out, buf_str(&filled));
    return buf_err(&filled);
}

/* Appends the members of a map at all depths with secrets filled in. */
static int fill_secrets(struct val with, const struct uuid *id, struct buf *out,
                        struct err_text *reterr_why)
{
    struct val_iter open[VAL_DEPTH_WRAPPED_MAX] = {val_iter(with)};
    size_t depth = 1;
    char uuid[UUID_TEXT_SIZE];
    struct val member;
    struct str key;
    int err = 0;

    uuid_format(id, uuid);
    while (depth > 0 && err == 0) {
        if (!val_next(&open[depth - 1], &key, &member)) {
            depth--;
            continue;
        }
        if (open[depth - 1].map) {
            pack_str(out, key);
        }
        if (val_type(member) == VAL_STR) {
            err = fill_string(val_str(member), uuid, out, reterr_why);
        } else if (val_type(member) == VAL_MAP || val_type(member) == VAL_LIST) {
            must(depth < VAL_DEPTH_WRAPPED_MAX);
            open[depth++] = val_iter(member);
            if (val_type(member) == VAL_MAP) {
                pack_map(out, val_count(member));
            } else {
                pack_list(out, val_count(member));
            }
        } else {
            pack_val(out, member);
        }
    }
    return err;
}

int notice_input(const struct plug_part *part, const struct uuid *id, struct val with,
                 struct val event, struct buf *ret_input, struct err_text *reterr_why)
{
    CLEANUP_BUF struct buf given = BUF_INIT(ret_input->max);
    struct diag_list *problems;
    int err;

    pack_map(&given, val_count(with) + 1);
    err = fill_secrets(with, id, &given, reterr_why);
    if (err == ERR_NOT_FOUND) {
        return err;
    }
    pack_cstr(&given, "event");
    pack_val(&given, event);
    if (err || buf_err(&given)) {
        return err_set(reterr_why, ERR_LIMIT, "the notification is too large");
    }
    problems = diag_new("", STR_NONE);
    err = params_bind(part->params, part->param_count, (struct val){given.data, given.len},
                      VAL_NONE, ret_input, problems);
    if (err) {
        const struct diag *first = diag_count(problems) ? diag_at(problems, 0) : NULL;

        err_set(reterr_why, err, "%s", first ? first->text : err_sentence(err));
    }
    diag_free(problems);
    return err;
}
