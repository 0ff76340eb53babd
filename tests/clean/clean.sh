# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2154 # src and out are tests/run's
#
# Sourced by tests/run: the group "clean". Boots Debian's own kernel in QEMU
# as a host that has cgroup v2 alone and nothing of ours, runs tests there
# (programs start fifty times slower than outside: so those that need such a
# host) and adds their results to the sums.

# What runs there, besides tests/clean itself.
clean_integration='jail_test jail_evil_test net_test net_readback_test'

clean_skip()
{
	skipped=$((skipped + 1))
	printf 'clean -> skipped: %s\n' "$1"
}

# clean_boot NAME SECONDS: with the job on standard input
clean_boot()
{
	job=$out/clean/$1.job
	{
		printf 'src=%s\nout=%s\n' "$src" "$out"
		# shellcheck disable=SC2016 # for the job
		printf 'kernel=$out/clean/kernel\n. $src/tests/clean/inside.sh\n'
		cat
	} >"$job"
	rm -rf "$out/clean/results"
	mkdir "$out/clean/results"
	sh "$src/tests/clean/boot.sh" "$out/clean" "$job" \
	    "$out/clean/results.tar" "$2" 2>&1 | tee "$out/log/clean-$1" |
	    tr -d '\r' | grep -a -e '->' -e '^clean host'
	tar -C "$out/clean/results" -xf "$out/clean/results.tar" || {
		failed=$((failed + 1))
		{
			printf -- '--- clean host %s: no results\n' "$1"
			tail -n 60 "$out/log/clean-$1"
		} >>"$out/failures"
		return
	}
	for db in "$out"/clean/results/*.db; do
		[ ! -f "$db" ] || kyua_sum "$db"
	done
}

# The order and the deadline of the end, as witness.sh saw them.
clean_ordered()
{
	cat "$out/clean/results/shutdown"
	cat >"$out/clean/shutdown" <<-EOT
	guests: success
	daemon: inactive
	last-deaf asked: no
	last-one asked: yes
	last-two asked: yes
	EOT
	diff "$out/clean/shutdown" "$out/clean/results/shutdown" &&
	    awk 'FNR == 1 { t[++n] = $1 }
	    END { printf "%d s\n", t[2] - t[1]; exit t[2] - t[1] > 90 }' \
		"$out/clean/results/shutdown.began" \
		"$out/clean/results/shutdown.ended"
}

clean_systemd_boot()
{
	if [ ! -x /lib/systemd/systemd ]; then
		clean_skip 'no systemd'
		return
	fi
	say 'clean: the same with systemd'
	{
		printf 'src=%s\nout=%s\n' "$src" "$out"
		cat <<-'EOT'
		. $src/tests/clean/inside.sh
		clean_systemd_up
		clean_group clean systemd_test
		clean_shutdown
		EOT
	} >"$out/clean/systemd.script"
	clean_boot systemd 300 <<-EOT
	clean_modules
	clean_install
	clean_systemd $out/clean/systemd.script
	EOT
	check 'clean: systemd stops guests, daemon, VMs in order' clean_ordered
}

clean()
{
	if [ "$(id -u)" != 0 ]; then
		clean_skip 'virtiofsd shows only root all files'
		return
	fi
	if ! command -v qemu-system-x86_64 >/dev/null; then
		clean_skip 'no qemu-system-x86_64'
		return
	fi
	if [ ! -x /usr/lib/qemu/virtiofsd ] &&
	    [ ! -x /usr/libexec/virtiofsd ]; then
		clean_skip 'no virtiofsd'
		return
	fi
	say 'clean: Debian'\''s kernel, cgroup v2 alone'
	assemble "$out/main" clean
	check 'clean host made' sh "$src/tests/clean/mkhost.sh" \
	    "$out/clean" || return
	clean_boot plain 300 <<-EOT
	clean_modules
	clean_mounts
	clean_sysctls
	clean_install
	clean_group clean v2_test
	clean_group integration $clean_integration
	clean_end
	EOT
	clean_systemd_boot
}
