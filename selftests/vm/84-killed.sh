#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# R12: replicactl killed at every step of every command.  A step is a system call that changes
# something outside of the process; it dies before each of them, and, on a slow store, in the
# midst of each that has to wait for it.  Afterwards the operation has happened wholly or not
# at all, nothing is locked, and the same command works.
#
# In the environment of selftests/run or make check: KILL_ALL=1 takes every system call for a
# step, and all commands in the midst, too, which takes long.  KILL_STRIDE=1 takes every step
# of the commands that have many; 7 is every seventh one, from a random one on, and 3 the
# value of LONG=1.
# vm: --env KILL_ALL --env KILL_STRIDE
# debug: --env KILL_STRIDE=25
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"

kill_tool=$here/helper-kill
load_module "$@"
if [ -z "${KILL_ALL:-}" ]; then ktap_plan 38; else ktap_plan 54; fi

store=/dev/mapper/slow
live=/dev/mapper/k-vda rep=/dev/mapper/k-vda-replica test=/dev/mapper/k-vda-test
conf=/etc/dm-replica/systems.d/k.conf
mib=64
every=()
[ -z "${KILL_ALL:-}" ] || every=(-a)

# The store; its I/O takes a while, or does not, and it may grow.
slow_table() { echo "0 $((mib * 2048)) delay $(dev s0) 0 $1"; }
slow() {
	dmsetup load slow --table "$(slow_table "$1")" && dmsetup suspend --noflush slow &&
		dmsetup resume slow
}
dmsetup create slow --table "$(slow_table 0)" || die "no store"

uuid=6b696c6c-0000-4000-8000-000000000001
# By its number: 3 Replicating, 5 Recovered, 6 Committed, 7 Suspended.
in_state() { [ "$("$nl" get $uuid | cut -d' ' -f 2)" = "$1" ]; }
newest() { point_numbers k | tail -n 1; }

# --- the state before, and the state required after --------------------------------------

# The head is written to; it shows its writes, and so does the point.
stamp=10
works() {
	stamp=$((stamp + 1))
	"$io" $rep c:0:256K:1 w:4M:16K:$stamp f c:4M:16K:$stamp
}
no_job_left() { ! r job list k --json | grep -Eq '"state_name": *"(New|Starting|Running)"'; }
settled() { works && wait_for 20 no_job_left; }
offline() { ! "$io" "$1" r:0:4K 2>/dev/null; }

point_before() { r recovery-point create k >/dev/null && was=$(newest); }
point_after() {
	local now
	now=$(newest)
	{ [ "$now" = $((was + 1)) ] || [ "$now" = $((was + 2)) ]; } && works
}
drop_before() {
	r recovery-point create k --label doomed >/dev/null && was=$(newest)
	again_args=(recovery-point drop --yes k "$was")
}
drop_after() { [ "$(newest)" != "$was" ]; }
failover_before() { in_state 3 || r revert k --yes >/dev/null; }
failover_after() { in_state 5 && "$io" $live c:0:256K:1 n:8M:64K w:9M:64K:5 f; }
revert_before() {
	in_state 5 || r failover k >/dev/null || return
	"$io" $live w:8M:256K:6 f
}
revert_after() { in_state 3 && offline $live; }
start_before() { offline $test || r test-failover stop k --yes >/dev/null; }
start_after() { "$io" $test c:0:256K:1 n:8M:64K; }
stop_before() {
	! offline $test || r test-failover start k >/dev/null || return
	"$io" $test w:8M:256K:7 f
}
stop_after() { offline $test; }
suspend_before() { in_state 3 || r resume k >/dev/null; }
suspend_after() { in_state 7 && ! "$io" $rep w:4M:4K:1 2>/dev/null; }
resume_before() { in_state 7 || r suspend k >/dev/null; }
resume_after() { in_state 3 && works; }
settings_before() { r settings k --keep-last none --keep-daily none >/dev/null; }
settings_after() { r settings k --json | tr -d ' \n' | grep -q '"keep_last":4,.*"keep_daily":7,'; }
network_before() { r network clear k --all >/dev/null 2>&1; true; }
network_after() { r network list k | grep -q 192.0.2.5; }
clear_before() { r network set k --mac 52:54:00:12:34:56 --address 192.0.2.5/24 >/dev/null; }
clear_after() { ! r network list k | grep -q 192.0.2.5; }
grow_before() { mib=$((mib + 2)) && was=$(field k slots) && slow "$delay"; }
grow_after() { [ "$(field k slots)" -gt "$was" ]; }
rate_before() { r vacuum k --rate unlimited >/dev/null; }
rate_after() { [ "$(json vacuum_rate settings k)" = 1048576 ]; }

fresh() {	# in state 3, attached, with content in the store
	[ "$(devices)" = 0 ] || r detach k >/dev/null || return
	r create k --store $store --disk vda="$(dev d0)" --uuid $uuid --force >/dev/null && r attach k >/dev/null &&
		"$io" $rep w:0:256K:1 f && r recovery-point create k >/dev/null && "$io" $rep w:1M:64K:2 f
}
commit_before() { fresh && r failover k >/dev/null && "$io" $live w:2M:64K:8 f; }
commit_after() {
	in_state 6 && offline $rep && "$io" $live w:3M:64K:9 f c:2M:64K:8 &&
		wait_for 20 no_job_left && "$io" "$(dev d0)" c:2M:64K:8
}
# The mover moves nothing, so that its job is there to take requests.
moving() { id=$(job_of k '50|99') && test "$(json state job show k "$id")" "$@"; }
moves_before() {
	moving -le 5 || r move-home k --no-wait >/dev/null || return
	moving -eq 4 || r job resume k "$id" >/dev/null || return
	# shellcheck disable=SC2153 # of "one"
	again_args=("${again_args[@]:0:3}" "$id")
}
rests_before() {
	moves_before && r job pause k "$id" >/dev/null
}
given_up_before() {
	! moving -le 5 || r job cancel k "$id" >/dev/null
}
rests() { moving -eq 5 && "$io" $live c:2M:64K:8; }
moves() { moving -eq 4 && "$io" $live c:2M:64K:8; }
given_up() { moving -eq 8 && "$io" $live c:2M:64K:8; }
remove_before() { fresh; }
# Without udevd a killed command may leave a node of a device that is gone.
devices() { dmsetup mknodes; dmsetup ls | grep -c '^k-'; }
removed() { [ ! -e $conf ] && [ "$(devices)" = 0 ] && "$io" "$(dev d0)" c:0:256K:1 c:1M:64K:2; }

attach_before() { [ "$(devices)" = 0 ] || r detach k >/dev/null; }
six() { [ "$(devices)" = 3 ] && "$io" $live c:2M:64K:8 && works; }
detach_before() { [ "$(devices)" = 3 ] || r attach k >/dev/null; }
none() { [ "$(devices)" = 0 ] && r check $store >/dev/null; }
shown() { [ "$(field k open_views)" != 0 ]; }
open_before() {
	was=$(newest)
	! shown || r recovery-point close k "$was" >/dev/null || return
	again_args=(recovery-point open k "$was")
}
open_after() { "$io" "/dev/mapper/k-vda@$was" c:0:256K:1; }
close_before() {
	was=$(newest)
	r recovery-point open k "$was" >/dev/null || return
	again_args=(recovery-point close k "$was")
}
close_after() { ! shown && [ "$(devices)" = 3 ]; }
create_before() {
	rm -f $conf
	dd if=/dev/zero of=$store bs=256K count=1 oflag=direct status=none
}
# Half a store is none, or one that can be attached once its file is there.
create_half() {
	r scan --write --accept-homes $store >/dev/null 2>&1
	[ ! -e $conf ] || { r attach k && r detach k && r check $store; } >/dev/null
}
created() { r attach k >/dev/null && r detach k >/dev/null; }

# --- killing ------------------------------------------------------------------------------

# one NAME "CODE..." BEFORE AFTER COMMAND...: killed before or, with $delay, in the midst of
# each of its steps.  CODEs are those that the same command may answer the second time.
one() {
	local name=$1 codes=" $2 " before=$3 after=$4 n=$((RANDOM % by)) how=() times=0 said rc taken='' bad='' start=$SECONDS
	shift 4
	[ "$delay" = 0 ] || how=(-m $((delay / 2)))
	while :; do
		again_args=("$@")
		$before || { bad="cannot prepare step $n"; break; }
		said=$("$kill_tool" ${every[@]+"${every[@]}"} ${how[@]+"${how[@]}"} $n "$REPLICACTL" \
			"${again_args[@]}" 2>&1 </dev/null)
		case $said in
		*"ended 0")
			# The command has fewer steps than the one to begin at.
			if [ $times != 0 ] || [ $n = 0 ]; then break; fi
			n=$((n / 2))
			continue
			;;
		*ended*) bad="step $n: $said"; break ;;
		*killed* | *passed*) taken="$taken ${said##*[[:space:]]}" ;;
		*) bad="step $n: $said"; break ;;
		esac
		if [ -n "${half:-}" ] && ! said=$($half 2>&1); then
			bad="after step $n:$taken: $half: $said"
			break
		fi
		said=$(r "${again_args[@]}" 2>&1 </dev/null)
		rc=$?
		[ $rc = 0 ] || rc=$((rc + 32767))
		[[ $said != *"is attached already"* ]] || rc=attached
		case $codes in
		*" $rc "*) ;;
		*) bad="after step $n:$taken: again: $rc $said"; break ;;
		esac
		if ! said=$($after 2>&1); then
			bad="after step $n:$taken: $after fails: $said, $(r status k 2>&1 | head -n 5)"
			break
		fi
		n=$((n + by)) times=$((times + 1))
	done
	diag "$name: $times steps,$(tr ' ' '\n' <<<"$taken" | sort | uniq -c | awk '$2 { printf " %s %s", $1, $2 }'), $((SECONDS - start)) s"
	if [ -n "$bad" ] || [ $times = 0 ]; then
		diag "$bad"
		not_ok "$name"
	else
		ok "$name"
	fi
}

# Devices come and go with these commands: every step, with the guest's data in the store.
failed_over() { fresh && r failover k >/dev/null && "$io" $live w:2M:64K:8 f; }

# Operations of the kernel, in one request each.
requests() {
	local in=$1
	one "recovery-point create$in" 0 point_before point_after recovery-point create k
	one "failover$in" "0 32775" failover_before failover_after failover k
	one "revert$in" "0 32775" revert_before revert_after revert k --yes
	one "suspend$in" 0 suspend_before suspend_after suspend k
	one "resume$in" 0 resume_before resume_after resume k
	one "commit$in" "0 32775" commit_before commit_after commit k --yes --no-wait
}
more_requests() {
	local in=$1
	one "recovery-point drop$in" "0 32779" drop_before drop_after recovery-point drop --yes k 0
	one "test-failover start$in" "0 32775" start_before start_after test-failover start k
	one "test-failover stop$in" "0 32775" stop_before stop_after test-failover stop k --yes
	one "settings$in" 0 settings_before settings_after settings k --keep-last 4 --keep-daily 7
	one "network set$in" 0 network_before network_after network set k \
		--mac 52:54:00:12:34:56 --address 192.0.2.5/24
	one "network clear$in" "0 32779" clear_before clear_after network clear k --all
	one "vacuum --rate$in" 0 rate_before rate_after vacuum k --rate 1M
	one "grow$in" "0 32775" grow_before grow_after grow k
	check "it works still$in" settled
}
# Requests to a job that moves home.
jobs_of_commit() {
	local in=$1
	{ commit_before && "$io" $live w:5M:64K:11 f && r vacuum k --rate 0 && r commit k --yes --no-wait; } >/dev/null ||
		die "cannot commit"
	one "job pause$in" 0 moves_before rests job pause k 0
	one "job resume$in" 0 rests_before moves job resume k 0
	one "job cancel$in" "0 32775" moves_before given_up job cancel k 0
	one "move-home$in" "0 32775" given_up_before moves move-home k --no-wait
	r vacuum k --rate unlimited >/dev/null
	check "all goes home at last$in" wait_for 20 gone_home
}
gone_home() {
	[ "$(field k versions)" = 0 ] && no_job_left && "$io" "$(dev d0)" c:2M:64K:8 c:5M:64K:11
}
# Those with many steps.
devices_come_and_go() {
	local in=$1 by=$stride
	failed_over || die "cannot begin anew"
	one "attach$in" "0 attached" attach_before six attach k
	one "recovery-point open$in" 0 open_before open_after recovery-point open k 0
	one "recovery-point close$in" "0 32775" close_before close_after recovery-point close k 0
	one "detach$in" "0 32777" detach_before none detach k
}
making_and_removing() {
	local in=$1 by=$stride
	one "remove$in" "0 32779" remove_before removed remove k --flatten --yes
	half=create_half
	one "create$in" 0 create_before created create k --store $store --disk vda="$(dev d0)" \
		--uuid $uuid --force
	half=''
}
half='' delay=0 by=1 stride=${KILL_STRIDE:-$(much 7 3)}
[ -z "${KILL_ALL:-}" ] || stride=1
fresh || die "cannot begin"
more_requests ''
requests ''
jobs_of_commit ''
devices_come_and_go ''
making_and_removing ''
# An attach may be killed while it reads the log; the mark is for the case that none was.
expect_log 'replica: preresume failed, error = -4|84-killed: no attach was'
mark "84-killed: no attach was"
delay=20
slow $delay
fresh || die "cannot begin again"
if [ -n "${KILL_ALL:-}" ]; then
	more_requests ', in the midst'
	making_and_removing ', in the midst'
	jobs_of_commit ', in the midst'
	fresh || die "cannot begin again"
fi
requests ', in the midst'
devices_come_and_go ', in the midst'
is "no file is left half written" "$(find /etc/dm-replica -name '.*')" ""
dmsetup remove slow
check "the module unloads" unload_module
