PLUGIN_LIBS_command := -ljansson
