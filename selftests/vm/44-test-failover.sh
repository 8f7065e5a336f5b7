#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A rehearsal: its own devices at a point of its own, beside replication and
# beside a live failover; none of the three touches another.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"

ktap_plan 48
load_module
make_system t s0 vda=d0 vdb=d1
rep=/dev/mapper/t-vda-replica
live=/dev/mapper/t-vda
tst=/dev/mapper/t-vda-test
no_merges /dev/vm/*
# shellcheck disable=SC2034 # refused reads it
watched=s0

refused "without a point there is no test" 32775 'no recovery point' r test-failover start t
"$io" $rep w:0:1M:1 w:64M:64K:1 f || die "cannot write"
point t
"$io" $rep w:0:512K:2 f || die "cannot write"
point t
"$io" $rep w:0:256K:3 f || die "cannot write"
hold t

refused "nothing to stop" 32775 'no test failover' r test-failover stop t --yes
refused "no such point" 32779 'no such recovery point' r test-failover start t --point 9
check_fails "the device is offline" "$io" $tst r:0:4K
budget "start at the older point: one superblock" \
	"s0 0 0 1 8 1" "d0 0 0 0 0 0" "d1 0 0 0 0 0" -- r test-failover start t --point 1
check "it shows that point" "$io" $tst c:0:1M:1 c:64M:64K:1
is "the system is Replicating still" "$(field t state_name)" Replicating
is "status names the point" "$(field t test_point)" 1
tested=$(field t test_epoch)
check "the test has an identity" test "$tested" -gt 0
is "there is no failover, and no identity of one" "$(field t live_epoch)" 0
check "and when the last test was" [ $(($(date +%s) - $(field t last_test_time) / 1000000000)) -le 60 ]
refused "one at a time" 32775 'exists already' r test-failover start t
refused "its point cannot be dropped" 32774 'failover runs from this point' r recovery-point drop --yes t 1
budget "a live failover beside it: one superblock" \
	"s0 0 0 1 8 1" "d0 0 0 0 0 0" "d1 0 0 0 0 0" -- r failover t
lived=$(field t live_epoch)
check "which has its own identity" test "$lived" -gt "$tested"
is "the test keeps the one that it has" "$(field t test_epoch)" "$tested"
check "which shows the newest" "$io" $live c:0:512K:2 c:512K:512K:1
budget "first write: one write" "s0 0 0 1 8 0" "d0 0 0 0 0 0" -- "$io" $tst w:10M:4K
check "all three are written" \
	"$io" $tst w:0:128K:5 w:64M:64K:5 f o:$live w:0:64K:6 w:64M:32K:6 f o:$rep w:0:32K:7 f
see() {
	"$io" $tst c:0:128K:5 c:128K:896K:1 c:64M:64K:5 &&
		"$io" $live c:0:64K:6 c:64K:448K:2 c:512K:512K:1 c:64M:32K:6 c:65568K:32K:1 &&
		"$io" $rep c:0:32K:7 c:32K:224K:3 c:256K:256K:2 c:512K:512K:1 c:64M:64K:1
}
check "each shows its own" see
r recovery-point create t >/dev/null || die "no point"
check "a point made meanwhile is none of their business" see
is "the test's bytes are counted" "$(field t test_bytes)" $(((128 + 64 + 4) * 1024))
is "the live ones on their own" "$(field t live_bytes)" $(((64 + 32) * 1024))
r status t >/tmp/status
check "status shows how much a stop discards" grep -q 'Stop discards *196 KiB' /tmp/status

holder $tst
refused "stop while it is open names the process" 32774 "$held" r test-failover stop t --yes
check "the revert does not mind" r revert t --yes --no-wait
let_go
is "and is Replicating" "$(field t state_name)" Replicating
check "the test goes on" "$io" $tst c:0:128K:5 c:64M:64K:5
is "the identity of the failover ends with it" "$(field t live_epoch)" 0
check "failover again, at the newest" r failover t
check "with another identity" test "$(field t live_epoch)" -gt "$lived"
check "which holds replication's writes" "$io" $live c:0:32K:7 c:32K:224K:3
release t

check "detach with both" r detach t
check "attach" r attach t
is "the test is there" "$(field t test_point)" 1
is "with its identity" "$(field t test_epoch)" "$tested"
check "with the written data" "$io" $tst c:0:128K:5 c:128K:896K:1 c:64M:64K:5
check "and the failover" "$io" $live c:0:32K:7 c:32K:224K:3

hold t
budget "stop: one superblock" \
	"s0 0 0 1 8 1" "d0 0 0 0 0 0" "d1 0 0 0 0 0" -- r test-failover stop t --yes --no-wait
release t
check_fails "the device is offline again" "$io" $tst r:0:4K
check "the failover is not touched" "$io" $live c:0:32K:7 c:32K:224K:3
is "the job is a stop of a test" "$(r job list t --json | grep -c '"type": 103')" 1
check "and again from the newest" r test-failover start t
check "it shows that" "$io" $tst c:0:32K:7 c:32K:224K:3
check "stop" r test-failover stop t --yes
check "revert" r revert t --yes
r detach t >/dev/null || die "cannot detach"
check "check finds nothing wrong" r check t
check "the module unloads" unload_module
