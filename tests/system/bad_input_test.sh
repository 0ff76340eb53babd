# SPDX-License-Identifier: ISC
# Bad input: each is refused with the field and the remedy, exit 1 (or 2 where
# the command line itself is wrong), and nothing was made. Runs as root to
# make the instance; every call is a tenant's.
# shellcheck shell=sh disable=SC2015,SC2119 # atf_fail ends a test

# no PATTERN ARGS...: start x ARGS is refused with exit 1, nothing made
no()
{
	_p=$1
	shift
	refused 1 "$_p" me start x "$@"
	nothing_made made.before
}

k()
{
	no "$1" --kernel "$2"
}

r()
{
	no "$1" --kernel "$GUEST" --rootfs "$2"
}

atf_test_case images cleanup
images_head()
{
	instance_case images "files that are no images"
}
images_body()
{
	instance_up
	made > made.before
	d=$I/img
	mkfifo "$d/fifo"
	mknod "$d/zero" c 1 5
	mknod "$d/loop" b 7 0
	chmod 666 "$d/fifo" "$d/zero" "$d/loop"
	image empty 0
	image unreadable 1M
	chmod 0 "$d/unreadable"
	image foreign 1M "$TENANT2"
	chmod 666 "$d/foreign"
	image roots 1M 0
	chmod 666 "$d/roots"
	image qcow 1M
	printf 'QFI\373\0\0\0\3' | dd of="$d/qcow" conv=notrunc 2> /dev/null
	image readonly 1M
	chmod 444 "$d/readonly"
	printf 'this is no kernel, but it is long enough' > "$d/text"
	ln -s "$d/nowhere" "$d/dangling"
	for side in k:--kernel r:--rootfs; do
		f=${side%%:*} o=${side#*:}
		$f "$o: .*/none: No such file" "$d/none"
		$f "$o: .*No such file" "$d/dangling"
		$f "$o: .*Permission denied" "$d/unreadable"
		$f "$o: .*empty" "$d/empty"
		$f "$o: .*a directory; give an image" "$d"
		$f "$o: .*a FIFO; give a regular" "$d/fifo"
		$f "$o: .*a device; give a regular" "$d/zero"
		$f "$o: .*a device; give a regular" "$d/loop"
	done
	r "--rootfs: .*belongs to uid $TENANT2" "$d/foreign"
	k "--kernel: .*belongs to uid $TENANT2" "$d/foreign"
	r '--rootfs: .*belongs to uid 0' "$d/roots"
	r '--rootfs: .*qcow2.*qemu-img convert -O raw' "$d/qcow"
	r '--rootfs: .*may not write.*--rootfs-ro' "$d/readonly"
	k '--kernel' "$d/text"
	no '--kernel' --memory 32M # none at all
	no '--initrd: .*No such file' --kernel "$GUEST" --initrd "$d/none"
	no 'volumes?.*No such file' --kernel "$GUEST" --volume "$d/none:/data"
	# what passes when asked for rightly
	good me start x --kernel "$GUEST" --memory 32M --rootfs "$d/readonly" \
	    --rootfs-ro
	good me rm -f x
	# one writer of an image
	image shared 1M
	good me start x --kernel "$GUEST" --memory 32M --rootfs "$d/shared"
	made > made.one
	refused 1 '--rootfs|image' me start y --kernel "$GUEST" \
	    --memory 32M --rootfs "$d/shared"
	nothing_made made.one
	good me rm -f x
	nothing_made made.before
}
images_cleanup()
{
	instance_down
}

atf_test_case descriptors cleanup
descriptors_head()
{
	instance_case descriptors "descriptors that the command never sends"
}
descriptors_body()
{
	instance_up
	made > made.before
	image disk 1M
	for what in opath deleted writeonly directory foreign socket memfd \
	    other; do
		raw $what "$I/img/disk" "$GUEST" ||
		    atf_fail "$what: see standard error"
		nothing_made made.before
	done
}
descriptors_cleanup()
{
	instance_down
}

# raw WORD...: one of raw.py's tricks, as the tenant
raw()
{
	in_ns setpriv --reuid "$TENANT" --regid "$TENANT" \
	    --groups "$GROUP" "$PY" \
	    "$(atf_config_get top_srcdir)/tests/system/raw.py" "$SOCK" "$@"
}

atf_test_case values cleanup
values_head()
{
	instance_case values "numbers, sizes, names and lists"
}
values_body()
{
	instance_up
	made > made.before
	set -- --kernel "$GUEST"
	no '--cpus: .*1 to' "$@" --cpus 0
	no '--cpus: ' "$@" --cpus -1
	no '--cpus: ' "$@" --cpus 1000
	no '--memory: .*16' "$@" --memory 1M
	no '--memory: ' "$@" --memory 0
	no '--memory: ' "$@" --memory -1
	no '--memory: ' "$@" --memory 99999999999999999999
	no '--memory: ' "$@" --memory lots
	no '--backend: ' "$@" --backend magic
	no '--net: ' "$@" --net magic
	no '--ready' "$@" --ready console:
	no '--allow.*no bit set after' "$@" --allow tcp:93.184.215.1/24
	no '--allow' "$@" --allow sctp:93.184.215.0/24
	no '--allow' "$@" --allow tcp:93.184.215.0/33
	no '--allow' "$@" --allow icmp:93.184.215.0/24:80
	no '-p.*already' "$@" -p 8080:80 -p 8080:81
	# names
	long=$(printf 'x%.0s' $(seq 300))
	for name in "$long" '../x' '.' '..' "$(printf 'a\nb')" 'A' \
	    'a b' 'grün' '' '_x' 'x.y' "$(printf '\033[31m')"; do
		refused 1 'NAME: .*a-z' me start "$name" "$@"
		nothing_made made.before
	done
	refused 1 'NAME: there is no user a' me start a/../b "$@"
	refused 1 'NAME' me start "$(printf 'bad\377utf')" "$@"
	refused 2 'unknown option' me start -x "$@"
	refused 1 'NAME: .*a-z' me start "$@" -- -x
	# ports that are none
	for p in 0:80 65536:80 8080:0 8080:65536 8080 :80 8080: a:b \
	    99999999999:80 -1:80 8080:80/sctp 127.0.0.1:8080; do
		refused 2 '-p.*HOST:GUEST' me start x "$@" -p "$p"
	done
	nothing_made made.before
}
values_cleanup()
{
	instance_down
}

atf_test_case ports cleanup
ports_head()
{
	instance_case ports "ports that are somebody's, or nobody may have"
}
ports_body()
{
	instance_up
	made > made.before
	set -- --kernel "$GUEST" --memory 32M
	in_ns "$PY" -c 'import os, socket, time
s = socket.socket(); s.bind(("127.0.0.1", 8080)); s.listen()
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.bind(("0.0.0.0", 8081))
with open("listening", "w") as f: print(os.getpid(), file=f)
time.sleep(60)' &
	wait_for 150 "the listener" test -s listening
	no '-p.*8080.*in use' "$@" -p 8080:80
	no '-p.*8081.*in use' "$@" -p 8081:80/udp
	kill "$(cat listening)"
	sleep 0.2
	good me start x "$@" -p 8080:80
	made > made.one
	refused 1 '-p.*8080.*in use' me start y "$@" -p 8080:80
	refused 1 '-p.*8080.*in use' as "$TENANT2" start y "$@" -p 8080:80
	nothing_made made.one
	# a server of the host's own is kept from it, too
	in_ns "$PY" -c 'import socket
s = socket.socket()
try:
	s.bind(("127.0.0.1", 8080))
	raise SystemExit("the port of a VM can be taken")
except OSError:
	pass' || atf_fail "the host takes a published port"
	good me rm -f x
	for p in 80:80 40000:80 0.0.0.0:8080:80 192.0.2.1:8080:80; do
		refused 4 'port [0-9]*/tcp: you may publish ports 1024-32767' \
		    me start x "$@" -p $p
		nothing_made made.before
	done
	good me start x "$@" -p 8080:80
	good me rm -f x
	nothing_made made.before
}
ports_cleanup()
{
	[ ! -s listening ] || kill "$(cat listening)" 2> /dev/null
	instance_down
}

atf_test_case taken cleanup
taken_head()
{
	instance_case taken "a name that is taken; what cannot be done now"
}
taken_body()
{
	instance_up
	good start_guest web
	made > made.web
	refused 1 'web: .*taken.*postern rm' start_guest web
	me start web --json --kernel "$GUEST" > out.txt
	grep -q 'io.postern.Vm.AlreadyExists' out.txt || atf_fail "$(cat out.txt)"
	refused 6 'Running' me rm web
	for verb in stop kill rm status info network logs; do
		refused 3 'no VM of that name' me $verb absent
		refused 1 'NAME|name' me $verb '../web'
	done
	nothing_made made.web
	good me stop web
	refused 6 'Stopped' me stop web
	refused 6 'Stopped' me kill web
	good me rm web
	refused 3 'no VM' me rm web
}
taken_cleanup()
{
	instance_down
}

atf_init_test_cases()
{
	# shellcheck source=tests/lib/instance.sh
	. "$(atf_config_get top_srcdir)/tests/lib/instance.sh"
	for c in images descriptors values ports taken; do
		atf_add_test_case $c
	done
}
