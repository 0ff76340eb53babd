# SPDX-License-Identifier: ISC
# postern doctor --verify on a live instance: the invariants that need more
# than a look at the kernel's objects (doctor_test has those). Each is broken,
# and must be missed; each is well before and after. As root.
# shellcheck shell=sh disable=SC2034 # INSTANCE_UNSHARE is instance.sh's

verify()
{
	in_ns "$POSTERN_BIN" --socket "${VIA:-$SOCK}" doctor --verify
}

# finds PATTERN: --verify says so and exits 1
finds()
{
	verify > found.txt 2>&1
	_rc=$?
	[ "$_rc" = 1 ] && grep -Eq -- "$1" found.txt && return 0
	atf_fail "exit $_rc, nothing of '$1': $(cat found.txt)"
}

clean()
{
	verify > found.txt 2>&1 || atf_fail "$(cat found.txt)"
}

# In a mount namespace of its own: a mount is made there.
atf_test_case left cleanup
left_head()
{
	instance_case left "I6, I10: nothing is there twice or left over"
}
left_body()
{
	INSTANCE_UNSHARE=-m
	instance_up
	good start_guest web
	good me create old --kernel "$GUEST"
	clean
	id=$(me info old --json | json '["id"]')
	sed 's/"vm-[0-9a-f]*"/"vm-00000000000000aa"/' \
	    "$I/state/ctld/$id.json" > "$I/state/ctld/vm-00000000000000aa.json"
	finds "^I6 +vm-.* and vm-.* are both $TENANT/old"
	rm "$I/state/ctld/vm-00000000000000aa.json"
	clean
	echo x > "$I/state/ctld/vm-00000000000000bb.console"
	finds '^I10 +.*/vm-00000000000000bb.console is of no VM'
	rm "$I/state/ctld/vm-00000000000000bb.console"
	for f in ctld/s-9-77 channel/vm-00000000000000cc; do
		: > "$I/run/$f"
		finds "^I10 +.*/$f is of no VM"
		rm "$I/run/$f"
	done
	clean
	mkdir "$I/run/left"
	in_ns mount -t tmpfs left "$I/run/left"
	finds "^I10 +$I/run/left is mounted"
	in_ns umount "$I/run/left"
	rmdir "$I/run/left"
	clean
}
left_cleanup()
{
	INSTANCE_UNSHARE=-m
	instance_down
}

# limit ARGUMENT...: prlimit of process $p, as its own uid
limit()
{
	_u=$(awk '/^Uid/ { print $2 }' "/proc/$p/status")
	_g=$(awk '/^Gid/ { print $2 }' "/proc/$p/status")
	setpriv --reuid "$_u" --regid "$_g" --clear-groups \
	    prlimit --pid "$p" "$@" || atf_fail "prlimit"
}

atf_test_case room cleanup
room_head()
{
	instance_case room "I9: what the end of a VM needs is there before"
}
room_body()
{
	instance_up
	clean
	# the last slot's records, which nobody has used
	size=$(stat -c %s "$I/run/front/ledger")
	fallocate -p -o $((size / 4096 * 4096 - 8192)) -l 4096 \
	    "$I/run/front/ledger" || atf_skip "no holes can be made here"
	finds '^I9 +.*/front/ledger has holes'
	fallocate -o 0 -l "$size" "$I/run/front/ledger"
	clean
	for role in ctld privd-front; do
		p=$(role_pid "$role")
		n=$(find "/proc/$p/fd" -type l | wc -l)
		was=$(limit -o SOFT --noheadings --nofile)
		limit --nofile=$((n + 8)):
		finds '^I9 +.* may open [0-9]+ descriptors and is near it'
		limit "--nofile=$was:"
	done
	clean
}
room_cleanup()
{
	instance_down
}

atf_test_case audit cleanup
audit_head()
{
	instance_case audit "I12: a refusal leaves one record"
}
audit_body()
{
	instance_up
	clean
	good as 0 events --json
	[ "$(grep -c '"event":"refused".*"name":"doctor-verify"' out.txt)" \
	    = 1 ] || atf_fail "not tried: $(cat out.txt)"
	for times in 0 2 1; do
		VIA=$I/via.$times
		# no function: the process itself is to be killed
		nsenter -t "$NS" -n "$PY" \
		    "$(atf_config_get top_srcdir)/tests/system/deaf.py" \
		    "$VIA" "$SOCK" $times 2> /dev/null &
		echo $! >> "$I/deaf"
		wait_for 50 "the stand-in" test -S "$VIA"
		if [ $times = 1 ]; then
			clean
		else
			finds "^I12 +one refusal left $times records"
		fi
	done
}
audit_cleanup()
{
	I=$(cat instance.dir 2> /dev/null)
	# shellcheck disable=SC2013 # words
	for p in $(cat "$I/deaf" 2> /dev/null); do
		kill "$p" 2> /dev/null
	done
	instance_down
}

atf_init_test_cases()
{
	# shellcheck source=tests/lib/instance.sh
	. "$(atf_config_get top_srcdir)/tests/lib/instance.sh"
	atf_add_test_case left
	atf_add_test_case room
	atf_add_test_case audit
}
