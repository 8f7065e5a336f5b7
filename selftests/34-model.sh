#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Random operations on a system and on a model that knows only bytes: what any
# view shows is what the model holds.  MODEL_SEED and MODEL_OPS choose others.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"

model=$here/helper-model
seed=${MODEL_SEED:-$(date +%s)}
uuid=6d6f6465-6c00-4000-8000-000000000001

# The ends of the homes are not at the end of a block.
linear() { dmsetup create "$1" --table "0 $3 linear $(dev "$2") ${4:-0}"; }
# The model begins with zeroes; what an earlier run left there is gone.
home() { linear "$@" && blkdiscard -z "/dev/mapper/$1"; }

# run NAME STORE_MIB HOME_MIB HOME_MIB CHUNK ARGUMENT...
run() {
	local name=$1 store=$2 h0=$3 h1=$4 chunk=$5 said
	shift 5
	linear model-store s0 $((store * 2048)) || die "no store"
	home model-home0 d0 $((h0 * 2048 + 7)) 8 || die "no home"
	home model-home1 d1 $((h1 * 2048 + 1)) 8 || die "no home"
	r create model --uuid "$uuid" --chunk-size "$chunk" --force \
		--store /dev/mapper/model-store --disk a=/dev/mapper/model-home0 \
		--disk b=/dev/mapper/model-home1 >/dev/null || die "cannot create"
	r attach model >/dev/null || die "cannot attach"
	if said=$("$model" --tool "$REPLICACTL" --system model --uuid "$uuid" --bare \
		--disk a=/dev/mapper/model-home0 --disk b=/dev/mapper/model-home1 \
		--seed "$seed" "$@" 2>&1); then
		diag "$(grep '^#' <<<"$said" | sed 's/^# //')"
		ok "$name"
	else
		diag "$said" "$(r status model 2>&1)"
		not_ok "$name"
		exit 1		# what is left would be in the way of the next
	fi
	rm -f /etc/dm-replica/systems.d/model.conf
	for said in home0 home1 store; do
		dmsetup remove "model-$said" || die "model-$said is still in use"
	done
	seed=$((seed + 1))
}

ktap_plan 5
load_module
diag "MODEL_SEED=$seed"
# No single run of these can take the time of all of them.
run "one after the other, chunks of 64 KiB" 1000 16 6 64K --ops "${MODEL_OPS:-300}" --seconds 20
run "the same in too small a store, chunks of 16 KiB" 24 8 4 16K --ops "${MODEL_OPS:-300}" --seconds 20
run "threads beside each other, chunks of 64 KiB" 100 4 2 64K --mode threads --ops "${MODEL_OPS:-40}" --seconds 20
run "the same in too small a store, chunks of 256 KiB" 16 4 2 256K --mode threads --ops "${MODEL_OPS:-40}" --seconds 20
check "the module unloads" unload_module
