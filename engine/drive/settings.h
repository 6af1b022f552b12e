/*
 * Settings of the engine, filled from leat.yaml and the environment by main/config.c.
 */
#ifndef DRIVE_SETTINGS_H
#define DRIVE_SETTINGS_H

#include <stdint.h>

struct notify_rule;

struct settings {
    int64_t hosts_max;            /* host processes at once */
    int64_t host_calls_max;       /* calls after which a host is replaced */
    int64_t cancel_grace_us;      /* from the polite signal to SIGTERM */
    int64_t store_map_bytes;      /* largest size of the store */
    const char *const *host_env;  /* names of variables hosts inherit, NULL-terminated */
    const struct notify_rule *notify; /* rules for all flows */
    uint32_t notify_count;
};

#endif
