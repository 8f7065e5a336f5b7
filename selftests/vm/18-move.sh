#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The speed at which a commit moves home, against dd of the same bytes between the same
# devices and against dm-snapshot merging the same blocks, in one run: compare the ratios, not
# the times.
# debug: skip it measures what a move home takes; 76-faulty moves home there
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"

ktap_plan 5
load_module
modprobe dm-snapshot || die "no dm-snapshot"
live=/dev/mapper/m-vda
size=$(blockdev --getsz /dev/vm/d1)

ms() { date +%s%3N; }

# A set of steps for helper-io: the dirtied blocks.
sequential() { seq -f 'w:%gM:8M:7' 0 8 120; }
random() {
	local i seed=1
	for ((i = 0; i < 4096; i++)); do
		seed=$(((seed * 1103515245 + 12345) & 0x7fffffff))
		echo "w:$(((seed >> 8) % 65536 * 4))K:4K:7"
	done
}

# moved STEP...: ms that a commit takes to bring it home, from its job.
moved() {
	local id
	make_system m s0 vda=d0 -- --force
	point m
	r failover m >/dev/null || die "cannot fail over"
	"$io" $live "$@" f || die "cannot write"
	r commit m --yes >/dev/null || die "cannot commit"
	is "no version is left in the store" "$(field m versions)" 0
	id=$(r job list m --json | tr -d ' ,' |
		awk -F: '/"id"/ { id = $2 } /"type":99/ { found = id } END { print found }')
	took=$(($(json elapsed job show m "$id") / 1000000))
	r detach m >/dev/null || die "cannot detach"
	rm -f /etc/dm-replica/systems.d/m.conf
	"$io" /dev/vm/d0 "${@/#w:/c:}" || die "home does not hold it"
}

# merged STEP...: ms that dm-snapshot takes to merge it.
merged() {
	local start
	dd if=/dev/zero of=/dev/vm/s1 bs=1M count=1 oflag=direct status=none
	dmsetup create origin --table "0 $size snapshot-origin /dev/vm/d1" || die "no origin"
	dmsetup create snap --table "0 $size snapshot /dev/vm/d1 /dev/vm/s1 P 8" || die "no snapshot"
	"$io" /dev/mapper/snap "$@" f || die "cannot write"
	dmsetup remove snap || die "snap is in use"
	dmsetup suspend origin
	dmsetup load origin --table "0 $size snapshot-merge /dev/vm/d1 /dev/vm/s1 P 8" || die "no merge"
	start=$(ms)
	dmsetup resume origin
	# ALLOCATED/TOTAL METADATA: merged when all that is allocated is metadata.
	until dmsetup status origin | awk '{ split($4, a, "/"); exit a[1] != $5 }'; do sleep 0.02; done
	took=$(($(ms) - start))
	dmsetup remove origin || die "origin is in use"
	"$io" /dev/vm/d1 "${@/#w:/c:}" || die "the origin does not hold it"
}

copied() {	# MIB: ms that dd takes, from store to home but for their beginning
	local start
	start=$(ms)
	dd if=/dev/vm/s0 of=/dev/vm/d0 bs=1M skip=1 seek=1 count="$1" iflag=direct oflag=direct conv=fsync status=none
	took=$(($(ms) - start))
}

compare() {	# NAME MIB STEP...
	local name=$1 mib=$2 dd_ms merge_ms move_ms
	shift 2
	copied "$mib"
	dd_ms=$took
	merged "$@"
	merge_ms=$took
	moved "$@"
	move_ms=$took
	diag "$name, $mib MiB: commit $move_ms ms, dm-snapshot's merge $merge_ms ms, dd $dd_ms ms:" \
		"$(awk -v m=$move_ms -v s=$merge_ms -v d=$dd_ms -v n="$mib" \
			'BEGIN { printf "%.0f MiB/s; %.2f of the merge'"'"'s speed, %.2f of dd'"'"'s",
				 n * 1000 / m, s / m, d / m }')"
	[ $((move_ms * 10)) -lt $((merge_ms * 12)) ]
}
# shellcheck disable=SC2046
compare "sequential" 128 $(sequential)
is "sequential: as fast as a merge or faster" $? 0
# shellcheck disable=SC2046
compare "random 4 KiB" 16 $(random)
is "random 4 KiB: as fast as a merge or faster" $? 0
check "the module unloads" unload_module
