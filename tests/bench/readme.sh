#!/bin/sh
# SPDX-License-Identifier: ISC
# make bench-readme: README's figures are those of tests/bench/results.json,
# which is the bench.json of a run that somebody meant to show. Writes README's
# table from it, or with -c only says (exit 1) that it is another.
# readme.sh [-c] BENCH-REPORT README RESULTS
set -eu
check=
[ "$1" != -c ] || { check=yes; shift; }
report=$1 readme=$2 results=$3
new=$(mktemp)
trap 'rm -f "$new"' EXIT
"$report" -m "$results" > "$new.table"
awk -v table="$new.table" '
    /^<!-- bench: / { print; while ((getline l < table) > 0) print l; skip = 1 }
    /^<!-- end of bench -->/ { skip = 0 }
    !skip' "$readme" > "$new"
rm "$new.table"
if [ -n "$check" ]; then
	diff "$readme" "$new"
else
	cat "$new" > "$readme"
fi
