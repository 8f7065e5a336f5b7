#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Vacuums of many systems do not take the places of operations, nor each other's: with more
# moves home at a low rate than either work queue has places, a point on one more system is
# made, a revert is reclaimed, and all moves have begun.
#
# 300 systems would need as many stores and minutes, and a limit of 256 is only one of
# several: so the limits of both work queues are lowered.  A vacuum that kept its place for
# a pause, a minute at most, would have the last ones begin five minutes after the first.
# vm: --disk many=20G
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"
nr=12
ktap_plan 11
load_module
many=$(dev many)
concise() {
	local i
	for ((i = 0; i <= nr; i++)); do
		printf 'st%d,,,rw,0 16384 linear %s %d;ho%d,,,rw,0 2048 linear %s %d;' \
			$i "$many" $((i * 18432)) $i "$many" $((i * 18432 + 16384))
	done
}
concise | sed 's/;$//' | dmsetup create --concise "$(cat)" || die "no devices"
for ((i = 0; i <= nr; i++)); do
	make_system n$i /dev/mapper/st$i vda=/dev/mapper/ho$i
done
limits=/sys/devices/virtual/workqueue
echo 4 >$limits/dmr_ops/max_active
echo 2 >$limits/dmr_vacuum/max_active
is "operations have 4 places" "$(cat $limits/dmr_ops/max_active)" 4
is "and vacuums 2" "$(cat $limits/dmr_vacuum/max_active)" 2

# Each batch is followed by a pause of a minute: one chunk, at 1 KiB/s.
begin() {
	local i
	for ((i = 0; i < nr; i++)); do
		r vacuum n$i --rate 1K >/dev/null && point n$i &&
			r failover n$i >/dev/null && "$io" /dev/mapper/n$i-vda w:0:512K:$i f &&
			r commit n$i --yes --no-wait >/dev/null || return
	done
}
check "$nr systems move home at a low rate" begin
begun() {
	local i
	for ((i = 0; i < nr; i++)); do [ "$(field n$i versions)" -lt 8 ] || return; done
}
check "all of them have begun" wait_for 60 begun
check "a point on one more is made" r recovery-point create n$nr --timeout 60
check "it fails over" r failover n$nr
check "and is written to" "$io" /dev/mapper/n$nr-vda w:0:512K:7 f
check "and is reverted" r revert n$nr --yes
reclaimed() { [ "$(field n$nr slots_used)" = 0 ]; }
check "and its space is reclaimed" wait_for 60 reclaimed
check "a detach does not wait for a pause" r detach --all
check "the module unloads" unload_module
