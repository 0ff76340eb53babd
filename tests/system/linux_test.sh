# SPDX-License-Identifier: ISC
# A real Linux in a VM: Debian's cloud kernel and busybox, made by
# contrib/mkguest from packages. It boots, serves, reaches what it may and no
# more, powers off when asked, panics, resets. Runs as root. The guest is
# kept in POSTERN_LINUX_GUEST; where the packages cannot be had, each case is
# skipped by name.
# shellcheck shell=sh disable=SC2015,SC2119 # atf_fail ends a test

HOST=93.184.215.1
ALLOWED=93.184.215.10
OTHER=93.184.215.11
# given boot arguments stand for the default ones
ARGS='console=ttyS0 reboot=t panic=-1 quiet'

# linux_up [TEXT]: an instance with the guest's files, the disk the tenant's
linux_up()
{
	: "${POSTERN_LINUX_GUEST:?}"
	instance_new
	(
		mkdir -p "$POSTERN_LINUX_GUEST" &&
		    flock -w 200 9 || exit 1
		"$POSTERN_LIBEXEC/mkguest" "$POSTERN_LINUX_GUEST" 2> mk.err
		# whatever it says: is there one, of any age?
		[ -s "$POSTERN_LINUX_GUEST/stamp" ]
	) 9> "$POSTERN_LINUX_GUEST.lock" ||
	    atf_skip "no Linux guest: $(head -1 mk.err)"
	instance_conf "${1-}"
	cp "$POSTERN_LINUX_GUEST/vmlinux" "$POSTERN_LINUX_GUEST/initrd.cpio" \
	    "$I/img"
	disk disk
	daemon_up
}

# disk NAME: a root file system of the tenant's own
disk()
{
	cp "$POSTERN_LINUX_GUEST/rootfs.ext4" "$I/img/$1"
	chown "$TENANT" "$I/img/$1"
	chmod 600 "$I/img/$1"
}

# linux NAME DISK [ARGS...]: start it, until it says that it is up
linux()
{
	_name=$1 _disk=$2
	shift 2
	me start "$_name" --kernel "$I/img/vmlinux" \
	    --initrd "$I/img/initrd.cpio" --rootfs "$I/img/$_disk" \
	    --memory 128M --ready console:GUEST-READY --timeout 120 "$@"
}

linux_page()
{
	in_ns curl -sS -m 5 "http://127.0.0.1:$1/" > page.txt &&
	    grep -q 'Linux guest of Postern' page.txt
}

said()
{
	me logs "$1" | tr -d '\r' | grep -q "^$2"
}

over()
{
	! me status "$1" | grep -qx Running
}

# lost NAME WHAT: the test fails; its console tells more
lost()
{
	me logs -n 20 "$1" >&2
	atf_fail "$2"
}

atf_test_case boots cleanup
boots_head()
{
	instance_case boots "boots, serves, powers off when asked, again" 400
}
boots_body()
{
	linux_up
	made > made.before
	good linux web disk -p 8080:80
	good me status web
	grep -qx Running out.txt || atf_fail "status: $(cat out.txt)"
	wait_for 50 "the page" linux_page 8080
	grep -q '^Linux .*cloud-amd64' page.txt || atf_fail "$(cat page.txt)"
	good me stop --grace 60 web
	good me status web
	grep -qx Stopped out.txt || atf_fail "status: $(cat out.txt)"
	# its own doing: nobody pulled the plug
	said web GUEST-POWEROFF || lost web "it did not power off by itself"
	refused 1 taken linux web disk
	good me rm web
	nothing_made made.before
	# the disk is as a running system leaves it
	good linux web disk -p 8080:80
	wait_for 50 "the page" linux_page 8080
	good me kill web
	said web GUEST-POWEROFF && atf_fail "asked, though killed"
	good me rm web
	nothing_made made.before
}
boots_cleanup()
{
	instance_down
}

# world: the instance's host gets a cable into a world of its own
world()
{
	setsid unshare -n sleep 100000 > /dev/null 2>&1 &
	echo $! > "$I/world.pid"
	# shellcheck disable=SC2016 # its own arguments
	wait_for 50 "the world" sh -c '[ "$(readlink /proc/$1/ns/net)" != \
	    "$(readlink /proc/self/ns/net)" ]' sh "$(cat "$I/world.pid")"
	in_ns ip link add up0 type veth peer name down0 \
	    netns "$(cat "$I/world.pid")"
	in_ns ip addr add $HOST/24 dev up0
	in_ns ip link set up0 up
	in_ns ip route add default via $ALLOWED
	for a in $ALLOWED/24 $OTHER/24; do
		in_world ip addr add "$a" dev down0
	done
	in_world ip link set lo up
	in_world ip link set down0 up
	serve in_world
	serve in_ns
	wait_for 50 "the world's page" in_ns curl -sS -m 1 "http://$OTHER/"
	wait_for 50 "the host's page" in_world curl -sS -m 1 "http://$HOST/"
}

in_world()
{
	nsenter -t "$(cat "$I/world.pid")" -n "$@"
}

# serve WHERE: a web server on port 80 of every address there
serve()
{
	mkdir -p "$I/www"
	"$1" "$PY" -m http.server -d "$I/www" 80 > /dev/null 2>&1 &
	echo $! >> "$I/servers"
}

atf_test_case egress cleanup
egress_head()
{
	instance_case egress "reaches what is allowed, and nothing else" 400
}
egress_body()
{
	# without a dns, start would say so
	linux_up "[network]
	dns = $OTHER"
	world
	words=
	for a in $ALLOWED $OTHER $HOST 172.16.0.1; do
		words="$words guest.reach=$a:80"
	done
	good linux web disk --allow "tcp:$ALLOWED:80" --boot-args "$ARGS$words"
	wait_for 300 "the last attempt" said web 'GUEST-REACH 172.16.0.1:80'
	said web "GUEST-REACH $ALLOWED:80 yes" ||
	    lost web "what is allowed is not reached"
	for no in $OTHER $HOST 172.16.0.1; do
		said web "GUEST-REACH $no:80 no" || lost web "$no is reached"
	done
	# negative control: another list, and the other one is the allowed one
	disk second
	good linux two second --allow "tcp:$OTHER/32" --boot-args "$ARGS$words"
	wait_for 300 "the last attempt" said two 'GUEST-REACH 172.16.0.1:80'
	said two "GUEST-REACH $OTHER:80 yes" &&
	    said two "GUEST-REACH $ALLOWED:80 no" ||
	    lost two "control: the list makes no difference"
	good me rm -f web two
}
egress_cleanup()
{
	I=$(cat instance.dir 2> /dev/null)
	# shellcheck disable=SC2013 # words
	for p in $(cat "$I/servers" "$I/world.pid" 2> /dev/null); do
		kill "$p" 2> /dev/null
	done
	instance_down
}

# shown NAME TEXT...: the guest has shown that file so
shown()
{
	_name=$1
	shift
	said "$_name" "GUEST-FILE $*" || lost "$_name" "not shown: $*"
}

# tenants_file NAME TEXT
tenants_file()
{
	echo "$2" > "$I/img/$1"
	chown "$TENANT" "$I/img/$1"
	chmod 600 "$I/img/$1"
}

# nowhere FILE: no file of the daemon's, no process's arguments have its text
nowhere()
{
	grep -rlFf "$1" "$I/state" "$I/run" "$I/log" > found.txt 2> /dev/null
	grep -lFf "$1" /proc/[0-9]*/cmdline >> found.txt 2> /dev/null
	[ ! -s found.txt ] || atf_fail "what is in $1 is in $(cat found.txt)"
}

atf_test_case files cleanup
files_head()
{
	instance_case files "config and secret files, and volumes' places" 400
}
files_body()
{
	linux_up
	tenants_file app.toml 'listen = 80'
	tenants_file key 'WHISPERED-1'
	mkdir v && echo kept > v/old
	truncate -s 8M "$I/img/vol" && mke2fs -q -F -t ext4 -d v "$I/img/vol"
	chown "$TENANT" "$I/img/vol"
	chmod 600 "$I/img/vol"
	cd "$I/img" || atf_fail "cd"
	good linux web disk --boot-args "$ARGS guest.files" \
	    --config-file "app.toml=app.toml" --secret-file "api_key=key" \
	    --volume vol:/data:ro
	wait_for 300 "the files" said web 'GUEST-FILES done'
	shown web '/run/mvm-config/app.toml 444 0 12 listen = 80'
	shown web '/run/mvm-secrets/api_key 400 0 12 WHISPERED-1'
	shown web '/run/mvm-config/config.json 444 0 [0-9]* {'
	shown web '/run/mvm-config/fstab 444 0 .* /dev/vdb /data auto ro'
	shown web '/data/old .* kept'
	said web 'GUEST-FILE rw' && lost web "its config can be written"
	# the guest's own console has it; nothing of ours does
	in_ns rm -f "$I"/state/ctld/*.console
	cp key "$I/secret"
	nowhere "$I/secret"
	good me info web --json
	grep -q WHISPERED out.txt && atf_fail "info: $(cat out.txt)"
	# stopped, it is started by its name: the files are opened anew
	good me stop --grace 60 web
	tenants_file key 'WHISPERED-2'
	rm -f "$I"/state/ctld/*.console
	nowhere "$I/secret"
	good me start web --timeout 120
	wait_for 300 "the files" said web 'GUEST-FILES done'
	shown web '/run/mvm-secrets/api_key 400 0 12 WHISPERED-2'
	good me kill web
	# control: nothing said, no drives
	good me rm web
	good linux web disk --boot-args "$ARGS guest.files"
	wait_for 300 "no files" said web 'GUEST-FILES done'
	said web 'GUEST-FILE ' && lost web "files from nowhere"
	good me rm -f web
}
files_cleanup()
{
	instance_down
}

atf_test_case ends cleanup
ends_head()
{
	instance_case ends "panics, resets, powers off by itself" 400
}
ends_body()
{
	linux_up
	made > made.before
	# what it says comes before its end: both can be read afterwards
	good linux pan disk --boot-args "$ARGS guest.panic"
	wait_for 300 "the panic" over pan
	good me status pan
	grep -q 'Failed.*panic' out.txt || atf_fail "panic: $(cat out.txt)"
	said pan '.*Kernel panic - not syncing' ||
	    lost pan "its last words are not kept"
	good me status pan --json
	[ "$(json '["Failed"]["reason"]' < out.txt)" = panic ] ||
	    atf_fail "reason: $(cat out.txt)"
	good me rm pan
	good linux again disk --boot-args "$ARGS guest.reboot"
	wait_for 300 "the reset" over again
	good me info again --json
	[ "$(json '["reason"]' < out.txt)" = 'guest reset itself' ] ||
	    atf_fail "reset: $(cat out.txt)"
	good me rm again
	good linux off disk --boot-args "$ARGS guest.poweroff"
	wait_for 300 "the power off" over off
	good me info off --json
	[ "$(json '["reason"]' < out.txt)" = 'guest powered off' ] ||
	    atf_fail "power off: $(cat out.txt)"
	said off GUEST-POWEROFF || lost off "its last words are not kept"
	good me rm off
	nothing_made made.before
}
ends_cleanup()
{
	instance_down
}

atf_init_test_cases()
{
	# shellcheck source=tests/lib/instance.sh
	. "$(atf_config_get top_srcdir)/tests/lib/instance.sh"
	atf_add_test_case boots
	atf_add_test_case egress
	atf_add_test_case files
	atf_add_test_case ends
}
