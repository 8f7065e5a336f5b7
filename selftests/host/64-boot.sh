#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Boots and shutdowns of a clean Debian with its own systemd: systems are attached at boot by
# their units, late devices when they come; a bad file, a device that never comes and
# attach=no delay nothing; a shutdown detaches behind the guests, also what was attached by
# hand; and a failed-over system is that again at the next boot, with the same content.
# share: host
# long: three boots and shutdowns
# The virtual machine runs this file, too: 64-boot.sh --guest BOOT FILES
# debug: skip systemd and what it runs are no code of ours
. "$(dirname "$0")/../vm/lib.sh"

# --- on the host ----------------------------------------------------------

# boot N [WHAT]: the N-th boot, until it has shut down; its results are added to these.
boot() {
	local n=$1 d disks=()
	for d in s0 s1 s2 s3 s4; do disks+=(--disk "$d=64M,file=$files/$d"); done
	for d in d0 d1 d2 d3 d4 pv; do disks+=(--disk "$d=32M,file=$files/$d"); done
	vm --kernel "$kernel" --root "$tree" --over "$files/over" --systemd --timeout 1800 --cut \
		--keep-log "$files/log.$n" --out "$files/out" "${disks[@]}" \
		"$0" --guest "$n" "$files/out" >"$files/said.$n" 2>&1
	vm_rc=$?
	cat "$files/out/ktap.$n"
	ktap_n=$((ktap_n + $(grep -c -E '^(not )?ok ' "$files/out/ktap.$n")))
	ktap_failed=$((ktap_failed + $(grep -c '^not ok ' "$files/out/ktap.$n")))
	sed -i "s/^[^;]*;//" "$files/log.$n"
	[ $vm_rc = 0 ] || diag "$(tail -n 20 "$files/said.$n")"
	is "boot $n: the machine has shut down, and its kernel log is clean" $vm_rc 0
	is "boot $n: systemd has found no cycle, and dropped no job" \
		"$(grep -E 'ordering cycle|Job .* deleted to break|dependency loop' "$files/log.$n")" ''
}
# in_log N REGEX: number of the first line of boot N that matches; nothing if none does
in_log() { grep -n -m 1 -E -- "$2" "$files/log.$1" | cut -d: -f 1; }
# follow NAME N REGEX...: lines that match come in this order
follow() {
	local name=$1 n=$2 at last=0 good=1 re
	shift 2
	for re; do
		at=$(in_log "$n" "$re")
		if [ -z "$at" ] || [ "$at" -le "$last" ]; then
			diag "line ${at:-missing}: $re"
			good=0
		fi
		last=${at:-$last}
	done
	is "$name" $good 1
}
# flags STORE: those of its newest superblock: 0x2 would be "active"
flags() {
	"$REPLICACTL" dump "$files/$1" | awk '$1 == "sequence" { seq = $2 + 0 }
		$1 == "flags" && seq >= newest { newest = seq; flags = $2 } END { print flags }'
}

over_files() {
	local u=$files/over/etc/systemd/system
	make -s -C "$VM_SRC/userspace" install "DESTDIR=$files/over" PREFIX=/usr >/dev/null || die "make install"
	# A directory "lib" would hide the link.
	cp -a "$files/over/lib/." "$files/over/usr/lib/" && rm -r "$files/over/lib"
	mkdir -p "$u"/{vm.target.wants,dm-replica@.service.d} "$files"/over/etc/{udev/rules.d,modprobe.d,lvm} \
		"$files/over/usr/local/sbin"
	echo 0123456789abcdef0123456789abcdef >"$files/over/etc/machine-id"
	echo "install dm_replica /sbin/modprobe -a dm-mod libcrc32c && /sbin/insmod $VM_SRC/build/$kernel/dm-replica.ko" \
		>"$files/over/etc/modprobe.d/dm-replica.conf"
	# shellcheck disable=SC2016 # for udev
	echo 'SUBSYSTEM=="block", ATTR{serial}=="?*", SYMLINK+="vm-disk/$attr{serial}"' \
		>"$files/over/etc/udev/rules.d/61-vm.rules"
	echo 'devices { types = [ "ubd", 16 ] global_filter = [ "r|^/dev/dm-replica/|" ] }' >"$files/over/etc/lvm/lvmlocal.conf"
	# As multi-user.target wants it.
	ln -s /lib/systemd/system/dm-replica.target "$u/vm.target.wants/"
	# When each comes up and goes, in the kernel log.
	cat >"$u/dm-replica@.service.d/log.conf" <<-'EOU'
		[Service]
		ExecStartPost=/bin/sh -c 'echo "<6>vm: attached %I" >/dev/kmsg'
		ExecStopPost=/bin/sh -c 'echo "<6>vm: stopped %I: $SERVICE_RESULT, devices: $(ls /dev/mapper | tr "\\n" " ")" >/dev/kmsg'
	EOU
	# What libvirt has, as far as its order goes.
	cat >"$u/libvirtd.service" <<-'EOU'
		[Unit]
		After=network.target
		[Service]
		ExecStart=/bin/sleep infinity
		ExecStopPost=/bin/sh -c 'echo "<6>vm: libvirtd stopped" >/dev/kmsg'
	EOU
	printf '[Unit]\nDescription=guests shut down\n' >"$u/virt-guest-shutdown.target"
	cat >"$u/libvirt-guests.service" <<-'EOU'
		[Unit]
		Wants=libvirtd.service
		After=network.target libvirtd.service virt-guest-shutdown.target
		Wants=virt-guest-shutdown.target
		[Service]
		Type=oneshot
		RemainAfterExit=yes
		ExecStart=/bin/true
		ExecStop=/usr/local/sbin/guests-stop
		TimeoutStopSec=0
	EOU
	cat >"$files/over/usr/local/sbin/guests-stop" <<-'EOU'
		#!/bin/sh
		echo "<6>vm: libvirt-guests stops the guests" >/dev/kmsg
		[ -e /run/guest.pid ] || exit 0
		kill -TERM $(cat /run/guest.pid)
		while [ -e /proc/$(cat /run/guest.pid) ]; do sleep 0.1; done
		echo "<6>vm: libvirt-guests: no guest is left" >/dev/kmsg
	EOU
	# A guest: it holds its disk, writes to it, and writes a last time when it is to stop.
	cat >"$files/over/usr/local/sbin/guest" <<-'EOU'
		#!/bin/sh
		write() { printf '%-4096s' "$1" | dd of="$disk" bs=4096 seek="$2" oflag=direct conv=notrunc,fsync status=none; }
		end() {
			sleep 1
			if write "the guest's last: $word" 2; then echo "<6>vm: guest ended, $word" >/dev/kmsg; fi
			exit 0
		}
		disk=$1 word=$2 n=0
		echo $$ >/run/guest.pid
		exec 3<>"$disk" || exit 1
		trap end TERM
		while write "$word $n" 1; do n=$((n + 1)); sleep 0.2; done
		echo "<6>vm: the guest has got an error" >/dev/kmsg
	EOU
	# In place of the generator's 90 s: 5 s for the device that never comes, and for the one that
	# comes behind its limit; none for the late one, which a slow machine would exceed.
	for d in 'vm\x2ddisk-never 5s' 'hostvg-slow 5s' 'hostvg-late infinity'; do
		mkdir "$u/dev-${d% *}.device.d"
		printf '[Unit]\nJobRunningTimeoutSec=%s\n' "${d#* }" >"$u/dev-${d% *}.device.d/60-test.conf"
	done
	# An ordinary service of a boot: it waits for no device of ours.
	cat >"$u/ordinary.service" <<-'EOU'
		[Service]
		Type=oneshot
		ExecStart=/bin/sh -c 'echo "<6>vm: ordinary service" >/dev/kmsg'
	EOU
	ln -s ../ordinary.service ../libvirt-guests.service "$u/vm.target.wants/"
	chmod 755 "$files"/over/usr/local/sbin/*
}

on_host() {
	local why
	files=$(workdir)
	at_exit "rm -rf $files"
	tree=$("$VM_SRC/scripts/host-root" 2>"$files/why") || {
		why=$(tail -n 1 "$files/why")
		skip_all "${why:-no tree}"
	}
	read -r kernel _ <<<"${KERNELS:-um}"
	ktap_plan 64
	chmod 755 "$files"
	mkdir -p "$files"/{out,over}
	over_files

	boot 1
	follow "boot 1: the devices go behind the guest, which libvirt-guests has stopped" 1 \
		'vm: libvirt-guests stops' 'vm: guest ended, first' 'vm: libvirt-guests: no guest' 'vm: stopped web-1: success'
	is "the store of web-1 is clean" "$(flags s0)" 0
	is "that of off, too, attached by hand" "$(flags s2)" 0

	# The files of the systems are there from now on.
	cp -r "$files/out/systems.d" "$files/over/etc/dm-replica/"
	cd "$files/over/etc/dm-replica/systems.d" || die "no files"
	echo attach=no >>off.conf
	sed 's/^name=.*/name=broken/; s/^uuid=.*/uuid=01234567-89ab-cdef-0123-456789abcdef/' off.conf >broken.conf
	echo frob=1 >>broken.conf
	printf '%s\n' name=never uuid=11234567-89ab-cdef-0123-456789abcdef store=/dev/vm-disk/never \
		disk.vda=/dev/vm-disk/s4 >never.conf
	cd "$VM_SRC" || die "no checkout"
	boot 2
	follow "boot 2: an ordinary service is up before the system whose devices are late" 2 \
		'vm: ordinary service' 'vm: attached late'
	follow "boot 2: libvirtd is dead, and the devices go behind the guest's scope" 2 \
		'vm: libvirtd stopped' 'vm: guest ended, second' 'vm: stopped web-1: success'
	for d in s0 s1 s2 s3; do is "boot 2: store $d is clean" "$(flags $d)" 0; done
	# As a systemd before 245.
	ln -s /dev/null "$files/over/etc/systemd/system/modprobe@.service"
	boot 3
	for d in s0 s1 s2 s3; do is "boot 3: store $d is clean" "$(flags $d)" 0; done
	exit 0
}
[ "${1-}" = --guest ] || on_host

# --- in the virtual machine -----------------------------------------------

trap - EXIT
boot=$2 out=$3
exec >"$out/ktap.$boot" 2>&1
export LVM_SUPPRESS_FD_WARNINGS=1
r() { replicactl "$@"; }
unit() { echo "dm-replica@$(systemd-escape "$1").service"; }
active() { systemctl is-active "$(unit "$1")"; }
is_active() { wait_for 60 systemctl -q is-active "$(unit "$1")"; }
attached() { r status "$1" --json | grep -q '"attached": *true'; }
state() { r status "$1" --json | sed -n 's/^ *"state_name": *"\(.*\)",*/\1/p' | head -n 1; }
live=/dev/dm-replica/web-1/vda
text() { dd if="$1" bs=4096 skip="$2" count=1 iflag=direct status=none | sed 's/ *$//' | tr -d '\0'; }
write() { printf '%-4096s' "$3" | dd of="$1" bs=4096 seek="$2" oflag=direct conv=notrunc,fsync status=none; }
journal() { journalctl -b -o short-monotonic --no-pager "$@" 2>/dev/null; }
guest() {	# WORD
	systemd-run -q --scope --slice=machine.slice --unit="guest-$1" -p Before=virt-guest-shutdown.target \
		-p After=libvirtd.service /usr/local/sbin/guest $live "$1" </dev/null >/dev/null 2>&1 &
	wait_for 60 test -s /run/guest.pid
	wait_for 60 sh -c "dd if=$live bs=4096 skip=1 count=1 iflag=direct status=none | grep -q '$1'"
}
power_off() {
	# systemd reports to the kernel log as long as there is no journal.
	! dmesg | grep -q 'Timed out waiting for device' || expect_log 'Timed out waiting for device'
	systemctl poweroff
	sleep 300
}

case $boot in
1)
	modprobe dm_replica || die "no module"
	r create web-1 --store /dev/vm-disk/s0 --disk vda=/dev/vm-disk/d0 --disk vdb=/dev/vm-disk/d1 >/dev/null || die "create"
	{ vgcreate -q hostvg /dev/vm-disk/pv &&
		lvcreate -q --setautoactivation n -n late -L 12M hostvg &&
		lvcreate -q --setautoactivation n -n slow -L 12M hostvg; } >/dev/null || die "lvm"
	r create slow --store /dev/vm-disk/s3 --disk vda=/dev/hostvg/slow >/dev/null || die "create"
	r create late --store /dev/vm-disk/s1 --disk vda=/dev/hostvg/late >/dev/null || die "create"
	r create off --store /dev/vm-disk/s2 --disk vda=/dev/vm-disk/d2 >/dev/null || die "create"
	cp -r /etc/dm-replica/systems.d "$out/"
	systemctl daemon-reload
	check "the unit of a system that was just created starts" systemctl start "$(unit web-1)"
	check "it is attached" attached web-1
	r attach off >/dev/null || die "attach"
	write $live-replica 0 "what came from the primary"
	r recovery-point create web-1 >/dev/null || die "point"
	r failover web-1 >/dev/null || die "failover"
	check "a guest starts on it" guest first
	systemctl start "$(unit web-1)"
	is "its unit, started again, leaves it as it is" "$(state web-1)" Recovered

	# Without udevd.
	systemctl stop systemd-udevd-control.socket systemd-udevd-kernel.socket systemd-udevd.service
	check "doctor reports a dead udevd" sh -c "replicactl doctor | grep -q '^udev-rule *FAULT: udevd does not run'"
	check "without udevd a system is detached" timeout 60 replicactl detach off
	check "and attached" timeout 60 replicactl attach off
	check "a point and a failover" sh -c "timeout 60 replicactl recovery-point create off && timeout 60 replicactl failover off"
	check "its devices can be opened" dd if=/dev/mapper/off-vda of=/dev/null bs=4096 count=1 iflag=direct status=none
	check "the failover is reverted" timeout 60 replicactl revert off --yes
	check "what doctor names brings udevd back" systemctl restart systemd-udevd
	power_off
	;;
2)
	check "web-1 is attached at boot, by its unit" is_active web-1
	is "it is failed over, as before" "$(state web-1)" Recovered
	is "with the primary's content" "$(text $live 0)" "what came from the primary"
	is "and the last that the guest wrote" "$(text $live 2)" "the guest's last: first"
	is "the replica has none of it" "$(text $live-replica 2)" ""
	check_fails "attach=no is not attached" attached off
	is "nor has its unit been started" "$(active off)" inactive
	check "it is attached by its unit by hand" systemctl start "$(unit off)"
	check "which waits for its devices" sh -c "systemctl show -p After '$(unit off)' | grep -q 'x2ddisk-d2.device'"
	check "the broken file is reported, with its line" wait_for 20 sh -c \
		"journalctl -b -t dm-replica-generator -o cat | grep -q 'broken.conf is left out: line .* has an unknown key'"
	check "by doctor, too" sh -c "replicactl doctor | grep -q 'FAULT: .*broken.conf'"

	# The late one: its store is there.
	check_fails "late is not attached without its home" attached late
	is "its unit waits for the device" "$(systemctl list-jobs | grep -c 'hostvg-late.device')" 1
	is "and libvirtd with it" "$(systemctl list-jobs | grep -c ' libvirtd.service')" 1
	vgchange -q -aay hostvg >/dev/null
	lvchange -q -ay hostvg/late || die "lvchange"
	check "it is attached when the home comes" wait_for 60 attached late
	check "by its unit, too" is_active late
	check "detached by it" systemctl stop "$(unit late)"
	check "the home goes" lvchange -q -an hostvg/late
	check "and comes back" lvchange -q -ay hostvg/late
	check "late is attached again" wait_for 60 attached late
	if [ "$VM_LEVEL" = um ]; then
		skip "a store that is unplugged and plugged in" "disks of a user-mode kernel stay where they are"
		skip "its system is attached" "the same"
	else
		systemctl stop "$(unit web-1)"
		unplugged=$(readlink -f /dev/vm-disk/s0)
		pci=$(readlink -f "/sys/class/block/${unplugged##*/}/device/..")
		echo 1 >"$pci/remove"
		check "a store that is unplugged and plugged in" wait_for 60 [ ! -e "/sys/class/block/${unplugged##*/}" ]
		echo 1 >/sys/bus/pci/rescan
		check "its system is attached" wait_for 60 attached web-1
	fi

	# Never: the device's limit of 90 s, shortened.
	check "never has its unit failed after the limit" wait_for 200 sh -c "[ \$(systemctl is-active dm-replica@never) = failed ]"
	check "with the reason in its journal" sh -c "journalctl -b -u dm-replica@never -o cat | grep -q 'vm-disk/never'"
	diag "$(journalctl -b -u dm-replica@never -o cat)"
	check "so has slow" wait_for 60 sh -c "[ \$(systemctl is-active dm-replica@slow) = failed ]"
	lvchange -q -ay hostvg/slow || die "lvchange"
	check "but it is attached when its home comes, behind the limit" wait_for 60 attached slow
	systemctl kill -s KILL libvirtd.service
	systemctl mask --runtime libvirt-guests.service
	systemctl stop libvirt-guests.service
	check "a guest starts again" guest second
	power_off
	;;
3)
	# As with a systemd before 245, which has no modprobe@.service.
	is "without modprobe@.service the unit fails" \
		"$(wait_for 60 sh -c "[ \$(systemctl is-active '$(unit web-1)') = failed ]"; active web-1)" failed
	diag "$(journalctl -b -u "$(unit web-1)" -o cat)"
	is "doctor names the reason, and the remedy" "$(r doctor | grep -A 1 '^boot *FAULT' | tail -n 1 | sed 's/^ *//')" \
		"echo dm-replica >/etc/modules-load.d/dm-replica.conf; systemctl restart systemd-modules-load"
	echo dm-replica >/etc/modules-load.d/dm-replica.conf
	systemctl restart systemd-modules-load
	check "with which the unit starts" systemctl start "$(unit web-1)"

	lvchange -q -ay hostvg/late
	check "late is attached when its home comes, at the third boot" wait_for 60 attached late
	is "web-1 is failed over still" "$(state web-1)" Recovered
	is "with the second guest's last" "$(text $live 2)" "the guest's last: second"
	# What is attached without a unit: systemd has to take the devices apart at the end.
	systemctl mask --runtime "$(unit late)"
	r attach off >/dev/null || die "attach"
	write /dev/dm-replica/off/vda-replica 0 "written before the end"
	is "blkdeactivate will run" "$(systemctl is-active blk-availability.service)" active
	for name in never slow; do wait_for 120 sh -c "[ \$(systemctl is-active dm-replica@$name) = failed ]"; done
	power_off
	;;
esac
