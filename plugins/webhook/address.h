/*
 * Which network addresses a webhook must not reach unless it is allowed to: those inside the
 * machine and the networks around it, where services trust whoever can connect.
 */
#ifndef WEBHOOK_ADDRESS_H
#define WEBHOOK_ADDRESS_H

#include <sys/socket.h>

/* 1 for loopback, private, link-local, shared, multicast, reserved and unspecified addresses, also
 * in their IPv6 clothes, and for anything that is neither IPv4 nor IPv6. */
int address_is_private(const struct sockaddr *address);

#endif
