# SPDX-License-Identifier: ISC
# The programs of `make bench` with tiny numbers: each runs, each line is
# printed and well formed, the machine is left as it was. No time is judged.
# Runs as root; everything happens in instances of the bench's own.
# shellcheck shell=sh disable=SC2015 # atf_fail ends a test

atf_test_case smoke
smoke_head()
{
	atf_set "descr" "make bench, tiny: every line is there, well formed"
	atf_set "require.user" "root"
	atf_set "require.progs" "curl iptables nft nsenter setpriv"
	atf_set "timeout" "600"
}
smoke_body()
{
	b=$(atf_config_get top_builddir) src=$(atf_config_get top_srcdir)
	: "${POSTERN_LIBEXEC:?}" "${POSTERN_BIN:?}"
	BENCH_N=2 BENCH_SUSTAIN=1 BENCH_VMS=8 BENCH_STOP=3 BENCH_GUESTS=2 \
	    sh "$src/tests/bench/bench.sh" "$b" "$src" "$PWD/bench.json" \
	    > out.txt 2> err.txt || {
		cat out.txt err.txt >&2
		atf_fail "the bench failed"
	}
	cat > judge.py <<-'END'
	import json, sys
	lines = json.load(open("bench.json"))["lines"]
	out = open("out.txt").read()
	for l in lines:
	    if l["what"] not in out:
	        sys.exit("not printed: " + l["what"])
	    # what needs a thousand VMs is not there
	    if l["verdict"] in ("not there yet", "not measured"):
	        if "firecracker" in l["what"] or "1,000" in l["what"] or \
	            l["what"].startswith("restore"):
	            continue
	        sys.exit("%s: %s" % (l["what"], l["verdict"]))
	    if l["verdict"] not in ("OK", "MISS", ""):
	        sys.exit("verdict " + l["verdict"])
	    if l["n"] < 1 or l["p99"] < l["p50"]:
	        sys.exit("figures: %s" % l)
	    if l["reference"] and l["reference_n"] < 1:
	        sys.exit("no reference: %s" % l)
	if not any(l["verdict"] == "OK" for l in lines):
	    sys.exit("nothing was within its budget")
	END
	/usr/bin/python3 judge.py || atf_fail "$(cat out.txt)"
}

# Negative control: a line whose series is missing says so.
atf_test_case missing
missing_head()
{
	atf_set "descr" "what was not measured is not called OK"
}
missing_body()
{
	report=$(atf_config_get top_builddir)/tests/bench/bench-report
	mkdir series
	echo 3 > series/stop.dead
	echo 151 > series/stop.gone
	"$report" series bench.json > out.txt || atf_fail "report"
	grep -q "all dead .* OK$" out.txt || atf_fail "$(cat out.txt)"
	echo 251 > series/stop.gone
	"$report" series bench.json > out.txt || atf_fail "report"
	grep -q "all gone .* MISS$" out.txt || atf_fail "$(cat out.txt)"
	grep -q "^start, command.* not measured$" out.txt ||
	    atf_fail "$(cat out.txt)"
	grep -q "^firecracker: .* not there yet$" out.txt ||
	    atf_fail "$(cat out.txt)"
}

atf_init_test_cases()
{
	atf_add_test_case smoke
	atf_add_test_case missing
}
