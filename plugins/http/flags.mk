PLUGIN_LIBS_http := -lcurl -ljansson -lsodium
