/*
 * The convenience functions of leat/plugin.h and leat/value.h as ordinary symbols, for languages
 * that can not use inline C. Compile it into the plugin, not into a library that plugins share: it
 * is not part of the contract and may change with every version of the SDK.
 *
 *   cc -std=c11 -fPIC -fvisibility=hidden -I sdk/include -c sdk/src/leat_sdk.c
 */
#define LEAT_API

/* The helpers with a name ending in `_` are declared nowhere but where they are defined. */
#if defined(__GNUC__)
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#endif

#include <leat/plugin.h>
