/*
 * A plugin of an ABI that does not exist yet, under the name of the present one.
 */
#include <leat/plugin.h>

static const leat_part *const parts[] = {NULL};
static const leat_plugin plugin = {
    .magic = LEAT_PLUGIN_MAGIC,
    .struct_size = (uint32_t)sizeof(leat_plugin),
    .abi_major = LEAT_ABI_MAJOR + 1,
    .name = "wrong_abi",
    .version = "1.0",
    .summary = "From the future",
    .parts = parts,
};

static const leat_marker marker LEAT_KEEP_ = {LEAT_MARKER, LEAT_ABI_MAJOR + 1, 0, "wrong_abi",
                                              "1.0"};

LEAT_EXPORT_ const leat_plugin *leat_plugin_v1(void);

/* The one exported function. */
LEAT_EXPORT_ const leat_plugin *leat_plugin_v1(void)
{
    return &plugin;
}
