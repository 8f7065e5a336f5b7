#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Recovery points are listed, with their sizes, while their system is attached: the first
# sweep takes versions out of the map under the walk that counts them (R4).
#
# Nearly all of the 12,000 versions of a chunk are superseded.  The superblock of the attach
# is held until walks go on without a pause, so that the sweep begins beside one.  The kernel
# zeroes freed memory here: a walk over freed versions ends too early, and counts blocks at
# home for the point.
# runs on: 6.12 (a walk beside a sweep takes two CPUs; a user-mode kernel takes no thread off)
# vm: --append init_on_free=1
# vm: --env CYCLES
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"
. "$(dirname "$0")/hold.sh"

ktap_plan 5
load_module
hold_disks 64 8
r create a --store /dev/nbd0 --disk vda=/dev/nbd1 --chunk-size 256K >/dev/null || die "cannot create"
uuid=$(field a uuid)
# They stay in the log: each attach brings them back.  None moves home, for the point would
# hold what is there.
"$store_tool" /dev/nbd0 chain 1 6000 || die "cannot make the store"
"$store_tool" /dev/nbd0 set settings.vacuum_rate 1 || die "cannot set the rate"

listing() { grep -q 1: /tmp/sizes1 && grep -q 1: /tmp/sizes2; }

bad=0 lists=0 wrong=0
for ((i = 0; i < ${CYCLES:-8}; i++)); do
	disks on 0 w 0 256 hold
	beside attach r attach a
	await_held 1
	pids=()
	for n in 1 2; do
		chrt -i 0 "$nl" sizes "$uuid" >/tmp/sizes$n &
		pids+=($!)
	done
	wait_for 60 listing || die "no lists"
	go
	went_well attach >/tmp/said || bad=$((bad + 1))
	kill "${pids[@]}"
	wait "${pids[@]}" 2>/dev/null
	swept=$(field a versions)
	[ "$swept" -le 200 ] || { diag "$swept versions"; bad=$((bad + 1)); }
	lists=$((lists + $(cat /tmp/sizes[12] | grep -c 1:)))
	# A line that was cut short by the kill is no list.
	wrong=$((wrong + $(cat /tmp/sizes[12] | grep -c '1:[0-9]*[1-9][0-9]* ')))
	r detach a >/dev/null || bad=$((bad + 1))
done
is "attached, listed and detached" $bad 0
diag "$lists lists"
is "the point alone holds nothing, in every list" $wrong 0
r attach a >/dev/null || die "cannot attach"
is "nor does it after that" "$(json bytes recovery-point list a)" 0
r detach a >/dev/null || die "cannot detach"
check "check finds nothing wrong" r check a
check "the module unloads" unload_module
