# SPDX-License-Identifier: ISC
# Runs in the clean host with systemd (tests/run clean): quickstart from a
# machine without Postern to a page of a Linux guest, by units, and down to
# nothing again. The packages are there, and so is what compiling would make,
# which takes too long in an emulated host. Linux guests run by its KVM.
# shellcheck shell=sh disable=SC2154 # host.sh's variables
# shellcheck disable=SC2015 # atf_fail ends a test

atf_test_case units
units_head()
{
	operator_case "quickstart with systemd: up, a restart, down, nothing"
}
units_body()
{
	here systemd
	src=$(atf_config_get top_srcdir)
	next=$(dirname "$(atf_config_get top_builddir)")/next
	none
	traces > traces.before
	modprobe kvm-amd && [ -e /dev/kvm ] || atf_fail "no /dev/kvm"
	ln -s "$next" /var/lib/postern-quickstart
	"$src/quickstart" > up.txt 2>&1 || {
		cat up.txt >&2
		postern logs hello >&2
		postern logs --hypervisor hello >&2
		tail -n 30 "$LOG" /var/lib/postern-quickstart/log >&2
		atf_fail "quickstart"
	}
	cat up.txt
	for unit in postern postern-guests; do
		systemctl is-active $unit.service || atf_fail "$unit"
		systemctl is-enabled $unit.service || atf_fail "$unit"
	done
	processes > processes.before
	ok systemctl restart postern.service
	wait_until "the daemon" postern list
	processes > processes.now
	diff processes.before processes.now || atf_fail "the restart"
	curl -sS -m 300 http://localhost:8080/ | grep -q . || atf_fail "page"
	"$src/quickstart" down > down.txt 2>&1 || {
		cat down.txt >&2
		atf_fail "quickstart down"
	}
	traces > traces.now
	diff traces.before traces.now || atf_fail "left behind"
}

# This host had our programs and users: take them away, as if it never had.
none()
{
	systemctl stop postern-guests.service postern.service
	(cd "$(dirname "$(atf_config_get top_builddir)")/root" &&
	    find . -type f) | while read -r f; do
		rm -f "${f#.}"
	done
	rmdir /usr/local/libexec/postern/service /usr/local/libexec/postern
	for u in _privd _privd-net _privd-jail _ctld _ctld-client _ctld-conf \
	    _ctld-fetch; do
		userdel $u
	done
	groupdel postern
	groupdel postern-admin
	umount /var/lib/postern
	rm -rf /etc/postern /var/lib/postern
	systemctl daemon-reload
	systemctl stop postern-vms.service
}

# Whatever of ours could be here
traces()
{
	getent passwd | grep -E '_privd|_ctld|postern'
	getent group | grep -E '_privd|_ctld|postern'
	find /etc /usr/local /var/lib /run -name '*postern*' 2> /dev/null |
	    grep -v -e postern-clean -e /run/postern.log | sort
	find /sys/fs/cgroup -name '*postern*' | sort
	systemctl list-unit-files 'postern*' --no-legend
	nft list tables
	ip -o link | cut -d: -f2
	cat /proc/sys/net/ipv4/ip_forward
}

atf_init_test_cases()
{
	# shellcheck source=tests/clean/host.sh
	. "$(atf_config_get top_srcdir)/tests/clean/host.sh"
	atf_add_test_case units
}
