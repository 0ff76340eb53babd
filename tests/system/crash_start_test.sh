# SPDX-License-Identifier: ISC
# kill -9 of a role in the middle of a start, at moments from 0 to 60 ms after
# it began: nothing half-made is left, and a new start works. Runs as root;
# kills only processes of its own instance, by their ids.
# shellcheck shell=sh disable=SC2015,SC2119 # atf_fail ends a test

# kill_in_start ROLE: at moments from 0 to 60 ms after a start began
kill_in_start()
{
	instance_up
	made > made.before
	good start_guest stay -p 8001:80
	made > made.stay
	for ms in 00 03 06 09 12 16 20 25 30 38 47 60; do
		pid=$(role_pid "$1")
		start_guest half -p 8002:80 > half.out 2>&1 &
		start=$!
		sleep 0.0$ms
		kill -9 "$pid"
		wait $start
		code=$?
		wait_for 150 "another $1" other_role "$1" "$pid"
		daemon_back
		# what was answered stays true; what was not is one of two
		if [ $code = 0 ]; then
			me list | grep -q '^half *Running' || atf_fail "$ms: said to run: $(me list -a)"
			page 8002 || atf_fail "$ms: does not answer"
		fi
		page 8001 || atf_fail "$ms: the other VM"
		me rm -f half > rm.out 2>&1 || grep -q 'no VM' rm.out ||
		    atf_fail "$ms: rm: $(cat rm.out)"
		nothing_made made.stay
	done
	good start_guest half -p 8002:80
	page 8002 || atf_fail "a new start"
	good me rm -f half stay
	nothing_made made.before
}

for r in ctld privd-front privd-jail privd-net; do
	name=start_$(echo $r | tr -d -)
	atf_test_case "$name" cleanup
	eval "${name}_head() { instance_case $name \
	    'kill -9 of $r in the middle of a start: nothing is left'; }
	${name}_body() { kill_in_start $r; }
	${name}_cleanup() { instance_down; }"
done

atf_init_test_cases()
{
	# shellcheck source=tests/lib/instance.sh
	. "$(atf_config_get top_srcdir)/tests/lib/instance.sh"
	for c in start_ctld start_privdfront start_privdjail start_privdnet; do
		atf_add_test_case $c
	done
}
