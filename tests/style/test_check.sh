#!/bin/bash
# The style check must see what it is there to see: each case is a small source that breaks one rule,
# and the rule that has to speak up about it.
set -u

root=${LEAT_ROOT:-$PWD}
tree=$(mktemp -d) || exit 1
trap 'rm -rf "$tree"' EXIT
cd "$tree" || exit 1
mkdir -p engine/base engine/core sdk/include/leat plugins/p tests/style examples out/plugins
cp "$root"/tests/style/{check,source.awk,tables} tests/style/
touch tests/style/exceptions engine/base/err_table.h

# expect <rule, or "nothing"> <file> <what it is>: the source comes from stdin.
expect() {
    local rule=$1 file=$2 said
    cat >"$file"
    said=$(bash tests/style/check out | grep "^$file:" | grep -v ': format: ')
    rm -f "$file"
    if [ "$rule" = nothing ] && [ -z "$said" ]; then
        echo "ok - $3"
    elif [ "$rule" != nothing ] && grep -q "^$file:[0-9]*: $rule: " <<<"$said"; then
        echo "ok - $3"
    else
        echo "not ok - $3"
        echo "# wanted $rule, got: ${said:-nothing}"
    fi
}

# Prints a source with an opening comment and the lines given.
source_of() {
    printf '/*\n * A case.\n */\n\n'
    printf '%s\n' "$@"
}

# Prints a function with <count> lines in its body.
function_of() {
    source_of 'int f(void)' '{'
    for ((i = 0; i < $1; i++)); do
        echo '    f();'
    done
    echo '}'
}

source_of '#include "base/buf.h"' | expect nothing engine/core/a.c 'a lower layer may be included'
source_of '#include "drive/loop.h"' | expect layer engine/core/a.c 'a higher layer is refused'
source_of '#include "plug/host.h"' | expect layer engine/core/a.c 'a layer beside is refused'
source_of '#include <leat/abi.h>' | expect layer engine/core/a.c 'the SDK is for few layers'
source_of '#include "base/buf.h"' | expect layer plugins/p/p.c 'plugins do not see the engine'
source_of '#include "b.h"' | expect include engine/core/a.c 'includes name the folder'
source_of '#include <lmdb.h>' | expect owner engine/core/a.c 'libraries have owners'
source_of 'void other_verb(void);' | expect prefix engine/core/a.h 'functions bear the module name'
source_of 'void a_verb(void);' | expect nothing engine/core/a.h 'a good name is fine'
source_of 'struct unknown f_list[2];' | expect alone engine/core/f.h 'headers stand alone'
source_of 'char *f(char *s) {' 'return strcpy(s, "");' '}' |
    expect banned engine/core/a.c 'strcpy is banned'
source_of 'void *f(void) {' 'return malloc(1);' '}' |
    expect banned engine/core/a.c 'malloc is banned above base'
source_of 'void *f(void) {' 'return malloc(1);' '}' |
    expect nothing engine/base/a.c 'malloc is allowed in base'
source_of '/* strcpy(s, t) */' 'const char *s = "atoi(x) // strcpy(";' 'int my_atoi(int x);' |
    expect nothing engine/core/a.c 'comments, texts and longer names are no calls'
source_of '/* TO''DO: this */' | expect unfinished engine/core/a.c 'unfinished work is reported'
source_of '// text' | expect comment engine/core/a.c 'comments of one style'
echo 'int x;' | expect comment engine/core/a.c 'files open with a comment'
source_of 'static int f(void)' '{' '    return 0;' '}' |
    expect comment engine/core/a.c 'static functions have a comment'
source_of 'int f(int a)' '{' '    if (a)' '        return 1;' '    return 0;' '}' |
    expect braces engine/core/a.c 'bodies have braces'
source_of 'int f(int a)' '{' '    if ((a = f(a)) > 0) {' '        return 1;' '    }' '    return a;' '}' |
    expect condition engine/core/a.c 'conditions do not assign'
printf '/* A case. */\n/* %0100d */\n' 0 | expect width engine/core/a.c 'lines end at column 100'
printf '/* A case. */\n/* %093d\u00e9 */\n' 0 | expect nothing engine/core/a.c 'characters count, not bytes'
function_of 70 | expect nothing engine/core/a.c 'seventy lines are a function'
function_of 71 | expect length engine/core/a.c 'seventy-one are too many'
{ source_of ''; for ((i = 0; i < 795; i++)); do echo; done; } |
    expect nothing engine/core/a.c 'eight hundred lines are a file'
{ source_of ''; for ((i = 0; i < 796; i++)); do echo; done; } |
    expect length engine/core/a.c 'eight hundred and one are too many'

echo 'layer engine/core/a.c * no reason to have it' >tests/style/exceptions
if bash tests/style/check out | grep -q 'exceptions:1: exceptions: nothing needs'; then
    echo "ok - an exception that excuses nothing is reported"
else
    echo "not ok - an exception that excuses nothing is reported"
fi

source_of '#include "drive/loop.h"' >engine/core/a.c
if bash tests/style/check out | grep -q '^engine/core/a.c:.*: layer:'; then
    echo "not ok - a written exception excuses"
else
    echo "ok - a written exception excuses"
fi
