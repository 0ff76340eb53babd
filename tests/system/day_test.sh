# SPDX-License-Identifier: ISC
# A tenant's day with the postern command: every verb, its answers for people
# and for programs, and its exit codes (design sections 7 and 8). Runs as
# root to make the instance, and as the tenant for every call.
# shellcheck shell=sh disable=SC2015,SC2119 # atf_fail ends a test

atf_test_case verbs cleanup
verbs_head()
{
	instance_case verbs "start to rm, as people see it"
}
verbs_body()
{
	instance_up
	good me list
	grep -q 'no VM runs' out.txt || atf_fail "empty list"
	made > made.before
	image disk 1M
	good start_guest web --rootfs "$I/img/disk" --cpus 2 -p 8080:80 \
	    --ready console:POSTERN-TEST-GUEST --boot-args say,hello
	grep -qx 'web is running' out.txt || atf_fail "start's words"
	good me list
	grep -Eq '^NAME +STATE +CPUS +MEMORY +ADDRESS' out.txt &&
	    grep -Eq '^web +Running +2 +32M +10\.200\.' out.txt ||
	    atf_fail "list's table"
	good me status web
	grep -qx Running out.txt || atf_fail "status: $(cat out.txt)"
	good me info web
	good me network web
	grep -q '172\.16\.0\.2' out.txt || atf_fail "network"
	good page 8080
	wait_for 150 "the word" sh -c '"$@" | grep -qx hello' sh \
	    nsenter -t "$NS" -n setpriv --reuid "$TENANT" --regid "$TENANT" \
	    --groups "$GROUP" "$POSTERN_BIN" --socket "$SOCK" logs web
	good me logs -n 1 web
	[ "$(wc -l < out.txt)" = 1 ] || atf_fail "logs -n 1"
	good me logs --hypervisor web
	good me stop web
	good me list
	grep -q 'no VM runs' out.txt || atf_fail "a stopped one is listed"
	good me list -a
	grep -Eq '^web +Stopped ' out.txt || atf_fail "list -a"
	good me logs web
	grep -qx hello out.txt || atf_fail "the last console is not kept"
	grep -q 'power button' out.txt || atf_fail "the guest was not asked"
	# the name stays taken until rm
	refused 1 'web.*name is taken.*postern rm' start_guest web
	good me rm web
	refused 3 'web.*no VM of that name' me status web
	nothing_made made.before
	good start_guest web -p 8080:80
	good page 8080
	good me rm -f web
	nothing_made made.before
}
verbs_cleanup()
{
	instance_down
}

atf_test_case ends cleanup
ends_head()
{
	instance_case ends "stop, stop --all, kill; --rm; a guest's own end"
}
ends_body()
{
	instance_up
	made > made.before
	for n in a b c d; do
		good start_guest $n --boot-args "$([ $n = d ] && echo deaf)"
	done
	good me kill a
	good me status a
	grep -qx Stopped out.txt || atf_fail "killed: $(cat out.txt)"
	good me info a --json
	[ "$(json '["reason"]' < out.txt)" = killed ] || atf_fail "reason"
	# a deaf guest has its grace and no more
	t0=$(date +%s%N)
	good me stop --grace 0.3 d
	ms=$((($(date +%s%N) - t0) / 1000000))
	[ $ms -ge 300 ] || atf_fail "no grace: $ms ms"
	good me stop --all
	grep -qx '2 stopped' out.txt || atf_fail "stop --all: $(cat out.txt)"
	good me stop --all
	grep -qx '0 stopped' out.txt || atf_fail "none to stop"
	good start_guest gone --rm
	good me stop gone
	refused 3 'no VM' me status gone
	good start_guest off --boot-args 'sleep,300 poweroff'
	wait_for 60 "the guest's own end" stopped off
	good me info off --json
	[ "$(json '["reason"]' < out.txt)" = 'guest powered off' ] ||
	    atf_fail "reason: $(cat out.txt)"
	good me rm a b c d off
	nothing_made made.before
}
ends_cleanup()
{
	instance_down
}

stopped()
{
	me status "$1" | grep -qx Stopped
}

atf_test_case json cleanup
json_head()
{
	instance_case json "the shapes of design section 7, to the member"
}
json_body()
{
	instance_up
	good start_guest web --json -p 8080:80 -p 9000:7/udp \
	    --profile small --revision r1 --allow tcp:93.184.215.0/24:80-81
	cp out.txt start.json
	for verb in info status network list; do
		if [ $verb = list ]; then
			good me list --json
		else
			good me $verb web --json
		fi
		cp out.txt $verb.json
	done
	good me start broken --json --kernel "$GUEST" --memory 32M \
	    --boot-args panic
	wait_for 60 "the panic" failed broken
	good me status broken --json
	cp out.txt failed.json
	good me version --json
	cp out.txt version.json
	me status nobody --json > error.json
	[ $? = 3 ] || atf_fail "exit code of --json"
	"$PY" "$(atf_config_get top_srcdir)/tests/system/shapes.py" ||
	    atf_fail "see above"
}
json_cleanup()
{
	instance_down
}

failed()
{
	me status "$1" | grep -q Failed
}

atf_test_case codes cleanup
codes_head()
{
	instance_case codes "exit codes 0 to 7 and 124"
}
codes_body()
{
	instance_up '[owner default]
vms = 1'
	good me version
	refused 1 '--kernel: .*directory' me start x --kernel "$I/img"
	refused 2 'unknown command frobnicate' me frobnicate
	refused 2 'see postern start --help' me start
	refused 2 'unknown option' me list --frobnicate
	refused 3 'absent.*no VM of that name' me info absent
	refused 3 'absent.*no VM' me stop absent
	refused 4 'not a member' as "$STRANGER" list
	good start_guest web
	refused 5 'vms: your ceiling of 1' start_guest more
	refused 6 'state.*Running' me rm web
	refused 7 'daemon is not running.*start it with' \
	    env POSTERN_SOCKET="$I/none" "$POSTERN_BIN" list
	good me rm -f web
	start_guest late --ready console:never --timeout 0.5 2> err.txt
	[ $? = 124 ] && grep -q 'did not say "never"' err.txt &&
	    grep -q '^POSTERN-TEST-GUEST' err.txt &&
	    grep -q 'still runs; next: postern logs -f late' err.txt ||
	    atf_fail "time-out: $(cat err.txt)"
	good me --help
}
codes_cleanup()
{
	instance_down
}

atf_test_case follow cleanup
follow_head()
{
	instance_case follow "logs -f goes on as the guest writes, and ends"
}
follow_body()
{
	instance_up
	good start_guest web --boot-args 'sleep,1500 say,later'
	me logs -f web > follow.txt 2> follow.err &
	f=$!
	wait_for 150 "the banner" grep -q TEST-GUEST follow.txt
	grep -q '^later' follow.txt && atf_fail "too early"
	wait_for 200 "what came later" grep -q '^later' follow.txt
	good me stop web
	wait $f || atf_fail "logs -f: $(cat follow.err)"
	grep -q 'power button' follow.txt || atf_fail "its last words"
}
follow_cleanup()
{
	instance_down
}

atf_test_case raw cleanup
raw_head()
{
	instance_case raw "what a guest wrote is escaped unless --raw is said"
}
raw_body()
{
	instance_up
	esc=$(printf '\033[31mred')
	good start_guest web --boot-args 'say,plain'
	refused 1 '--boot-args: .*control character' \
	    start_guest evil --boot-args "say,$esc"
	good me logs web
	LC_ALL=C grep -q '[^[:print:][:space:]]' out.txt && atf_fail "escapes"
	good me logs --raw web
}
raw_cleanup()
{
	instance_down
}

atf_init_test_cases()
{
	# shellcheck source=tests/lib/instance.sh
	. "$(atf_config_get top_srcdir)/tests/lib/instance.sh"
	for c in verbs ends json codes follow raw; do
		atf_add_test_case $c
	done
}
