# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2154 # src, out, kernel are the job's
#
# Sourced by the job that runs as the first program of the clean host: makes
# it a host (file systems, cgroup v2 alone, modules, Debian's sysctls), puts
# the programs under test into /usr/local, runs groups of tests and sends
# their results out. The job sets src, out (tests/run's) and kernel (where
# mkhost.sh unpacked). Invariant: the host is off at the end of the job.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/root LC_ALL=C

clean_modules()
{
	release=$(uname -r)
	mkdir -p /lib/modules
	rm -rf "/lib/modules/$release"
	ln -s "$kernel/lib/modules/$release" "/lib/modules/$release"
}

clean_mounts()
{
	mount -t tmpfs -o nosuid,nodev,mode=755 run /run
	mount -t tmpfs -o nosuid,nodev shm /dev/shm 2>/dev/null || {
		mkdir -p /dev/shm
		mount -t tmpfs -o nosuid,nodev shm /dev/shm
	}
	mkdir -p /dev/pts
	mount -t devpts -o mode=620,ptmxmode=666 pts /dev/pts
	mount -t cgroup2 -o nsdelegate cgroup2 /sys/fs/cgroup
	# images are made here: only a real file system can be idmapped
	mkdir /run/disk /run/results
	mount -t ext4 -o nosuid,nodev /dev/vda /run/disk
	chmod 1777 /run/disk
	export TMPDIR=/run/disk
}

# what Debian sets at boot
clean_sysctls()
{
	for f in protected_fifos=1 protected_regular=2 protected_hardlinks=1 \
	    protected_symlinks=1; do
		echo "${f#*=}" >"/proc/sys/fs/${f%=*}"
	done
	ip link set lo up
	hostname clean
}

clean_install()
{
	cp -a "$out/root/usr/local/." /usr/local/
	export POSTERN_LIBEXEC=/usr/local/libexec/postern
	export POSTERN_BIN=/usr/local/bin/postern
	export POSTERN_GUEST="$out/main/tests/guest/guest.elf"
}

# clean_group GROUP PROGRAM...
clean_group()
{
	group=$1
	shift
	kyua --config=none -v unprivileged_user=nobody \
	    -v test_suites.postern.top_srcdir="$src" \
	    -v test_suites.postern.top_builddir="$out/main" \
	    --logfile=/run/kyua.log \
	    test -k "$out/main/tests/$group/Kyuafile" \
	    -r "/run/results/$group.db" "$@" 2>&1 | grep -v '^$'
}

# The host outside takes them from the port.
clean_send()
{
	for port in /sys/class/virtio-ports/*; do
		[ "$(cat "$port/name")" = results ] || continue
		tar -C /run/results -cf "/dev/${port##*/}" .
	done
}

clean_end()
{
	clean_send
	echo "clean host: up $(cut -d' ' -f1 /proc/uptime) s"
	sync
	echo o >/proc/sysrq-trigger
	while :; do
		read -r _ </dev/zero
	done
}

# What of Debian's the tests do without; starting it takes half a minute.
clean_masked='console-getty.service systemd-udevd.service
    systemd-udev-trigger.service systemd-udevd-control.socket
    systemd-udevd-kernel.socket systemd-journald.service
    systemd-journald.socket systemd-journald-dev-log.socket
    systemd-journald-audit.socket systemd-journal-flush.service
    systemd-timesyncd.service systemd-random-seed.service
    systemd-update-utmp.service systemd-pstore.service
    systemd-tmpfiles-setup.service systemd-tmpfiles-setup-dev.service
    systemd-sysusers.service systemd-binfmt.service
    systemd-modules-load.service systemd-sysctl.service
    systemd-remount-fs.service kmod-static-nodes.service
    dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount
    sys-kernel-tracing.mount sys-kernel-config.mount
    sys-fs-fuse-connections.mount proc-sys-fs-binfmt_misc.automount
    apparmor.service systemd-logind.service dbus.service dbus.socket
    systemd-tmpfiles-clean.timer'

# clean_systemd SCRIPT: go on as systemd, which runs SCRIPT once it is up.
clean_systemd()
{
	etc=/etc/systemd/system
	rm -rf $etc
	mkdir -p $etc
	for unit in $clean_masked; do
		ln -s /dev/null "$etc/$unit"
	done
	: >/etc/fstab
	: >/etc/machine-id
	printf '[Unit]\nRequires=basic.target\nWants=clean.service\n' \
	    >$etc/clean.target
	ln -s clean.target $etc/default.target
	cat >$etc/clean.service <<-EOT
	[Unit]
	After=basic.target
	[Service]
	Type=oneshot
	TimeoutStartSec=infinity
	StandardOutput=tty
	StandardError=inherit
	TTYPath=/dev/ttyS0
	ExecStart=/bin/sh $1
	EOT
	# started first, so stopped last: it sends what is left after all
	cat >$etc/clean-witness.service <<-EOT
	[Unit]
	Before=postern-vms.service
	[Service]
	Type=oneshot
	RemainAfterExit=yes
	ExecStart=/bin/true
	ExecStop=/bin/sh $src/tests/clean/witness.sh
	EOT
	mkdir $etc/postern.service.d
	printf '[Service]\nStandardError=append:/run/postern.log\n' \
	    >$etc/postern.service.d/log.conf
	exec /lib/systemd/systemd --log-target=console --log-level=warning
}

# What the masked units would have done.
clean_systemd_up()
{
	: >/run/postern-clean
	mkdir -p /run/disk /run/results
	mount -t ext4 -o nosuid,nodev /dev/vda /run/disk
	chmod 1777 /run/disk
	export TMPDIR=/run/disk
	systemd-sysusers /usr/local/lib/sysusers.d/postern.conf
	systemd-tmpfiles --create /usr/local/lib/tmpfiles.d/postern.conf
	export POSTERN_GUEST="$out/main/tests/guest/guest.elf"
	echo "clean host: systemd is up at $(cut -d' ' -f1 /proc/uptime) s"
}

# With guests running, one of them deaf, the host is told to power off.
clean_shutdown()
{
	systemctl start clean-witness.service postern-guests.service
	for name in one two deaf; do
		postern start last-$name --kernel /var/lib/guest.elf \
		    --memory 32M --boot-args $name
	done
	sleep 5 # the deaf one is deaf by then
	cut -d' ' -f1 /proc/uptime >/run/results/shutdown.began
	systemctl --no-block poweroff
}
