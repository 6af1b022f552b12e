/*
 * See config.h.
 */
#include "main/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/quantity.h"
#include "model/flow.h"
#include "model/notify.h"
#include "model/reader.h"
#include "value/tmpl.h"

enum {
    FILE_SIZE_MAX = 1024 * 1024,
    MEMORY_MAX = 64 * 1024 * 1024,
    CHANNELS_MAX = 100,
    ENV_NAMES_MAX = 100,
    VARS_MAX = 1000,
};

/* What leat.yaml says. */
struct form {
    int64_t hosts_max;
    int64_t host_calls_max;
    int64_t cancel_grace_us;
    int64_t store_map_bytes;
    struct key_strings host_env;
    const struct notify_rule *notify;
    uint32_t notify_count;
    struct settings_channel *channels;
    uint32_t channel_count;
    struct val vars;
};

static void read_hosts(struct reader *reader, const struct yaml_node *key,
                       const struct yaml_node *value, void *object);
static void read_store(struct reader *reader, const struct yaml_node *key,
                       const struct yaml_node *value, void *object);
static void read_notify(struct reader *reader, const struct yaml_node *key,
                        const struct yaml_node *value, void *object);
static void read_notifiers(struct reader *reader, const struct yaml_node *key,
                           const struct yaml_node *value, void *object);
static void read_vars(struct reader *reader, const struct yaml_node *key,
                      const struct yaml_node *value, void *object);

#define FORM(member) offsetof(struct form, member)

static const struct key host_rows[] = {
    {.name = "max",
     .kind = KEY_INT,
     .offset = FORM(hosts_max),
     .min = 1,
     .max = 1000,
     .doc = "Host processes at once."},
    {.name = "calls",
     .kind = KEY_INT,
     .offset = FORM(host_calls_max),
     .min = 1,
     .max = 1000000000,
     .doc = "Calls after which a host process is replaced."},
    {.name = "env",
     .kind = KEY_NAMES,
     .offset = FORM(host_env),
     .max = ENV_NAMES_MAX,
     .doc = "Variables of the environment that hosts inherit."},
    {.name = "grace",
     .kind = KEY_DURATION,
     .offset = FORM(cancel_grace_us),
     .min = 0,
     .max = INT64_C(3600) * 1000000,
     .doc = "From a polite request to stop until SIGTERM."},
};

static const struct key store_rows[] = {
    {.name = "size_max",
     .kind = KEY_SIZE,
     .offset = FORM(store_map_bytes),
     .min = 16 * 1024 * 1024,
     .max = INT64_C(1) << 44,
     .doc = "Most bytes the store may use."},
};

static const struct key channel_rows[] = {
    {.name = "via",
     .kind = KEY_NAME,
     .required = true,
     .offset = offsetof(struct settings_channel, via),
     .max = FLOW_NAME_MAX,
     .doc = "The notifier part behind the name."},
    {.name = "with",
     .kind = KEY_MAP_TEMPLATE,
     .offset = offsetof(struct settings_channel, with),
     .doc = "Its parameters."},
};

static const struct key rows[] = {
    {.name = "hosts", .kind = KEY_CUSTOM, .read = read_hosts, .doc = "Host processes."},
    {.name = "store", .kind = KEY_CUSTOM, .read = read_store, .doc = "The store."},
    {.name = "vars",
     .kind = KEY_CUSTOM,
     .read = read_vars,
     .doc = "What ${vars.NAME} means in flows."},
    {.name = "notifiers",
     .kind = KEY_CUSTOM,
     .read = read_notifiers,
     .doc = "Names for notifiers with their parameters."},
    {.name = "notify",
     .kind = KEY_CUSTOM,
     .read = read_notify,
     .doc = "Notify rules for all flows."},
};

static const struct key_table host_keys = KEY_TABLE("`hosts`", host_rows);
static const struct key_table store_keys = KEY_TABLE("`store`", store_rows);
static const struct key_table channel_keys = KEY_TABLE("a notifier", channel_rows);
static const struct key_table all_keys = KEY_TABLE("leat.yaml", rows);

/* How a setting's value is written. */
enum kind { WHOLE, DURATION, SIZE };

/* Settings with one value each: these may come from the environment, too. */
static const struct {
    const char *name;
    const char *variable;
    const struct key *key;
    enum kind kind;
    int64_t fallback;
} scalars[] = {
    {"hosts.max", "LEAT_HOSTS_MAX", &host_rows[0], WHOLE, 32},
    {"hosts.calls", "LEAT_HOSTS_CALLS", &host_rows[1], WHOLE, 100000},
    {"hosts.grace", "LEAT_HOSTS_GRACE", &host_rows[3], DURATION, INT64_C(5) * 1000000},
    {"store.size_max", "LEAT_STORE_SIZE_MAX", &store_rows[0], SIZE, INT64_C(64) << 30},
};

enum { SCALARS = sizeof(scalars) / sizeof(scalars[0]) };

struct config {
    struct arena arena;
    struct buf text;
    struct form form;
    struct settings settings;
    struct tmpl_exprs exprs;
    struct api_setting list[SCALARS];
    char values[SCALARS][48];
};

/* hosts: */
static void read_hosts(struct reader *reader, const struct yaml_node *key,
                       const struct yaml_node *value, void *object)
{
    (void)key;
    reader_map(reader, value, &host_keys, object);
}

/* store: */
static void read_store(struct reader *reader, const struct yaml_node *key,
                       const struct yaml_node *value, void *object)
{
    (void)key;
    reader_map(reader, value, &store_keys, object);
}

/* notify: */
static void read_notify(struct reader *reader, const struct yaml_node *key,
                        const struct yaml_node *value, void *object)
{
    struct form *form = object;

    (void)key;
    notify_rules_parse(reader, value, true, &form->notify, &form->notify_count);
}

/* notifiers: a map from names to channels */
static void read_notifiers(struct reader *reader, const struct yaml_node *key,
                           const struct yaml_node *value, void *object)
{
    static const uint8_t empty_map[] = {0x80};
    struct form *form = object;

    if (value->type != YAML_TYPE_MAP || value->count > CHANNELS_MAX) {
        reader_error(reader, key, NULL, "`notifiers` wants a map of at most %d names",
                     CHANNELS_MAX);
        return;
    }
    form->channels = arena_array(reader->arena, value->count + 1u, sizeof(*form->channels));
    for (uint32_t i = 0; form->channels && i < value->count; i++) {
        struct settings_channel *channel = &form->channels[form->channel_count];

        channel->name = value->keys[i]->text;
        channel->with = tmpl_of_val(reader->arena, (struct val){empty_map, sizeof(empty_map)});
        if (!str_name_ok(channel->name, FLOW_NAME_MAX)) {
            reader_error(reader, value->keys[i], NULL,
                         "a name begins with a letter and has letters, digits, `_`, `-`, `.`");
        } else if (reader_map(reader, value->items[i], &channel_keys, channel)) {
            form->channel_count++;
        }
    }
}

/* vars: */
static void read_vars(struct reader *reader, const struct yaml_node *key,
                      const struct yaml_node *value, void *object)
{
    struct form *form = object;

    if (value->type != YAML_TYPE_MAP || value->count > VARS_MAX) {
        reader_error(reader, key, NULL, "`vars` wants a map of at most %d names", VARS_MAX);
        return;
    }
    reader_value(reader, value, &form->vars);
}

/* Reads the file into the form. */
static void read_file(struct config *config, struct diag_list *diags)
{
    struct reader reader = {.arena = &config->arena, .diags = diags, .exprs = &config->exprs};
    const struct yaml_node *root;

    if (yaml_tree(buf_str(&config->text), &config->arena, diags, &root) != 0 ||
        root->type == YAML_TYPE_NULL) {
        return;
    }
    reader_map(&reader, root, &all_keys, &config->form);
}

/* Reads one value from the environment; false when it does not fit. */
static bool read_variable(size_t index, const char *text, int64_t *ret_number)
{
    struct str value = str_of(text);
    const struct key *key = scalars[index].key;
    int64_t number = 0;
    char *end;
    int err = 0;

    switch (scalars[index].kind) {
    case DURATION:
        err = quantity_duration(value, &number);
        break;
    case SIZE:
        err = quantity_size(value, &number);
        break;
    case WHOLE:
        number = strtoll(text, &end, 10);
        err = end == text || *end != '\0';
        break;
    }
    if (err || number < key->min || number > key->max) {
        return false;
    }
    *ret_number = number;
    return true;
}

/* Writes a setting's value as people write it. */
static void show(size_t index, int64_t number, char *ret_text, size_t size)
{
    switch (scalars[index].kind) {
    case DURATION:
        snprintf(ret_text, size, "%gs", (double)number / 1e6);
        return;
    case SIZE:
        if (number % (1 << 30) == 0) {
            snprintf(ret_text, size, "%lldGiB", (long long)(number >> 30));
            return;
        }
        if (number % (1 << 20) == 0) {
            snprintf(ret_text, size, "%lldMiB", (long long)(number >> 20));
            return;
        }
        break;
    case WHOLE:
        break;
    }
    snprintf(ret_text, size, "%lld", (long long)number);
}

/* Defaults, then what the environment overrules, and where each value comes from. */
static int settle(struct config *config, struct buf *problems)
{
    int err = 0;

    for (size_t i = 0; i < SCALARS; i++) {
        int64_t *number = (int64_t *)(void *)((char *)&config->form + scalars[i].key->offset);
        const char *variable = getenv(scalars[i].variable);

        config->list[i] = (struct api_setting){
            .name = scalars[i].name, .value = config->values[i], .source = "leat.yaml"};
        if (variable && !read_variable(i, variable, number)) {
            buf_printf(problems, "error: %s does not fit the setting %s: \"%s\"\n",
                       scalars[i].variable, scalars[i].name, variable);
            err = ERR_INVALID;
        } else if (variable) {
            config->list[i].source = scalars[i].variable;
        } else if (*number < 0) {
            *number = scalars[i].fallback;
            config->list[i].source = "default";
        }
        show(i, *number, config->values[i], sizeof(config->values[i]));
    }
    return err;
}

/* Makes the engine's view. */
static void fill_settings(struct config *config)
{
    const struct form *form = &config->form;
    char **env = arena_array(&config->arena, form->host_env.count + 1u, sizeof(*env));

    must(env);
    for (uint32_t i = 0; i < form->host_env.count; i++) {
        env[i] = arena_str(&config->arena, form->host_env.list[i]);
    }
    config->settings = (struct settings){
        .hosts_max = form->hosts_max,
        .host_calls_max = form->host_calls_max,
        .cancel_grace_us = form->cancel_grace_us,
        .store_map_bytes = form->store_map_bytes,
        .host_env = (const char *const *)env,
        .notify = form->notify,
        .notify_count = form->notify_count,
        .channels = form->channels,
        .channel_count = form->channel_count,
        .vars = form->vars,
    };
}

int config_load(const char *home, bool colour, struct config **ret_config, struct buf *ret_problems)
{
    struct config *config = xcalloc(1, sizeof(*config));
    CLEANUP_FREE char *path = file_join(home, "leat.yaml");
    struct err_text why;
    int err = 0;

    arena_init(&config->arena, MEMORY_MAX);
    buf_init(&config->text, FILE_SIZE_MAX);
    config->form = (struct form){-1, -1, -1, -1, {0}, NULL, 0, NULL, 0, VAL_NONE};
    if (file_exists(path)) {
        err = file_read(path, &config->text, &why);
        if (err) {
            buf_printf(ret_problems, "error: %s\n", why.text);
        } else {
            struct diag_list *diags = diag_new(path, buf_str(&config->text));

            read_file(config, diags);
            if (diag_error_count(diags) > 0) {
                diag_render(diags, colour, ret_problems);
                err = ERR_INVALID;
            }
            diag_free(diags);
        }
    }
    if (err == 0) {
        err = settle(config, ret_problems);
    }
    if (err) {
        config_free(config);
        return err;
    }
    fill_settings(config);
    *ret_config = config;
    return 0;
}

struct config *config_free(struct config *config)
{
    if (config) {
        buf_done(&config->text);
        arena_done(&config->arena);
        free(config);
    }
    return NULL;
}

const struct settings *config_settings(const struct config *config)
{
    return &config->settings;
}

const struct api_setting *config_list(const struct config *config, size_t *ret_count)
{
    *ret_count = SCALARS;
    return config->list;
}

const char *config_doc(const char *name)
{
    for (size_t i = 0; i < SCALARS; i++) {
        if (strcmp(scalars[i].name, name) == 0) {
            return scalars[i].key->doc;
        }
    }
    return "";
}
