#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Each refusal has its code, its name and a message that names the remedy, and changes nothing
# on disk.
# vm: --disk small=64M --disk k4=256M,lbs=4096
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"
load_module "$@"
ktap_plan 98

conf=/etc/dm-replica/systems.d
live=/dev/mapper/w-vda
s0=/dev/vm/s0 s1=/dev/vm/s1
first='s0 s1:1M d0 d1 d2'

# usage NAME COMMAND...: ok if it is wrong usage and changes nothing.
usage() {
	local name=$1 rc said
	shift
	if without_change "$@" && [ "$rc" = 64 ] && [ -n "$said" ]; then
		ok "$name"
	else
		diag "$* said (status $rc):" "$said"
		not_ok "$name"
	fi
}

# --- create ---------------------------------------------------------------

# shellcheck disable=SC2034 # refused reads it
watched='s0:1M s1:1M d0 d1'
create() { r create w --store $s0 --disk vda=/dev/vm/d0 "$@"; }
usage "no command" r
usage "an unknown command" r frobnicate w
usage "an unknown option" create --frobnicate
usage "create without a store" r create w --disk vda=/dev/vm/d0
usage "create without a disk" r create w --store $s0
usage "a chunk size that is no power of two" create --chunk-size 48K
usage "a chunk size that is too large" create --chunk-size 512K
usage "a chunk size that is no number" create --chunk-size large
usage "a UUID that is none" create --uuid 12345
refused "a disk name with a hyphen" 32773 "hyphen" create --disk v-b=/dev/vm/d1
refused "a disk name that is too long" 32773 "too long" \
	create --disk "$(printf 'v%.0s' {1..32})=/dev/vm/d1"
refused "a disk name with a slash" 32773 "not allowed" create --disk v/b=/dev/vm/d1
refused "two disks of one name" 32773 "two disks are named vda" create --disk vda=/dev/vm/d1
refused "one home for two disks" 32773 "home of two disks, vda and vdb" create --disk vdb=/dev/vm/d0
refused "the store as a home" 32773 "as the store and as the home" create --disk vdb=$s0
refused "a system name that is too long" 32773 "system name .* too long" \
	r create "$(printf 'w%.0s' {1..64})" --store $s0 --disk vda=/dev/vm/d0
refused "a system name with a slash" 32773 "not allowed" r create w/w --store $s0 --disk vda=/dev/vm/d0
refused "a store that is not there" 32779 "cannot find device /dev/vm/none" \
	r create w --store /dev/vm/none --disk vda=/dev/vm/d0
refused "a home that is not there" 32779 "cannot find device /dev/vm/none" create --disk vdb=/dev/vm/none
refused "a store that is no block device" 32773 "not a block device|plain file" \
	r create w --store /etc/passwd --disk vda=/dev/vm/d0
refused "a store with larger logical blocks than a home" 32773 "logical blocks of 4096 bytes" \
	r create w --store /dev/vm/k4 --disk vda=/dev/vm/d0
is "no refusal left a file" "$(ls $conf 2>/dev/null)" ""

holder /dev/vm/d0
refused "a home open for writing, at create" 32774 "/dev/(vd|ubd).* is open for writing in process $held" create
let_go
holder $s0
refused "a store open for writing, at create" 32774 "/dev/(vd|ubd).* is open for writing in process $held" create
let_go

mkdir -p /mnt/w
mkfs.ext4 -q /dev/vm/d1 || die "mkfs"
mount /dev/vm/d1 /mnt/w || die "cannot mount"
refused "a mounted home, at create" 32774 "is mounted at /mnt/w" create --disk vdb=/dev/vm/d1
umount /mnt/w
mkfs.ext4 -q $s1 || die "mkfs"
refused "a store with a file system" 32773 "signature of ext4.*--force" \
	r create w --store $s1 --disk vda=/dev/vm/d0

r create w --store $s0 --disk vda=/dev/vm/d0 --disk vdb=/dev/vm/d1 >/dev/null || die "cannot create"
refused "a store with a store" 32773 "store of system w" r create x --store $s0 --disk vda=/dev/vm/d2
refused "a home that is a store" 32773 "is the store of" r create x --store $s1 --disk vda=$s0 --force
refused "a name that is known" 32773 "known already" r create w --store $s1 --disk vda=/dev/vm/d2

# --- attach: the store ------------------------------------------------------

# shellcheck disable=SC2034
# shellcheck disable=SC2034 # replica.sh reads it
watched=$first
cp $conf/w.conf /tmp/w.conf
uuid=$(sed -n 's/^uuid=//p' /tmp/w.conf)
# attach_with SED-SCRIPT: with another file, which is put back.
attach_with() {
	local rc
	sed "$1" /tmp/w.conf >$conf/w.conf
	r attach w
	rc=$?
	cp /tmp/w.conf $conf/w.conf
	return $rc
}
refused "attach of an unknown system" 32779 "no system is known as ghost" r attach ghost
refused "attach of an unknown UUID" 32779 "no system is known as" \
	r attach 00000000-1111-2222-3333-444444444444
refused "a store of a foreign format" 32773 "not a dm-replica store" attach_with "s,^store=.*,store=$s1,"
refused "a blank store" 32773 "not a dm-replica store" attach_with "s,^store=.*,store=/dev/vm/d3,"
refused "a store that is a plain file" 32773 "plain file" attach_with "s,^store=.*,store=/etc/passwd,"
refused "a store that is not there" 32779 "none" attach_with "s,^store=.*,store=/dev/vm/none,"
refused "a store of another system" 32773 "belongs to another system: it is that of w, $uuid" \
	attach_with "s/^uuid=.*/uuid=00000000-1111-2222-3333-444444444444/"
attach_renamed() {
	local rc
	sed s/^name=.*/name=v/ /tmp/w.conf >$conf/v.conf
	rm $conf/w.conf
	r attach v
	rc=$?
	mv $conf/v.conf /tmp/v.conf
	cp /tmp/w.conf $conf/w.conf
	return $rc
}
refused "a store whose system has another name" 32773 "names its system w" attach_renamed

# A store seen through a device that ends too early.
dmsetup create short --table "0 1048576 linear $s0 0" || die "dmsetup"
refused "a truncated store" 32768 "truncated: it has 536870912 bytes" \
	attach_with "s,^store=.*,store=/dev/mapper/short,"
dmsetup remove short
dmsetup create short --table "0 128 linear $s0 0" || die "dmsetup"
refused "a store shorter than its superblocks" 32773 "too small" \
	attach_with "s,^store=.*,store=/dev/mapper/short,"
dmsetup remove short

# A store whose metadata is changed, and then put back.
save() { dd if=$s0 of=/tmp/s0.img bs=256K count=1 iflag=direct 2>/dev/null; }
restore() { dd if=/tmp/s0.img of=$s0 bs=256K oflag=direct conv=fsync 2>/dev/null; }
save
"$store_tool" $s0 set version 999 || die "cannot patch"
refused "a newer version of the format" 32770 "another format" r attach w
restore
"$store_tool" $s0 set incompat 1 || die "cannot patch"
refused "an incompatible feature" 32770 "another format" r attach w
restore
"$store_tool" $s0 set incompat 1 1 || die "cannot patch"
refused "an incompatible feature in one copy" 32770 "another format" r attach w
restore
"$store_tool" $s0 tear 0 || die "cannot patch"
"$store_tool" $s0 tear 1 || die "cannot patch"
refused "two torn superblocks" 32768 "damaged.*replicactl check" r attach w
restore
"$store_tool" $s0 set state 77 || die "cannot patch"
refused "a superblock with an impossible field" 32768 "damaged" r attach w
restore

# A counter at its limit: the next superblock could not be read, and is not written (R3).
limit=$((1 << 62))
"$store_tool" $s0 set seq $((limit - 3)) 0 || die "cannot patch"
"$store_tool" $s0 set seq $((limit - 2)) 1 || die "cannot patch"
expect_log "w: no superblock is written that could not be read: the superblock's sequence number is"
expect_log 'w: no superblock is written that could not be read: a state or job number is'
expect_log 'device-mapper: table: .*: .*preresume'
rm -rf /var/lib/dm-replica
refused "the last sequence number" 32771 "could not be read" r attach w
check "leaves the store as it was" r check w
restore
"$store_tool" $s0 set job_number $((limit - 1)) || die "cannot patch"
refused "the last job number" 32771 "could not be read" r attach w
restore
"$store_tool" $s0 set state_number $((limit - 1)) || die "cannot patch"
check "the last state number does not prevent an attach" r attach w
watched=''
refused "but an operation" 32768 "took no superblock; nothing was changed" r recovery-point create w
check "detach" r detach w
check "and the store is as it was" r check w
# shellcheck disable=SC2034 # replica.sh reads it
watched=$first
restore
rm -rf /var/lib/dm-replica

# --- attach: the homes ------------------------------------------------------

refused "a home of the wrong size" 32773 "has 67108864 bytes, but 268435456 by the store" \
	attach_with "s,^disk.vda=.*,disk.vda=/dev/vm/small,"
refused "homes swapped" 32773 "of disk vda is the home of disk vdb.*accept-homes=vda" \
	attach_with "s,^disk.vda=.*,disk.vda=/dev/vm/d1,; s,^disk.vdb=.*,disk.vdb=/dev/vm/d0,"
refused "a home that is another device" 32773 "another device" \
	attach_with "s,^disk.vda=.*,disk.vda=/dev/vm/d2,"
refused "a disk without a home" 32773 "no home for disk vdb" attach_with "/^disk.vdb/d"
refused "a home that is not there" 32779 "none.*disk vda" \
	attach_with "s,^disk.vda=.*,disk.vda=/dev/vm/none,"
holder /dev/vm/d0
refused "a home open for writing, at attach" 32774 "/dev/(vd|ubd).* is open for writing in process $held" r attach w
let_go
mount /dev/vm/d1 /mnt/w || die "cannot mount"
refused "a mounted home, at attach" 32774 "is mounted at /mnt/w" r attach w
umount /mnt/w
is "no device was made by any of these" "$(dmsetup ls | grep -c '^w-')" 0

# --- the operations ---------------------------------------------------------

refused "failover when not attached" 32777 "not attached.*replicactl attach w" r failover w
refused "revert when not attached" 32777 "not attached" r revert w --yes
refused "detach when not attached" 32777 "not attached" r detach w
r attach w >/dev/null || die "cannot attach"
hold w
refused "attach twice" 32774 "attached already" r attach w
sed "s/^name=.*/name=v/; s/^uuid=.*/uuid=00000000-1111-2222-3333-444444444444/" /tmp/w.conf >$conf/v.conf
refused "a second system on an attached store" 32774 "in use|busy|attached" r attach v
rm $conf/v.conf
refused "create over an attached store" 32774 "in use" \
	r create x --store $s0 --disk vda=/dev/vm/d2 --force
refused "a home of an attached system, at create" 32774 "in use" \
	r create x --store $s1 --disk vda=/dev/vm/d0 --force
refused "failover without a point" 32775 "no recovery point yet" r failover w
refused "revert when not failed over" 32775 "not failed over" r revert w --yes
refused "revert of an unknown system" 32779 "no system is known as ghost" r revert ghost --yes
refused "revert of an unknown UUID" 32779 "no system" r revert 00000000-1111-2222-3333-444444444444 --yes
point w
refused "failover to a point that does not exist" 32779 "no such recovery point" r failover w --point 99
refused "failover to a point of no such name" 32779 'has the label newest' r failover w --point newest
holder $live
refused "failover while the device is open" 32774 "open.*$live is open for writing in process $held" r failover w
let_go
r failover w >/dev/null || die "cannot fail over"
refused "failover twice" 32775 "failed over already" r failover w
"$io" $live w:1M:64K:5 f || die "cannot write"

holder $live
refused "revert while a device is open names the process" 32774 \
	"$live is open for writing in process $held \(helper-io\)" r revert w --yes
let_go
mount /dev/mapper/w-vdb /mnt/w || die "cannot mount"
refused "revert while mounted names the mount" 32774 "/dev/mapper/w-vdb is mounted at /mnt/w" r revert w --yes
umount /mnt/w
"$io" $live f || die "cannot flush"

usage "revert without --yes and without a terminal" r revert w
check "and that loses nothing" "$io" $live c:1M:64K:5

# R11, by netlink: an operation applies to the state that was shown.
state=$(field w state_number) writes=$(field w live_writes)
stale() {	# NAME ARGUMENT...: a revert refused as stale
	local before said name=$1
	shift
	before=$(watched_sums)
	said=$("$nl" revert "$uuid" "$@")
	case $said in
	'errno 116 code 32775 '*) said=stale ;;
	esac
	is "$name" "$said $(watched_sums) $(field w state_name)" "stale $before Recovered"
}
stale "a stale state number: ESTALE, 32775" state=$((state - 1)) writes="$writes"
stale "a stale count of writes: ESTALE, 32775" state="$state" writes=$((writes - 1))
"$io" $live w:2M:4K:5 || die "cannot write"
stale "a write since: ESTALE, 32775" state="$state" writes="$writes"
is "an unknown UUID by netlink" "$("$nl" revert 00000000111122223333444444444444)" \
	"errno 2 code 32779 no such system is attached: attach it first"
is "a UUID that is too short by netlink: ERANGE" "$("$nl" revert 0011 | cut -d' ' -f 1-4)" "errno 34 code -"

# As an ordinary user.
user() { setpriv --reuid 65534 --regid 65534 --clear-groups -- "$@"; }
if user "$REPLICACTL" --help >/dev/null 2>&1; then
	for c in "revert w --yes" "failover w" "recovery-point create w" "vacuum w --hold" \
		"detach w" "attach w" "create x --store $s1 --disk vda=/dev/vm/d2 --force"; do
		# shellcheck disable=SC2086
		refused "an ordinary user: $c" 32769 "." user "$REPLICACTL" $c
	done
	is "an ordinary user sees the state" \
		"$(user "$REPLICACTL" status w --json | sed -n 's/.*"state_name": "\(.*\)",/\1/p' | head -n 1)" Recovered
else
	for c in 1 2 3 4 5 6 7 8; do
		skip "an ordinary user $c" "cannot run replicactl"
	done
fi

r revert w --yes --no-wait >/dev/null || die "cannot revert"
refused "revert twice" 32775 "not failed over" r revert w --yes

# --- a damaged log ----------------------------------------------------------

release w
r failover w >/dev/null || die "cannot fail over"
for i in 1 2 3 4; do
	"$io" $live w:${i}M:64K f || die "cannot write"
done
r detach w >/dev/null || die "cannot detach"
read -r tail durable <<<"$("$store_tool" $s0 log-range)"
diag "log blocks $tail to $durable"
"$store_tool" $s0 log-tear "$tail" || die "cannot patch"
refused "a damaged log block below the durable one" 32768 \
	"damaged.*log block $tail.*nothing was changed; replicactl check" r attach w
refused "and check finds it" 32768 "damaged" r check $s0
expect_log 'dm-replica.*damage|device-mapper: .*replica'
before=$(watched_sums)
if dmsetup create direct --table "0 524288 replica $s0 0 /dev/vm/d0" >/dev/null 2>&1; then
	not_ok "the module refuses it, too"
	dmsetup remove direct
else
	is "the module refuses it, too" "$(watched_sums)" "$before"
fi
"$store_tool" $s0 log-tear "$tail" || die "cannot patch"
check "undamaged it attaches" r attach w
check "and all is there" "$io" $live c:4M:64K:0
r detach w >/dev/null || die "cannot detach"
check "the module unloads" unload_module
