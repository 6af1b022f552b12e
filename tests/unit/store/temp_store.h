/*
 * A store in a directory of its own for each test, and short ways to use it.
 */
#ifndef TESTS_UNIT_STORE_TEMP_STORE_H
#define TESTS_UNIT_STORE_TEMP_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/store.h"

/* The test's directory, "" before temp_store_enter. */
extern char temp_home[64];

/* Makes the directory and goes there; removes it. For TestSuite's .init and .fini. */
void temp_store_enter(void);
void temp_store_leave(void);

/* Opens the store of temp_home, with a map of 64 MiB; the test fails when that fails. */
struct store *temp_store_open(void);
/* The same with a map of <map_size> bytes. */
struct store *temp_store_open_small(size_t map_size);
/* Tries to open it; the error, with the sentence in <ret_why>. */
int temp_store_try(struct err_text *ret_why);

/* A file below temp_home, in memory that the next call uses again. */
const char *temp_path(const char *name);

enum { TEMP_DESCRIPTORS = 256 };
/* True when descriptor <fd>, below TEMP_DESCRIPTORS, is open on a file whose path has <part>. */
bool temp_descriptor_is(int fd, const char *part);

/* Submits a batch, waits for it and returns what its `done` got. */
int temp_store_commit(struct store *store, struct store_batch *batch);
/* Writes one row durably and returns the outcome. */
int temp_store_put(struct store *store, enum store_table table, const char *key, const char *val);
/* True when the row is there with this value. */
bool temp_store_has(struct store *store, enum store_table table, const char *key, const char *val);
/* How many rows a table has. */
uint64_t temp_store_rows(struct store *store, enum store_table table);

#endif
