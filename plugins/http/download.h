/*
 * The part http.download: a file from the network, whole or not at all.
 */
#ifndef HTTP_DOWNLOAD_H
#define HTTP_DOWNLOAD_H

#include <leat/abi.h>

#include "transfer.h"

/* Fetches <transfer> (prepared but for its sink) to the call's `path` and reports the outcome. */
leat_status download_run(struct transfer *transfer);

#endif
