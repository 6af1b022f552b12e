/*
 * Peers: the same external commands by tools that record nothing or little.
 */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/must.h"
#include "bench.h"

enum { COMMANDS = 2000, TEXT_MAX = 1024 * 1024 };

extern char **environ;

/* Runs a shell line in <dir>; microseconds, or -1 when it fails. */
static double shell_us(const char *dir, const char *line)
{
    CLEANUP_FREE char *whole = xasprintf("cd '%s' && { %s; } >/dev/null 2>&1", dir, line);
    char *const argv[] = {(char *)(uintptr_t) "sh", (char *)(uintptr_t) "-c", whole, NULL};
    int64_t began = bench_now_us();
    pid_t pid;
    int status;

    must(posix_spawn(&pid, "/bin/sh", NULL, NULL, argv, environ) == 0);
    must(waitpid(pid, &status, 0) == pid);
    return status == 0 ? (double)(bench_now_us() - began) : -1;
}

/* A makefile with <count> independent targets that run `true`. */
static void write_makefile(const char *path)
{
    CLEANUP_BUF struct buf text = BUF_INIT(TEXT_MAX);

    buf_printf(&text, ".PHONY: all\nall:");
    for (int i = 0; i < COMMANDS; i++) {
        buf_printf(&text, " t%d", i);
    }
    buf_printf(&text, "\nt%%:\n\t@true\n");
    must(file_write(path, text.data, text.len, 0600, NULL) == 0);
}

/* The same for Ninja. */
static void write_ninja(const char *path)
{
    CLEANUP_BUF struct buf text = BUF_INIT(TEXT_MAX);

    buf_printf(&text, "rule r\n  command = true\n");
    for (int i = 0; i < COMMANDS; i++) {
        buf_printf(&text, "build t%d: r\n", i);
    }
    must(file_write(path, text.data, text.len, 0600, NULL) == 0);
}

void peers_run(const char *dir, const struct floors *floors)
{
    CLEANUP_FREE char *makefile = file_join(dir, "peer.mk");
    CLEANUP_FREE char *ninja = file_join(dir, "peer.ninja");
    static const struct {
        const char *name;
        const char *line;
    } peers[] = {
        {"xargs -P2, `true`", "seq 2000 | xargs -P2 -n1 true"},
        {"GNU make -j2, `true`", "MAKEFLAGS= make -s -j2 -f peer.mk"},
        {"Ninja -j2, `true`", "ninja -j2 -f peer.ninja"},
    };

    write_makefile(makefile);
    write_ninja(ninja);
    bench_heading("peers: 2,000 x `true`, nothing durable");
    for (size_t i = 0; i < sizeof(peers) / sizeof(peers[0]); i++) {
        double us = shell_us(dir, peers[i].line);

        if (us < 0) {
            printf("  %-42s %14s\n", peers[i].name, "not here");
        } else {
            bench_row(peers[i].name, COMMANDS * 1e6 / us, floors->spawns_per_s, "/s", "floor: P2");
        }
    }
}
