#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Guests without libvirt, by the examples for them: the program that decides whether a guest may
# start on its disks, the unit that starts plain QEMU, and the hookscript of Proxmox VE.
# share: libvirt
# vm: --udev
# debug: skip QEMU in it is no code of ours, and takes too long there
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"
. "$(dirname "$0")/libvirt.sh"

command -v "$emulator" >/dev/null || skip_all "there is no $emulator: scripts/deps test installs it"
[ -e "$here/guest.bin" ] || skip_all "the guest is not built"
ktap_plan 32
guests=$VM_SRC/userspace/host/guests
may_start=/usr/local/sbin/dm-replica-may-start
mkdir -p ${may_start%/*} /usr/local/bin /run/dm-replica-guest-web1
cp "$REPLICACTL" /usr/sbin/
install -m 755 "$guests/may-start" $may_start
install -m 755 "$guests/proxmox-hookscript" /run/hookscript
cp "$VM_SRC/userspace/host/udev/56-dm-replica.rules" /lib/udev/rules.d/
udevadm control --reload
load_module "$@"
d0=$(dev d0) s0=$(dev s0)
live=/dev/dm-replica/web1/vda

make_system web1 s0 vda=d0
udevadm settle -t 60
put_guest $live-replica 01
r recovery-point create web1 >/dev/null || die "point"

# --- what may start ---
refused "not on a replica" "^web1 is a replica: replicactl failover web1$" $may_start $live
refused "not on the replica device" "is the replica of web1, to which" $may_start $live-replica
refused "nor by another name" "is the replica of web1, to which" $may_start /dev/mapper/web1-vda-replica
refused "not on the home" "home or the store of a system of dm-replica" $may_start "$d0"
refused "not on the store, beside another disk" "home or the store of a system of dm-replica" $may_start "$(dev d1)" "$s0"
refused "not on a test device without a test" "^no test failover of web1 exists: replicactl test-failover start web1$" $may_start $live-test
refused "not on a system that is not there" "web9/vda is not there: replicactl attach web9$" $may_start /dev/dm-replica/web9/vda
check "on a disk of no system, or a file" $may_start "$(dev d1)" /etc/passwd /nonexistent
# A home on a part of a disk: the disk is the home's, too.
dmsetup create part --table "0 8192 linear $(dev d1) 0" || die "dmsetup"
udevadm settle -t 60
r create web2 --store "$(dev s1)" --disk vda=/dev/mapper/part --force >/dev/null || die "create"
r attach web2 >/dev/null || die "attach"
refused "not on a disk below a home" "or below one" $may_start "$(dev d1)"
r detach web2 >/dev/null || die "detach"
refused "not on a home of a system that is not attached" "is a home or the store in .*/web2.conf" $may_start /dev/mapper/part
refused "nor on a disk below it" "is a home or the store in .*/web2.conf, or below one" $may_start "$(dev d1)"
refused "not on its store" "is a home or the store in .*/web2.conf" $may_start "$(dev s1)"
r failover web1 >/dev/null || die "failover"
check "on a failover device" $may_start $live
r test-failover start web1 >/dev/null || die "test failover"
check "on that of a test" $may_start $live-test
r test-failover stop web1 --yes >/dev/null || die "test failover"
mv /usr/sbin/replicactl /usr/sbin/away
refused "on none of ours without an answer" "does not answer" $may_start $live
check "but on others" $may_start /etc/passwd
mv /usr/sbin/away /usr/sbin/replicactl
r revert web1 --yes >/dev/null || die "revert"

# --- plain QEMU: what the unit executes ---
unit="$guests/dm-replica-guest@.service"
# line KEY: a command of the unit, for web1, with less memory.
line() { sed -n "s/^$1=//p" "$unit" | sed 's/%[iI]/web1/g; s/-m 1024/-m 16 -accel tcg,tb-size=16/'; }
if command -v systemd-analyze >/dev/null; then
	cp "$unit" /run/dm-replica-guest@web1.service
	cp "$VM_SRC/userspace/host/systemd/dm-replica.target" /run/
	check "systemd takes the unit" sh -c "cd /run && systemd-analyze verify --man=no ./dm-replica-guest@web1.service 2>/run/said; ! grep dm-replica-guest /run/said"
else
	skip "systemd takes the unit" "there is no systemd-analyze"
fi
refused "the unit does not start on a replica" "web1 is a replica" sh -c "$(line ExecStartPre)"
port=/run/dm-replica-guest-web1/serial
count() { tr -d '\r' <$port 2>/dev/null | sed -n 's/.*count \([0-9a-f]\{4\}\)$/\1/p' | tail -n 1; }
# unit_start COUNT: what the unit does at a start; the guest finds COUNT.
unit_start() {
	rm -f $port
	sh -c "$(line ExecStartPre)" || return
	sh -c "exec $(line ExecStart)" >/run/qemu.log 2>&1 &
	echo $! >/run/qemu.pid
	wait_for 400 sh -c "grep -aq '^count' $port" && [ "$(count)" = "$1" ]
}
unit_stop() {
	local pid
	pid=$(cat /run/qemu.pid)
	kill "$pid" && wait_for 200 sh -c "! kill -0 $pid 2>/dev/null"
}
check "failover" r failover web1
check "the guest boots" unit_start 0001
is "its disk has it" "$(count_on $live)" 0001
refused "no revert while it runs" "qemu-system-x86" r revert web1 --yes
check "it ends" unit_stop
check "and boots again" unit_start 0002
unit_stop
check "revert" r revert web1 --yes
check "failover" r failover web1
check "it boots in the old world" unit_start 0001
unit_stop
r revert web1 --yes >/dev/null || die "revert"

# --- Proxmox VE: its programs made up, its hookscript as it is shipped ---
cat >/usr/local/bin/qm <<-'EOF'
	#!/bin/sh
	echo "$*" >>/run/qm
	cat /run/config
EOF
cat >/usr/local/bin/pvesm <<-EOF
	#!/bin/sh
	[ "\$1 \$2" = "path local-lvm:vm-100-disk-0" ] && echo "$d0"
EOF
chmod 755 /usr/local/bin/*
config() { printf '%s\n' 'boot: order=scsi0' 'ide2: none,media=cdrom' 'net0: virtio=AA:BB:CC:DD:EE:FF,bridge=vmbr0' "$1" 'scsihw: virtio-scsi-pci' >/run/config; }
config "scsi0: $live,cache=none,werror=stop,rerror=stop"
refused "Proxmox: no start of a replica" "web1 is a replica: replicactl failover web1" /run/hookscript 100 pre-start
is "Proxmox: its configuration is asked for" "$(cat /run/qm)" "config 100"
config "virtio0: file=local-lvm:vm-100-disk-0,size=32G"
refused "Proxmox: nor on a home that is a volume" "home or the store of a system" /run/hookscript 100 pre-start
rm /run/qm
# shellcheck disable=SC2016 # for the shell
check "Proxmox: other phases pass" sh -c 'for p in post-start pre-stop post-stop; do /run/hookscript 100 $p || exit; done; [ ! -e /run/qm ]'
r failover web1 >/dev/null || die "failover"
config "scsi0: $live,cache=none"
check "Proxmox: a failover device starts" /run/hookscript 100 pre-start
