#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Safety rules that no other test looks at, as far as they show in counts and in a
# log that goes round: see Documentation/rules-and-tests.md.
# vm: --disk st=16M --disk h=16M --disk copy=16M
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"

ktap_plan 14
load_module
no_merges /dev/vm/*

# A store of two hundred slots, with a ring of some 530 blocks.
make_system p st vda=h
rep=/dev/mapper/p-vda-replica
hold p
"$io" $rep f || die "cannot flush"
budget "R2: O_DSYNC straight home: a write, and a flush behind it" \
	"st 0 0 0 0 0" "h 0 0 2 8 1" -- "$io" $rep d:$rep w:0:4K:1
"$io" $rep w:0:1M:1 || die "cannot write"
budget "R15: a point flushes the home that was written directly" \
	"st 0 0 1 8 1" "h 0 0 1 0 1" -- r recovery-point create p
"$io" $rep w:0:4K:2 || die "cannot write"
budget "R2: O_DSYNC over data not yet durable: data, log with its flush" \
	"st 0 0 2 16 2" -- "$io" $rep d:$rep w:0:4K:3
budget "R2: and over durable data: data, a flush behind it, no log" \
	"st 0 0 2 8 1" -- "$io" $rep d:$rep w:0:4K:4
budget "R2: two log blocks: a flush before the first, the second with its own" \
	"st 0 0 163 1296 3" -- "$io" $rep m:1M:64K:4K:160:2 f
release p

# Both superblocks carry an edit before the versions that it killed are taken apart (R3).
r failover p >/dev/null || die "cannot fail over"
"$io" /dev/mapper/p-vda w:0:64K:7 f || die "cannot write"
check "R3: a revert, and all of it reclaimed" r revert p --yes
is "R3: no version is left of it" "$(field p vacuum_pending)" 0
for copy in 0 1; do
	# Not to a file: a tmpfs of 6.1 has no direct I/O.
	dd if=/dev/vm/st of=/dev/vm/copy bs=1M iflag=direct oflag=direct 2>/dev/null || die "dd"
	"$store_tool" /dev/vm/copy tear $copy || die "cannot patch"
	is "R3: with superblock $copy lost the revert is still done" \
		"$(json state dump /dev/vm/copy)" 3
done

# Each pair of records of one chunk takes two blocks of the log; chunk 0 was written
# once, long ago.
round() {
	local i steps=()
	for ((i = 0; i < 350; i++)); do
		steps+=(w:768K:4K:5 f z:768K:4K f)
	done
	"$io" $rep "${steps[@]}"
}
check "R7: 700 commits" round
check "R7: and 700 more" round
r detach p >/dev/null || die "cannot detach"
check "R7: check finds nothing wrong" r check p
r attach p >/dev/null || die "cannot attach"
check "R7: the log has gone round, and data written once is there" \
	"$io" $rep c:0:4K:4 c:4K:60K:1 c:1M:4K:2 n:768K:4K
r detach p >/dev/null || die "cannot detach"
check "the module unloads" unload_module
