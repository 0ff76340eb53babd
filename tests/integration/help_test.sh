# SPDX-License-Identifier: ISC
# shellcheck shell=sh
#
# What the command says of itself: --help, its examples, the completions made
# from the same table, and the manual, each compared with what the command
# really takes. A stand-in (tests/lib/fakectld.h) is the daemon. Needs no root.
# Invariant: each comparison is first shown something that differs.

setup()
{
	bin=$(atf_config_get top_builddir)
	src=$(atf_config_get top_srcdir)
	fake=$bin/tests/lib/fakectld
	postern=$bin/postern
	export POSTERN_SOCKET="$PWD/sock"
	commands=$(sed -n 's/^COMMAND(\([a-z]*\),.*/\1/p' \
	    "$src/ctld/cli/commands.def")
	[ "$(echo "$commands" | wc -l)" -gt 25 ] || atf_fail "no commands"
}

# completed WORD...: what bash offers for the last of these words.
completed()
{
	# shellcheck disable=SC2016 # for the inner shell
	env -i PATH="$bin:/usr/bin:/bin" POSTERN_SOCKET="$POSTERN_SOCKET" \
	    ${FAKE:+"$FAKE" "$POSTERN_SOCKET"} bash --norc --noprofile -c '
		. "$1" || exit 1
		shift
		complete -p postern >/dev/null || exit 1
		COMP_WORDS=("$@")
		COMP_CWORD=$(($# - 1))
		_postern postern "${COMP_WORDS[COMP_CWORD]}" \
		    "${COMP_WORDS[COMP_CWORD - 1]}"
		printf "%s\n" "${COMPREPLY[@]}"
	' bash "$bin/contrib/completions/postern" "$@"
}

# offers WORD... -- WORD...: the first are what is offered after the others.
offers()
{
	: >want
	while [ "$1" != -- ]; do
		echo "$1" >>want
		shift
	done
	shift
	completed postern "$@" 2>err | sed '/^$/d' >got
	cat err >>got
	cmp -s got want ||
	    atf_fail "postern $*: $(cat got), not $(cat want)"
}

atf_test_case short
short_head()
{
	atf_set descr 'each --help: under 25 lines and 80 columns, an example'
}
short_body()
{
	setup
	for c in $commands; do
		atf_check -o save:help -e empty "$postern" "$c" --help
		[ "$(wc -l <help)" -lt 25 ] || atf_fail "$c: too long"
		awk -v c="$c" 'length > 79 { print c ": " $0 }' help >wide
		[ ! -s wide ] || atf_fail "wide: $(cat wide)"
		grep -q "^example: .*postern $c " help ||
		    grep -q "^example: .*postern $c\$" help ||
		    atf_fail "$c: no example"
		grep -q "^usage: postern $c" help || atf_fail "$c: no usage"
	done
	"$postern" --help >help
	for c in $commands; do
		grep -q "^  $c " help || atf_fail "$c is not in postern --help"
	done
}

# example COMMAND: what its help shows, without a file to write into.
example()
{
	"$postern" "$1" --help | sed -n '/^example: /,/^common options/p' |
	    sed -e '/^common options/d' -e 's/^example: //' -e 's/ > .*//'
}

# misused COMMAND-LINE: the command does not understand it.
misused()
{
	PATH=$bin:$PATH timeout 20 "$fake" "$POSTERN_SOCKET" sh -c "$1" \
	    >out 2>err </dev/null
	grep -q 'see postern.*--help' err
}

atf_test_case examples
examples_head()
{
	atf_set descr 'the examples of --help and of the manual are understood'
}
examples_body()
{
	setup
	misused 'postern stop --grace soon web' ||
	    atf_fail "a wrong one is not seen"
	for f in vmlinux web.img job.img; do
		echo x >$f
	done
	for c in $commands; do
		example "$c" >cmd
		[ -s cmd ] || atf_fail "$c: no example"
		! misused "$(cat cmd)" || atf_fail "$(cat cmd): $(cat err)"
	done
	# the manuals': what stands in literal displays and begins with postern
	for m in postern.1 postern-guest.7; do
		mandoc -T ascii "$src/ctld/cli/$m" | sed 's/.\x08//g' |
		    sed -n '/^EXAMPLES/,/^[A-Z]/p' |
		    sed -e ':a' -e '/\\$/{N;s/\\\n//;ba' -e '}' |
		    sed -n 's/^ *\(\$ \)*\(postern [a-z]* .*\)/\2/p' >some
		[ "$(wc -l <some)" -ge 3 ] || atf_fail "none found in $m"
		cat some >>lines
	done
	while read -r line; do # -r: a backslash was joined above
		! misused "$line" || atf_fail "$line: $(cat err)"
	done <lines
}

# operands COMMAND: some that it takes
operands()
{
	case $1 in
	list|events|backends|top|metrics|doctor|policy|version) ;;
	firewall) echo show x ;;
	port) echo add x 1:2 ;;
	connect) echo x 7 ;;
	call) echo GetInfo ;;
	*) echo x ;;
	esac
}

# value WORD-OF-THE-USAGE: one that passes for it
value()
{
	case $1 in
	FILE:GUEST*) echo "/nonexistent:/data" ;;
	NAME=FILE) echo "a=/dev/null" ;;
	FILE*) echo /nonexistent ;;
	*HOST:GUEST*) echo 1:2 ;;
	PROTO*) echo tcp:192.0.2.7 ;;
	*agent) echo agent ;;
	nat*) echo nat ;;
	auto*) echo auto ;;
	SIZE) echo 64M ;;
	*) echo 7 ;;
	esac
}

# takes COMMAND OPTION [VALUE]: does the command know it, and use it?
takes()
{
	# shellcheck disable=SC2046 # a list of words
	timeout 20 "$postern" "$1" $(operands "$1") "$2" ${3:+"$3"} \
	    >out 2>err
	! grep -Eq 'unknown option|for start|for run|for the start|only with|takes no value|needs a value' err
}

# of_help COMMAND: "OPTION WORD" of what it takes, by the usage; what stands
# before a comma takes what the next one takes
of_help()
{
	"$postern" "$1" --help | sed '/options as with start/d' |
	    grep -Ev '^(example|common)' | grep -oE -- \
	    '(^|[ [])(-[a-z], )?--?[a-z][a-z-]*]?( \[?[A-Z][^ ]*| [^ ]*[A-Za-z]\|[^ ]*)?' |
	    sed -e 's/^[ []*//' -e 's/\]$//' -e 's/\] / /' |
	    awk '$1 ~ /,$/ { sub(/,$/, "", $1); print $1, $3; $1 = $2; $2 = $3 }
		{ sub(/]$/, "", $1); print $1, $2 }'
	case $1 in
	create|run)
		"$postern" start --help >start.help
		of_help start | grep -v -- '--timeout' |
		    if [ "$1" = run ]; then grep -v -- --ready; else cat; fi
		;;
	esac
}

atf_test_case options
options_head()
{
	atf_set descr "--help's options are those the command takes"
	atf_set timeout 300
}
options_body()
{
	setup
	export POSTERN_SOCKET=/nonexistent
	grep -hoE '^	+\{ "[a-z-]+", (no|required)_argument' \
	    "$src"/ctld/cli/*.c | sed 's/.*"\(.*\)".*/--\1/' |
	    grep -Ev -- '--(json|socket|help)$' | sort -u >all
	[ "$(wc -l <all)" -gt 25 ] || atf_fail "tables not found"
	takes list --linger && atf_fail "the check is blind"
	for c in $commands; do
		of_help "$c" | sort -u >known
		while read -r o word; do
			v=
			[ -z "$word" ] || v=$(value "$word")
			takes "$c" "$o" "$v" ||
			    atf_fail "$c $o $v: in --help, but: $(cat err)"
		done <known
		while read -r o; do
			# a whole option, or the beginning of another
			! grep -q -- "^$o" known || continue
			! takes "$c" "$o" || ! takes "$c" "$o" 7 ||
			    atf_fail "$c $o: taken, but not in --help"
		done <all
		completed postern "$c" - | grep -v '^-[a-z]$' | sort >c1
		{
			sed 's/ .*//' known
			printf '%s\n' --json --socket --help
		} | grep -v '^-[a-z]$' | sort -u >c2
		cmp -s c1 c2 ||
		    atf_fail "$c: completed: $(diff c1 c2)"
	done
}

atf_test_case bash_completion
bash_completion_head()
{
	atf_set descr 'a clean bash completes commands, options and names'
	atf_set require.progs bash
}
bash_completion_body()
{
	setup
	completed postern '' | sort >got
	echo "$commands" | sort >want
	cmp got want || atf_fail "commands: $(diff got want)"
	offers firewall -- firew
	offers --grace -- stop --g
	offers qemu -- start x --backend q
	offers show set -- firewall s
	offers front -- policy fr
	touch kernel-6
	offers kernel-6 -- start x --kernel ker
	# nobody is asked, and nothing said, where nothing listens
	offers -- stop ''
	FAKE=$fake
	offers web -- stop w
	offers failed -- --json status f
	offers web -- firewall show w
	offers -- list w
}

atf_test_case zsh_completion
zsh_completion_head()
{
	atf_set descr 'zsh understands its completion, and completes by it'
	atf_set require.progs zsh
}
zsh_completion_body()
{
	setup
	mkdir fpath
	cp "$bin/contrib/completions/_postern" fpath/
	atf_check zsh -n fpath/_postern
	cat >drive <<-'EOT'
	zmodload zsh/zpty
	zpty z zsh -f -i
	zpty -w z "fpath=($PWD/fpath \$fpath); autoload -Uz compinit"
	zpty -w z "compinit -D -u; PS1=; stty -echo; LISTMAX=0"
	zpty -w z "bindkey '^I' list-choices; zstyle ':completion:*' list-packed no; echo RE''ADY"
	zpty -r -m z out '*READY*'
	zpty -w -n z "$1"$'\t'
	end=$((SECONDS + 30))
	while (( SECONDS < end )); do
		zpty -r -t z out && print -rn -- "$out" && all+=$out
		[[ $all == *start*status*stop* ]] && break
		sleep 0.1
	done
	EOT
	timeout 60 zsh -f drive 'postern st' >out 2>&1
	for w in start status stop; do
		grep -q "$w" out || atf_fail "no $w: $(cat -v out)"
	done
}

atf_init_test_cases()
{
	atf_add_test_case short
	atf_add_test_case examples
	atf_add_test_case options
	atf_add_test_case bash_completion
	atf_add_test_case zsh_completion
}
