#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Identity and content of homes: attach refuses or reports homes that were swapped, edited, moved
# or opened under another name, and older stores; and reports nothing for a system that was only
# cut off, trimmed, or restored as a whole.
# vm: --disk copy=64M
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"

ktap_plan 84
load_module
load_brd 4 16
conf=/etc/dm-replica/systems.d
state=/var/lib/dm-replica
s=/dev/vm/copy

fill() { dd if=/dev/urandom of="$1" bs=1M count=16 conv=fsync 2>/dev/null || die "cannot fill $1"; }
copy() { dd if="$1" of="$2" bs=1M conv=fsync 2>/dev/null || die "cannot copy $1"; }
attach() {
	said=$(r attach "$@" 2>&1) || die "cannot attach: $said"
}
detach() { r detach w >/dev/null || die "cannot detach"; }
# w with vda on ram0 and vdb on ram1.
new() {
	fill /dev/ram0
	fill /dev/ram1
	said=$(r create w --force --store $s --disk vda=/dev/ram0 --disk vdb=/dev/ram1 2>&1) ||
		die "cannot create: $said"
}
swap() { sed -i -e 's/ram0/ramX/' -e 's/ram1/ram0/' -e 's/ramX/ram1/' $conf/w.conf; }
silent() { [ "$(grep -c 'home verified' <<<"$said") $(grep -c warning <<<"$said")" = "2 0" ]; }

# --- Homes without an identity, swapped and edited.
new
check "create names the homes without an identity" \
	[ "$(grep -c 'home /dev/ram[01] of disk vd[ab] has no identity of its own' <<<"$said")" = 2 ]
attach w
is "no home is verified at first" "$(grep -c 'home not verified' <<<"$said")" 2
point w
detach
check "a detached home can be compared" [ "$(json fingerprint status w)" = true ]
check "check compares it" grep -q 'home /dev/ram0 of disk vda is unchanged since' <(r check w)
swap
# shellcheck disable=SC2034 # refused reads it
watched="copy /dev/ram0:16M /dev/ram1:16M"
refused "swapped homes" 32773 'home /dev/ram1 of disk vda has changed since.*accept-homes' r attach w
refused "the same by check" 32773 'home /dev/ram1 of disk vda has changed since' r check w
refused "each is named as the other's" 32773 'of disk vda has changed.*it has the content of disk vdb' r attach w
refused "and not accepted unasked" 32773 'it has the content of disk vdb' r attach w --accept-homes
refused "nor one without the other" 32773 'of disk vdb has changed.*the content of disk vda' r attach w --accept-homes=vda
refused "a disk that does not exist" 32773 'no disk "vdc"' r attach w --accept-homes=vda,vdc
refused "a disk without a name" 32773 'no disk ""' r attach w --accept-homes=
check "check finds both" [ "$(r check w 2>/dev/null | grep -c 'refused .*has the content of disk')" = 2 ]
# shellcheck disable=SC2034 # the same
watched=''
# Interchanged, and both have forgotten what was discarded.
for i in 0 1; do
	copy /dev/ram$i /dev/ram$((i + 2))
	dd if=/dev/zero of=/dev/ram$i bs=1M seek=8 count=8 conv=notrunc,fsync 2>/dev/null
done
refused "nor where zeroes hide a part of it" 32773 'it has the content of disk vdb' r attach w --accept-homes
copy /dev/ram2 /dev/ram0
copy /dev/ram3 /dev/ram1
swap
attach w
check "back in place they are verified" silent
table=$(dmsetup table w-vda-replica) uuid=$(dmsetup info -c --noheadings -o uuid w-vda-replica)
detach
# An attach that fails half way has bound some disks, or one.
dmsetup create w-vda-replica --uuid "$uuid" --table "$table" || die "no dm"
dmsetup remove w-vda-replica || die "no dm"
attach w
check "an attach that ended half way loses no fingerprint" silent
detach
swap
attach w --accept-homes=vda,vdb
is "interchanged homes are accepted by name" "$(grep -c 'home differs, accepted' <<<"$said")" 2
detach
swap
attach w --accept-homes=vdb,vda
detach
# One block alone, among the last that were written home.
new
attach w
"$io" /dev/mapper/w-vda-replica w:5M:4K:1 f || die "cannot write"
detach
copy /dev/ram0 /dev/ram2
attach w
check "direct writes count as its content" silent
"$io" /dev/mapper/w-vda-replica w:5M:4K:2 f || die "cannot write"
detach
copy /dev/ram2 /dev/ram0
refused "a home of an earlier time" 32773 'home /dev/ram0 of disk vda has changed since.* 1 of [0-9]* places' r attach w
attach w --accept-homes
is "accepted" "$(grep -c 'home differs, accepted' <<<"$said")" 1
detach
attach w
check "once" silent
detach

# --- No report without a fault.
fill /dev/vm/d0
r create t --store /dev/vm/s0 --disk vda=/dev/vm/d0 >/dev/null 2>&1 || die "cannot create t"
attach t
"$io" /dev/mapper/t-vda-replica w:8M:64K:3 w:32M:64K:3 f t:1M:4M t:8M:64K f || die "cannot discard"
r detach t >/dev/null || die "cannot detach t"
attach t
check "discards straight home" grep -q 'home verified' <<<"$said"
"$io" /dev/mapper/t-vda-replica w:24M:64K:9 f || die "cannot write"
dd if=/dev/vm/d0 of=/tmp/before bs=64K skip=384 count=1 iflag=direct 2>/dev/null || die "cannot read"
"$io" /dev/mapper/t-vda-replica t:24M:64K f n:24M:64K || die "cannot discard"
r detach t >/dev/null || die "cannot detach t"
dd if=/tmp/before of=/dev/vm/d0 bs=64K seek=384 conv=notrunc oflag=direct 2>/dev/null || die "cannot write"
attach t
is "a device that brings back what was discarded is not verified, without a warning" \
	"$(grep -c 'home not verified' <<<"$said") $(grep -c warning <<<"$said")" "1 0"
r detach t >/dev/null || die "cannot detach t"
rm $conf/t.conf
attach w
"$io" /dev/mapper/w-vda-replica w:9M:4K:3 f || die "cannot write"
detach
dd if=/dev/zero of=/dev/ram0 bs=1M seek=9 count=1 conv=notrunc,fsync 2>/dev/null
attach w
is "a device that forgets late what was discarded is not verified, without a warning" \
	"$(grep -c 'home not verified' <<<"$said") $(grep -c warning <<<"$said")" "1 0"
detach
# What was written last lies where an earlier copy has zeroes, as a file that grows.
dd if=/dev/zero of=/dev/ram0 bs=1M seek=8 count=8 conv=notrunc,fsync 2>/dev/null
attach w --accept-homes
detach
copy /dev/ram0 /dev/ram2
attach w
"$io" /dev/mapper/w-vda-replica w:8M:4K:4 w:9M:4K:4 w:10M:4K:4 w:11M:4K:4 w:12M:16K:4 f ||
	die "cannot write"
detach
copy /dev/ram0 /dev/ram3
copy /dev/ram2 /dev/ram0
refused "an earlier copy that has zeroes there" 32773 'has changed since' r attach w
copy /dev/ram3 /dev/ram0
attach w
check "the newest is verified" silent
point w
detach
attach w
check "after a point" silent
r failover w >/dev/null || die "cannot fail over"
"$io" /dev/mapper/w-vda w:1M:1M:4 f || die "cannot write"
detach
attach w
check "failed over" silent
r commit w --yes >/dev/null || die "cannot commit"
"$io" /dev/mapper/w-vda w:3M:1M:5 f || die "cannot write"
detach
attach w
check "committed" silent
detach

# crash NAME: while the store is as a crash leaves it, with writes after that.
crash() {
	attach w
	"$io" "/dev/mapper/$2" w:2M:64K:6 f || die "cannot write"
	copy $s /dev/vm/s1
	"$io" "/dev/mapper/$2" w:4M:64K:7 f || die "cannot write"
	copy /dev/ram0 /dev/ram2
	detach
	copy /dev/ram2 /dev/ram0
	dd if=/dev/vm/s1 of=$s bs=1M count=64 conv=fsync 2>/dev/null
	rm -r $state
	attach w
	is "a crash $1 verifies nothing" \
		"$(grep -c 'home not verified' <<<"$said") $(grep -c warning <<<"$said")" "2 0"
	detach
	attach w
	check "and the next clean end does" silent
	detach
}
crash "when committed" w-vda
new
crash "before the first point" w-vda-replica
attach w
point w
r failover w >/dev/null || die "cannot fail over"
detach
crash "when failed over" w-vda

# --- A home that has grown, and nothing else is known of it than its path.
map() { dmsetup create "$1" ${2:+--uuid "$2"} --table "0 ${4:-32768} linear $3 0" || die "no dm"; }
fill /dev/ram2
map plain '' /dev/ram2 16384
r create p --force --store /dev/vm/s0 --disk vda=/dev/mapper/plain >/dev/null 2>&1 || die "cannot create p"
r attach p >/dev/null || die "cannot attach p"
copy /dev/vm/s0 /dev/vm/s1
r detach p >/dev/null || die "cannot detach p"
dmsetup remove plain
map plain '' /dev/ram2
attach p
check "a home known by a path that has grown is verified by its content" grep -q 'home verified' <<<"$said"
r detach p >/dev/null || die "cannot detach p"
dd if=/dev/vm/s1 of=/dev/vm/s0 bs=1M conv=fsync 2>/dev/null || die "cannot copy"
rm -r $state
attach p
check "after a crash, too, it is attached" grep -q 'home not verified' <<<"$said"
check "and its size is reported" grep -q 'warning.*the home has grown' <<<"$said"
r detach p >/dev/null || die "cannot detach p"
rm $conf/p.conf
dmsetup remove plain

# --- A hung home delays nothing, and gets no fingerprint.
dmsetup create hung --table "0 32768 linear /dev/ram3 0" || die "no dm"
fill /dev/mapper/hung
r create h --force --store /dev/vm/s0 --disk vda=/dev/mapper/hung >/dev/null 2>&1 || die "cannot create h"
r attach h >/dev/null || die "cannot attach h"
"$io" /dev/mapper/h-vda-replica w:0:4K:1 f || die "cannot write"
dmsetup suspend --noflush hung
expect_log "no fingerprint of the home"
check "detach with a hung home" timeout 60 "$REPLICACTL" detach h
dmsetup resume hung
attach h
check "its home is not verified" grep -q 'home not verified' <<<"$said"
r detach h >/dev/null || die "cannot detach h"
attach h
check "it is after a clean end" grep -q 'home verified' <<<"$said"
r detach h >/dev/null || die "cannot detach h"
rm $conf/h.conf
dmsetup remove hung

# --- An older store.
new
attach w
"$io" /dev/mapper/w-vda-replica w:0:64K:7 f || die "cannot write"
detach
copy $s /dev/vm/s1
copy /dev/ram0 /dev/ram2
copy /dev/ram1 /dev/ram3
attach w
"$io" /dev/mapper/w-vda-replica w:0:64K:8 f || die "cannot write"
point w
"$io" /dev/mapper/w-vda-replica w:0:64K:9 f || die "cannot write"
r recovery-point drop w 1 --yes >/dev/null || die "cannot drop"
detach
dd if=/dev/vm/s1 of=$s bs=1M count=64 conv=fsync 2>/dev/null
refused "an older store" 32773 'is an older copy.*accept-older' r attach w
refused "the same by check" 32773 'is an older copy' r check w
refused "an older store with homes of later" 32773 'has changed since' r attach w --accept-older
copy /dev/ram2 /dev/ram0
copy /dev/ram3 /dev/ram1
refused "restored with its homes" 32773 'is an older copy' r attach w
attach w --accept-older
check "accepted, it is verified" silent
detach
attach w
check "once" silent
detach
check "a removal forgets it" [ -e "$state/$(field w uuid)" ]

# --- Homes that move, and mappings of another name.
rm $conf/w.conf
uuid=CRYPT-LUKS2-0123456789abcdef0123456789abcdef
map one MAP-one /dev/ram0
map two MAP-two /dev/ram1
r create m --force --store $s --disk vda=/dev/mapper/one >/dev/null || die "cannot create m"
r attach m >/dev/null || die "cannot attach m"
"$io" /dev/mapper/m-vda-replica w:0:64K:1 f || die "cannot write"
r detach m >/dev/null || die "cannot detach m"
copy /dev/mapper/one /dev/mapper/two
sed -i 's|mapper/one|mapper/two|' $conf/m.conf
refused "a home that has moved" 32773 'is another device.*accept-homes' r attach m
attach m --accept-homes
check "accepted, its content is verified" grep -q 'home verified' <<<"$said"
r detach m >/dev/null || die "cannot detach m"
check "once" r attach m
r detach m >/dev/null || die "cannot detach m"
sed -i 's|mapper/two|mapper/one|' $conf/m.conf
refused "check has the same verdict on a home" 32773 'is another device' r check m
sed -i 's|mapper/one|mapper/three|' $conf/m.conf
refused "a home that is missing" 32779 'home of disk vda' r attach m
refused "the same by check" 32779 'home of disk vda' r check m
sed -i 's|mapper/three|mapper/two|' $conf/m.conf
r attach m >/dev/null || die "cannot attach m"
dd if=$s of=/dev/vm/s1 bs=1M count=64 conv=fsync 2>/dev/null || die "cannot copy"
r detach m >/dev/null || die "cannot detach m"
dd if=/dev/vm/s1 of=$s bs=1M count=64 conv=fsync 2>/dev/null || die "cannot copy"
rm -r $state
sed -i 's|mapper/two|mapper/one|' $conf/m.conf
refused "check of a store that was cut off looks at homes, too" 32773 'is another device' r check m
refused "as attach does" 32773 'is another device' r attach m
sed -i 's|mapper/one|mapper/two|' $conf/m.conf
r attach m >/dev/null || die "cannot attach m"
r detach m >/dev/null || die "cannot detach m"
rm $conf/m.conf
check "scan finds it" grep -q 'home /dev/.*two' <(r scan $s)
dmsetup remove one
dmsetup remove two

map one $uuid-one /dev/ram0
r create c --force --store $s --disk vda=/dev/mapper/one >/dev/null || die "cannot create c"
r attach c >/dev/null || die "cannot attach c"
r detach c >/dev/null || die "cannot detach c"
dmsetup remove one
map other $uuid-other /dev/ram0
sed -i 's|mapper/one|mapper/other|' $conf/c.conf
check "an encrypted volume under another name" r attach c
r detach c >/dev/null || die "cannot detach c"
dmsetup remove other
map other CRYPT-LUKS2-0123456789abcdef0123456789abcdee-other /dev/ram0
refused "another encrypted volume" 32773 'is another device' r attach c
dmsetup remove other
rm $conf/c.conf

# --- The same host, another boot.
new
DM_REPLICA_BOOT_ID=11111111111111111111111111111111 r attach w >/dev/null || die "cannot attach"
check "the table names the boot" grep -q 'boot 1111' <(dmsetup table w-vda-replica)
copy $s /dev/vm/s1
detach
dd if=/dev/vm/s1 of=$s bs=1M count=64 conv=fsync 2>/dev/null
rm -r $state
check "check reports the other boot" \
	grep -q 'another boot of this host has it attached' <(r check w)
said=$(DM_REPLICA_BOOT_ID=11111111111111111111111111111111 r attach w 2>&1)
check "the same boot is not reported" [ "$(grep -c 'same machine id' <<<"$said")" = 0 ]
detach
dd if=/dev/vm/s1 of=$s bs=1M count=64 conv=fsync 2>/dev/null
rm -r $state
attach w
check "attach reports the other boot" grep -q 'another host has the same machine id' <<<"$said"
detach
attach w
check "not after a detach" silent
detach

# --- A copy of the store, and one of its superblocks lost.
new
attach w
point w
detach		# its newest superblock is B
dd if=$s of=/dev/vm/s1 bs=1M count=64 conv=fsync 2>/dev/null || die "cannot copy"
attach w
point w
detach
said=$(r check /dev/vm/s1 2>&1) || die "cannot check the copy: $said"
check "a copy of the store is good" grep -q '^good$' <<<"$said"
check "and known to be one" grep -q 'it is a copy: system w has its store on' <<<"$said"
check "an older one" grep -q 'is an older copy' <<<"$said"
mapfile -t seq < <(r dump $s --json | sed -n 's/.*"seq": *\([0-9]*\).*/\1/p')
lost=$((seq[0] > seq[1] ? 0 : 32))
dd if=/dev/zero of=$s bs=4K seek=$lost count=16 conv=fsync,notrunc 2>/dev/null
refused "the newest superblock is lost" 32773 'superblock . of store .* is lost .* was the newest' r attach w
refused "the same by check" 32773 'is lost .* was the newest' r check w
attach w --accept-older
detach
attach w
check "after that it is as ever" silent
detach

# --- A foreign signature over superblock A.
new
attach w
detach		# its newest superblock is B
mkswap $s >/dev/null 2>&1 || die "no mkswap"
refused "a foreign signature" 32773 'has a signature of swap over its superblock A' r attach w
refused "the same by check" 32773 'has a signature of swap over its superblock A' r check w
wipefs -a $s >/dev/null || die "no wipefs"
check "without the signature check has a doubt" grep -q 'good, with 1 doubt' <(r check w)
attach w
check "and attach goes on" grep -q 'home verified' <<<"$said"
detach

# --- Attach and check have one verdict on host and file, too.
both() {
	refused "$@" r attach w
	refused "check: $1" "${@:2}" r check w
}
attach w
copy $s /dev/vm/s1
detach
dd if=/dev/vm/s1 of=$s bs=1M count=64 conv=fsync 2>/dev/null || die "cannot copy"
rm -r $state
export DM_REPLICA_MACHINE_ID=22222222222222222222222222222222
both "a store that another host has" 32774 'active on another host, machine id [0-9a-f]{32}'
cp $s /tmp/w.img
mv $conf/w.conf /run
check "check: an image of it is a backup" r check /tmp/w.img
mv /run/w.conf $conf
rm /tmp/w.img
unset DM_REPLICA_MACHINE_ID
attach w
detach
cp $conf/w.conf /run/w.conf
sed -i 's/^uuid=......../uuid=01234567/' $conf/w.conf
both "a file of another system" 32773 'belongs to another system'
sed -e 's/^name=.*/name=v/' /run/w.conf >$conf/v.conf
rm $conf/w.conf
refused "a file with another name" 32773 'names its system w, but .* names v' r attach v
refused "check: a file with another name" 32773 'names its system w, but .* names v' r check v
rm $conf/v.conf
sed 's|ram1|ram0|' /run/w.conf >$conf/w.conf
both "one device for two disks" 32773 'ram0 is the home of two disks, vda and vdb'
cp /run/w.conf $conf/w.conf
dd if=$s of=/dev/vm/s1 bs=1M count=64 conv=fsync 2>/dev/null || die "cannot copy"
attach w
detach
check "as it was there is nothing to refuse" r check w
check "the module unloads" unload_module
