#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Strangers have no influence: a guest that writes a store to its own disk, files that name a
# device of another system, a user without rights that holds locks.
# vm: --disk planted=64M --disk raw=64M
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"

ktap_plan 51
load_module
load_brd 2 16
modprobe loop 2>/dev/null
victim=/dev/ram0
conf=/etc/dm-replica/systems.d
dd if=/dev/urandom of=$victim bs=1M count=16 2>/dev/null
sum=$(md5sum <$victim)
safe() { [ "$(md5sum <$victim)" = "$sum" ]; }

# A guest's own store, which names a device of the host as its home.
make_system 0 planted vda=$victim
"$io" /dev/mapper/0-vda-replica w:0:64K:1 f || die "cannot write"
point 0
"$io" /dev/mapper/0-vda-replica w:0:1M:2 f || die "cannot write"
r vacuum 0 --hold >/dev/null
r recovery-point drop 0 1 --yes >/dev/null
r detach 0 >/dev/null || die "cannot detach"
dd if=/dev/urandom of=$victim bs=1M count=16 2>/dev/null
sum=$(md5sum <$victim)

r create r --store /dev/vm/s0 --disk vda=/dev/vm/d0 >/dev/null || die "cannot create r"
uuid_r=$(field r uuid)
dd if=/dev/vm/planted of=/dev/vm/d0 bs=1M conv=fsync 2>/dev/null || die "cannot plant"
dd if=/dev/zero of=/dev/vm/planted bs=1M count=4 conv=fsync 2>/dev/null
rm -f $conf/*.conf

scan() {
	said=$(r scan "$@" 2>&1 </dev/null)
	rc=$?
}
scan --json
check "scan finds both" grep -q '"content_of_home": true' <<<"$said"
scan --write
is "without a device named it asks" "$rc $(ls $conf)" "64 "
# On a terminal it asks; the question is no part of the JSON.
{ sleep 2; echo n; } | script -qec "$REPLICACTL scan --write --json >/tmp/scan.json" /dev/null >/tmp/scan.said 2>&1
check "the question is asked" grep -q 'Write the files of these' /tmp/scan.said
is "beside the JSON" "$(sed -n '1p;$p' /tmp/scan.json | tr -d '\n')" '[]'
scan --write --yes
check "a store on the home of another is not taken for one" \
	grep -q 'the file of 0 .* is not written: its store lies on the home of another system' <<<"$said"
is "that of the other is written" "$(ls $conf)" r.conf
check "the exit status reports it" [ "$rc" != 0 ]
check "attach --all attaches it alone" r attach --all
check "the victim's disk is untouched" safe
r detach r >/dev/null || die "cannot detach"
scan --write --yes --accept-homes
is "nor with --accept-homes" "$(ls $conf)" r.conf
scan --write /dev/vm/d0
check "named, it still is on a device of another" \
	grep -q "it names a device that another system names" <<<"$said"
rm -f $conf/*.conf

# On a disk that is no replica.
dd if=/dev/vm/d0 of=/dev/vm/raw bs=1M count=64 conv=fsync 2>/dev/null
dd if=/dev/zero of=/dev/vm/d0 bs=1M count=64 conv=fsync 2>/dev/null
scan --write --yes
check "a path is no proof" grep -q 'the file of 0 .* is not written: one of its homes is known only by a path' <<<"$said"
is "only the other is written" "$(ls $conf)" r.conf
check "attach --all, its home not as it was left" r attach --all --accept-homes
check "the victim's disk is untouched" safe
r detach r >/dev/null || die "cannot detach"

rm -f $conf/*.conf

# plant DEVICE NAME UUID DISK: a store of a system that has DISK as its home.
plant() {
	r create "$2" --store /dev/vm/planted --force --uuid "$3" --disk vda="$4" >/dev/null 2>&1 ||
		die "cannot create $2"
	rm -f "$conf/$2.conf"
	dd if=/dev/vm/planted of="$1" bs=1M count=48 conv=fsync 2>/dev/null || die "cannot plant"
	dd if=/dev/zero of=/dev/vm/planted bs=1M count=4 conv=fsync 2>/dev/null
}
uuid_p=11111111-2222-4333-8444-555555555555

# The path of a loop device's file is a path, too.
dd if=$victim of=/tmp/victim.img bs=1M 2>/dev/null
loop=$(losetup --find --show /tmp/victim.img) || die "no loop"
plant /dev/vm/raw p $uuid_p "$loop"
scan --write --yes
check "the file of a loop device proves nothing" grep -q 'the file of p .* is not written: one of its homes is known only by a path' <<<"$said"
is "only the other is written" "$(ls $conf)" r.conf
rm -f $conf/*.conf
losetup -d "$loop"
dd if=/dev/zero of=/dev/vm/raw bs=1M count=48 conv=fsync 2>/dev/null

# Files get links to the hardware, and none that is made of a guest's content.
by_id=/dev/disk/by-id
home=$(readlink -f /dev/vm/d0)
mkdir -p $by_id
ln -s "$home" $by_id/lvm-pv-uuid-a
scan --write --yes
is "no link of a guest's content" "$(sed -n 's/^disk.vda=//p' $conf/r.conf)" "$home"
rm -f $conf/*.conf
ln -s "$home" $by_id/virtio-b
scan --write --yes
is "one of the hardware" "$(sed -n 's/^disk.vda=//p' $conf/r.conf)" $by_id/virtio-b
rm -f $conf/*.conf $by_id/lvm-pv-uuid-a $by_id/virtio-b

# A path that a store names is followed if it is one of a device, and no other: what lies there
# may hang, or be mounted by the look.
ln -s $victim /tmp/linked
plant /dev/vm/raw p $uuid_p /tmp/linked
check "a path outside /dev is not followed" grep -q 'home not found' <(r scan /dev/vm/raw)
dd if=/dev/zero of=/dev/vm/raw bs=1M count=48 conv=fsync 2>/dev/null
plant /dev/vm/raw p $uuid_p /dev/../tmp/linked
check "nor one that leaves it" grep -q 'home not found' <(r scan /dev/vm/raw)
dd if=/dev/zero of=/dev/vm/raw bs=1M count=48 conv=fsync 2>/dev/null
ln -s $victim /dev/linked
plant /dev/vm/raw p $uuid_p /dev/linked
check_fails "one of a device is" grep -q 'home not found' <(r scan /dev/vm/raw)
rm /dev/linked
dd if=/dev/zero of=/dev/vm/raw bs=1M count=48 conv=fsync 2>/dev/null

# On the home of the system that it names by UUID and name: that one is found all the same.
plant /dev/vm/d0 r "$uuid_r" $victim
scan --write --yes --accept-homes
is "its own system is written" "$(sed -n 's/^store=//p' $conf/r.conf)" "$(readlink -f /dev/vm/s0)"
rm -f $conf/*.conf
plant /dev/vm/d0 r $uuid_p $victim
scan --write --yes --accept-homes
is "another one by its name takes nothing" "$(sed -n 's/^store=//p' $conf/r.conf)" "$(readlink -f /dev/vm/s0)"
rm -f $conf/*.conf
dd if=/dev/zero of=/dev/vm/d0 bs=1M count=48 conv=fsync 2>/dev/null

files() (cd $conf && printf '%s ' *)

# On a partition of a home, or in a mapping of a part of it.
truncate -s 96M /tmp/disk.img
{ printf '\x78\x56\x34\x12\0\0\0\0\0\0\x83\0\0\0\0\x08\0\0\0\x80\x02\0' && head -c 48 /dev/zero && printf '\x55\xaa'; } |
	dd of=/tmp/disk.img bs=1 seek=440 conv=notrunc status=none
disk=$(losetup --find --show -P /tmp/disk.img) || die "no loop"
wait_for 10 [ -b "${disk}p1" ] || die "no partition"
r create q --force --store /dev/vm/s1 --disk vda="$disk" >/dev/null 2>&1 || die "cannot create q"
plant "${disk}p1" p $uuid_p $victim
scan --write --yes --accept-homes
is "on a partition of a home" "$(files)" "q.conf r.conf "
rm -f $conf/*.conf
scan --write --yes --accept-homes
is "the same before there are files" "$(files)" "q.conf r.conf "
check "and said" grep -q 'the file of p .* is not written: its store lies on the home of another system' <<<"$said"
rm -f $conf/*.conf
losetup -d "$disk"
disk=$(losetup --find --show /tmp/disk.img) || die "no loop"
dmsetup create guests-lv --table "0 163840 linear $disk 2048" || die "no dm"
scan --write --yes --accept-homes
is "in a mapping of a part of it" "$(files)" "q.conf r.conf "
dd if=/dev/zero of=/dev/mapper/guests-lv bs=1M count=4 conv=fsync 2>/dev/null
refused "a home in a mapping of another's" 32773 \
	"/dev/mapper/guests-lv shares storage with a home of system q, see .*q.conf" \
	r create p --store /dev/vm/planted --disk vda=/dev/mapper/guests-lv
refused "a store in one" 32773 "/dev/mapper/guests-lv shares storage with a home of system q" \
	r create p --store /dev/mapper/guests-lv --disk vda=$victim
dmsetup remove guests-lv
twice=$(losetup --find --show /tmp/disk.img) || die "no loop"
refused "another loop device over the same file" 32773 "$twice shares storage with a home of system q" \
	r create p --store /dev/vm/planted --disk vda="$twice"
refused "by which one system has two disks" 32773 "home $twice and home $disk share storage" \
	r create p --store /dev/vm/planted --force --disk vda="$disk" --disk vdb="$twice"
cp $conf/q.conf /run
sed -i '/^disk.vda=/d' $conf/q.conf
echo "disk.vda=$twice" >>$conf/q.conf
check "or has its one disk, by whichever" r attach q
on_it=$(losetup --find --show "$twice") || die "no loop"
refused "a loop device over a home that is in use" 32773 "$on_it shares storage with a home of system q" \
	r create p --store /dev/vm/planted --disk vda="$on_it"
losetup -d "$on_it"
r detach q >/dev/null || die "cannot detach"
losetup -d "$twice"
cp /run/q.conf $conf
first=$(losetup --find --show --sizelimit 48M /tmp/disk.img) || die "no loop"
second=$(losetup --find --show --offset 48M /tmp/disk.img) || die "no loop"
r remove q --yes >/dev/null 2>&1
rm -f $conf/q.conf
check "two halves of a file share nothing" r create q --store /dev/vm/s1 --force --disk vda="$first" --disk vdb="$second"
check "and are attached" r attach q
r detach q >/dev/null || die "cannot detach"
rm -f $conf/q.conf
losetup -D
dd if=/dev/zero of=/dev/vm/s1 bs=1M count=4 conv=fsync 2>/dev/null
check "the victim's disk is untouched" safe

# Two systems that name one device, and a leftover file of one.
sed -e 's/^name=.*/name=x/' -e "s/^uuid=.*/uuid=$(cat /proc/sys/kernel/random/uuid)/" \
	-e "s|^disk.vda=.*|disk.vda=$victim|" $conf/r.conf >$conf/x.conf
check "a file without a system takes nothing" r attach r
r detach r >/dev/null || die "cannot detach"
rm $conf/x.conf
r create x --force --store /dev/vm/s1 --disk vda=/dev/vm/d0 >/dev/null || die "cannot create x"
refused "a home that another system names" 32773 'is a home of system x already, see .*x.conf' r attach r
refused "the same of the other" 32773 'is a home of system r already, see .*r.conf' r attach x
rm $conf/x.conf

# Locks of a user without rights.
chmod 644 $conf/r.conf
setpriv --reuid 65534 --regid 65534 --clear-groups flock $conf/r.conf sleep 100 &
: >$conf/.r.conf.new
chmod 644 $conf/.r.conf.new
setpriv --reuid 65534 --regid 65534 --clear-groups flock $conf/.r.conf.new sleep 100 &
sleep 0.5
check "attach beside a user's lock on the file" timeout 8 "$REPLICACTL" attach r
check "detach" timeout 8 "$REPLICACTL" detach r
check "the file is written again beside a lock on the new file" timeout 8 "$REPLICACTL" scan --write /dev/vm/s0
check_fails "the user cannot reach the locks" setpriv --reuid 65534 --regid 65534 --clear-groups \
	flock -n "/run/dm-replica/$uuid_r.lock" true
check_fails "nor list them" setpriv --reuid 65534 --regid 65534 --clear-groups ls /run/dm-replica
flock "/run/dm-replica/$uuid_r.lock" sleep 100 &
sleep 0.5
refused "root's own lock is kept" 32774 'is being attached or detached by another process' r attach r
for p in $(jobs -p); do kill "$p"; done 2>/dev/null
pkill -x sleep
check "and ends with its process" r attach r
r detach r >/dev/null || die "cannot detach"
# A store that another host has attached: its state is shown, and it is not checked, as
# its log may change at any moment.
r attach r >/dev/null || die "cannot attach"
dd if=/dev/vm/s0 of=/dev/vm/s1 bs=1M count=64 conv=fsync 2>/dev/null
r detach r >/dev/null || die "cannot detach"
mkdir -p /tmp/conf
sed 's|^store=.*|store=/dev/vm/s1|' $conf/r.conf >/tmp/conf/r.conf
other() { DM_REPLICA_MACHINE_ID=0123456789abcdef0123456789abcdef DM_REPLICA_CONFDIR=/tmp/conf r "$@"; }
check "a system active on another host is shown as such" grep -q 'Active on  *another host, machine id' <(other status r)
check "in JSON, too" grep -q '"active_on_host": "[0-9a-f]\{32\}"' <(other status r --json)
check_fails "on this one it is not" grep -q 'another host' <(DM_REPLICA_CONFDIR=/tmp/conf r status r)
check "the module unloads" unload_module
