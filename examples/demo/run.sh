#!/bin/bash
# The demo, `make demo`: a pipeline of C plugins over 200,000 real flights, twice, and a plugin that crashes.
#
# The data comes with npm once (18 MB) and stays in the build folder. The home is fresh each time, unless
# LEAT_HOME names one.
set -eu
umask 022
cd "$(dirname "$0")/../.."

leat=${LEAT_BIN:-$PWD/build/leat}
demo=${LEAT_BUILD:-$PWD/build}/demo
data=$demo/data/flights-200k.json
report=$demo/report.md
if [ -z "${LEAT_HOME:-}" ]; then
    export LEAT_HOME=$demo/home
    rm -rf "$LEAT_HOME"
fi
mkdir -p "$demo/data" "$LEAT_HOME/plugins"

if [ -t 1 ]; then
    bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m'
else
    bold='' dim='' plain=''
fi

title() {
    printf '\n%s%s%s\n' "$bold" "$1" "$plain"
}

# show <command> <arguments...>: says what it runs, with paths as one would type them.
show() {
    printf '%s$ leat' "$dim"
    printf ' %s' "${@//"$PWD/"/}"
    printf '%s\n' "$plain"
    "$leat" "$@"
}

# Fetches the data unless it is there. npm checks what it loads against the registry's hash; the package's
# scripts do not run.
fetch() {
    local scratch
    if [ -s "$data" ]; then
        return
    fi
    echo "Fetching the flights once (vega-datasets 3.2.1, 18 MB) ..."
    if ! command -v npm >/dev/null; then
        echo "demo: npm is needed to fetch the data (apt-get install npm)" >&2
        exit 1
    fi
    scratch=$(mktemp -d "$demo/fetch.XXXXXX")
    if ! npm pack --silent --ignore-scripts --pack-destination "$scratch" vega-datasets@3.2.1 \
        >/dev/null ||
        ! tar xzf "$scratch"/vega-datasets-3.2.1.tgz -C "$scratch" package/data/flights-200k.json; then
        rm -rf "$scratch"
        echo "demo: the data could not be fetched; is there a network?" >&2
        exit 1
    fi
    mv "$scratch/package/data/flights-200k.json" "$data"
    rm -rf "$scratch"
}

# The report's table of errors, without the bars of Markdown.
quality() {
    awk -F ' *[|] *' '/^Learned/ { print "  " $0 }
        /^[|] [|a-z]/ { printf "  %-36s %-25s %s\n", $2, $3, $4 }
        /better/ { exit }' "$report"
}

# Seconds of the steady clock, with a fraction.
now() {
    cut -d ' ' -f 1 /proc/uptime
}

fetch
flow=(run examples/flows/flights.yaml -p "data=$data" -p "report=$report")

title "1  Learn how late flights leave: read, prepare, train, judge, report"
begin=$(now)
show "${flow[@]}"
middle=$(now)

title "2  The same again: what only computes comes from the cache"
show "${flow[@]}"
end=$(now)
show task-run ls --state Cached

title "3  Drop a plugin with a bug into the home and run it: it crashes, the run goes on"
"${CC:-cc}" -std=c11 -O1 -shared -fPIC -fvisibility=hidden -Isdk/include examples/demo/unstable.c \
    -o "$LEAT_HOME/plugins/unstable.so"
show run examples/demo/contained.yaml

title "4  Everything is on record"
show flow-run ls
show flow-run inspect @last
show cache stats

title "What came of it"
quality
awk -v a="$begin" -v b="$middle" -v c="$end" 'BEGIN {
    printf "  %.1f s the first time, %.1f s the second, nothing lost to the crash.\n", b - a, c - b }'
printf '\nThe whole report: %s\nTo try next, with LEAT_HOME=%s:\n' "${report#"$PWD/"}" \
    "${LEAT_HOME#"$PWD/"}"
printf '  leat run examples/flows/flights.yaml -p rounds=200   the same, but more trees\n'
printf '  leat cache explain @last/train                       which input differs\n'
printf '  leat flow-run logs @last                             what was said\n'
printf '  leat run examples/flows/map.yaml                     smaller flows, one idea each\n'
