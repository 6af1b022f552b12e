/*
 * The live tree of a run on a terminal: lines that are drawn again and again in the same place.
 */
#ifndef MAIN_RUN_TREE_H
#define MAIN_RUN_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "main/cli.h"
#include "main/run_model.h"

struct run_tree;

struct run_tree *run_tree_new(const struct cli *cli);
/* NULL is allowed; returns NULL. */
struct run_tree *run_tree_free(struct run_tree *tree);

/* Appends what takes the tree off the screen, so that other lines can be written above it. */
void run_tree_erase(struct run_tree *tree, struct buf *out);

/* Appends what draws the tree in the place of the one before. A tree that does not fit the screen
 * is shown in parts; <last> allows more lines than that. */
void run_tree_draw(struct run_tree *tree, const struct run_node *const *nodes, size_t count,
                   bool last, struct buf *out);

#endif
