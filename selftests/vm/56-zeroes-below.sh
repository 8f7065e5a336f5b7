#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Devices below that take no write-zeroes (a ramdisk, dm-crypt, nbd), or offer them and
# refuse: zeroes are exact all the same, take no slot, and are durable when a flush has
# succeeded.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"
. "$(dirname "$0")/hold.sh"

ktap_plan 35
load_module
hold_disks 24 32 16,nofua
for n in 0 1 2; do
	[ "$(cat /sys/block/nbd$n/queue/write_zeroes_max_bytes)" = 0 ] || die "nbd$n takes them"
done
make_system z /dev/nbd0 vda=/dev/nbd1 vdb=/dev/nbd2
hold z
offered() {
	local dev bytes
	for dev in $(dmsetup info -c --noheadings -o blkdevname,name | sed -n "s/:$1-vd.*//p"); do
		bytes=$(cat "/sys/block/$dev/queue/write_zeroes_max_bytes")
		[ "$bytes" = $((0xffffffff / 512 * 512)) ] || { echo "$dev: $bytes"; return 1; }
	done
	[ -n "$dev" ]
}
no_slots() { is "$1: no slots" "$(field z slots_used)" 0; }

check "all six devices offer write-zeroes" offered z
for d in vda vdb; do
	rep=/dev/mapper/z-$d-replica
	"$io" $rep w:0:8M:1 f || die "cannot write"
	check "$d: zeroes straight home" "$io" $rep z:64K:4M z:6M:4K z:7M:1024 f
	check "$d: are exact" "$io" $rep c:0:64K:1 n:64K:4M c:4160K:1M:1 n:6M:4K c:6148K:512K:1 \
		n:7M:1024 c:7169K:512K:1
done
no_slots "straight home"
check "they are at home" "$io" /dev/nbd1 n:64K:4M n:7M:1024
disks freeze
check "and were durable: after a power failure" crash z
hold z
for d in vda vdb; do
	check "$d: they are there" "$io" /dev/mapper/z-$d-replica n:64K:4M n:7M:1024 c:7169K:512K:1
done

rep=/dev/mapper/z-vda-replica live=/dev/mapper/z-vda
point z
check "16 MiB of zeroes, with a point" "$io" $rep z:0:16M f
no_slots "with a point"
r failover z >/dev/null || die "cannot fail over"
check "a guest's zeroes" "$io" $live n:64K:4M c:0:64K:1 z:0:16M f n:0:16M
no_slots "failed over"
check "not through the kernel: fallocate" fallocate -z -n -o 0 -l 16M $live
no_slots "by fallocate"
again() { dmsetup suspend "$1" && dmsetup load "$1" --table "$(dmsetup table "$1")" && dmsetup resume "$1"; }
(dmsetup suspend z-vda && dmsetup resume z-vda) || die "cannot suspend"
again z-vdb || die "cannot load"
check "offered after suspend and reload, too" offered z
release z
r commit z --yes >/dev/null || die "cannot commit"
check "moved home: zeroes" "$io" /dev/nbd1 n:0:16M
check "straight home again, by the guest" "$io" $live w:1M:1M:5 z:1M:512K f n:1M:512K c:1536K:512K:5
r detach z >/dev/null || die "cannot detach"

# From the middle of a block, long requests, while a point is made: a worker writes zeroes
# home in pieces, and what waits for its turn is zeroed in the next epoch, chunk by chunk; only
# blocks that are not whole take a slot (R1, R12, R15).  A device zeroes one range at a time,
# so each range has a device of its own above the replica.
rm -f /etc/dm-replica/systems.d/z.conf
make_system y /dev/nbd0 vda=/dev/nbd1 vdb=/dev/nbd2 -- --force --chunk-size 16K
rep=/dev/mapper/y-vda-replica
"$io" $rep w:0:8M:7 w:8M:8M:7 w:16M:8M:7 f || die "cannot write"
disks on 1 w 0 65536 hold
for ((i = 0; i < 60; i++)); do
	dmsetup create above$i --table "0 65536 linear $rep 0" || die "no dm"
	beside zeroes$i "$io" /dev/mapper/above$i z:32256:20M f
done
check "zeroes of many chunks, the first at home hangs" await_held 1
# Not the ten seconds that a point has by itself: all of them end within its time.
beside point r recovery-point create y --timeout 600
begun() { [ "$(json state job show y "$(job_of y 70)")" = 3 ]; }
check "a point begins meanwhile" wait_for 10 begun
# Its epoch is in force when it waits for the writes of the last one.
check "and waits for them" wait_for 60 drains dmr_op_point
go
check "the zeroes are written" all_well zeroes{0..59}
check "and the point made" went_well point 600
slots=$(field y slots_used)
diag "$slots slots, $(field y versions) versions"
check "two blocks of each request, at most, have taken a slot" [ "$slots" -le 42 ]
check "and nothing else is zero" "$io" $rep c:0:28K:7 n:32256:8M n:8420864:8M n:16809472:4M c:21003776:512K:7
for ((i = 0; i < 60; i++)); do
	dmsetup remove above$i || die "cannot remove"
done
r detach y >/dev/null || die "cannot detach"

# A file without extents takes no FALLOC_FL_ZERO_RANGE, which the loop device above
# learns when it tries.
mkfs.ext4 -q -O ^extents,^64bit,^metadata_csum,^huge_file /dev/vm/d0 || die "no file system"
mkdir -p /mnt/z
mount /dev/vm/d0 /mnt/z || die "cannot mount"
truncate -s 32M /mnt/z/home || die "no file"
modprobe loop 2>/dev/null
home=$(losetup --find --show --direct-io=off /mnt/z/home) || die "no loop"
diag "$home offers $(cat /sys/block/"$(basename "$home")"/queue/write_zeroes_max_bytes)"
"$io" "$home" w:0:1M:1 f || die "cannot write"
make_system z2 /dev/vm/s0 vda="$home"
hold z2
expect_log 'operation not supported error, dev loop[0-9]+, .*WRITE_ZEROES'
rep=/dev/mapper/z2-vda-replica
check "a home that may refuse: zeroes" "$io" $rep w:0:8M:2 f z:64K:4M z:6M:512 f
check "are exact" "$io" $rep c:0:64K:2 n:64K:4M c:4160K:1M:2 n:6M:512 c:6291968:256K:2
is "take no slots" "$(field z2 slots_used)" 0
check "and are offered still" offered z2
check "by fallocate, too" fallocate -z -n -o 0 -l 8M $rep
is "no device error is counted" "$(field z2 health_name)" Warning
check "a discard" "$io" $rep t:0:8M f
check "and one more" "$io" $rep z:0:8M n:0:8M
r detach z2 >/dev/null || die "cannot detach"
check "the module unloads" unload_module
