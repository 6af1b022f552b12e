/*
 * Every command of `leat`; main.c puts them into one tree.
 */
#ifndef MAIN_COMMANDS_H
#define MAIN_COMMANDS_H

#include "main/cli.h"

extern const struct cli_command cmd_run;
extern const struct cli_command cmd_check;
extern const struct cli_command cmd_schema;
extern const struct cli_command cmd_init;
extern const struct cli_command cmd_plugin;
extern const struct cli_command cmd_flow_run;
extern const struct cli_command cmd_task_run;
extern const struct cli_command cmd_cache;
extern const struct cli_command cmd_notification;
extern const struct cli_command cmd_config;
extern const struct cli_command cmd_api;
extern const struct cli_command cmd_version;

#endif
