/*
 * A plugin that keeps what it should give back: memory, descriptors, processes.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <leat/plugin.h>

/* Allocates and touches <mib> MiB for good. */
static leat_status memory(leat_call *call)
{
    size_t size = (size_t)leat_param_int(call, "mib") << 20;
    char *block = malloc(size);

    if (!block) {
        return leat_retry(call, -1, "leaker.memory", "no memory left");
    }
    memset(block, 1, size);
    return LEAT_OK;
}

/* Opens files until there are no descriptors left. */
static leat_status descriptors(leat_call *call)
{
    int64_t count = 0;

    while (open("/dev/null", O_RDONLY) >= 0) {
        count++;
    }
    return leat_result_int(call, "count", count);
}

/* Writes its process id to <file>, whole or not at all. */
static void write_pid(const char *path)
{
    char temporary[512];

    snprintf(temporary, sizeof(temporary), "%s.new", path);
    FILE *file = fopen(temporary, "w");
    if (file) {
        fprintf(file, "%d\n", (int)getpid());
        fclose(file);
        rename(temporary, path);
    }
}

/* Waits until somebody has written the file. */
static void await_file(const char *path)
{
    while (access(path, F_OK)) {
        usleep(1000);
    }
}

/* Leaves a process behind that nobody sees: forked twice, in a session of its own, with our pipes
 * open. With <die>, the plugin crashes afterwards. */
static leat_status stray(leat_call *call)
{
    char *path = leat_str_dup(call, leat_param_str(call, "file"));
    pid_t child = fork();

    if (child == 0) {
        if (fork() == 0) {
            setsid();
            write_pid(path);
            for (;;) {
                pause();
            }
        }
        _exit(0);
    }
    waitpid(child, NULL, 0);
    await_file(path);
    if (leat_param_bool(call, "die")) {
        abort();
    }
    return LEAT_OK;
}

/* Leaves a process of the same session behind. */
static leat_status helper(leat_call *call)
{
    char *path = leat_str_dup(call, leat_param_str(call, "file"));

    if (fork() == 0) {
        write_pid(path);
        for (;;) {
            pause();
        }
    }
    await_file(path);
    return LEAT_OK;
}

LEAT_PLUGIN("leaker", "1.0", "Keeps things",
            LEAT_TASK(memory, "leaker.memory", "Memory", LEAT_INT_REQUIRED("mib", "m")),
            LEAT_TASK(descriptors, "leaker.descriptors", "Descriptors"),
            LEAT_TASK(stray, "leaker.stray", "A hidden process", LEAT_STRING_REQUIRED("file", "f"),
                      LEAT_BOOL("die", "false", "d")),
            LEAT_TASK(helper, "leaker.helper", "A visible process",
                      LEAT_STRING_REQUIRED("file", "f")));
