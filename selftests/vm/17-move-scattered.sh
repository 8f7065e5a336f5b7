#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Scattered content goes home with one write for each piece, as fio would write it, also when
# the move is held and detached half-way, and beside a guest that writes; and a move beside
# operations in a row, each of which brings other views, comes to its end.  Counts, no timing.
# vm: --disk large=20G
# debug: skip it counts writes; 76-faulty moves home there
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"
ktap_plan 21
load_module
no_merges /dev/vm/*
live=/dev/mapper/m-vda
versions() { test "$(field m versions)" "$@"; }
# test_versions SYSTEM LOW HIGH
test_versions() {
	local n
	n=$(field "$1" versions)
	[ "$n" -ge "$2" ] && [ "$n" -le "$3" ]
}
# stats: writes and sectors written, of d0.
stats() {
	local s
	read -r -a s <"/sys/block/$(basename "$(dev d0)")/stat"
	echo "${s[4]} ${s[6]}"
}
# grown FROM: writes and KiB since then, apart from empty flushes, which ubd counts as writes.
grown() {
	local a b
	read -r -a a <<<"$1"
	read -r -a b < <(stats)
	echo "$(((b[1] - a[1]) / 2)) KiB"
}
# pieces FROM NUMBER: steps for helper-io: 16 KiB at the beginning of each 64 KiB.
pieces() {
	local i
	for ((i = $1; i < $1 + $2; i++)); do echo "w:$((i * 64))K:16K:$i"; done
}
shown() {
	local i
	for ((i = $1; i < $1 + $2; i++)); do echo "c:$((i * 64))K:16K:$i"; done
}
# The largest I/O that the trace saw, in sectors, and the number of those.
tracing=/sys/kernel/tracing
mount -t tracefs nodev $tracing 2>/dev/null
number=$(stat -Lc '%Hr,%Lr' "$(dev d0)")
trace_on() {
	echo >$tracing/trace
	echo 16384 >$tracing/buffer_size_kb
	echo 1 >$tracing/events/block/block_rq_issue/enable
}
# What went to d0: "SECTORS PLACE", one line for each write.
writes() {
	echo 0 >$tracing/events/block/block_rq_issue/enable
	sed -n "s/.*block_rq_issue: $number W[A-Z]* [0-9]* ([^)]*) \([0-9]*\) + \([0-9]*\) .*/\2 \1/p" \
		$tracing/trace | awk '$1'
}

make_system m s0 vda=d0 -- --chunk-size 16K
point m
r failover m >/dev/null || die "cannot fail over"
mapfile -t steps < <(pieces 0 1024)
check "1024 pieces are written" "$io" $live "${steps[@]}" f
check "it moves slowly at first" r vacuum m --rate 1M
before=$(stats)
trace_on
check "a commit" r commit m --yes --no-wait
check "a part has moved" wait_for 60 versions -lt 1000
check "hold" r vacuum m --hold
check "and not all" versions -gt 0
check "detach half-way" r detach m
check "attach" r attach m
r vacuum m --rate unlimited >/dev/null || die "no rate"
r vacuum m --release >/dev/null
# A guest beside it, with a tenth as many writes.
mapfile -t steps < <(pieces 1024 102)
check "a guest writes meanwhile" "$io" $live "${steps[@]}" f
check "all goes home" wait_for 60 versions = 0
writes >/tmp/writes
is "with as many bytes as were written" "$(grown "$before")" "$(((1024 + 102) * 16)) KiB"
# Fingerprints and the like are reads.  Each piece is one write.
is "one write for each" "$(awk '$1 == 32' /tmp/writes | wc -l) $(wc -l </tmp/writes)" "1126 1126"
is "each place once, in order" \
	"$(awk '$2 < 131072 { print $2 }' /tmp/writes | awk '$1 <= last && NR > 1 { bad++ } { last = $1 } END { print NR, bad + 0 }')" "1024 0"
r detach m >/dev/null || die "cannot detach"
mapfile -t steps < <(shown 0 1126)
check "and is there" "$io" /dev/vm/d0 "${steps[@]}"

# A map of a million places.
make_system l large vda=d1 -- --chunk-size 16K
rep=/dev/mapper/l-vda-replica
r vacuum l --hold >/dev/null
point l
"$io" $rep w:0:4M:1 f || die "cannot write"
r recovery-point drop l 1 --yes >/dev/null || die "cannot drop the point"
is "a point is gone, and its content may go home" "$(field l points) $(field l versions)" "0 256"
uuid=$(sed -n 's/^uuid=//p' /etc/dm-replica/systems.d/l.conf)
r vacuum l --release >/dev/null
# More would fill the kernel log.
operations() { for ((i = 0; i < 100; i++)); do printf 'suspend %s\nresume %s\n' "$uuid" "$uuid"; done; }
operations | "$nl" - >/tmp/operations 2>&1
is "200 operations succeed" "$(grep -c '^errno 0 ' /tmp/operations)" 200
home() { [ "$(field l versions)" = 0 ]; }
check "and all goes home beside them" wait_for 60 home
# What becomes movable behind the place that a move has reached, and nothing is asked for later.
r vacuum l --hold >/dev/null
point l
"$io" $rep w:64M:4M:2 f || die "cannot write"
r recovery-point drop l 2 --yes >/dev/null || die "cannot drop the point"
r vacuum l --rate 256K >/dev/null || die "no rate"
r vacuum l --release >/dev/null || die "cannot begin a move"
check "a move has begun" wait_for 60 test_versions l 1 255
point l
"$io" $rep w:0:64K:3 f || die "cannot write"
r recovery-point drop l 3 --yes >/dev/null || die "cannot drop the point"
r vacuum l --rate unlimited >/dev/null || die "no rate"
check "what it has passed goes home, too" wait_for 60 home
r detach l >/dev/null || die "cannot detach"
check "and is there" "$io" /dev/vm/d1 c:0:64K:3 c:64K:4032K:1 c:64M:4M:2
check "the module unloads" unload_module
