# SPDX-License-Identifier: ISC
# Every point of a VM's start and stop: roles killed there, calls failing
# there (points.py says how they are found), and hosts that are full. Each
# answer must be true, a bystander must run on, and nothing be left. Runs as
# root; kills only processes of its own instance.
#
# faults_part: out of how many points one is tried; 1: all of them, for hours.
# faults_offset: which, printed by every run, so that it can be repeated.
# shellcheck shell=sh disable=SC2015,SC2119,SC2154 # atf_fail ends a test

points()
{
	_dir=$(atf_config_get top_srcdir)/tests/faults
	PYTHONDONTWRITEBYTECODE=1 in_ns "$PY" "$_dir/points.py" "$I" "$INST" \
	    "$(atf_config_get top_builddir)/tests/faults/inject" "$@"
}

# all_points KIND PART: every PARTth, or as tests/run was told
all_points()
{
	_part=$(atf_config_get faults_part "$2")
	_offset=$(atf_config_get faults_offset $(($(date +%s) % _part)))
	instance_up
	# where tests/run finds it
	_table=$(atf_config_get top_builddir)/tests/faults/$1.table
	points "$1" "$_part" "$_offset" > "$_table"
	_rc=$?
	cat "$_table"
	[ $_rc = 0 ] || atf_fail "see standard output; again: POSTERN_FAULTS=$_part POSTERN_FAULTS_OFFSET=$_offset tests/run faults"
}

# sees PATTERN POINT: a call that is not made, though its maker believes so
sees()
{
	points "lie=$2" > lie.txt
	[ $? = 1 ] && grep -q "$1" lie.txt || {
		cat lie.txt >&2
		atf_fail "the checker does not see: $1"
	}
	me rm -f stay half > rm.txt 2>&1
	return 0
}

# in_place COMMAND: what the second `start half` does instead
in_place()
{
	cat > "$I/postern" <<-END
	#!/bin/sh
	case " \$* " in
	*" start half "*)
		if [ -e "$I/img/mark" ]; then
			$1
		fi
		: > "$I/img/mark" ;;
	esac
	exec "$POSTERN_BIN" "\$@"
	END
	chmod 755 "$I/postern"
	rm -f "$I/img/mark"
}

atf_test_case kills cleanup
kills_head()
{
	instance_case kills "each role killed before and after each effect" 14400
}
kills_body()
{
	all_points kills 120
}
kills_cleanup()
{
	instance_down
}

atf_test_case faults cleanup
faults_head()
{
	instance_case faults "each single call fails" 14400
}
faults_body()
{
	all_points faults 28
}
faults_cleanup()
{
	instance_down
}

atf_test_case control cleanup
control_head()
{
	instance_case control "the checker sees what is left, lost, or a lie"
}
control_body()
{
	instance_up
	chmod 777 "$I/img"
	sees 'left: cgroups' jail,reap,jail,unlinkat,10
	sees 'left: files' ctld,client-remove,ctld,unlinkat,3
	_real=$POSTERN_BIN
	in_place 'exit 0'
	POSTERN_BIN=$I/postern sees 'start: said to run' jail,reap,jail,close,1
	in_place "$_real --socket $SOCK stop --grace 0 stay"
	POSTERN_BIN=$I/postern sees 'the bystander does not answer' \
	    jail,reap,jail,close,1
}
control_cleanup()
{
	instance_down
}

atf_init_test_cases()
{
	# shellcheck source=tests/lib/instance.sh
	. "$(atf_config_get top_srcdir)/tests/lib/instance.sh"
	for c in kills faults control; do
		atf_add_test_case $c
	done
}
