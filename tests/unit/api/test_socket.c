/*
 * The engine's socket: mode, stale files, long homes.
 */
#include "api/socket.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "fixture.h"

static char home[1024];
static struct err_text why;

/* An empty home. */
static void start(void)
{
    const char *tmp = getenv("TMPDIR");

    snprintf(home, sizeof(home), "%s/leat-socket.XXXXXX", tmp ? tmp : "/tmp");
    cr_assert(mkdtemp(home));
}

/* Removes it. */
static void stop(void)
{
    file_remove_tree(home, NULL);
}

TestSuite(socket, .init = start, .fini = stop, .timeout = 60);

/* Listens, and fails the test when that does not work. */
static int listen_on(const char *dir)
{
    int fd = -1;

    cr_assert_eq(socket_listen(dir, &fd, &why), 0, "%s", why.text);
    return fd;
}

Test(socket, only_the_owner_may_open_it)
{
    struct stat found;
    int fd = listen_on(home);

    cr_assert_eq(stat(format("%s/run/engine.sock", home), &found), 0);
    cr_assert_eq(found.st_mode & 07777, 0600);
    cr_assert_eq(stat(format("%s/run", home), &found), 0);
    cr_assert_eq(found.st_mode & 07777, 0700);
    close(fd);
}

Test(socket, a_directory_open_to_others_is_closed)
{
    struct stat found;
    int fd;

    cr_assert_eq(file_mkdirs(format("%s/run", home), 0755, NULL), 0);
    cr_assert_eq(chmod(format("%s/run", home), 0777), 0);
    fd = listen_on(home);
    cr_assert_eq(stat(format("%s/run", home), &found), 0);
    cr_assert_eq(found.st_mode & 07777, 0700);
    close(fd);
}

Test(socket, a_client_reaches_the_listener)
{
    int listener = listen_on(home);
    int client = -1;
    int server;

    cr_assert_eq(socket_connect(home, &client, &why), 0, "%s", why.text);
    server = accept(listener, NULL, NULL);
    cr_assert(server >= 0);
    close(client);
    close(server);
    close(listener);
}

Test(socket, what_a_dead_engine_left_is_replaced)
{
    int fd = listen_on(home);

    close(fd);
    cr_assert_eq(socket_connect(home, &fd, &why), ERR_UNAVAILABLE);
    fd = listen_on(home);
    close(fd);
}

Test(socket, a_file_in_its_place_is_left_alone)
{
    int fd = -1;

    cr_assert_eq(file_mkdirs(format("%s/run", home), 0700, NULL), 0);
    cr_assert_eq(file_write(format("%s/run/engine.sock", home), "x", 1, 0600, NULL), 0);
    cr_assert_eq(socket_listen(home, &fd, &why), ERR_UNAVAILABLE);
    cr_assert(strstr(why.text, "is not a socket"));
    cr_assert_eq(fd, -1);
}

Test(socket, a_home_deeper_than_an_address_is_long_works)
{
    int listener;
    int client = -1;

    while (strlen(home) < 300) {
        strncat(home, "/a-rather-long-name-of-a-directory", sizeof(home) - strlen(home) - 1);
    }
    listener = listen_on(home);
    cr_assert_eq(socket_connect(home, &client, &why), 0, "%s", why.text);
    close(client);
    close(listener);
    *strstr(home, "/a-rather") = '\0';
}

Test(socket, nobody_listens_in_an_empty_home)
{
    int fd = -1;

    cr_assert_eq(socket_connect(home, &fd, &why), ERR_UNAVAILABLE);
    cr_assert(strstr(why.text, "No engine listens"));
}

Test(socket, a_removed_socket_is_gone)
{
    int fd = listen_on(home);

    socket_remove(home);
    cr_assert(!file_exists(format("%s/run/engine.sock", home)));
    socket_remove(home);
    close(fd);
}

Test(socket, a_home_that_can_not_be_made_is_an_error_with_its_path)
{
    int fd = -1;

    cr_assert_lt(socket_listen("/proc/nothing", &fd, &why), 0);
    cr_assert(strstr(why.text, "/proc/nothing"), "%s", why.text);
}
