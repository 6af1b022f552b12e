/*
 * See flow_file.h.
 */
#include "drive/flow_file.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/mem.h"
#include "plug/catalogue.h"

enum { SIGNATURES_MAX = 1024 * 1024, FILES_MAX = 10000 };

/* What the parser's questions are answered from while it reads one file. */
struct asked {
    const struct flow_file_names *names;
    const char *file;
    struct arena arena;   /* signatures of notifiers, names of files */
    struct flow **peeked; /* flows read only for their parameters */
    uint32_t peeked_count;
};

static const char *const endings[] = {".yaml", ".yml"};

char *flow_file_find(const char *home, const char *file, struct str name)
{
    CLEANUP_FREE char *beside = file ? file_dirname(file) : NULL;
    CLEANUP_FREE char *flows = file_join(home, "flows");
    const char *const dirs[] = {beside, flows};

    for (size_t d = 0; d < 2; d++) {
        for (size_t e = 0; dirs[d] && e < 2; e++) {
            char *path = xasprintf("%s/%.*s%s", dirs[d], STR_ARGS(name), endings[e]);

            if (access(path, R_OK) == 0) {
                return path;
            }
            free(path);
        }
    }
    return NULL;
}

/* The parameters of subflow <name>; its file is read without looking at the names in it. */
static bool find_flow(struct asked *asked, struct str name, struct flow_signature *ret_signature)
{
    CLEANUP_FREE char *file = flow_file_find(asked->names->home, asked->file, name);
    CLEANUP_BUF struct buf text = BUF_INIT(FLOW_TEXT_MAX);
    struct diag_list *ignored;
    struct flow *flow = NULL;

    if (!file || file_read(file, &text, NULL) != 0) {
        return false;
    }
    ignored = diag_new(file, buf_str(&text));
    *ret_signature = (struct flow_signature){.unknown = true};
    if (flow_parse(buf_str(&text), NULL, ignored, &flow) == 0) {
        asked->peeked =
            xreallocarray(asked->peeked, asked->peeked_count + 1, sizeof(struct flow *));
        asked->peeked[asked->peeked_count++] = flow;
        *ret_signature = (struct flow_signature){flow->params, flow->param_count, false};
    }
    diag_free(ignored);
    return true; /* its own mistakes are reported when its turn comes */
}

/* What a rule may give to a notifier: the event comes from the engine, and a name in leat.yaml may
 * stand for parameters, too. */
static bool find_notifier(struct asked *asked, struct str name,
                          struct flow_signature *ret_signature)
{
    const struct settings_channel *channel = settings_channel(asked->names->settings, name);
    const struct plug_part *part =
        catalogue_part(asked->names->catalogue, LEAT_KIND_NOTIFIER, channel ? channel->via : name);
    struct param_spec *params =
        part ? arena_array(&asked->arena, part->param_count + 1, sizeof(*params)) : NULL;
    size_t count = 0;

    for (uint32_t i = 0; params && i < part->param_count; i++) {
        if (!str_is(part->params[i].name, "event")) {
            params[count] = part->params[i];
            params[count++].required = part->params[i].required && !channel;
        }
    }
    *ret_signature = (struct flow_signature){.params = params, .param_count = count};
    return params != NULL;
}

/* flow_catalogue.find */
static bool find(void *user, enum flow_target kind, struct str name,
                 struct flow_signature *ret_signature)
{
    struct asked *asked = user;
    const struct plug_part *part;

    if (kind == FLOW_TARGET_FLOW) {
        return find_flow(asked, name, ret_signature);
    }
    if (kind == FLOW_TARGET_NOTIFIER) {
        return find_notifier(asked, name, ret_signature);
    }
    part = catalogue_part(asked->names->catalogue, LEAT_KIND_TASK, name);
    if (part) {
        *ret_signature =
            (struct flow_signature){.params = part->params, .param_count = part->param_count};
    }
    return part != NULL;
}

/* Offers the names of flow files in a directory. */
static void offer_files(struct asked *asked, const char *dir, struct suggest *suggest)
{
    DIR *stream = opendir(dir);
    const struct dirent *entry = stream ? readdir(stream) : NULL;

    for (int seen = 0; entry && seen < FILES_MAX; seen++, entry = readdir(stream)) {
        for (size_t e = 0; e < 2; e++) {
            size_t len = strlen(entry->d_name);
            size_t end = strlen(endings[e]);

            if (len > end && strcmp(entry->d_name + len - end, endings[e]) == 0) {
                struct str name = {entry->d_name, len - end};
                char *kept = arena_str(&asked->arena, name);

                suggest_offer(suggest, str_of(kept));
            }
        }
    }
    if (stream) {
        closedir(stream);
    }
}

/* flow_catalogue.offer */
static void offer(void *user, enum flow_target kind, struct suggest *suggest)
{
    struct asked *asked = user;
    const struct settings *settings = asked->names->settings;

    if (kind == FLOW_TARGET_FLOW) {
        CLEANUP_FREE char *beside = asked->file ? file_dirname(asked->file) : NULL;
        CLEANUP_FREE char *flows = file_join(asked->names->home, "flows");

        if (beside) {
            offer_files(asked, beside, suggest);
        }
        offer_files(asked, flows, suggest);
        return;
    }
    catalogue_offer(asked->names->catalogue,
                    kind == FLOW_TARGET_TASK ? LEAT_KIND_TASK : LEAT_KIND_NOTIFIER, suggest);
    for (uint32_t i = 0; kind == FLOW_TARGET_NOTIFIER && i < settings->channel_count; i++) {
        suggest_offer(suggest, settings->channels[i].name);
    }
}

int flow_file_parse(const struct flow_file_names *names, struct str text, const char *file,
                    bool compile, struct diag_list *diags, struct flow **ret_flow)
{
    struct asked asked = {.names = names, .file = file};
    struct flow_catalogue catalogue = {.find = find, .offer = offer, .user = &asked};
    struct flow_options options = {.catalogue = &catalogue, .compile_expressions = compile};
    int err;

    arena_init(&asked.arena, SIGNATURES_MAX);
    err = flow_parse(text, &options, diags, ret_flow);
    for (uint32_t i = 0; i < asked.peeked_count; i++) {
        flow_unref(asked.peeked[i]);
    }
    free(asked.peeked);
    arena_done(&asked.arena);
    return err;
}
