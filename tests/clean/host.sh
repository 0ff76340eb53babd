# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2015,SC2034,SC2154 # used by, and from, who sources it
#
# For the tests that use the clean host as its operator does: the installed
# programs, the one instance, as root. Sourced by the atf-sh programs there.
# Waits are for events; their ends are far away, since the host is emulated
# on a machine that may be busy.

LOG=/run/postern.log
CLEAN=$(atf_config_get top_srcdir)/tests/clean
# on a real file system, and still there after a reboot
GUEST=/var/disk/guest.elf
FAR=600

# operator_case TEXT
operator_case()
{
	atf_set "descr" "$1"
	atf_set "require.user" "root"
	atf_set "timeout" 1800
}

# here systemd|plain: only in the clean host, and with that init
here()
{
	now=plain
	[ "$(cat /proc/1/comm)" != systemd ] || now=systemd
	[ -e /run/postern-clean ] && [ $now = "$1" ] ||
	    atf_skip "this is not the clean host with init $1"
	PLACE=/sys/fs/cgroup/postern-vms
	[ $now = plain ] ||
	    PLACE=/sys/fs/cgroup/system.slice/postern-vms.service
	[ -e "$GUEST" ] || cp "$POSTERN_GUEST" "$GUEST"
}

ok()
{
	"$@" > out.txt 2> err.txt && return 0
	cat out.txt err.txt >&2
	tail -n 30 "$LOG" >&2
	atf_fail "failed: $*"
}

# wait_until WHAT COMMAND...
wait_until()
{
	what=$1
	shift
	# not by the time of day, which a test changes
	read -r end _ < /proc/uptime
	end=$((${end%.*} + FAR))
	until "$@" > /dev/null 2>&1; do
		read -r now _ < /proc/uptime
		[ "${now%.*}" -lt $end ] || {
			tail -n 30 "$LOG" >&2
			atf_fail "timed out: $what"
		}
		sleep 0.2
	done
}

# "PID START" of every process of every VM; no program is started for it
processes()
{
	for leaf in "$PLACE"/v*/sup "$PLACE"/v*/vmm; do
		while read -r pid; do
			read -r text < "/proc/$pid/stat"
			# shellcheck disable=SC2086 # words
			set -- ${text##*) }
			echo "$pid ${20}"
		done < "$leaf/cgroup.procs"
	done
}

limits()
{
	grep . "$PLACE"/v*/vmm/memory.max "$PLACE"/v*/vmm/pids.max \
	    "$PLACE"/v*/vmm/cpu.max
}

# start_vms N: as many run, with pages on ports 8001 and up
start_vms()
{
	VMS=$1
	PORTS=
	for i in $(seq "$VMS"); do
		PORTS="$PORTS $((8000 + i))"
	done
	ok postern list
	cp out.txt running
	for i in $(seq "$VMS"); do
		! grep -q "^vm$i .* Running " running || continue
		postern rm -f "vm$i" > /dev/null 2>&1
		ok postern start "vm$i" --kernel "$GUEST" --memory 32M \
		    --grace 300 \
		    --boot-args 'echo doze' -p $((8000 + i)):80
	done
	wait_until "pages of $VMS guests" pages
	as_now
	[ "$(wc -l < processes.before)" = $((2 * VMS)) ] &&
	    [ "$(wc -l < limits.before)" = $((3 * VMS)) ] && return
	cat processes.before limits.before >&2
	atf_fail "these are not $VMS VMs"
}

# What unchanged is to find from now on
as_now()
{
	processes > processes.before
	limits > limits.before
}

pages()
{
	# shellcheck disable=SC2086 # words
	"$CLEAN/pages" $PORTS
}

# unchanged WHAT: same processes, same limits, all answer
unchanged()
{
	wait_until "$1: the daemon" postern list
	processes > processes.now
	diff processes.before processes.now || atf_fail "$1: processes"
	limits > limits.now
	diff limits.before limits.now || atf_fail "$1: limits"
	ok postern list
	[ "$(grep -c '^vm[0-9]* .* Running ' out.txt)" = "$VMS" ] ||
	    atf_fail "$1: $(cat out.txt)"
	pages || atf_fail "$1: pages"
}

# Somebody reads pages all the time until traffic_end, which fails if one did
# not come.
traffic()
{
	rm -f traffic.end traffic.lost
	: > traffic.done
	while [ ! -e traffic.end ]; do
		"$CLEAN/pages" 8001 8002 2>> traffic.lost || :
		echo >> traffic.done
	done &
	traffic=$!
}

traffic_end()
{
	# at least one round after all that happened
	rounds=$(($(wc -l < traffic.done) + 2))
	wait_until 'pages read meanwhile' traffic_rounds
	: > traffic.end
	wait "$traffic"
	[ ! -s traffic.lost ] || atf_fail "$1: $(cat traffic.lost)"
}

traffic_rounds()
{
	[ "$(wc -l < traffic.done)" -ge "$rounds" ]
}

# no_errors FROM: nothing after the first FROM lines of the log is one
no_errors()
{
	if tail -n +$(($1 + 1)) "$LOG" | grep ': error: '; then
		atf_fail "errors in the log"
	fi
}

# echoes NAME TEXT: its console takes a line and answers with it
echoes()
{
	echo "$2" | postern console "$1" --raw > /dev/null 2>&1
	postern logs "$1" | grep -q "$2"
}
