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

atf_test_case limits cleanup
limits_head()
{
	instance_case limits "cpu, memory and pids hold what is in a VM's leaf" \
	    300
}
limits_body()
{
	instance_up 'disk_mib_per_second = 1'
	made > made.before
	good start_guest spin --boot-args spin
	cpu
	good me rm -f spin
	good start_guest web -p 8080:80
	pids
	memory
	disk
	page 8080 || atf_fail "web is gone"
	good me rm -f web fits eater writer
	nothing_made made.before
}
limits_cleanup()
{
	instance_down
}

# A guest that burns has at least twice a tenth of a CPU as it is; a tenth,
# once its leaf says so.
cpu()
{
	dir=$(leaf spin)
	grep -qx '[1-9][0-9]*00 100000' "$dir/cpu.max" ||
	    atf_fail "cpu.max: $(cat "$dir/cpu.max")"
	free=$(burnt "$dir")
	echo '10000 100000' > "$dir/cpu.max"
	held=$(burnt "$dir")
	echo "permille of a CPU: $free free, $held held to 100"
	[ "$held" -le 200 ] && [ "$free" -ge $((held * 2)) ] ||
	    atf_fail "the limit does not hold: $free, $held"
	[ "$(value "$dir/cpu.stat" nr_throttled)" -gt 0 ] ||
	    atf_fail "never throttled"
}

# burnt LEAF: permille of a CPU in two seconds
burnt()
{
	_t=$(date +%s%N) _u=$(value "$1/cpu.stat" usage_usec)
	sleep 2
	_u=$(($(value "$1/cpu.stat" usage_usec) - _u))
	echo $((_u * 1000000 / ($(date +%s%N) - _t)))
}

# Who is in web's leaf may fork until it is full, and no further.
pids()
{
	dir=$(leaf web)
	max=$(cat "$dir/pids.max")
	[ "$max" -gt 0 ] && [ "$max" -le 1024 ] || atf_fail "pids.max: $max"
	[ "$(cat "${dir%/vmm}/sup/pids.max")" -gt 0 ] || atf_fail "vmsup's"
	"$PY" - "$dir" "$max" <<-'END' || atf_fail "pids: see above"
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
	[ "$(value "$dir/pids.events" max)" -gt 0 ] || atf_fail "no event"
}

# With the limit that it was given a guest may use all of its memory; with
# less it ends, alone, and it is said why.
memory()
{
	good start_guest fits --memory 96M --boot-args eat,64
	wait_for 400 "fits to eat" said fits full
	dir=$(leaf fits)
	[ "$(cat "$dir/memory.max")" -gt $((96 << 20)) ] &&
	    [ "$(cat "$dir/memory.oom.group")" = 1 ] &&
	    [ "$(cat "$dir/memory.swap.max")" = 0 ] ||
	    atf_fail "memory: $(grep . "$dir/memory.max" "$dir"/memory.*.*)"
	good start_guest eater --memory 96M -p 9999:9999/udp
	dir=$(leaf eater)
	echo $(($(cat "$dir/memory.current") + (16 << 20))) > "$dir/memory.max"
	# again: the first may come before the guest listens
	wait_for 100 "the end of eater" ended_of_hunger
	said eater full && atf_fail "it got all of it"
	me status fits | grep -qx Running || atf_fail "$(me status fits)"
}

ended_of_hunger()
{
	in_ns bash -c 'printf eat,64 > /dev/udp/127.0.0.1/9999'
	sleep 1
	me status eater | grep -q 'Failed.*oom'
}

# A writable image is open for direct I/O, and its disk gives no more than the
# operator's MiB a second to who is in the leaf.
disk()
{
	truncate -s 16M "$TMPDIR/data"
	chown "$TENANT" "$TMPDIR/data"
	good start_guest writer --volume "$TMPDIR/data:/data"
	dir=$(leaf writer)
	disk=$(cat /sys/block/vda/dev)
	grep -q "^$disk rbps=1048576 wbps=1048576 riops=max wiops=max" \
	    "$dir/io.max" || atf_fail "io.max: $(cat "$dir/io.max")"
	direct "$(head -n 1 "$dir/cgroup.procs")" "$TMPDIR/data" ||
	    atf_fail "its image is open for buffered writes"
	held=$(written "$dir")
	echo "$disk wbps=max" > "$dir/io.max"
	free=$(written "$dir")
	echo "ms for 8 MiB: $held with the limit, $free without"
	[ "$held" -ge 5000 ] && [ "$held" -ge $((free * 2)) ] ||
	    atf_fail "the limit does not hold: $held, $free"
	# where the operator set a limit that nothing can hold, no VM starts
	image memory.img 4M
	refused 1 'volumes: .*no disk can answer for.*move it' start_guest unheld \
	    --volume "$I/img/memory.img:/data"
}

# direct PID FILE: it has FILE open with O_DIRECT, read-write
direct()
{
	for fd in /proc/"$1"/fd/*; do
		[ "$(readlink "$fd")" != "$2" ] ||
		    sed -n 's/^flags:[[:space:]]*//p' \
			"/proc/$1/fdinfo/${fd##*/}"
	done | grep -q '[4567]...[2]$'
}

# written LEAF: milliseconds that 8 MiB take there, past the page cache
written()
{
	truncate -s 8M "$TMPDIR/there"
	_t=$(date +%s%N)
	sh -c 'echo $$ > "$1/cgroup.procs" && exec dd if=/dev/zero of="$2" \
	    bs=1M count=8 oflag=direct conv=notrunc' sh "$1" \
	    "$TMPDIR/there" 2> /dev/null || atf_fail "dd"
	echo $((($(date +%s%N) - _t) / 1000000))
}

said()
{
	me logs "$1" | grep -q "$2"
}

atf_init_test_cases()
{
	# shellcheck source=tests/lib/instance.sh
	. "$(atf_config_get top_srcdir)/tests/lib/instance.sh"
	for c in life limits; do
		atf_add_test_case $c
	done
}
