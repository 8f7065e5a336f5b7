#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Real volumes as homes, with LVM, LUKS and loop devices: extended below an attached system,
# renamed, or opened under another name or number, a home is accepted without a warning; rolled
# back by a snapshot, or restored from a copy, it is refused for its content.
# vm: --disk pv=256M --disk luks=64M
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"

ktap_plan 18
load_module
modprobe loop || die "no loop devices"
export LVM_SYSTEM_DIR=/tmp/lvm LVM_SUPPRESS_FD_WARNINGS=1
mkdir -p /tmp/lvm
cat >/tmp/lvm/lvm.conf <<END
devices { use_devicesfile = 0 }
global { locking_dir = "/tmp/lvm" event_activation = 0 use_lvmpolld = 0 }
activation { udev_sync = 0 udev_rules = 0 monitoring = 0 }
backup { backup = 0 archive = 0 }
END
conf=/etc/dm-replica/systems.d
lv() { said=$(lvm "$@" 2>&1) || die "lvm $1: $said"; dmsetup mknodes; }
fill() { dd if=/dev/urandom of="$1" bs=1M count=24 conv=fsync 2>/dev/null || die "cannot fill $1"; }
attach() { said=$(r attach "$@" 2>&1) || die "cannot attach: $said"; }
detach() { r detach "$1" >/dev/null || die "cannot detach $1"; }
write() { "$io" "/dev/mapper/$1-vda-replica" w:1M:1M:"$2" f || die "cannot write"; }
create() { r create "$1" --force --store /dev/vm/s0 --disk vda="$2" >/dev/null || die "cannot create $1"; }
# moved NAME PATH: its home is found there now.
moved() { sed -i "s|^disk.vda=.*|disk.vda=$2|" "$conf/$1.conf"; }
merged() { [ "$(lvm lvs --noheadings gold | wc -l)" = 1 ]; }
verified() { [ "$(grep -c 'home verified' <<<"$said") $(grep -v 'the home has grown' <<<"$said" | grep -c warning)" = "1 0" ]; }
differs="has changed since the last detach"

# --- LVM --------------------------------------------------------------------------------------
lv pvcreate -ff -y "$(dev pv)"
lv vgcreate gold "$(dev pv)"
lv lvcreate -y -Wn -Zn -n home -L 64M gold
home=/dev/mapper/gold-home
fill $home
create v $home
attach v
write v 1
lv lvextend -L +16M gold/home
check "a volume extended below: suspend" dmsetup suspend v-vda-replica
check "resume" dmsetup resume v-vda-replica
check "writes go on" "$io" /dev/mapper/v-vda-replica w:2M:1M:2 f
detach v
attach v
check "its size is reported" grep -q 'the home has grown' <<<"$said"
check "and its content is verified" verified
detach v
lv lvcreate -y -s -n before -L 32M gold/home
attach v
check "below a snapshot of it" verified
write v 3
detach v
lv lvconvert -y --merge gold/before
check "the snapshot is merged" wait_for 30 merged
refused "a volume that was rolled back" 32773 "$differs" r attach v
attach v --accept-homes=vda
check "accepted by name" grep -q 'home differs, accepted' <<<"$said"
detach v
lv lvrename gold/home gold/renamed
moved v /dev/mapper/gold-renamed
attach v
check "a renamed volume" verified
detach v
lv lvrename gold/renamed gold/home
lv lvcreate -y -Wn -Zn -n twin -L 80M gold
dd if=$home of=/dev/mapper/gold-twin bs=1M conv=fsync 2>/dev/null || die "cannot copy"
moved v /dev/mapper/gold-twin
refused "a copy on another volume" 32773 'is another device' r attach v
attach v --accept-homes
check "accepted, its content is verified" verified
detach v
rm $conf/v.conf

# --- LUKS -------------------------------------------------------------------------------------
open() { printf secret | cryptsetup open "$(dev luks)" "$1" - || die "cannot open"; dmsetup mknodes; }
printf secret | cryptsetup luksFormat -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 "$(dev luks)" - ||
	die "no LUKS volume"
open one
fill /dev/mapper/one
create c /dev/mapper/one
attach c
write c 1
detach c
cryptsetup close one
open two
moved c /dev/mapper/two
attach c
check "a LUKS volume opened under another name" verified
detach c
rm $conf/c.conf
cryptsetup close two

# --- loop devices -----------------------------------------------------------------------------
truncate -s 32M /run/image
loop=$(losetup -f --show /run/image)
fill "$loop"
create l "$loop"
attach l
write l 1
detach l
losetup -d "$loop"
truncate -s 1M /run/other
losetup "$loop" /run/other
refused "another file under its number" 32773 'has 1048576 bytes' r attach l
losetup -d "$loop"
truncate -s 32M /run/other
losetup "$loop" /run/other
refused "another file of its size" 32773 'is another device' r attach l
next=$(losetup -f --show /run/image)
moved l "$next"
attach l
check "its own file under another number" verified
detach l
cp /run/image /run/copy
attach l
write l 2
detach l
losetup -d "$next"
mv /run/copy /run/image
losetup "$next" /run/image
refused "a file that was restored" 32773 "$differs" r attach l
rm $conf/l.conf
losetup -d "$next"
losetup -d "$loop"
check "the module unloads" unload_module
