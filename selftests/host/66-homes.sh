#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Homes with a guest's content, on a clean Debian with its own systemd, udevd, LVM and md:
# a volume group with the host's own name, both halves of an array, a file system with the
# UUID of the host's root.  At boot and at triggers of udev nothing is activated, assembled or
# linked, and a program that has a failover device open goes on; without the settings that the
# manual gives, at boot, an attach is refused and the remedy named.
# share: host
# long: two boots
# The virtual machine runs this file, too: 66-homes.sh --make OUT, --guest BOOT OUT
# debug: skip udevd and what it runs are no code of ours
. "$(dirname "$0")/../vm/lib.sh"

root_uuid=11111111-2222-3333-4444-000000000000
lvm_types='types = [ "ubd", 16 ]'
homes='d0 d1 d2 d3'

# --- on the host ----------------------------------------------------------

machine() {	# OPTION... COMMAND...
	local d disks=(--disk "s0=64M,file=$files/s0" --disk "host=64M,file=$files/host")
	for d in $homes; do disks+=(--disk "$d=48M,file=$files/$d"); done
	vm --kernel "$kernel" --timeout 1800 --out "$files/out" "${disks[@]}" "$@"
}

on_host() {
	local why boot rc=0
	files=$(workdir)
	at_exit "rm -rf $files"
	tree=$("$VM_SRC/scripts/host-root" 2>"$files/why") || {
		why=$(tail -n 1 "$files/why")
		skip_all "${why:-no tree}"
	}
	read -r kernel _ <<<"${KERNELS:-um}"
	chmod 755 "$files"
	mkdir -p "$files"/out "$files"/over/etc/{dm-replica,udev/rules.d,modprobe.d,lvm,mdadm,systemd/system/vm.target.wants}
	make -s -C "$VM_SRC/userspace" install "DESTDIR=$files/over" PREFIX=/usr >/dev/null || die "make install"
	# A directory "lib" would hide the link.
	cp -a "$files/over/lib/." "$files/over/usr/lib/" && rm -r "$files/over/lib"
	echo 0123456789abcdef0123456789abcdef >"$files/over/etc/machine-id"
	echo "install dm_replica /sbin/modprobe -a dm-mod libcrc32c && /sbin/insmod $VM_SRC/build/$kernel/dm-replica.ko" \
		>"$files/over/etc/modprobe.d/dm-replica.conf"
	ln -s /lib/systemd/system/dm-replica.target "$files/over/etc/systemd/system/vm.target.wants/"
	ktap_plan 31
	# Where no udevd looks at them.
	machine "$0" --make "$files/out" >"$files/said" 2>&1 || die "cannot make the disks: $(tail -n 20 "$files/said")"
	cp "$files/out/h.conf" "$files/over/etc/dm-replica/systems.d/"
	for boot in manual plain; do
		filter='"r|^/dev/dm-replica/|"'
		: >"$files/over/etc/mdadm/mdadm.conf"
		if [ $boot = manual ]; then
			while read -r d; do filter="$filter, \"r|^$d\$|\""; done <"$files/out/homes"
			echo 'AUTO -all' >"$files/over/etc/mdadm/mdadm.conf"
		fi
		echo "devices { $lvm_types global_filter = [ $filter ] }" >"$files/over/etc/lvm/lvmlocal.conf"
		machine --root "$tree" --over "$files/over" --systemd "$0" --guest $boot "$files/out" >"$files/said" 2>&1 || rc=$?
		cat "$files/out/ktap.$boot"
		ktap_n=$((ktap_n + $(grep -c -E '^(not )?ok ' "$files/out/ktap.$boot")))
		ktap_failed=$((ktap_failed + $(grep -c '^not ok ' "$files/out/ktap.$boot")))
		[ $rc = 0 ] || diag "$(tail -n 20 "$files/said")"
		is "the machine and its kernel log" $rc 0
	done
	exit 0
}

# --- in a virtual machine without udevd -----------------------------------

make_disks() {
	local out=$1 d disks=() cf="devices { $lvm_types }"
	trap - EXIT
	export DM_DISABLE_UDEV=1 DM_REPLICA_CONFDIR=/run/conf LVM_SUPPRESS_FD_WARNINGS=1
	load_module
	mkdir -p /run/conf
	# The host's own, and the guest's of the same name.
	vgcreate -q --config "$cf" vg0 "$(dev host)" && lvcreate -q --config "$cf" -Wn -Zn -n root -L 32M vg0 &&
		vgmknodes --config "$cf" && mkfs.ext4 -q -U $root_uuid -L hostroot /dev/vg0/root || exit 1
	vgs --config "$cf" --noheadings -o vg_uuid vg0 | tr -d ' ' >"$out/host-vg"
	vgchange -q --config "$cf" -an vg0 || exit 1
	cf="devices { $lvm_types global_filter = [ \"r|^$(dev host)\$|\" ] }"
	vgcreate -q --config "$cf" vg0 "$(dev d0)" &&
		lvcreate -q --config "$cf" -an -Wn -Zn -n root -L 32M vg0 || exit 1
	modprobe -a md_mod raid1 && mknod /dev/md9 b 9 9 &&
		mdadm -q --create /dev/md9 --run --assume-clean --level=1 --raid-devices=2 --metadata=1.2 --name=guest \
			"$(dev d1)" "$(dev d2)" && mdadm -q --stop /dev/md9 || exit 1
	mkfs.ext4 -q -U $root_uuid -L hostroot "$(dev d3)" || exit 1
	for d in $homes; do
		disks+=(--disk "v$d=$(dev "$d")")
		dev "$d" >>"$out/homes"
	done
	"$REPLICACTL" create h --store "$(dev s0)" "${disks[@]}" || exit 1
	"$REPLICACTL" attach h && "$REPLICACTL" recovery-point create h && "$REPLICACTL" failover h &&
		"$REPLICACTL" detach h || exit 1
	cp /run/conf/h.conf "$out/"
	exit
}
case ${1-} in
'') on_host ;;
--make) make_disks "$2" ;;
esac

# --- in the virtual machine -----------------------------------------------

boot=$2 out=$3
trap - EXIT
exec >"$out/ktap.$boot" 2>&1
export LVM_SUPPRESS_FD_WARNINGS=1
diag "boot $boot"
r() { replicactl "$@"; }
attached() { r status h --json | grep -q '"attached": *true'; }
settle() { udevadm settle -t 120 || diag "udevd does not settle"; }
# What lies on a home, but for our own devices: nothing.
on_homes() {
	local d h
	for d in $homes; do
		for h in /sys/class/block/"$(basename "$(dev "$d")")"/holders/*; do
			case $(cat "$h/dm/uuid" 2>/dev/null) in DMREPLICA-*) continue ;; esac
			[ ! -e "$h" ] || echo "$d: ${h##*/} $(cat "$h/dm/name" 2>/dev/null)"
		done
	done
}
host() {	# what is the host's own
	echo "root: $(readlink -f /dev/vg0/root) $(dmsetup deps -o devname vg0-root 2>/dev/null | grep -c "$(basename "$(dev host)")")"
	echo "by UUID: $(readlink -f /dev/disk/by-uuid/$root_uuid)"
	echo "group: $(vgs --noheadings -o vg_uuid vg0 2>/dev/null | tr -d ' ')"
	grep -E '^md' /proc/mdstat 2>/dev/null
	findmnt -rno SOURCE,TARGET -t ext4
}
opener() {
	# shellcheck disable=SC2016 # of the shell
	sh -c 'exec 3<>"$1"; n=0; while dd if=/dev/zero of="$1" bs=4096 count=1 oflag=direct conv=notrunc status=none; do
		n=$((n + 1)); echo $n >/run/opener; sleep 0.2; done' sh /dev/dm-replica/h/vd0 &
	opener=$!
}
goes_on() {
	local n
	n=$(cat /run/opener)
	wait_for 60 sh -c "[ \$(cat /run/opener) -gt $((n + 1)) ]" && kill -0 "$opener"
}

if [ "$boot" = manual ]; then
	check "attached at boot" wait_for 60 attached
	settle
	own="root: $(readlink -f /dev/mapper/vg0-root) 1
by UUID: $(readlink -f /dev/mapper/vg0-root)
group: $(cat "$out/host-vg")"
	is "nothing of the guest's is active on a home" "$(on_homes)" ""
	is "the host's own is there" "$(host)" "$own"
	opener
	check "a program has a failover device open" wait_for 60 test -e /run/opener
	for action in add change; do
		udevadm trigger -c $action
		settle
		is "trigger $action: nothing is active on a home" "$(on_homes)" ""
		is "trigger $action: the host's own is as it was" "$(host)" "$own"
		check "trigger $action: the program goes on" goes_on
		is "trigger $action: the unit, too" "$(systemctl is-active dm-replica@h)" active
	done
	is "the failover is as it was" "$(r status h --json | grep -c '"state_name": *"Recovered"')" 1
	kill $opener
	check "detached by the unit" systemctl stop dm-replica@h
	is "which did not fail" "$(systemctl is-failed dm-replica@h)" inactive
	udevadm trigger -c add -s block
	settle
	is "detached, and triggered: nothing is active on a home" "$(on_homes)" ""
	is "the host's own is as it was then" "$(host)" "$own"
	check "attached again" systemctl start dm-replica@h
	r detach h >/dev/null
else
	settle
	# What the manual warns of: md has the guest's array, LVM two groups of one name, and udev
	# takes the guest's file system for the host's root.
	diag "$(host)"
	is "without the settings md has assembled the guest's array at boot" "$(on_homes | cut -d' ' -f 2 | sort -u)" md127
	is "the unit has failed" "$(systemctl is-active dm-replica@h)" failed
	check "with the user of the home in its journal" sh -c \
		"journalctl -b -u dm-replica@h -o cat | grep -q '$(dev d1) is used by device /dev/md127'"
	r doctor >/run/doctor
	is "doctor names the command that frees the home" "$(grep -A 1 "^home-in-use *FAULT: h: home $(dev d1) " /run/doctor | tail -n 1 | sed 's/^ *//')" \
		"mdadm --stop /dev/md127"
	check "and what keeps md from it" grep -q 'in /etc/mdadm/mdadm.conf: AUTO -all' /run/doctor
	check "and LVM" grep -q 'add to global_filter: "r|^'"$(dev d0)"'\$|"' /run/doctor
	check "the first command" mdadm -q --stop /dev/md127
	check "then the unit starts: nothing has changed the homes" systemctl start dm-replica@h
	check "their content is that of the last detach" sh -c "journalctl -b -u dm-replica@h -o cat | grep -c 'home verified' | grep -qx 4"
	for action in add change; do
		udevadm trigger -c $action -s block
		settle
		is "attached, trigger $action: nothing is active on a home" "$(on_homes)" ""
	done
	r detach h >/dev/null
fi
