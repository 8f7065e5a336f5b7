#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A guest of libvirt and QEMU on a store without room: the guest is paused, not failed, also over
# a restart of libvirtd, goes on after the store has grown, and has lost nothing.  Autostart: a
# guest starts also if its system is attached later than libvirt's own autostart.
# share: libvirt
# vm: --udev --disk g0=16M --disk g1=16M
# debug: skip QEMU in it is no code of ours, and takes too long there
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"
. "$(dirname "$0")/libvirt.sh"

libvirt_start
ktap_plan "$(much 20 24)"
load_module "$@"
live=/dev/dm-replica/web2/vda

# --- no room ---
s1=$(dev s1)
dmsetup create tiny --table "0 $((8 * 2048)) linear $s1 0" || die "dmsetup"
make_system web2 /dev/mapper/tiny vda=g0
udevadm settle -t 60
put_guest $live-replica 02
point web2
domain_xml web2 "$(file_disk /srv/web2.img)" >/run/web2.xml
r domain import web2 /run/web2.xml >/dev/null || die "import"
check "failover" r failover web2
expect_log 'replica: web2: '
boots "the guest boots, and writes its disk" web2 0001 r domain start web2
paused() { [ "$(domain_state web2)" = "paused (I/O error)" ]; }
check "the full store pauses it" wait_for 400 paused
check "show has the reason" sh -c "$REPLICACTL domain show web2 | grep -q 'error     vda: no space'"
refused "it is not resumed without room" "has paused for an I/O error again" r domain resume web2
libvirtd_restart
check "nor by a restart of libvirtd" paused
dmsetup reload tiny --table "0 $((32 * 2048)) linear $s1 0" || die "dmsetup"
dmsetup resume tiny || die "dmsetup"
check "the store grows" r grow web2
check "which resumes nothing by itself" paused
check "replicactl does" r domain resume web2
check "the guest writes on to the end" wait_for 400 grep -aq 'end 8000' "$serial/web2"
check "and powers off" wait_for 200 is_off web2
# Each piece begins with the number of its first sector.
lost() {	# DEVICE
	python3 - "$1" <<-'EOF'
		import sys
		with open(sys.argv[1], 'rb') as f:
		    f.seek(2048 * 512)
		    print([n for n in range(2048, 32768, 64) if int.from_bytes(f.read(32768)[:2], 'little') != n])
	EOF
}
is "nothing is lost" "$(lost $live)" "[]"

# --- autostart ---
# What libvirt asks the hooks: the other one is the first.
cat >"${hook%/*}/10-log" <<-'EOF'
	#!/bin/sh
	echo "$1 $2" >>/run/asked
EOF
chmod 755 "${hook%/*}/10-log"
mkdir -p /usr/lib/dm-replica/hooks.d
install -m 755 "$VM_SRC/userspace/host/libvirt/attached-autostart-guest" /usr/lib/dm-replica/hooks.d/
check "the guest is set to autostart" virsh autostart web2
check "detach" r detach web2
# As after a boot: libvirt has not tried yet, and the system is not attached.
libvirtd_stop TERM
rm -f /run/libvirt/qemu/autostarted /run/asked
HOOK_TIMEOUT=900 "$REPLICACTL" monitor --hooks >/run/monitor 2>&1 &
monitor=$!
libvirtd_start
check "libvirt tries to start it" wait_for 200 grep -qx 'web2 prepare' /run/asked
check "and ends the attempt" wait_for 200 grep -qx 'web2 release' /run/asked
is "the hook has refused it" "$(domain_state web2)" "shut off (failed)"
n=$(starts web2)
check "attach, too late" r attach web2
check "the hook of the event starts it" wait_for 400 one_more web2 "$n"
is "on its disk" "$(last_start web2)" 0002

# --- by itself, at length ---
# The example that extends a logical volume, grows the store into it and resumes the guest.
if [ -n "${LONG-}" ]; then
	mkdir -p /etc/lvm /etc/dm-replica/hooks.d
	printf '%s\n' 'devices { types = [ "ubd", 16 ] }' >/etc/lvm/lvmlocal.conf
	sed 's/^by=.*/by=100%/' "$VM_SRC/userspace/host/hooks/space-lvextend" >/etc/dm-replica/hooks.d/space-lvextend
	chmod 755 /etc/dm-replica/hooks.d/space-lvextend
	{ vgcreate -q -s 1M vg0 "$(dev s0)" && lvcreate -q -n store -L 8M vg0; } >/dev/null || die "lvm"
	make_system web3 /dev/vg0/store vda=g1
	udevadm settle -t 60
	put_guest ${live/web2/web3}-replica 02
	point web3
	domain_xml web3 "$(file_disk /srv/web3.img)" >/run/web3.xml
	r domain import web3 /run/web3.xml >/dev/null || die "import"
	expect_log 'replica: web3: '
	check "failover of another" r failover web3
	boots "its guest boots" web3 0001 r domain start web3
	check "the hooks see it through" wait_for 900 grep -aq 'end 8000' "$serial/web3"
	wait_for 200 is_off web3
	is "and nothing is lost" "$(lost ${live/web2/web3})" "[]"
fi
kill $monitor
diag "$(cat /run/monitor)"
