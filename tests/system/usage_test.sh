# SPDX-License-Identifier: ISC
# postern top and metrics: what they say is what the cgroups and the link say.
# shellcheck shell=sh

atf_test_case usage cleanup
usage_head()
{
	instance_case usage "top and metrics tell what VMs use, to their owner"
}
usage_body()
{
	instance_up
	good start_guest web -p 8080:80
	good start_guest gone
	good me stop gone
	good page 8080
	good me top --once --json
	cp out.txt top.json
	_v=$(vm_cg web)
	_slot=${_v%%-*}
	_cpu=$(sed -n 's/usage_usec //p' "$CG/$_v/vmm/cpu.stat")
	$PY - "$_cpu" "pt${_slot#v}" <<-'END' || atf_fail "$(cat top.json)"
	import json, sys
	vms = {v["name"]: v for v in json.load(open("top.json"))}
	web, gone = vms["web"], vms["gone"]
	s, p = web["stats"], web["packets"]
	assert "stats" not in gone and gone["state"] == "Stopped", gone
	assert 0 < s["cpu_usec"] <= int(sys.argv[1]), s
	assert int(sys.argv[1]) - s["cpu_usec"] < 20e6, s
	assert 1 << 20 < s["memory"] < s["memory_max"] < 1 << 40, s
	assert s["pids"] >= 2 and s["oom"] == 0, s
	assert s["link"] == sys.argv[2], s
	assert p["from_vm"] >= 4 and p["to_vm"] >= 4, p
	assert web["cpu_percent"] >= 0, web
	END
	good me top --once
	grep -Eq '^web +Running +[0-9.]+ +[0-9]+M/32M ' out.txt ||
	    atf_fail "$(cat out.txt)"
	grep -Eq '^gone +Stopped +- ' out.txt || atf_fail "$(cat out.txt)"
	good me metrics
	grep -Eq '^postern_vm_cpu_seconds_total\{vm="web",owner="61050",id="vm-[0-9a-f]+"\} [0-9.]+$' out.txt ||
	    atf_fail "$(cat out.txt)"
	grep -q '^postern_vm_state{vm="gone",.*,state="Stopped"} 1$' out.txt ||
	    atf_fail "$(cat out.txt)"
	# each line is a comment, or name{labels} number
	grep -Ev '^# (HELP|TYPE) [a-z_]+ |^[a-z_]+\{([a-z]+="[^"]*",?)+\} [0-9.e+-]+$' \
	    out.txt && atf_fail "not Prometheus' format"
	# another tenant sees nothing of it, an admin all
	good as "$TENANT2" metrics
	grep -q web out.txt && atf_fail "$(cat out.txt)"
	refused 3 'no VM of that name' as "$TENANT2" call Stats \
	    "{\"name\":\"$TENANT/web\"}"
	good as "$ADMIN" top --once
	grep -q '^web ' out.txt || atf_fail "$(cat out.txt)"
	refused 6 'Stopped' me call Stats '{"name":"gone"}'
	# live: a table each interval, until it is ended
	as_exec "$TENANT" top --interval 0.2 > live.txt &
	_top=$!
	# shellcheck disable=SC2016 # the inner shell's
	wait_for 50 "three tables" sh -c \
	    '[ "$(grep -c ^NAME live.txt)" -ge 3 ]'
	kill "$_top"
}
usage_cleanup()
{
	instance_down
}

atf_init_test_cases()
{
	# shellcheck source=tests/lib/instance.sh
	. "$(atf_config_get top_srcdir)/tests/lib/instance.sh"
	atf_add_test_case usage
}
