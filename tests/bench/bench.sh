#!/bin/sh
# SPDX-License-Identifier: ISC
# make bench: measures every line of lines.def that there is yet, each beside
# its reference in the same run, prints them and writes a JSON. As root. All
# of it happens in an instance, namespaces and cgroups of its own, which are
# taken back; the machine should have nothing else to do.
#
# bench.sh BUILD-DIRECTORY SOURCE-DIRECTORY JSON
# BENCH_N: how often each thing is done (200); BENCH_SUSTAIN: seconds of
# starts and stops (20); BENCH_VMS: how many VMs that sleep (1000);
# BENCH_STOP: how many are stopped at once (100); BENCH_GUESTS: how many test
# guests (200); BENCH_ONLY: some of "net front start sustain stop fill packets
# guests tcb".
# shellcheck shell=sh disable=SC2034,SC2016 # instance.sh's; an inner shell's
set -eu
b=$1 src=$2 json=$3
: "${BENCH_N:=200}" "${BENCH_SUSTAIN:=20}" "${BENCH_VMS:=1000}"
: "${BENCH_GUESTS:=200}" "${BENCH_STOP:=100}"
: "${BENCH_ONLY:=net front start sustain stop fill packets guests tcb}"
prog=$b/tests/bench

# What tests/lib/instance.sh has from atf.
atf_set()
{
	:
}

atf_fail()
{
	echo "bench: $*" >&2
	exit 1
}

# shellcheck source=tests/lib/instance.sh
. "$src/tests/lib/instance.sh"

wanted()
{
	case " $BENCH_ONLY " in
	*" $1 "*) echo "bench: $1" >&2 ;;
	*) return 1 ;;
	esac
}

# What is measured is what would be installed, or what tests/run installed.
install_tree()
{
	POSTERN_GUEST=$b/tests/guest/guest.elf
	export POSTERN_GUEST
	[ -z "${POSTERN_LIBEXEC:-}" ] || return 0
	make -s -C "$b" install DESTDIR="$work/root" > "$work/install.log" 2>&1
	POSTERN_LIBEXEC=$(dirname "$(find "$work/root" -name privd-front)")
	POSTERN_BIN=$(find "$work/root" -path '*/bin/postern')
	export POSTERN_LIBEXEC POSTERN_BIN
}

# up [sleep]: an instance; its VMM only sleeps, and stands beneath a /usr of
# the instance's own mount namespace, as the configuration wants it.
up()
{
	rm -rf "$work/i" && mkdir "$work/i" && cd "$work/i"
	INSTANCE_UNSHARE=
	[ $# = 0 ] || INSTANCE_UNSHARE=-m
	instance_new
	instance_conf
	mkdir "$I/postern.conf.d"
	bench_conf "$@" > "$I/postern.conf.d/bench.conf"
	if [ $# != 0 ]; then
		mkdir -p "$I/usr/lib/postern-bench"
		cp "$prog/sleepvmm" "$I/usr/lib/postern-bench/"
		in_ns mount -t overlay -o "lowerdir=$I/usr:/usr" overlay /usr
		# for `ip netns` of the reference
		in_ns mount -t tmpfs tmpfs /run/netns
	fi
	# durable state is on a disk, as it would be
	daemon_up
	BENCH_CGROUP=$CG BENCH_PREFIX=pt BENCH_INSTANCE=$INST
	BENCH_STATE=$I/bare BENCH_BARE=$prog/bench-bare
	BENCH_VMM=$prog/sleepvmm BENCH_IPSEQ=$src/tests/bench/ipseq.sh
	BENCH_RULES=$work/rules BENCH_ROLES=$(role_pids | cut -d' ' -f1 |
	    tr '\n' ' ')
	POSTERN_SOCKET=$SOCK
	export BENCH_CGROUP BENCH_PREFIX BENCH_INSTANCE BENCH_STATE BENCH_BARE
	export BENCH_VMM BENCH_IPSEQ BENCH_RULES BENCH_ROLES POSTERN_SOCKET
	export GUEST
	mkdir "$BENCH_STATE"
}

# bench_conf [sleep]: room for as many VMs as there can be, and no ceiling on
# the way: what is measured is what the programs can do.
bench_conf()
{
	cat <<-END
	[vms]
	id_base = 1881145344
	id_count = 16384
	slots = 8192
	max_vms = 4096
	max_cpus = 65535
	max_memory = 16384G
	max_ports = 65535
	max_entries = 1048576
	max_flows = 1073741824
	max_starts = 128
	${1:+qemu = /usr/lib/postern-bench/sleepvmm}
	[network]
	dns = 9.9.9.9
	[owner default]
	vms = 4096
	cpus = 65535
	memory = 16384G
	ports = 65535
	entries = 1048576
	flows = 1073741824
	records = 65536
	starts = 128
	start_rate = 1000
	connections = 512
	connect_rate = 1000
	request_rate = 10000
	END
}

down()
{
	instance_down || :
	cd "$work"
}

in_bench()
{
	in_ns "$@"
}

# For the references by iptables-restore, what the one by iptables makes; in
# namespaces of its own.
take_rules()
{
	[ -d /run/netns ] || { mkdir /run/netns && made_netns=yes; }
	unshare -n -m sh -ec 'mount -t tmpfs tmpfs /run/netns
	    "$1" ipseq; "$1" save; "$1" down' \
	    sh "$src/tests/bench/ipseq.sh" > "$work/rules"
}

packets()
{
	up
	me start net --kernel "$GUEST" --memory 32M -p 9999:9999/udp \
	    > /dev/null
	in_ns ip tuntap add benchtap mode tap vnet_hdr
	in_ns ip addr add 172.16.0.1/30 dev benchtap
	in_ns ip link set benchtap up
	in_ns ip neigh replace 172.16.0.2 lladdr 06:00:ac:10:00:02 dev benchtap
	plain_limit
	in_ns sh -c 'for f; do [ "$f" != -- ] || break; echo $$ > "$f"; shift
	    done; shift; exec "$@"' sh "$plain" -- \
	    qemu-system-x86_64 -nodefaults -no-user-config -display none \
	    -M microvm,acpi=on,rtc=on,pcie=off,usb=off,graphics=off,ioapic2=on \
	    -accel "$(accel)" -cpu "$(cpu)" -smp 1 -m 32 \
	    -global virtio-mmio.force-legacy=false -serial null \
	    -netdev tap,id=n0,ifname=benchtap,script=no,downscript=no,vhost=off \
	    -device virtio-net-device,netdev=n0,mac=06:00:ac:10:00:02,bus=virtio-mmio-bus.2 \
	    -kernel "$GUEST" > qemu.log 2>&1 &
	sleep 1
	in_bench "$prog/bench-packets" 127.0.0.1 9999 172.16.0.2 9999 \
	    "$BENCH_N" || { cat qemu.log; false; }
	plain_end
	down
}

# The plain guest may use as much of the processor as ours.
plain_limit()
{
	if [ -d "/sys/fs/cgroup/cpu/$INST-vms" ]; then
		plain=/sys/fs/cgroup/cpu/$INST-vms/plain
		mkdir "$plain"
		cat "/sys/fs/cgroup/cpu/$INST-vms/$(vm_cg net)/cpu.cfs_quota_us" \
		    > "$plain/cpu.cfs_quota_us"
	else
		plain=$CG/plain
		mkdir "$plain"
		cat "$CG/$(vm_cg net)/vmm/cpu.max" > "$plain/cpu.max"
	fi
	plain=$plain/cgroup.procs
}

# Who is in that cgroup is the plain guest.
plain_end()
{
	while [ -n "$(cat "$plain")" ]; do
		# shellcheck disable=SC2046 # a list of pids
		kill $(cat "$plain") 2> /dev/null || :
		sleep 0.1
	done
	rmdir "${plain%/*}"
	plain=
}

# as ours is started
accel()
{
	tr '\0' '\n' < "/proc/$(vm_pid "$(vm_cg net)" vmm)/cmdline" |
	    sed -n '/^-accel$/ { n; p; }'
}

cpu()
{
	tr '\0' '\n' < "/proc/$(vm_pid "$(vm_cg net)" vmm)/cmdline" |
	    sed -n '/^-cpu$/ { n; p; }'
}

guests()
{
	up
	free=$(awk '/^MemAvailable/ { print $2 }' /proc/meminfo)
	i=0
	while [ $i -lt "$BENCH_GUESTS" ]; do
		me start "g$i" --kernel "$GUEST" --memory 16M \
		    -p $((20000 + i)):80 > /dev/null
		i=$((i + 1))
	done
	n=0 i=0
	while [ $i -lt "$BENCH_GUESTS" ]; do
		! page $((20000 + i)) || n=$((n + 1))
		i=$((i + 1))
	done
	echo $n > "$BENCH_DIR/guests"
	echo "$BENCH_GUESTS" > "$BENCH_DIR/guests.asked"
	now=$(awk '/^MemAvailable/ { print $2 }' /proc/meminfo)
	echo $(((free - now) / BENCH_GUESTS)) > "$BENCH_DIR/guests.kib"
	down
}

all()
{
	! wanted net || (cd "$work" && "$prog/bench-net" \
	    "$POSTERN_LIBEXEC/privd-net" "$BENCH_N" "$elements" \
	    "$work/rules")
	! wanted front || (mkdir "$work/front" && cd "$work/front" &&
	    "$prog/bench-roundtrip" "$POSTERN_LIBEXEC/privd-front" \
	    $((BENCH_N * 100)))
	if wanted start; then
		up sleep
		in_bench "$prog/bench-start" "$BENCH_N" "$flight"
		down
	fi
	if wanted sustain; then
		up sleep
		in_bench "$prog/bench-sustain" "$BENCH_SUSTAIN" 4
		down
	fi
	if wanted stop; then
		up sleep
		in_bench "$prog/bench-fleet" stop "$BENCH_STOP" $((1 + BENCH_N / 50))
		down
	fi
	if wanted fill; then
		up sleep
		echo "$BENCH_VMS" > "$BENCH_DIR/scale.vms"
		in_bench "$prog/bench-fleet" fill "$BENCH_VMS" "$each"
		down
	fi
	! wanted packets || packets
	! wanted guests || guests
	! wanted tcb || "$src/tests/tcb" "$b" |
	    awk '/^all three roles/ { print $NF }' > "$BENCH_DIR/tcb"
}

made_netns='' plain=''
work=$(mktemp -d /var/tmp/postern-bench.XXXXXX)
chmod 755 "$work"
BENCH_DIR=$work/series
mkdir "$BENCH_DIR"
export BENCH_DIR
# a host filled with records only, and where the daemon is weighed
elements=5000 each=1000 flight=20
[ "$BENCH_N" -ge 10 ] || elements=50 each=$BENCH_VMS flight=3
cleanup()
{
	[ -z "$plain" ] || plain_end
	[ ! -d "$work/i" ] || { cd "$work/i" && instance_down; } || :
	[ -z "$made_netns" ] || rmdir /run/netns 2> /dev/null || :
	rm -rf "$work"
}
trap cleanup EXIT
install_tree
take_rules
all
"$prog/bench-report" "$BENCH_DIR" "$json"
