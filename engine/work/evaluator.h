/*
 * The evaluator mode of `leat host`: does the jobs of value/eval.h in a process of its own, where
 * an endless or greedy expression harms nobody.
 *
 * Programs are remembered by hash. When the EVALUATOR_PROGRAMS_MAX + 1st arrives, all are
 * forgotten; the pool counts in the same way and sends the texts again when they are needed.
 */
#ifndef WORK_EVALUATOR_H
#define WORK_EVALUATOR_H

#include <stdint.h>

#include "work/frame.h"

struct blob_dir;
struct evaluator;
struct host_io;

enum { EVALUATOR_PROGRAMS_MAX = 64 };

/* Memory (address space) that the process limits itself to. */
#define EVALUATOR_MEMORY_MAX ((uint64_t)4 << 30)

/* Both are borrowed. Lowers the memory limit of this process. Main thread. */
struct evaluator *evaluator_new(struct host_io *io, struct blob_dir *blobs);
struct evaluator *evaluator_free(struct evaluator *evaluator);

/* Does one evaluation and sends its result. Main thread. */
void evaluator_run(struct evaluator *evaluator, const struct frame_eval *frame);

#endif
