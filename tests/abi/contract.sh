#!/bin/bash
# The SDK's contract, seen from outside with compilers and binary tools: pinned layout, headers that stand
# alone, the list of public names, symbols for bindings, and what the smallest plugin looks like as a file.
set -u
export LC_ALL=C

root=${LEAT_ROOT:-$PWD}
sdk=$root/sdk
here=$root/tests/abi
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# passes <name> <command...>: the command succeeds.
passes() {
    local name=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        echo "ok - $name"
    else
        echo "not ok - $name"
        sed 's/^/#   /' "$work/log" | head -n 20
    fi
}

have() {
    command -v "$1" >/dev/null
}

strict=(-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wundef -Werror -I "$sdk/include")
c_strict=("${strict[@]}" -Wstrict-prototypes -Wmissing-prototypes)

# Compilers that are not there are passed over; there is one at least, or nothing was built.
for cc in gcc clang; do
    have "$cc" || continue
    for standard in c11 c17; do
        passes "the pinned layout holds for $cc as $standard" \
            "$cc" -std="$standard" "${c_strict[@]}" -fsyntax-only "$sdk/abi/layout.c"
        for header in abi value plugin; do
            echo "#include <leat/$header.h>" >"$work/alone.c"
            passes "leat/$header.h stands alone for $cc as $standard" \
                "$cc" -std="$standard" "${c_strict[@]}" -fsyntax-only "$work/alone.c"
        done
    done
done
for cxx in g++ clang++; do
    have "$cxx" || continue
    for standard in c++11 c++17; do
        passes "the pinned layout holds for $cxx as $standard" \
            "$cxx" -std="$standard" "${strict[@]}" -fsyntax-only -x c++ "$sdk/abi/layout.c"
        for header in abi value plugin; do
            echo "#include <leat/$header.h>" >"$work/alone.cpp"
            passes "leat/$header.h stands alone for $cxx as $standard" \
                "$cxx" -std="$standard" "${strict[@]}" -fsyntax-only "$work/alone.cpp"
        done
    done
done

# A pin that could not fail would pin nothing.
spoilt_layout_fails() {
    sed 's/leat_param, flags, 28, 4/leat_param, flags, 24, 4/' "$sdk/abi/layout.c" >"$work/spoilt.c"
    ! cmp -s "$sdk/abi/layout.c" "$work/spoilt.c" &&
        ! "$cc" -std=c11 -I "$sdk/include" -fsyntax-only "$work/spoilt.c" 2>/dev/null
}
cc=gcc
have gcc || cc=clang
passes "a layout that differs in one offset does not compile" spoilt_layout_fails

# ---- names ----

names_match() {
    bash "$here/lib_names.sh" "$root" >"$work/names"
    grep -v -e '^#' -e '^$' "$sdk/abi/symbols-in-versions" >"$work/listed"
    awk '{ print $1 }' "$work/listed" >"$work/listed.names"
    if ! sort -cu "$work/listed.names"; then
        echo "sdk/abi/symbols-in-versions is not sorted, or has a name twice"
        return 1
    fi
    awk 'NF != 2 || $2 !~ /^[0-9]+\.[0-9]+$/ { print "not a name and a version: " $0; bad = 1 }
        END { exit bad }' "$work/listed" || return 1
    if ! diff "$work/listed.names" "$work/names" >"$work/diff"; then
        echo "sdk/abi/symbols-in-versions (<) and the headers (>) differ; new names go into the list"
        echo "with the present version, and names that people use never leave it:"
        cat "$work/diff"
        return 1
    fi
}
passes "every public name is listed with its version, and no other" names_match

history_knows_version() {
    local major minor
    major=$(sed -n 's/^#define LEAT_ABI_MAJOR //p' "$sdk/include/leat/abi.h")
    minor=$(sed -n 's/^#define LEAT_ABI_MINOR //p' "$sdk/include/leat/abi.h")
    grep -q "^## $major\.$minor," "$sdk/abi/HISTORY.md" &&
        grep -q "^ \*   $major\.$minor  " "$sdk/include/leat/abi.h"
}
passes "the present version has its entry in the history and in the header" history_knows_version

functions_are_symbols() {
    "$cc" -std=c11 "${c_strict[@]}" -c "$sdk/src/leat_sdk.c" -o "$work/sdk.o" || return 1
    nm --defined-only "$work/sdk.o" | awk '$2 == "T" { print $3 }' | sort >"$work/symbols"
    sed -n -E 's/^LEAT_API .*[ *](leat_[a-z0-9_]+)\(.*/\1/p' "$sdk"/include/leat/{value,plugin}.h |
        sort -u >"$work/functions"
    diff "$work/functions" "$work/symbols"
}
passes "leat_sdk.c has a symbol for every inline function" functions_are_symbols

# ---- the smallest plugin ----

hello=$root/examples/plugins/hello/hello.c
optimised=(-O2 -fPIC -fvisibility=hidden -ffunction-sections -fdata-sections -shared
    -Wl,-z,defs -Wl,--gc-sections)

only_the_entry_is_exported() {
    [ "$(nm -D --defined-only "$1" | awk '{ print $3 }')" = leat_plugin_v1 ]
}
needs_libc_alone() {
    ! nm -D --undefined-only "$1" | awk '$1 != "w" && $2 !~ /@GLIBC_/' | grep . &&
        [ "$(readelf -d "$1" | grep NEEDED | grep -v 'libc\.so')" = "" ]
}
has_one_marker() {
    [ "$(grep -a -F -o leat-plugin "$1" | wc -l)" = 1 ]
}

for compiler in gcc clang; do
    have "$compiler" || continue
    for standard in c11 c17; do
        so=$work/hello-$compiler-$standard.so
        passes "the smallest plugin compiles with $compiler as strict $standard" \
            "$compiler" -std="$standard" "${c_strict[@]}" "${optimised[@]}" "$hello" -o "$so"
        passes "it exports its entry and nothing else ($compiler, $standard)" \
            only_the_entry_is_exported "$so"
        passes "it needs nothing but libc ($compiler, $standard)" needs_libc_alone "$so"
        passes "its marker survives --gc-sections ($compiler, $standard)" has_one_marker "$so"
        strip "$so"
        passes "its marker survives strip ($compiler, $standard)" has_one_marker "$so"
    done
done

lines=$(grep -c . "$hello")
passes "it has no more than fourteen lines that are not blank" [ "$lines" -le 14 ]

# Two plugins in one program, each under its own name.
statics_link_together() {
    local name
    for name in one two; do
        cat >"$work/$name.c" <<PLUGIN
#define LEAT_STATIC $name
#include <leat/plugin.h>

static leat_status run(leat_call *call)
{
    return leat_result_nil(call, "x");
}

LEAT_PLUGIN("$name", "1", "Is $name", LEAT_TASK(run, "$name.run", "Runs"));
PLUGIN
    done
    cat >"$work/main.c" <<'MAIN'
#include <leat/abi.h>
const leat_plugin *leat_plugin_v1_one(void);
const leat_plugin *leat_plugin_v1_two(void);
int main(void)
{
    return leat_plugin_v1_one()->name[0] == 'o' && leat_plugin_v1_two()->name[0] == 't' ? 0 : 1;
}
MAIN
    "$cc" -std=c11 "${strict[@]}" "$work"/{one,two,main}.c -o "$work/program" && "$work/program"
}
passes "plugins linked into one program keep apart" statics_link_together

too_long_a_version_fails() {
    local version
    version=$(printf '%064d' 1)
    sed "s/1\.0\.0/$version/" "$hello" >"$work/long.c"
    ! "$cc" -std=c11 -w -I "$sdk/include" -fsyntax-only "$work/long.c"
}
passes "a version that does not fit into the marker does not compile" too_long_a_version_fails

wrong_format_fails() {
    sed 's/"greeting %\.\*s", LEAT_STRF(who)/"greeting %d", "no number"/' "$hello" >"$work/format.c"
    ! "$cc" -std=c11 -Wall -Werror -I "$sdk/include" -fsyntax-only "$work/format.c"
}
passes "a format that does not match its arguments does not compile" wrong_format_fails
