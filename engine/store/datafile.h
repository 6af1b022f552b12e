/*
 * A look at an LMDB data file without LMDB, because LMDB trusts what it maps: a cut file kills the
 * process when a missing page is touched. kv.c asks before it opens anything.
 */
#ifndef STORE_DATAFILE_H
#define STORE_DATAFILE_H

#include "base/err.h"

/*
 * Checks that <path> is a regular file of ours that others can not touch, that both meta pages are
 * sound, and that the file is as long as the newest of them says. The file is left alone. No
 * environment may have it open in this process (closing our descriptor would drop LMDB's locks).
 *
 * ERR_NOT_FOUND; ERR_STORE_UNSUITABLE for owner, mode or kind; ERR_STORE_SCHEMA for another LMDB
 * format; ERR_CORRUPT for damage; ERR_IO. The sentence says what to do.
 */
int datafile_check(const char *path, struct err_text *reterr_why);

#endif
