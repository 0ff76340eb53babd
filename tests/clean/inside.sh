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
	: >/run/postern-clean
	mkdir /run/results
}

# What stays over a reboot: images, which only a real file system can map to
# other ids, and the state.
clean_disk()
{
	mkdir -p /var/disk /var/lib/postern
	mount -t ext4 -o nosuid,nodev /dev/vda /var/disk
	chmod 1777 /var/disk
	mkdir -p /var/disk/state
	mount --bind /var/disk/state /var/lib/postern
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
	systemd-sysusers /usr/local/lib/sysusers.d/postern.conf
	clean_environment
}

clean_environment()
{
	export TMPDIR=/var/disk
	export POSTERN_LIBEXEC=/usr/local/libexec/postern
	export POSTERN_BIN=/usr/local/bin/postern
	export POSTERN_GUEST="$out/main/tests/guest/guest.elf"
	export POSTERN_SLOW=10
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
	    -r "/run/results/$group-$1.db" "$@" 2>&1 | grep -v '^$'
}

# The host outside takes them from the port.
clean_send()
{
	: >/run/results/end
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

# What runsv(8) does with a service directory, until /run/service.down is there
clean_service()
{
	# shellcheck disable=SC2016 # its own argument
	setsid sh -c 'while [ ! -e /run/service.down ]; do
			"$0/run"
			"$0/finish"
			sleep 1
		done
		rm /run/service.down' /usr/local/libexec/postern/service \
	    >>/run/postern.log 2>&1 </dev/null &
	# started by hand, it has no one to wait for
	until postern list >/dev/null 2>&1; do
		sleep 0.5
	done
}

# Everything at once, and in the middle of it the host is reset: two VMs run,
# one is over, one is half started.
clean_reset()
{
	guest=/var/disk/guest.elf
	cp "$POSTERN_GUEST" $guest
	clean_service
	for i in 1 2; do
		postern start vm$i --kernel $guest --memory 32M \
		    -p 800$i:80
	done
	postern start over --kernel $guest --memory 32M --boot-args poweroff
	postern wait over
	sync
	postern create half --kernel $guest --memory 32M
	pkill -STOP -f '^privd: jail'
	postern start half &
	until postern list -a | grep '^half .*Starting'; do
		sleep 0.5
	done
	clean_send
	echo b >/proc/sysrq-trigger
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

# clean_systemd SCRIPT [UNIT...]: go on as systemd, which starts the UNITs and
# runs SCRIPT once it is up.
clean_systemd()
{
	script=$1
	shift
	etc=/etc/systemd/system
	rm -rf $etc
	mkdir -p $etc
	for unit in $clean_masked; do
		ln -s /dev/null "$etc/$unit"
	done
	: >/etc/fstab
	: >/etc/machine-id
	printf '[Unit]\nRequires=basic.target\nWants=clean.service %s\n' \
	    "$*" >$etc/clean.target
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
	ExecStart=/bin/sh $script
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
	mkdir $etc/postern.service.d $etc/postern-guests.service.d
	printf '[Service]\nStandardError=append:/run/postern.log\n' \
	    >$etc/postern.service.d/log.conf
	# 90 seconds are not much for twenty guests of an emulated host
	printf '[Service]\nTimeoutStopSec=900\n' \
	    >$etc/postern-guests.service.d/slow.conf
	exec /lib/systemd/systemd --log-target=console --log-level=warning
}

# What the masked units would have done.
clean_systemd_up()
{
	: >/run/postern-clean
	mkdir -p /run/results
	systemd-tmpfiles --create /usr/local/lib/tmpfiles.d/postern.conf
	clean_environment
	echo "clean host: systemd is up at $(cut -d' ' -f1 /proc/uptime) s"
}

# With guests running, one of them deaf, the host is told to reboot.
clean_shutdown()
{
	systemctl start clean-witness.service postern-guests.service
	cp "$POSTERN_GUEST" /var/disk/guest.elf
	port=8000
	for name in one two deaf; do
		port=$((port + 1))
		grace=300
		[ $name != deaf ] || grace=1
		postern start last-$name --kernel /var/disk/guest.elf \
		    --memory 32M --boot-args "$name say,$name-now" \
		    --grace $grace -p "$port:80" \
		    --ready console:$name-now --timeout 300
	done
	systemctl --no-block reboot
}
