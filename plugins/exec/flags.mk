PLUGIN_LIBS_exec := -ljansson
