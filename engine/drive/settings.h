/*
 * Settings of the engine, filled from leat.yaml and the environment by main/config.c.
 */
#ifndef DRIVE_SETTINGS_H
#define DRIVE_SETTINGS_H

#include <stdint.h>

#include "base/str.h"
#include "model/notify.h"
#include "value/val.h"

/* A notifier with a name of its own: what rules may say behind `via`. */
struct settings_channel {
    struct str name;
    struct str via;          /* type of a notifier part */
    const struct tmpl *with; /* a map template; what a rule gives wins over it */
};

struct settings {
    int64_t hosts_max;                /* host processes at once */
    int64_t host_calls_max;           /* calls after which a host is replaced */
    int64_t cancel_grace_us;          /* from the polite signal to SIGTERM */
    int64_t store_map_bytes;          /* largest size of the store */
    const char *const *host_env;      /* names of variables that hosts inherit, NULL-terminated */
    const struct notify_rule *notify; /* rules for all flows */
    uint32_t notify_count;
    const struct settings_channel *channels;
    uint32_t channel_count;
    struct val vars; /* a map: what `vars.NAME` means; VAL_NONE for none */
};

/* The channel of that name, or NULL. */
static inline const struct settings_channel *settings_channel(const struct settings *settings,
                                                              struct str name)
{
    for (uint32_t i = 0; i < settings->channel_count; i++) {
        if (str_eq(settings->channels[i].name, name)) {
            return &settings->channels[i];
        }
    }
    return NULL;
}

#endif
