#!/bin/bash
# docs/reference-cli.md says what every command says about itself.
set -u
root=${LEAT_ROOT:?}
export LEAT_BIN=${LEAT_BIN:?}

made=$(mktemp)
trap 'rm -f "$made"' EXIT
if ! "$root/tests/docs/update-cli" --print >"$made"; then
    echo "not ok - the reference of commands can be made"
elif diff -u "$root/docs/reference-cli.md" "$made"; then
    echo "ok - the reference of commands is that of the program"
else
    echo "not ok - the reference of commands is that of the program: run tests/docs/update-cli"
fi
