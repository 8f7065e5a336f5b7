#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A small Linux with QEMU's agent, as a guest that writes the replica.  In a point that was made
# with its filesystems frozen the journal is empty; in a standard point it is not.  The guest runs
# on after both, and a filesystem that another program has frozen stays frozen.
# long: it boots Linux in an emulator that is itself emulated
# share: libvirt
# vm: --udev --mem 768
# debug: skip QEMU in it is no code of ours, and takes too long there
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"
. "$(dirname "$0")/libvirt.sh"

libvirt_needed
for tool in qemu-ga busybox; do
	command -v $tool >/dev/null || skip_all "there is no $tool: scripts/deps test installs it"
done
# The kernel that the emulated tests run.
linux=$VM_SRC/build/vm/6.1
[ -e "$linux/vmlinux" ] || skip_all "there is no kernel 6.1: scripts/vm prepares it"
read -r release _ <"$linux/version" || die "no version of the kernel"
libvirt_start
ktap_plan 18
load_module "$@"
live=/dev/dm-replica/web1/vda

# --- the guest ---
# with_libraries PROGRAM: it, and what it is linked with.
with_libraries() {
	local file
	for file in "$1" $(ldd "$1" | grep -o '/[^ ]*'); do
		mkdir -p "$root${file%/*}"
		cp -L "$file" "$root$file" || die "cannot copy $file"
	done
}
build_linux() {
	local m
	root=/run/linux
	mkdir -p $root/{bin,dev,proc,sys,run,mnt,modules}
	cp "$(command -v busybox)" $root/bin/busybox
	with_libraries "$(command -v qemu-ga)"
	for m in virtio_pci virtio_blk virtio_console crc32c_generic ext4; do
		modprobe -d "$linux/root" -S "$release" -D $m 2>/dev/null | sed -n 's/^insmod \([^ ]*\).*/\1/p'
	done | awk '!seen[$0]++' | while read -r m; do
		cp "$m" $root/modules/ && echo "${m##*/}"
	done >$root/modules.list
	cat >$root/init <<-'EOF'
		#!/bin/busybox sh
		bb=/bin/busybox
		$bb mount -t proc proc /proc; $bb mount -t sysfs sysfs /sys; $bb mount -t devtmpfs dev /dev
		for m in $($bb cat /modules.list); do $bb insmod /modules/$m; done
		$bb mount -t ext4 /dev/vda /mnt || { echo "no filesystem"; $bb poweroff -f; }
		for p in /sys/class/virtio-ports/*; do
			[ "$($bb cat $p/name)" != org.qemu.guest_agent.0 ] || port=/dev/${p##*/}
		done
		qemu-ga -m virtio-serial -p $port -t /run &
		n=0
		while :; do
			n=$((n + 1))
			echo $n >/mnt/new && $bb mv /mnt/new /mnt/count && $bb sync
			[ $n != 3 ] || echo "guest ready"
			echo "wrote $n"
			$bb sleep 0.5
		done
	EOF
	chmod 755 $root/init
	ln -s "$(command -v qemu-ga)" $root/bin/qemu-ga
	(cd $root && find . | busybox cpio -o -H newc 2>/dev/null) >/run/initrd || die "no image"
}
build_linux
make_system web1 s0 vda=d0
udevadm settle -t 60
mkfs.ext4 -q -F $live-replica || die "mkfs"
uuid=$(r status web1 --json | grep -o '"uuid": "[^"]*"' | head -n 1 | cut -d '"' -f 4)
domain_xml web1 "$(block_disk $live-replica)" "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>" |
	sed "s|<memory unit='MiB'>16<|<metadata><d:system xmlns:d='urn:dm-replica:domain:1' uuid='$uuid' name='web1' view='replica'/></metadata><memory unit='MiB'>224<|
		s|</type></os>|</type><kernel>$linux/vmlinux</kernel><initrd>/run/initrd</initrd><cmdline>console=ttyS0 quiet panic=1</cmdline></os>|
		s|<tb-cache unit='MiB'>16|<tb-cache unit='MiB'>64|" >/run/web1.xml
check "the guest starts" virsh create /run/web1.xml
check "and writes its filesystem" wait_for 900 grep -aq "guest ready" "$serial/web1"
agent() { virsh qemu-agent-command web1 --timeout 30 "{\"execute\":\"$1\"}"; }
check "its agent answers" wait_for 300 agent guest-ping
wrote() { grep -ac '^wrote' "$serial/web1"; }
goes_on() { [ "$(wrote)" -gt "$1" ]; }

# --- frozen, and not ---
r domain point web1 --label frozen >/run/said 2>&1
check "a point of the guest is application-consistent" grep -q "made, application-consistent" /run/said
diag "$(cat /run/said)"
n=$(wrote)
check "the guest writes on" wait_for 300 goes_on "$n"
check "its filesystems are thawed" sh -c "virsh qemu-agent-command web1 --timeout 30 '{\"execute\":\"guest-fsfreeze-status\"}' | grep -q thawed"
check "a standard point" r recovery-point create web1 --label running
# look POINT: mount state and files of the filesystem there.
look() {
	r test-failover start web1 --point "$1" >/dev/null || die "test failover"
	udevadm settle -t 60
	if dumpe2fs -h $live-test 2>/dev/null | grep -q needs_recovery; then echo "journal"; else echo "clean"; fi
}
is "the frozen point needs no recovery" "$(look frozen)" clean
check "and is whole" e2fsck -fn $live-test
check "with the guest's file" sh -c "debugfs -R 'cat /count' $live-test 2>/dev/null | grep -qx '[0-9][0-9]*'"
check "the test ends" r test-failover stop web1 --yes
is "the standard one does" "$(look running)" journal
check "the test ends" r test-failover stop web1 --yes

# --- another program ---
check "another program freezes the guest" virsh domfsfreeze web1
r domain point web1 >/run/said 2>&1
check "its point is a standard one" grep -q "another program has frozen the guest's filesystems" /run/said
check "and it stays frozen" sh -c "virsh qemu-agent-command web1 --timeout 30 '{\"execute\":\"guest-fsfreeze-status\"}' | grep -q frozen"
check "until that program thaws it" virsh domfsthaw web1
n=$(wrote)
check "and writes on" wait_for 300 goes_on "$n"
virsh destroy web1 >/dev/null
