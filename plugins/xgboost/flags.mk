PLUGIN_LIBS_xgboost := -lxgboost -lm
