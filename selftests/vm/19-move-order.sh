#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A commit moves home in the order of places, not in the order of the map: content
# that was written in a row goes home in large writes, by count, also where it takes many
# windows of the mover, and over two disks that were written in turns.
# debug: skip it counts writes; 76-faulty moves home there
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"
ktap_plan 7
load_module
writes() {
	local a b
	read -r -a a <"/sys/block/$(basename "$(dev d0)")/stat"
	read -r -a b <"/sys/block/$(basename "$(dev d1)")/stat"
	echo $((a[4] + b[4]))
}
# As many as the disk makes of plain copying.
before=$(writes)
dd if=/dev/zero of=/dev/vm/d0 bs=1M count=64 oflag=direct status=none || die "cannot write"
plain=$(($(writes) - before))
live=/dev/mapper/m-vda live2=/dev/mapper/m-vdb
make_system m s0 vda=d0 vdb=d1 -- --chunk-size 16K
point m
r failover m >/dev/null || die "cannot fail over"

# 28672 chunks, the mover takes 16384 at a time.
mib=224
check "both disks are written in turns" eval "for ((i = 0; i < mib; i += 8)); do
	'$io' $live w:\${i}M:8M:\$i && '$io' $live2 w:\${i}M:8M:\$((i + 1)) || exit; done"
at_home() { [ "$(field m versions)" = 0 ]; }
before=$(writes)
check "a commit" r commit m --yes
# It stops half-way, and goes on at the same place.
r vacuum m --hold >/dev/null; r vacuum m --release >/dev/null
check "all goes home" wait_for 120 at_home
n=$(($(writes) - before))
# Some are short, where a batch of the mover ends.
most=$((plain * 2 * mib * 5 / 4 / 64))
diag "$n writes for $((2 * mib)) MiB, dd $plain for 64 MiB"
check "in large writes" [ "$n" -le "$most" ]
check "and is there, on one disk" eval "for ((i = 0; i < mib; i += 8)); do
	'$io' /dev/vm/d0 c:\${i}M:8M:\$i || exit; done"
check "and on the other" eval "for ((i = 0; i < mib; i += 8)); do
	'$io' /dev/vm/d1 c:\${i}M:8M:\$((i + 1)) || exit; done"
r detach m >/dev/null || die "cannot detach"
check "the module unloads" unload_module
