#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Faulty devices under store and homes: read errors, write errors, flushes that fail and lose
# unflushed data, writes that are dropped, a device that vanishes and comes back, one that
# hangs.  Each leads to the documented state, and from there back, without loss of flushed
# data (R2, R3, R5, R6, R9, R12).
# FAULTY_HANG: for how many seconds a device hangs, 3 unless set.
# vm: --env FAULTY_HANG
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"
. "$(dirname "$0")/hold.sh"

ktap_plan 194
load_module
hold_disks 64 4 4 16,nofua
hang=${FAULTY_HANG:-3}
declare -A below=([store]=/dev/nbd0 [ha]=/dev/nbd1 [hb]=/dev/nbd2) long
table() {	# DEVICE TABLE: its table from now on
	dmsetup load "$1" --table "$2" || die "dmsetup"
	dmsetup suspend --noflush --nolockfs "$1" || die "dmsetup"
	dmsetup resume "$1" || die "dmsetup"
}
well() { table "$1" "0 ${long[$1]} linear ${below[$1]} 0"; }
gone() { table "$1" "0 ${long[$1]} error"; }
for d in store ha hb; do
	long[$d]=$(blockdev --getsz "${below[$d]}")
	[ $d != store ] || long[$d]=49152
	dmsetup create $d --table "0 ${long[$d]} linear ${below[$d]} 0" || die "dmsetup"
done
make_system f /dev/mapper/store vda=/dev/mapper/ha vdb=/dev/mapper/hb -- --chunk-size 16K
uuid=$(field f uuid)
repa=/dev/mapper/f-vda-replica repb=/dev/mapper/f-vdb-replica a=/dev/mapper/f-vda
code() { "$nl" "$@" | cut -d' ' -f 1-4; }
# reason NAME: is it one of the reasons of the system's health?
reason() { r status f --json | sed -n '/"health_reasons"/,/]/p' | grep -q "$1"; }
"$REPLICACTL" monitor >/tmp/events 2>/dev/null & monitor=$!
at_exit "kill $monitor 2>/dev/null"
# notified REGEX: have listeners received a matching event?
notified() { wait_for 10 grep -Eq "$1" /tmp/events; }
again() {
	r detach f >/dev/null || die "cannot detach"
	disks off
	r attach f >/dev/null || die "cannot attach"
	hold f
	: >/tmp/events
}
write() { "$io" "$@" || die "cannot write"; }
expect_log 'block nbd[0-4]: Other side returned error'
expect_log '(I/O error, dev (nbd|dm-)|Buffer I/O error on dev)'

# --- homes that lose direct writes (R2, R9, R15) --------------------------------------------

expect_log 'flush of the home of disk vda failed'
hold f
write $repa w:0:128K:1 f o:$repb w:0:64K:1 f
write $repa w:128K:64K:1
disks on 1 f 0 0 lose 1
is "a point whose flush fails is not made: 32768" "$(code point-new "$uuid")" "errno 5 code 32768"
disks off
check "flushed data is there" "$io" $repa c:0:128K:1 o:$repb c:0:64K:1
check_fails "unflushed data may be lost: the next flush of that device fails" "$io" $repa f
check_fails "so does each after it" "$io" $repa f
check_fails "a write" "$io" $repa w:0:4K:9
check_fails "and one with FUA" "$io" $repa d:$repa w:0:4K:9
check "they have changed nothing" "$io" $repa c:0:128K:1
check "the other disk goes on" "$io" $repb w:0:64K:1 f
is "no point is made" "$(code point-new "$uuid")" "errno 5 code 32768"
refused "replicactl names the remedy" 32768 'lost writes.*reset-errors' r recovery-point create f
is "the homes are not made plain disks" "$(code remove "$uuid")" "errno 5 code 32768"
check "health" reason lost-writes
is "which is Critical" "$(field f health)" 3
is "the state is as before" "$(field f state)" 2
check "listeners have been notified" notified 'lost writes'
lost() { r status f | sed -n '/Disk vda/,/Disk vdb/p' | grep -q 'lost writes'; }
check "status names the disk" lost
exec {user}<$repb
is "the loss stays while a device of the kind is open: 32774" "$(code reset-errors "$uuid" 12:u32=0)" \
	"errno 16 code 32774"
exec {user}<&-
disks on 1 f 0 0 fail 1
is "and while the home cannot be flushed: 32768" "$(code reset-errors "$uuid")" "errno 5 code 32768"
disks off
check_fails "so it is there still" "$io" $repa f
check "reset-errors ends it" r reset-errors f
check_fails "health: no loss" reason lost-writes
check_fails "and no errors" reason device-errors
check "written again and flushed it is there" "$io" $repa w:128K:64K:1 f c:128K:64K:1
again	# a point that failed has made writes use slots
write $repa w:192K:16K:1
disks on 1 f 0 0 lose 1
check_fails "a flush fails: that device knows" "$io" $repa f
disks off
is "but the next point is not made either" "$(code point-new "$uuid")" "errno 5 code 32768"

# No detach ends it, and none hides it: neither a known loss nor one by its own last flush.
expect_log 'the home of disk vda had lost writes before the last detach'
lost_by_detach() {	# NAME
	refused "$1: detach reports it" 32771 'home of disk vda has lost writes.*reset-errors' \
		r detach f
	disks off
	check "$1: check, too" grep -q 'disk vda has lost writes' <(r check f)
	check "$1: status, too" lost
	: >/tmp/events
	r attach f >/tmp/attached 2>/tmp/warned || die "cannot attach"
	hold f
	check "$1: attach warns" grep -q 'disk vda had lost writes.*reset-errors f' /tmp/warned
	check "$1: health" reason lost-writes
	check "$1: listeners have the event" notified 'lost writes'
	check_fails "$1: its device takes no writes" "$io" $repa w:192K:16K:1
	check "$1: but reads" "$io" $repa c:0:128K:1
	is "$1: no point is made" "$(code point-new "$uuid")" "errno 5 code 32768"
}
written_again() {	# NAME
	check "$1: reset-errors ends it" r reset-errors f
	again
	check_fails "$1: for the next attach, too" reason lost-writes
	check "$1: written again and flushed it is there" "$io" $repa w:192K:16K:1 f c:192K:16K:1
}
lost_by_detach "a loss before a detach"
check "it has no fingerprint of that home" grep -q 'vda .* home not verified' /tmp/attached
check "but of the other" grep -q 'vdb .* home verified' /tmp/attached
written_again "a loss before a detach"
write $repa w:208K:16K:1 o:$repb w:64K:16K:1
# At both homes: the disk that is unbound last is flushed with the system's end.
expect_log 'the home of disk vdb had lost writes before the last detach'
expect_log 'flush of the home of disk vdb failed'
disks on 1 f 0 0 lose 1
disks on 2 f 0 0 lose 1
lost_by_detach "a loss by a detach's flush"
is "a loss by a detach's flush: of both disks" "$(r status f --json | grep -c '"lost_writes": true')" 2
written_again "a loss by a detach's flush"

# Nor do other tables, below an opener that stays.
devices=(f-vda-test f-vdb-test f-vda f-vdb f-vda-replica f-vdb-replica) tables=()
exec {user}<>$repa
write $repa w:208K:16K:1
disks on 1 f 0 0 lose 1
for n in "${!devices[@]}"; do
	tables[n]=$(dmsetup table "${devices[n]}")
	table "${devices[n]}" "0 $(blockdev --getsz "/dev/mapper/${devices[n]}") error"
done
disks off
for ((n = 5; n >= 0; n--)); do table "${devices[n]}" "${tables[n]}"; done
hold f
check_fails "with its former table a device that has lost writes takes none" \
	"$io" $repa w:208K:16K:1
exec {user}<&-
written_again "a loss before other tables"

# Several flushes wait, and the device reports the error only once.
write $repa w:208K:16K:1
disks on 1 f 0 0 hold 1
beside other "$io" $repa f
await_held 1
write $repa w:208K:16K:1
beside one "$io" $repa f
beside two "$io" $repa f
all_out one two || die "they do not wait"
disks on 1 f 0 0 lose 1
disks go
check "of three flushes the one in flight is well" went_well other
check "of two that wait for the next the first fails" failed one
check "and the second" failed two
disks off
check_fails "and another one" "$io" $repa f
r reset-errors f >/dev/null || die "cannot reset errors"
write $repa w:208K:16K:1 f

# With a point nothing is unflushed: a failover begins without losses.
is "then a point is made" "$(code point-new "$uuid")" "errno 0 code 0"
r failover f >/dev/null || die "cannot fail over"
check "the guest can flush" "$io" $a w:0:4K:1 f
check "and replication" "$io" $repa f
release f
r revert f --yes >/dev/null || die "cannot revert"
hold f
is "the system is Replicating" "$(field f state)" 3

# --- slots that cannot be read ------------------------------------------------------------

slots=$(r dump /dev/mapper/store | sed -n 's/^ *slots *\([0-9]*\) to.*/\1/p' | head -n 1)
slots="$((slots * 16)) 65536"	# KiB
write $repa w:0:64K:2 f
r recovery-point create f >/dev/null || die "no point"
r failover f --point 1 >/dev/null || die "cannot fail over"
write $a w:32K:96K:3 f
guest() { "$io" $a c:0:32K:1 c:32K:96K:3 c:128K:64K:1; }
head_() { "$io" $repa c:0:64K:2 c:64K:128K:1 o:$repb c:0:64K:1; }
check "all is there" guest
# shellcheck disable=SC2086
slots_fail() { disks on 0 "$1" $slots fail; }
slots_fail r
check_fails "a read of a slot fails" "$io" $a r:32K:4K
check_fails "and a write that has to merge with it" "$io" $repa w:512:512:4
check "a read of home does not" "$io" $repb c:0:64K:1
check "nor a write to a new slot" "$io" $a w:256K:16K:3 f
is "the system is Recovered" "$(field f state)" 5
check "its health shows errors" reason device-errors
begun() {	# NAME REQUEST...: it has a job, $job
	local name=$1 said
	shift
	said=$("$nl" "$@")
	job=${said##* }
	is "$name" "${said% job*}" "errno 0 code 4096"
}
begun "commit" commit "$uuid"
expect_log 'device-mapper: replica: f: disk vda: chunk [0-9]+ could not be moved home'
job_ended() { [ "$(json state job show f "$job")" -ge 7 ]; }
ends() {	# NAME STATE CODE
	wait_for 60 job_ended || diag "$(r job show f "$job")"
	is "$1" "$(json state job show f "$job") $(json code job show f "$job")" "$2 $3"
}
release f
ends "its job ends with Exception and 32768" 10 32768
check "and a count" grep -Eq '[0-9]+ chunks could not be moved home' <(r job show f "$job")
check "listeners have the event of it" notified 'job .*Exception.*32768'
left=$(field f versions)
check "unreadable versions stay" [ "$left" -gt 0 ]
disks off
check "readable again it is there" guest
anew() { begun "move-home begins anew" move-home "$uuid"; }

# --- homes that take no writes; or take them, and lose them ------------------------------------

table ha "0 4096 error
4096 $((long[ha] - 4096)) linear /dev/nbd1 4096"
anew
ends "a home that takes no writes: Exception and 32768" 10 32768
check "content of the store is served" "$io" $a c:32K:96K:3
check "the guest writes on" "$io" $a w:32K:16K:3 f
well ha
disks on 1 f 0 0 lose 1
anew
ends "a home whose flush fails, and whose cache is lost: the same" 10 32768
check "no block was counted as moved" guest
disks off
check "the guest, which has lost nothing, can write and flush" "$io" $a w:2M:16K:3 f
# A write that ends beside that flush may be lost with it.
disks on 1 f 0 0 hold 1
anew
await_held 1
disks on 1 w 2048 2064 hold 1
beside written "$io" $a w:2M:16K:3
await_held 2
disks off
disks fall f
sleep 1
disks go
check "the write ends" went_well written
ends "a flush that fails beside a write: the same" 10 32768
check_fails "and may be lost" "$io" $a f
check_fails "so the guest writes no more" "$io" $a w:32K:16K:3
check "but reads" guest
check "reset-errors ends it" r reset-errors f
check "the guest writes and flushes" "$io" $a w:2M:16K:3 f
comes_home() { [ "$(field f versions)" = 0 ] || r move-home f; }	# or that job went on
check "then all moves home" comes_home
is "home alone holds the disk" "$(field f versions)" 0
check "all of it" "$io" /dev/nbd1 c:0:32K:1 c:32K:96K:3 c:128K:64K:1 c:256K:16K:3
# The guest writes straight home now.  A journal's commit is a write with a flush in front,
# whose error dm forgets.
# The next user of the file system finds that journal aborted, also ext4's own thread.
expect_log '(JBD2: .*(I/O|IO) error|Aborting journal on device dm-|EXT4-fs .*(I/O error while writing superblock|[Aa]borted journal|Remounting filesystem read-only))'
mkfs.ext4 -q -b 1024 -J size=1 -O ^metadata_csum $a || die "mkfs.ext4"
mkdir -p /run/fs
mount -o noinit_itable $a /run/fs || die "cannot mount"
sync -f /run/fs || die "cannot sync"
disks on 1 f 0 0 lose 1
check_fails "a journal whose flush fails does not commit" \
	dd if=/dev/zero of=/run/fs/file bs=4K count=4 conv=fsync status=none
umount /run/fs || die "cannot unmount"
disks off
check_fails "nothing is written to that device any more, whenever dm sends it" "$io" $a d:$a w:0:4K:1
check_fails "nor flushed" "$io" $a f
check "reset-errors ends it" r reset-errors f
check "writes with FUA succeed again" "$io" $a d:$a w:0:4K:1
hold f

# --- a store that cannot flush -------------------------------------------------------------------

fresh() {	# as new, with a point; later writes are in slots
	r detach f >/dev/null 2>&1
	rm -f /etc/dm-replica/systems.d/f.conf
	disks off
	for d in store ha hb; do well $d; done
	r create f --force --store /dev/mapper/store --disk vda=/dev/mapper/ha \
		--disk vdb=/dev/mapper/hb --chunk-size 16K >/dev/null || die "cannot create"
	r attach f >/dev/null || die "cannot attach"
	uuid=$(field f uuid)
	hold f
	: >/tmp/events
	write $repa w:0:128K:1 f o:$repb w:0:64K:1 f
	r recovery-point create f >/dev/null || die "no point"
	write $repa w:0:64K:2 f
}
now_there() { "$io" $repa c:0:64K:2 c:64K:64K:1 o:$repb c:0:64K:1; }
expect_log "device-mapper: replica: f: critical: the store's log could not be written"
fresh
# critical NAME: it is, with all consequences.
critical() {
	is "$1: the state is Critical" "$(field f state)" 8
	check_fails "$1: a write fails" "$io" $repb w:0:4K:9
	check_fails "$1: a flush fails" "$io" $repb f
	check "$1: what is intact is read" now_there
	is "$1: an operation is answered 32771" "$(code suspend "$uuid")" "errno 121 code 32771"
	check "$1: health" reason '"store"'
	check "$1: listeners have been notified" notified 'Critical'
}
write $repa w:128K:16K:2
disks on 0 f 0 0 lose 1
check_fails "a flush that fails, and loses unflushed data" "$io" $repa f
disks off
critical "a flush failed"
again
check "detach and attach: flushed data is there" now_there
is "the state is as before" "$(field f state)" 3

# Writes of the log that fail.
slots_kib=${slots% *}
write $repa w:144K:16K:2
disks on 0 w 256 "$slots_kib" fail 1
check_fails "a log write that fails" "$io" $repa f
disks off
critical "a log write failed"
again
check "detach and attach: flushed data is there" now_there

# A store that is gone, and comes back.
disks vanish 0
expect_log 'block nbd0: (Receive control failed|Dead connection|shutting down|Connection)'
check_fails "the store vanishes: a write fails" "$io" $repa w:160K:16K:2
check_fails "and a flush" "$io" $repa f
is "the state is Critical" "$(field f state)" 8
check "content of home is read" "$io" $repb c:0:64K:1
check_fails "content of the store is not" "$io" $repa r:0:4K
refused "commands name the remedy" 32771 'critical: detach' r suspend f
check "detach" r detach f
refused "attach" 32771 . r attach f
disks return 0 /dev/nbd4
below[store]=/dev/nbd4
well store
check "it comes back by another name: attach" r attach f
hold f
check "flushed data is there" now_there
check "and writes go on" "$io" $repa w:160K:16K:2 f

# A home that is gone, and comes back under way.
gone hb
check_fails "a home vanishes: a read of it fails" "$io" $repb r:0:4K
check "the other disk goes on" "$io" $repa w:160K:16K:2 f c:0:64K:2
check "so do writes that go to slots" "$io" $repb w:64K:16K:2 f c:64K:16K:2
is "the state is as before" "$(field f state)" 3
check "health" reason device-errors
well hb
check "it is back: all is there" now_there
check "with the writes made meanwhile" "$io" $repb c:64K:16K:2
r recovery-point create f >/dev/null || die "no point"

# --- a store that reports a write that it has not made (R6) ------------------------------------

disks on 0 w 0 256 drop 1
is "a superblock is dropped: the operation does not know" "$(code initiate "$uuid")" "errno 0 code 0"
disks off
write $a w:0:16K:3 f
disks freeze
r detach f >/dev/null || die "cannot detach"
disks thaw
refused "after a crash attach finds the log newer than the superblock, and refuses" 32768 \
	'newer superblock.*nothing was changed' r attach f
fresh
for n in 1 2 3; do
	[ $n != 2 ] || disks on 0 w 256 "$slots_kib" drop 1
	write $repa w:$((128 + 16 * n))K:16K:2 f
done
disks off
disks freeze
r detach f >/dev/null || die "cannot detach"
disks thaw
refused "the same of a log block between two others" 32768 'log block.*nothing was changed' r attach f
fresh

# --- a superblock whose write succeeds, and the flush behind it does not (R9) --------------------

make_system n /dev/nbd3 vda=d0 -- --chunk-size 16K
hold n
nuuid=$(field n uuid) nrep=/dev/mapper/n-vda-replica
write $nrep w:0:64K:1 f
r recovery-point create n >/dev/null || die "no point"
write $nrep w:0:64K:2 f
expect_log 'device-mapper: replica: n: superblock write failed'
disks on 3 f 0 0 lose 1
is "with nothing to lose the operation failed: 32768" "$(code initiate "$nuuid")" "errno 5 code 32768"
disks off
is "no more than that" "$(field n state)" 3
write $nrep w:64K:64K:2
disks on 3 f 0 0 lose 1
expect_log 'device-mapper: replica: n: critical: the flush behind a superblock may have failed'
is "with possible loss it is 32771" "$(code initiate "$nuuid")" "errno 121 code 32771"
disks off
is "and the state Critical" "$(field n state)" 8
check_fails "so a flush does not vouch for it" "$io" $nrep f
{ r detach n && r attach n; } >/dev/null || die "cannot attach"
is "detach and attach: the state is as before" "$(field n state)" 3
check "flushed data is there" "$io" $nrep c:0:64K:2
r detach n >/dev/null || die "cannot detach"

# --- the log's tail (R7) -------------------------------------------------------------------------

# each FROM TO STAMP: blocks of 4 KiB, each with a flush, so each with a log block.
each() {
	local i steps=()
	for ((i = $1; i < $2; i++)); do steps+=("w:$((i * 4))K:4K:$3" f); done
	"$io" $repa "${steps[@]}"
}
ring=$(field f log_blocks)
half=$((64 + ring / 2))
each 64 $half 5 || die "cannot write"
check "half of the log is in use" [ "$(field f log_used)" -ge $((ring * 4 / 10)) ]
disks on 0 r 256 "$slots_kib" fail
check_fails "a block of the log cannot be read when the tail is to pass it: a flush fails" \
	each $half $((half + 40)) 6
disks off
critical "the tail"
again
check "detach and attach: flushed data is there" "$io" $repa c:256K:$(((half - 64) * 4))K:5
disks on 0 w 0 256 fail 1
disks on 0 w 0 256 land 1
expect_log 'device-mapper: replica: f: critical: a superblock could not be written'
check_fails "the superblock that follows the tail is in doubt" each $half $((half + 100)) 6
disks off
critical "the tail's superblock"
again
before=$(field f superblocks)
disks on 0 w 0 256 fail 1
expect_log 'device-mapper: replica: f: superblock write failed'
check "one that was taken back holds up no writer" each $half $((half + 150)) 7
disks off
check "there were some" [ "$(field f superblocks)" -gt $((before + 1)) ]
disks freeze
r detach f >/dev/null || die "cannot detach"
disks thaw
check "after a crash the log is good: attach" r attach f --accept-older
hold f
check "flushed data is there" "$io" $repa c:256K:$(((half - 64) * 4))K:5 c:$((half * 4))K:600K:7
check "all of it" now_there
fresh

# --- a flush that fails while the store grows, or is attached -----------------------------------

expect_log 'device-mapper: replica: f: critical: the store could not be flushed'
write $repa w:128K:16K:2
long[store]=122880
well store
# The ring is blanked, and flushed; a commit plays no part in that.
disks on 0 f 0 0 lose 1
is "grow: the store's flush fails, and content of slots is lost: 32771" "$(code grow "$uuid")" \
	"errno 121 code 32771"
disks off
critical "grow"
again
check "detach and attach: flushed data is there" now_there
is "grow again" "$(code grow "$uuid")" "errno 0 code 0"
check "flushed data is there" now_there
write $repa w:128K:16K:2 f
r detach f >/dev/null || die "cannot detach"
disks on 0 f 0 0 lose 1
expect_log 'device-mapper: (table|ioctl|replica)'
{ dmsetup create direct --notable && dmsetup load direct --table \
	"0 ${long[ha]} replica /dev/mapper/store 0 /dev/mapper/ha"; } || die "dmsetup"
check_fails "attach: its flush fails" dmsetup resume direct
disks off
check_fails "and no other resume makes up for it" dmsetup resume direct
dmsetup remove direct || die "dmsetup"
check "a new attach does" r attach f
check "flushed data is there" now_there

# --- the store hangs ---------------------------------------------------------------------------

hold f
disks on 0 wf 0 65536 hold
beside written "$io" $repa w:176K:16K:2 f
await_held 1
beside suspend "$nl" suspend "$uuid"
sleep "$hang"
check "the store hangs: a write waits" still_out written
check "older data is read" now_there
go
check "then it goes on" went_well written
check "and so does an operation" went_well suspend
# A drain has ten seconds.
is "nothing is Critical" "$(field f state)" "$([ "$hang" -lt 9 ] && echo 7 || echo 3)"
check "all is there" "$io" $repa c:0:64K:2 c:64K:64K:1 c:176K:16K:2
r resume f >/dev/null || die "cannot resume"
r detach f >/dev/null || die "cannot detach"
check "check finds nothing wrong" r check f
kill $monitor
check "the module unloads" unload_module
