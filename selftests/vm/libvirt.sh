# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Functions for tests with libvirtd and QEMU, which emulates, beside lib.sh and replica.sh: to
# be read after them.  The guest is a boot sector (helpers/guest.S).

export LIBVIRT_DEFAULT_URI=qemu:///system
# Not where the build would install it: the hook as it is shipped, in a place where AppArmor
# lets libvirtd run it.
export DM_REPLICA_DOMAIN=/usr/sbin/replicactl-domain
# A test does not depend on how fast libvirt answers.
export DM_REPLICA_DOMAIN_MS=300000
emulator=/usr/bin/qemu-system-x86_64
hook=/etc/libvirt/hooks/qemu.d/50-dm-replica
serial=/run/serial

# libvirt_needed: skip the test unless the host, which lends the machine its root, has libvirt.
libvirt_needed() {
	local tool
	for tool in libvirtd virtlogd virsh $emulator; do
		command -v "$tool" >/dev/null || skip_all "there is no $tool: scripts/deps test installs it"
	done
	[ -x "$VM_SRC/build/userspace/replicactl-domain" ] || skip_all "replicactl-domain is not built"
}

# build_guest DIR: the guest, where selftests/Makefile has not built it.
build_guest() {
	if ! "${CC:-cc}" -m16 -c -o "$1/guest.o" "$VM_SRC/selftests/helpers/guest.S" ||
		! ld -m elf_i386 -Ttext 0x7c00 --oformat binary -o "$1/guest.bin" "$1/guest.o"; then
		die "cannot build the guest"
	fi
}

# libvirt_install: what belongs to a host of guests.
libvirt_install() {
	libvirt_needed
	[ -e "$here/guest.bin" ] || skip_all "the guest is not built"
	[ -e /run/udev/control ] || die "no udevd"
	cp "$REPLICACTL" "$VM_SRC/build/userspace/replicactl-domain" /usr/sbin/ || die "cannot install the tools"
	# Where this build of replicactl looks for it, from hooks as well.
	mkdir -p /usr/local/sbin
	ln -sf /usr/sbin/replicactl-domain /usr/local/sbin/
	mkdir -p /etc/dm-replica ${hook%/*} $serial
	cp "$VM_SRC/userspace/host/libvirt/50-dm-replica" $hook
	cp "$VM_SRC/userspace/host/udev/56-dm-replica.rules" /lib/udev/rules.d/
	udevadm control --reload
	# From libvirt-daemon-system, which would start a libvirtd on the host and is not needed.
	getent passwd libvirt-qemu >/dev/null || useradd -r -U -s /usr/sbin/nologin libvirt-qemu || die "no user for QEMU"
	# No network of the host's own, and no second emulator to be asked what it can do.
	rm -rf /etc/libvirt/qemu/networks/autostart /usr/bin/qemu-system-i386
	# At length as on a host; else without what takes long to set up where processes are dear.
	# Without the capability libvirt asks for all features of the CPU at once, not one by one.
	much "$lean" '' >>/etc/libvirt/qemu.conf
}
lean='seccomp_sandbox = 0
namespaces = []
cgroup_controllers = []
capability_filters = [ "cpu-unavailable-features" ]'

# libvirt_start: the same, and the daemons, with no domains of the host's own.
libvirt_start() {
	libvirt_install
	rm -f /etc/libvirt/qemu/*.xml
	virtlogd -d || die "no virtlogd"
	libvirtd_start
}

libvirtd_start() {
	libvirtd -d || die "no libvirtd"
	wait_for 400 virsh version || die "libvirtd does not answer"
}

# libvirtd_stop SIGNAL: guests run on.
libvirtd_stop() {
	local pid
	pid=$(pgrep -x libvirtd) || die "no libvirtd"
	kill "-$1" "$pid"
	wait_for 200 sh -c "! kill -0 $pid" || die "libvirtd does not end"
}
libvirtd_restart() {
	libvirtd_stop TERM
	libvirtd_start
}

# domain_xml NAME DISK [MORE]: a small domain, DISK being what describes its source.
domain_xml() {
	cat <<-EOF
		<domain type='qemu'>
		  <name>$1</name>
		  <genid>11111111-2222-3333-4444-555555555555</genid>
		  <memory unit='MiB'>16</memory>
		  <os><type arch='x86_64' machine='pc'>hvm</type></os>
		  <features><acpi/><tcg><tb-cache unit='MiB'>16</tb-cache></tcg></features>
		  <on_poweroff>destroy</on_poweroff><on_reboot>destroy</on_reboot><on_crash>destroy</on_crash>
		  <devices>
		    <emulator>$emulator</emulator>
		    <controller type='usb' model='none'/>
		    <memballoon model='none'/>
		    <video><model type='none'/></video>
		    $2
		    <serial type='file'><source path='$serial/$1' append='on'/></serial>
		    ${3-}
		  </devices>
		</domain>
	EOF
}

# file_disk PATH: as a primary has it; block_disk PATH.
file_disk() {
	echo "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='$1'/><target dev='vda' bus='virtio'/></disk>"
}
block_disk() {
	echo "<disk type='block' device='disk'><driver name='qemu' type='raw' cache='none'/><source dev='$1'/><target dev='vda' bus='virtio'/></disk>"
}

# put_guest DEVICE MODE [COUNT]: replicate a guest that has started COUNT times.
put_guest() {
	local count
	printf -v count '\\x%02x\\x%02x' $((${3:-0} & 255)) $((${3:-0} >> 8))
	{
		head -c 508 "$here/guest.bin"
		# shellcheck disable=SC2059 # two bytes
		printf "\\x$2\\0\\x55\\xaa$count"
		head -c 510 /dev/zero
	} | dd of="$1" bs=512 count=2 iflag=fullblock oflag=direct conv=notrunc,fsync status=none || die "cannot write $1"
}

# count_on DEVICE: how often the guest on it has started, as the device has it now.
count_on() { dd if="$1" bs=512 skip=1 count=1 iflag=direct status=none | od -An -N2 -tx2 | tr -d ' '; }

# starts NAME: lines of its serial port about a start; last_start NAME: the last of them.
starts() { if [ -e "$serial/$1" ]; then grep -ac '^count' "$serial/$1"; else echo 0; fi; }
last_start() { tr -d '\r' <"$serial/$1" | sed -n 's/.*count \([0-9a-f]\{4\}\)$/\1/p' | tail -n 1; }
# one_more NAME N: it has started more than N times.
one_more() { [ "$(starts "$1")" -gt "$2" ]; }

# boots WHAT NAME COUNT COMMAND...: COMMAND starts the guest, which finds COUNT on its disk.
boots() {
	local what=$1 name=$2 count=$3 before
	shift 3
	before=$(starts "$name")
	if ! ktap_said=$("$@" 2>&1); then
		diag "$*: $ktap_said"
		not_ok "$what"
		return
	fi
	wait_for 400 one_more "$name" "$before" || diag "nothing on its serial port"
	is "$what" "$(last_start "$name")" "$count"
}

# refused WHAT TEXT COMMAND...: it fails, with TEXT (a regular expression) in its message.
refused() {
	local what=$1 text=$2
	shift 2
	if ktap_said=$("$@" 2>&1) || ! grep -qE "$text" <<<"$ktap_said"; then
		diag "$*: $ktap_said"
		not_ok "$what"
	else
		ok "$what"
	fi
}

domain_state() { virsh domstate "$1" --reason | head -n 1; }
is_off() { case $(virsh domstate "$1" 2>&1) in 'shut off'* | *'failed to get domain'*) ;; *) false ;; esac; }
