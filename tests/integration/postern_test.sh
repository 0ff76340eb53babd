# SPDX-License-Identifier: ISC
# shellcheck shell=sh
#
# The postern command against a real listener and a stand-in for ctld that
# answers by the VM's name (tests/lib/fakectld.h): exit status, shapes, one-line
# errors. Needs no root.

setup()
{
	bin=$(atf_config_get top_builddir)
	fake=$bin/tests/lib/fakectld
	postern=$bin/postern
	export POSTERN_SOCKET="$PWD/sock"
}

# on STATUS ATF_CHECK-OPTIONS -- ARGUMENT...: run the command served.
on()
{
	status=$1
	: "$fake" "$postern" # used by eval
	shift
	opts=
	while [ "$1" != -- ]; do
		opts="$opts '$1'"
		shift
	done
	shift
	eval "atf_check -s exit:$status $opts" \
	    '"$fake" "$POSTERN_SOCKET" "$postern" "$@"'
}

atf_test_case exit_status
exit_status_head()
{
	atf_set descr "each typed error has its exit status and one line"
}
exit_status_body()
{
	setup
	on 0 -- kill web
	on 3 -e "match:^postern kill: absent: no VM of that name" -- kill absent
	on 4 -e "match:^postern kill: denied: canned" -- kill denied
	on 5 -e "match:vms: your ceiling of 20" -- kill quota
	on 6 -e "match:not in this state: canned" -- kill halted
	on 124 -e "match:canned" -- kill late
	on 1 -e "match:step cgroup: ENOSPC" -- kill hostfail
	on 1 -e "match:cannot do this" -- kill nosuch
	on 1 -e "match:NAME: owner is no uid" -- kill ../x
	on 1 -e "match:NAME: say 1 to 63 of a-z" -- kill "$(printf 'a\nb')"
	on 6 -e "match:halted" -- stop web halted other
	on 0 -- rm -f web
	on 0 -- stop --grace 0.5 web other
	on 0 -o "match:^1 stopped" -- stop --all
	on 2 -e "match:not both" -- stop --all web
	on 2 -e "match:which VM" -- stop
	on 2 -e "match:unknown option --fast" -- stop --fast
	on 2 -e "match:unknown command fly" -- fly
	on 2 -e "match:seconds" -- stop --grace soon web
}

atf_test_case no_daemon
no_daemon_body()
{
	setup
	for c in list "status web" "stop --all" "logs web"; do
		# shellcheck disable=SC2086 # a command and its argument
		atf_check -s exit:7 -e match:"not running.*start it with" \
		    "$postern" $c
	done
	atf_check -s exit:7 -o match:'"error":"io.postern.NotReached"' \
	    "$postern" --json list
	atf_check -s exit:0 -o match:"^postern [0-9]" "$postern" version
}

atf_test_case errors_as_json
errors_as_json_body()
{
	setup
	on 3 -o 'inline:{"error":"io.postern.Vm.NotFound","parameters":{"name":"absent"}}\n' \
	    -- --json kill absent
	on 5 -o 'inline:{"error":"io.postern.Vm.QuotaExceeded","parameters":{"resource":"vms","limit":20,"used":20,"reason":"your ceiling of 20 is reached: 20 in use; stop a VM, or ask the operator for more"}}\n' \
	    -- kill --json quota
	on 1 -o 'match:"error":"io.postern.Vm.InvalidArgument"' \
	    -o 'match:"field":"kernel"' \
	    -- start web --json --kernel /nonexistent
}

atf_test_case shapes
shapes_body()
{
	setup
	on 0 -o 'inline:"Running"\n' -- status --json web
	on 0 -o 'inline:Running\n' -- status web
	on 0 -o 'match:^\{"Failed":\{"reason":"panic ' -- status --json failed
	on 0 -o 'match:^Failed: panic \^\[\[31mred$' -- status failed
	on 0 -o 'match:^\{"id":"vm-0123456789abcdef","name":"web","status":"Running","guest_ip":"10.200.0.3","cpus":2,"memory_mib":512,"profile":null,"revision":null,"flake_ref":null,"ports":\[\{"host":8080,"guest":80\}\],' \
	    -- info --json web
	on 0 -o 'match:^address +10.200.0.3$' -o 'match:^ports +8080:80$' \
	    -- info web
	on 0 -o 'match:^\{"guest_ip":"172.16.0.2","gateway_ip":"172.16.0.1","subnet_cidr":"172.16.0.0/30",' \
	    -- network --json web
	on 0 -o 'match:^allow +tcp:192.0.2.0/24:80-443$' -- network web
	on 1 -e 'match:without one' -- network nonet
	on 0 -o 'match:^\[\{"id":' -- list --json
	on 0 -o 'match:^NAME +STATE +CPUS' -o 'match:^web +Running +2 +512M' \
	    -o 'not-match:failed' -- list
	on 0 -o 'match:^failed +Failed' -- list -a
}

atf_test_case logs
logs_body()
{
	setup
	on 0 -o 'inline:line 98\nline 99\n' -- logs -n 2 web
	on 0 -o 'match:^line 0$' -o 'match:^line 99$' -- logs web
	on 0 -o 'inline:safe\n^[]0;title^G^[[2Jbell\n' -- logs evil
	on 0 -o 'match:2Jbell' -o 'not-match:\^' -- logs --raw evil
	on 0 -o 'match:^grown 0$' -o 'match:^grown 9$' -- logs -f grow
	on 0 -o 'match:^\{"data":"' -- logs --json -n 1 web
	on 3 -e match:"no VM" -- logs absent
	on 2 -e match:number -- logs -n many web
}

atf_test_case start_files
start_files_head()
{
	atf_set descr "files are opened by the caller, or refused by option"
}
start_files_body()
{
	setup
	echo vmlinux >kernel
	echo filesystem >root
	: >empty
	mkfifo fifo
	mkdir dir
	printf 'QFI\373....' >qcow2
	on 0 -o 'inline:web is running\n' -- start web --kernel kernel
	# the stand-in puts the number of descriptors into "owner"
	on 0 -o 'match:"owner":5,' -- start web --json --kernel kernel \
	    --rootfs root --volume root:/data:ro
	on 0 -o 'match:"owner":2,' -- start web --json --kernel kernel \
	    --rootfs root --rootfs-ro
	on 0 -o 'match:"cpus":3,"memory_mib":2048,' -- start web --json \
	    --kernel kernel --cpus 3 --memory 2G
	on 0 -o 'match:"ports":\[\{"host":8080,"guest":80\},\{"host":53,"guest":53,"proto":"udp","address":"127.0.0.1"\}\]' \
	    -- start web --json --kernel kernel -p 8080:80 \
	    -p 127.0.0.1:53:53/udp
	on 0 -o ignore -e 'match:^note: names will not resolve' \
	    -- start web --kernel kernel --allow tcp:192.0.2.0/24:443
	on 1 -e 'match:--kernel: missing' -- start web --cpus 2
	on 0 -o 'inline:web is running\n' -- start web \
	    --kernel kernel --ready agent
	on 0 -o 'inline:web is defined\n' -- create web --kernel kernel
	on 1 -e 'match:the name is taken' -- create taken --kernel kernel
	on 1 -e 'match:kernel: nothere: No such file' \
	    -- start web --kernel nothere
	on 1 -e 'match:kernel: dir: a directory' -- start web --kernel dir
	on 1 -e 'match:kernel: fifo: a FIFO' -- start web --kernel fifo
	on 1 -e 'match:kernel: /dev/zero: a device' \
	    -- start web --kernel /dev/zero
	on 1 -e 'match:--kernel: the file is empty' \
	    -- start web --kernel empty
	on 1 -e 'match:--rootfs: a qcow2 image.*qemu-img convert' \
	    -- start web --kernel kernel --rootfs qcow2
	on 1 -e 'match:--cpus: 0; say 1 to' \
	    -- start web --kernel kernel --cpus 0
	on 1 -e 'match:--memory: 1 MiB; say' \
	    -- start web --kernel kernel --memory 1
	on 1 -e 'match:NAME: say 1 to 63' -- start ../x --kernel kernel
	on 1 -e 'match:runner' -- start web --kernel kernel --runner-dir /x
	on 2 -e 'match:-p 80: write' -- start web --kernel kernel -p 80
	on 2 -e 'match:--allow tcp: write' -- start web --allow tcp
	on 2 -e 'match:no -p publishes' -- start web --kernel kernel \
	    --ready tcp:80
	on 1 -e 'match:the name is taken' -- start taken --kernel kernel
	if [ "$(id -u)" != 0 ]; then
		chmod 444 root
		on 1 -e 'match:you may not write it.*--rootfs-ro' \
		    -- start web --kernel kernel --rootfs root
	fi
}

atf_test_case contents
contents_head()
{
	atf_set descr "config and secret files: two drives, whatever they hold"
}
contents_body()
{
	setup
	echo vmlinux >kernel
	echo filesystem >root
	# contents go no further than the connection's process: 2 drives
	set --
	for i in 1 2 3 4 5 6; do
		set -- "$@" --config-file "c$i=root" --secret-file "s$i=root"
	done
	on 0 -o 'match:"owner":9,' -- start web --json --kernel kernel \
	    --rootfs root --volume root:/a --volume root:/b "$@"
	on 1 -e 'match:more than 12' -- start web --kernel kernel "$@" \
	    --config-file c7=root
	on 1 -e 'match:config-file: nothere: No such file' \
	    -- start web --kernel kernel --config-file a=nothere
	on 2 -e 'match:--secret-file root: write NAME=FILE' \
	    -- start web --kernel kernel --secret-file root
	on 1 -e 'match:config_files\[0\].name: say 1 to 47' \
	    -- start web --kernel kernel --config-file a/b=root
}

atf_test_case spec_file
spec_file_body()
{
	setup
	echo vmlinux >kernel
	echo '{"kernel_path":"kernel","cpus":2,"memory_mib":"1G"}' >spec.json
	on 0 -o 'match:"cpus":4,"memory_mib":1024' -- start web --json \
	    --cpus 4 --spec spec.json
	echo '{"name":"other","kernel_path":"kernel"}' >spec.json
	on 0 -o 'inline:other is running\n' -- start --spec spec.json
	echo '{"kernel_path":' >spec.json
	on 1 -e 'match:spec.json: line' -- start web --spec spec.json
	echo '{"kernel_path":"kernel","speed":1}' >spec.json
	on 1 -e 'match:speed: unknown member' -- start web --spec spec.json
}

atf_test_case by_name
by_name_head()
{
	atf_set descr "a defined VM's files are opened again by its owner only"
}
by_name_body()
{
	setup
	echo vmlinux >kernel
	# the stand-in's VM "web" is defined with the kernel of this directory
	on 0 -o 'inline:web is running\n' -- start web
	on 0 -o 'match:"owner":1,' -- start --json web
	on 0 -o 'inline:web is running\n' -- restart web
	on 4 -e "match:is uid 4242's.*start it as that user" -- start foreign
	on 1 -e 'match:paths of its files are not known' -- start pathless
	on 6 -e 'match:removed when it ends' -- restart fleeting
	on 3 -e 'match:no VM' -- restart absent
	on 2 -e 'match:say one name' -- restart
	rm kernel
	on 1 -e 'match:kernel: .*No such file' -- start web
}

atf_test_case watching
watching_head()
{
	atf_set descr "wait, events, backends and call"
}
watching_body()
{
	setup
	on 0 -o 'inline:failed: Failed: panic ^[[31mred\n' -- wait failed
	on 0 -o 'match:^web: Running' -o 'match:^other' -- wait web other
	on 3 -e 'match:no VM' -- wait absent
	on 124 -e 'match:stuck: it has not ended yet' -- wait --timeout 0.3 \
	    stuck
	on 2 -e 'match:which VM' -- wait
	on 2 -e 'match:seconds' -- wait --timeout soon web
	on 0 -o 'match:^2026-03-01T00:00:01Z started +1/web$' \
	    -o 'match:^2026-03-01T00:00:02Z failed +1/web: panic \^\[\[31m$' \
	    -- events
	on 0 -o 'match:^\{"seq":1,"time":"2026-03-01T00:00:01Z","event":"started","owner":1,"name":"web","id":"vm-0123456789abcdef","reason":null\}$' \
	    -- events --json
	on 0 -o 'match:^qemu: not available$' -o 'match:because +not there' \
	    -- backends
	on 0 -o 'inline:{"status":"Running"}\n' -- call Status \
	    '{"name":"web"}'
	on 0 -o 'match:"vendor":"Postern"' -- call org.varlink.service.GetInfo
	on 0 -o 'match:^postern [0-9]' -o 'match:^daemon [0-9]' -- version
	on 0 -o 'match:^\{"version":"[0-9.]*","daemon":"[0-9.]*"\}$' \
	    -- version --json
	on 3 -e 'match:no VM' -- call Status '{"name":"absent"}'
	on 1 -e 'match:no such method' -- call Fly
	on 2 -e 'match:parameters: byte' -- call Status '{"name":'
	on 2 -e 'match:not a JSON object' -- call Status '[]'
	on 0 -o 'match:^\{"data":' -- call --more Logs \
	    '{"name":"grow","follow":true}'
}

atf_test_case foreground
foreground_head()
{
	atf_set descr "run: the console, then the guest's end"
}
foreground_body()
{
	setup
	echo vmlinux >kernel
	on 1 -o 'match:^grown 9$' -e 'match:the guest failed: panic' \
	    -- run grow --kernel kernel
	on 125 -e 'match:the name is taken' -- run taken --kernel kernel
	on 125 -e 'match:kernel: nothere' -- run grow --kernel nothere
	on 2 -e 'match:for start' -- run grow --kernel kernel --ready tcp:80
	# nobody reads: the VM is stopped, and that is no crash
	# shellcheck disable=SC2016 # for the inner shell
	"$fake" "$POSTERN_SOCKET" sh -c \
	    '"$0" run grow --kernel kernel 2>err; echo $? >st' "$postern" |
	    true
	grep -qx 1 st || atf_fail "status $(cat st)"
}

atf_init_test_cases()
{
	atf_add_test_case exit_status
	atf_add_test_case no_daemon
	atf_add_test_case errors_as_json
	atf_add_test_case shapes
	atf_add_test_case logs
	atf_add_test_case start_files
	atf_add_test_case contents
	atf_add_test_case spec_file
	atf_add_test_case by_name
	atf_add_test_case watching
	atf_add_test_case foreground
}
