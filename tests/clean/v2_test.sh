# SPDX-License-Identifier: ISC
# Runs inside the clean host (tests/run clean), where cgroup v2 is all there
# is: a VM's limits are seen to hold, by what its processes can do, and the
# end of roles and VMs leaves nothing. Runs as root with an instance of its
# own. The machine is slow: what is measured is a proportion, never a time.
# shellcheck shell=sh disable=SC2015,SC2119 # atf_fail ends a test

# leaf NAME: its VMM's cgroup
leaf()
{
	echo "$CG/$(vm_cg "$1")/vmm"
}

# value FILE KEY: the number behind it
value()
{
	awk -v key="$2" '$1 == key { print $2 }' "$1"
}

failed_oom()
{
	me status "$1" | grep -q 'Failed.*oom'
}

atf_test_case life cleanup
life_head()
{
	instance_case life "start, list, stop and rm; each role killed; no trace" \
	    300
}
life_body()
{
	[ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ] ||
	    atf_skip "this host is not the clean one"
	instance_new
	instance_conf
	host_snapshot > snapshot.none
	daemon_up
	made > made.before
	good start_guest web -p 8080:80
	good me list
	grep -q '^web .*Running' out.txt || atf_fail "$(cat out.txt)"
	page 8080 || atf_fail "no page"
	for role in ctld ctld-client privd-front privd-jail privd-net; do
		pid=$(role_pid $role)
		[ -n "$pid" ] || atf_fail "no $role"
		kill -9 "$pid"
		page 8080 || atf_fail "$role killed: no page"
		wait_for 300 "another $role" other_role $role "$pid"
		daemon_back
		page 8080 || atf_fail "$role back: no page"
	done
	good me stop web
	good me rm web
	nothing_made made.before
	daemon_down
	good daemon_undo
	host_snapshot > snapshot.now
	diff snapshot.none snapshot.now || atf_fail "the host is not as before"
}
life_cleanup()
{
	instance_down
}

atf_test_case cpu cleanup
cpu_head()
{
	instance_case cpu "cpu.max holds a guest that burns" 300
}
cpu_body()
{
	instance_up
	good start_guest spin --boot-args spin
	dir=$(leaf spin)
	grep -qx '[1-9][0-9]*00 100000' "$dir/cpu.max" ||
	    atf_fail "cpu.max: $(cat "$dir/cpu.max")"
	# as it is, it has at least half a CPU to itself; a tenth, once told
	free=$(burnt "$dir")
	echo '10000 100000' > "$dir/cpu.max"
	held=$(burnt "$dir")
	echo "permille of a CPU: $free free, $held held to 100"
	[ "$held" -le 200 ] && [ "$free" -ge $((held * 2)) ] ||
	    atf_fail "the limit does not hold"
	[ "$(value "$dir/cpu.stat" nr_throttled)" -gt 0 ] ||
	    atf_fail "never throttled"
}
cpu_cleanup()
{
	instance_down
}

# burnt LEAF: permille of a CPU in two seconds
burnt()
{
	_t=$(date +%s%N) _u=$(value "$1/cpu.stat" usage_usec)
	sleep 2
	_u=$(($(value "$1/cpu.stat" usage_usec) - _u))
	echo $((_u * 1000000 / ($(date +%s%N) - _t)))
}

atf_test_case memory cleanup
memory_head()
{
	instance_case memory "a guest beyond memory.max: Failed, oom; no other" \
	    300
}
memory_body()
{
	instance_up
	made > made.before
	good start_guest other -p 8080:80
	# the control: with its own limit the guest may use all it was given
	good start_guest fits --memory 96M --boot-args eat,64
	said fits full
	good start_guest eater --memory 96M --boot-args 'sleep,3000 eat,64'
	dir=$(leaf eater)
	[ "$(cat "$dir/memory.oom.group")" = 1 ] || atf_fail "oom.group"
	[ "$(cat "$dir/memory.swap.max")" = 0 ] || atf_fail "swap.max"
	echo $(($(cat "$dir/memory.current") + (16 << 20))) > "$dir/memory.max"
	wait_for 400 "the end of eater" failed_oom eater
	me logs eater | grep -q full && atf_fail "it got all of it"
	page 8080 || atf_fail "the other VM is gone"
	running fits || atf_fail "$(me status fits)"
	# the limit that it was given ends another process in the leaf, too
	dir=$(leaf fits)
	max=$(cat "$dir/memory.max")
	[ "$max" -gt $((96 << 20)) ] || atf_fail "memory.max: $max"
	sh -c 'echo $$ > "$1/cgroup.procs" &&
	    exec dd if=/dev/zero of=/dev/shm/eat bs=1M count="$2"' sh "$dir" \
	    $((max >> 20)) > /dev/null 2>&1
	rm -f /dev/shm/eat
	wait_for 400 "the end of fits" failed_oom fits
	good me rm -f other fits eater
	nothing_made made.before
}
memory_cleanup()
{
	rm -f /dev/shm/eat
	instance_down
}

running()
{
	me status "$1" | grep -qx Running
}

# said NAME WORD: it comes on the console
said()
{
	wait_for 400 "$1 to say $2" said_now "$1" "$2"
}

said_now()
{
	me logs "$1" | grep -q "$2"
}

atf_test_case pids cleanup
pids_head()
{
	instance_case pids "pids.max holds in a VM's leaf" 300
}
pids_body()
{
	instance_up
	good start_guest web -p 8080:80
	dir=$(leaf web)
	max=$(cat "$dir/pids.max")
	[ "$max" -gt 0 ] && [ "$max" -le 1024 ] || atf_fail "pids.max: $max"
	[ "$(cat "$CG/$(vm_cg web)/sup/pids.max")" -gt 0 ] ||
	    atf_fail "vmsup's"
	"$PY" - "$dir" "$max" <<-'END' || atf_fail "see above"
	import os, signal, sys
	leaf, most = sys.argv[1], int(sys.argv[2])
	def forks(n):
	    """How many of n children come to be."""
	    pids = []
	    try:
	        for _ in range(n):
	            pid = os.fork()
	            if pid == 0:
	                signal.pause()
	                os._exit(0)
	            pids.append(pid)
	    except BlockingIOError:
	        pass
	    for pid in pids:
	        os.kill(pid, signal.SIGKILL)
	        os.waitpid(pid, 0)
	    return len(pids)
	assert forks(most + 1) == most + 1, "the control: no limit outside"
	with open(leaf + "/cgroup.procs", "w") as procs:
	    procs.write("0")
	with open(leaf + "/pids.current") as current:
	    used = int(current.read())
	made = forks(most + 1)
	assert made == most - used, (made, most, used)
	END
	page 8080 || atf_fail "the VM is gone"
	[ "$(value "$dir/pids.events" max)" -gt 0 ] || atf_fail "no event"
}
pids_cleanup()
{
	instance_down
}

atf_init_test_cases()
{
	# shellcheck source=tests/lib/instance.sh
	. "$(atf_config_get top_srcdir)/tests/lib/instance.sh"
	for c in life cpu memory pids; do
		atf_add_test_case $c
	done
}
