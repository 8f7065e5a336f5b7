#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The power fails while home catches up behind a commit, again at the next start, and while a
# removal does the same; and just after a store has grown.  All flushed data is there, the
# work goes on by itself, and in the end home alone holds the disk.
# The virtual machine runs this file, too: power.sh --guest DIR STEP
# runs on: um 6.1 (power cuts, also of two CPUs at work)
. "$(dirname "$0")/../vm/lib.sh"

# --- in the virtual machine -----------------------------------------------

r() { "$REPLICACTL" "$@"; }
field() { r status "$1" --json | sed -n 's/^ *"'"$2"'": *\([0-9]*\).*/\1/p' | head -n 1; }
# moves NAME: is there a job that continues from an earlier life?
moves() { r job list "$1" --json | grep -q "goes on moving home"; }
# shellcheck disable=SC2317 # wait_for calls these
fewer() { [ "$(field "$1" versions)" -lt "$2" ]; }
# shellcheck disable=SC2317
gone() { [ "$(field "$1" versions)" = 0 ]; }
begin() {
	load_module
	dmsetup create grows --table "0 $((120 * 2048)) linear /dev/vm/sb 0" || die "no store"
	r scan --write --accept-homes /dev/vm/sa /dev/mapper/grows /dev/vm/ha /dev/vm/hb >/dev/null 2>&1
}
a=/dev/mapper/a-vda b=/dev/mapper/b-vda-replica

step_1() {
	ktap_plan 6
	load_module
	r create a --store /dev/vm/sa --disk vda=/dev/vm/ha >/dev/null || die "cannot create a"
	r attach a >/dev/null || die "cannot attach a"
	"$io" $a-replica w:0:8M:1 f || die "cannot write"
	r recovery-point create a >/dev/null || die "no point"
	"$io" $a-replica w:0:4M:2 f || die "cannot write"
	r failover a >/dev/null || die "cannot fail over"
	"$io" $a w:1M:12M:3 f || die "cannot write"
	check "a slow move" r settings a --vacuum-rate 128K
	check "commit" r commit a --yes --no-wait
	all=$(field a versions)
	check "some of it moves" wait_for 30 fewer a "$all"
	check "the guest writes on" "$io" $a w:2M:64K:4 w:14M:64K:4 f
	# A store that grows, under I/O.
	dmsetup create grows --table "0 $((24 * 2048)) linear /dev/vm/sb 0" || die "no store"
	r create b --store /dev/mapper/grows --disk vda=/dev/vm/hb >/dev/null || die "cannot create b"
	r attach b >/dev/null || die "cannot attach b"
	"$io" $b w:0:4M:1 f || die "cannot write"
	r recovery-point create b >/dev/null || die "no point"
	"$io" $b w:0:4M:2 f || die "cannot write"
	if ! { dmsetup load grows --table "0 $((120 * 2048)) linear /dev/vm/sb 0" &&
		dmsetup suspend --noflush grows && dmsetup resume grows; }; then
		die "the device does not grow"
	fi
	check "grow" r grow b
	check "and go on" "$io" $b w:8M:8M:3 f w:16M:1M:9
	cut_power
}

step_2() {
	ktap_plan 14
	begin
	check "the store passes its check" r check /dev/vm/sa
	check "attach" r attach a
	is "committed it stays" "$(field a state)" 6
	check "the move goes on, as a new job" moves a
	check "all that was flushed is there" "$io" $a c:0:1M:1 c:1M:1M:3 c:2M:64K:4 \
		c:2112K:10M:3 c:14M:64K:4
	check_fails "the replica device is offline" "$io" $a-replica r:0:4K
	check "the grown store passes its check" r check /dev/mapper/grows
	check "attach b" r attach b
	check "all that was flushed is there" "$io" $b c:0:4M:2 c:8M:8M:3
	check "at the point, too" r failover b
	check "as it was" "$io" /dev/mapper/b-vda c:0:4M:1
	r revert b --yes >/dev/null || die "cannot revert"
	check "b is slow, too" r settings b --vacuum-rate 128K
	check "remove b, moving home first" r remove b --flatten --yes --no-wait
	all=$(field b versions)
	check "some of it moves" wait_for 30 fewer b "$all"
	"$io" $a w:3M:64K:5 f || die "cannot write"
	cut_power
}

step_3() {
	ktap_plan 12
	begin
	check "attach" r attach a
	check "the move goes on" moves a
	check "faster" r settings a --vacuum-rate unlimited
	check "to its end" wait_for 60 gone a
	check "attach b" r attach b
	is "which is being removed" "$(field b state)" 0
	check "faster" r settings b --vacuum-rate unlimited
	check "the removal comes to its end" r remove b --yes
	check "detach" r detach a
	check "home alone holds a" "$io" /dev/vm/ha c:0:1M:1 c:1M:1M:3 c:2M:64K:4 c:2112K:960K:3 \
		c:3M:64K:5 c:3136K:9152K:3 c:14M:64K:4
	check "home alone holds b" "$io" /dev/vm/hb c:0:4M:2 c:8M:8M:3
	check "the module unloads" unload_module
}

if [ "${1-}" = --guest ]; then
	io=$2/helper-io REPLICACTL=$2/replicactl
	# shellcheck disable=SC2034 # load_module reads it
	MODULE=$2/dm-replica.ko.$VM_KERNEL
	"step_$3"
	exit
fi

# --- on the host ----------------------------------------------------------

read -ra kernels <<<"${KERNELS:-um 6.1}"
[ -x "$REPLICACTL" ] || skip_all "replicactl is not built"
dir=$(workdir)
leave() { rm -rf "$dir"; }
at_exit leave
cp "$REPLICACTL" "$dir/" || exit 1
for k in "${kernels[@]}"; do
	cp "$VM_SRC/build/$k/dm-replica.ko" "$dir/dm-replica.ko.$k" || skip_all "build/$k is not built"
done
build_helpers "$dir" io || exit 1

ktap_plan $((${#kernels[@]} * (6 + 14 + 12 + 1)))

# boot KERNEL STEP: its results become ours.
boot() {
	local line
	vm --kernel "$1" --timeout 400 --disk sa=128M,file="$dir/sa" --disk sb=128M,file="$dir/sb" \
		--disk ha=32M,file="$dir/ha" --disk hb=32M,file="$dir/hb" \
		"$VM_SRC/selftests/host/56-power.sh" --guest "$dir" "$2" >"$dir/out" 2>&1
	rc=$?
	while read -r line; do
		case $line in
		'ok '*) ok "$1, step $2: ${line#* - }" ;;
		'not ok '*) not_ok "$1, step $2: ${line#* - }" ;;
		TAP\ version* | 1..*) ;;
		*) echo "# ${line#'# '}" ;;
		esac
	done <"$dir/out"
}

for k in "${kernels[@]}"; do
	rm -f "$dir"/[sh][ab]
	boot "$k" 1
	boot "$k" 2
	boot "$k" 3
	is "$k: the last machine ended well" $rc 0
done
