# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2154 # src and out are tests/run's
#
# Group lint of tests/run, which reads this file and whose functions and
# variables it uses. Each tool is one test; its whole output is kept in the
# log. Invariant: nothing here changes a file of the tree.

# The product's C files, relative to the source tree.
lint_sources()
{
	(cd "$src" && find common policy privd ctld -name '*.c' | sort)
}

lint_flags()
{
	printf '%s\n' -std=gnu17 -D_GNU_SOURCE -DHAVE_CONFIG_H \
	    -I"$src" -I"$out/main" '-DLIBEXECDIR="/x"' '-DSYSCONFDIR="/x"'
	pkg-config --cflags libseccomp libcap libbsd jansson \
	    libevent_core ext2fs inih | tr ' ' '\n' | grep .
}

# tidy.ignore: cleanup attributes, lists of <sys/queue.h> and va_start, which
# clang 14's analyzer does not understand.
lint_tidy()
{
	cd "$src" || return 1
	# shellcheck disable=SC2016 # expanded by the inner shell
	lint_sources | xargs -P 2 -n 4 sh -c '
		list=$1; shift
		clang-tidy --quiet "$@" -- $(cat "$list") || true' sh \
	    "$out/log/flags" >"$out/log/tidy"
	! grep -E ': (error|warning): ' "$out/log/tidy" |
	    grep -vf tests/tidy.ignore
}

lint_cppcheck()
{
	cd "$src" || return 1
	lint_sources >"$out/log/sources"
	cppcheck -q -j 2 --std=c11 --force --inline-suppr \
	    --enable=warning,performance,portability --error-exitcode=1 \
	    --suppressions-list=tests/cppcheck.suppress --library=posix,gnu \
	    -I"$src" --file-list="$out/log/sources"
}

# gcc 12's analyzer cries wolf over null pointers and cleanup attributes, so
# only what it is good at counts.
lint_analyzer()
{
	sure='use-after-free|double-free|double-fclose|file-leak|out-of-bounds'
	sure="$sure|free-of-non-heap|use-of-uninitialized-value|write-to-const"
	sure="$sure|mismatching-deallocation|use-of-pointer-in-stale-stack"
	build analyzer all CC=gcc CFLAGS='-g -O1 -fanalyzer' || return 1
	! grep -E "Wanalyzer-($sure)" "$out/log/lint-gcc--fanalyzer"
}

# Not: files that are not found; optional arguments of functions.
lint_shell()
{
	cd "$src" || return 1
	find quickstart .ci tests contrib policy -type f | sort |
	    while read -r f; do
		case $(head -n 1 "$f" | tr -d '\0'):$f in
		'#!/bin/sh'*|*.sh) printf '%s\n' "$f" ;;
		esac
	done | xargs shellcheck -s sh -e SC1090,SC1091,SC2119
}

lint_mandoc()
{
	cd "$src" || return 1
	# shellcheck disable=SC2046 # a list of files
	set -- $(find privd ctld contrib -name '*.[1578]')
	[ $# -eq 0 ] || mandoc -T lint -W warning "$@"
}

lint()
{
	say lint
	lint_flags >"$out/log/flags"
	check 'lint shellcheck' lint_shell
	check 'lint mandoc' lint_mandoc
	check 'lint cppcheck' lint_cppcheck
	check 'lint gcc -fanalyzer' lint_analyzer
	check 'lint clang-tidy' lint_tidy
}
