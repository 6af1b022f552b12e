/*
 * Where things are: the home, the bundled plugins, the engine's socket.
 */
#ifndef MAIN_HOME_H
#define MAIN_HOME_H

#include <stdbool.h>

/*
 * The home as an absolute path on the heap: <given> if there is one, else $LEAT_HOME, else the
 * nearest directory from here upwards that has a leat.yaml, else $XDG_DATA_HOME/leat or
 * ~/.local/share/leat (then <ret_is_default> is true).
 */
char *home_find(const char *given, bool *ret_is_default);

/* The plugins that come with the program, absolute on the heap, or NULL: `plugins` beside the
 * binary, or ../lib/leat/plugins. */
char *home_bundled_plugins(void);

#endif
