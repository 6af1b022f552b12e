/*
 * Fuzzes the reading of plugin files: doors 1 and 3 of the catalogue. The first byte chooses which.
 */
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "plug/descriptor.h"
#include "plug/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* Any bytes as a plugin file: what is accepted has a proper name. */
static void check_manifest(const uint8_t *bytes, size_t len)
{
    struct manifest manifest;
    enum manifest_fault fault = MANIFEST_SOUND;
    struct err_text why;

    int err = manifest_read(bytes, len, &manifest, &fault, &why);
    must((err == 0) == (fault == MANIFEST_SOUND));
    if (err == 0) {
        must(str_name_ok(str_of(manifest.name), sizeof manifest.name - 1));
        must(manifest.version[0] != '\0');
        must(strlen(manifest.search_path) < sizeof manifest.search_path);
    } else {
        must(why.text[0] != '\0');
    }
}

/* Any bytes as a descriptor: what is accepted keeps the rules that its users rely on. */
static void check_descriptor(const uint8_t *bytes, size_t len)
{
    CLEANUP_ARENA struct arena arena;
    struct plug_plugin plugin;
    struct err_text why;

    arena_init(&arena, DESCRIPTOR_MEMORY_MAX);
    if (descriptor_decode(bytes, len, &arena, &plugin, &why) < 0) {
        must(why.text[0] != '\0');
        return;
    }
    must(plugin.part_count > 0 && plugin.part_count <= DESCRIPTOR_PARTS_MAX);
    for (uint32_t i = 0; i < plugin.part_count; i++) {
        const struct plug_part *part = &plugin.parts[i];

        must(part->plugin == &plugin);
        must(descriptor_type_ok(part->kind, str_of(part->type)));
        must(descriptor_part(&plugin, part->kind, str_of(part->type)) == part);
        for (uint32_t j = 0; j < part->param_count; j++) {
            must(part->params[j].name.len > 0 && part->params[j].doc.len > 0);
            must(!part->params[j].required || part->params[j].fallback.ptr == NULL);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (len == 0) {
        return 0;
    }
    /* An exact copy on the heap, so that reading one byte past the end is noticed. */
    uint8_t *copy = malloc(len);
    memcpy(copy, bytes + 1, len - 1);
    if (bytes[0] % 2 == 0) {
        check_manifest(copy, len - 1);
    } else {
        check_descriptor(copy, len - 1);
    }
    free(copy);
    return 0;
}
