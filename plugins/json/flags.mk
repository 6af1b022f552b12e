PLUGIN_LIBS_json := -ljansson
