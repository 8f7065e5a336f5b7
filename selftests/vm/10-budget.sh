#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The cost of an operation in I/Os below: exact counts, no timing.
# vm: --disk st=3G --disk big=2G
# vm: --disk h00=128M --disk h01=128M --disk h02=128M --disk h03=128M
# vm: --disk h04=128M --disk h05=128M --disk h06=128M --disk h07=128M
# vm: --disk h08=128M --disk h09=128M --disk h10=128M --disk h11=128M
# vm: --disk h12=128M --disk h13=128M --disk h14=128M --disk h15=128M
# debug: skip it counts I/Os, which are the same on every kernel, of 200,000 chunks
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"
load_module "$@"
ktap_plan 40

live=/dev/mapper/b-vda
rep=/dev/mapper/b-vda-replica
no_merges /dev/vm/*

# One chunk of 64 KiB per megabyte or more, so that each step meets untouched ground; in a
# tuple: reads sectors writes sectors flushes.
make_system b s0 vda=d0 vdb=d1
hold b

budget "before any point a replica write goes straight home" \
	"s0 0 0 0 0 0" "d0 0 0 1 8 0" -- "$io" $rep w:1M:4K
budget "and a flush is one of home" \
	"s0 0 0 0 0 0" "d0 0 0 1 0 1" "d1 0 0 0 0 0" -- "$io" $rep f
budget "so is a first one after an attach, after any last writer" \
	"s0 0 0 0 0 0" "d0 0 0 0 0 0" "d1 0 0 1 0 1" -- "$io" /dev/mapper/b-vdb-replica f
"$io" $rep w:2M:4K || die "cannot write"
budget "a first point: one superblock, a flush of the home written directly" \
	"s0 0 0 1 8 1" "d0 0 0 1 0 1" "d1 0 0 0 0 0" -- r recovery-point create b
budget "a point of nothing: one superblock" \
	"s0 0 0 1 8 1" "d0 0 0 0 0 0" "d1 0 0 0 0 0" -- r recovery-point create b

budget "replica, first write after a point: one write" \
	"s0 0 0 1 8 0" "d0 0 0 0 0 0" -- "$io" $rep w:3M:4K
budget "replica, rewrite: one write" \
	"s0 0 0 1 8 0" "d0 0 0 0 0 0" -- "$io" $rep w:3M:4K
budget "replica, first write and fsync: data, log with its flush" \
	"s0 0 0 2 16 2" "d0 0 0 0 0 0" -- "$io" $rep w:4M:4K f
budget "replica, rewrite and fsync: data, a flush, no log" \
	"s0 0 0 2 8 1" "d0 0 0 0 0 0" -- "$io" $rep w:4M:4K f
"$io" $rep w:5M:4K || die "cannot write"
budget "a point over a version: one log commit, one superblock, nothing copied" \
	"s0 0 0 2 16 3" "d0 0 0 0 0 0" "d1 0 0 0 0 0" -- r recovery-point create b
budget "replica, first write after the next point: one write again" \
	"s0 0 0 1 8 0" "d0 0 0 0 0 0" -- "$io" $rep w:3M:4K

budget "initiate: one superblock" \
	"s0 0 0 1 8 1" "d0 0 0 0 0 0" "d1 0 0 0 0 0" -- r failover b
budget "first write: one write" \
	"s0 0 0 1 8 0" "d0 0 0 0 0 0" -- "$io" $live w:10M:4K
budget "rewrite: one write" \
	"s0 0 0 1 8 0" "d0 0 0 0 0 0" -- "$io" $live w:10M:4K
budget "another block of the chunk: one write" \
	"s0 0 0 1 8 0" "d0 0 0 0 0 0" -- "$io" $live w:10248K:4K
"$io" $live f || die "cannot flush"
budget "first write and fsync: data, log with its flush" \
	"s0 0 0 2 16 2" "d0 0 0 0 0 0" -- "$io" $live w:11M:4K f
budget "rewrite and fsync: data, a flush, no log" \
	"s0 0 0 2 8 1" "d0 0 0 0 0 0" -- "$io" $live w:11M:4K f
budget "first write with O_DSYNC: data, log with its flush" \
	"s0 0 0 2 16 2" "d0 0 0 0 0 0" -- "$io" $live d:$live w:12M:4K
budget "fsync of nothing: a flush at most" \
	"s0 0 0 0 0 0" "d0 0 0 0 0 0" -- "$io" $live f
budget "32 first writes and fsync: one log block" \
	"s0 0 0 33 264 2" "d0 0 0 0 0 0" -- "$io" $live m:128M:64K:4K:32 f
budget "first write of a whole chunk: one write" \
	"s0 0 0 1 128 0" "d0 0 0 0 0 0" -- "$io" $live w:13M:64K

budget "untouched read: one read of the same size at home" \
	"s0 0 0 0 0 0" "d0 1 8 0 0 0" -- "$io" $live r:20M:4K
budget "untouched read of 64 KiB" \
	"s0 0 0 0 0 0" "d0 1 128 0 0 0" -- "$io" $live r:20512K:64K
budget "read of written data: one read of the slot" \
	"s0 1 8 0 0 0" "d0 0 0 0 0 0" -- "$io" $live c:10M:4K:0

budget "512 bytes into an untouched block: one read, one write of 4 KiB" \
	"s0 0 0 1 8 0" "d0 1 8 0 0 0" -- "$io" $live w:22M:512
budget "512 bytes again: one write of 512 bytes" \
	"s0 0 0 1 1 0" "d0 0 0 0 0 0" -- "$io" $live w:23069184:512
budget "replica, 512 bytes into an untouched block: the same" \
	"s0 0 0 1 8 0" "d0 1 8 0 0 0" -- "$io" $rep w:22M:512
budget "replica, 512 bytes again: one write of 512 bytes" \
	"s0 0 0 1 1 0" "d0 0 0 0 0 0" -- "$io" $rep w:23069184:512

budget "revert: one superblock" \
	"s0 0 0 1 8 1" "d0 0 0 0 0 0" "d1 0 0 0 0 0" -- r revert b --yes --no-wait
r detach b >/dev/null || die "cannot detach"

# many NAME STORE VERSIONS-PER-DISK DISK...: operations with nothing dirtied and with
# 100,000 versions.
many() {
	local name=$1 per=$2 disks=() quiet=() sb d seq=() start
	shift 2
	for d; do
		disks+=("v${d}=$d")
		quiet+=("$d 0 0 0 0 0")
	done
	make_system "$name" st "${disks[@]}" -- --chunk-size 16K --force
	hold "$name"
	point "$name"
	# A superblock has one length for this number of disks and few points.
	sb=$(r dump /dev/vm/st --json 2>/dev/null | sed -n 's/^ *"length": *\([0-9]*\),*/\1/p' | head -n 1)
	sb=$((sb / 512))
	budget "disks: $#, nothing dirtied: initiate is one superblock" \
		"st 0 0 1 $sb 1" "${quiet[@]}" -- r failover "$name"
	budget "disks: $#, nothing dirtied: revert is one superblock" \
		"st 0 0 1 $sb 1" "${quiet[@]}" -- r revert "$name" --yes --no-wait
	r failover "$name" >/dev/null || die "cannot fail over"
	for d; do
		seq+=("o:/dev/mapper/$name-v$d" "m:0:16K:4K:$per")
	done
	start=$(date +%s)
	"$io" "/dev/mapper/$name-v$1" "${seq[@]}" || die "cannot write"
	diag "writing to $((per * $#)) chunks took $(($(date +%s) - start)) s"
	is "disks: $#: $((per * $#)) versions" "$(field "$name" versions)" $((per * $#))
	budget "disks: $#, $((per * $#)) versions: revert is one superblock" \
		"st 0 0 1 $sb 1" "${quiet[@]}" -- r revert "$name" --yes --no-wait
	budget "disks: $#, $((per * $#)) versions in the map: initiate is one superblock" \
		"st 0 0 1 $sb 1" "${quiet[@]}" -- r failover "$name"
	r detach "$name" >/dev/null || die "cannot detach $name"
}
many one 100000 big
many sixteen 6250 h00 h01 h02 h03 h04 h05 h06 h07 h08 h09 h10 h11 h12 h13 h14 h15

check "the module unloads" unload_module
