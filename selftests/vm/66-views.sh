#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The content that a view shows stays the same: a point of two disks made while writes go
# straight home, also after a power failure; an old point while newer content could go home
# over it; and nothing of an overlay whose epoch lies between those of two points.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"
. "$(dirname "$0")/hold.sh"

ktap_plan 40
load_module
hold_disks 24 8 8
make_system v /dev/nbd0 va=/dev/nbd1 vb=/dev/nbd2 -- --chunk-size 16K
repa=/dev/mapper/v-va-replica repb=/dev/mapper/v-vb-replica
a=/dev/mapper/v-va b=/dev/mapper/v-vb
ta=/dev/mapper/v-va-test
drop() { r recovery-point drop v "$1" --yes >/dev/null || die "cannot drop $1"; }
idle() { [ "$(field v vacuum_pending)" = 0 ] && [ "$(field v versions)" = "$1" ]; }

# --- a point of two disks --------------------------------------------------------------

# A rising number goes to the first disk, then to the second, until the writer is stopped;
# each is printed when both have it.
rising() {
	local n=0 i steps
	until [ -e /tmp/stop ]; do
		steps=()
		for ((i = 0; i < 50; i++)); do
			n=$((n + 1))
			steps+=("o:$repa" "w:1M:4K:$n" "o:$repb" "w:1M:4K:$n" "p:$n")
		done
		"$io" $repa "${steps[@]}" || return
	done
}
number() { dd if="$1" bs=4K skip=256 count=1 iflag=direct 2>/dev/null | od -An -tu8 -N8 | tr -d ' '; }
both() { echo "$(number $a) $(number $b)"; }
last() { tail -n 1 /tmp/rising.said; }
gone_by() { [ "$(last)" -ge "$1" ]; }
straight() {
	disks counts 1
	local before=$disks_said
	"$io" $repa w:2M:4K:1 || die "cannot write"
	disks counts 1
	[ "$(cut -d' ' -f 2 <<<"$disks_said")" -gt "$(cut -d' ' -f 2 <<<"$before")" ]
}
check "writes go straight home" straight
beside rising rising
wait_for 60 gone_by 30 || die "nothing is written"
before=$(last)
check "a point while they do" r recovery-point create v
disks freeze
: >/tmp/stop
check "they go on" went_well rising
check "a failover to it" r failover v
shown=$(both)
diag "written before: $before; the point shows $shown"
# shellcheck disable=SC2086
in_order() {
	[ "$1" -ge "$2" ] && [ "$1" -le $(($2 + 1)) ] && [ "$2" -ge "$before" ]
}
# shellcheck disable=SC2086
check "the point shows the first disk no more than one ahead" in_order $shown
check "revert" r revert v --yes
check "after a power failure when the point was answered" crash v
check "a failover to it" r failover v
is "it shows the same" "$(both)" "$shown"
check "revert" r revert v --yes

# One write is kept back at home when the point is requested.
drop 1
check "with no point writes go straight home again" wait_for 60 straight
disks on 1 w 3072 3076 hold
beside kept "$io" $repa w:3M:4K:500
await_held 1
beside point r recovery-point create v
check "a point waits for a write that is on its way home" still_out point
check "others go on meanwhile" "$io" $repb w:3M:4K:501
go
check "then it is made" went_well point
went_well kept || die "the write failed"
disks freeze
r failover v >/dev/null || die "cannot fail over"
one_of_two() { "$io" $a c:3M:4K:500 && ! "$io" $b c:3M:4K:501; }
check "it shows the one and not the others" \
	one_of_two
check "revert" r revert v --yes
check "after a power failure" crash v
r failover v >/dev/null || die "cannot fail over"
check "the same" one_of_two
check "revert" r revert v --yes
drop 2

# --- moves home, and old points ----------------------------------------------------------

bare() { idle 0; }
wait_for 60 bare || die "home does not catch up"
hold v
"$io" $repa w:0:256K:1 f || die "cannot write"
for n in 2 3 4 5; do
	point v
	"$io" $repa "w:0:$((n * 32))K:$n" w:4M:4K:$n f || die "cannot write"
done
# Points 3 4 5 6 show stamps 1 2 3 4, and the head 5.
stamps() {	# DEVICE STAMP
	case $2 in
	1) "$io" "$1" c:0:256K:1 ;;
	2) "$io" "$1" c:0:64K:2 c:64K:192K:1 c:4M:4K:2 ;;
	3) "$io" "$1" c:0:96K:3 c:96K:160K:1 c:4M:4K:3 ;;
	4) "$io" "$1" c:0:128K:4 c:128K:128K:1 c:4M:4K:4 ;;
	5) "$io" "$1" c:0:160K:5 c:160K:96K:1 c:4M:4K:5 ;;
	esac
}
shows() {	# POINT STAMP
	r test-failover start v --point "$1" && stamps $ta "$2" && r test-failover stop v --yes
}
each_shows() {
	local p
	for p; do shows "$p" $((p - 2)) || return; done
	stamps $repa 5
}
release v
sleep 1
check "with the vacuum at work each point shows its own" \
	each_shows 3 4 5 6
drop 4
check "and one less" each_shows 3 5 6

# Point 5 becomes the oldest: its content may go home, and nothing newer.  The copies are kept
# back there, and the system moves on meanwhile.
disks on 1 w 0 256 hold
drop 3
await_held 1
check "while content goes home: a failover to the point it is for" r failover v --point 5
check "and another write over it" "$io" $repa w:0:4K:6
check "the point shows its content" stamps $a 3
go
home_has() { "$io" /dev/nbd1 c:0:96K:3; }
check "its content arrives at home" wait_for 60 home_has
sleep 1
check "and it shows that" stamps $a 3
check "the next point is not touched" shows 6 4
check "nor the head" "$io" $repa c:0:4K:6 c:4K:156K:5 c:160K:96K:1
check "revert" r revert v --yes

# --- an overlay's epoch between two points --------------------------------------------------

"$io" $repa w:5M:64K:1 f || die "cannot write"
point v		# 7
r failover v >/dev/null || die "cannot fail over"
"$io" $a w:5M:32K:50 w:6M:16K:50 f || die "cannot write"
r test-failover start v --point 5 >/dev/null || die "no test"
"$io" $ta w:5M:16K:51 w:7M:16K:51 f || die "cannot write"
r test-failover stop v --yes >/dev/null || die "the test goes on"
point v		# 8
"$io" $repa w:5M:4K:60 f || die "cannot write"
point v		# 9
shows_none() {
	"$io" $repa c:5M:4K:60 c:5124K:60K:1 n:6M:16K n:7M:16K &&
		r test-failover start v --point 7 && "$io" $ta c:5M:64K:1 n:6M:16K n:7M:16K &&
		r test-failover stop v --yes &&
		r test-failover start v --point 8 && "$io" $ta c:5M:64K:1 n:6M:16K n:7M:16K &&
		r test-failover stop v --yes &&
		r test-failover start v --point 9 &&
		"$io" $ta c:5M:4K:60 c:5124K:60K:1 n:6M:16K n:7M:16K &&
		r test-failover stop v --yes
}
check "head and points show nothing of two overlays" shows_none
check "the one that lives shows its own" "$io" $a c:5M:32K:50 c:5152K:32K:1 c:6M:16K:50 n:7M:16K
disks freeze
check "after a power failure" crash v
check "head and points show nothing of them" shows_none
check "and the one its own" "$io" $a c:5M:32K:50 c:5152K:32K:1 c:6M:16K:50 n:7M:16K
check "revert" r revert v --yes
check "head and points show nothing of them" shows_none
for n in 5 6 7 8 9; do drop $n; done
check "without points all goes home" wait_for 60 idle 0
r detach v >/dev/null || die "cannot detach"
check "which shows nothing of them" \
	"$io" /dev/nbd1 c:5M:4K:60 c:5124K:60K:1 n:6M:16K n:7M:16K c:0:4K:6 c:4K:156K:5
check "check finds nothing wrong" r check /dev/nbd0
check "the module unloads" unload_module
