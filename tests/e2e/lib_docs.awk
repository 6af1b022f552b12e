# Takes a page of documentation apart, for test_docs.sh:
#
#   awk -v dir=OUT -f lib_docs.awk page.md
#
# prints one line for each thing to do, in the order of the page, and writes what belongs to it into OUT:
#
#   file N NAME             write OUT/N to NAME             <!-- file: NAME --> before a fenced block
#   from N NAME PATTERN     it replaces the end of NAME     <!-- append: NAME from PATTERN -->
#   before N NAME PATTERN   it goes before a line of NAME   <!-- insert: NAME before PATTERN -->
#   same N NAME             OUT/N must equal NAME           <!-- same as: NAME -->
#   run N LINE              run OUT/N.cmd, whose output must match OUT/N.want     each "$ ..." of a ```console block
#
# A line "> ..." goes on with the command above it. Other blocks are prose.

function finish_command() {
    if (command == "")
        return
    printf "%s", command >(dir "/" count ".cmd")
    printf "%s", wanted >(dir "/" count ".want")
    close(dir "/" count ".cmd")
    close(dir "/" count ".want")
    printf "run %d %d\n", count, command_line
    command = ""
    wanted = ""
}

/^<!-- (file|append|insert|same as): .* -->$/ {
    directive = $0
    sub(/^<!-- /, "", directive)
    sub(/ -->$/, "", directive)
    next
}

/^```/ && !inside {
    inside = 1
    console = $0 == "```console"
    block = ""
    next
}

/^```$/ && inside {
    inside = 0
    if (console) {
        finish_command()
    } else if (directive != "") {
        count++
        printf "%s", block >(dir "/" count)
        close(dir "/" count)
        if (directive ~ /^file: /) {
            sub(/^file: /, "", directive)
            print "file", count, directive
        } else if (directive ~ /^same as: /) {
            sub(/^same as: /, "", directive)
            print "same", count, directive
        } else if (directive ~ /^append: /) {
            sub(/^append: /, "", directive)
            sub(/ from /, " ", directive)
            print "from", count, directive
        } else {
            sub(/^insert: /, "", directive)
            sub(/ before /, " ", directive)
            print "before", count, directive
        }
    }
    console = 0
    directive = ""
    next
}

inside && console && /^\$ / {
    finish_command()
    count++
    command_line = NR
    command = substr($0, 3) "\n"
    next
}

inside && console && /^> / && wanted == "" {
    command = command substr($0, 3) "\n"
    next
}

inside && console {
    wanted = wanted $0 "\n"
    next
}

inside {
    block = block $0 "\n"
}
