#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The cost of history: random rewrites of 4 KiB with 24 points between them, in writes to the
# devices for each replicated write.  Exact counts, not times.  Hyper-V Replica documents 2 to
# 3 times the primary's write I/O for this.
# vm: --disk h=64M
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"

ktap_plan 9
load_module
no_merges /dev/vm/*
make_system h s0 vda=h -- --force
rep=/dev/mapper/h-vda-replica
"$io" $rep w:0:16M:1 w:16M:16M:1 w:32M:16M:1 w:48M:16M:1 f || die "cannot write"
r settings h --keep-last 24 >/dev/null || die "cannot set"
point h
hold h

# sectors_of DEV: reads, writes, sectors written so far.
sectors_of() {
	# shellcheck disable=SC2046
	set -- $(cat "/sys/block/$(basename "$(dev "$1")")/stat")
	echo "$1 $5 $7"
}
# times A B: A / B with two digits.
times() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }

# rounds N WRITES: N points, before each one so many random rewrites and a flush.
seed=1
rounds() {
	local i j steps
	for ((i = 0; i < $1; i++)); do
		steps=()
		for ((j = 0; j < $2; j++)); do
			seed=$(((seed * 1103515245 + 12345) & 0x7fffffff))
			steps+=("w:$(((seed >> 8) % 16384 * 4))K:4K:$((i + 2))")
		done
		"$io" $rep "${steps[@]}" f || die "cannot write"
		point h
	done
}
take() {
	read -r _ "sw[$1]" "ss[$1]" <<<"$(sectors_of s0)"
	read -r _ "hw[$1]" "hs[$1]" <<<"$(sectors_of h)"
}
declare -a sw ss hw hs

# In the foreground alone: the vacuum is held still.
take 0
rounds 24 256
take 1
n=$((24 * 256))
data=$((n * 8))
foreground=$((ss[1] - ss[0] + hs[1] - hs[0]))
diag "$n replicated writes of 4 KiB in 24 rounds, a flush and a point each:" \
	"in the foreground $((sw[1] - sw[0])) writes to the store, $((hw[1] - hw[0])) home," \
	"$(times $foreground $data) times the bytes"
# Data once; a log block takes 126 records, and a superblock belongs to each point.
is "no foreground write goes home" $((hs[1] - hs[0])) 0
log=$((24 * (256 / 126 + 1 + 2) * 8 + 24 * 16))
check "data is written once, beside it log and superblocks" \
	[ $((foreground - data)) -ge 0 -a $((foreground - data)) -le $((log * 2)) ]
check "1.0 data writes per replicated write" \
	[ $((sw[1] - sw[0])) -le $((n + 24 * 10)) -a $((sw[1] - sw[0])) -ge $n ]

# With the vacuum, which moves home versions that no point needs in a slot.
release h
sleep 6
take 2
rounds 24 256
quiet() {
	local was
	was=$(sectors_of s0; sectors_of h)
	sleep 6
	[ "$was" = "$(sectors_of s0; sectors_of h)" ]
}
check "the vacuum comes to its end" wait_for 60 quiet
take 3
all=$((ss[3] - ss[2] + hs[3] - hs[2]))
diag "the same with the vacuum: $((sw[3] - sw[2])) writes to the store," \
	"$((hw[3] - hw[2])) home, $(times $all $data) times the bytes of the replicated writes" \
	"(documented for Hyper-V Replica with history: 2 to 3 times)"
check "less than the 3 times that Hyper-V documents" [ $all -lt $((3 * data)) ]
is "24 points are kept" "$(field h points)" 24
oldest=$(point_numbers h | head -n 1)
check "the oldest can be failed over to" r failover h --point "$oldest"
r revert h --yes >/dev/null || die "cannot revert"
r detach h >/dev/null || die "cannot detach"
check "check finds nothing wrong" r check h
check "the module unloads" unload_module
