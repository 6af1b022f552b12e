PLUGIN_LIBS_flights := -lm
