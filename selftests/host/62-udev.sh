#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# On a clean Debian with its own systemd, udevd, LVM and md: guests' disks that carry the
# host's volume group, an md array, swap space, the host's root file system and a partition
# table are not probed, linked, assembled, activated or mounted at attach, failover, revert,
# triggers of udev, and suspend and resume by hand.  Links below /dev/dm-replica, a rule of
# the administrator.
# share: host
# The virtual machine runs this file, too: 62-udev.sh --guest
# debug: skip udevd and what it runs are no code of ours
. "$(dirname "$0")/../vm/lib.sh"

root_uuid=11111111-2222-3333-4444-000000000000
swap_uuid=11111111-2222-3333-4444-000000000001
lvm_types='devices { types = [ "ubd", 16 ] }'

# --- on the host ----------------------------------------------------------

on_host() {
	local files tree why kernel disks=() g rc
	files=$(workdir)
	at_exit "rm -rf $files"
	tree=$("$VM_SRC/scripts/host-root" 2>"$files/why") || {
		why=$(tail -n 1 "$files/why")
		skip_all "${why:-no tree}"
	}
	make -s -C "$VM_SRC/userspace" install "DESTDIR=$files" PREFIX=/usr >/dev/null || die "make install"
	read -r kernel _ <<<"${KERNELS:-um}"
	# The guests' disks are made where no udevd looks at them.
	for g in vg md swap root parts; do
		disks+=(--disk "$g=64M,file=$files/$g")
	done
	"$VM_SRC/scripts/vm" --kernel "$kernel" "${disks[@]}" "$0" --make || die "cannot make the disks"
	"$VM_SRC/scripts/vm" --kernel "$kernel" --root "$tree" --systemd --timeout 600 --env LONG \
		--disk s0=256M --disk s1=256M --disk host=64M --disk d0=64M --disk d1=64M --disk d2=64M \
		--disk d3=64M --disk d4=64M --out "$files" "$0" --guest "$files"
	rc=$?
	# The results are the guest's.
	trap - EXIT
	rm -rf "$files"
	exit $rc
}

# --- in a virtual machine without udevd -----------------------------------

make_disks() {
	trap - EXIT
	export DM_DISABLE_UDEV=1
	vgcreate -q --config "$lvm_types" vg0 "$(dev vg)" &&
		lvcreate -q --config "$lvm_types" -an -Wn -Zn -n root -L 32M vg0 || exit 1
	mkswap -q -U $swap_uuid -L guestswap "$(dev swap)" && mkfs.ext4 -q -U $root_uuid -L hostroot "$(dev root)" || exit 1
	{
		printf '\x78\x56\x34\x12\0\0'
		printf '\0\0\0\0\x83\0\0\0\0\x08\0\0\0\0\x01\0'	# 32 MiB at 1 MiB
		head -c 48 /dev/zero
		printf '\x55\xaa'
	} | dd of="$(dev parts)" bs=1 seek=440 conv=notrunc,fsync status=none || exit 1
	# One half of a mirror, as each disk of such a guest carries.
	modprobe -a md_mod raid1 || { echo "# this kernel has no md: its guest has zeroes" && exit 0; }
	mknod /dev/md9 b 9 9
	mdadm -q --create /dev/md9 --run --level=1 --raid-devices=2 --metadata=1.2 --name=guest \
		"$(dev md)" missing && mdadm -q --stop /dev/md9
	exit
}
case ${1-} in
'') on_host ;;
--make) make_disks ;;
esac

# --- in the virtual machine -----------------------------------------------

files=$2
tar -C "$files" -cf - etc lib usr | tar -C / --keep-directory-symlink -xf - || die "cannot install"
systemctl daemon-reload
udevadm control --reload
export LVM_SUPPRESS_FD_WARNINGS=1
ktap_plan 54
load_module "$VM_KERNEL"
settle() { udevadm settle -t 60 || die "udevd does not settle"; }
r() { replicactl "$@"; }

# The host's own: a volume group "vg0" with a file system of a known UUID, as its root has.
host=$(dev host)
mkdir -p /etc/lvm
printf '%s\n' "$lvm_types" 'devices { global_filter = [ "r|^/dev/dm-replica/|" ] }' >/etc/lvm/lvmlocal.conf
{ vgcreate -q vg0 "$host" && lvcreate -q -n root -L 32M vg0; } >/dev/null || die "lvm"
mkfs.ext4 -q -U $root_uuid -L hostroot /dev/vg0/root || die "mkfs"
# udevd itself notices the write only after a while.
udevadm trigger -c change "/sys/class/block/$(basename "$(readlink -f /dev/vg0/root)")"
settle
host_vg() { vgs --noheadings -o vg_uuid vg0 | tr -d ' '; }

# The first point is made of empty disks: what is written later stays in the store, and no
# home ever has the guests' content.
r create web-1 --store "$(dev s0)" --disk vda="$(dev d0)" --disk vdb="$(dev d1)" --disk vdc="$(dev d2)" \
	--disk vdd="$(dev d3)" --disk vde="$(dev d4)" >/dev/null || die "create"
r attach web-1 >/dev/null || die "attach"
r recovery-point create web-1 >/dev/null || die "point"
settle

# --- links ---
links() { find /dev/dm-replica -type l 2>/dev/null | sort; }
wanted=$(for d in a b c d e; do printf '/dev/dm-replica/web-1/vd%s\n' $d $d-replica $d-test; done | sort)
is "links of all devices" "$(links)" "$wanted"
wrong() {
	local d
	for d in a b c d e; do
		for k in '' -replica -test; do
			[ "$(readlink -f /dev/dm-replica/web-1/vd$d$k)" = "$(readlink -f /dev/mapper/web--1-vd$d$k)" ] ||
				echo "vd$d$k"
		done
	done
}
is "each leads to its device" "$(wrong)" ""
is "no property of LVM's is left" "$(udevadm info -q property /dev/dm-replica/web-1/vda | grep -c '^DM_\(VG\|LV\)_')" 0
is "udisks ignores it" "$(udevadm info -q property /dev/dm-replica/web-1/vda | grep UDISKS)" UDISKS_IGNORE=1

# --- the guests' content ---
is "the host knows its own root by UUID" "$(readlink -f /dev/disk/by-uuid/$root_uuid)" "$(readlink -f /dev/vg0/root)"

before=''
state() {	# of the host: all that a stranger could change
	find /dev/disk /dev/md /dev/vg0 /dev/mapper -type l -printf '%p %l\n' 2>/dev/null | grep -v mapper/web--1 | sort
	dmsetup ls | grep -v '^web--1' | sort
	grep -E '^md' /proc/mdstat 2>/dev/null
	grep -v '^Filename' /proc/swaps
	findmnt -rno SOURCE,TARGET | sort
	host_vg
}
probed() {
	dmsetup info -c --noheadings -o name,major,minor --separator ' ' |
		sed -n 's|^web--1.* \(.*\) \(.*\)|/run/udev/data/b\1:\2|p' |
		xargs grep -E '^E:(ID_FS_|ID_PART_|SYSTEMD_WANTS|LVM_|MD_)|^S:disk/|^W:' 2>&1
}
before=$(state)
# quiet WHEN: nothing of the guests' content has had an effect.
quiet() {
	settle
	is "$1: nothing of ours was probed" "$(probed)" ""
	is "$1: nothing of the host has changed" "$(diff <(echo "$before") <(state))" ""
	is "$1: all links are there" "$(links)" "$wanted"
}
fill() {	# KIND: by the devices of this kind
	local d=a f
	for f in vg md swap root parts; do
		dd if="$files/$f" of=/dev/dm-replica/"web-1/vd$d$1" bs=1M oflag=direct conv=fsync,notrunc,sparse status=none ||
			die "cannot write $f"
		d=$(tr a-d b-e <<<"$d")
	done
}
fill -replica
r recovery-point create web-1 >/dev/null || die "point"
quiet "written by replication"
is "the guest's content is really there" \
	"$(blkid -p -o value -s TYPE /dev/dm-replica/web-1/vda-replica) $(blkid -p -o value -s TYPE /dev/dm-replica/web-1/vdc-replica) $(blkid -p -o value -s UUID /dev/dm-replica/web-1/vdd-replica)" \
	"LVM2_member swap $root_uuid"

# Its devices are there beside the others, through all that follows.
r recovery-point open web-1 2 >/tmp/opened || die "open"
shut=$wanted
wanted=$(printf '%s\n' "$wanted" /dev/dm-replica/web-1/vd{a,b,c,d,e}@2 | sort)
quiet "an open point"
is "open prints the links, and the content" \
	"$(sed -n 's|^  vd[ade]  *||p' /tmp/opened)" \
	"/dev/dm-replica/web-1/vda@2, LVM2_member
/dev/dm-replica/web-1/vdd@2, ext4
/dev/dm-replica/web-1/vde@2, partitions"

r failover web-1 >/dev/null || die "failover"
quiet "failover"
r test-failover start web-1 >/dev/null || die "test"
fill ''
quiet "written by the guest"
udevadm trigger -c change -s block
settle
udevadm trigger -c add -s block
quiet "triggers, change and add"
for d in web--1-vda web--1-vdb-replica web--1-vdc-test web--1-vdd web--1-vde; do
	{ dmsetup suspend $d && dmsetup resume $d; } || die "$d by hand"
done
quiet "suspend and resume by hand"
check "the point is closed" r recovery-point close web-1 2
wanted=$shut
r test-failover stop web-1 --yes >/dev/null || die "test stop"
r revert web-1 --yes >/dev/null || die "revert"
quiet "revert"
systemctl restart systemd-udevd
# Devices of other subsystems take their time, and only the long form.
if [ -n "${LONG-}" ]; then udevadm trigger -c add; else udevadm trigger -c add -s block; fi
quiet "a restart of udevd and a coldplug"

# --- LVM by hand ---
is "lvm by hand sees the host's group alone" "$(pvs --noheadings -o pv_name 2>/dev/null | tr -d ' ')" "$host"
check "and can scan" pvscan --cache
quiet "pvscan by hand"

# --- the administrator's own rule ---
cat >/etc/udev/rules.d/99-own.rules <<-'EOF'
	SUBSYSTEM=="block", ENV{DM_REPLICA_EVENT}=="?*", RUN+="/bin/sh -c 'echo $env{DM_REPLICA_EVENT} $env{DM_REPLICA_SYSTEM} $env{DM_REPLICA_WAS} $env{DM_REPLICA_STATE} >>/run/own'"
EOF
udevadm control --reload
r failover web-1 >/dev/null || die "failover"
r recovery-point create web-1 >/dev/null || die "point"
r revert web-1 --yes >/dev/null || die "revert"
settle
is "a rule of the administrator runs once for each operation" "$(cat /run/own)" \
	"failover web-1 3 5"$'\n'"point web-1 5 5"$'\n'"reverted web-1 5 3"

# --- the dispatcher of hooks ---
# udev has started it at the attach: it was there before its unit could have been enabled.
is "udev has started the dispatcher" "$(systemctl is-active dm-replica-events)" active
mkdir -p /etc/dm-replica/hooks.d
cat >/etc/dm-replica/hooks.d/all-log <<-'EOF'
	#!/bin/sh
	echo "$DMREPLICA_EVENT $DMREPLICA_SYSTEM $DMREPLICA_WAS>$DMREPLICA_STATE lost ${DMREPLICA_LOST:-0}" >>/run/hooks
	echo "said by the hook at $DMREPLICA_EVENT"
EOF
chmod 755 /etc/dm-replica/hooks.d/all-log
hooks() { grep -v '^job \|^health ' /run/hooks 2>/dev/null; }
# number: the last state number of a hook's event.
number() { sed -n 's/^number=//p' /run/dm-replica/seen/*-*; }
now() { r status web-1 --json | sed -n 's/^ *"state_number": *\([0-9]*\),*/\1/p' | head -n 1; }
caught_up() { [ "$(number)" = "$(now)" ]; }
r failover web-1 >/dev/null || die "failover"
check "a hook runs at failover" wait_for 60 grep -q '^failover web-1 3>5 lost 0$' /run/hooks
check "its output is in the journal, under its name" \
	wait_for 60 sh -c 'journalctl -t all-log -o cat | grep -q "said by the hook at failover"'
systemctl kill -s KILL systemd-udevd
r recovery-point create web-1 >/dev/null || die "point"
check "and at a point while udevd is killed" wait_for 60 grep -q '^point web-1 5>5 lost 0$' /run/hooks
systemctl start systemd-udevd
check "all is accounted for" wait_for 60 caught_up
# Killed, and not started again before the next event.
systemctl stop dm-replica-events
r revert web-1 --yes >/dev/null || die "revert"
check "an event starts it again, which reports what it has missed" \
	wait_for 60 grep -q '^reverted web-1 5>3 lost 1$' /run/hooks
systemctl kill -s KILL dm-replica-events
r recovery-point create web-1 >/dev/null || die "point"
check "nor is anything lost when it is killed" wait_for 60 caught_up
counted() { grep -v '^job \|^health \|^attached ' /run/hooks | awk '{ n += 1 + ($5 > 0 ? $5 - 1 : 0) } END { print n + 0 }'; }
is "each operation has run once, or is counted" "$(counted)" 4

# --- the unit of metrics, with its limits ---
prom=/var/lib/prometheus/node-exporter
check "without node_exporter's directory its start is no failure" systemctl start dm-replica-metrics.service
is "and nothing is done" "$(systemctl show -p ConditionResult --value dm-replica-metrics.service)" no
# As node_exporter's package makes it.
mkdir -p $prom
chown 65534 $prom
check "the unit of metrics starts" systemctl start dm-replica-metrics.service
is "it has written what replicactl knows" \
	"$(grep -c -e '^dm_replica_system_attached{system="web-1"} 1$' -e '^dm_replica_scrape_success 1$' $prom/dm-replica.prom)" 2
is "the timer starts it" "$(systemctl start dm-replica-metrics.timer && systemctl show -p Unit --value dm-replica-metrics.timer) \
$(systemctl show -p NextElapseUSecRealtime --value dm-replica-metrics.timer | grep -c :)" "dm-replica-metrics.service 1"
systemctl stop dm-replica-metrics.timer

r detach web-1 >/dev/null || die "detach"
settle
is "after detach no link is left" "$(links)" ""
is "and the host is as it was" "$(diff <(echo "$before") <(state))" ""
check "the module unloads" unload_module
