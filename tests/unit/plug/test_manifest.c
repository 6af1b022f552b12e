/*
 * Door 1: each way in which a file is not a plugin for this machine, and the one in which it is.
 */
#include "plug/manifest.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "tests/unit/plug/sample.h"

/* A sample file on the heap, so that reading past its end is noticed. */
struct file {
    uint8_t *bytes;
    size_t len;
};

/* Copies the first <len> bytes of a sample. */
static struct file make_file(size_t len)
{
    uint8_t sample[SAMPLE_SIZE];
    struct file file = {malloc(len == 0 ? 1 : len), len};

    sample_make(sample, "csv", "1.2.3", "");
    memcpy(file.bytes, sample, len);
    return file;
}

/* Expects a refusal with this code, this fault and this word in the sentence. */
static void expect_refusal(struct file file, int code, enum manifest_fault fault, const char *word)
{
    struct manifest manifest;
    struct err_text why = {""};
    enum manifest_fault found = MANIFEST_SOUND;

    cr_assert_eq(manifest_read(file.bytes, file.len, &manifest, &found, &why), code);
    cr_expect_eq(found, fault);
    cr_expect_not_null(strstr(why.text, word), "\"%s\" is not in: %s", word, why.text);
    free(file.bytes);
}

/* The marker inside the file. */
static leat_marker *marker_of(struct file file)
{
    return (void *)(file.bytes + SAMPLE_MARKER);
}

Test(manifest, tells_name_version_and_abi_of_a_plugin)
{
    struct file file = make_file(SAMPLE_SIZE);
    struct manifest manifest;
    enum manifest_fault fault = MANIFEST_FOREIGN;

    cr_assert_eq(manifest_read(file.bytes, file.len, &manifest, &fault, NULL), 0);
    cr_expect_eq(fault, MANIFEST_SOUND);
    cr_expect_str_eq(manifest.name, "csv");
    cr_expect_str_eq(manifest.version, "1.2.3");
    cr_expect_eq(manifest.abi_major, LEAT_ABI_MAJOR);
    cr_expect_eq(manifest.abi_minor, LEAT_ABI_MINOR);
    cr_expect_str_empty(manifest.search_path);
    free(file.bytes);
}

Test(manifest, refuses_an_empty_file)
{
    expect_refusal(make_file(0), ERR_PLUGIN_FORMAT, MANIFEST_CUT_SHORT, "empty");
}

Test(manifest, takes_every_cut_of_a_plugin_for_a_file_being_written)
{
    for (size_t len = 1; len < SAMPLE_SIZE; len++) {
        expect_refusal(make_file(len), ERR_PLUGIN_FORMAT, MANIFEST_CUT_SHORT, "cut short");
    }
}

Test(manifest, refuses_a_file_that_is_not_elf)
{
    struct file file = make_file(SAMPLE_SIZE);
    memcpy(file.bytes, "#!/bin/sh\n", 10);
    expect_refusal(file, ERR_PLUGIN_FORMAT, MANIFEST_FOREIGN, "not a shared object");
}

Test(manifest, refuses_another_machine)
{
    struct file file = make_file(SAMPLE_SIZE);
    ((Elf64_Ehdr *)(void *)file.bytes)->e_machine = EM_S390;
    expect_refusal(file, ERR_PLUGIN_FORMAT, MANIFEST_FOREIGN, "another machine");
}

Test(manifest, refuses_another_word_size)
{
    struct file file = make_file(SAMPLE_SIZE);
    file.bytes[EI_CLASS] = ELFCLASS32;
    expect_refusal(file, ERR_PLUGIN_FORMAT, MANIFEST_FOREIGN, "another machine");
}

Test(manifest, refuses_an_object_file)
{
    struct file file = make_file(SAMPLE_SIZE);
    ((Elf64_Ehdr *)(void *)file.bytes)->e_type = ET_REL;
    expect_refusal(file, ERR_PLUGIN_FORMAT, MANIFEST_FOREIGN, "-shared");
}

Test(manifest, refuses_a_file_with_nothing_to_load)
{
    struct file file = make_file(SAMPLE_SIZE);
    ((Elf64_Ehdr *)(void *)file.bytes)->e_phnum = 0;
    expect_refusal(file, ERR_PLUGIN_FORMAT, MANIFEST_FOREIGN, "nothing to load");
}

Test(manifest, refuses_program_headers_far_outside)
{
    struct file file = make_file(SAMPLE_SIZE);
    ((Elf64_Ehdr *)(void *)file.bytes)->e_phoff = UINT64_MAX - 8;
    expect_refusal(file, ERR_PLUGIN_FORMAT, MANIFEST_CUT_SHORT, "cut short");
}

Test(manifest, refuses_a_shared_object_without_marker)
{
    struct file file = make_file(SAMPLE_SIZE);
    file.bytes[SAMPLE_MARKER] = 0;
    expect_refusal(file, ERR_PLUGIN_FORMAT, MANIFEST_FOREIGN, "no plugin marker");
}

Test(manifest, refuses_a_marker_that_ends_with_the_file)
{
    struct file file = make_file(SAMPLE_SIZE);
    memcpy(file.bytes + SAMPLE_SIZE - LEAT_MARKER_SIZE, LEAT_MARKER, LEAT_MARKER_SIZE);
    file.bytes[SAMPLE_MARKER] = 0;
    expect_refusal(file, ERR_PLUGIN_FORMAT, MANIFEST_FOREIGN, "no plugin marker");
}

Test(manifest, refuses_two_different_markers)
{
    struct file file = make_file(SAMPLE_SIZE);
    memcpy(file.bytes + SAMPLE_MARKER + sizeof(leat_marker), file.bytes + SAMPLE_MARKER,
           sizeof(leat_marker));
    file.bytes[SAMPLE_MARKER + sizeof(leat_marker) + 20] = 'x';
    expect_refusal(file, ERR_PLUGIN_FORMAT, MANIFEST_FOREIGN, "more than one");
}

Test(manifest, accepts_the_same_marker_twice)
{
    struct file file = make_file(SAMPLE_SIZE);
    struct manifest manifest;
    memcpy(file.bytes + SAMPLE_MARKER + sizeof(leat_marker), file.bytes + SAMPLE_MARKER,
           sizeof(leat_marker));
    cr_expect_eq(manifest_read(file.bytes, file.len, &manifest, NULL, NULL), 0);
    free(file.bytes);
}

Test(manifest, refuses_abi_major_two_and_names_both_numbers)
{
    struct file file = make_file(SAMPLE_SIZE);
    marker_of(file)->abi_major = 2;
    expect_refusal(file, ERR_PLUGIN_ABI, MANIFEST_FOREIGN, "ABI 2.0, this engine speaks 1.0");
}

Test(manifest, accepts_a_newer_abi_minor)
{
    struct file file = make_file(SAMPLE_SIZE);
    struct manifest manifest;
    marker_of(file)->abi_minor = LEAT_ABI_MINOR + 7;
    cr_assert_eq(manifest_read(file.bytes, file.len, &manifest, NULL, NULL), 0);
    cr_expect_eq(manifest.abi_minor, LEAT_ABI_MINOR + 7);
    free(file.bytes);
}

Test(manifest, refuses_a_name_without_end)
{
    struct file file = make_file(SAMPLE_SIZE);
    memset(marker_of(file)->name, 'n', sizeof marker_of(file)->name);
    expect_refusal(file, ERR_PLUGIN_FORMAT, MANIFEST_FOREIGN, "does not end");
}

Test(manifest, refuses_a_name_with_a_slash)
{
    struct file file = make_file(SAMPLE_SIZE);
    marker_of(file)->name[1] = '/';
    expect_refusal(file, ERR_PLUGIN_FORMAT, MANIFEST_FOREIGN, "proper name");
}

Test(manifest, refuses_an_empty_version)
{
    struct file file = make_file(SAMPLE_SIZE);
    marker_of(file)->version[0] = '\0';
    expect_refusal(file, ERR_PLUGIN_FORMAT, MANIFEST_FOREIGN, "version");
}

/* Turns the second half of the file into a dynamic segment with this search path. */
static void add_search_path(struct file file, const char *path)
{
    enum { DYNAMIC = 320, STRINGS = 448 };
    Elf64_Ehdr *header = (void *)file.bytes;
    Elf64_Phdr segment = {.p_type = PT_DYNAMIC, .p_offset = DYNAMIC, .p_filesz = 64};
    Elf64_Dyn entries[3] = {{DT_STRTAB, {.d_ptr = STRINGS}}, {DT_RUNPATH, {.d_val = 1}}};

    header->e_phnum = 2;
    header->e_phoff = SAMPLE_SALT;
    header->e_shoff = 0;
    header->e_shnum = 0;
    memmove(file.bytes + SAMPLE_SALT, file.bytes + SAMPLE_SEGMENT, sizeof segment);
    memcpy(file.bytes + SAMPLE_SALT + sizeof segment, &segment, sizeof segment);
    memcpy(file.bytes + DYNAMIC, entries, sizeof entries);
    strncpy((char *)file.bytes + STRINGS + 1, path, SAMPLE_SALT - STRINGS - 1);
}

Test(manifest, notices_a_library_search_path)
{
    struct file file = make_file(SAMPLE_SIZE);
    struct manifest manifest;

    add_search_path(file, "/opt/odd/lib");
    cr_assert_eq(manifest_read(file.bytes, file.len, &manifest, NULL, NULL), 0);
    cr_expect_str_eq(manifest.search_path, "/opt/odd/lib");
    free(file.bytes);
}

Test(manifest, survives_any_one_damaged_byte)
{
    for (size_t at = 0; at < SAMPLE_SIZE; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            struct file file = make_file(SAMPLE_SIZE);
            struct manifest manifest;
            enum manifest_fault fault = MANIFEST_SOUND;

            add_search_path(file, "/x");
            file.bytes[at] ^= (uint8_t)(1u << bit);
            int err = manifest_read(file.bytes, file.len, &manifest, &fault, NULL);
            cr_assert_eq(err == 0, fault == MANIFEST_SOUND);
            free(file.bytes);
        }
    }
}
