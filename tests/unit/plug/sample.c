/*
 * Plugin files made by hand. See sample.h.
 */
#include "tests/unit/plug/sample.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/must.h"
#include "plug/catalogue.h"
#include "plug/descriptor.h"
#include "plug/manifest.h"

enum { DECLARED_MAX = 16, PARTS_MAX = 8 };

/* What the pretended child knows. */
struct declared {
    char name[64];
    char parts[256];
    char text[256];
    int err;
};

char sample_home[64];
unsigned sample_described;

static struct declared declared[DECLARED_MAX];
static size_t declared_count;

void sample_enter(void)
{
    snprintf(sample_home, sizeof sample_home, "/tmp/leat-plug.XXXXXX");
    must(mkdtemp(sample_home) != NULL);
    CLEANUP_FREE char *plugins = sample_path("plugins");
    CLEANUP_FREE char *bundled = sample_path("bundled");
    must(file_mkdirs(plugins, 0755, NULL) == 0);
    must(file_mkdirs(bundled, 0755, NULL) == 0);
}

void sample_leave(void)
{
    file_remove_tree(sample_home, NULL);
}

char *sample_path(const char *name)
{
    return file_join(sample_home, name);
}

void sample_make(uint8_t ret_bytes[SAMPLE_SIZE], const char *name, const char *version,
                 const char *salt)
{
    Elf64_Ehdr header = {
        .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
        .e_type = ET_DYN,
#ifdef __aarch64__
        .e_machine = EM_AARCH64,
#else
        .e_machine = EM_X86_64,
#endif
        .e_phoff = SAMPLE_SEGMENT,
        .e_phentsize = sizeof(Elf64_Phdr),
        .e_phnum = 1,
        .e_shoff = SAMPLE_SECTIONS,
        .e_shentsize = sizeof(Elf64_Shdr),
        .e_shnum = 1,
    };
    Elf64_Phdr segment = {.p_type = PT_LOAD, .p_filesz = SAMPLE_SECTIONS};
    leat_marker marker = {LEAT_MARKER, LEAT_ABI_MAJOR, LEAT_ABI_MINOR, "", ""};

    snprintf(marker.name, sizeof marker.name, "%s", name);
    snprintf(marker.version, sizeof marker.version, "%s", version);
    memset(ret_bytes, 0, SAMPLE_SIZE);
    memcpy(ret_bytes, &header, sizeof header);
    memcpy(ret_bytes + SAMPLE_SEGMENT, &segment, sizeof segment);
    memcpy(ret_bytes + SAMPLE_MARKER, &marker, sizeof marker);
    snprintf((char *)ret_bytes + SAMPLE_SALT, SAMPLE_SECTIONS - SAMPLE_SALT, "%s", salt);
}

void sample_write_bytes(const char *place, const void *bytes, size_t len)
{
    CLEANUP_FREE char *path = sample_path(place);

    must(file_write(path, bytes, len, 0600, NULL) == 0);
}

void sample_write(const char *place, const char *name, const char *version, const char *salt)
{
    uint8_t bytes[SAMPLE_SIZE];

    sample_make(bytes, name, version, salt);
    sample_write_bytes(place, bytes, sizeof bytes);
}

struct hash sample_hash(const char *name, const char *version, const char *salt)
{
    uint8_t bytes[SAMPLE_SIZE];

    sample_make(bytes, name, version, salt);
    return hash_bytes(bytes, sizeof bytes);
}

/* The entry of <name>, a new one if need be. */
static struct declared *entry_of(const char *name)
{
    for (size_t i = 0; i < declared_count; i++) {
        if (strcmp(declared[i].name, name) == 0) {
            return &declared[i];
        }
    }
    must(declared_count < DECLARED_MAX);
    declared_count++;
    snprintf(declared[declared_count - 1].name, sizeof declared[0].name, "%s", name);
    return &declared[declared_count - 1];
}

void sample_declare(const char *name, const char *parts)
{
    struct declared *entry = entry_of(name);

    snprintf(entry->parts, sizeof entry->parts, "%s", parts);
    entry->err = 0;
}

void sample_fail(const char *name, int err, const char *text)
{
    struct declared *entry = entry_of(name);

    snprintf(entry->text, sizeof entry->text, "%s", text);
    entry->err = err;
}

/* Never called. */
static leat_status run_nothing(leat_call *call)
{
    (void)call;
    return LEAT_FAIL;
}

int sample_describe(void *user, const char *copy_path, struct buf *ret_msgpack,
                    struct err_text *reterr_why)
{
    CLEANUP_BUF struct buf file = BUF_INIT(CATALOGUE_FILE_SIZE_MAX);
    struct manifest manifest;

    (void)user;
    sample_described++;
    must(file_read(copy_path, &file, NULL) == 0);
    must(manifest_read(file.data, file.len, &manifest, NULL, NULL) == 0);
    struct declared *entry = entry_of(manifest.name);
    if (entry->err != 0) {
        return err_set(reterr_why, entry->err, "%s", entry->text);
    }
    leat_part parts[PARTS_MAX];
    const leat_part *list[PARTS_MAX + 1] = {NULL};
    char words[256];
    char *rest = words;
    snprintf(words, sizeof words, "%s", entry->parts[0] == '\0' ? "some.task" : entry->parts);
    for (size_t i = 0; rest != NULL && i < PARTS_MAX; i++) {
        const char *word = strsep(&rest, " ");
        bool notifier = word[0] == '!';
        parts[i] = (leat_part){
            .struct_size = sizeof(leat_part),
            .kind = notifier ? LEAT_KIND_NOTIFIER : LEAT_KIND_TASK,
            .type = word + (notifier ? 1 : 0),
            .summary = "Does something",
            .run = run_nothing,
        };
        list[i] = &parts[i];
    }
    const leat_plugin plugin = {
        .magic = LEAT_PLUGIN_MAGIC,
        .struct_size = sizeof plugin,
        .abi_major = LEAT_ABI_MAJOR,
        .abi_minor = LEAT_ABI_MINOR,
        .name = manifest.name,
        .version = manifest.version,
        .summary = "A sample",
        .parts = list,
    };
    return descriptor_encode(&plugin, ret_msgpack, reterr_why);
}
