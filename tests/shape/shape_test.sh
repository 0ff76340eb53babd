# SPDX-License-Identifier: ISC
# shellcheck shell=sh
#
# The tree's own rules: sizes, what a privileged program links and calls, and
# that no row of the table of requests lacks its file or its test. Runs as
# anybody and reads only. Invariant: each rule's checker is first shown
# something that breaks the rule, and must say so.

config()
{
	src=$(atf_config_get top_srcdir)
	bin=$(atf_config_get top_builddir)
	work=$(pwd)
}

# quiet COMMAND...: the rule holds if the command prints nothing.
quiet()
{
	(cd "$src" && "$@") >"$work/found"
	[ ! -s "$work/found" ] || {
		cat "$work/found" >&2
		atf_fail "see standard error"
	}
}

# loud COMMAND...: the negative control; it must print something.
loud()
{
	[ -n "$("$@")" ] || atf_fail "the check itself is blind: $*"
}

# too_long MOST FILE...
too_long()
{
	most=$1
	shift
	wc -l "$@" | awk -v most="$most" \
	    '$2 != "total" && $1 > most { print $2 ": " $1 " lines" }'
}

# Functions: from a brace in column 1 to its mate.
long_functions()
{
	awk 'FNR == 1 { open = 0 }
	    /^\{/ { open = FNR }
	    /^\}/ && open {
		if (FNR - open + 1 > 60)
			print FILENAME ":" open ": " FNR - open + 1 " lines"
		open = 0
	    }' "$@"
}

# Calls that no file of ours makes.
banned_calls()
{
	names='system|popen|strcpy|strcat|v?sprintf|gets|alloca|strtok|mktemp'
	grep -nE "(^|[^a-z0-9_])($names)\\(" "$@" /dev/null
}

# Uses of a clock that somebody can set. Three may be: when something happened,
# which people see and nothing is computed with; and the first generation of a
# front, which is above those of its ledger as well.
wall_clocks()
{
	grep -nE 'CLOCK_REALTIME|gettimeofday|[^a-z_]time\(|wall_ms\(' \
	    "$@" /dev/null |
	    grep -vE -e '_ms = wall_ms\(\);$' -e 'e\.ms = wall_ms\(\);$' \
		-e '^ctld/ctld.h:[0-9]+:int64_t wall_ms\(void\);$' \
		-e '^ctld/vm.c:[0-9]+:wall_ms\(void\)$' \
		-e '^ctld/vm.c:.*clock_gettime\(CLOCK_REALTIME, &ts\);$' \
		-e '^privd/resync.c:.*clock_gettime\(CLOCK_REALTIME, &now\)'
}

# Libraries that a program links, less those it may.
links()
{
	readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
	    grep -vE "^(libc|ld-linux-x86-64|$2)\\.so\\."
}

# row NAME: its file below privd; its test below tests, or a harness's call.
row()
{
	upper=$(printf %s "$1" | tr '[:lower:]' '[:upper:]')
	find privd -name "op_$1.c" | grep -q . ||
	    echo "$1: no file op_$1.c below privd"
	grep -rqwE --include='*_test.c' --include='*harness.c' \
	    "PRIVOP_$upper|op_$1|op_$1_check|priv_$1" tests ||
	    echo "$1: no test names it"
}

rows()
{
	sed -n 's/^PRIVOP([A-Z_]*, *\([a-z_]*\),.*/\1/p' policy/privops.def |
	    while read -r name; do
		row "$name"
	done
}

machine_paths()
{
	grep -rnE '(^|[^A-Za-z0-9._-])/(work|root|home)/' "$@"
}

atf_test_case lengths
lengths_head()
{
	atf_set descr 'files: 400 lines in privd, 600 elsewhere'
}
lengths_body()
{
	config
	seq 401 >long.c
	loud too_long 400 long.c
	cd "$src" || atf_fail "no $src"
	# shellcheck disable=SC2046 # lists of files
	quiet too_long 400 $(find privd -name '*.[ch]')
	# shellcheck disable=SC2046
	quiet too_long 600 $(find common policy ctld tests -name '*.[ch]') \
	    quickstart tests/run
}

atf_test_case functions
functions_head()
{
	atf_set descr 'functions: 60 lines'
}
functions_body()
{
	config
	{
		echo '{'
		seq 60
		echo '}'
	} >long.c
	loud long_functions long.c
	cd "$src" || atf_fail "no $src"
	# shellcheck disable=SC2046 # a list of files
	quiet long_functions $(find common policy privd ctld tests contrib \
	    -name '*.[ch]' -o -name '*.sh') quickstart tests/run
}

atf_test_case calls
calls_head()
{
	atf_set descr 'no system(), popen(), strcpy() and their like'
}
calls_body()
{
	config
	echo '	n = sprintf(buf, "x");' >bad.c
	loud banned_calls bad.c
	cd "$src" || atf_fail "no $src"
	# shellcheck disable=SC2046 # a list of files
	quiet banned_calls $(find common policy privd ctld tests -name '*.[ch]')
}

atf_test_case clocks
clocks_head()
{
	atf_set descr 'no deadline by a clock that can be set'
}
clocks_body()
{
	config
	echo '	if (wall_ms() > deadline)' >bad.c
	loud wall_clocks bad.c
	echo '	seed = time(NULL);' >bad.c
	loud wall_clocks bad.c
	cd "$src" || atf_fail "no $src"
	# shellcheck disable=SC2046 # a list of files
	quiet wall_clocks $(find common policy privd ctld -name '*.[ch]')
}

atf_test_case linked
linked_head()
{
	atf_set descr 'privd links its four libraries, net two more'
}
linked_body()
{
	config
	four='libseccomp|libcap|libbsd|libmd'
	loud links /usr/bin/curl "$four"
	for p in privd/privd privd-front privd-jail; do
		[ -x "$bin/$p" ] || atf_fail "not built: $p"
		quiet links "$bin/$p" "$four"
	done
	[ -x "$bin/privd-net" ] || atf_fail "not built: privd-net"
	quiet links "$bin/privd-net" "$four"
	[ -x "$bin/vmsup" ] || atf_fail "not built: vmsup"
	quiet links "$bin/vmsup" none
}

atf_test_case table
table_head()
{
	atf_set descr 'each privileged request has its file and its test'
}
table_body()
{
	config
	cd "$src" || atf_fail "no $src"
	loud row no_such_request
	quiet rows
}

# listed MANUAL SECTION: the words of its .It Sy lines, one a line
listed()
{
	awk -v s="$2" '/^\.S[hs] / { on = $0 == ".Ss " s }
	    on && sub(/^\.It Sy /, "")' "$1" | sed 's/ , /\n/g' | sort
}

# told_apart LIST MANUAL SECTION: what only one of them has.
told_apart()
{
	sort -u "$1" >want
	listed "$2" "$3" >said
	diff want said | sed -n "s/^[<>]/$3: &/p"
}

# What the code can say, into the files that are compared.
what_is_said()
{
	sed -n 's/^STEP([A-Z_]*, *"\([a-z-]*\)").*/\1/p' policy/steps.def \
	    >"$work/steps"
	sed -n 's/^error \([A-Za-z]*\) (.*/\1/p' \
	    ctld/client/io.postern.Vm.varlink >"$work/errors"
	sed -n 's/^#define REASON_[A-Z_]* "\(.*\)"$/\1/p' ctld/reason.h |
	    sed 's/%d/N/' >"$work/reasons"
	sed -nE 's/^	?(#define )?EX_[A-Z_]* (= )?([0-9]+).*/\3/p' \
	    ctld/cli/cli.h ctld/cli/cmd_run.c >"$work/statuses"
	sed -n '/^CEILING(/,$p' policy/ceilings.def | tr '\n' ' ' |
	    grep -oE 'CEILING\([A-Z_]*, +[a-z_]+, +"' |
	    sed 's/.*, *\([a-z_]*\), *"/\1/' >"$work/ceilings"
	# the one that stands behind a condition
	grep -q '"consoles" : "port"' ctld/api_attach.c &&
	    echo consoles >>"$work/ceilings"
}

all_told()
{
	cd "$work" || return
	m=$src/ctld/cli/postern-troubleshooting.7
	told_apart steps "$m" 'Steps'
	told_apart errors "$m" 'Typed errors'
	told_apart reasons "$m" 'Reasons of an end'
	told_apart statuses "$m" 'Exit statuses'
	told_apart ceilings "$m" 'Ceilings'
}

# Reasons that do not come from ctld/reason.h.
loose_reasons()
{
	grep -nE 'vm_set_status\(.*"[a-z]' "$@" /dev/null
}

atf_test_case troubleshooting
troubleshooting_head()
{
	atf_set descr 'each error, reason, step, status: in the manual, and the other way round'
}
troubleshooting_body()
{
	config
	cd "$src" || atf_fail "no $src"
	what_is_said
	for f in steps:35 errors:8 reasons:12 statuses:10 ceilings:12; do
		[ "$(sort -u "$work/${f%:*}" | wc -l)" -ge "${f#*:}" ] ||
		    atf_fail "${f%:*} not found: $(cat "$work/${f%:*}")"
	done
	# one more in the code, then one more in the manual
	echo one-more >"$work/more"
	cat "$work/steps" >>"$work/more"
	cd "$work" || atf_fail "no $work"
	m=$src/ctld/cli/postern-troubleshooting.7
	loud told_apart more "$m" Steps
	sed '/one-more/d; /^tap$/d' more >less
	loud told_apart less "$m" Steps
	quiet all_told
	cd "$src" || atf_fail "no $src"
	echo 'vm_set_status(vm, VM_FAILED, "bored");' >"$work/bad.c"
	loud loose_reasons "$work/bad.c"
	quiet loose_reasons ctld/*.c
}

# options_of_help: "--long" and "-x" of every command's --help
options_of_help()
{
	sed -n 's/^COMMAND(\([a-z]*\),.*/\1/p' "$src/ctld/cli/commands.def" |
	    while read -r c; do
		"$bin/postern" "$c" --help | grep -v '^example'
	    done | grep -oE '(^|[ [(])--?[a-z][a-z-]*' | tr -d ' [(' | sort -u
}

# options_of_manual FILE: what it has behind Fl
options_of_manual()
{
	sed 's/"[^"]*"//g' "$1" | grep -oE 'Fl -?[a-z][a-z-]*' |
	    sed 's/^Fl /-/' | sort -u
}

atf_test_case options
options_head()
{
	atf_set descr 'each option of --help is in postern(1), and the other way round'
}
options_body()
{
	config
	options_of_help >help
	[ "$(wc -l <help)" -gt 35 ] || atf_fail "not found: $(cat help)"
	options_of_manual "$src/ctld/cli/postern.1" >manual
	sed 1d help >less
	loud diff less manual
	diff help manual >apart || atf_fail "< --help, > manual: $(cat apart)"
}

# keys_of_code: "section key" of ctld/conf's table and of the ceilings'
keys_of_code()
{
	{
		keys_of_table
		sed -n '/^CEILING(/,$p' "$src/policy/ceilings.def" |
		    tr '\n' ' ' | sed 's/CEILING(/\n&/g' |
		    awk -F', *' '/^CEILING\([A-Z]/ {
			gsub(/"/, "", $3)
			print "owner", $3
			if ($9 != 0)
				print "vms", "max_" $3
		    }'
	} | sort -u
}

keys_of_table()
{
	tr '\n' ' ' <"$src/ctld/conf/parse.c" |
	    grep -oE '\{ "[a-z]+", "[a-z_]+", set_' |
	    sed 's/{ "\([a-z]*\)", "\([a-z_]*\)",/\1 \2/; s/ set_$//' | sort -u
}

# keys_of_manual FILE: the same of postern.conf(5)
keys_of_manual()
{
	awk '/^\.S[sh]/ { on = "" }
	    /^\.Ss Section/ { on = $3 }
	    /^\.Ss Sections owner/ { on = "owner" }
	    on && /^\.It Cm / {
		for (i = 3; i <= NF; i++)
			if ($i ~ /^[a-z_]+$/)
				print on, $i
	    }' "$1" | sort -u
}

atf_test_case keys
keys_head()
{
	atf_set descr 'each key of the configuration is in postern.conf(5), and the other way round'
}
keys_body()
{
	config
	keys_of_code >code
	[ "$(wc -l <code)" -gt 35 ] || atf_fail "not found: $(cat code)"
	keys_of_manual "$src/ctld/conf/postern.conf.5" >manual
	sed 1d code >less
	loud diff less manual
	diff code manual >apart || atf_fail "< code, > manual: $(cat apart)"
}

atf_test_case paths
paths_head()
{
	atf_set descr 'no path of the machine it was written on'
}
paths_body()
{
	config
	printf 'open("/%s/x")\n' work >bad.c
	loud machine_paths bad.c
	cd "$src" || atf_fail "no $src"
	for f in README.md quickstart; do
		[ -f $f ] || atf_fail "no $f"
	done
	quiet machine_paths common policy privd ctld tests contrib README.md \
	    quickstart Makefile.am configure.ac
}

atf_test_case budget
budget_head()
{
	atf_set descr 'the trusted line count can be counted'
}
budget_body()
{
	config
	atf_check -o match:'^privd-jail +[1-9]' -o match:'^all three' \
	    sh "$src/tests/tcb" "$bin"
}

atf_init_test_cases()
{
	atf_add_test_case lengths
	atf_add_test_case functions
	atf_add_test_case calls
	atf_add_test_case clocks
	atf_add_test_case linked
	atf_add_test_case table
	atf_add_test_case troubleshooting
	atf_add_test_case options
	atf_add_test_case keys
	atf_add_test_case paths
	atf_add_test_case budget
}
