# SPDX-License-Identifier: ISC
# Somebody else's client: what the interface declares is what comes, for every
# method, with good and with spoilt parameters.
# shellcheck shell=sh

# vlclient WORD...: the strict client, as the tenant
vlclient()
{
	in_ns setpriv --reuid "$TENANT" --regid "$TENANT" \
	    --groups "$GROUP" "$PY" \
	    "$(atf_config_get top_srcdir)/tests/system/vlclient.py" \
	    "$SOCK" "$@" || atf_fail "see above"
}

# two VMs: web runs, off does not
two()
{
	instance_up
	good start_guest web -p 8080:80 --channel 9
	good start_guest off
	good me stop off
}

atf_test_case declared cleanup
declared_head()
{
	instance_case declared "each method answers as it is declared" 300
}
declared_body()
{
	two
	vlclient run
	# the daemon's processes have borne all of it
	good me list -a
}
declared_cleanup()
{
	instance_down
}

atf_test_case descriptors cleanup
descriptors_head()
{
	instance_case descriptors "Start with descriptors, by a raw socket"
}
descriptors_body()
{
	instance_up
	vlclient fds "$GUEST"
}
descriptors_cleanup()
{
	instance_down
}

atf_test_case module cleanup
module_head()
{
	instance_case module "Python's varlink module calls every method" 300
}
module_body()
{
	"$PY" -c 'import varlink' 2> /dev/null ||
	    atf_skip "Python has no module varlink"
	two
	vlclient module
}
module_cleanup()
{
	instance_down
}

atf_test_case call cleanup
call_head()
{
	instance_case call "postern call reaches every method"
}
call_body()
{
	instance_up
	good me call org.varlink.service.GetInterfaceDescription \
	    '{"interface":"io.postern.Vm"}'
	json '["description"]' < out.txt |
	    sed -n 's/^method \([A-Za-z]*\)(.*/\1/p' > methods
	[ "$(wc -l < methods)" -gt 25 ] || atf_fail "no methods"
	while read -r m; do
		me call "$m" '{"name":"absent"}' > out.txt 2> err.txt < /dev/null
		case $? in
		0|1|3) ;;
		*) atf_fail "call $m: $(cat err.txt)" ;;
		esac
		! grep -q 'no such method' err.txt || atf_fail "call $m"
	done < methods
	refused 1 'no such method' me call Fly
}
call_cleanup()
{
	instance_down
}

atf_init_test_cases()
{
	# shellcheck source=tests/lib/instance.sh
	. "$(atf_config_get top_srcdir)/tests/lib/instance.sh"
	atf_add_test_case declared
	atf_add_test_case descriptors
	atf_add_test_case module
	atf_add_test_case call
}
