#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A guest of libvirt and QEMU on its replica: imported, started by a failover, stopped, reverted,
# started from other points, rehearsed beside itself, committed while it runs; what the hook
# refuses, with its words; a restart of libvirtd; memory that libvirt has saved.
# share: libvirt
# vm: --udev
# debug: skip QEMU in it is no code of ours, and takes too long there
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"
. "$(dirname "$0")/libvirt.sh"

began=$SECONDS
libvirt_start
ktap_plan 63
load_module "$@"
diag "libvirtd answers after $((SECONDS - began)) s"
d0=$(dev d0)
live=/dev/dm-replica/web1/vda

# --- before the worst day ---
# A guest of its own, of which nothing is ours.
cp "$here/guest.bin" /run/other.img && truncate -s 1M /run/other.img
domain_xml other "<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/run/other.img'/><target dev='vda' bus='virtio'/></disk>" >/run/other.xml
check "a guest that is not ours starts" virsh define /run/other.xml
boots "beside the hook" other 0001 virsh start other
check "and powers off" wait_for 200 is_off other

make_system web1 s0 vda=d0
udevadm settle -t 60
# A guest that writes the replica itself, without an agent in it: its point is a standard one.
put_guest $live-replica 01
uuid=$(r status web1 --json | grep -o '"uuid": "[^"]*"' | head -n 1 | cut -d '"' -f 4)
domain_xml writer "$(block_disk $live-replica)" "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>" |
	sed "s|<memory unit|<metadata><d:system xmlns:d='urn:dm-replica:domain:1' uuid='$uuid' name='web1' view='replica'/></metadata>&|" >/run/writer.xml
boots "a guest may write the replica itself" writer 0001 virsh create /run/writer.xml
check "its point is made" sh -c "$REPLICACTL domain point web1 --label written --keep >/run/said 2>&1"
check "as a standard one, its agent being none" grep -q "not application-consistent: .*agent is not connected" /run/said
check "what belongs to it is kept" grep -q "^kept with point 1 of web1: domain.xml" /run/said
virsh destroy writer >/dev/null || die "destroy"
put_guest $live-replica 01
r recovery-point create web1 --label first >/dev/null || die "point"
put_guest $live-replica 01 256
r recovery-point create web1 --label second >/dev/null || die "point"
domain_xml web1 "$(file_disk /srv/web1.img)" >/run/web1.xml
check "import" r domain import web1 /run/web1.xml
check "the domain has the failover device" sh -c "virsh dumpxml web1 | grep -q \"source dev='$live'\""

# What belongs to a point beside its disks: here the definition, which changes later.
check "the definition is kept with the first point" r domain keep web1 --point first
sed -i "s|<memory unit.*|<uuid>$(virsh domuuid web1 | head -n 1)</uuid><description>later</description>&|" /run/web1.xml
check "and another one comes" r domain import web1 /run/web1.xml
later() { virsh dumpxml --inactive web1 | grep -c '<description>later'; }
is "which the guest has now" "$(later)" 1

refused "no start of a replica" "web1 is a replica \(Replicating \(3\)\): replicactl failover web1" virsh start web1
refused "nor by replicactl" "replicactl failover web1" r domain start web1
# stray SOURCE: a guest that is given it by mistake.
stray() {
	domain_xml stray "$(block_disk "$1")" >/run/stray.xml
	virsh create /run/stray.xml
}
refused "no guest on the replica device" "replica of web1, to which replication writes" stray $live-replica
refused "nor by another name" "replica of web1, to which replication writes" stray /dev/mapper/web1-vda-replica
refused "none on the home" "is the home of web1's vda" stray "$d0"
refused "none on the store" "is the store of web1" stray "$(dev s0)"
refused "none on a test device without a test" "no test failover of web1 exists: replicactl test-failover start web1" stray $live-test
refused "none on a system that is not there" "there is no system web9 here" stray /dev/dm-replica/web9/vda

# --- the failover ---
from=${EPOCHREALTIME/./}
check "failover to the first point" r failover web1 --point first
is "puts its definition in place" "$(later)" 0
boots "the guest boots" web1 0001 r domain start web1
downtime=$(((${EPOCHREALTIME/./} - from) / 1000))
is "it runs" "$(domain_state web1)" "running (booted)"
check "and show has it" sh -c "$REPLICACTL domain show web1 | grep -q 'vda: vda of web1, $live, 1 openers'"
is "the disk has its start" "$(count_on $live)" 0001
genid=$(virsh dumpxml web1 | sed -n 's/ *<genid>\(.*\)<.*/\1/p')
check "its generation ID is a new one" test "${genid:-11111111}" != 11111111-2222-3333-4444-555555555555
refused "a revert is refused while it runs" "qemu-system-x86" r revert web1 --yes

# --- libvirtd goes and comes ---
pid=$(pgrep -f 'guest=web1')
libvirtd_restart
is "a restart of libvirtd: the guest runs on" "$(pgrep -f 'guest=web1') $(virsh domstate web1 | head -n 1)" "$pid running"
check "it can be stopped" r domain stop web1 --wait 0 --force
boots "and started again, on its own disk" web1 0002 r domain start web1

# --- the rehearsal ---
check "test failover to another point" r test-failover start web1 --point second
check "the rehearsal starts" r domain test-start web1
check "it boots from that point" wait_for 400 sh -c "[ \"\$(dd if=$live-test bs=512 skip=1 count=1 iflag=direct status=none | od -An -N2 -tx2)\" = ' 0101' ]"
is "beside the guest and replication" "$(count_on $live) $(count_on $live-replica)" "0002 0100"
check "both run" sh -c "virsh list --name | grep -q '^web1$' && virsh list --name | grep -q '^web1 - Test$'"
check "the test ends" r test-failover stop web1 --yes --stop-guest
is "the rehearsal is gone, the guest runs" "$(virsh list --all --name | grep web1)" web1

# --- memory ---
check "memory is saved" virsh managedsave web1
# What it prints each second, after a boot as well.
alive() { [ "$(grep -ac '^ram' "$serial/web1")" -gt "$1" ]; }
n=$(starts web1) lines=$(grep -ac '^ram' "$serial/web1")
check "a start of this failover restores it" r domain start web1
check "the guest goes on" wait_for 400 alive "$lines"
is "without a boot" "$(starts web1)" "$n"
check "it is saved again" virsh managedsave web1
r revert web1 --yes >/run/said 2>&1
check "revert lists and removes it" sh -c "grep -q 'saved memory web1' /run/said && grep -q 'removed: saved memory' /run/said"
is "and puts the later definition back" "$(later)" 1
check "failover again" r failover web1 --point first
is "the definition of the point, again" "$(later)" 0
boots "the guest starts anew: 1 again" web1 0001 r domain start web1
virsh managedsave web1 >/dev/null || die "managedsave"
r revert web1 --yes --without-libvirt >/dev/null || die "revert"
r failover web1 --point second --without-libvirt >/dev/null || die "failover"
refused "memory of another failover is not restored" "the saved memory is of failover [0-9]+ of web1, the disks are of failover [0-9]+: start it without the memory: virsh managedsave-remove 'web1'" virsh start web1
refused "nor by replicactl" "replicactl domain memory remove web1" r domain start web1
check "it is removed" r domain memory remove web1
boots "the other point has another world" web1 0101 r domain start web1

# --- back, and for good ---
check "revert --stop-guest" r revert web1 --yes --stop-guest
check "failover to the newest point" r failover web1
is "with the definition of now" "$(later)" 1
boots "it boots once more" web1 0101 r domain start web1
check "commit while it runs" r commit web1 --yes
is "the guest has noticed nothing" "$(virsh domstate web1 | head -n 1)" running
is "home has its start" "$(count_on "$d0")" 0101
check "it is stopped" r domain stop web1 --wait 0 --force
boots "and started after the commit" web1 0102 r domain start web1
is "home has that, too" "$(count_on "$d0")" 0102
check "it is stopped" r domain stop web1 --wait 0 --force

# --- figures ---
virsh dumpxml web1 >/run/ours.xml
# cost OPERATION FILE NAME: the shortest of ten calls of the hook, in milliseconds: what else the
# machine does is not its cost.
cost() {
	local from took least=999999999
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		from=${EPOCHREALTIME/./}
		$hook "$3" "$1" begin - <"$2" 2>/dev/null
		took=$((${EPOCHREALTIME/./} - from))
		[ $took -ge $least ] || least=$took
	done
	echo $((least / 1000))
}
# scripts/guest-figures takes them from here.
diag "figure: $(cost prepare /run/ours.xml web1) ms: a call of the hook for a guest of a system"
diag "figure: $(cost prepare /run/other.xml other) ms: a call of the hook for another guest"
diag "figure: $(cost reconnect /run/ours.xml web1) ms: a call of the hook for an operation that it does not look at"
diag "figure: $downtime ms: from the command failover to the first output of the guest, which follows its first read of a sector"
