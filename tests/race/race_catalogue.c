/*
 * One thread scans a directory that keeps changing, others look parts up: every part they find must
 * be whole, and stay so. Meant for the thread sanitizer; prints TAP.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "plug/catalogue.h"

/* Helpers of another folder are not linked with this one. */
#include "tests/unit/plug/sample.c"

enum { READERS = 3, SCANS = 60 };

static atomic_bool done;

/* Thread: whatever is found has the name it was asked for and an owner with a version. */
static void *look_up(void *user)
{
    const struct catalogue *catalogue = user;
    struct err_text why;

    while (!atomic_load(&done)) {
        const struct plug_part *part = catalogue_part(catalogue, LEAT_KIND_TASK, STR("csv.read"));
        if (part != NULL) {
            must(strcmp(part->type, "csv.read") == 0);
            must(strcmp(part->plugin->name, "csv") == 0 && part->plugin->version[0] != '\0');
        } else {
            must(catalogue_part_missing(catalogue, LEAT_KIND_TASK, STR("csv.read"), &why) < 0);
        }
        const struct catalogue_view *view = catalogue_view(catalogue);
        for (size_t i = 0; i < view->file_count; i++) {
            must(view->files[i].path[0] == '/');
        }
    }
    return NULL;
}

int main(void)
{
    sample_enter();
    sample_declare("csv", "csv.read csv.write");
    struct catalogue *catalogue = catalogue_new(sample_home, NULL, sample_describe, NULL);
    pthread_t readers[READERS];

    for (size_t i = 0; i < READERS; i++) {
        int failed = pthread_create(&readers[i], NULL, look_up, catalogue);
        must(!failed);
    }
    for (int i = 0; i < SCANS; i++) {
        char salt[16];
        snprintf(salt, sizeof salt, "%d", i);
        sample_write("plugins/csv.so", "csv", i % 2 == 0 ? "1.0" : "1.1", salt);
        int err = catalogue_scan(catalogue, NULL);
        must(err == 0);
    }
    atomic_store(&done, true);
    for (size_t i = 0; i < READERS; i++) {
        pthread_join(readers[i], NULL);
    }
    bool all_seen = catalogue_view(catalogue)->generation == SCANS;
    printf("%s - every change made a view of its own, and readers saw whole ones\n",
           all_seen ? "ok" : "not ok");
    catalogue_free(catalogue);
    sample_leave();
    return all_seen ? 0 : 1;
}
