PLUGIN_LIBS_webhook := -lcurl -ljansson -lsodium
