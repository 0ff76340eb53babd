# SPDX-License-Identifier: ISC
# shellcheck shell=sh
#
# Runs inside the clean host when systemd has stopped Postern's three units on
# its way to power-off: writes down what it finds, and sends the results out.
# Reads only what the units left.
. "$(dirname "$0")/inside.sh"
{
	echo "guests: $(systemctl show -p Result --value postern-guests)"
	echo "daemon: $(systemctl show -p ActiveState --value postern)"
	find /sys/fs/cgroup -type d -name 'v[0-9]*-*' | sed 's/^/left: /'
	for comm in vmsup qemu-system-x86; do
		pgrep -x $comm | sed "s/^/runs: $comm /"
	done
	for f in /var/lib/postern/ctld/*.json; do
		grep -q '"last-' "$f" || continue
		asked=no
		grep -q 'power button' "${f%.json}.console" && asked=yes
		sed -n 's/.*"name": *"\([^"]*\)".*/\1/p' "$f" |
		    sed "s/\$/ asked: $asked/"
	done | sort
} >/run/results/shutdown 2>&1
cp /run/postern.log /run/results/
clean_send
