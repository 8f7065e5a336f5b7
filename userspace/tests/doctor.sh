# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034 # variables of played.sh
#
# doctor, with fake-kernel.py for a kernel and a tree of files for the host.  Sourced by
# replicactl.sh, behind played.sh.

root=$dir/host

# put FILE TEXT: a file of the host
put() { mkdir -p "$root$(dirname "$1")" && printf '%s\n' "$2" >"$root$1"; }
# device PATH NUMBER [BELOW...]: a device, and the devices that it lies on
device() {
	local path=$1 number=$2 below
	shift 2
	put "$path" "$number"
	mkdir -p "$root/sys/dev/block/$number/holders" "$root/sys/dev/block/$number/slaves"
	for below; do put "/sys/dev/block/$number/slaves/${below/:/_}/dev" "$below"; done
}
# holder NUMBER NAME [DM-UUID DM-NAME]: a device on another
holder() {
	put "/sys/dev/block/$1/holders/$2/dev" 9:9
	[ $# = 2 ] || { put "/sys/block/$2/dm/uuid" "$3"; put "/sys/block/$2/dm/name" "$4"; }
}
# module SRCVERSION: what is installed
module() {
	local at
	at=$root/lib/modules/$(uname -r)
	mkdir -p "$at/updates"
	printf 'static const char v[] __attribute__((section(".modinfo"), used)) = "srcversion=%s";\n' "$1" |
		"${CC:-gcc}" -c -o "$at/updates/dm-replica.ko" -x c -
	echo 'updates/dm-replica.ko:' >"$at/modules.dep"
	: >"$at/modules.order"
	: >"$at/modules.builtin"
	PATH=$PATH:/sbin:/usr/sbin depmod -b "$root" "$(uname -r)" 2>/dev/null
}
filter() { put /etc/lvm/lvm.conf "devices { global_filter = [ $1 ] }"; }

# A host on which all is well.
host_of_good_health() {
	rm -rf "$root" "$dir/conf"
	mkdir -p "$root" "$dir/conf"
	chmod 0755 "$root"
	put /sys/module/dm_replica/version 0.1.0
	put /sys/module/dm_replica/srcversion AAAA
	module AAAA
	filter '"r|^/dev/dm-replica/|"'
	put /usr/lib/udev/rules.d/56-dm-replica.rules '# a rule'
	put /run/udev/control ''
	put /dev/dm-replica/web1/vda ''
	mkdir -p "$root/etc/dm-replica/hooks.d"
	put /usr/sbin/libvirtd ''
	put /usr/sbin/replicactl-domain ''
	put /etc/libvirt/hooks/qemu.d/50-dm-replica ''
	chmod +x "$root/etc/libvirt/hooks/qemu.d/50-dm-replica"
	device /dev/sda 8:0
	device /dev/sdb 8:16
	device /dev/vg/web1-store 253:1 8:0
	device /dev/vg/web1-vda 253:2 8:16
	put /sys/dev/block/253:2/dm/uuid LVM-web1vda
	holder 253:2 dm-9 DMREPLICA-00010203-0405-0607-0809-0a0b0c0d0e0f-vda-replica web1-vda-replica
	printf '%s\n' name=web1 uuid=00010203-0405-0607-0809-0a0b0c0d0e0f store=/dev/vg/web1-store \
		disk.vda=/dev/vg/web1-vda >"$dir/conf/web1.conf"
}
healthy='s["health"] = 1; s["health-reasons"] = 0; s["store-device-bytes"] = s["store-bytes"]; w["disks"][0].update({"live-major": 253, "live-minor": 7})'

# doctor NAME STATUS TEXT CHANGE [ARGUMENT...]: TEXT as of played
doctor() {
	local name=$1 status=$2 text=$3 change=$4
	shift 4
	before=(env "DM_REPLICA_ROOT=$root")
	played "$name" "$status" "$text" "$healthy; ${change:-0}" doctor "$@"
	before=()
}
mend() { also "and the command that mends it" "^ +.*$1"; }

expect 0 '^Usage: replicactl doctor ' "help of doctor" doctor --help
expect 64 'too many arguments: web1' "doctor of what" doctor web1
expect 64 'unknown option -x' "doctor with a wrong option" doctor -x

host_of_good_health
find "$root" "$dir/conf" -type f -exec md5sum {} + | sort >"$dir/sums"
doctor "a host of good health" 0 '!FAULT|request' ''
for check in files module lvm-filter md-arrays udev-rule boot hooks home-in-use space libvirt-hook shared; do
	also "looks at $check" "^$check +good$"
done
also "what it may not read is a note" '^home-identity +note: web1: the store cannot be read'
find "$root" "$dir/conf" -type f -exec md5sum {} + | sort | cmp -s - "$dir/sums"
result $? "nothing was changed"
before=(env "DM_REPLICA_ROOT=$root" FAKE_EMFILE=1)
played "doctor without a socket" 1 '32768.*cannot open a netlink socket' '' doctor
before=()

put /sys/module/dm_replica/srcversion BBBB
doctor "a module that is not the one installed" 1 '^module +FAULT: another module .*AAAA.*BBBB' ''
mend 'replicactl detach --all; modprobe -r dm-replica'
put /sys/module/dm_replica/srcversion AAAA
put /sys/module/dm_replica/version 0.2.0
doctor "a module of another version" 0 '^module +note: .* 0.2.0, this tool 0.1' ''
put /sys/module/dm_replica/version 0.1.0
doctor "a module of another family" 1 '^module +FAULT: .*version 99 of the netlink family, this tool' 'w["version"] = 99'
rm -r "$root/lib/modules"
doctor "no module for this kernel" 1 '^module +FAULT: .*not installed for the running kernel' ''
mend 'dkms autoinstall'
module AAAA

for filter in '' '"r|^/dev/sd|"' '"a|.*|"' '"r|^/dev/dm-replica/|", "a|.*|"' '"a|^/dev/mapper/web1|", "r|.*|"' \
		'"r|^/dev/dm-replica/web2/|"'; do
	filter "$filter"
	doctor "LVM's filter [$filter]" 1 '^lvm-filter +FAULT: web1: LVM looks for volume groups on /dev/' ''
done
mend 'global_filter = \[ "r\|\^/dev/dm-replica/\|" \]'
for filter in '"r|^/dev/mapper/web1-|"' '"a|^/dev/sda|", "r|.*|"' '"r/dm-replica/"' '"r{^/dev/dm-replica/}"' '"r|^/dev/dm-replica/web.*/vda|"'; do
	filter "$filter"
	doctor "LVM's filter [$filter]" 0 '^lvm-filter +good' ''
done
put /etc/lvm/lvm.conf 'devices { global_filter = "r|/dm-replica/|" }'
doctor "LVM's filter, not in a list" 0 '^lvm-filter +good' ''
put /etc/lvm/lvm.conf 'devices { use_devicesfile = 1 }'
put /etc/lvm/devices/system.devices ''
doctor "LVM with a list of devices" 0 '^lvm-filter +good' ''
put /etc/lvm/lvm.conf 'devices { global_filter = [ "r|x|" '
doctor "a configuration that LVM cannot read" 1 '^lvm-filter +FAULT: LVM.s configuration cannot be read' ''
mend 'lvmconfig --validate'
filter '"r|^/dev/dm-replica/|"'

# A home that is no logical volume, and one that LVM looks into.
put /sys/dev/block/253:2/dm/uuid CRYPT-web1vda
doctor "a home that LVM looks into" 0 '^lvm-filter +note: web1: LVM looks for volume groups on home /dev/vg/web1-vda of disk vda' ''
mend 'add to global_filter: "r\|\^/dev/vg/web1-vda\$\|"; update-initramfs -u$'
filter '"r|^/dev/dm-replica/|", "r|^/dev/disk/by-id/x1$|"'
doctor "with another home's name in the filter" 0 '^lvm-filter +note' ''
put /run/udev/data/b253:2 $'N:dm-2\nS:disk/by-id/x1\nE:ID_FS_TYPE=LVM2_member'
doctor "with any of its names there" 0 '^lvm-filter +good' ''
rm -r "$root/run/udev/data"
put /sys/dev/block/253:2/dm/uuid LVM-web1vda
filter '"r|^/dev/dm-replica/|"'
echo 'devices { scan_lvs = 1 }' >>"$root/etc/lvm/lvm.conf"
doctor "LVM that looks into logical volumes" 0 '^lvm-filter +note: web1: LVM looks' ''
filter '"r|^/dev/dm-replica/|"'

put /usr/sbin/mdadm ''
doctor "md without its settings" 0 '^md-arrays +note: md assembles' ''
mend 'in /etc/mdadm/mdadm.conf: AUTO -all, and an ARRAY line'
put /etc/mdadm/mdadm.conf $'# AUTO -all\nHOMEHOST <system>\nAUTO +1.x\nARRAY /dev/md0 name=-all'
doctor "with others" 0 '^md-arrays +note' ''
put /etc/mdadm/mdadm.conf $'HOMEHOST <system>\nauto +homehost\n  -all\n'
doctor "with the right one" 0 '^md-arrays +good' ''
rm "$root/usr/sbin/mdadm" "$root/etc/mdadm/mdadm.conf"

ln -s /dev/null "$root/run/udev/56-dm-replica.rules"
mkdir -p "$root/etc/udev/rules.d"
ln -s /dev/null "$root/etc/udev/rules.d/56-dm-replica.rules"
doctor "a masked rule" 1 '^udev-rule +FAULT: .*masked by /etc/udev/rules.d/56-dm-replica.rules' ''
mend 'rm /etc/udev/rules.d/56-dm-replica.rules; udevadm control --reload'
rm "$root/etc/udev/rules.d/56-dm-replica.rules"
rm "$root/run/udev/control"
doctor "a dead udevd" 1 '^udev-rule +FAULT: udevd does not run' ''
mend 'systemctl restart systemd-udevd'
put /run/udev/control ''
mv "$root/dev/dm-replica/web1/vda" "$root/vda"
doctor "a rule that was not applied" 1 '^udev-rule +FAULT: web1: /dev/dm-replica/web1/vda is missing' ''
mend 'udevadm trigger --action=change --name-match='
mv "$root/vda" "$root/dev/dm-replica/web1/vda"
mv "$root/usr/lib/udev/rules.d" "$root/rules.d"
doctor "no rule" 1 '^udev-rule +FAULT: udev has no rule' ''
mv "$root/rules.d" "$root/usr/lib/udev/rules.d"

# A host whose process 1 is systemd.
lib=/usr/lib/systemd/system etc=/etc/systemd/system
mkdir -p "$root/run/systemd/system"
doctor "systemd without our unit" 1 '^boot +FAULT: systemd has not the unit' ''
mend 'make install-tools; systemctl daemon-reload$'
for unit in dm-replica@.service modprobe@.service dm-replica.target; do put "$lib/$unit" '[Unit]'; done
put /usr/lib/systemd/system-generators/dm-replica-generator '#!'
mkdir -p "$root$etc/multi-user.target.wants" "$root/run/systemd/generator/dm-replica.target.wants"
ln -s "$lib/dm-replica.target" "$root$etc/multi-user.target.wants/"
doctor "a file that systemd has not read" 0 '^boot +note: web1: systemd does not know .*/web1.conf' ''
mend 'systemctl daemon-reload$'
ln -s "$lib/dm-replica@.service" "$root/run/systemd/generator/dm-replica.target.wants/dm-replica@web1.service"
doctor "one that it has read" 0 '^boot +good' ''
rm "$root$etc/multi-user.target.wants/dm-replica.target"
doctor "a target that is not enabled" 1 '^boot +FAULT: dm-replica.target is not enabled' ''
mend 'systemctl enable dm-replica.target$'
echo attach=no >>"$dir/conf/web1.conf"
doctor "which nothing needs" 0 '^boot +good' ''
sed -i '/^attach=/d' "$dir/conf/web1.conf"
ln -s "$lib/dm-replica.target" "$root$etc/multi-user.target.wants/"
rm "$root$lib/modprobe@.service"
doctor "a systemd that is too old" 1 '^boot +FAULT: systemd has no modprobe@.service' ''
mend 'echo dm-replica >/etc/modules-load.d/dm-replica.conf; systemctl restart systemd-modules-load$'
put /etc/modules-load.d/dm-replica.conf dm-replica
doctor "with the remedy" 0 '^boot +good' ''
rm -r "$root/etc/modules-load.d"
put "$lib/modprobe@.service" '[Unit]'
ln -s /dev/null "$root$etc/modprobe@.service"
doctor "a unit that is masked" 1 '^boot +FAULT: systemd has no modprobe@.service' ''
rm "$root$etc/modprobe@.service"
rm "$root/usr/lib/systemd/system-generators/dm-replica-generator"
doctor "no generator" 1 '^boot +FAULT: systemd has not the unit' ''
rm -r "$root/run/systemd"

hooks=/etc/dm-replica/hooks.d
put $hooks/health-mail ''
chmod 0755 "$root$hooks/health-mail"
doctor "a hook" 0 '^hooks +good' ''
chmod 0775 "$root$hooks/health-mail"
doctor "a hook that a group can change" 1 "^hooks +FAULT: $hooks/health-mail can be changed" ''
mend "chown root $hooks/health-mail; chmod go-w $hooks/health-mail"
chmod 0644 "$root$hooks/health-mail"
doctor "one that is not executable" 0 "^hooks +note: hook $hooks/health-mail is not executable" ''
mend "chmod \+x $hooks/health-mail"
rm "$root$hooks/health-mail"
put "$hooks/mail~" ''
doctor "one without a valid name" 0 "^hooks +note: $hooks/mail~ is not run: its name has other characters" ''
rm "$root$hooks/mail~"
# What the dispatcher passes over, by the same rule.
for name in mail-health point- points-x; do
	put "$hooks/$name" ''
	chmod 0755 "$root$hooks/$name"
	doctor "one without an event: $name" 0 "^hooks +note: $hooks/$name is not run: its name does not begin with an event" ''
	mend "mv $hooks/$name $hooks/EVENT-NAME"
	rm "$root$hooks/$name"
done
put $hooks/health-mail.dpkg-old ''
doctor "what dpkg has left" 0 '^hooks +good' ''
rm "$root$hooks/health-mail.dpkg-old"
ln -s /none "$root$hooks/space-grow"
doctor "one that leads nowhere" 1 "^hooks +FAULT: hook $hooks/space-grow leads to no file" ''
rm "$root$hooks/space-grow"
ln -s /dev/null "$root$hooks/space-grow"
doctor "one that masks another" 0 '^hooks +good' ''
chmod 0777 "$root$hooks"
doctor "a directory that any user can change" 1 "^hooks +FAULT: $hooks can be changed" ''
rm -r "${root:?}$hooks"
put $hooks ''
doctor "a file in its place" 1 "^hooks +FAULT: $hooks is no directory" ''
rm "$root$hooks"

holder 253:2 dm-11 LVM-abc 'guest--vg-root'
doctor "a home whose volume group is active" 1 '^home-in-use +FAULT: web1: home /dev/vg/web1-vda of disk vda is in use by logical volume guest--vg-root' ''
mend 'vgchange -an guest-vg$'
rm -r "$root/sys/dev/block/253:2/holders/dm-11"
put /sys/block/md7/md/level raid1
put /sys/dev/block/253:2/web1p1/partition 1
put /sys/dev/block/253:2/web1p1/dev 253:12
put /sys/dev/block/253:12/holders/md7/dev 9:7
doctor "a partition of it in an array" 1 'home-in-use +FAULT: .*in use by array /dev/md7' ''
mend 'mdadm --stop /dev/md7$'
rm -r "$root/sys/dev/block/253:12" "$root/sys/dev/block/253:2/web1p1"
holder 253:2 dm-12 part1-x web1-vda1
doctor "kpartx" 1 'in use by device /dev/mapper/web1-vda1' ''
mend 'dmsetup remove web1-vda1$'
rm -r "$root/sys/dev/block/253:2/holders/dm-12"

doctor "little room" 1 '^space +FAULT: web1: store .* 900 of 1000 slots used, 10 kept' 's["health-reasons"] = 16'
mend 'lvextend -L \+SIZE .*; replicactl grow web1$'
doctor "a device that has grown" 0 '^space +note: web1: the device of store' 's["store-device-bytes"] += 1 << 30'
mend 'replicactl grow web1$'

chmod -x "$root/etc/libvirt/hooks/qemu.d/50-dm-replica"
doctor "a hook that libvirt cannot run" 1 '^libvirt-hook +FAULT: .*not executable' ''
mend 'chmod 0755 /etc/libvirt/hooks/qemu.d/50-dm-replica; systemctl reload libvirtd'
ln -sf /usr/libexec/x "$root/etc/libvirt/hooks/qemu.d/50-dm-replica"
doctor "a link, which AppArmor does not let through" 1 '^libvirt-hook +FAULT: .*no plain file' ''
rm "$root/etc/libvirt/hooks/qemu.d/50-dm-replica"
doctor "no hook of libvirt" 0 '^libvirt-hook +note: libvirt has no hook' ''
rm "$root/usr/sbin/libvirtd"
doctor "no libvirt" 0 '^libvirt-hook +good' ''
put /etc/libvirt/hooks/qemu.d/50-dm-replica ''
chmod +x "$root/etc/libvirt/hooks/qemu.d/50-dm-replica"
put /usr/sbin/virtqemud ''
rm "$root/usr/sbin/replicactl-domain"
doctor "a hook without its program" 1 '^libvirt-hook +FAULT: libvirt.s hook lets all guests start' ''
put /usr/sbin/replicactl-domain ''

conf_db() {
	printf '%s\n' name=db uuid=11111111-2222-3333-4444-555555555555 "store=$1" "disk.a=$2" >"$dir/conf/db.conf"
}
device /dev/vg/db-a 253:3 8:32
device /dev/sdc 8:32
conf_db /dev/vg/web1-vda /dev/vg/db-a
doctor "a store that is the home of another system" 1 '^shared +FAULT: web1: home /dev/vg/web1-vda of disk vda shares storage with system db, store /dev/vg/web1-vda|^shared +FAULT: db: store /dev/vg/web1-vda shares storage with system web1' ''
mend 'attach neither; .*db.conf'
device /dev/vg/deep 253:4 253:2
conf_db /dev/vg/deep /dev/vg/db-a
doctor "one that lies on it" 1 '^shared +FAULT: .*store /dev/vg/deep shares storage with system web1|^shared +FAULT: web1: .*system db, store /dev/vg/deep' ''
device /dev/vg/db-store 253:5 8:16
conf_db /dev/vg/db-store /dev/vg/db-a
doctor "a store on the disk of a home" 0 '^shared +note: db: store /dev/vg/db-store and home /dev/vg/web1-vda of disk vda of system web1 lie on one disk' ''
mend 'pvmove'
device /dev/vg/db-store2 253:6 8:32
conf_db /dev/vg/db-store2 /dev/vg/db-a
doctor "also of its own" 0 '^shared +note: db: store /dev/vg/db-store2 and home /dev/vg/db-a of disk a lie on one disk' ''
printf 'nonsense\n' >"$dir/conf/db.conf"
doctor "a file with an error" 1 '^files +FAULT: .*db.conf' ''
mend 'replicactl scan --write'
rm "$dir/conf/db.conf"

image ds 32M
image dh 16M
"$R" create plain --store "$dir/ds" --disk vda="$dir/dh" >/dev/null 2>&1
doctor "a home without an identity" 1 "^home-identity +FAULT: plain: home $dir/dh of disk vda has no identity of its own" ''
mend 'replicactl attach plain --accept-homes=vda'
doctor "as JSON" 1 '"severity": "fault",' '' --json
grep -v -e '^request' -e '^#' "$dir/out" >"$dir/json"
mv "$dir/json" "$dir/out"
json 'len(d["checks"]) == 12 and {f["check"] for f in d["findings"]} <= set(d["checks"])
	and ["home-identity", "fault", "plain"] in [[f["check"], f["severity"], f["system"]] for f in d["findings"]]
	and all(f["text"] and f["command"] for f in d["findings"])'
result $? "with check, severity, system, text and command"
rm -r "$dir/conf" "$root"
