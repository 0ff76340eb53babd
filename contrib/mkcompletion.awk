# SPDX-License-Identifier: ISC
#
# awk -v shell=bash|zsh -f mkcompletion.awk commands.def: completions of the
# postern command, from the table of its commands. Run by the build, so it
# needs no program built for this machine. What an option takes is told by the
# word after it in the usage: FILE, DIR, words with | between, or something
# that nobody can guess. Distrusts nothing: the table is the tree's own, and a
# test compares what comes out with what the command accepts.

# The C string literals of a line, joined; \n and \" undone.
function literals(s,    out, k) {
	out = ""
	while (match(s, /"([^"\\]|\\.)*"/)) {
		k = substr(s, RSTART + 1, RLENGTH - 2)
		s = substr(s, RSTART + RLENGTH)
		gsub(/\\n/, "\n", k)
		gsub(/\\"/, "\"", k)
		out = out k
	}
	return out
}

# Is this word of a usage what an option takes?
function takes(w) {
	return w ~ /^\[?[A-Z]/ || (w ~ /[A-Za-z]\|/ && w !~ /^-/)
}

function add_option(cmd, o, arg) {
	if ((cmd, o) in known) {
		if (known[cmd, o] == "")
			known[cmd, o] = arg
		return
	}
	known[cmd, o] = arg
	options[cmd] = options[cmd] " " o
}

# An option may stand as -x, --long; then both take the same.
function parse_line(cmd, line,    w, n, i, j, o, arg, but) {
	but = index(line, "options as with start")
	if (but) {
		like[cmd] = 1
		except[cmd] = substr(line, but)
		sub(/;.*/, "", except[cmd])
		return
	}
	n = split(line, w, /[ \t]+/)
	for (i = 1; i <= n; i++) {
		o = w[i]
		gsub(/[\[\],;:.]/, "", o)
		if (o !~ /^--?[a-z]/ || o ~ /^--(json|socket|help)$/)
			continue
		j = i + 1
		if (w[i] ~ /,$/)
			j++
		arg = w[j]
		sub(/\]+$/, "", arg)
		if (w[i] ~ /\]$/ || j > n || !takes(arg))
			arg = ""
		add_option(cmd, o, arg)
	}
}

# Operands: words to choose from, and whether a VM's name is one.
function parse_usage(cmd, text,    line, n, i, w) {
	n = split(text, line, /\n/)
	for (i = 1; i <= n; i++) {
		if (line[i] ~ /^example:/)
			continue
		if (line[i] ~ "postern " cmd) {
			if (line[i] ~ /[ \[]NAME/)
				names[cmd] = 1
			split(line[i], w, "postern " cmd " ")
			if (match(w[2], /^[a-z|]+/))
				choose(cmd, substr(w[2], 1, RLENGTH))
		}
		parse_line(cmd, line[i])
	}
	if (text ~ /LIST/ && match(text, /\([a-z_, \n]+\)/))
		choose(cmd, substr(text, RSTART + 1, RLENGTH - 2))
}

function choose(cmd, text) {
	gsub(/[|, \n]+/, " ", text)
	verbs[cmd] = verbs[cmd] (verbs[cmd] == "" ? "" : " ") text
}

# Words to choose from in what an option takes.
function words_of(arg,    w, n, i, out) {
	n = arg ~ /\|/ ? split(arg, w, /\|/) : 0
	for (i = 1; i <= n; i++)
		if (w[i] ~ /^[a-z]+$/)
			out = out (out == "" ? "" : " ") w[i]
	return out
}

# create and run have start's options, less some.
function inherit(cmd,    w, n, i) {
	n = split(options["start"], w, " ")
	for (i = 1; i <= n; i++)
		if (index(except[cmd] " ", w[i] " ") == 0)
			add_option(cmd, w[i], known["start", w[i]])
}

/^COMMAND\(/ {
	cmd = $0
	sub(/^COMMAND\(/, "", cmd)
	sub(/,.*/, "", cmd)
	order[++ncommands] = cmd
	about[cmd] = literals($0)
	usage[cmd] = ""
	next
}
cmd != "" && /^    "/ { usage[cmd] = usage[cmd] literals($0) }

function bash_value(cmd, o, arg,    how) {
	if (arg == "")
		return
	if (arg ~ /DIR/)
		how = "_postern_reply -d"
	else if (arg ~ /FILE/)
		how = "_postern_files"
	else if (words_of(arg) != "")
		how = "_postern_reply -W '" words_of(arg) "'"
	else
		how = ":"
	printf "\t%s:%s) %s ;;\n", cmd, o, how
}

function bash_head() {
	print "# bash completion for postern(1); made by contrib/mkcompletion.awk"
	print "# shellcheck shell=bash"
	print "_postern_reply()"
	print "{"
	print "\tmapfile -t COMPREPLY < <(compgen \"$@\" -- \"$cur\")"
	print "}"
	print ""
	print "_postern_files()"
	print "{"
	print "\tcompopt -o filenames 2>/dev/null"
	print "\t_postern_reply -f"
	print "}"
	print ""
	print "# the caller's VMs, as the daemon tells them"
	print "_postern_names()"
	print "{"
	print "\t_postern_reply -W \"$(timeout 2 \"${COMP_WORDS[0]}\" \\"
	print "\t    ${sock:+--socket \"$sock\"} list -a --json 2>/dev/null |"
	print "\t    tr , '\\n' | sed -n 's/^.*\"name\":\"\\([a-z0-9-]*\\)\".*$/\\1/p')\""
	print "}"
	print ""
}

function bash_value_function(    c, i, j, n, w) {
	print "# what the option before the cursor takes; 1: it takes nothing"
	print "_postern_value()"
	print "{"
	print "\tcase $1:$2 in"
	print "\t*:--socket) _postern_files ;;"
	for (i = 1; i <= ncommands; i++) {
		c = order[i]
		n = split(options[c], w, " ")
		for (j = 1; j <= n; j++)
			bash_value(c, w[j], known[c, w[j]])
	}
	print "\t*) return 1 ;;"
	print "\tesac"
	print "}"
	print ""
}

function bash_table(    c, i, all) {
	print "# sets opts, verbs and vms for a command"
	print "_postern_command()"
	print "{"
	print "\topts='' verbs='' vms=''"
	print "\tcase $1 in"
	for (i = 1; i <= ncommands; i++) {
		c = order[i]
		all = all (i > 1 ? " " : "") c
		printf "\t%s) opts='%s' verbs='%s' vms=%s ;;\n", c, \
		    substr(options[c], 2), verbs[c], names[c] ? "1" : "''"
	}
	printf "\t'') verbs='%s' ;;\n", all
	print "\tesac"
	print "\topts=\"$opts --json --socket --help\""
	print "}"
	print ""
}

function bash_body() {
	print "_postern()"
	print "{"
	print "\tlocal cur prev cmd='' sock='' opts verbs vms n=0 i word"
	print "\tCOMPREPLY=()"
	print "\tcur=${COMP_WORDS[COMP_CWORD]}"
	print "\tprev=${COMP_WORDS[COMP_CWORD - 1]}"
	print "\tfor ((i = 1; i < COMP_CWORD; i++)); do"
	print "\t\tword=${COMP_WORDS[i]}"
	print "\t\tif [[ $word == --socket ]]; then"
	print "\t\t\tsock=${COMP_WORDS[++i]}"
	print "\t\telif [[ $word != -* && -z $cmd ]]; then"
	print "\t\t\tcmd=$word"
	print "\t\telif [[ $word != -* ]]; then"
	print "\t\t\tn=$((n + 1))"
	print "\t\tfi"
	print "\tdone"
	print "\t_postern_value \"$cmd\" \"$prev\" && return"
	print "\t_postern_command \"$cmd\""
	print "\tif [[ $cur == -* ]]; then"
	print "\t\t_postern_reply -W \"$opts\""
	print "\telif [[ -n $verbs && $n == 0 ]]; then"
	print "\t\t_postern_reply -W \"$verbs\""
	print "\telif [[ -n $vms ]]; then"
	print "\t\t_postern_names"
	print "\tfi"
	print "}"
	print "complete -F _postern postern"
}

function zsh_option(o, arg,    what) {
	if (arg == "") {
		printf " \\\n\t    '%s'", o
		return
	}
	what = arg
	gsub(/[^A-Za-z|]+/, " ", what)
	if (arg ~ /DIR/)
		what = what ":_files -/"
	else if (arg ~ /FILE/)
		what = what ":_files"
	else if (words_of(arg) != "")
		what = what ":(" words_of(arg) ")"
	else
		what = what ": "
	printf " \\\n\t    '*%s:%s'", o, what
}

function zsh_command(c,    n, w, j) {
	printf "\t%s)\n\t_arguments -s $common", c
	n = split(options[c], w, " ")
	for (j = 1; j <= n; j++)
		zsh_option(w[j], known[c, w[j]])
	if (verbs[c] != "")
		printf " \\\n\t    '1:what:(%s)'", verbs[c]
	if (names[c])
		printf " \\\n\t    '*:VM:_postern_names'"
	print " ;;"
}

function zsh(    i, c, a) {
	print "#compdef postern"
	print "# zsh completion for postern(1); made by contrib/mkcompletion.awk"
	print "_postern_names()"
	print "{"
	print "\tlocal -a vms"
	print "\tvms=(${(f)\"$(timeout 2 postern ${opt_args[--socket]:+--socket} \\"
	print "\t    ${opt_args[--socket]} list -a --json 2>/dev/null |"
	print "\t    tr , '\\n' | sed -n 's/^.*\"name\":\"\\([a-z0-9-]*\\)\".*$/\\1/p')\"})"
	print "\tcompadd -a vms"
	print "}"
	print ""
	print "_postern_commands()"
	print "{"
	print "\tlocal -a commands"
	print "\tcommands=("
	for (i = 1; i <= ncommands; i++) {
		c = order[i]
		a = about[c]
		gsub(/'/, "'\\''", a)
		printf "\t    '%s:%s'\n", c, a
	}
	print "\t)"
	print "\t_describe command commands"
	print "}"
	print ""
	print "local curcontext=$curcontext state line"
	print "local -a common"
	print "typeset -A opt_args"
	print "common=('--json' '--help' '--socket:path:_files')"
	print "_arguments -C -s $common '1:command:_postern_commands' \\"
	print "    '*::operands:->operands'"
	print "[[ $state == operands ]] || return"
	print "case $line[1] in"
	for (i = 1; i <= ncommands; i++)
		zsh_command(order[i])
	print "esac"
}

END {
	for (i = 1; i <= ncommands; i++)
		parse_usage(order[i], usage[order[i]])
	for (i = 1; i <= ncommands; i++)
		if (order[i] in like)
			inherit(order[i])
	if (ncommands == 0 || (shell != "bash" && shell != "zsh"))
		exit 1
	if (shell == "zsh") {
		zsh()
		exit
	}
	bash_head()
	bash_value_function()
	bash_table()
	bash_body()
}
