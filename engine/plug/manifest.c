/*
 * Reads what a plugin file is from its bytes: ELF headers first, then the marker. See manifest.h.
 *
 *   +-------------+  e_phoff   +-----------------+      +---------+-------------------+
 *   | ELF header  |----------->| program headers |----->| dynamic |  DT_RUNPATH       |
 *   +-------------+            +-----------------+      +---------+  + DT_STRTAB      |
 *          | e_shoff                  | PT_LOAD                     = search path     |
 *          v                          v                             (worth a warning) |
 *   must end inside the file   must lie inside the file       marker: anywhere -------+
 */
#include "plug/manifest.h"

#include <elf.h>
#include <link.h>
#include <string.h>

#include "base/str.h"

#if __ELF_NATIVE_CLASS == 64
#define OWN_CLASS ELFCLASS64
#else
#define OWN_CLASS ELFCLASS32
#endif

#if defined(__x86_64__)
#define OWN_MACHINE EM_X86_64
#define OWN_MACHINE_NAME "x86-64"
#elif defined(__aarch64__)
#define OWN_MACHINE EM_AARCH64
#define OWN_MACHINE_NAME "AArch64"
#elif defined(__riscv)
#define OWN_MACHINE EM_RISCV
#define OWN_MACHINE_NAME "RISC-V"
#else
#error "add this machine's ELF number here"
#endif

_Static_assert(sizeof(LEAT_MARKER) == LEAT_MARKER_SIZE, "the marker's size is part of the ABI");

/* The bytes being read. */
struct file {
    const uint8_t *ptr;
    size_t len;
    ElfW(Ehdr) header;
};

static int check_header(struct file *file, enum manifest_fault *ret_fault,
                        struct err_text *reterr_why);
static int check_extent(const struct file *file, enum manifest_fault *ret_fault,
                        struct err_text *reterr_why);
static int find_marker(const struct file *file, leat_marker *ret_marker,
                       struct err_text *reterr_why);
static int check_marker(const leat_marker *marker, struct err_text *reterr_why);
static void find_search_path(const struct file *file, char ret_path[MANIFEST_SEARCH_PATH_SIZE]);

int manifest_read(const void *bytes, size_t len, struct manifest *ret_manifest,
                  enum manifest_fault *ret_fault, struct err_text *reterr_why)
{
    struct file file = {.ptr = bytes, .len = len};
    enum manifest_fault fault = MANIFEST_FOREIGN;
    leat_marker marker;
    int err = check_header(&file, &fault, reterr_why);

    if (err == 0) {
        err = check_extent(&file, &fault, reterr_why);
    }
    if (err == 0) {
        err = find_marker(&file, &marker, reterr_why);
    }
    if (err == 0) {
        err = check_marker(&marker, reterr_why);
    }
    if (ret_fault != NULL) {
        *ret_fault = err == 0 ? MANIFEST_SOUND : fault;
    }
    if (err < 0) {
        return err;
    }
    ret_manifest->abi_major = marker.abi_major;
    ret_manifest->abi_minor = marker.abi_minor;
    memcpy(ret_manifest->name, marker.name, sizeof marker.name);
    memcpy(ret_manifest->version, marker.version, sizeof marker.version);
    find_search_path(&file, ret_manifest->search_path);
    return 0;
}

/* Copies <size> bytes at <offset>; false when they are not all there. */
static bool file_copy(const struct file *file, uint64_t offset, void *ret_bytes, size_t size)
{
    if (offset > file->len || file->len - offset < size) {
        return false;
    }
    memcpy(ret_bytes, file->ptr + offset, size);
    return true;
}

/* Is this a shared object for this machine at all? */
static int check_header(struct file *file, enum manifest_fault *ret_fault,
                        struct err_text *reterr_why)
{
    size_t magic_len = file->len < SELFMAG ? file->len : SELFMAG;
    const ElfW(Ehdr) *header = &file->header;

    if (file->len == 0) {
        *ret_fault = MANIFEST_CUT_SHORT;
        return err_set(reterr_why, ERR_PLUGIN_FORMAT, "is empty");
    }
    if (memcmp(file->ptr, ELFMAG, magic_len) != 0) {
        return err_set(reterr_why, ERR_PLUGIN_FORMAT,
                       "is not a shared object (ELF file); plugins are built with -shared");
    }
    if (!file_copy(file, 0, &file->header, sizeof file->header)) {
        *ret_fault = MANIFEST_CUT_SHORT;
        return err_set(reterr_why, ERR_PLUGIN_FORMAT, "is cut short: it has only %zu bytes",
                       file->len);
    }
    if (header->e_ident[EI_CLASS] != OWN_CLASS || header->e_ident[EI_DATA] != ELFDATA2LSB ||
        header->e_machine != OWN_MACHINE) {
        return err_set(reterr_why, ERR_PLUGIN_FORMAT,
                       "was built for another machine (ELF machine number %u); this one is "
                       "%s: rebuild it here",
                       (unsigned)header->e_machine, OWN_MACHINE_NAME);
    }
    if (header->e_type != ET_DYN) {
        return err_set(reterr_why, ERR_PLUGIN_FORMAT,
                       "is an object or program, not a shared object; link it with -shared");
    }
    if (header->e_phentsize != sizeof(ElfW(Phdr))) {
        return err_set(reterr_why, ERR_PLUGIN_FORMAT,
                       "has a damaged header: program headers of %u bytes",
                       (unsigned)header->e_phentsize);
    }
    return 0;
}

/* Program header <index>; false when it is not inside the file. */
static bool segment_at(const struct file *file, unsigned index, ElfW(Phdr) * ret_segment)
{
    uint64_t offset = file->header.e_phoff;

    if (offset > file->len) {
        return false;
    }
    return file_copy(file, offset + (uint64_t)index * sizeof *ret_segment, ret_segment,
                     sizeof *ret_segment);
}

/* Is everything there that the headers promise? Tools write the section table last, so that a file
 * which is still being copied is recognised by its absence. */
static int check_extent(const struct file *file, enum manifest_fault *ret_fault,
                        struct err_text *reterr_why)
{
    const ElfW(Ehdr) *header = &file->header;
    uint64_t sections = (uint64_t)header->e_shnum * header->e_shentsize;
    bool fits = header->e_shoff <= file->len && file->len - (uint64_t)header->e_shoff >= sections;

    for (unsigned i = 0; fits && i < header->e_phnum; i++) {
        ElfW(Phdr) segment;

        fits = segment_at(file, i, &segment) &&
               (segment.p_type != PT_LOAD || (segment.p_offset <= file->len &&
                                              file->len - segment.p_offset >= segment.p_filesz));
    }
    if (!fits) {
        *ret_fault = MANIFEST_CUT_SHORT;
        return err_set(reterr_why, ERR_PLUGIN_FORMAT,
                       "is cut short: its headers promise more than its %zu bytes", file->len);
    }
    if (header->e_phnum == 0) {
        return err_set(reterr_why, ERR_PLUGIN_FORMAT,
                       "has nothing to load: it has no program headers");
    }
    return 0;
}

/* The one marker of the file. The same one twice (a copy in a debug section, say) does no harm. */
static int find_marker(const struct file *file, leat_marker *ret_marker,
                       struct err_text *reterr_why)
{
    leat_marker marker;
    leat_marker found;
    bool any = false;
    const uint8_t *at = file->ptr;
    const uint8_t *end = file->ptr + file->len;

    for (;;) {
        at = memmem(at, (size_t)(end - at), LEAT_MARKER, LEAT_MARKER_SIZE);
        if (at == NULL) {
            break;
        }
        if (file_copy(file, (uint64_t)(at - file->ptr), &found, sizeof found)) {
            if (any && memcmp(&marker, &found, sizeof found) != 0) {
                return err_set(reterr_why, ERR_PLUGIN_FORMAT,
                               "has more than one plugin marker; a file holds one plugin");
            }
            marker = found;
            any = true;
        }
        at++;
    }
    if (!any) {
        return err_set(reterr_why, ERR_PLUGIN_FORMAT,
                       "has no plugin marker; end the plugin's source with LEAT_PLUGIN() of "
                       "leat/plugin.h");
    }
    *ret_marker = marker;
    return 0;
}

/* The ABI first: in another major version the rest could mean anything. */
static int check_marker(const leat_marker *marker, struct err_text *reterr_why)
{
    if (marker->abi_major != LEAT_ABI_MAJOR) {
        return err_set(reterr_why, ERR_PLUGIN_ABI,
                       "was built for SDK ABI %u.%u, this engine speaks %u.%u; rebuild it with "
                       "an SDK of version %u",
                       (unsigned)marker->abi_major, (unsigned)marker->abi_minor, LEAT_ABI_MAJOR,
                       LEAT_ABI_MINOR, LEAT_ABI_MAJOR);
    }
    if (memchr(marker->name, '\0', sizeof marker->name) == NULL ||
        memchr(marker->version, '\0', sizeof marker->version) == NULL) {
        return err_set(reterr_why, ERR_PLUGIN_FORMAT,
                       "has a damaged plugin marker: name or version does not end");
    }
    if (!str_name_ok(str_of(marker->name), sizeof marker->name - 1)) {
        return err_set(reterr_why, ERR_PLUGIN_FORMAT,
                       "has a plugin marker without a proper name; names are letters, digits, "
                       "`_`, `-` and `.`");
    }
    if (marker->version[0] == '\0' || !str_utf8_ok(str_of(marker->version))) {
        return err_set(reterr_why, ERR_PLUGIN_FORMAT,
                       "has a plugin marker without a readable version");
    }
    return 0;
}

/* Where in the file the byte lies that will be loaded to <address>; false when nowhere. */
static bool address_offset(const struct file *file, uint64_t address, uint64_t *ret_offset)
{
    for (unsigned i = 0; i < file->header.e_phnum; i++) {
        ElfW(Phdr) segment;

        if (segment_at(file, i, &segment) && segment.p_type == PT_LOAD &&
            address >= segment.p_vaddr && address - segment.p_vaddr < segment.p_filesz) {
            *ret_offset = segment.p_offset + (address - segment.p_vaddr);
            return true;
        }
    }
    return false;
}

/* Copies the text at <offset>, as much of it as fits. */
static void copy_text(const struct file *file, uint64_t offset,
                      char ret_path[MANIFEST_SEARCH_PATH_SIZE])
{
    size_t room = MANIFEST_SEARCH_PATH_SIZE - 1;
    size_t left;

    if (offset >= file->len) {
        return;
    }
    left = file->len - offset;
    if (left > room) {
        left = room;
    }
    left = strnlen((const char *)file->ptr + offset, left);
    memcpy(ret_path, file->ptr + offset, left);
    ret_path[left] = '\0';
}

/* The file's dynamic segment; false when it has none. The loader, too, believes the first. */
static bool dynamic_segment(const struct file *file, ElfW(Phdr) * ret_segment)
{
    for (unsigned i = 0; i < file->header.e_phnum; i++) {
        if (segment_at(file, i, ret_segment) && ret_segment->p_type == PT_DYNAMIC) {
            return true;
        }
    }
    return false;
}

/* RPATH or RUNPATH of the dynamic segment; "" when there is none or the segment makes no sense. */
static void find_search_path(const struct file *file, char ret_path[MANIFEST_SEARCH_PATH_SIZE])
{
    ElfW(Phdr) segment;
    ElfW(Dyn) entry;
    uint64_t strings = 0;
    uint64_t path = 0;
    uint64_t offset;
    bool has_path = false;

    ret_path[0] = '\0';
    if (!dynamic_segment(file, &segment)) {
        return;
    }
    for (uint64_t at = 0; at < segment.p_filesz; at += sizeof entry) {
        if (!file_copy(file, segment.p_offset + at, &entry, sizeof entry) ||
            entry.d_tag == DT_NULL) {
            break;
        }
        if (entry.d_tag == DT_STRTAB) {
            strings = entry.d_un.d_ptr;
        }
        if (entry.d_tag == DT_RPATH || entry.d_tag == DT_RUNPATH) {
            path = entry.d_un.d_val;
            has_path = true;
        }
    }
    if (has_path && path <= file->len && address_offset(file, strings, &offset) &&
        offset <= file->len) {
        copy_text(file, offset + path, ret_path);
    }
}
