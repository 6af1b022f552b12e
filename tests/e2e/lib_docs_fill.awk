# Prints a page with the outputs of its commands as they are now, for `DOCS_UPDATE=1 tests/e2e/test_docs.sh`:
#
#   awk -v dir=OUT -v work=PLACE -f lib_docs_fill.awk OUT/steps page.md
#
# OUT is what lib_docs.awk and the test left, PLACE the directory that stands for /home/ada. Outputs with a line
# "..." in them were cut by hand and stay.

function flush_command(    i, file, line, cut) {
    if (command == "")
        return
    print command
    for (i = 1; i <= kept; i++)
        cut = cut || keep[i] == "..."
    if (cut) {
        for (i = 1; i <= kept; i++)
            print keep[i]
    } else {
        file = dir "/" block ".got"
        while ((getline line <file) > 0) {
            gsub(work, "/home/ada", line)
            sub(/ +$/, "", line)
            print line
        }
        close(file)
    }
    command = ""
    kept = 0
}

FNR == NR {
    if ($1 == "run")
        number[$3] = $2
    next
}

$0 == "```console" {
    inside = 1
}

inside && /^```$/ {
    flush_command()
    inside = 0
}

inside && FNR in number {
    flush_command()
    command = $0
    block = number[FNR]
    next
}

inside && command != "" {
    if (/^> / && kept == 0)
        command = command "\n" $0
    else
        keep[++kept] = $0
    next
}

{ print }
