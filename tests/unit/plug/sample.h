/*
 * Plugin files made by hand, a home to put them into, and a process that describes them, pretended.
 *
 * A sample file is the smallest shared object that doors 1 and 2 accept: an ELF header, one program
 * header, the marker. It could not be loaded; the pretended child reads its marker instead and
 * answers with the parts that the test has registered under the marker's name.
 */
#ifndef TESTS_UNIT_PLUG_SAMPLE_H
#define TESTS_UNIT_PLUG_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <leat/abi.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"

/* Where the pieces of a sample file stand. */
enum {
    SAMPLE_SEGMENT = 64,   /* the program header */
    SAMPLE_MARKER = 128,   /* the marker */
    SAMPLE_SALT = 512,     /* bytes of the test's own */
    SAMPLE_SECTIONS = 576, /* the section table, the last thing */
    SAMPLE_SIZE = 640,
};

/* The test's own home, "" before sample_enter(); for TestSuite's .init and .fini. */
extern char sample_home[64];
void sample_enter(void);
void sample_leave(void);

/* A path below the home, on the heap. */
char *sample_path(const char *name);

/* Fills <ret_bytes> with a plugin file; <salt> makes contents differ. */
void sample_make(uint8_t ret_bytes[SAMPLE_SIZE], const char *name, const char *version,
                 const char *salt);

/* Writes such a file to home/<place>. */
void sample_write(const char *place, const char *name, const char *version, const char *salt);
/* Writes any bytes to home/<place>, mode 0600. */
void sample_write_bytes(const char *place, const void *bytes, size_t len);

/* Says which parts the plugin <name> declares: "csv.read csv.write !log" (`!`: a notifier). */
void sample_declare(const char *name, const char *parts);
/* Makes the description of the plugin <name> end with <err> and <text>. */
void sample_fail(const char *name, int err, const char *text);

/* The pretended child; <user> is not used. For catalogue_new() and struct probe. */
int sample_describe(void *user, const char *copy_path, struct buf *ret_msgpack,
                    struct err_text *reterr_why);
/* How often it was asked. */
extern unsigned sample_described;

/* The content hash of a sample. */
struct hash sample_hash(const char *name, const char *version, const char *salt);

#endif
