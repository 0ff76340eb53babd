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
	atf_add_test_case linked
	atf_add_test_case table
	atf_add_test_case paths
	atf_add_test_case budget
}
