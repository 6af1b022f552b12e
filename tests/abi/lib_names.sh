#!/bin/bash
# Prints every public name of the SDK's headers, one a line, sorted: macros, types, functions. A name that
# ends in `_` is an implementation detail, and so are include guards. Used by contract.sh.
set -u
export LC_ALL=C

cd "${1:-.}/sdk/include" || exit 1
for header in $(find leat -name '*.h' -not -path '*/draft/*'); do
    sed -n -E \
        -e 's/^#define (LEAT_[A-Z0-9_]*).*/\1/p' \
        -e 's/^typedef .*[ *](leat_[a-z0-9_]+);/\1/p' \
        -e 's/^typedef .*\(\*(leat_[a-z0-9_]+)\).*/\1/p' \
        -e 's/^typedef const .*\*\(\*(leat_[a-z0-9_]+)\).*/\1/p' \
        -e 's/^\} (leat_[a-z0-9_]+);/\1/p' \
        -e 's/^struct (leat_[a-z0-9_]+) \{/\1/p' \
        -e 's/^LEAT_API .*[ *](leat_[a-z0-9_]+)\(.*/\1/p' \
        "$header"
done | grep -v -e '_$' -e '^LEAT_[A-Z]*_H$' -e '^LEAT_API$' | sort -u
