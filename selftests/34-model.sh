#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Random operations on a system and on a model that knows only bytes: what any
# view shows is what the model holds, and home alone in the end.  MODEL_SEED and
# MODEL_OPS in the environment of selftests/run choose others.
# vm: --env MODEL_SEED --env MODEL_OPS
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"

model=$here/helper-model
seed=${MODEL_SEED:-$(date +%s)}
uuid=6d6f6465-6c00-4000-8000-000000000001

# The ends of the homes are not at the end of a block.
linear() { dmsetup create "$1" --table "0 $3 linear $(dev "$2") ${4:-0}"; }
# The model begins with zeroes; what an earlier run left there is gone.
home() { linear "$@" && blkdiscard -z "/dev/mapper/$1"; }

# run NAME STORE_MIB MAX_MIB CHUNK HOME... -- ARGUMENT...: the store can be grown
# from the one to the other; HOME is DISK:MIB:SECTORS:FIRST_SECTOR of a disk of
# the virtual machine.
run() {
	local name=$1 store=$2 max=$3 chunk=$4 said h mib sectors first disks=() n=0
	shift 4
	linear model-store s0 $((store * 2048)) || die "no store"
	while [ "$1" != -- ]; do
		IFS=: read -r h mib sectors first <<<"$1"
		home "model-home$n" "$h" $((mib * 2048 + sectors)) "$first" || die "no home"
		disks+=(--disk "v$n=/dev/mapper/model-home$n")
		n=$((n + 1))
		shift
	done
	shift
	r create model --uuid "$uuid" --chunk-size "$chunk" --force \
		--store /dev/mapper/model-store "${disks[@]}" >/dev/null || die "cannot create"
	r attach model >/dev/null || die "cannot attach"
	if said=$("$model" --tool "$REPLICACTL" --system model --uuid "$uuid" "${disks[@]}" \
		--store "model-store:$(dev s0):$store:$max" --seed "$seed" "$@" 2>&1); then
		diag "$(grep '^#' <<<"$said" | sed 's/^# //')"
		ok "$name"
	else
		diag "$said" "$(r status model 2>&1)"
		not_ok "$name"
		exit 1		# what is left would be in the way of the next
	fi
	rm -f /etc/dm-replica/systems.d/model.conf
	dmsetup remove model-store || die "model-store is still in use"
	while [ $n -gt 0 ]; do
		n=$((n - 1))
		dmsetup remove "model-home$n" || die "model-home$n is still in use"
	done
	seed=$((seed + 1))
}

slices=()
for i in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
	slices+=("d2:2:$i:$((i * 8192))")
done

ktap_plan 7
load_module
diag "MODEL_SEED=$seed"
# No single run of these can take the time of all of them.
run "one after the other, chunks of 64 KiB" 200 240 64K d0:8:7:8 d1:4:1:8 -- \
	--ops "${MODEL_OPS:-2400}" --seconds 20
run "the same in too small a store, chunks of 16 KiB" 16 32 16K d0:6:7:8 d1:2:1:8 -- \
	--ops "${MODEL_OPS:-2400}" --seconds 20
run "the same, chunks of 256 KiB" 16 48 256K d0:4:3:8 d1:2:6:8 -- \
	--ops "${MODEL_OPS:-2400}" --seconds 20
run "threads beside each other, chunks of 64 KiB" 100 120 64K d0:4:7:8 d1:2:1:8 -- \
	--mode threads --ops "${MODEL_OPS:-120}" --seconds 20
run "the same in too small a store, chunks of 256 KiB" 16 32 256K d0:4:7:8 d1:2:1:8 -- \
	--mode threads --ops "${MODEL_OPS:-120}" --seconds 20
run "a point is one instant of 16 disks" 400 400 16K "${slices[@]}" -- \
	--mode order --ops "${MODEL_OPS:-120}" --seconds 20
check "the module unloads" unload_module
