#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A host dies while a guest runs on its replica beside a rehearsal: after the boot libvirt's
# autostart starts the guest, on its own disk, and nothing of the rehearsal is left.  Nothing is
# left of a rehearsal either after its libvirtd or its QEMU is killed.
# The virtual machine runs this file, too: 64-libvirt.sh --guest DIR STEP
# share: libvirt
# debug: skip QEMU in it is no code of ours, and takes too long there
. "$(dirname "$0")/../vm/lib.sh"
. "$(dirname "$0")/../vm/libvirt.sh"

live=/dev/dm-replica/web1/vda

# --- in the virtual machine -----------------------------------------------

r() { "$REPLICACTL" "$@"; }
tests() { virsh list --all --name | grep Test; virsh net-list --all --name | grep dmr-test; true; }
# on_test COUNT: the rehearsal has counted its start.
on_test() { [ "$(count_on $live-test)" = "$1" ]; }
# kept: what a host has on disk, and this machine in memory.
kept='/etc/libvirt/qemu /etc/dm-replica'

step_1() {
	ktap_plan 15
	libvirt_start
	load_module
	r create web1 --store "$(dev s)" --disk vda="$(dev h)" >/dev/null || die "create"
	r attach web1 >/dev/null || die "attach"
	udevadm settle -t 60
	put_guest $live-replica 01
	r recovery-point create web1 >/dev/null || die "point"
	domain_xml web1 "$(file_disk /srv/web1.img)" >/run/web1.xml
	check "import" r domain import web1 /run/web1.xml
	check "autostart" virsh autostart web1
	check "failover" r failover web1
	boots "the guest boots" web1 0001 r domain start web1
	check "test failover" r test-failover start web1
	check "the rehearsal starts" r domain test-start web1
	check "and boots" wait_for 400 on_test 0001
	# libvirtd dies, and comes back.
	libvirtd_stop KILL
	libvirtd_start
	is "libvirtd killed: both run on" "$(virsh list --name | sort | xargs)" "web1 web1 - Test"
	check "the rehearsal can be stopped" r domain test-stop web1
	is "and has left nothing" "$(tests)" ""
	# The rehearsal's QEMU dies.
	r domain test-start web1 >/dev/null || die "no second rehearsal"
	check "a second one boots, on what the first wrote" wait_for 400 on_test 0002
	pkill -KILL -f 'guest=web1 - Test'
	check "QEMU killed: the rehearsal is gone" wait_for 200 is_off "web1 - Test"
	check "another takes its place" r domain test-start web1
	check "and boots" wait_for 400 on_test 0003
	for d in $kept; do
		mkdir -p "$dir/kept${d%/*}"
		cp -a "$d" "$dir/kept${d%/*}/" || die "cannot keep $d"
	done
	is "the guest has its own disk" "$(count_on $live)" 0001
	cut_power
}

step_2() {
	ktap_plan 9
	cp -a "$dir/kept/." /
	load_module
	libvirt_install
	check "attach, before libvirtd as its unit has it" r attach web1
	udevadm settle -t 60
	virtlogd -d || die "no virtlogd"
	n=$(starts web1)
	libvirtd_start
	check "libvirt's autostart starts the guest" wait_for 400 one_more web1 "$n"
	is "on the disk that it had" "$(last_start web1)" 0002
	is "of the rehearsal's domain nothing is left" "$(tests)" ""
	is "its disk is there" "$(count_on $live-test)" 0003
	check "it can go on" r domain test-start web1
	check "and boots" wait_for 400 on_test 0004
	check "the test ends" r test-failover stop web1 --yes --stop-guest
	check "revert, switching the guest off" r revert web1 --yes --stop-guest
}

if [ "${1-}" = --guest ]; then
	dir=$2
	# shellcheck disable=SC2034 # libvirt.sh reads it
	here=$2
	"step_$3"
	exit
fi

# --- on the host ----------------------------------------------------------

libvirt_needed
dir=$(workdir)
leave() { rm -rf "$dir"; }
at_exit leave
build_guest "$dir"
read -r kernel _ <<<"${KERNELS:-um}"
ktap_plan $((15 + 9 + 1))

# boot STEP OPTION...: its results become ours.
boot() {
	local line step=$1
	shift
	vm --kernel "$kernel" --timeout 600 --udev --disk s=64M,file="$dir/s" --disk h=16M,file="$dir/h" --out "$dir" "$@" \
		"$VM_SRC/selftests/host/64-libvirt.sh" --guest "$dir" "$step" >"$dir/out" 2>&1
	rc=$?
	while read -r line; do
		case $line in
		'ok '*) ok "boot $step: ${line#* - }" ;;
		'not ok '*) not_ok "boot $step: ${line#* - }" ;;
		TAP\ version* | 1..*) ;;
		*) echo "# ${line#'# '}" ;;
		esac
	done <"$dir/out"
}
boot 1 --cut
boot 2
is "the last machine ended well" $rc 0
