#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Superblocks at their worst (R3, R6): a write that fails and yet has landed, its result after
# a crash, a newest copy that cannot be read, and a log that is damaged in the middle where
# only a later block proves that it was durable.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"
. "$(dirname "$0")/hold.sh"

ktap_plan 54
load_module
hold_disks 24 8 8
make_system s /dev/nbd0 vda=/dev/nbd1 vdb=/dev/nbd2 -- --chunk-size 16K
hold s
uuid=$(field s uuid)
rep=/dev/mapper/s-vda-replica live=/dev/mapper/s-vda
"$io" $rep w:0:2M:1 f || die "cannot write"
point s
"$io" $rep w:0:1M:2 f || die "cannot write"
expect_log 'device-mapper: replica: s: superblock write failed'
expect_log 'block nbd0: Other side returned error'
expect_log 'I/O error, dev nbd0'

# asks CODE REQUEST...: the code of the answer, over netlink
code() { "$nl" "$@" | cut -d' ' -f 1-4; }
failed_over() {
	r failover s >/dev/null || die "cannot fail over"
	"$io" $live w:0:512K:3 f || die "cannot write"
}
# A revert happened or it did not; there is no third thing.
is_recovered() { "$io" $live c:0:512K:3 c:512K:1536K:1 && "$io" $rep c:0:1M:2 c:1M:1M:1; }
is_replicating() {
	"$io" $rep c:0:1M:2 c:1M:1M:1 && ! "$io" $live r:0:4K && r failover s &&
		"$io" $live c:0:2M:1 && r revert s --yes --no-wait
}
as_state() {
	case $(field s state) in
	3) is_replicating ;;
	5) is_recovered ;;
	*) r status s; false ;;
	esac
}

# --- it failed, it has landed, it is taken back ---------------------------------

failed_over
disks on 0 w 0 256 land 1
is "a revert whose superblock landed with an error is taken back: 32768" \
	"$(code revert "$uuid")" "errno 5 code 32768"
disks freeze
is "the system is as before" "$(field s state_name)" Recovered
check "with all its content" is_recovered
check "and works on" "$io" $live w:2M:64K:4 f o:$rep w:2M:64K:4 f
check "after a power failure just then" crash s
is "it is as before, too" "$(field s state_name)" Recovered
check "the failed operation did not come back" is_recovered
hold s

# The power fails while it is uncertain.  No operation is acknowledged meanwhile.
disks on 0 w 0 256 land 1
disks on 0 w 0 256 hold
beside revert "$nl" revert "$uuid"
await_held 1
beside flush "$io" $rep w:3M:64K:5 f
check "while it is in doubt the operation is not answered" still_out revert
# W3: its log block refers to the superblock before.
check "a flush does not wait for that" went_well flush
disks freeze
go
check "it was taken back" went_well revert
is "and reported so" "$(cut -d' ' -f 1-4 /tmp/revert.said)" "errno 5 code 32768"
check "after a power failure in between" crash s
check "the revert happened or it did not" as_state
check "what was flushed meanwhile is there" "$io" $rep c:3M:64K:5
diag "state $(field s state) after it"
hold s
[ "$(field s state)" = 5 ] || failed_over

# --- it failed, it has landed, and so has the write that takes it back ----------------

expect_log 'device-mapper: replica: s: critical: a superblock could not be written'
# doubt NAME: the system is critical now: nothing is acknowledged, nothing freed.
doubt() {
	is "$1: 32771" "$(code revert "$uuid")" "errno 121 code 32771"
	disks off
	is "$1: the system is Critical" "$(field s state)" 8
	used=$(field s slots_used)
	sum=$("$io" /dev/nbd0 h:4M:20M)
	check_fails "$1: no write is acknowledged" "$io" $rep w:0:4K:9
	check_fails "$1: no flush" "$io" $rep f
	check_fails "$1: no write of the guest" "$io" $live w:0:4K:9
	check "$1: what is intact is read" "$io" $rep c:0:1M:2 c:1M:1M:1
	is "$1: nothing else is done" "$(code point-new "$uuid")" "errno 121 code 32771"
	release s
	sleep 2
	is "$1: no slot was freed or written" "$(field s slots_used) $("$io" /dev/nbd0 h:4M:20M)" "$used $sum"
	{ r detach s && r attach s; } >/dev/null || die "cannot attach"
	diag "state $(field s state) after it"
}
disks on 0 w 0 256 land
doubt "both landed"
check "after detach and attach the revert happened or it did not" as_state
hold s
[ "$(field s state)" = 5 ] || failed_over

disks on 0 w 0 256 land 1
disks on 0 w 0 256 fail
doubt "the second did not land"
check "after detach and attach the revert happened or it did not" as_state
hold s
[ "$(field s state)" = 5 ] || failed_over

disks on 0 w 0 256 fail 1
disks on 0 w 0 256 land
doubt "the second did alone"
check "after detach and attach the revert happened or it did not" as_state
hold s
[ "$(field s state)" = 5 ] || failed_over
check "in the end a revert is done" r revert s --yes --no-wait

# --- a copy that cannot be read ------------------------------------------------------

# By its checksum the older one would do; but it may be from before an acknowledged operation.
r detach s >/dev/null || die "cannot detach"
newest=$(r dump /dev/nbd0 --json | sed -n 's/.*"in_force": "\(.\)".*/\1/p')
diag "copy $newest is in force"
at=0
[ "$newest" = A ] || at=128
# module_refuses: the module refuses a table, and changes nothing.
module_refuses() {
	disks counts 0
	local before=$disks_said
	if dmsetup create direct --table "0 16384 replica /dev/nbd0 0 /dev/nbd1" 2>/dev/null; then
		dmsetup remove direct
		return 1
	fi
	disks counts 0
	[ "${disks_said#* }" = "${before#* }" ]
}
expect_log 'device-mapper: (table|ioctl|replica):'
# shellcheck disable=SC2034 # refused reads it
watched=''
for which in newest older; do
	disks off
	disks on 0 r $at $((at + 128)) fail
	refused "attach with the $which copy unreadable" 32771 "cannot be read.*nothing was changed" r attach s
	check "the module refuses it, too, and writes nothing" module_refuses
	at=$((128 - at))
done
disks off
check "readable again it attaches" r attach s
hold s

# --- a log block that is damaged in the middle -----------------------------------------

read -r _ durable <<<"$("$store_tool" /dev/nbd0 log-range)"
for n in 0 1 2 3; do
	"$io" $rep w:$((4 + n))M:64K:6 f || die "cannot write"
done
disks freeze
r detach s >/dev/null || die "cannot detach"
disks thaw
read -r _ now <<<"$("$store_tool" /dev/nbd0 log-range)"
is "no superblock knows of the last log blocks" "$now" "$durable"
"$store_tool" /dev/nbd0 log-tear $((durable + 2)) || die "cannot patch"
# shellcheck disable=SC2034
watched='/dev/nbd0:4M /dev/nbd1:8M'
refused "a log block damaged between two good ones: the log is not cut short there" 32768 \
	"damaged.*log block $((durable + 2)).*nothing was changed; replicactl check" r attach s
check "the module refuses it, too, and writes nothing" module_refuses
"$store_tool" /dev/nbd0 log-tear $((durable + 2)) || die "cannot patch"
check "undamaged it attaches" r attach s --accept-older
check "and all is there" "$io" $rep c:4M:64K:6 c:5M:64K:6 c:6M:64K:6 c:7M:64K:6
r detach s >/dev/null || die "cannot detach"
check "check finds nothing wrong" r check /dev/nbd0
check "the module unloads" unload_module
