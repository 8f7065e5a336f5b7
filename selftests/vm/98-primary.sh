#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A primary: create adopts the disk of a machine in place, cut at each write as well; the
# machine sees the same content, size and block size; its points go to a second system in the
# same kernel, which fails over to one; what it writes again and again is never copied home,
# exactly counted; a power cut loses nothing flushed; and remove leaves the disk as the machine
# has left it.
# share: replication
# vm: --disk qa=20M --disk k4=16M,lbs=4096 --disk k5=64M,lbs=4096
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"
. "$(dirname "$0")/hold.sh"

command -v mkfs.ext4 >/dev/null || skip_all "mkfs.ext4 is missing"
ktap_plan 79
load_module
DM_REPLICA_WORKER=${DM_REPLICA_WORKER:-$(dirname "$REPLICACTL")/dm-replica-worker}
export DM_REPLICA_WORKER
[ -x "$DM_REPLICA_WORKER" ] || skip_all "there is no dm-replica-worker"
# The store and the disk of the machine: what is not flushed is lost in a cut.
hold_disks 96 20
store=/dev/nbd0 home=/dev/nbd1
no_merges /dev/vm/* $store $home
cd /tmp || die "no /tmp"
expect_log 'device-mapper: replica: p: '
# shellcheck disable=SC2034 # refused reads it
watched=$store
run=/dev/mapper/p-va
all=0:20M

adopt=(p --primary --store "$store" --disk "va=$home" --chunk-size 16K)
create() { r create "${adopt[@]}"; }
create_anew() { r create "${adopt[@]}" --force; }
sum() { "$io" "$1" h:$all; }
# written DEV: sectors, so far.
written() {
	local s
	read -r -a s <<<"$(stat_of "$1")"
	echo "${s[3]}"
}
# put FILE BYTES: a file in the machine's file system, durable.
put() { head -c "$2" /dev/urandom >"/mnt/$1" && sync -f /mnt; }
receive() { r receive "$1" <"$2"; }

# --- the machine's disk ----------------------------------------------------------------

# Behind the file system there is room for writes beside it.
mkfs.ext4 -q -F -b 4096 $home 15M || die "cannot make a file system"
mount $home /mnt || die "cannot mount"
put first 300000
first=$(b2sum </mnt/first)
refused "a disk in use is not adopted" 32774 'in use' create
umount /mnt || die "cannot unmount"
"$io" $home f || die "cannot flush"
was=$(sum $home)
size=$(blockdev --getsize64 $home) block=$(blockdev --getss --getpbsz --getalignoff $home)

# --- power cuts at create ----------------------------------------------------------------

expect_log 'block nbd0: Other side returned error'
expect_log 'I/O error, dev nbd0|Buffer I/O error on dev nbd0'
before=$(stat_of $home)
cuts=0 bad='' whole=0
# Its requests: with and without data, in one order.
disks counts 0
read -r _ w f <<<"$disks_said"
check "create without a cut" create_anew
disks counts 0
read -r _ w2 f2 <<<"$disks_said"
total=$((w2 - w + f2 - f))
rm -f /etc/dm-replica/systems.d/p.conf
# All of them, or some and those about the superblocks, which come last.
for ((n = 1; n <= total; n++)); do
	[ $n -le 2 ] || [ $((total - n)) -le 6 ] || [ $((n % $(much 101 1))) = 0 ] || continue
	dd if=/dev/zero of=$store bs=1M count=2 oflag=direct conv=fsync status=none || die "dd"
	cuts=$((cuts + 1))
	disks arm $n wf fail -1
	create >said 2>&1 && bad="$bad $n:made"
	disks off
	disks freeze
	disks thaw
	# What is there is no store, or a whole one.
	if r check $store >/dev/null 2>&1; then
		whole=$((whole + 1))
		r dump $store | grep -q 'role  *primary' || bad="$bad $n:role"
	fi
	rm -f /etc/dm-replica/systems.d/p.conf
done
diag "create was cut at $cuts of its $total writes and flushes; $whole left a store"
check "create was cut often" [ $cuts -gt 5 ]
is "each cut leaves no store, or a whole one" "$bad" ''
check "and then create goes through" create_anew
is "none of them writes to the disk" "$(stat_diff "$before" "$(stat_of $home)" | cut -d' ' -f 3-)" "0 0 0"
is "the disk is what it was" "$(sum $home)" "$was"
refused "not once more" 32773 'known already|store of system' create

# --- as the machine sees it ---------------------------------------------------------------

check "attach" r attach p
is "the size is the same" "$(blockdev --getsize64 $run)" "$size"
is "and the block sizes" "$(blockdev --getss --getpbsz --getalignoff $run)" "$block"
is "and all content" "$(sum $run)" "$was"
check_fails "the replica device shows nothing" "$io" $run-replica r:0:4K
check_fails "and takes nothing" "$io" $run-replica w:0:4K
is "nothing is written home by that" "$(stat_diff "$before" "$(stat_of $home)" | cut -d' ' -f 3,4)" "0 0"
is "its role, by JSON" "$(json role status p)" primary
check "by status" grep -q 'Role  *primary' <(r status p)
check "by list" grep -Eq '^p .* primary$' <(r list)
check "by metrics" grep -q 'dm_replica_system_role{system="p",role="primary"} 1' <(r metrics)
is "its state is 2" "$(field p state)" 2
is "its relationship is not itself" "$([ "$(json relationship status p)" = "$(json uuid status p)" ] && echo same)" ''
r detach p >/dev/null || die "cannot detach"
is "the role is in the store" "$(json role status p)" primary
r attach p >/dev/null || die "cannot attach"

# --- without points, writes go straight home -----------------------------------------------

budget "a write goes straight home" "nbd0 0 0 0 0 0" "nbd1 0 0 1 128 0" -- "$io" $run w:19M:64K:1
is "and is counted" "$(field p replicated_bytes)" 65536
"$io" $run w:19M:64K:0 f || die "cannot write"
mount $run /mnt || die "cannot mount"
put second 200000
second=$(b2sum </mnt/second)

# --- what a primary does not do -----------------------------------------------------------

refused "no failover without a point" 32775 'is a primary' r failover p
uuid=$(field p uuid) relationship=$(json relationship status p)
is "no stream" "$("$nl" receive-begin "$uuid" 21:hex=16x71 "22:hex=${relationship//-/}" 25:hex=16x41 \
	26:u64=1 27:u64=1 point=9 | cut -d' ' -f 3,4)" "code 32775"
check "a point of the running machine" r recovery-point create p
put third 100000
is "its state is 3" "$(field p state)" 3
refused "no failover" 32775 'is a primary' r failover p
refused "no revert" 32775 'nothing to revert' r revert p --yes
refused "no commit" 32775 'nothing to commit' r commit p --yes
check "a test failover" r test-failover start p
check "which has a device of its own" "$io" $run-test w:0:64K:9
check "and ends" r test-failover stop p --yes
check "suspended, it makes no point" r suspend p
refused "as it says" 32775 'suspended' r recovery-point create p
check "and the machine runs on" put fourth 5000
check "resume" r resume p

# --- to a second system in the same kernel --------------------------------------------------

make_system q s1 va=qa -- --chunk-size 16K
r create q2 --primary --store "$(dev s0)" --disk va="$(dev d0)" >/dev/null || die "cannot create"
r attach q2 >/dev/null || die "cannot attach"
r send p --full >full 2>said || die "cannot send: $(cat said)"
refused "another primary takes no stream" 32773 'relationship|primary' receive q2 full
r remove q2 --yes >/dev/null || die "cannot remove"
check "send the point" r stream-info <full
receive q full >said 2>&1 || die "cannot receive: $(cat said)"
is "both are of one relationship" "$(json relationship status q)" "$(json relationship status p)"
is "which are two systems" "$([ "$(json uuid status q)" = "$(json uuid status p)" ] && echo same)" ''
is "the role of the other one" "$(json role status q)" replica
check "fail over there, while the machine runs" r failover q
mkdir -p /tmp/over
check "mount it" mount -o ro,noload /dev/mapper/q-va /tmp/over
is "the first file" "$(b2sum </tmp/over/first)" "$first"
is "the second file" "$(b2sum </tmp/over/second)" "$second"
check_fails "what came after the point is not there" test -e /tmp/over/third
umount /tmp/over || die "cannot unmount"
check "revert" r revert q --yes
point p
check "send what has changed" eval 'r send p --from 1 >delta 2>said'
check "receive it" receive q delta
to="exec:$REPLICACTL receive q --two-way"
put fifth 50000
check "replicate" timeout 120 "$REPLICACTL" replicate p --to "$to" --peer siteq --plain --once
is "the newest point is on both sides" "$(newest q)" "$(newest p)"
same() {
	local n a
	n=$(newest p)
	r recovery-point open p "$n" >/dev/null && r recovery-point open q "$n" >/dev/null || return
	a=$(sum "$run@$n")
	[ -n "$a" ] && [ "$a" = "$(sum "/dev/mapper/q-va@$n")" ]
	a=$?
	r recovery-point close p "$n" --wait 20 >/dev/null && r recovery-point close q "$n" --wait 20 >/dev/null
	return $a
}
check "and is the same" same
refused "its peer holds it" 32774 'peer holds' r recovery-point drop p "$(newest p)" --yes
umount /mnt || die "cannot unmount"

# --- the power fails ----------------------------------------------------------------------

"$io" $run w:16M:1M:5 f || die "cannot write"
disks freeze
"$io" $run w:17M:64K:6 || die "cannot write"
check "the power fails" crash p
is "it is a primary" "$(json role status p)" primary
check "what was flushed is there" "$io" $run c:16M:1M:5
check "the file system is clean" fsck.ext4 -fn $run
check "the point is the one of both" same
"$io" $run w:17M:64K:6 f || die "cannot write"

# --- what is written again and again is not copied home ----------------------------------------

r peer remove p siteq --yes >/dev/null || die "cannot remove the peer"
r settings p --vacuum-rate unlimited >/dev/null || die "cannot set"
no_versions() { [ "$(field "$1" versions)" = 0 ]; }
drop_all() {
	local n
	for n in $(point_numbers "$1"); do r recovery-point drop "$1" "$n" --yes >/dev/null || return; done
	wait_for 60 no_versions "$1"
}
# cycles NAME DEVICE N: hot and cold blocks, and a point, of which the one before goes.  The
# vacuum is held meanwhile: what it does depends on the points alone.
cycles() {
	local k old
	for ((k = 1; k <= $3; k++)); do
		hold "$1"
		"$io" "$2" w:16M:1M:$k w:$((17 * 1024 + 64 * k))K:64K:$k f || die "cannot write"
		old=$(newest "$1")
		r recovery-point create "$1" ${old:+--drop "$old"} >/dev/null || die "no point"
		release "$1"
		wait_for 60 settled "$1" "$k" || die "the vacuum does not end: $(field "$1" versions)"
	done
}
hot=64 cold=4	# chunks
# A chunk's newest version waits for three points to come; all but the newest of a hot one go.
settled() {
	local k=$2 waits=3
	[ "$1" = p ] || waits=0
	[ $waits -le "$k" ] || waits=$k
	[ "$(field "$1" versions)" = $(((waits > 0 ? hot : 0) + waits * cold)) ] && quiet "$1"
}
quiet() { [ "$(field "$1" vacuum_pending)" = 0 ]; }
check "without points all goes home" drop_all p
point p
before=$(written $home)
cycles p $run 8
is "of eight points, what is cold went home, once, behind three points" \
	$(($(written $home) - before)) $((5 * 128))
diag "versions: $(field p versions)"
check "the machine sees the newest" "$io" $run c:16M:1M:8 c:17472K:64K:1 c:17920K:64K:8
low() { [ $(($(written $home) - before)) -ge $((2048 + 8 * 128)) ]; }
check "low space ends the wait" r settings p --space-low 1 --space-critical 99
check "then all of the oldest point is home" wait_for 60 low
is "and no more" $(($(written $home) - before)) $((2048 + 8 * 128))
r settings p --space-low 80 --space-critical 95 >/dev/null || die "cannot set"

# --- remove -------------------------------------------------------------------------------------

mount $run /mnt || die "cannot mount"
is "the first file" "$(b2sum </mnt/first)" "$first"
put sixth 400000
refused "not while the machine runs" 32774 'in use' r remove p --flatten --yes
umount /mnt || die "cannot unmount"
was=$(sum $run)
refused "remove alone leaves nothing behind" 32775 'not the newest state' r remove p --yes
check "remove, moving all home first" timeout 120 "$REPLICACTL" remove p --flatten --yes
is "the disk is what the machine has left, byte by byte" "$(sum $home)" "$was"
check "its file system is clean" fsck.ext4 -fn $home
mount $home /mnt || die "cannot mount"
is "and has the first file" "$(b2sum </mnt/first)" "$first"
umount /mnt || die "cannot unmount"

# --- other block sizes ----------------------------------------------------------------------------

"$io" "$(dev k4)" w:0:16M:3 f || die "cannot write"
make_system k k5 va=k4 -- --primary --force
is "blocks of 4 KiB stay" "$(blockdev --getss --getpbsz /dev/mapper/k-va | paste -sd' ')" "4096 4096"
check "and the content" "$io" /dev/mapper/k-va c:0:16M:3
check "removed at once, without points" r remove k --yes
check "it is there" "$io" "$(dev k4)" c:0:16M:3

r detach q >/dev/null || die "cannot detach"
check "check finds nothing wrong" r check q
check "the module unloads" unload_module
