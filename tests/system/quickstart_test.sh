# SPDX-License-Identifier: ISC
# `quickstart`, `quickstart` again and `quickstart down` on this machine, seen
# from a room that ends with the test (quickstart_room.sh). Runs as root.
# Skipped by name where a Postern has the machine's cgroups already, or
# where the guest's packages cannot be had.
# shellcheck shell=sh

atf_test_case machine cleanup
machine_head()
{
	atf_set "descr" "up, again, down: everything as before"
	atf_set "require.user" "root"
	atf_set "require.progs" "curl ip iptables-save nft runuser ss unshare"
	atf_set "timeout" "1800"
}
machine_body()
{
	: "${POSTERN_LIBEXEC:?}" "${POSTERN_LINUX_GUEST:?}"
	[ -z "$(find /sys/fs/cgroup -maxdepth 2 -name postern-vms)" ] ||
	    atf_skip "a Postern has /sys/fs/cgroup/*/postern-vms"
	mkdir -p "$POSTERN_LINUX_GUEST"
	# no packages can be had from inside
	"$POSTERN_LIBEXEC/mkguest" "$POSTERN_LINUX_GUEST" 2> mk.err ||
	    atf_skip "no Linux guest: $(head -1 mk.err)"
	# from here on, such a cgroup is ours
	mkdir work
	top=$(atf_config_get top_srcdir)
	unshare -mnp --fork --mount-proc sh \
	    "$top/tests/system/quickstart_room.sh" "$top" "$PWD/work" \
	    "$POSTERN_LINUX_GUEST" || atf_fail "see standard output"
}

machine_cleanup()
{
	[ -d work ] || return 0
	# all processes of the room have ended with it
	find /sys/fs/cgroup -depth -type d -path '*/postern-vms*' \
	    -exec rmdir {} \; 2> /dev/null
	return 0
}

atf_init_test_cases()
{
	atf_add_test_case machine
}
