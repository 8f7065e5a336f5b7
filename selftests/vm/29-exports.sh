#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Claims by drivers that a user-mode kernel lacks: md and LIO claim the replica device and
# replication continues through them, md gets neither home nor store, and the refusal of a
# revert names LIO, nvmet or a second device of btrfs that prevents it; and the look for holders
# ends beside a FUSE file system without an answering server.
# runs on: 6.1 6.12 (LIO, nvmet and btrfs are not in the user-mode kernel)
# vm: --disk big=256M --disk st=128M --disk g=128M
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"
ktap_plan 22
load_module
modprobe -a target_core_mod target_core_iblock nvmet raid1 btrfs || die "modules"
mount -t configfs none /sys/kernel/config 2>/dev/null
[ -d /sys/kernel/config/target ] || die "no configfs"
# LIO looks for its data base where the host has none.
expect_log 'db_root: cannot open'

make_system w st vda=g vdb=big -- --chunk-size 64K
rep=/dev/mapper/w-vda-replica live=/dev/mapper/w-vda
"$io" $rep w:0:4M:1 f || die "cannot write"

# --- replication through md and LIO ----------------------------------------------------

md() { mdadm --create /dev/md9 --run --force --level=1 --raid-devices=1 --metadata=1.0 "$1" >/tmp/said 2>&1 </dev/null; }
check_fails "md does not get a home" md "$(dev g)"
check_fails "nor the store" md "$(dev st)"
check "md gets the replica device" md $rep
check "and writes to it" "$io" /dev/md9 w:8M:1M:2 f
check "it is there" "$io" $rep c:8M:1M:2
mdadm --stop /dev/md9 >/dev/null 2>&1
lio=/sys/kernel/config/target/core/iblock_0
export_by_lio() {
	mkdir -p $lio/x && echo "udev_path=$1" >$lio/x/control && echo 1 >$lio/x/enable
}
unexport() { rmdir $lio/x && rmdir $lio; }
check_fails "LIO does not get a home" export_by_lio "$(dev g)"
unexport
check "LIO gets the replica device" export_by_lio $rep
refused "detach names it" 32774 "$rep is exported by the kernel: LIO backstore iblock_0/x" r detach w
unexport
check "a point" r recovery-point create w
check "and a failover" r failover w

# --- users that prevent a revert -----------------------------------------------------------

export_by_lio $live || die "LIO"
refused "revert names LIO" 32774 "$live is exported by the kernel: LIO backstore iblock_0/x" \
	r revert w --yes
unexport
ns=/sys/kernel/config/nvmet/subsystems/y/namespaces/1
export_by_nvmet() {
	mkdir /sys/kernel/config/nvmet/subsystems/y && mkdir $ns &&
		echo -n "$1" >$ns/device_path && echo 1 >$ns/enable
}
export_by_nvmet $live || die "nvmet"
refused "revert names nvmet" 32774 "$live is exported by the kernel: nvmet namespace y/1" \
	r revert w --yes
echo 0 >$ns/enable
rmdir $ns /sys/kernel/config/nvmet/subsystems/y
check "mkfs.btrfs" mkfs.btrfs -q -f -d single -m single $live /dev/mapper/w-vdb
mkdir -p /tmp/mnt
# Not all devices: those that are offline cannot be read.
btrfs device scan $live /dev/mapper/w-vdb >/dev/null
check "mount" mount $live /tmp/mnt
refused "revert names the second device of btrfs, which no mount shows" 32774 \
	"/dev/mapper/w-vdb is in use by a btrfs file system" \
	r revert w --yes
umount /tmp/mnt
check "revert" r revert w --yes

# --- beside a FUSE file system without an answering server ----------------------------------

modprobe fuse 2>/dev/null
modprobe loop 2>/dev/null
mkdir -p /tmp/far
coproc FAR { exec "$here/helper-fuse" /tmp/far; }
read -r said <&"${FAR[0]}"
[ "$said" = ready ] || die "no file system: $said"
far=/tmp/far/dev/file	# a path with /dev/ in it, as a change root has
loop=$(losetup --find --show $far) || die "no loop"
sleep 600 6<>$far &
sleeper=$!
map_memory $far
far_mapper=$mapper
echo >&"${FAR[1]}"
read -r said <&"${FAR[0]}"
is "it is silent" "$said" silent
r failover w >/dev/null || die "cannot fail over"
map_memory $live
# Without a holder of another kind the memory of all processes is looked at.
refused "revert ends, and names the process that has the device" 32774 "$live is mapped .* process $mapper" \
	timeout -s KILL 60 "$REPLICACTL" revert w --yes
kill "$mapper"
wait "$mapper" 2>/dev/null
check "revert" r revert w --yes
check "detach ends" timeout -s KILL 60 "$REPLICACTL" detach w
check "attach ends" timeout -s KILL 60 "$REPLICACTL" attach w
kill $sleeper "$far_mapper"
far_in=${FAR[1]} server=$FAR_PID
exec {far_in}>&-
wait "$server"
losetup -d "$loop"
r detach w >/dev/null || die "cannot detach"
check "the unload" unload_module
