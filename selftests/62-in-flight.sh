#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# I/O that is kept back below while something else happens: data that is not there
# when a record is written, a record that is not there when a second flush comes, a
# merge beside other writes and beside a move home, an old read of a slot that would
# be used again (R1, R2, R4, R5).
# kernel: 6.1
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"
. "$(dirname "$0")/hold.sh"

ktap_plan 41
load_module
hold_disks 10 8
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

# The log block lands, and then the power fails: what it describes was durable.
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
# Nobody needs any more what it reads; and then every slot there is is written.
"$io" $rep w:0:16K:42 f || die "cannot write"
release i
sleep 2
for n in 1 2 3; do "$io" $rep "m:256K:16K:4K:496:$((n + 50))" >/dev/null 2>&1; done
check "the store is full" [ "$(field i slots_used)" = "$(field i slots)" ]
check "the read is still under way" still_out old
go
check "and gets what was there when it began" went_well old
check "what it held is free then" wait_for 60 "$io" $rep w:128K:4K:43
check "the head is right" "$io" $rep c:0:16K:42 c:128K:4K:43
r detach i >/dev/null || die "cannot detach"
check "check finds nothing wrong" r check /dev/nbd0
check "the module unloads" unload_module
