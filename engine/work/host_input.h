/*
 * What a part gets to see of its input: parameters by name and type, large values mapped or filled
 * in when they are first asked for.
 *
 * The engine has merged, checked and coerced the input; what is still wrong here is a bug, of the
 * plugin (undeclared name, other type) or of the engine, and the sentence says whose. One per host,
 * used by the thread that runs calls.
 */
#ifndef WORK_HOST_INPUT_H
#define WORK_HOST_INPUT_H

#include <stdbool.h>

#include <leat/abi.h>

#include "base/err.h"
#include "base/str.h"
#include "value/val.h"

struct blob_dir;
struct host_input;

/* <blobs> is borrowed, NULL for none. */
struct host_input *host_input_new(struct blob_dir *blobs);
struct host_input *host_input_free(struct host_input *input);

/* A call begins (or the plugin's open(), with <part> NULL and no parameters); <map> and <facts>
 * (VAL_NONE for none) are borrowed until host_input_end(). */
void host_input_begin(struct host_input *input, const leat_part *part, struct val map,
                      struct val facts);
void host_input_end(struct host_input *input);

/*
 * Writes parameter <name> as leat_host.param documents. ERR_INVALID: the plugin misbehaves;
 * others: the engine handed over something unusable, or a large value is gone. Each with a
 * sentence.
 */
int host_input_param(struct host_input *input, const char *name, uint32_t type, void *ret_value,
                     struct err_text *reterr_why);

/* The whole map with large values filled in. */
int host_input_whole(struct host_input *input, struct str *ret_msgpack,
                     struct err_text *reterr_why);

/* The fact <name>, or the empty string. */
struct str host_input_fact(const struct host_input *input, const char *name);

#endif
