/*
 * See address.h. The ranges are those of the IANA special-purpose registries that lead to no public
 * host.
 */
#include "address.h"

#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

/* A range of IPv4 addresses. */
struct range4 {
    uint32_t base;
    unsigned bits;
};

/* A range of IPv6 addresses, by its first bytes. */
struct range6 {
    unsigned char base[12];
    unsigned bits;
};

static const struct range4 ranges4[] = {
    {0x00000000u, 8},  /* this network */
    {0x0a000000u, 8},  /* private */
    {0x64400000u, 10}, /* shared by a provider's customers */
    {0x7f000000u, 8},  /* loopback */
    {0xa9fe0000u, 16}, /* link-local, where clouds keep their metadata */
    {0xac100000u, 12}, /* private */
    {0xc0000000u, 24}, /* protocol assignments */
    {0xc0000200u, 24}, /* documentation */
    {0xc0586300u, 24}, /* 6to4 relays */
    {0xc0a80000u, 16}, /* private */
    {0xc6120000u, 15}, /* benchmarks */
    {0xc6336400u, 24}, /* documentation */
    {0xcb007100u, 24}, /* documentation */
    {0xe0000000u, 4},  /* multicast */
    {0xf0000000u, 4},  /* reserved, broadcast */
};

static const struct range6 ranges6[] = {
    {{0x01, 0x00}, 64},             /* discard */
    {{0x20, 0x01, 0x00, 0x00}, 32}, /* Teredo, which hides an IPv4 address */
    {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* documentation */
    {{0xfc}, 7},                    /* unique local */
    {{0xfe, 0x80}, 10},             /* link-local */
    {{0xfe, 0xc0}, 10},             /* site-local */
    {{0xff}, 8},                    /* multicast */
};

/* Ranges whose addresses carry an IPv4 address, and where in their bytes. */
static const struct {
    struct range6 range;
    size_t at;
} carriers[] = {
    {{{0}, 96}, 12},                                        /* ::a.b.c.d, ::1 and :: */
    {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96}, 12}, /* mapped */
    {{{0x00, 0x64, 0xff, 0x9b}, 96}, 12},                   /* NAT64 */
    {{{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 48}, 12},       /* local NAT64 */
    {{{0x20, 0x02}, 16}, 2},                                /* 6to4 */
};

/* 1 when the first bits of both are the same. */
static int same_bits(const unsigned char *left, const unsigned char *right, unsigned bits)
{
    unsigned whole = bits / 8;
    unsigned rest = bits % 8;

    if (memcmp(left, right, whole) != 0) {
        return 0;
    }
    return rest == 0 || ((left[whole] ^ right[whole]) & (0xffu << (8 - rest)) & 0xffu) == 0;
}

/* 1 for a private IPv4 address in host order. */
static int is_private4(uint32_t address)
{
    for (size_t i = 0; i < sizeof ranges4 / sizeof ranges4[0]; i++) {
        if ((address ^ ranges4[i].base) >> (32 - ranges4[i].bits) == 0) {
            return 1;
        }
    }
    return 0;
}

/* 1 for a private IPv6 address. */
static int is_private6(const unsigned char bytes[16])
{
    for (size_t i = 0; i < sizeof ranges6 / sizeof ranges6[0]; i++) {
        if (same_bits(bytes, ranges6[i].base, ranges6[i].bits)) {
            return 1;
        }
    }
    for (size_t i = 0; i < sizeof carriers / sizeof carriers[0]; i++) {
        const unsigned char *inner = bytes + carriers[i].at;

        if (same_bits(bytes, carriers[i].range.base, carriers[i].range.bits)) {
            return is_private4((uint32_t)inner[0] << 24 | (uint32_t)inner[1] << 16 |
                               (uint32_t)inner[2] << 8 | inner[3]);
        }
    }
    return 0;
}

int address_is_private(const struct sockaddr *address)
{
    struct sockaddr_in in4;
    struct sockaddr_in6 in6;

    if (address->sa_family == AF_INET) {
        memcpy(&in4, address, sizeof in4);
        return is_private4(ntohl(in4.sin_addr.s_addr));
    }
    if (address->sa_family == AF_INET6) {
        memcpy(&in6, address, sizeof in6);
        return is_private6(in6.sin6_addr.s6_addr);
    }
    return 1;
}
