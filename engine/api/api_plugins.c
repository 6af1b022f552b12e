/*
 * Plugins: which files there are, what they offer, and why a file is not one of them.
 */
#include <string.h>

#include "api/api_handlers.h"
#include "api/call.h"
#include "api/rows.h"
#include "base/suggest.h"
#include "model/params.h"
#include "value/pack.h"

/* What a kind of part is called. */
static const char *kind_name(uint32_t kind)
{
    switch (kind) {
    case LEAT_KIND_TASK:
        return "task";
    case LEAT_KIND_NOTIFIER:
        return "notifier";
    default:
        return "other";
    }
}

/* A text, or null when it is empty. */
static struct str or_null(const char *text)
{
    return text && text[0] ? str_of(text) : STR_NONE;
}

enum { FILE_MEMBERS = 8 };

/* The members that every answer has: FILE_MEMBERS. */
static void put_file(struct buf *out, const struct catalogue_file *file)
{
    rows_put_str(out, "name", str_of(file->name));
    rows_put_str(out, "version", str_of(file->version));
    rows_put_str(out, "status", str_of(catalogue_status_name(file->status)));
    rows_put_str(out, "reason", or_null(file->reason));
    rows_put_str(out, "warning", or_null(file->warning));
    rows_put_str(out, "path", str_of(file->path));
    if (file->plugin) {
        rows_put_hash(out, "hash", &file->plugin->hash);
    } else {
        rows_put_str(out, "hash", STR_NONE);
    }
    pack_cstr(out, "bundled");
    pack_bool(out, file->bundled);
}

int api_plugins_list(struct api_call *call)
{
    const struct catalogue_view *view;
    struct buf *out = call->out;
    int err = call_number(call, "scan") ? engine_scan_plugins(call->engine, &call->why) : 0;

    if (err) {
        return err;
    }
    view = catalogue_view(engine_catalogue(call->engine));
    pack_map(out, 1);
    pack_cstr(out, "items");
    pack_list(out, (uint32_t)view->file_count);
    for (size_t i = 0; i < view->file_count; i++) {
        const struct plug_plugin *plugin = view->files[i].plugin;
        uint32_t part_count = plugin ? plugin->part_count : 0;

        pack_map(out, FILE_MEMBERS + 1);
        put_file(out, &view->files[i]);
        pack_cstr(out, "parts");
        pack_list(out, part_count);
        for (uint32_t part = 0; part < part_count; part++) {
            pack_map(out, 3);
            rows_put_str(out, "kind", str_of(kind_name(plugin->parts[part].kind)));
            rows_put_str(out, "type", str_of(plugin->parts[part].type));
            rows_put_str(out, "summary", str_of(plugin->parts[part].summary));
        }
    }
    return 0;
}

/* One declared parameter. */
static void put_param(struct buf *out, const struct param_spec *param)
{
    pack_map(out, 7);
    rows_put_str(out, "name", param->name);
    rows_put_str(out, "type", str_of(param_type_name(param->type)));
    pack_cstr(out, "list");
    pack_bool(out, param->list);
    pack_cstr(out, "required");
    pack_bool(out, param->required);
    pack_cstr(out, "secret");
    pack_bool(out, param->secret);
    pack_cstr(out, "default");
    if (param->fallback.ptr) {
        pack_val(out, param->fallback);
    } else {
        pack_nil(out);
    }
    rows_put_str(out, "doc", param->doc.ptr ? param->doc : STR(""));
}

/* One part with all it declares. */
static void put_part(struct buf *out, const struct plug_part *part)
{
    pack_map(out, 6);
    rows_put_str(out, "kind", str_of(kind_name(part->kind)));
    rows_put_str(out, "type", str_of(part->type));
    rows_put_str(out, "summary", str_of(part->summary));
    pack_cstr(out, "cacheable");
    pack_bool(out, part->kind == LEAT_KIND_TASK && !(part->flags & LEAT_PART_NOCACHE));
    pack_cstr(out, "params");
    pack_list(out, part->param_count);
    for (uint32_t i = 0; i < part->param_count; i++) {
        put_param(out, &part->params[i]);
    }
    pack_cstr(out, "schema");
    params_schema(part->params, part->param_count, out);
}

/* The file of that plugin: the one that is offered, or any that bears the name. */
static const struct catalogue_file *find_file(const struct catalogue_view *view, struct str name,
                                              struct suggest *suggest)
{
    const struct catalogue_file *found = NULL;

    for (size_t i = 0; i < view->file_count; i++) {
        const struct catalogue_file *file = &view->files[i];

        suggest_offer(suggest, str_of(file->name));
        if (str_is(name, file->name) && (!found || file->status == CATALOGUE_OK)) {
            found = file;
        }
    }
    return found;
}

int api_plugins_get(struct api_call *call)
{
    struct str name = call->target.ids[0];
    struct suggest suggest = {.word = name};
    const struct catalogue_view *view = catalogue_view(engine_catalogue(call->engine));
    const struct catalogue_file *file = find_file(view, name, &suggest);
    struct buf *out = call->out;
    int shown = name.len > 64 ? 64 : (int)name.len;

    if (!file && suggest.best.len) {
        return call_fail(call, ERR_NOT_FOUND, "There is no plugin \"%.*s\"; did you mean \"%.*s\"?",
                         shown, name.ptr, STR_ARGS(suggest.best));
    }
    if (!file) {
        return call_fail(call, ERR_NOT_FOUND, "There is no plugin \"%.*s\".", shown, name.ptr);
    }
    pack_map(out, FILE_MEMBERS + 3);
    put_file(out, file);
    rows_put_str(out, "summary", file->plugin ? str_of(file->plugin->summary) : STR(""));
    pack_cstr(out, "abi");
    if (file->plugin) {
        pack_map(out, 2);
        rows_put_int(out, "major", file->plugin->abi_major);
        rows_put_int(out, "minor", file->plugin->abi_minor);
    } else {
        pack_nil(out);
    }
    pack_cstr(out, "parts");
    pack_list(out, file->plugin ? file->plugin->part_count : 0);
    for (uint32_t i = 0; file->plugin && i < file->plugin->part_count; i++) {
        put_part(out, &file->plugin->parts[i]);
    }
    return 0;
}
