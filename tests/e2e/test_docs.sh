#!/bin/bash
# Keeps the documentation true: follows the tutorial to the letter, compiles and runs what the plugin guide
# shows, and checks that names of tests, settings, states, files and headings on all pages exist.
#
# DOCS_UPDATE=1 writes the present outputs of all commands into the pages; look at the difference before you keep it.
set -u

root=${LEAT_ROOT:?make test sets it}
leat=${LEAT_BIN:?make test sets it}
here=$root/tests/e2e
docs=$root/docs
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
export LC_ALL=C.UTF-8 TZ=UTC
export SDK=$root/sdk/include PATH=${leat%/*}:$PATH
unset LEAT_HOME NO_COLOR

# The pages show the program as people build it; sanitizers say more than that about a crash.
case ${LEAT_VARIANT:-release} in
asan | tsan)
    echo "ok - the pages are followed with the release build # SKIP"
    exit 0
    ;;
esac

# passes <name> <command...>: the command succeeds.
passes() {
    local name=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        echo "ok - $name"
    else
        echo "not ok - $name"
        sed 's/^/#   /' "$work/log" | head -n 60
    fi
}

# ---- pages that are followed ----

# Times, ids, random names and the widths of columns differ from run to run.
normalise() {
    sed -E -e "s|$work/[a-z]+|/home/ada|g" \
        -e 's/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/ID/g' \
        -e 's/\b[0-9a-f]{12,64}\b/HASH/g' \
        -e 's/[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9:.]+Z?/DATE/g' \
        -e 's/\b[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?\b/CLOCK/g' \
        -e 's/\b[0-9]+(\.[0-9]+)? ?(us|µs|ms|s|min|m|h)\b/TIME/g' \
        -e 's/just now|TIME ago/AGO/g' \
        -e 's/\b[a-z]{3,}-[a-z]{3,}\b/NAME/g' \
        -e '/^CLOCK /s/( in TIME)?(: .*)?$//' \
        -e 's/ +/ /g' -e 's/ $//'
}

# Lines that begin with a time of day are news of a run under way. A run that is over before anybody looks has
# less to tell, in another order and without reasons; so they need only be among those that the page shows.
news_match() {
    grep '^CLOCK' "$1" | sort -u >"$work/wanted.news"
    grep '^CLOCK' "$2" | sort -u >"$work/got.news"
    [ -z "$(comm -13 "$work/wanted.news" "$work/got.news")" ] || return 1
    [ ! -s "$work/wanted.news" ] || [ -s "$work/got.news" ]
}

# lines_match <wanted> <got>: all other lines, one by one; "..." stands for any lines.
lines_match() {
    grep -v '^CLOCK' "$1" >"$work/wanted.lines"
    grep -v '^CLOCK' "$2" >"$work/got.lines"
    awk -v wanted="$work/wanted.lines" '
        BEGIN { while ((getline line < wanted) > 0) want[++wants] = line }
        { got[++gots] = $0 }
        END {
            at = 1
            for (i = 1; i <= wants; i++) {
                if (want[i] == "...") {
                    if (i == wants) exit 0
                    while (at <= gots && got[at] != want[i + 1]) at++
                } else if (at > gots || got[at] != want[i]) {
                    exit 1
                } else {
                    at++
                }
            }
            exit at <= gots
        }' "$work/got.lines"
}

# output_matches <wanted> <got>
output_matches() {
    normalise <"$1" >"$work/wanted.plain"
    normalise <"$2" >"$work/got.plain"
    news_match "$work/wanted.plain" "$work/got.plain" &&
        lines_match "$work/wanted.plain" "$work/got.plain" && return 0
    echo "wanted:"
    cat "$1"
    echo "got:"
    cat "$2"
    return 1
}

# put <verb> <block> <name> [<pattern>]: does one of the things of lib_docs.awk to a file.
put() {
    mkdir -p "$(dirname "$3")"
    case $1 in
        file) cp "$2" "$3" ;;
        from) sed -i "/$4/,\$d" "$3" && cat "$2" >>"$3" ;;
        before) awk -v block="$2" -v pattern="$4" '
                !done && $0 ~ pattern { while ((getline line < block) > 0) print line; done = 1 }
                { print }' "$3" >"$3.new" && mv "$3.new" "$3" ;;
    esac
}

# leave <code>: the code becomes $?.
leave() {
    return "$1"
}

# follow <page>: does everything that the page says, in an empty directory.
follow() {
    local page=$1 name=${1##*/} verb number rest command code=0
    local blocks=$work/blocks.$name
    local place=$work/${name%%[.-]*}

    mkdir -p "$blocks" "$place"
    awk -v dir="$blocks" -f "$here/lib_docs.awk" "$page" >"$blocks/steps"
    passes "$name has something to follow" test -s "$blocks/steps"
    cd "$place" || exit 1
    while read -r verb number rest <&3; do
        case $verb in
            same)
                passes "$name shows $rest as it is" cmp "$blocks/$number" "$root/$rest"
                ;;
            run)
                # In this shell, so that `cd`, variables and $? last.
                command=$(cat "$blocks/$number.cmd")
                leave "$code"
                eval "$command" >"$blocks/$number.got" 2>&1 </dev/null
                code=$?
                passes "$name:$rest: $(head -n 1 "$blocks/$number.cmd")" \
                    output_matches "$blocks/$number.want" "$blocks/$number.got"
                ;;
            *)
                put "$verb" "$blocks/$number" "${rest%% *}" "${rest#* }"
                ;;
        esac
    done 3<"$blocks/steps"
    cd "$root" || exit 1
    if [ -n "${DOCS_UPDATE:-}" ]; then
        awk -v dir="$blocks" -v work="$place" -f "$here/lib_docs_fill.awk" "$blocks/steps" "$page" \
            >"$work/page" && cp "$work/page" "$page"
    fi
}

# ---- the plugins of the guide ----

compile_plugin() {
    cc -std=c11 -O2 -Wall -Wextra -Werror -fPIC -fvisibility=hidden -shared -Wl,-z,defs \
        -I"$SDK" "$1" -o "$2"
}

# run_flow <wanted exit code> <flow> <options...>
run_flow() {
    local wanted=$1 code
    shift
    "$leat" run "$@" -o json >"$work/run.json" 2>"$work/run.err" </dev/null
    code=$?
    [ "$code" -eq "$wanted" ] && return 0
    echo "exit code $code instead of $wanted"
    cat "$work/run.json" "$work/run.err"
    return 1
}

# says <text>: the last run's document has it.
says() {
    tr -d ' \n' <"$work/run.json" | grep -qF -- "$(printf '%s' "$1" | tr -d ' ')" && return 0
    cat "$work/run.json"
    return 1
}

counts_words() {
    printf 'One fish two fish\n' >a.txt
    printf 'red FISH, blue fish.\n' >b.txt
    run_flow 0 words.yaml -p files=a.txt,b.txt &&
        says '"total": 8' && says '"distinct": 5' && says '"fish": 4'
}

leaves_out_short_words() {
    run_flow 0 words.yaml -p files=a.txt -p length_min=4 && says '"counts": { "fish": 2 }'
}

# wait_for_task <state>: until the engine at work has a latest task in that state.
wait_for_task() {
    for _ in $(seq 600); do
        [ -S "$LEAT_HOME/run/engine.sock" ] &&
            "$leat" task-run ls --limit 1 2>/dev/null | grep -q "$1" && return
        sleep 0.1
    done
}

waits_for_a_file() {
    rm -f late.txt
    (
        # Appears when the first attempt has failed for want of it.
        wait_for_task AwaitingRetry
        echo late >late.txt
    ) &
    local helper=$!
    run_flow 0 words.yaml -p files=late.txt && says '"total": 1'
    local code=$?
    wait "$helper"
    return "$code"
}

gives_up_on_a_bad_parameter() {
    run_flow 1 words.yaml -p files=a.txt -p length_min=0 && says '"words.bad_params"'
}

hands_over_a_large_result() {
    # All words of four of these letters: 20,736 of them, far beyond what is kept inline.
    local letters='a b c d e f g h i j k l'
    for first in $letters; do
        for second in $letters; do
            for third in $letters; do
                for fourth in $letters; do
                    echo "$first$second$third$fourth"
                done
            done
        done
    done >many.txt
    run_flow 0 words.yaml -p files=many.txt && says '"distinct": 20736' &&
        [ -n "$(find "$LEAT_HOME/blobs" -type f)" ]
}

stops_when_cancelled() {
    local code
    "$leat" run words.yaml -p files=a.txt,b.txt -p pause=10m >"$work/cancel.out" 2>&1 </dev/null &
    local run=$!
    # Its first news: from now on it listens to signals.
    for _ in $(seq 600); do
        grep -q Running "$work/cancel.out" && break
        sleep 0.1
    done
    kill -INT "$run"
    wait "$run"
    code=$?
    [ "$code" -eq 4 ] && return 0
    echo "exit code $code instead of 4"
    cat "$work/cancel.out"
    return 1
}

test_guide_plugins() {
    local place=$work/plugin # where the guide was followed
    cd "$place" || exit 1
    export LEAT_HOME=$place/home
    mkdir -p "$LEAT_HOME/plugins"
    cp "$root/examples/plugins/hello/hello.c" "$root/examples/plugins/words/words.c" .
    for name in hello words bare; do
        passes "the guide's $name compiles without a warning" \
            compile_plugin "$name.c" "$LEAT_HOME/plugins/$name.so"
        passes "the guide's $name keeps the rules" "$leat" plugin check "$LEAT_HOME/plugins/$name.so"
    done
    passes "the guide's unit test compiles" \
        cc -std=c11 -Wall -Wextra -Werror -fsanitize=address,undefined -I"$SDK" test_hello.c -o test_hello
    passes "the guide's unit test passes" ./test_hello
    printf 'flow: bare\nsteps:\n  a: { task: bare.greet, with: { who: Ada } }\noutput: "${steps.a.text}"\n' >bare.yaml
    passes "the plugin without leat/plugin.h greets" run_flow 0 bare.yaml
    passes "... with the right words" says '"Hello, Ada"'
    cat >words.yaml <<'FLOW'
flow: words
params:
  files: { type: list, items: file }
  length_min: 1
  pause: { type: string, default: 0s }
steps:
  count:
    task: words.count
    with: { files: "${params.files}", length_min: "${params.length_min}", pause: "${params.pause}" }
    retries: 600
    retry_on: words.missing
output: "${steps.count}"
FLOW
    passes "words counts" counts_words
    passes "words leaves out short words" leaves_out_short_words
    passes "words waits for a file that is not there yet" waits_for_a_file
    passes "words gives up on a bad parameter" gives_up_on_a_bad_parameter
    passes "words hands over a result of any size" hands_over_a_large_result
    passes "words stops when it is cancelled" stops_when_cancelled
    unset LEAT_HOME
    cd "$root" || exit 1
}

# ---- names that must exist ----

# Every `suite/name` of a page is a test.
tests_exist() {
    local name bad=0 seen=0
    for name in $(grep -oE '`[a-z_]+/[a-z0-9_]+`' "$1" | tr -d '`'); do
        [ -e "$root/${name%%/*}" ] && continue # a path
        seen=$((seen + 1))
        grep -rqE "Test\(${name%%/*}, *${name#*/}[,)]" "$root/tests" "$root/plugins" ||
            { echo "there is no test $name"; bad=1; }
    done
    [ "$seen" -gt 0 ] && return "$bad"
}

# The headings of a page as GitHub makes anchors of them.
anchors_of() {
    awk '/^```/ { code = !code } !code && /^#+ / {
        sub(/^#+ +/, ""); text = tolower($0)
        gsub(/[^a-z0-9 _-]/, "", text); gsub(/ /, "-", text); print text }' "$1"
}

# Every relative link of a page leads to a file, and to a heading if it names one.
links_lead_somewhere() {
    local page=$1 link target anchor bad=0
    while read -r link; do
        case $link in
            *://* | mailto:* | '') continue ;;
        esac
        target=${link%%#*}
        anchor=
        [ "$target" != "$link" ] && anchor=${link#*#}
        target=${target:+$(dirname "$page")/$target}
        target=${target:-$page}
        if [ ! -e "$target" ]; then
            echo "$link leads nowhere"
            bad=1
        elif [ -n "$anchor" ] && ! anchors_of "$target" | grep -qxF -- "$anchor"; then
            echo "$link: there is no such heading"
            bad=1
        fi
    done < <(awk '/^```/ { code = !code } !code' "$page" | grep -oE '\]\([^) ]+\)' | sed 's/^](//; s/)$//')
    return "$bad"
}

# Every setting stands in the reference, with the default that the program has.
settings_are_told() {
    local home=$work/settings name value bad=0 seen=0
    mkdir -p "$home"
    while read -r name value _; do
        [ "$name" = SETTING ] && continue
        seen=$((seen + 1))
        case $value in
            *MiB) [ $((${value%MiB} % 1024)) -eq 0 ] && value=$((${value%MiB} / 1024))GiB ;;
        esac
        grep -qE "^\| \`$name\` \| [^|]* \| $value \|" "$docs/reference-settings.md" ||
            { echo "reference-settings.md does not say that $name is $value by default"; bad=1; }
    done < <("$leat" config view --home "$home")
    for name in $(sed -n 's/.*{\.name = "\([a-z_]*\)".*/\1/p' "$root/engine/main/config.c"); do
        grep -qE "[\`.]$name[\`.]" "$docs/reference-settings.md" ||
            { echo "reference-settings.md does not mention $name"; bad=1; }
    done
    for name in $(grep -o '"LEAT_[A-Z_]*"' "$root/engine/main/config.c" | tr -d '"'); do
        grep -qF "\`$name\`" "$docs/reference-settings.md" ||
            { echo "reference-settings.md does not mention $name"; bad=1; }
    done
    [ "$seen" -gt 0 ] && return "$bad"
}

# Every state stands in the flow reference.
states_are_told() {
    local word bad=0
    for word in $(sed -n 's/^STATE.*"\([A-Za-z]*\)".*/\1/p' "$root/engine/core/state_table.h"); do
        grep -qw "$word" "$docs/reference-flow.md" || { echo "reference-flow.md lacks $word"; bad=1; }
    done
    return "$bad"
}

follow "$docs/tutorial.md"
follow "$docs/plugin-guide.md"
test_guide_plugins
passes "every test that GUARANTEES.md names exists" tests_exist "$docs/GUARANTEES.md"
passes "every setting is in the reference" settings_are_told
passes "every state is in the reference" states_are_told
for page in "$root"/*.md "$docs"/*.md "$docs"/*/*.md "$root"/plugins/*/README.md \
    "$root"/examples/*/*/README.md; do
    [ -f "$page" ] && passes "links of ${page#"$root"/} lead somewhere" links_lead_somewhere "$page"
done
