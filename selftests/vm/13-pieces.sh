#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Long requests: exact counts of the pieces in which discards and zeroes go through, and of the
# flushes and writes of one log commit of many blocks.
# vm: --disk st=512M --disk home=256M
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"

ktap_plan 15
load_module
no_merges /dev/vm/*

# below NAME WANT FIELD COMMAND...: COMMAND succeeds and causes so many I/Os at home; FIELD is
# that of /sys/block/*/stat: 4 writes, zeroes among them, 11 discards.
below() {
	local name=$1 want=$2 field=$3 before after
	shift 3
	read -r -a before <"/sys/block/$(basename "$home")/stat"
	"$@" || diag "$* failed"
	read -r -a after <"/sys/block/$(basename "$home")/stat"
	is "$name" $((after[field] - before[field])) "$want"
}

# A loop device takes any length as one request; a disk of the machine may not.
mkfs.ext4 -q /dev/vm/home || die "no file system"
mkdir -p /mnt/h
mount /dev/vm/home /mnt/h || die "cannot mount"
truncate -s 512M /mnt/h/home || die "no file"
modprobe loop 2>/dev/null
home=$(losetup --find --show --direct-io=off /mnt/h/home) || die "no loop"
echo 2 >"/sys/block/$(basename "$home")/queue/nomerges"
make_system p st vda="$home" -- --chunk-size 16K --force
hold p
rep=/dev/mapper/p-vda-replica live=/dev/mapper/p-vda
"$io" $rep w:0:4M:1 w:60M:8M:1 f || die "cannot write"
below "zeroes straight home, a piece for each 1,024 chunks" 4 4 "$io" $rep z:0:64M
check "are exact" "$io" $rep n:0:8M n:56M:8M c:64M:4M:1
below "a discard, the same" 8 11 "$io" $rep t:64M:128M
below "of no whole pieces" 3 11 "$io" $rep t:193M:33M

# One log commit: 8,000 records, 126 to a block.
point p
r failover p >/dev/null || die "cannot fail over"
budget "8,000 first writes: one write each" \
	"st 0 0 8000 64000 0" -- "$io" $live m:0:16K:4K:8000:3
# The first 63 blocks are one write, which a disk may split.
counts st start
check "their records go to the log" "$io" $live f
counts st end
read -r _ _ writes sectors flushes <<<"$(stat_diff "$start" "$end")"
diag "$writes writes"
is "64 blocks, a flush before them and one with the last: flushes, sectors" "$flushes $sectors" "3 512"
check "detach" r detach p
check "check finds nothing wrong" r check p
check "attach" r attach p
is "all versions are there" "$(field p versions)" 8000
hold p
check "and their data" "$io" $live c:0:4K:3 c:64M:4K:3 c:$((7999 * 16))K:4K:3

# With versions: pieces of a chunk, in memory alone.
check "zeroes of 128 MiB over the failover" "$io" $live z:0:128M f n:0:8M n:60M:8M n:120M:8M
r revert p --yes >/dev/null || die "cannot revert"
r detach p >/dev/null || die "cannot detach"
check "check finds nothing wrong" r check p
check "the module unloads" unload_module
