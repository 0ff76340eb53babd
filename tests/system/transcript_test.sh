# SPDX-License-Identifier: ISC
# An operator's day against its transcript, day.transcript: what each command
# prints and how it ends. What happens to the host meanwhile is played here:
# a newer daemon is another build in the same place, a host's restart is
# everything gone but the disk, and another boot id. Runs as root to make the
# instance; the operator is a tenant.
# shellcheck shell=sh

# prelude: what a command of the transcript sees
prelude()
{
	top=$(atf_config_get top_srcdir)
	cat <<-END
	I=$I
	INSTANCE_UNSHARE="-m -W $I/img"
	. $top/tests/lib/instance.sh
	. $top/tests/system/transcript.sh
	instance_vars
	POSTERN_LIBEXEC=$POSTERN_LIBEXEC
	END
}

atf_test_case day cleanup
day_head()
{
	instance_case day "an operator's day, line by line" 300
}
day_body()
{
	INSTANCE_UNSHARE=-m
	instance_new
	cp -r "$POSTERN_LIBEXEC" "$I/libexec"
	POSTERN_LIBEXEC=$I/libexec
	instance_conf '[owner default]
vms = 3'
	in_ns mount -t tmpfs -o size=4m,mode=755 none "$I/state"
	mv "$GUEST" "$I/img/vmlinux"
	image web.img 1M
	image notes.txt 4k
	daemon_up
	made > made.before
	prelude > prelude.sh
	# shellcheck source=tests/system/transcript.sh
	. "$top/tests/system/transcript.sh"
	versions
	"$PY" "$top/tests/system/transcript.py" \
	    "$top/tests/system/day.transcript" "$PWD/prelude.sh" \
	    "version=$VERSION" "other=$OTHER" ||
	    atf_fail "see above"
	nothing_made made.before
}
day_cleanup()
{
	# shellcheck disable=SC2034 # instance.sh's
	INSTANCE_UNSHARE=-m
	instance_down
}

# The manual's examples, and two that it must not have.
atf_test_case manual
manual_head()
{
	atf_set "descr" "postern(1) shows nothing but what the transcript does"
	atf_set "require.progs" "$PY"
}
manual_body()
{
	top=$(atf_config_get top_srcdir)
	set -- "$top/tests/system/day.transcript" 'version=[0-9.]+' \
	    'other=[0-9.]+'
	"$PY" "$top/tests/system/manual.py" "$top/ctld/cli/postern.1" "$@" ||
	    atf_fail "see above"
	sed 's/^1 stopped/2 stopped/' "$top/ctld/cli/postern.1" > other.1
	"$PY" "$top/tests/system/manual.py" other.1 "$@" &&
	    atf_fail "another output is not seen"
	sed 's/^. postern list$/& -q/' "$top/ctld/cli/postern.1" > other.1
	"$PY" "$top/tests/system/manual.py" other.1 "$@" &&
	    atf_fail "another command is not seen"
	:
}

atf_init_test_cases()
{
	# shellcheck source=tests/lib/instance.sh
	. "$(atf_config_get top_srcdir)/tests/lib/instance.sh"
	atf_add_test_case day
	atf_add_test_case manual
}
