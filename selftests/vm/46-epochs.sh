#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A point that fails: head writes have moved to the next epoch, and never return to an epoch
# below their own writes, not even by detach and attach.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"
. "$(dirname "$0")/hold.sh"

ktap_plan 19
load_module
hold_disks 24 24
make_system e s0 vda=/dev/nbd0 vdb=/dev/nbd1
rep=/dev/mapper/e-vda-replica

"$io" $rep w:0:1M:1 f || die "cannot write"
for first in 1 ''; do
	what="with points"
	if [ -n "$first" ]; then
		what="the first point"
	else
		check "a point" r recovery-point create e
		"$io" $rep w:4M:64K:1 f || die "cannot write"
	fi
	# A read that the home keeps back holds up the drain.
	disks on 0 r 16384 16388 hold
	beside reader "$io" $rep r:16M:4K
	await_held 1
	refused "$what: a drain that takes too long" 32772 'no point was made' \
		r recovery-point create e --timeout 0.5
	check "$what: writes go on" "$io" $rep w:0:64K:2 w:4M:64K:2 w:8M:4K:2 f
	go
	went_well reader || die "cannot read"
	check "$what: and are there" "$io" $rep c:0:64K:2 c:4M:64K:2 c:8M:4K:2
	check "$what: detach" r detach e
	check "$what: attach" r attach e
	check "$what: what is written now" "$io" $rep w:0:4K:3 w:4M:8K:3 f
	check "$what: is what is read" \
		"$io" $rep c:0:4K:3 c:4K:60K:2 c:4M:8K:3 c:4104K:56K:2 c:8M:4K:2
done
check "another point" r recovery-point create e
r failover e >/dev/null || die "cannot fail over"
check "shows it" "$io" /dev/mapper/e-vda c:0:4K:3 c:4K:60K:2 c:64K:960K:1 c:4M:8K:3 c:8M:4K:2
r revert e --yes >/dev/null || die "cannot revert"
r detach e >/dev/null || die "cannot detach"
check "check finds nothing wrong" r check e
check "the module unloads" unload_module
