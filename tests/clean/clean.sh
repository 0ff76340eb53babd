# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2154 # src and out are tests/run's
#
# Sourced by tests/run: the group "clean". Boots Debian's own kernel in QEMU
# as a host that has cgroup v2 alone and nothing of ours, once with systemd
# and once without, each twice, and adds the results to the sums. Programs
# start fifty times slower there than outside: so what runs there is what
# needs such a host. Ends are far away, and only for what hangs.

# What runs there, besides tests/clean itself.
clean_integration='jail_test jail_evil_test net_test net_readback_test'
CLEAN_SECONDS=2400

clean_skip()
{
	skipped=$((skipped + 1))
	printf 'clean -> skipped: %s\n' "$1"
}

# clean_boot HOST NAME: with the job on standard input. Writes only below
# out/clean/NAME, its log and the disk of HOST: two hosts run at a time.
clean_boot()
{
	boot=$out/clean/$2
	rm -rf "$boot"
	mkdir -p "$boot/results"
	{
		printf 'src=%s\nout=%s\n' "$src" "$out"
		# shellcheck disable=SC2016 # for the job
		printf 'kernel=$out/clean/kernel\n. $src/tests/clean/inside.sh\n'
		printf 'clean_modules\nclean_disk\nclean_install\n'
		cat
	} >"$boot/job"
	sh "$src/tests/clean/boot.sh" "$out/clean" "$boot/job" \
	    "$boot/results.tar" "$out/clean/$1.disk" $CLEAN_SECONDS \
	    >"$out/log/clean-$2" 2>&1
}

# clean_script NAME: standard input is what systemd is to run in boot NAME
clean_script()
{
	{
		printf 'src=%s\nout=%s\n' "$src" "$out"
		# shellcheck disable=SC2016 # for the script
		printf '. $src/tests/clean/inside.sh\nclean_systemd_up\n'
		cat
	} >"$out/clean/$1.script"
}

# clean_count NAME: print what it said and add its results to the sums
clean_count()
{
	boot=$out/clean/$1
	tr -d '\r' <"$out/log/clean-$1" |
	    grep -a -e '  ->  ' -e '^clean host'
	if ! tar -C "$boot/results" -xf "$boot/results.tar" 2>/dev/null ||
	    [ ! -f "$boot/results/end" ]; then
		failed=$((failed + 1))
		{
			printf -- '--- clean host %s: no results\n' "$1"
			tail -n 60 "$out/log/clean-$1"
		} >>"$out/failures"
		return
	fi
	for db in "$boot"/results/*.db; do
		[ ! -f "$db" ] || kyua_sum "$db"
	done
}

# What witness.sh saw at the end of the host with systemd
clean_ordered()
{
	cat "$out/clean/systemd/results/shutdown"
	cat >"$out/clean/shutdown" <<-EOT
	guests: success
	daemon: inactive
	last-deaf asked: no
	last-one asked: yes
	last-two asked: yes
	EOT
	diff "$out/clean/shutdown" "$out/clean/systemd/results/shutdown"
}

clean_plain()
{
	rm -f "$out/clean/plain.disk"
	clean_boot plain plain <<-EOT
	clean_mounts
	clean_sysctls
	clean_group clean v2_test
	clean_group integration $clean_integration
	clean_service
	clean_group clean plain_test
	clean_reset
	EOT
	clean_boot plain reset <<-EOT
	clean_mounts
	clean_sysctls
	clean_service
	clean_group clean reboot_test
	clean_end
	EOT
}

clean_with_systemd()
{
	rm -f "$out/clean/systemd.disk"
	clean_script systemd <<-EOT
	clean_group clean systemd_test
	clean_shutdown
	EOT
	clean_script again <<-EOT
	clean_group clean again_test quick_test
	clean_end
	EOT
	clean_boot systemd systemd <<-EOT
	clean_systemd $out/clean/systemd.script
	EOT
	clean_boot systemd again <<-EOT
	clean_systemd $out/clean/again.script postern.service \
	    postern-guests.service
	EOT
}

# A second build, of another version, where quickstart would make it: an
# upgrade's programs, and nothing to compile for quickstart there.
clean_next()
{
	next=$out/next
	mkdir -p "$next/src" "$next/build" &&
	    tar -C "$src" --exclude=./.git --exclude=./b \
		--exclude=./build --exclude=./build-tests \
		--exclude=./autom4te.cache -cf - . |
	    tar -C "$next/src" -xf - && cd "$next/build" || return 1
	if newer "$next/src/configure" config.status; then
		../src/configure -q --prefix=/usr/local --sysconfdir=/etc \
		    --localstatedir=/var || return 1
	fi
	grep -q 'VERSION.*-next"' config.h ||
	    sed -i 's/\(_VERSION ".*\)"/\1-next"/' config.h || return 1
	make -s -j2 && rm -rf "$next/root" &&
	    make -s install DESTDIR="$next/root" &&
	    "$src/contrib/mkguest" "$POSTERN_LINUX_GUEST" &&
	    mkdir -p "$next/guest" &&
	    cp -a "$POSTERN_LINUX_GUEST/." "$next/guest/"
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
	if [ ! -x /lib/systemd/systemd ]; then
		clean_skip 'no systemd'
		return
	fi
	say 'clean: Debian'\''s kernel, cgroup v2 alone; the same with systemd'
	assemble "$out/main" clean
	assemble "$out/main" integration
	check 'clean host made' sh "$src/tests/clean/mkhost.sh" \
	    "$out/clean" && check 'clean second build' clean_next || return
	# each has one CPU
	clean_with_systemd &
	second=$!
	clean_plain
	wait "$second"
	for name in plain reset systemd again; do
		clean_count $name
	done
	check 'clean: systemd stops guests, daemon, VMs in order' clean_ordered
}
