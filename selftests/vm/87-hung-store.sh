#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Readers never wait for a store that hangs: commands that show systems, and those that look
# for them, answer while the superblock of one system is being written, or while a device
# below another's store is suspended, and name the device that does not answer; and commands
# on a store or a home that hangs end by themselves, check and dump also by a signal.
# clock: 150
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"
. "$(dirname "$0")/hold.sh"

ktap_plan 76
load_module
hold_disks 32 32 16
make_system w /dev/nbd0 vda=/dev/nbd1
make_system z s0 vda=d0
hold w
hold z
point w
point z
"$REPLICACTL" monitor >/tmp/events 2>&1 &
monitor=$!
wait_for 30 grep -q . /tmp/events

# --- a superblock that is being written -------------------------------------------------

disks on 0 w 0 1024 hold
beside suspend r suspend w
check "a superblock is on its way" await_held 1
# answers NAME COMMAND...: beside the store that hangs; its output is in /tmp/answer.said.
answers() {
	local name=$1
	shift
	beside answer "$@"
	check "$name" wait_for 20 ended answer
}
answers "list" r list
check "it has both" grep -q '^w ' /tmp/answer.said
answers "status" r status
answers "status of the one that hangs" r status w
check "in the state that is durable" grep -q Replicating /tmp/answer.said
answers "status of the other" r status z
answers "recovery points with their sizes" r recovery-point list w
answers "settings" r settings w
answers "job list" r job list
check "the operation is Starting" grep -q Starting /tmp/answer.said
answers "a name that is not known" r status ghost
answers "the query of TAB" r list --json
answers "an operation of the other" r recovery-point create z
check "it is done" grep -q '^0 ' /tmp/answer.said
check "events of the other come" wait_for 20 grep -q 'z.*point' /tmp/events
answers "a second monitor" timeout 2 "$REPLICACTL" monitor
go
check "the operation ends" went_well suspend
check "and reported" wait_for 20 grep -q 'w.*Suspended' /tmp/events

# --- attach and detach beside it --------------------------------------------------------

gone() { r detach w --if-needed >/dev/null; }
disks on 0 w 0 1024 hold
beside detach r detach w
check "detach beside a superblock that hangs ends" wait_for 90 ended detach
is "is not available" "$(cat /tmp/detach.rc)" 10
check "the device is named" grep -q 'nbd0 has not answered' /tmp/detach.said
check "and the next step" grep -q 'when it answers: replicactl detach w' /tmp/detach.said
answers "list" r list
answers "a further detach" r detach w
check "waits for the first" grep -q 'attached or detached by another process' /tmp/answer.said
go
check "when the store answers it is detached" wait_for 30 gone
check "and good" r check w
disks on 0 w 0 1024 hold
# shellcheck disable=SC2016
beside killed sh -c 'echo $$ >/tmp/killed.pid; exec "$0" attach w' "$REPLICACTL"
await_held 1
kill "$(cat /tmp/killed.pid)"
check "a signal ends attach" wait_for 20 ended killed
is "at once" "$(cat /tmp/killed.rc)" 143
go
check "it can be repeated" r attach w

# --- a device whose reads hang ----------------------------------------------------------

r detach w >/dev/null || die "cannot detach"
disks on 0 r 128 32768 hold
# shellcheck disable=SC2016
beside killed sh -c 'echo $$ >/tmp/killed.pid; exec "$0" check w' "$REPLICACTL"
await_held 1
kill "$(cat /tmp/killed.pid)"
check "a signal ends check" wait_for 20 ended killed
is "at once" "$(cat /tmp/killed.rc)" 143
go
disks on 0 r 0 32768 hold
# Its output ends with it, though another process still tries the device.
shown() { r "$@" 2>&1 | cat; }
answers "status, beside a store that cannot be read" shown status
check "it is named" grep -q 'nbd0 does not answer' /tmp/answer.said
check "the other is shown" grep -q '^z ' /tmp/answer.said
answers "scan" shown scan
check "it is named" grep -q 'nbd0 does not answer' /tmp/answer.said
check "the other is found" grep -q '^z ' /tmp/answer.said
answers "attach --all" shown attach --all
check "it is named" grep -q 'nbd0 does not answer' /tmp/answer.said
answers "check" shown check w
check "it is named" grep -q 'nbd0 does not answer' /tmp/answer.said
answers "attach of the one" shown attach w
check "it is named" grep -q 'nbd0 does not answer' /tmp/answer.said
answers "its removal" shown remove w --yes
check "it is named" grep -q 'nbd0 does not answer' /tmp/answer.said
answers "its recovery points" shown recovery-point list w
check "it is named" grep -q 'nbd0 does not answer' /tmp/answer.said
answers "its settings" shown settings w
disks on 2 r 0 16384 hold
answers "create over a device that cannot be read" shown create q --store /dev/vm/s1 --disk vda=/dev/nbd2
check "it is named" grep -q 'nbd2 does not answer' /tmp/answer.said
go

# --- reads that hang in the midst -------------------------------------------------------

disks on 0 r 128 32768 hold
answers "check, beside a log that cannot be read" r check w
is "is not available" "$(cat /tmp/answer.rc)" 10
check "it is named" grep -q 'nbd0 does not answer' /tmp/answer.said
check "it is no damage" eval '! grep -q DAMAGE /tmp/answer.said'
answers "dump" r dump --log w
check "it is named" grep -q 'nbd0 does not answer' /tmp/answer.said
go
disks on 1 r 8 32768 hold
answers "check, beside a home that cannot be read" r check w
is "is not available" "$(cat /tmp/answer.rc)" 10
check "it is named" grep -q 'nbd1 does not answer' /tmp/answer.said
go
check "the store is good" r check w

# --- a suspended device below a store ---------------------------------------------------

r detach z >/dev/null || die "cannot detach"
rm -f /etc/dm-replica/systems.d/w.conf
dmsetup create x --table "0 131072 linear $(dev s1) 0" || die "no x"
r create y --store /dev/mapper/x --disk vda="$(dev d1)" >/dev/null || die "cannot create y"
dmsetup create over --table "0 131072 linear /dev/mapper/x 0" || die "no device over x"
dmsetup suspend x || die "cannot suspend x"
answers "scan, beside a suspended device" r scan
check "it is named" grep -Eq '(dm-[0-9]+|/dev/mapper/x).* suspended' /tmp/answer.said
check "the one over it, too" grep -Eq '/dev/mapper/over.* suspended' /tmp/answer.said
check "the others are found" grep -q '^z ' /tmp/answer.said
answers "status" r status
check "it reports that" grep -q "is suspended" /tmp/answer.said
dmsetup remove over || die "cannot remove over"
answers "attach --all" r attach --all
check "it is named" grep -Eq '/dev/mapper/x is suspended' /tmp/answer.said
is "the one behind it is attached" "$(field z attached)" true
answers "attach of the one" r attach y
is "is refused" "$(cat /tmp/answer.rc)" 10
answers "check" r check y
answers "dump" r dump /dev/mapper/x
dmsetup resume x
check "resumed it attaches" r attach y
kill $monitor
