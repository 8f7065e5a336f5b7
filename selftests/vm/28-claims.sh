#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Claims: homes and store of an attached system are its own, for LVM, kpartx and every
# exclusive opener, and an attach is refused while another user holds one of them, a partition
# of it, or the disk that it is part of; replication can open the replica device exclusively;
# devices from dm_get_device() are still there; and a returned home reads the same through the
# page cache as past it.
# vm: --disk g0=64M --disk g1=64M --disk g2=64M
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"
. "$(dirname "$0")/hold.sh"
ktap_plan 68
load_module
expect_log 'linear: Device lookup failed \(-16\)'
expect_log 'error adding target to table'
expect_log 'replica: The (home|store) is in use'
modprobe loop || die "no loop devices"

s0=$(dev s0) s1=$(dev s1) s2=$(dev g2) d0=$(dev g0) d1=$(dev g1)
rep=/dev/mapper/web--1-vda-replica live=/dev/mapper/web--1-vda
export LVM_SYSTEM_DIR=/tmp/lvm LVM_SUPPRESS_FD_WARNINGS=1
mkdir -p /tmp/lvm
guide=$VM_SRC/README.md
excl() {
	python3 -c 'import os, sys
for p in sys.argv[1:]: os.open(p, os.O_RDWR | os.O_EXCL)' "$@"
}
holders() { find "/sys/block/$(basename "$1")/$2" -mindepth 1 -printf '%f '; }
dm_of() { echo "dm-$(dmsetup info -c --noheadings -o minor "$1")"; }
# A disk with one partition, 8 MiB at 1 MiB.
partition() {
	{
		printf '\x78\x56\x34\x12\0\0\0\0\0\0\x83\0\0\0\0\x08\0\0\0\x40\0\0'
		head -c 48 /dev/zero
		printf '\x55\xaa'
	} | dd of="$1" bs=1 seek=440 conv=notrunc,fsync status=none || die "cannot write"
}

# --- the guest's volume group lies on its disk, and on the home ---------------------------

# lvm_conf [FILTER]: LVM of this host, with that as its global_filter.
lvm_conf() {
	cat >/tmp/lvm/lvm.conf <<END
devices { use_devicesfile = 0 ${1:+global_filter = $1} }
global { locking_dir = "/tmp/lvm" event_activation = 0 use_lvmpolld = 0 }
activation { udev_sync = 0 udev_rules = 0 monitoring = 0 }
backup { backup = 0 archive = 0 }
END
}
lvm_conf
said=$(lvm pvcreate -ff -y "$d0" 2>&1 && lvm vgcreate guest "$d0" 2>&1 &&
	lvm lvcreate -an -Zn -l 100%FREE -n root guest 2>&1) || die "no volume group: $said"
active() { lvm lvs --noheadings -o lv_active guest 2>/dev/null | grep -q active; }
lvm vgchange -ay guest >/dev/null 2>&1
check "without a system the host can activate it" active
# shellcheck disable=SC2034 # refused reads it
watched=s0
refused "create while it is active is refused" 32774 "/dev/mapper/guest-root" \
	r create web-1 --store "$s0" --disk vda="$d0"
lvm vgchange -an guest >/dev/null 2>&1
make_system web-1 s0 vda="$d0" vdb="$d1" -- --chunk-size 16K
# Over our devices the volume group is a duplicate, which LVM does not activate.
lvm_conf '[ "r|^/dev/mapper/web--1-|" ]'
lvm vgchange -ay guest >/tmp/said 2>&1
check_fails "attached, LVM cannot activate it on the home" active
lvm vgchange -an guest >/dev/null 2>&1
check_fails "nor can a table be laid over the home" dmsetup create over --table "0 64 linear $d0 0"
dmsetup remove over 2>/dev/null
check_fails "or over the store" dmsetup create over --table "0 64 linear $s0 0"
dmsetup remove over 2>/dev/null
check_fails "no exclusive opener gets the home" excl "$d0"
check_fails "or the store" excl "$s0"
check_fails "no file system is made there" mkfs.ext4 -q "$d1"
check_fails "no discard" blkdiscard "$d1"
check_fails "no swap" mkswap "$d1"
check "devices beside them are free" excl "$s1"
r detach web-1 >/dev/null || die "cannot detach"
check "detached, they are free" excl "$s0" "$d0" "$d1"
lvm vgchange -ay guest >/dev/null 2>&1
check "detached, it can be activated" active
refused "attach while it is active is refused" 32774 "/dev/mapper/guest-root" r attach web-1
number() { lsblk -dno MAJ:MIN "$1" | tr -d ' '; }
check_fails "by dmsetup, too" dmsetup create x --table \
	"0 131072 replica $(number "$s0") 0 $(number "$d0") 0"
lvm vgchange -an guest >/dev/null 2>&1
dmsetup remove x 2>/dev/null

# --- the filter of the guides ------------------------------------------------------------

r attach web-1 >/dev/null || die "cannot attach"
point web-1
r failover web-1 >/dev/null || die "cannot fail over"
seen() { lvm vgs --noheadings -o vg_name 2>/dev/null | tr -d ' \n'; }
pvs_seen() { lvm pvs --noheadings -o pv_name 2>/dev/null | tr -d ' '; }
pvs=$(pvs_seen)
diag "without a filter LVM sees:" "$pvs"
filter=$(sed -n 's/^ *devices { global_filter = \(\[.*\]\) }$/\1/p' "$guide" | head -n 1)
[ -n "$filter" ] || die "no filter in $guide"
filter=${filter//NAME/web--1}
filter=${filter//HOME/$d0}
diag "the filter is $filter"
lvm_conf "$filter"
# As rule 56 does, which 62-udev shows with the real udevd.
for view in '' -replica; do
	mkdir -p /dev/dm-replica/web-1
	ln -sf "/dev/mapper/web--1-vda$view" "/dev/dm-replica/web-1/vda$view"
done
check "without a filter the host's LVM sees the guest's" [ -n "$pvs" ]
is "with the one of the README it sees none, through our devices or at home" "$(pvs_seen)" ""
is "and no volume group" "$(seen)" ""
guide=$VM_SRC/Documentation/admin-guide.md
again=$(sed -n 's/^ *devices { global_filter = \(\[.*\]\) }$/\1/p' "$guide" | head -n 1)
again=${again//web--1/NAME}
is "the administration guide has the same" "${again//\/dev\/disk\/by-id\/HOME/HOME}" \
	"$(sed -n 's/^ *devices { global_filter = \(\[.*\]\) }$/\1/p' "$VM_SRC/README.md" | head -n 1)"
lvm_conf
r revert web-1 --yes >/dev/null || die "cannot revert"

# --- exclusive use of the replica device -----------------------------------------------------

dd if=/dev/zero of=$rep bs=1M count=1 oflag=direct status=none
check "an exclusive opener has the replica device" excl $rep
check "a file system is made on it" mkfs.ext4 -q -F $rep
check "and discarded" blkdiscard $rep
check "and swap space made" mkswap -q $rep
dmsetup create over --table "0 64 linear $rep 0" || die "cannot lay a table over $rep"
check_fails "one at a time" excl $rep
dmsetup remove over
partition $rep
check "kpartx maps its partition" kpartx -a $rep
check "and takes the map away" kpartx -d $rep
check_fails "it is not removed under the failover devices" dmsetup remove web--1-vda-replica
is "which have it open" "$(dmsetup info -c --noheadings -o open web--1-vda-replica)" 2

# --- holders that no process has open -------------------------------------------------------

r recovery-point create web-1 >/dev/null || die "no point"
r failover web-1 >/dev/null || die "cannot fail over"
mkfs.ext4 -q -F $live || die "mkfs"
mkdir -p /tmp/mnt
mount $live /tmp/mnt || die "mount"
exec 7>/tmp/mnt/f
umount -l /tmp/mnt
refused "revert under a file system that was unmounted lazily names it" 32774 \
	"$live is in use by a ext4 file system" r revert web-1 --yes
exec 7>&-
excl_soon() { wait_for 20 excl "$1"; }
check "it ends" excl_soon $live
map_memory $live
refused "and one in the memory of a process, which has closed it, names that" 32774 \
	"$live is mapped into memory by process $mapper \(python3\)" r revert web-1 --yes
kill "$mapper"
wait "$mapper" 2>/dev/null
exec {mapped}<&-
check "revert" r revert web-1 --yes

# --- devices from dm_get_device() -------------------------------------------------------------

all="$(dm_of web--1-vda) $(dm_of web--1-vda-replica) $(dm_of web--1-vda-test)"
sorted() { tr ' ' '\n' | grep . | sort | tr '\n' ' '; }
is "holders of the home are named" "$(holders "$d0" holders | sorted)" "$(echo "$all" | sorted)"
is "and the devices below one" "$(holders "$(dm_of web--1-vda)" slaves | sorted)" \
	"$(echo "$(basename "$s0") $(basename "$d0")" | sorted)"
load() { dmsetup load "$1" --table "0 131072 replica $(number "$2") 0 $(number "$3") 0"; }
reload() { dmsetup load "$1" --table "$(dmsetup table "$1")" && dmsetup resume "$1"; }
for d in web--1-vda-replica web--1-vda web--1-vda-test; do
	check "$d: loaded again, ten times" eval \
		"for i in 1 2 3 4 5 6 7 8 9 10; do reload $d || break; done"
	dmsetup load $d --table "$(dmsetup table $d)" && dmsetup clear $d
done
is "it has its openers as before" "$(dmsetup info -c --noheadings -o open web--1-vda-replica)" 2
is "the home's holders are the same" "$(holders "$d0" holders | sorted)" "$(echo "$all" | sorted)"
# A home of larger blocks.
truncate -s 8M /tmp/k4.img
truncate -s 64M /tmp/k4s.img
k4=$(losetup -f --show -b 4096 /tmp/k4.img) || die "losetup"
k4s=$(losetup -f --show -b 4096 /tmp/k4s.img) || die "losetup"
make_system big "$k4s" vda="$k4"
is "limits are stacked" "$(cat "/sys/block/$(dm_of big-vda)/queue/logical_block_size")" 4096
# Resumed by hand it would be looked at once more; no claim is possible before.
dmsetup create x --notable || die "dmsetup"
check_fails "the home of one is no store of another" load x "$k4" "$s2"
check_fails "nor the store of one a home of another" load x "$s2" "$k4s"
check "nothing is left of that" excl "$s2"
dmsetup remove x
r detach big >/dev/null || die "cannot detach"
check "free again" excl "$k4" "$k4s"
check "a device is removed by force" dmsetup remove --force web--1-vdb
check "a table is wiped" dmsetup wipe_table web--1-vdb-test
check_fails "the home is not free yet" excl "$d1"
check "detach" r detach web-1
check "no claim is left" excl "$s0" "$d0" "$d1"
is "nor a holder" "$(holders "$d0" holders)$(holders "$d1" holders)$(holders "$s0" holders)" ""

# --- the home's page cache -------------------------------------------------------------------

r create web-1 --store "$s0" --disk vda="$d0" --force >/dev/null || die "cannot create"
"$io" "$d0" w:0:4M:1 f || die "cannot write"
exec 7<"$d0"
dd bs=1M count=4 status=none <&7 >/dev/null
r attach web-1 >/dev/null || die "cannot attach"
"$io" $rep w:0:4M:2 f || die "cannot write"
r detach web-1 >/dev/null || die "cannot detach"
buffered() { dd if="$d0" bs=1M count=4 status=none | cmp - <(dd if="$d0" bs=1M count=4 iflag=direct status=none); }
check "a home that was open all the time reads as it is" buffered
r attach web-1 >/dev/null || die "cannot attach"
point web-1
"$io" $rep w:1M:1M:3 f || die "cannot write"
dd if="$d0" bs=1M count=4 status=none >/dev/null
r remove web-1 --flatten --yes >/dev/null || die "cannot remove"
check "after it was removed, too" buffered
check "replication's writes" "$io" "$d0" c:0:1M:2 c:1M:1M:3 c:2M:2M:2
# Dirty pages of a writer that has gone, while a reader keeps the device open.
r create web-1 --store "$s0" --disk vda="$d0" --force >/dev/null || die "cannot create"
old=$(cat /proc/sys/vm/dirty_writeback_centisecs)
echo 0 >/proc/sys/vm/dirty_writeback_centisecs
"$io" "$d0" b:"$d0" w:2M:8M:4
r attach web-1 >/dev/null || die "cannot attach"
check "the page cache of before the attach shows" "$io" $rep c:2M:8M:4
echo "$old" >/proc/sys/vm/dirty_writeback_centisecs
exec 7<&-
r detach web-1 >/dev/null || die "cannot detach"

# --- partitions, and the disks that they are part of -------------------------------------------

truncate -s 32M /tmp/disk.img
disk=$(losetup -f --show /tmp/disk.img) || die "losetup"
partition "$disk"
losetup -d "$disk"
disk=$(losetup -fP --show /tmp/disk.img) || die "losetup"
part=${disk}p1
wait_for 10 [ -b "$part" ] || die "no partition"
r create whole --store "$s1" --disk vda="$disk" --force >/dev/null || die "cannot create"
r create part --store "$s2" --disk vda="$part" --force >/dev/null || die "cannot create"
# only NAME: the file of the other system, whose home this one shares, is put aside.
only() {
	mv /etc/dm-replica/systems.d/{whole,part}.conf /run 2>/dev/null
	mv "/run/$1.conf" /etc/dm-replica/systems.d
}
refused "a home that is part of another's" 32773 \
	"$part shares storage with a home of system whole, see .*/whole.conf" r attach part
refused "and the other way round" 32773 "$disk shares storage with a home of system part" \
	r attach whole
only whole
# shellcheck disable=SC2034
watched=''
holder "$part"
refused "a writer of a partition of the home is named" 32774 \
	"$part is open for writing in process $held" r attach whole
let_go
only part
holder "$disk"
refused "a writer of the disk that the home is part of is named" 32774 \
	"$disk is open for writing in process $held" r attach part
let_go
only whole
mkswap -q "$part" || die "mkswap"
swapon "$part" || die "swapon"
refused "a partition of the home that is swap space is named" 32774 "$part is used as swap" \
	r attach whole
swapoff "$part"
dmsetup create over --table "0 64 linear $part 0" || die "dmsetup"
refused "so is one in a table of device mapper" 32774 "$part is used by device /dev/mapper/over" \
	r attach whole
dmsetup remove over
only part
check "a home that is a partition" r attach part
only whole
refused "keeps the whole disk from another system" 32774 "$part is used by device" r attach whole
only part
r detach part >/dev/null || die "cannot detach"
# --- the devices that were looked at are those that are claimed -------------------------

hold_disks 64 16
dmsetup create swapped --table "0 32768 linear /dev/vm/d3 0" || die "no dm"
make_system k /dev/nbd0 vda=/dev/nbd1 vdb=/dev/mapper/swapped
r detach k >/dev/null || die "cannot detach"
disks on 0 w 0 256 hold
beside attach r attach k
check "an attach is at its first superblock" await_held 1
check_fails "the home of the other disk cannot be replaced meanwhile" dmsetup remove swapped
go
check "attach" went_well attach
check "detach" r detach k
check "nothing is left of that" dmsetup remove swapped
check "the unload" unload_module
