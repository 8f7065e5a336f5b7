#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Large I/O is not split at chunks: counts of I/Os below, no timing.
# runs on: 6.12 (a user-mode kernel's disks take 64 segments, and split it themselves)
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"
load_module "$@"
ktap_plan 4

live=/dev/mapper/b-vda
rep=/dev/mapper/b-vda-replica
no_merges /dev/vm/*
make_system b s0 vda=d0
hold b
point b
r failover b >/dev/null || die "cannot fail over"

# The same large reads through dm-linear over a disk like the home, from the same memory.
dmsetup create flat --table "0 $(blockdev --getsz /dev/vm/d1) linear /dev/vm/d1 0" || die "dmsetup"
at_exit dmsetup remove flat
reads() {	# DEVICE DISK: I/Os that an 8 MiB read at 64 MiB causes at the disk
	"$io" /dev/mapper/flat r:64M:8M "x:cat /sys/block/$2/stat" o:"$1" r:64M:8M \
		"x:cat /sys/block/$2/stat" | awk '{ print $1 - was, $3 - sectors; was = $1; sectors = $3 }' |
		tail -n 1
}
d0=$(basename "$(dev d0)")
flat=$(reads /dev/mapper/flat "$(basename "$(dev d1)")")
for d in $live $rep; do
	got=$(reads "$d" "$d0")
	diag "8 MiB read of untouched ground by $(basename "$d"): $got (I/Os and sectors at home); by dm-linear: $flat"
	is "8 MiB read of untouched ground by $(basename "$d") as by dm-linear" "$got" "$flat"
done

# A first 1 MiB write: one store write per run of adjacent slots.
tracing=/sys/kernel/tracing
mount -t tracefs nodev $tracing 2>/dev/null
runs() {	# DEVICE OFFSET: prints store writes, their sectors and runs of slots
	local before after
	echo 1 >$tracing/events/dm_replica/dmr_version_made/enable
	echo >$tracing/trace
	before=$(stat_of /dev/vm/s0)
	"$io" "$1" "w:$2:1M" || die "cannot write"
	after=$(stat_of /dev/vm/s0)
	echo 0 >$tracing/events/dm_replica/dmr_version_made/enable
	# shellcheck disable=SC2046
	set -- $(stat_diff "$before" "$after")
	sed -n 's/.*chunk=\([0-9]*\).* slot=\([0-9]*\)/\1 \2/p' $tracing/trace | sort -n |
		awk -v w="$3" -v s="$4" '!NR || $2 != last + 1 { n++ } { last = $2 } END { print w, s, n }'
}
for d in $live $rep; do
	# shellcheck disable=SC2046
	set -- $(runs "$d" 32M)
	diag "first 1 MiB write by $(basename "$d"): $1 store writes, $2 sectors, $3 runs of adjacent slots"
	is "first 1 MiB write by $(basename "$d"): a write per run" "$1 $2" "$3 2048"
	[ "$3" -le 2 ] || diag "the slots of 16 chunks are in $3 runs"
done
r detach b >/dev/null || die "cannot detach"
unload_module
