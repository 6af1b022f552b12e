/*
 * See task_names.h.
 */
#include "api/task_names.h"

#include <stdlib.h>

#include "api/find.h"
#include "api/rows.h"
#include "base/map.h"
#include "base/mem.h"
#include "store/key.h"

struct task_names {
    struct map *names; /* char * by run and index */
};

struct task_names *task_names_new(void)
{
    struct task_names *names = xcalloc(1, sizeof(*names));

    names->names = map_new();
    return names;
}

struct task_names *task_names_free(struct task_names *names)
{
    size_t cursor = 0;
    struct str key;
    void *value;

    if (!names) {
        return NULL;
    }
    while (map_next(names->names, &cursor, &key, &value)) {
        free(value);
    }
    map_free(names->names);
    free(names);
    return NULL;
}

const char *task_names_get(struct task_names *names, struct store_read *read, uint64_t run,
                           uint32_t index)
{
    struct store_key key = {0};
    char text[ROWS_TASK_NAME_SIZE];
    struct task_row row;
    char *name;

    key_u64(&key, run);
    key_u32(&key, index);
    name = map_get(names->names, key_str(&key));
    if (!name && find_task_row(read, run, index, &row, NULL) == 0) {
        rows_task_name(&row, text);
        name = xstrdup(text);
        map_put(names->names, key_str(&key), name);
    }
    return name;
}
