/*
 * `leat`: the one binary. The first word says what it is this time.
 */
#include <stdio.h>
#include <string.h>

#include "work/host.h"

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "host") == 0) {
        return host_main(argc - 1, argv + 1);
    }
    fprintf(stderr, "usage: leat host ...\n");
    return 2;
}
