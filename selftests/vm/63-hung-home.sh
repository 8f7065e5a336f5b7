#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A home that hangs holds up what needs it, and nothing else: flushes of other disks and
# of devices that have not written there, points beyond their time limit, operations behind a
# suspend, writes while the views settle or a hot chunk is held (R2, R5, R12, R15).  The order
# of events shows it: what must not wait ends before the home goes on.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"
. "$(dirname "$0")/hold.sh"

ktap_plan 69
load_module
hold_disks 64 16 16 16,nofua
make_system w /dev/nbd0 vda=/dev/nbd1 vdb=/dev/nbd2 vdc=/dev/nbd3 -- --chunk-size 16K
hold w
repa=/dev/mapper/w-vda-replica repb=/dev/mapper/w-vdb-replica a=/dev/mapper/w-vda b=/dev/mapper/w-vdb
repc=/dev/mapper/w-vdc-replica
write() { "$io" "$@" || die "cannot write"; }
n=0
# ends NAME COMMAND...: it does, and well, while what is held is held.
ends() {
	beside "end$((n += 1))" "${@:2}"
	check "$1" went_well "end$n" 20
}
# flushes DISK: so far.
flushes() {
	disks counts "$1"
	echo "${disks_said##* }"
}
write $repa w:0:64K:1 f o:$repb w:0:64K:1 f

# --- direct writes: a flush needs the home of its own disk ------------------------------------

before=$(flushes 2)
write $repb w:0:4K:2
disks on 2 f 0 0 hold
beside first "$io" $repb f
await_held 1
ends "a flush of another disk, whose home was written to" "$io" $repa w:0:4K:2 f
ends "and of one with nothing to flush" "$io" $repa f
ends "a write with FUA, behind which the flush is ours" "$io" $repc "d:$repc" w:0:4K:2
check "the disk whose home hangs waits" still_out first
# Another flush that the one in flight covers, and one that it does not.
beside covered "$io" $repb f
check "so does a second flush of it" still_out covered
ends "a write there goes on" "$io" $repb w:4K:4K:2
beside behind "$io" $repb f
check "its flush does not end" still_out behind
disks go f
check "when the first ends, so does what it covers" all_well first covered
check "but not a flush behind a later write" still_out behind
check "for which another one follows" wait_for 30 held 1
check "that hangs, too" still_out behind
go
check "which ends with one of its own" went_well behind
is "that were two flushes of the home for three" $(($(flushes 2) - before)) 2
disks on 3 f 0 0 hold
beside fua "$io" $repc "d:$repc" w:0:4K:3
await_held 1
check "a write with FUA waits for its own home" still_out fua
go
check "and ends with it" went_well fua

# --- a point, and operations behind it ------------------------------------------------------------

write $repb w:0:4K:3
disks on 2 f 0 0 hold
beside point r recovery-point create w --timeout 2
check "a point of a home that hangs ends by its time limit" wait_for 30 ended point
is "with 32772" "$(cat /tmp/point.rc)" 5
check "the reason is the home" grep -q 'home could not be flushed in time' /tmp/point.said
check "the home still hangs" held 1
is "no point was made" "$(field w points)" 0
ends "the next operation is not held up" r settings w --keep-last 3
# What the store has of a disk is flushed, its home is not: the others do not wait.
beside late "$io" $repb w:64K:4K:3 f
check "a flush that needs store and home waits" still_out late
ends "nor are writes and flushes of the other disk" "$io" $repa w:64K:16K:3 f
beside point r recovery-point create w --timeout 60
check "another point waits" still_out point
go
check "and is made when the home goes on" went_well point
check "the flush ends, too" went_well late
check "all is there" "$io" $repa c:0:4K:2 c:4K:60K:1 c:64K:16K:3 o:$repb c:0:4K:3 c:4K:4K:2 c:64K:4K:3

# --- views that settle ------------------------------------------------------------------------------

home_written() {	# DISK IO...: does it write to that home?
	local disk=$1 was now
	disks counts "$disk"
	was=${disks_said#* }
	"$io" "${@:2}" || return
	disks counts "$disk"
	now=${disks_said#* }
	[ "${now%% *}" -gt "${was%% *}" ]
}
moved() { [ "$(field w versions)" = 0 ]; }
r recovery-point drop w 1 --yes >/dev/null || die "cannot drop"
release w
check "without points all moves home" wait_for 60 moved
check "and writes go there directly" wait_for 30 home_written 1 $repa w:256K:4K:4
check "which ends with a point" wait_for 60 point w
check_fails "then they do not" home_written 1 $repa w:272K:4K:4
r recovery-point drop w 2 --yes >/dev/null || die "cannot drop"
check "it goes home" wait_for 60 moved
point w
disks on 2 r 4096 8192 hold
beside reader "$io" $repb r:4M:4K
await_held 1
r recovery-point drop w 3 --yes >/dev/null || die "cannot drop"
for ((i = 1; i <= 3; i++)); do
	ends "beside a read of the other disk that hangs: an operation" r settings w --keep-last $i
	ends "and writes to untouched ground" "$io" $repa m:$((i * 512))K:16K:4K:8:5 f
done
check "direct ones, before that read has ended" wait_for 30 home_written 1 $repa w:2M:4K:5
ends "merges, too" "$io" $repa w:2052K:512:5 w:2176K:512:5 w:2177K:4K:6 w:2180K:1K:7 f
check "the read still hangs" held 1
go
check "it ends" went_well reader
settled() { "$io" $repa c:512K:4K:5 c:2M:4K:5 c:2052K:512:5 c:2176K:512:5 c:2177K:3K:6 c:2180K:1K:7; }
check "all is there" settled
release w
check "and at home in the end" wait_for 60 moved
check "where it is the same" settled
hold w

# --- a device that has not written there -----------------------------------------------------------

point w
write $repa w:0:64K:4 f
point w
r recovery-point drop w 4 --yes >/dev/null || die "cannot drop"
r failover w >/dev/null || die "cannot fail over"
disks on 1 f 0 0 hold
release w
await_held 1	# copies of the first point's blocks are flushed
ends "a flush of a failover device, beside that of copies home" "$io" $a w:128K:64K:5 f
ends "of replication" "$io" $repa w:192K:16K:5 f
ends "a point" r recovery-point create w --timeout 30
check "the copies still wait" held 1
go

# --- a suspend ----------------------------------------------------------------------------------------

hold w
r commit w --yes --no-wait >/dev/null || die "cannot commit"
release w
check "all moves home" wait_for 60 moved
wait_for 30 home_written 2 $b w:1M:4K:6 || die "no direct writes"
table=$(dmsetup table w-vdb)
write $b w:0:4K:6
for d in w-vdb-test w-vdb-replica; do
	dmsetup suspend --noflush --nolockfs $d || die "cannot suspend"
done
disks on 2 f 0 0 hold
beside suspend dmsetup suspend --noflush --nolockfs w-vdb
await_held 1
check "a suspend waits for the flush of its home" still_out suspend
beside op r settings w --keep-last 4
check "an operation is answered meanwhile" wait_for 20 ended op
is "a disk is not attached: 32777" "$(cat /tmp/op.rc)" 10
ends "and the flush of another disk" "$io" $a w:256K:16K:6 f
go
check "then the device is suspended" went_well suspend
for d in w-vdb-replica w-vdb w-vdb-test; do dmsetup resume $d || die "cannot resume"; done
is "and resumed with its table" "$(dmsetup table w-vdb)" "$table"
check "its flushes go on" "$io" $b w:0:4K:7 f
r detach w >/dev/null || die "cannot detach"
rm -f /etc/dm-replica/systems.d/w.conf

# --- a hot chunk on its way home -------------------------------------------------------------------------

make_system x /dev/nbd0 vda=/dev/nbd1 vdb=/dev/nbd2 -- --chunk-size 16K --force
hold x
slots=$(r dump /dev/nbd0 | sed -n 's/^ *slots *\([0-9]*\) to.*/\1/p' | head -n 1)
slots="$((slots * 16)) 65536"	# KiB
a=/dev/mapper/x-vda b=/dev/mapper/x-vdb
point x
r failover x >/dev/null || die "cannot fail over"
write $a w:128K:16K:1 f
r commit x --yes --no-wait >/dev/null || die "cannot commit"
# It is written to during each of three copies, so that the next attempt holds it.
disks on 1 w 128 144 hold
release x
for i in 2 3 4; do
	await_held 1
	if [ $i = 4 ]; then
		disks off
		disks on 2 r 4096 8192 hold
		beside reader "$io" $b r:4M:4K
		await_held 2
	fi
	write $a w:132K:4K:$i
	disks go w
done
sleep 2
is "a chunk that is written to stays" "$(field x versions)" 1
ends "beside a read of the other disk that hangs it is written to" "$io" $a m:132K:4K:4K:3:5 f
# The data of one more write is kept back below, and the read ends.
disks on 0 w "$slots" hold 1
beside hit "$io" $a w:132K:4K:6
await_held 2
disks go r
check "the read ends" went_well reader
check "the write does not" still_out hit
is "and its chunk stays" "$(field x versions)" 1
ends "another block of it can be written" "$io" $a w:140K:4K:7
go
check "the write ends" went_well hit
gone_home() { [ "$(field x versions)" = 0 ]; }
check "then the chunk goes home" wait_for 60 gone_home
hot() { "$io" $a c:128K:4K:1 c:132K:4K:6 c:136K:4K:5 c:140K:4K:7; }
check "with the last write" hot

# --- a detach: a home that takes no REQ_NOWAIT, and has no free request -------------------------------

r detach x >/dev/null || die "cannot detach"
modprobe dm-delay || die "no dm-delay"
dmsetup create late --table "0 32768 delay /dev/nbd2 0 0" || die "no device over nbd2"
echo 4 >/sys/block/nbd2/queue/nr_requests || die "nr_requests"
r create y --force --store /dev/nbd0 --disk vda=/dev/mapper/late >/dev/null 2>&1 || die "cannot create y"
r attach y >/dev/null || die "cannot attach y"
disks on 2 r 0 16384 hold
expect_log "no fingerprint of the home"
ends "a detach" r detach y
check "all requests of the device are out" held 4
go
check "its reads end, and it is closed" wait_for 30 dmsetup remove late
