/*
 * A plugin that reaches for the channels between its host and the engine.
 */
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <leat/plugin.h>

enum { DATA = 3, CONTROL = 4 };

/* Writes bytes and forgets about it. */
static void put(int fd, const void *bytes, size_t len)
{
    ssize_t written = write(fd, bytes, len);

    (void)written;
}

/* Waits to be killed: the engine has seen enough. */
_Noreturn static void wait_for_end(void)
{
    for (;;) {
        pause();
    }
}

/* Garbage on the data channel. */
static leat_status garbage(leat_call *call)
{
    (void)call;
    put(DATA, "all your base are belong to us", 30);
    wait_for_end();
}

/* A frame that announces 4 GiB. */
static leat_status huge(leat_call *call)
{
    (void)call;
    put(DATA, "\xff\xff\xff\xff", 4);
    wait_for_end();
}

/* A well-formed result for a call that it was not given. */
static leat_status forge(leat_call *call)
{
    static const uint8_t frame[] = {12,   0, 0,    0,    0x99, 18, 0xcd, 0x03,
                                    0xe7, 0, 0xa0, 0xa0, 0xff, 0,  0,    0xc0};

    (void)call;
    put(DATA, frame, sizeof(frame));
    wait_for_end();
}

/* Garbage on the control channel. */
static leat_status control(leat_call *call)
{
    (void)call;
    put(CONTROL, "\x02\x00\x00\x00\x91\x7f", 6);
    wait_for_end();
}

/* No channel at all any more, but the process goes on. */
static leat_status hang_up(leat_call *call)
{
    (void)call;
    shutdown(DATA, SHUT_RDWR);
    shutdown(CONTROL, SHUT_RDWR);
    wait_for_end();
}

/* Closes every descriptor that is not its own, then returns as if nothing was. */
static leat_status close_all(leat_call *call)
{
    (void)call;
    for (int fd = 0; fd < 64; fd++) {
        close(fd);
    }
    return LEAT_OK;
}

LEAT_PLUGIN("breaker", "1.0", "Breaks channels",
            LEAT_TASK(garbage, "breaker.garbage", "Garbage on data"),
            LEAT_TASK(huge, "breaker.huge", "A huge frame"),
            LEAT_TASK(forge, "breaker.forge", "A forged result"),
            LEAT_TASK(control, "breaker.control", "Garbage on control"),
            LEAT_TASK(hang_up, "breaker.hang_up", "Hangs up"),
            LEAT_TASK(close_all, "breaker.close_all", "Closes everything"));
