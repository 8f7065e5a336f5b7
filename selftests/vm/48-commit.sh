#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Commit: one superblock write while the guest writes on; then home catches up in a job that
# can be paced, paused, cancelled and begun again, and that continues after an attach.  In the
# end home alone holds the disk.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"
. "$(dirname "$0")/hold.sh"

ktap_plan 50
load_module
versions() { test "$(field c versions)" "$@"; }
job_state() { json state job show c "$1"; }
make_system c s0 vda=d0 vdb=d1
rep=/dev/mapper/c-vda-replica
live=/dev/mapper/c-vda
liveb=/dev/mapper/c-vdb
no_merges /dev/vm/*
# shellcheck disable=SC2034 # refused reads it
watched=s0

refused "nothing to commit" 32775 'nothing to commit' r commit c --yes
"$io" $rep w:0:8M:1 w:64M:64K:1 f || die "cannot write"
point c
"$io" $rep w:0:1M:2 f || die "cannot write"
point c
"$io" $rep w:0:512K:3 w:100M:1M:3 f || die "cannot write"
r failover c --point 1 >/dev/null || die "cannot fail over"
"$io" $live w:0:256K:4 w:200M:2M:4 f || die "cannot write"
"$io" $liveb w:5M:1M:5 f || die "cannot write"
r test-failover start c >/dev/null || die "no test"
refused "a test is in the way" 32774 'test failover exists' r commit c --yes
r test-failover stop c --yes >/dev/null || die "the test goes on"
refused "the state is not the one shown" 32775 'changed since' r commit c --yes --expect-state 1

# A guest that runs through the commit has the memory of this failover, and may be saved.
epoch=$(field c live_epoch)
check "the failover has an identity" test "$epoch" -gt 0
hold c
holder $live
check "commit while the guest has its disk open" r commit c --yes --no-wait
let_go
id=$(job_of c 99)
release c
is "the state is Committed" "$(field c state)" 6
is "its identity is that of the failover" "$(field c live_epoch)" "$epoch"
show() {
	"$io" $live c:0:256K:4 c:256K:7936K:1 c:64M:64K:1 c:200M:2M:4 &&
		"$io" $liveb c:5M:1M:5 &&
		! "$io" $live c:100M:4K:3
}
check "it shows the failover, and no more" show
refused "no way back" 32775 'committed; it cannot be reverted' r revert c --yes
refused "no second time" 32775 'committed already' r commit c --yes
refused "no point" 32775 'not a replica any more' r recovery-point create c
check_fails "the replica device is offline" "$io" $rep r:0:4K
is "the points are gone" "$(field c points)" 0
check "the vacuum moves all home" wait_for 60 versions = 0
is "no slot is in use" "$(field c slots_used)" 0
check "the job completes" r job wait c "$id"
check "it shows the same" show
r detach c >/dev/null || die "cannot detach"
is "the store has the identity" "$(field c live_epoch)" "$epoch"
r attach c >/dev/null || die "cannot attach"
is "and so has the module, after an attach" "$(field c live_epoch)" "$epoch"
r detach c >/dev/null || die "cannot detach"
check "home alone holds the disk" "$io" /dev/vm/d0 c:0:256K:4 c:256K:7936K:1 c:64M:64K:1 c:200M:2M:4
check "and the other one" "$io" /dev/vm/d1 c:5M:1M:5
check "check finds nothing wrong" r check c
rm -f /etc/dm-replica/systems.d/c.conf

# One write decides.
make_system c s0 vda=d0 -- --force
"$io" $rep w:0:1M:1 f || die "cannot write"
point c
r failover c >/dev/null || die "cannot fail over"
"$io" $live w:0:16M:2 f || die "cannot write"
hold c
budget "commit: one superblock" "s0 0 0 1 8 1" "d0 0 0 0 0 0" -- r commit c --yes --no-wait
# The commit has to last as long as the requests about it: half a minute here.
check "rate of 512 KiB/s" r vacuum c --rate $((512 / ${VM_SLOW:-1}))K
release c
sleep 2
id=$(job_of c 99)
is "the job runs" "$(job_state "$id")" 4
check "it can be cancelled" [ "$(json cancellable job show c "$id")" = true ]
is "of that many bytes" "$(json bytes_total job show c "$id")" $((16 * 1048576))
check "pause" r job pause c "$id"
is "it rests" "$(job_state "$id")" 5
left=$(field c versions)
sleep 1.5
left=$(field c versions)
sleep 1
is "nothing moves" "$(field c versions)" "$left"
check "writes go on" "$io" $live w:3M:64K:3 f c:3M:64K:3
check "resume" r job resume c "$id"
check "it moves on" wait_for 20 versions -lt "$left"
check "cancel" r job cancel c "$id"
is "it is Terminated" "$(job_state "$id")" 8
check "unlimited again" r vacuum c --rate unlimited
left=$(field c versions)
sleep 1
is "versions that had not moved stay" "$(field c versions)" "$left"
r detach c >/dev/null || die "cannot detach"
r attach c >/dev/null || die "cannot attach"
sleep 1
is "after an attach, too" "$(field c versions)" "$left"
check "slowly again" r vacuum c --rate 128K
check "begin again" r move-home c --no-wait
refused "once" 32775 'under way' r move-home c
check "detach in the middle" r detach c
check "attach" r attach c
check "a new job names the cause" grep -q 'commit of .* goes on' <(r job list c --json)
check "unlimited" r vacuum c --rate unlimited
# A guest that writes to the same places all the time does not keep it from ending.
"$io" $live w:0:1M:2 w:3M:64K:3 f || die "cannot write"
(while [ ! -e /run/enough ]; do "$io" $live w:8M:64K:2 w:9M:4K:2 || exit; done) &
writer=$!
check "a busy guest does not keep it from ending" wait_for 60 versions = 0
touch /run/enough
wait $writer
r detach c >/dev/null || die "cannot detach"
check "home alone holds the disk" "$io" /dev/vm/d0 c:0:3M:2 c:3M:64K:3 c:3136K:13248K:2

# R5: copies are flushed at home after they have arrived, also with other flushes in between.
# The home keeps the copy back.
hold_disks 24 8
make_system f /dev/nbd0 vda=/dev/nbd1
point f
r failover f >/dev/null || die "cannot fail over"
"$io" /dev/mapper/f-vda w:0:64K:1 f || die "cannot write"
hold f
r commit f --yes --no-wait >/dev/null || die "cannot commit"
flushes() {
	disks counts 1
	echo "${disks_said##* }"
}
disks on 1 w 0 64 hold
release f
await_held 1
"$io" /dev/mapper/f-vda f || die "cannot flush"
before=$(flushes)
go
arrived() { [ "$(field f versions)" = 0 ]; }
check "a slow home gets it in the end" wait_for 60 arrived
check "and is flushed after that" [ "$(flushes)" -gt "$before" ]
r detach f >/dev/null || die "cannot detach"
check "the module unloads" unload_module
