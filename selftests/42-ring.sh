#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The log's ring goes round in a store most of which was written once and lives
# on: long runs of blocks are copied to the head and give nothing back, and the
# superblock must follow meanwhile, or the ring eats itself (R7).
# vm: --disk st=3G --disk cold=3G --disk hot=1G
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"

ktap_plan 12
load_module
make_system g st vcold=cold vhot=hot -- --chunk-size 16K
rep=/dev/mapper/g-vcold-replica
live=/dev/mapper/g-vhot

no_pending() { [ "$(field g vacuum_pending)" = 0 ] && [ "$(field g slots_used)" -le $((lasting + 100)) ]; }
log() { diag "$1: $(field g log_used) of $(field g log_blocks) log blocks in use, $(field g superblocks) superblocks"; }

point g
check "165,000 chunks that stay" "$io" $rep m:0:16K:4K:165000:1 f
lasting=$(field g slots_used)
log "after them"
blocks=$(field g log_blocks)

# 28,000 chunks, each changed in four steps: as many records again and again.
round() {
	local i
	r failover g >/dev/null || return
	for i in 0 4 8 12; do
		"$io" $live m:${i}K:16K:4K:28000:2 f || return
		field g log_used >>/tmp/used
	done
	r revert g --yes >/dev/null && wait_for 60 no_pending
}
check "112,000 records that come and go" round 1
check "and again" round 2
check "and once more" round 3
diag "log blocks in use meanwhile:" "$(tr '\n' ' ' </tmp/used)"
most=$(sort -n /tmp/used | tail -n 1)
check "most of the ring was in use (at most $most blocks)" [ "$most" -gt $((blocks * 7 / 10)) ]
is "the system is Replicating" "$(field g state_name)" Replicating
check "the ring has room" [ "$(field g log_used)" -lt $((blocks * 7 / 8)) ]
check "what stays is there" "$io" $rep c:0:4K:1 c:1600000K:4K:1 c:2639984K:4K:1

check "detach" r detach g
check "the log is good" r check g
check "attach replays it: what stays is there" \
	"$SHELL" -c "'$REPLICACTL' attach g && '$io' $rep c:0:4K:1 c:1600000K:4K:1 c:2639984K:4K:1"
r detach g >/dev/null
check "the module unloads" unload_module
