PLUGIN_LIBS_fs := -ljansson
