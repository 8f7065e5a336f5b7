#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Kernels 6.1 and 6.12 read each other's stores.  A system is made on one, failed
# over and written to; the other finds all of it, goes on, reverts and fails over
# again; the first finds that, and brings all home.  Then the other way round.
# The virtual machine runs this file, too: cross-kernel.sh --guest DIR STEP CHUNK
# runs on: um 6.1 (two series have to read each other's stores)
# debug: skip it needs two kernels
. "$(dirname "$0")/../vm/lib.sh"

# --- in the virtual machine -----------------------------------------------

live=/dev/mapper/x-vd rep=-replica
r() { "$REPLICACTL" "$@"; }
field() { r status x --json | sed -n 's/^ *"'"$1"'": *\([0-9]*\).*/\1/p' | head -n 1; }
points() { r recovery-point list x --json | sed -n 's/^ *"number": *\([0-9]*\).*/\1/p' | paste -sd' '; }
where() { echo "state $(field state), points $(points), failed over to $(field live_point)"; }

# both TEXT SUFFIX STEP...: the same steps on both disks.
both() {
	local text=$1 d
	shift
	for d in a b; do
		check "$text, vd$d" "$io" "$live$d$1" "${@:2}"
	done
}
do_both() {
	local d
	for d in a b; do
		"$io" "$live$d$1" "${@:2}" || die "cannot write to $live$d$1"
	done
}

# The content of each moment, as steps of helper-io that check it.  A number is the stamp of
# the write.  Written are whole chunks, blocks, sectors in the midst of a block, zeroes, and
# the end of the disk.
w1=(w:0:1M:1 w:4M:256K:1 w:8M:64K:1 w:33546240:8K:1)
c1=(c:0:1M:1 c:4M:256K:1 c:8M:64K:1 c:33546240:8K:1 n:16M:64K)
w2=(w:4M:4K:2 w:4198912:1536:2 z:64K:128K w:16M:64K:2)
c2=(c:0:64K:1 n:64K:128K c:192K:832K:1 c:4M:4K:2 c:4198400:512:1 c:4198912:1536:2
	c:4200448:245K:1 c:8M:64K:1 c:16M:64K:2 c:33546240:8K:1)
w3=(w:0:64K:3 w:8M:4K:3 z:16M:32K)
c3=(c:0:64K:3 n:64K:128K c:192K:832K:1 c:8M:4K:3 c:8392704:60K:1 n:16M:32K c:16809984:32K:2)
# On the failover from point 1.
l1=(w:512K:64K:11 z:4M:8K w:8M:512:11 w:20M:16K:11)
lc1=(c:0:512K:1 c:512K:64K:11 c:576K:448K:1 n:4M:8K c:4202496:248K:1 c:8M:512:11
	c:8389120:65024:1 n:16M:64K c:20M:16K:11 c:33546240:8K:1)
l2=(w:4M:4K:12 w:8M:512:12 w:24M:256K:12)
lc2=(c:512K:64K:11 c:4M:4K:12 n:4198400:4K c:8M:512:12 c:8389120:65024:1 c:20M:16K:11
	c:24M:256K:12)
# On the head while failed over, and on the failover from point 3.
w4=(w:2M:1M:4 w:16M:4K:4)
c4=(c:0:64K:3 c:2M:1M:4 c:16M:4K:4 n:16781312:28K c:16809984:32K:2 c:33546240:8K:1)
l3=(w:2M:4K:13 w:28M:64K:13)
lc3=(c:0:64K:3 c:2M:4K:13 c:2101248:1020K:4 c:16M:4K:4 c:28M:64K:13)

begin() {
	local said
	load_module
	said=$(r scan --write --accept-homes /dev/vm/store /dev/vm/h0 /dev/vm/h1 2>&1) || die "scan: $said"
	check "the store passes its check" r check /dev/vm/store
	check "attach" r attach x
}

at_point() {
	check "fail over to point $1" r failover x --point "$1"
	both "point $1 is as it was" '' "${@:2}"
	check "revert" r revert x --yes
}

step_1() {
	ktap_plan 8
	load_module
	check "create" r create x --store /dev/vm/store --chunk-size "$1" \
		--disk vda=/dev/vm/h0 --disk vdb=/dev/vm/h1
	check "attach" r attach x
	do_both $rep "${w1[@]}" f
	r recovery-point create x >/dev/null
	do_both $rep "${w2[@]}" f
	r recovery-point create x >/dev/null
	do_both $rep "${w3[@]}" f
	r failover x --point 1 >/dev/null
	do_both '' "${l1[@]}" f
	is "failed over" "$(where)" "state 5, points 1 2, failed over to 1"
	both "the failover" '' "${lc1[@]}"
	both "the head" $rep "${c3[@]}"
	check "detach" r detach x
}

step_2() {
	ktap_plan 21
	begin
	is "what it was when the other kernel left it" "$(where)" \
		"state 5, points 1 2, failed over to 1"
	both "the failover" '' "${lc1[@]}"
	both "the head" $rep "${c3[@]}"
	do_both '' "${l2[@]}" f
	do_both $rep "${w4[@]}" f
	both "the failover goes on" '' "${lc2[@]}"
	both "the head goes on" $rep "${c4[@]}"
	check "a point while failed over" r recovery-point create x
	check "revert" r revert x --yes
	at_point 1 "${c1[@]}"
	check "fail over to point 3" r failover x --point 3
	both "point 3" '' "${c4[@]}"
	do_both '' "${l3[@]}" f
	check "detach" r detach x
}

step_3() {
	ktap_plan 26
	begin
	is "what it was when the other kernel left it" "$(where)" \
		"state 5, points 1 2 3, failed over to 3"
	both "the failover" '' "${lc3[@]}"
	both "the head" $rep "${c4[@]}"
	check "revert" r revert x --yes
	at_point 1 "${c1[@]}"
	at_point 2 "${c2[@]}"
	at_point 3 "${c4[@]}"
	is "reverted" "$(where)" "state 3, points 1 2 3, failed over to 0"
	for p in 1 2 3; do r recovery-point drop --yes x "$p" >/dev/null; done
	# shellcheck disable=SC2317 # wait_for calls it
	drained() { [ "$(field slots_used)" = 0 ]; }
	check "without points all goes home" wait_for 60 drained
	check "detach" r detach x
	check "home has it, vda" "$io" /dev/vm/h0 "${c4[@]}"
	check "home has it, vdb" "$io" /dev/vm/h1 "${c4[@]}"
	check "the module unloads" unload_module
}

if [ "${1-}" = --guest ]; then
	io=$2/helper-io REPLICACTL=$2/replicactl
	# shellcheck disable=SC2034 # load_module reads it
	MODULE=$2/dm-replica.ko.$VM_KERNEL
	"step_$3" "$4"
	exit
fi

# --- on the host ----------------------------------------------------------

read -ra kernels <<<"${KERNELS:-um 6.1}"
[ ${#kernels[@]} = 2 ] || skip_all "takes two kernels"
for k in "${kernels[@]}"; do
	[ -e "$VM_SRC/build/$k/dm-replica.ko" ] || skip_all "build/$k/dm-replica.ko is not built"
done
[ -x "$REPLICACTL" ] || skip_all "replicactl is not built"
# Copies: a build beside this test must not change what it tests.
dir=$(workdir)
leave() { rm -rf "$dir"; }
at_exit leave
cp "$REPLICACTL" "$dir/" || exit 1
for k in "${kernels[@]}"; do
	cp "$VM_SRC/build/$k/dm-replica.ko" "$dir/dm-replica.ko.$k" || exit 1
done
build_helpers "$dir" io || exit 1

ktap_plan $((2 * (8 + 21 + 26 + 3)))

# boot KERNEL STEP CHUNK: its results become ours.
boot() {
	local line rc
	vm --kernel "$1" --timeout 400 --disk store=128M,file="$dir/store" \
		--disk h0=32M,file="$dir/h0" --disk h1=32M,file="$dir/h1" \
		"$VM_SRC/selftests/host/52-cross-kernel.sh" --guest "$dir" "$2" "$3" >"$dir/out" 2>&1
	rc=$?
	while read -r line; do
		case $line in
		'ok '*) ok "$1, step $2: ${line#* - }" ;;
		'not ok '*) not_ok "$1, step $2: ${line#* - }" ;;
		TAP\ version* | 1..*) ;;
		*) echo "# ${line#'# '}" ;;
		esac
	done <"$dir/out"
	is "$1, step $2: the machine ended well" $rc 0
}

for way in '0 1 64K' '1 0 16K'; do
	read -r a b chunk <<<"$way"
	rm -f "$dir/store" "$dir/h0" "$dir/h1"
	boot "${kernels[a]}" 1 "$chunk"
	boot "${kernels[b]}" 2 "$chunk"
	boot "${kernels[a]}" 3 "$chunk"
done
