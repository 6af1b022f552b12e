/*
 * Settings: HOME/leat.yaml, overruled by LEAT_* variables of the environment.
 *
 * One table of settings is read by the parser, `leat config view`, and the documentation. Adding a
 * setting is one line in config.c.
 */
#ifndef MAIN_CONFIG_H
#define MAIN_CONFIG_H

#include "api/api.h"
#include "base/buf.h"
#include "drive/settings.h"

struct config;

/*
 * Reads the settings of <home>; a missing leat.yaml is fine. All problems are rendered into
 * <ret_problems> (initialised by the caller), as coloured text if <colour>: ERR_INVALID.
 */
int config_load(const char *home, bool colour, struct config **ret_config,
                struct buf *ret_problems);
/* NULL is allowed; returns NULL. */
struct config *config_free(struct config *config);

/* What the engine uses; borrowed from the configuration. */
const struct settings *config_settings(const struct config *config);
/* Every setting with its value and where it comes from; borrowed. */
const struct api_setting *config_list(const struct config *config, size_t *ret_count);
/* One line about a setting, for `config view`; "" for unknown names. Static text. */
const char *config_doc(const char *name);

#endif
