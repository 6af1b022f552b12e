# Checks single source files, line by line; see check. Prints "file:line: rule: what to do", with the
# name that an exception can give after a tab.
#
# Variables: tables, the file with the tables. Works with any POSIX awk, in the C locale.

function problem(line, rule, name, what)
{
    printf "%s:%d: %s: %s\t%s\n", FILENAME, line, rule, what, name
}

# True when <path> is <place> or below it.
function within(path, place)
{
    return place == "*" || path == place || index(path, place "/") == 1
}

# The line without comments, and with empty strings and characters. Remembers open comments.
function code_of(text,   code, token)
{
    code = ""
    while (text != "") {
        if (in_comment) {
            if (!match(text, /\*\//)) return code
            text = substr(text, RSTART + 2)
            in_comment = 0
            continue
        }
        if (!match(text, /"([^"\\]|\\.)*"|'([^'\\]|\\.)+'|\/\*|\/\//)) return code text
        token = substr(text, RSTART, RLENGTH)
        code = code substr(text, 1, RSTART - 1)
        text = substr(text, RSTART + RLENGTH)
        if (token == "/*") in_comment = 1
        else if (token == "//") {
            if (FILENAME !~ /pp$/)
                problem(FNR, "comment", "*", "write /* */, and no code in comments")
            return code
        } else code = code (token ~ /^"/ ? "\"\"" : "' '")
    }
    return code
}

# The name of the function whose signature begins with <text>.
function name_of(text)
{
    sub(/\(.*/, "", text)
    sub(/ *$/, "", text)
    sub(/.*[ *]/, "", text)
    return text
}

function check_include(text,   quoted, header, parts, other, i, allowed)
{
    quoted = text ~ /"/
    header = text
    sub(/^[^<"]*[<"]/, "", header)
    sub(/[>"].*/, "", header)
    includes++
    if (includes == 1 && own_exists && header != own_header)
        problem(FNR, "include", header, "include \"" own_header "\" first")
    if (layer_name != "" && quoted) {
        split(header, parts, "/")
        other = parts[1]
        if (header !~ /\//)
            problem(FNR, "include", header, "name it from engine/: \"" layer_name "/" header "\"")
        else if (!(other in layer))
            problem(FNR, "include", header, "this is no layer of the engine")
        else if (other != layer_name && layer[other] >= layer[layer_name])
            problem(FNR, "layer", header, layer_name " (" layer[layer_name] ") must not see " \
                other " (" layer[other] ")")
    }
    if (FILENAME ~ /^(plugins|examples|sdk)\// && quoted && header ~ /\// && FILENAME !~ /\/test_/)
        problem(FNR, "layer", header, "plugins see the SDK and their own folder only")
    if (header in owners && FILENAME !~ /^tests\// && FILENAME !~ /\/test_[^\/]*$/) {
        allowed = 0
        for (i = split(owners[header], parts, " "); i > 0; i--)
            allowed = allowed || within(FILENAME, parts[i])
        if (!allowed) problem(FNR, "owner", header, "only these include it: " owners[header])
    }
    if (header ~ /^leat\// && layer_name != "") {
        allowed = 0
        for (i = split(sdk_users, parts, " "); i > 0; i--)
            allowed = allowed || within(FILENAME, parts[i])
        if (!allowed) problem(FNR, "layer", header, "only these see the SDK: " sdk_users)
    }
}

function check_calls(code,   name, rest, i, parts, allowed)
{
    rest = code
    while (match(rest, /[A-Za-z_][A-Za-z0-9_]* *\(/)) {
        name = substr(rest, RSTART, RLENGTH)
        sub(/ *\($/, "", name)
        before = RSTART > 1 ? substr(rest, RSTART - 1, 1) : " "
        rest = substr(rest, RSTART + RLENGTH)
        if (before == "." || before == ">") continue
        if (name in only) {
            if (FILENAME !~ /^engine\//) continue
            allowed = 0
            for (i = split(only[name], parts, " "); i > 0; i--)
                allowed = allowed || within(FILENAME, parts[i])
            if (!allowed)
                problem(FNR, "banned", name, name "() belongs into " only[name] \
                    (name in banned ? "; use " banned[name] : ""))
        } else if (name in banned && within(FILENAME, banned_in[name]) &&
            !(banned_in[name] != "*" && within(FILENAME, "engine/base")))
            problem(FNR, "banned", name, "instead of " name "() use " banned[name])
    }
}

# Statements of a condition: braces, and no assignment inside.
function check_condition(code,   i, c)
{
    if (!in_condition && code ~ /^ *(} else )?(if|for|while|switch) \(/) {
        in_condition = 1
        depth = 0
        is_for = code ~ /^ *(} else )?for \(/
    }
    if (!in_condition) return
    if (!is_for && code ~ /[^=!<>+*\/|&^%-]=[^=]/ && code !~ /^ *}? *[a-z ]*\(.*\) \{.*=/ &&
        code !~ /[({.][.][a-z_]+ =/)
        problem(FNR, "condition", "*", "assign before the condition, not inside")
    for (i = 1; i <= length(code); i++) {
        c = substr(code, i, 1)
        if (c == "(") depth++
        if (c == ")") {
            depth--
            if (depth == 0) {
                in_condition = 0
                if (substr(code, i + 1) !~ /^ \{/)
                    problem(FNR, "braces", "*", "put the body into braces")
                return
            }
        }
    }
}

function end_file()
{
    if (last_file != "" && last_line > 800)
        printf "%s:%d: length: the file has more than 800 lines; split it\t*\n", last_file, last_line
}

BEGIN {
    while ((getline line < tables) > 0) {
        if (line ~ /^#/ || line == "") continue
        n = split(line, word, " ")
        rest = line
        sub(/^[^ ]+ +[^ ]+ */, "", rest)
        if (word[1] == "layer") layer[word[2]] = word[3]
        else if (word[1] == "owner") owners[word[2]] = rest
        else if (word[1] == "sdk") sdk_users = substr(line, 5)
        else if (word[1] == "only") only[word[2]] = rest
        else if (word[1] == "banned") {
            banned_in[word[2]] = word[3]
            sub(/^[^ ]+ */, "", rest)
            banned[word[2]] = rest
        }
    }
}

FNR == 1 {
    end_file()
    last_file = FILENAME
    in_comment = in_function = in_condition = includes = 0
    previous = sig = ""
    split("", documented)
    layer_name = own_header = ""
    own_exists = 0
    if (FILENAME ~ /^engine\/[a-z]+\//) {
        split(FILENAME, word, "/")
        if (word[2] in layer) layer_name = word[2]
        if (FILENAME ~ /\.c$/) {
            own_header = word[2] "/" word[3]
            sub(/c$/, "h", own_header)
            own_exists = (getline line < ("engine/" own_header)) > 0
            close("engine/" own_header)
        }
    }
    if ($0 !~ /^\/\*/) problem(1, "comment", "*", "open the file with a comment: what is it for?")
}

{
    last_line = FNR
    width = $0
    gsub(/[\200-\277]/, "", width)
    if (length(width) > 100) problem(FNR, "width", "*", "keep lines within 100 columns")
    if ($0 ~ /\t/) problem(FNR, "blanks", "*", "indent with spaces, not tabs")
    if ($0 ~ /[ \r]$/) problem(FNR, "blanks", "*", "remove the blanks at the end")
    if ($0 ~ /(^|[^A-Za-z0-9])(TODO|FIXME|XXX|HACK)([^A-Za-z0-9]|$)/)
        problem(FNR, "unfinished", "*", "finish it, or write an issue")

    if ($0 ~ /^#include/) check_include($0)
    code = code_of($0)
    if (code !~ /^#/) {
        check_calls(code)
        check_condition(code)
    }

    # Functions: the house style puts their braces, and nothing else's, into the first column.
    if (!in_function && code ~ /^[A-Za-z_]/ && code !~ /^(struct|enum|union|typedef) [a-z_]* *\{?$/) {
        sig = code
        sig_previous = previous
    }
    if (!in_function && sig != "" && code ~ /;$/ && sig ~ /\(/ && sig_previous ~ /\*\/$/)
        documented[name_of(sig)] = 1
    if (code ~ /^\{/) {
        in_function = FNR
        if (sig ~ /^static / && sig !~ /^static inline/ && sig_previous !~ /\*\/$/ && !(name_of(sig) in documented))
            problem(FNR, "comment", name_of(sig), "say in one line what " name_of(sig) "() does")
    }
    if (in_function && code ~ /^\}/) {
        if (FNR - in_function - 1 > 70)
            problem(in_function, "length", name_of(sig), name_of(sig) "() has " \
                (FNR - in_function - 1) " lines; more than 70 do not fit a screen")
        in_function = 0
        sig = ""
    }
    previous = $0
}

END { end_file() }
