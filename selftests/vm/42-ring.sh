#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The log's ring goes round in a store with mostly live records: the tail copies long runs of
# blocks to its end and frees none, and the superblock must follow meanwhile, or the log would
# overwrite live records (R7).
# vm: --disk st=3G --disk cold=3G --disk hot=1G --env RING_PART
# debug: --env RING_PART=4
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"

ktap_plan 13
load_module
# A part of it all: half a million writes take minutes there.
part=${RING_PART:-1}
cold=$((165000 / part)) hot=$((28000 / part))
dmsetup create part --table "0 $((3072 * 2048 / part)) linear $(readlink -f /dev/vm/st) 0" ||
	die "no store"
make_system g /dev/mapper/part vcold=cold vhot=hot -- --chunk-size 16K
rep=/dev/mapper/g-vcold-replica
live=/dev/mapper/g-vhot

no_pending() { [ "$(field g vacuum_pending)" = 0 ] && [ "$(field g slots_used)" -le $((lasting + 100)) ]; }
log() { diag "$1: $(field g log_used) of $(field g log_blocks) log blocks in use, $(field g superblocks) superblocks"; }

point g
check "$cold chunks that stay" "$io" $rep m:0:16K:4K:$cold:1 f
lasting=$(field g slots_used)
log "after them"
blocks=$(field g log_blocks)

# Chunks that are changed in four steps each: as many records again and again.
round() {
	local i
	r failover g >/dev/null || return
	for i in 0 4 8 12; do
		"$io" $live m:${i}K:16K:4K:$hot:2 f || return
		field g log_used >>/tmp/used
	done
	r revert g --yes >/dev/null && wait_for 60 no_pending
}
check "$((hot * 4)) records that come and go" round 1
check "and again" round 2
check "and once more" round 3
check "and again" round 4
diag "log blocks in use meanwhile:" "$(tr '\n' ' ' </tmp/used)"
most=$(sort -n /tmp/used | tail -n 1)
check "most of the ring was in use (at most $most blocks)" [ "$most" -gt $((blocks * 7 / 10)) ]
is "the system is Replicating" "$(field g state_name)" Replicating
check "the ring has room" [ "$(field g log_used)" -lt $((blocks * 7 / 8)) ]
mid=$((cold / 2))
stays="c:0:4K:1 c:$((mid * 16))K:4K:1 c:$(((cold - 1) * 16))K:4K:1"
# shellcheck disable=SC2086 # words
check "data written once is there" "$io" $rep $stays

check "detach" r detach g
check "the log is good" r check g
check "attach replays it: data written once is there" \
	"$SHELL" -c "'$REPLICACTL' attach g && '$io' $rep $stays"
r detach g >/dev/null
check "the module unloads" unload_module
