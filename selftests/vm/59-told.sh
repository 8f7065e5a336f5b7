#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Reports to the operator: attaching and detaching is no alarm, the requester of each
# operation, a replica without writes, a clock that jumps, a module that comes and goes, and a
# network namespace that cannot see it.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"

ktap_plan 60
heard=/tmp/heard
said() { wait_for 20 grep -q "$1" $heard; }

# --- monitor: before there is a module, and over its life ---
r monitor --json >>$heard 2>&1 &
monitor=$!
at_exit "kill $monitor 2>/dev/null"
check "monitor without the module" said '"event":"unloaded"'
load_module
check "the module comes" said '"event":"loaded"'
make_system o s0 vda=d0 vdb=d1
rep=/dev/mapper/o-vda-replica
check "a system comes" said '"event":"attached",.*"system_name":"o"'
"$io" $rep w:0:1M:1 f || die "cannot write"
point o
said '"event":"health",.*"health":1,' || die "no news of the point"
: >$heard
r detach o >/dev/null || die "cannot detach"
check "a system goes" said '"event":"detached",.*"system_name":"o"'
r attach o >/dev/null || die "cannot attach"
check "and comes again" said '"event":"attached",.*"system_name":"o"'
check_fails "neither is an alarm" grep '"health":3' $heard
check_fails "nor a change of health" grep '"event":"health"' $heard
: >$heard
dmsetup wipe_table o-vdb-replica || die "dmsetup"
check "a disk that is missing is one" said '"event":"health",.*"health":3,.*"incomplete"'
r detach o >/dev/null || die "cannot detach"
: >$heard
unload_module || die "cannot unload"
check "the module goes" said '"event":"unloaded"'
load_module
check "and comes back" said '"event":"loaded"'
r attach o >/dev/null || die "cannot attach"
check "with the system" said '"event":"attached",.*"system_name":"o"'
check_fails "nothing was lost" grep '"event":"lost"' $heard

# --- operations: the kernel log and the job ---
logged() { wait_for 5 eval "dmesg | grep -Eq 'replica: o: $1'"; }
mark "reports: from here on"
job() { r job list o --json | tr -d ' \n' | grep -o '{[^{}]*}' | tail -n 1; }
has() { job | grep -q "$1"; }
r failover o --point 1 >/dev/null || die "cannot fail over"
check "a failover is logged" logged 'failover by uid 0 \(replicactl\).*, recovery point 1: 0$'
check "its job has the user" has '"owner_uid":0'
check "the process" has '"owner_comm":"replicactl"'
check "and the point" has '"point":1'
"$io" /dev/mapper/o-vda w:0:64K:2 f || die "cannot write"
"$io" /dev/mapper/o-vdb w:0:64K:2 f || die "cannot write"
holder /dev/mapper/o-vda
refused "a revert of an open device" 32774 'in use' r revert o --yes
check "a refusal is logged, with its reason" logged 'revert by uid 0 \(replicactl\).*: 32774, .*in use'
check "and its job has the user" has '"owner_uid":0'
beside() { "$REPLICACTL" "$@" >/dev/null 2>&1 & }
waits() { r job list o --json | tr -d ' \n' | grep -o '{[^{}]*"state":2,[^{}]*}' | sed -n 's/.*"id":\([0-9]*\),.*/\1/p' | grep .; }
beside revert o --yes --wait 60
check "one waits" wait_for 10 waits
cancelled=$(waits)
r job cancel o "$cancelled" >/dev/null || die "cannot cancel"
check "a cancel is logged" logged 'job cancel by uid 0 \(replicactl\).*, job '"$cancelled$"
check "and the one that it cancelled" logged 'revert by uid 0 .*: 32772, cancelled'
refused "a number without a job" 32779 . r job pause o 99999999
check "is logged, without a job of its own" logged 'job .*by uid 0 \(replicactl\).*: 32779, no such job'
uuid=01234567-89ab-cdef-0123-456789abcdef
"$nl" point-new $uuid >/dev/null 2>&1
check "as is a refusal about no system" wait_for 5 eval \
	"dmesg | grep -Eq 'replica: $uuid: recovery-point create by uid 0 .*: 32779, no such system'"
refused "one that waits" 32772 'time ran out' r revert o --yes --wait 1
check "is logged when its time runs out" logged 'revert by uid 0 .*: 32772, .*still open'
let_go
r revert o --yes >/dev/null || die "cannot revert"
check "a revert is logged with the discarded data" \
	logged 'revert by uid 0 .*, recovery point 1, 131072 bytes discarded: 4096$'
check "its job has that" has '"discarded":131072'
point o
r settings o --keep-last 1 >/dev/null || die "no settings"
check "rules of retention are logged" logged 'host-area by uid 0 .*, key retention/rules: 0$'
r settings o --space-low 80 >/dev/null || die "no settings"
check "settings are logged" logged 'settings by uid 0 .*: 0$'
point o
check "drops by a point are logged" logged 'recovery-point create .*, recovery point 3, 2 recovery points dropped: 0$'
check "and in its job" has '"points_dropped":2'
refused "a point that cannot be dropped with another" 32779 . r recovery-point create o --drop 99
check "is in the log by its number" logged 'recovery-point create .*, recovery point 99: 32779, there is no such'
r settings o --keep-last none >/dev/null || die "no settings"
hold o
check "the vacuum held still is" logged 'vacuum --hold by uid 0 '
release o
cp "$nl" "/tmp/a"$'\033'"b" || die "cannot copy"
"/tmp/a"$'\033'"b" point-new "$(field o uuid)" >/dev/null || die "no point"
check "bytes of a name that are no text are replaced" logged 'recovery-point create by uid 0 [(]a[?]b[)]'

# --- a replica that nothing is written to ---
stalled() { r status o --json | grep -q '"reason_name": "stalled"'; }
calm() { ! stalled; }
check_fails "a day without writes is not over" stalled
r settings o --replication-interval 1s >/dev/null || die "no settings"
check "three intervals are" wait_for 10 stalled
is "which is a warning" "$(field o health)" 2
check "and is logged" logged 'nothing has been replicated for [0-9]+ s$'
point o
check "a point made here is no sign of replication" stalled
received=$(field o last_received_time)
r recovery-point create o --received >/dev/null || die "no point"
check "one that the sender makes is" calm
check "and has a time" test "$(field o last_received_time)" -gt "$received"
check "it stalls again" wait_for 10 stalled
r heartbeat o || die "no heartbeat"
check "a heartbeat is one" calm
check "and again" wait_for 10 stalled
"$io" $rep w:4M:4K:3 f || die "cannot write"
check "a write is one" calm
point o
received=$(field o last_received_time)
wait_for 10 stalled || die "it does not stall"
r detach o >/dev/null || die "cannot detach"
is "its time is kept" "$(field o last_received_time)" "$received"
r attach o >/dev/null || die "cannot attach"
is "over an attach" "$(field o last_received_time)" "$received"
check "which is no sign itself" stalled
r suspend o >/dev/null || die "cannot suspend"
check_fails "suspended is not stalled" stalled
r resume o >/dev/null || die "cannot resume"
r settings o --replication-interval none >/dev/null || die "no settings"
check_fails "nor before a day has passed" stalled

# --- a clock that is set ten years ahead, and back ---
points() { point_numbers o | wc -l; }
r settings o --keep-within 1h >/dev/null || die "no settings"
n=$(points)
now=$(date +%s)
date -s "@$((now + 315360000))" >/dev/null || die "cannot set the clock"
check "a step is noticed" logged 'the clock was set by 31[0-9]* s'
point o
is "it drops nothing" "$(points)" $((n + 1))
r detach o >/dev/null || die "cannot detach"
r attach o >/dev/null || die "cannot attach"
point o
is "nor after an attach" "$(points)" $((n + 2))
date -s "@$((now + 60))" >/dev/null || die "cannot set the clock"
point o
is "nor does the step back" "$(points)" $((n + 3))
r settings o --keep-within 10s >/dev/null || die "no settings"
sleep 11
point o
is "a point dated in the future goes by order" "$(points)" 1

# --- a network namespace of its own ---
refused "status from elsewhere" 32777 'network namespace' unshare -n "$REPLICACTL" status o
refused "monitor, too" 32777 'network namespace' unshare -n "$REPLICACTL" monitor
