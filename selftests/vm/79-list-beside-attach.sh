#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Recovery points are listed, with their sizes, while their system is attached: the first
# sweep takes versions out of the map under the walk that counts them (R4).  A chunk of 12,000
# versions makes each walk long, and the superblock of the attach is held until the first has
# ended, so that the sweep begins beside the next.  A fault shows on the debug kernel; here it
# may.
# vm: --env CYCLES
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"
. "$(dirname "$0")/hold.sh"

ktap_plan 4
load_module
hold_disks 64 8
r create a --store /dev/nbd0 --disk vda=/dev/nbd1 --chunk-size 256K >/dev/null || die "cannot create"
# Nearly all are superseded.  They stay in the log: each attach brings them back.
"$store_tool" /dev/nbd0 chain 2 4000 || die "cannot make the store"

# lists N: one after the other, until stopped; most of the time one is in its walk.
lists() {
	local n=0
	until [ -e /tmp/stop ]; do
		r recovery-point list a >"/tmp/list$1" 2>&1 && n=$((n + 1)) && echo $n >"/tmp/lists$1"
	done
}
listing() { [ -s /tmp/lists1 ] || [ -s /tmp/lists2 ] || [ -s /tmp/lists3 ]; }

bad=0
for ((i = 0; i < ${CYCLES:-8}; i++)); do
	rm -f /tmp/stop /tmp/lists[123]
	disks on 0 w 0 128 hold
	beside attach r attach a
	await_held 1
	pids=()
	for n in 1 2 3; do
		lists $n &
		pids+=($!)
	done
	wait_for 60 listing || die "no lists"
	go
	went_well attach >/tmp/said || bad=$((bad + 1))
	touch /tmp/stop
	wait "${pids[@]}"
	swept=$(field a versions)
	[ "$swept" -le 200 ] || { diag "$swept versions"; bad=$((bad + 1)); }
	r detach a >/dev/null || bad=$((bad + 1))
done
is "attached, listed and detached" $bad 0
diag "$(tail -n 1 /tmp/lists1) lists of one in the last"
check "with both points" grep -q '^ *2 ' /tmp/list1
check "check finds nothing wrong" r check a
check "the module unloads" unload_module
