/*
 * The part csv.read: a CSV file as a table.
 */
#ifndef CSV_READ_H
#define CSV_READ_H

#include <leat/abi.h>

/* Runs the part. */
leat_status csv_read(leat_call *call);

#endif
