#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Random operations on a system and on a model that knows only bytes: every view shows the
# content of the model, and in the end so does home alone.  A failure of the single mode is
# reduced to a short script.
#
# In the environment of selftests/run or make check: MODEL_SEED chooses other
# operations, MODEL_OPS how many, MODEL_SECONDS the time that each run of them
# may take (in user mode 22, or 60 with LONG=1, emulated 4, or 16, and 2 for those of one
# operation after the other; the number of operations is exact if it is high enough).
# vm: --env MODEL_SEED --env MODEL_OPS --env MODEL_SECONDS
# debug: --env MODEL_SECONDS=10
# runs on: um 6.1 (two CPUs race where one takes turns; dm core differs between the series)
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"

model=$here/helper-model
# Most histories are met where a second holds most operations.
seconds=$(much 4 16) ops=2400
[ "$VM_LEVEL" != um ] || seconds=$(much 22 60) ops=12000
seed=${MODEL_SEED:-$(($(date +%s) % 1000000000))}
uuid=6d6f6465-6c00-4000-8000-

# The ends of the homes are not at the end of a block.
linear() { dmsetup create "$1" --table "0 $3 linear $(dev "$2") ${4:-0}"; }

# prepare STORE MIB MAX_MIB CHUNK HOME...: devices of a system named $system and
# the arguments for them; the store can be grown from the one to the other.  HOME
# is DISK:MIB:SECTORS:FIRST_SECTOR of a disk of the virtual machine.
prepare() {
	local store=$1 mib=$2 max=$3 chunk=$4 h sectors first
	shift 4
	linear "$system-store" "$store" $((mib * 2048)) || die "no store"
	args=(--tool "$REPLICACTL" --system "$system" --uuid "$(printf "%s%012d" "$uuid" "$seed")" --chunk "$chunk"
		--store "$system-store:$(dev "$store"):$mib:$max" --seed "$seed"
		--seconds "${MODEL_SECONDS:-$seconds}")
	n=0
	for h; do
		IFS=: read -r h mib sectors first <<<"$h"
		linear "$system-home$n" "$h" $((mib * 2048 + sectors)) "$first" || die "no home"
		args+=(--disk "v$n=/dev/mapper/$system-home$n")
		n=$((n + 1))
	done
	seed=$((seed + 1))
}

# clear SYSTEM HOMES
clear() {
	local i
	rm -f "/etc/dm-replica/systems.d/$1.conf"
	dmsetup remove "$1-store" || die "$1-store is still in use"
	for ((i = 0; i < $2; i++)); do
		dmsetup remove "$1-home$i" || die "$1-home$i is still in use"
	done
}

# failed SYSTEM: print the output of a run, and a shorter script with the same failure.
failed() {
	diag "$(head -n 250 "/tmp/$1.said")"
	diag "$(r status "$1" 2>&1)"
	[ ! -s "/tmp/$1.script" ] || diag "$("$model" "${@:2}" --mode shrink --seconds 180 \
		--script "/tmp/$1.script" 2>&1 | head -n 250)"
}

# run NAME STORE_MIB MAX_MIB CHUNK HOME... -- ARGUMENT...
run() {
	local name=$1 mib=$2 max=$3 chunk=$4 homes=()
	shift 4
	while [ "$1" != -- ]; do
		homes+=("$1")
		shift
	done
	shift
	system=model
	prepare s0 "$mib" "$max" "$chunk" "${homes[@]}"
	if "$model" "${args[@]}" "$@" >/tmp/model.said 2>&1; then
		diag "$(sed -n 's/^# //p' /tmp/model.said)"
		ok "$name"
	else
		failed model "${args[@]}" "$@"
		not_ok "$name"
		exit 1		# its leftovers would disturb the next run
	fi
	clear model $n
	rm -f /tmp/model.script
}

# Two systems at once, each with a model of its own.
beside() {
	local name=$1 first=() pid rc=0 rc2=0
	shift
	system=model
	prepare s0 16 32 16K d0:4:7:8 d1:2:1:8
	first=("${args[@]}")
	system=twin
	prepare s1 100 120 64K d2:4:7:8 d3:2:1:8
	"$model" "${first[@]}" "$@" --script-out /tmp/model.script >/tmp/model.said 2>&1 &
	pid=$!
	"$model" "${args[@]}" --mode threads --ops "${MODEL_OPS:-$((ops / 20))}" >/tmp/twin.said 2>&1 ||
		rc2=$?
	wait $pid || rc=$?
	diag "$(sed -n 's/^# //p' /tmp/model.said /tmp/twin.said | grep -v '^ ')"
	[ $rc2 = 0 ] || failed twin "${args[@]}"
	[ $rc = 0 ] || failed model "${first[@]}"
	is "$name" "$rc $rc2" "0 0"
	[ $rc$rc2 = 00 ] || exit 1
	clear model 2
	clear twin 2
}

slices=()
for i in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
	slices+=("d2:2:$i:$((i * 8192))")
done
single=(--ops "${MODEL_OPS:-$ops}" --script-out /tmp/model.script)
# Two CPUs have no race where one operation follows the other.
[ "$VM_LEVEL" = um ] || single+=(--seconds "${MODEL_SECONDS:-$(much 2 16)}")

ktap_plan 8
load_module "$@"
diag "MODEL_SEED=$seed"
# No single run of these can take the time of all of them.
run "one after the other, chunks of 64 KiB" 200 240 64K d0:8:7:8 d1:4:1:8 -- "${single[@]}"
run "the same in too small a store, chunks of 16 KiB" 16 32 16K d0:6:7:8 d1:2:1:8 -- \
	"${single[@]}"
run "the same, chunks of 256 KiB" 16 48 256K d0:4:3:8 d1:2:6:8 -- "${single[@]}"
run "threads beside each other, chunks of 64 KiB" 100 120 64K d0:4:7:8 d1:2:1:8 -- \
	--mode threads --ops "${MODEL_OPS:-$((ops / 20))}"
run "the same in too small a store, chunks of 256 KiB" 16 32 256K d0:4:7:8 d1:2:1:8 -- \
	--mode threads --ops "${MODEL_OPS:-$((ops / 20))}"
beside "two systems at once" "${single[@]}"
run "a point is one instant of 16 disks" 400 400 16K "${slices[@]}" -- \
	--mode order --ops "${MODEL_OPS:-$((ops / 20))}"
check "the module unloads" unload_module
