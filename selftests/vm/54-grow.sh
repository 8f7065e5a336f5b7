#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A store that fills up: marks, events, the reserve of the live failover, the policy that
# drops old points, and growing it under I/O.
# vm: --disk g=512M
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"

ktap_plan 42
load_module
no_merges /dev/vm/*
store=/dev/mapper/store
size() {
	dmsetup load store --table "0 $(($1 * 2048)) linear $(dev g) 0" &&
		dmsetup suspend --noflush store && dmsetup resume store
}
dmsetup create store --table "0 $((24 * 2048)) linear $(dev g) 0" || die "no store"
make_system g $store vda=d0
rep=/dev/mapper/g-vda-replica
live=/dev/mapper/g-vda
health() { [ "$(field g health_name)" = "$1" ]; }
used() { echo $(($(field g slots_used) * 100 / $(field g slots))); }

refused "nothing to grow by" 32775 'all of its device' r grow g
check "marks" r settings g --space-low 40% --space-critical 70%
refused "marks that make no sense" 32773 'mark' r settings g --space-low 80%
point g
"$REPLICACTL" monitor --json >/tmp/events & monitor=$!
check "healthy" health Normal
"$io" $rep w:0:9M:1 f || die "cannot write"
check "a warning at the low mark" wait_for 5 health Warning
check "with its reason" grep -q 'low-space' <(r status g --json)
"$io" $rep w:0:16M:1 f || die "cannot write"
check "critical before it is full" wait_for 5 health Critical
logged() { dmesg | grep -q "$1"; }
check "the kernel log reports it" wait_for 5 logged 'slots of the store are in use'
expect_log 'slots of the store are in use'
check_fails "a full store refuses" "$io" $rep w:32M:8M:2
check "written data stays" "$io" $rep c:0:9M:1
kill $monitor
check "listeners have the event" grep -Eq '"health": ?3' /tmp/events
check "of the space, too" grep -Eq '"event": ?"space".*"critical": ?true' /tmp/events

check "the device grows" size 64
check "the tool sees it" grep -q 'grow' <(r status g)
before=$(field g slots)
check "grow" r grow g
check "there are more slots" [ "$(field g slots)" -gt $((before * 2)) ]
check "writes go on" "$io" $rep w:32M:16M:2 f
check "all is there" "$io" $rep c:0:9M:1 c:32M:16M:2
check "check finds nothing wrong" r check g
r detach g >/dev/null || die "cannot detach"
r attach g >/dev/null || die "cannot attach"
check "nor does an attach" "$io" $rep c:0:9M:1 c:32M:16M:2
check "the new log is in use" [ "$(field g log_blocks)" -gt 1000 ]

# Under I/O: a writer writes over itself all the time, with flushes.
point g
(for i in 3 4 5 6 7 8 9 10 11 12; do
	"$io" $rep w:0:4M:$i f || exit 1
done) & writer=$!
check "the device grows again" size 256
check "grow under I/O" r grow g
wait $writer
is "nothing went wrong meanwhile" $? 0
check "all is there" "$io" $rep c:0:4M:12 c:4M:5M:1 c:32M:16M:2
check "and at the older point" r failover g --point 2
check "as it was" "$io" $live c:0:9M:1 c:32M:16M:2
check "revert" r revert g --yes
# The log goes through its new ring, and round it.
i=0
while [ $i -lt 40 ]; do
	"$io" $rep w:$((100 + i))M:64K:$i f w:0:64K:$i f || die "cannot write"
	i=$((i + 1))
done
r detach g >/dev/null || die "cannot detach"
check "check finds nothing wrong" r check g
r attach g >/dev/null || die "cannot attach"
check "all is there" "$io" $rep c:0:64K:39 c:64K:4032K:12 c:4M:5M:1 c:139M:64K:39
r detach g >/dev/null || die "cannot detach"
rm -f /etc/dm-replica/systems.d/g.conf

# Space kept for the live failover.
check "a store cannot shrink" size 32
r create g --store $store --disk vda=/dev/vm/d0 --force >/dev/null || die "cannot create"
r attach g >/dev/null || die "cannot attach"
point g
refused "more than there is" 32773 'more is to be kept' r settings g --live-reserve 1G
check "reserve" r settings g --live-reserve 8M
check "it is shown" [ "$(field g slots_reserved)" = 128 ]
r failover g >/dev/null || die "cannot fail over"
"$io" $rep w:0:16M:1 w:16M:16M:1 2>/dev/null && die "a store that cannot be filled"
check "the guest has its reserve" "$io" $live w:64M:8M:5 f c:64M:8M:5
check_fails "and no more" "$io" $live w:80M:8M:5
r revert g --yes >/dev/null || die "cannot revert"

# Old points go where the policy allows it, the oldest first, and never the last.
r detach g >/dev/null || die "cannot detach"
rm -f /etc/dm-replica/systems.d/g.conf
r create g --store $store --disk vda=/dev/vm/d0 --force >/dev/null || die "cannot create"
r attach g >/dev/null || die "cannot attach"
check "policy" r settings g --when-full drop-oldest
for i in 1 2 3 4 5 6; do
	point g
	"$io" $rep w:0:4M:$i f || die "cannot write"
done
point g
points=$(field g points)
(i=0; while ! "$io" $rep w:0:8M:9 f && [ $i -lt 60 ]; do sleep 0.5; i=$((i + 1)); done) 2>/dev/null
check "points were given up" [ "$(field g points)" -lt "$points" ]
check "not the last one" [ "$(field g points)" -ge 1 ]
expect_log 'the store is full'
check "the write went through" "$io" $rep c:0:8M:9
r detach g >/dev/null || die "cannot detach"
check "check finds nothing wrong" r check g
check "the module unloads" unload_module
