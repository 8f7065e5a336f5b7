#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# I/O that is kept back below while something else happens: data that is not there when a
# record is written, a record that is not there when a second flush comes, a merge beside
# other writes and beside a move home, an old read of a slot that would be used again, slots
# given back while a new ring is zeroed, a journal's commit and the flush in front of it on
# both sides of a suspend (R1, R2, R4, R5, R8).
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"
. "$(dirname "$0")/hold.sh"

ktap_plan 65
load_module
hold_disks 10 8 96 16
make_system i /dev/nbd0 vda=/dev/nbd1 -- --chunk-size 16K
hold i
rep=/dev/mapper/i-vda-replica
"$io" $rep w:0:8M:1 f || die "cannot write"
point i
# In KiB: where the log is, and behind it the slots.
log_end=$((1024 + 4 * $(r dump /dev/nbd0 --json | sed -n 's/.*"ring_blocks": \([0-9]*\).*/\1/p' | head -n 1)))
log="1024 $log_end" slots="$log_end 10240"
diag "the log ends at $log_end KiB"

# --- data and its record ------------------------------------------------------------

check "a block of a chunk" "$io" $rep w:1M:4K:2
disks on 0 w "$slots" hold
beside data "$io" $rep w:1028K:4K:2
await_held 1
check "a flush, while the next block is on its way" "$io" $rep f
check "which is not answered" still_out data
disks freeze
go
check "until it has arrived" went_well data
check "after a power failure in between" crash i
check "the record names the one and not the other" "$io" $rep c:1M:4K:2 c:1028K:12K:1
hold i

# The log block lands, and then the power fails: the data that it describes was durable.
landed() {	# NAME BLOCKS IO...
	local name=$1 blocks=$2
	shift 2
	disks on 0 w "$log" mute
	beside flush "$io" $rep "$@" f
	await_held "$blocks"
	check "$name: the flush is not answered" still_out flush
	disks freeze
	go
	check "$name: until it has" went_well flush
	check "$name: after a power failure in between" crash i
	hold i
}
landed "a log block lands" 1 w:2M:64K:3
check "its data was there before" "$io" $rep c:2M:64K:3
# 126 records fill a block; the last block is not even issued.
landed "the first of two log blocks lands" 1 m:3M:16K:4K:140:4
first=()
for ((n = 0; n < 140; n++)); do first+=("e:$((3072 + n * 16))K:4K:4:1"); done
each_old_or_new() { "$io" $rep "${first[@]}"; }
check "no block is a third thing" each_old_or_new
disks on 0 w "$slots" hold
beside fua "$io" $rep "d:$rep" w:1500K:4K:5
await_held 1
check "a FUA write is not answered before its data is there" still_out fua
go
check "but then" went_well fua

# --- a record and the second flush ----------------------------------------------------

disks on 0 w "$log" hold
beside first "$io" $rep w:5M:64K:6 f
await_held 1
beside second "$io" $rep f
beside fua "$io" $rep "d:$rep" w:5M:4K:6
check "while a record is in flight no other flush is answered" still_out second
check "nor a FUA write over what it describes" still_out fua
check "nor the flush that it belongs to" still_out first
go
check "all three, when it is durable" \
	all_well first second fua
disks freeze
check "after a power failure" crash i
check "it is there" "$io" $rep c:5M:64K:6
hold i

# --- merges ------------------------------------------------------------------------------

# half NAME AT STAMP, full NAME AT STAMP: AT in KiB
half() { beside "$1" "$io" $rep "w:$2K:2K:$3"; }
full() { beside "$1" "$io" $rep "w:$2K:4K:$3"; }
disks on 1 r 6144 6656 hold
half one 6144 11
half two 6160 12
half three 6176 13
await_held 3
full all 6144 21
half other 6162 22
full both 6176 23
half last 6178 24
check "while a merge reads, nothing else gets into its block" \
	all_out all other both last
go
check "then all do" all_well one two three all other both last
merged() {
	"$io" "$1" e:6144K:2K:11:21 c:6146K:2K:21 c:6160K:2K:12 c:6162K:2K:22 \
		e:6176K:2K:13:23 e:6178K:2K:24:23 c:6148K:12K:1 c:6164K:12K:1
}
check "no write has lost its block to another's old content" merged $rep
check "nor after a flush" "$io" $rep f
disks freeze
check "and a power failure" crash i
check "which shows the same" merged $rep
hold i

# Chunks on their way home, their copies kept back there.
"$io" $rep w:7M:8K:31 w:7184K:8K:31 f || die "cannot write"
r recovery-point drop i 1 --yes >/dev/null || die "cannot drop"
disks on 1 w 7168 7200 hold
release i
await_held 1
check "a merge into a chunk that moves home" "$io" $rep w:7176K:2K:32
check "half of a block that does" "$io" $rep w:7170K:2K:33
half one 7184 34
half two 7186 35
full three 7188 36
check "and more at a time" all_well one two three
go
moved() {
	"$io" "$1" c:7M:2K:31 c:7170K:2K:33 c:7172K:4K:31 c:7176K:2K:32 c:7178K:6K:1 \
		c:7184K:2K:34 c:7186K:2K:35 c:7188K:4K:36 c:7192K:8K:1
}
check "no move has lost one" moved $rep
all_home() { [ "$(field i versions)" = 0 ]; }
check "all goes home in the end" wait_for 60 all_home
r detach i >/dev/null || die "cannot detach"
check "and is there" moved /dev/nbd1

# --- a slot, and an old read of it ---------------------------------------------------------

r attach i >/dev/null || die "cannot attach"
hold i
point i
"$io" $rep w:0:16K:41 f || die "cannot write"
point i
r recovery-point drop i 3 --yes >/dev/null || die "cannot drop"
disks on 0 r "$slots" hold
beside old "$io" $rep c:0:16K:41
await_held 1
# The block under the read is not needed any more; and then every slot there is is written.
"$io" $rep w:0:16K:42 f || die "cannot write"
release i
sleep 2
for n in 1 2 3; do "$io" $rep "m:256K:16K:4K:496:$((n + 50))" >/dev/null 2>&1; done
check "the store is full" [ "$(field i slots_used)" = "$(field i slots)" ]
check "the read is still under way" still_out old
go
check "and gets the content of its beginning" went_well old
check "its slots are free then" wait_for 60 "$io" $rep w:128K:4K:43
check "the head is right" "$io" $rep c:0:16K:42 c:128K:4K:43
r detach i >/dev/null || die "cannot detach"
check "check finds nothing wrong" r check /dev/nbd0

# --- slots given back while a new ring is zeroed ------------------------------------------

store_is() {	# MIB
	dmsetup load grows --table "0 $(($1 * 2048)) linear /dev/nbd2 0" &&
		dmsetup suspend --noflush grows && dmsetup resume grows
}
dmsetup create grows --table "0 $((32 * 2048)) linear /dev/nbd2 0" || die "no store"
make_system k /dev/mapper/grows vda=/dev/nbd3 -- --chunk-size 16K
rep=/dev/mapper/k-vda-replica
log_end=$((1024 + 4 * $(field k log_blocks)))
"$io" $rep w:0:16M:1 f || die "cannot write"
point k
"$io" $rep w:0:12M:2 f || die "cannot write"
point k
"$io" $rep w:0:12M:3 f || die "cannot write"
store_is 96 || die "dmsetup"
disks on 2 r "$log_end" 32768 hold 1
beside old "$io" $rep c:0:16K:3
await_held 1
# Slots that only point 2 held are given back, but not before that read has ended: 768 slots,
# more than the vacuum gives back at a time.  It may already wait for the first of them.
before=$(field k slots_used)
r recovery-point drop k 2 --yes >/dev/null || die "cannot drop"
less() { [ "$(field k slots_used)" -lt $((before - 700)) ]; }
check_fails "a read holds up slots" wait_for 2 less
disks on 2 w 32768 98304 hold
beside grow r grow k
await_held 2
disks go r
check "the read ends" went_well old
check "slots are given back while zeroes are on their way" wait_for 20 less
check "which they still are" still_out grow
go
check "then the store has grown" went_well grow

# --- a journal's commit, whose device is suspended behind its flush -----------------------

expect_log 'block nbd3: Other side returned error'
expect_log '(I/O error, dev (nbd|dm-)|Buffer I/O error on dev)'
expect_log 'flush of the home of disk vda failed'
expect_log '(JBD2: .*(I/O|IO) error|Aborting journal on device dm-|EXT4-fs .*(I/O error while writing superblock|[Aa]borted journal|Remounting filesystem read-only))'
r failover k >/dev/null || die "cannot fail over"
r commit k --yes >/dev/null || die "cannot commit"
live=/dev/mapper/k-vda	# which writes straight home now
mkdir -p /run/fs
# The write behind the flush is dm's until the device is resumed, with any table, and
# however long other I/O takes to end before it is suspended.
suspending() { grep -qs dm_wait_for_completion /proc/[0-9]*/stack; }
{ r detach k && r attach k; } >/dev/null || die "cannot attach"
for how in "same table" "new table" interrupted; do
	check "$how: there is FUA before" "$io" $live "d:$live" w:0:4K:1
	mkfs.ext4 -q -b 1024 -J size=1 -O ^metadata_csum $live || die "mkfs.ext4"
	mount -o noinit_itable $live /run/fs || die "cannot mount"
	sync -f /run/fs || die "cannot sync"
	disks on 3 f 0 0 hold 1
	disks on 3 r 6144 8192 hold 1
	beside journal dd if=/dev/zero of=/run/fs/file bs=4K count=4 conv=fsync status=none
	await_held 1
	beside reader "$io" $live r:7M:4K
	await_held 2
	beside suspend dmsetup suspend --noflush --nolockfs k-vda
	wait_for 60 suspending || die "it does not suspend"
	check "$how: suspending waits for the flush" still_out suspend
	disks off
	disks fall f
	if [ "$how" = interrupted ]; then
		pkill -x dmsetup || die "it does not suspend"
		failed suspend || die "dmsetup"
	else
		disks go
		went_well suspend || die "dmsetup"
		[ "$how" = "same table" ] || dmsetup table k-vda | dmsetup load k-vda || die "dmsetup"
		dmsetup resume k-vda || die "dmsetup"
	fi
	check "$how: the journal does not commit" failed journal
	disks go
	went_well reader || die "cannot read"
	umount /run/fs || die "cannot unmount"
	check_fails "$how: nor is anything written after it" "$io" $live "d:$live" w:0:4K:1
	check_fails "$how: nor flushed" "$io" $live f
	check "$how: until reset-errors" r reset-errors k
done

r detach k >/dev/null || die "cannot detach"
check "check finds nothing wrong" r check /dev/mapper/grows
dmsetup remove grows || die "dmsetup"
check "the module unloads" unload_module
