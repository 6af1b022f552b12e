/*
 * The tree of a followed run as a terminal shows it: one node per flow run and task run, built from
 * the objects of api_follow_next().
 */
#ifndef MAIN_RUN_MODEL_H
#define MAIN_RUN_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "value/val.h"

struct run_model;

/* One line of the tree. */
struct run_node {
    char *name;
    char *path;  /* "sub/fit[3]": the name with those of the task runs above; "" for the run */
    char *state; /* "Running" */
    char *text;  /* error or progress text, "" for none */
    bool begun;  /* not merely Pending */
    bool over;   /* in an end state */
    bool good;   /* of type COMPLETED */
    int depth;   /* 0 for the followed run */
    int64_t started_us; /* 0 before */
    int64_t ended_us;
    int64_t due_us;  /* when the next attempt begins; 0 for none */
    int64_t attempt; /* 0 before the first */
    double fraction; /* of progress; negative when unknown */
    uint32_t total;  /* children of a mapped step; 0 for others */
    uint32_t done;
    uint32_t bad;
};

struct run_model *run_model_new(void);
/* NULL is allowed; returns NULL. */
struct run_model *run_model_free(struct run_model *model);

/* Takes up one object; true when a node changed. */
bool run_model_take(struct run_model *model, struct val news);
/* True when something is running. */
bool run_model_running(const struct run_model *model);
/* All nodes in the order of the tree; of a mapped step's children only those that run and the first
 * that failed. Borrowed until the next call. */
const struct run_node *const *run_model_nodes(struct run_model *model, size_t *ret_count);
/* The node that <news> is about, or NULL; borrowed. That of a subflow's run has the path of the
 * task run that called it. */
const struct run_node *run_model_find(const struct run_model *model, struct val news);

#endif
