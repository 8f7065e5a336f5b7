#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Requests that wait: behind an operation that hangs, or for openers.  A waiting request holds
# up no other user of generic netlink, is listed, ends when its time is over, when it is
# cancelled and when its client dies; an operation that has not begun by then never happens.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"
. "$(dirname "$0")/hold.sh"

ktap_plan 51
load_module

# --- for openers: nothing else waits ------------------------------------------------

make_system o s0 vda=d0
ouuid=$(field o uuid)
"$io" /dev/mapper/o-vda-replica w:0:64K:1 f || die "cannot write"
point o
r failover o >/dev/null || die "cannot fail over"
holder /dev/mapper/o-vda
beside revert r revert o --yes --wait 600
listed() { [ -n "$(json state job list "$1")" ] && [ "$(json state job show "$1" "$(job_of "$1" "$2")")" = "$3" ]; }
check "a request that waits for openers has a job in state New" wait_for 30 listed o 98 2
# Another netlink family is registered while the request waits.
beside family modprobe nbd nbds_max=8 max_part=0
beside version r version
beside get "$nl" get "$ouuid"
check "another family can be registered meanwhile" wait_for 30 ended family
check "and generic netlink answers other users" wait_for 30 ended version
check "the module's family, too" wait_for 30 ended get
check "the request waits still" still_out revert
job=$(job_of o 98)
is "its job can be cancelled" "$(json cancellable job show o "$job")" true
check "job cancel" r job cancel o "$job"
check "the request is refused" wait_for 30 ended revert
is "with 32772" "$(cat /tmp/revert.rc)" 5
is "its job is Terminated with 32772" "$(json state job show o "$job") $(json code job show o "$job")" \
	"8 32772"
is "nothing was changed" "$(field o state)" 5
refused "a job that has ended cannot be cancelled" 32775 . r job cancel o "$job"
# The client dies, and then the device is closed.
beside revert timeout -s KILL 600 "$REPLICACTL" revert o --yes --wait 600
check "again" wait_for 30 listed o 98 2
job=$(job_of o 98)
kill_client() { pkill -KILL -f "^$REPLICACTL $1"; }
check "its client is killed" kill_client 'revert o'
ended_as() { [ "$(json state job show "$1" "$2") $(json code job show "$1" "$2")" = "$3" ]; }
check "the job is Terminated with 32772" wait_for 30 ended_as o "$job" "8 32772"
let_go
is "with the device closed nothing happens" "$(field o state)" 5
check "revert" r revert o --yes

# --- behind an operation that hangs ---------------------------------------------------

hold_disks 64 32 8
make_system w /dev/nbd0 vda=/dev/nbd1 vdb=/dev/nbd2 -- --chunk-size 16K
hold w
rep=/dev/mapper/w-vda-replica
new_jobs() { r job list w --json | grep -c '"state_name": *"New"'; }
points() { point_numbers w | wc -l; }
# killed COMMAND...: requested by a client that is killed while it waits.
killed() {
	local before pid
	before=$(r job list w --json | grep -c '"id"')
	"$@" >/tmp/killed.said 2>&1 </dev/null &
	pid=$!
	more_jobs() { [ "$(r job list w --json | grep -c '"id"')" -gt "$before" ] || ! kill -0 $pid; }
	wait_for 5 more_jobs
	sleep 0.2
	kill -KILL $pid
	wait $pid 2>/dev/null
}
"$io" $rep w:0:64K:1 || die "cannot write"
before=$(points)
disks on 0 w 0 256 hold	# superblocks: no time limit ends a wait for one
for _ in 1 2 3 4 5; do killed "$REPLICACTL" recovery-point create w; done
check "one has begun, and hangs" await_held 1
is "those behind it, whose clients are dead, wait no more" "$(new_jobs)" 0
began=$(date +%s)
beside sixth r recovery-point create w --timeout 2
check "a sixth has a time limit" wait_for 30 ended sixth
diag "it took $(($(date +%s) - began)) s"
is "and gets 32772" "$(cat /tmp/sixth.rc)" 5
check "as its job is" listed w 70 10
is "with the same code" "$(json code job show w "$(job_of w 70)")" 32772
went=$(r failover w --no-wait 2>&1)
check "one with --no-wait is listed" grep -Eq '^4096 Job Started, job [0-9]+' <<<"$went"
diag "$went"
is "and does not wait" "$(new_jobs)" 1
check "its number can be waited for" grep -q "replicactl job wait w" <<<"$went"
go
check "it is done in its turn" wait_for 30 listed w 97 7
is "at most one point was made" "$(($(points) - before))" 1
is "and the operation of --no-wait" "$(field w state)" 5

# The time limit of a request is that of all its waiting: for its turn, and for I/O to end.
"$io" $rep w:0:64K:2 f || die "cannot write"
disks on 0 w 0 32768 hold
beside writer "$io" $rep w:128K:16K:3
check "a write hangs" await_held 1
beside first r suspend w --timeout 3
wait_for 5 listed w 96 3
beside second r suspend w --timeout 6
check "an operation that drains behind another ends" wait_for 30 ended second
took=$(($(json elapsed job show w "$(job_of w 96)") / 1000000))
diag "it took $took ms"
check "in the time that it gave" test $took -lt "$(scaled 7500)"
is "with 32772" "$(cat /tmp/second.rc)" 5
go
check "the write ends" went_well writer

# A commit that was requested by a client that is dead.
"$io" $rep w:0:64K:2 || die "cannot write"
disks on 0 f 0 0 hold
beside point r recovery-point create w
check "an operation hangs in the store" await_held 1
killed "$nl" commit "$(field w uuid)"
killed "$REPLICACTL" settings w --keep-last 3
is "the client that waited behind it is dead" "$(new_jobs)" 0
go
check "the operation ends well" went_well point
check "the next, too" r recovery-point create w
is "and nothing was committed" "$(field w state)" 5
is "nor set" "$(json keep_last settings w)" 0

# --- a client that dies while its operation looks at openers ----------------------------

# The look at the devices of all disks begins, and waits for the open_mutex of the first.  A
# last closer holds that while it writes pages that became dirty while it waited for others.
live=/dev/mapper/w-vda
log_end=$((1024 + 4 * $(json ring_blocks dump /dev/nbd0)))
outcome() {
	state=$(json state job show w "$job")
	[ "$state" != 3 ]
}
looks() {
	job=$(job_of w 98)
	[ -n "$job" ] && [ "$job" != "$before" ] && ! outcome
}
# 1: the look took too long for this machine, and ended by its own limit.
dies_in_look() {
	local pid before
	before=$(job_of w 98)
	disks on 0 w "$log_end" 65536 hold
	beside closer "$io" $live b:$live w:0:4K:7
	await_held 1
	"$io" $live b:$live w:1M:4K:8 || die "cannot write"	# not the last closer: the page stays
	disks go
	await_held 1
	"$REPLICACTL" revert w --yes --wait 600 >/tmp/look.said 2>&1 </dev/null &
	pid=$!
	wait_for 30 looks || diag "no look: $(cat /tmp/look.said)"
	kill -KILL $pid
	wait $pid 2>/dev/null
	go
	wait_for 60 went_well closer || die "the closer hangs"
	wait_for 30 outcome
	[ "$state" != 10 ]
}
holder /dev/mapper/w-vdb
for _ in 1 2 3 4 5 6 7 8; do dies_in_look && break; done
is "a client dies while its operation looks at openers: the job is Terminated" "$state" 8
check "for that reason" grep -q "client .* has exited" <<<"$(r job show w "$job")"
is "and nothing waits" "$(new_jobs)" 0
let_go
sleep 1
is "with the device closed nothing happens" "$(field w state)" 5

# --- waits that can be killed -----------------------------------------------------------

"$io" /dev/mapper/w-vda w:0:1M:3 f || die "cannot write"
r commit w --yes --no-wait >/dev/null || die "cannot commit"
disks on 1 w 0 32768 hold
release w
check "a move home hangs" await_held 1
# Also with the superblock on its way, and a listener.
r monitor --json >/dev/null 2>&1 &
monitor=$!
disks on 0 w 0 256 hold
beside settings r settings w --keep-last 7
check "and a superblock" await_held 2
job=$(job_of w 99)
beside pause r job pause w "$job"
check "its job can be paused" went_well pause 10
beside resume r job resume w "$job"
check "and resumed" went_well resume 10
kill $monitor
"$REPLICACTL" vacuum w --hold >/dev/null 2>&1 &
pid=$!
holds_or_not() { grep -qs dmr_vacuum_hold "/proc/$pid/stack" || ! kill -0 $pid; }
wait_for 30 holds_or_not || die "it does not come to it"
kill -KILL $pid
gone() { ! kill -0 $pid 2>/dev/null; }
check "a client that waits to hold the vacuum can be killed" wait_for 10 gone
go
check "the settings are changed" went_well settings
release w
check "it ends" wait_for 60 listed w 99 7
