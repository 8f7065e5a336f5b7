#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The cost of operations in I/Os with 256 points, and with 1 and with 16 disks; and that a
# store takes 512 points, warns before, and drops all of them with another point.
# vm: --disk h00=64M --disk h01=64M --disk h02=64M --disk h03=64M
# vm: --disk h04=64M --disk h05=64M --disk h06=64M --disk h07=64M
# vm: --disk h08=64M --disk h09=64M --disk h10=64M --disk h11=64M
# vm: --disk h12=64M --disk h13=64M --disk h14=64M --disk h15=64M
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"

ktap_plan 54
load_module
no_merges /dev/vm/*

# length DISKS POINTS: sectors of a superblock.
length() {
	local blocks=$(((1024 + 256 * $1 + 64 * $2 + 4095) / 4096))
	echo $((blocks * 8))
}

# points N: so many, one after the other.
points() {
	local refused
	refused=$(yes "point-new $uuid" | head -n "$1" | "$nl" - | grep -vc '^errno 0 ')
	[ "$refused" = 0 ] || die "$refused of $1 points were not made"
}

# all DISK...: the operations of a system of these disks.
all() {
	local disks=() quiet=() flushed=() d n=$# i oldest got uuid
	for d; do
		disks+=("v$d=$d")
		quiet+=("$d 0 0 0 0 0")
	done
	make_system p s0 "${disks[@]}" -- --force
	local rep=/dev/mapper/p-v$1-replica live=/dev/mapper/p-v$1
	for d; do
		"$io" "/dev/mapper/p-v$d-replica" w:1M:64K:1 || die "cannot write"
		flushed+=("$d 0 0 1 0 1")
	done
	hold p
	uuid=$(field p uuid)
	budget "disks: $n, a first point: one superblock, a flush of each home" \
		"s0 0 0 1 $(length "$n" 1) 1" "${flushed[@]}" -- r recovery-point create p
	points 30
	for ((i = 2; i <= 9; i++)); do
		"$io" "$rep" w:1M:64K:$i || die "cannot write"
		points $((i < 9 ? 32 : 1))
	done
	is "disks: $n, there are 256 points" "$(field p points)" 256
	oldest=$(point_numbers p | head -n 1)
	"$io" "$rep" w:1M:64K:99 || die "cannot write"
	budget "disks: $n, initiate at the newest of 256: one superblock" \
		"s0 0 0 1 $(length "$n" 256) 1" "${quiet[@]}" -- r failover p
	check "disks: $n, which shows it" "$io" "$live" c:1M:64K:9
	budget "disks: $n, test start at the oldest: one superblock" \
		"s0 0 0 1 $(length "$n" 256) 1" "${quiet[@]}" -- r test-failover start p --point "$oldest"
	check "disks: $n, which shows it" "$io" "/dev/mapper/p-v$1-test" c:1M:64K:1
	budget "disks: $n, test stop: one superblock" \
		"s0 0 0 1 $(length "$n" 256) 1" "${quiet[@]}" -- r test-failover stop p --yes --no-wait
	"$io" "$live" w:2M:1M:50 || die "cannot write"
	budget "disks: $n, revert: one superblock" \
		"s0 0 0 1 $(length "$n" 256) 1" "${quiet[@]}" -- r revert p --yes --no-wait
	budget "disks: $n, initiate at the oldest of 256: one superblock" \
		"s0 0 0 1 $(length "$n" 256) 1" "${quiet[@]}" -- r failover p --point "$oldest"
	check "disks: $n, which shows it" "$io" "$live" c:1M:64K:1
	budget "disks: $n, a point while failed over: log and superblock" \
		"s0 0 0 2 $(($(length "$n" 257) + 8)) 3" "${quiet[@]}" -- r recovery-point create p
	budget "disks: $n, drop one in the middle: one superblock" \
		"s0 0 0 1 $(length "$n" 256) 1" "${quiet[@]}" -- r recovery-point drop p 100 --yes
	budget "disks: $n, suspend: one superblock" \
		"s0 0 0 1 $(length "$n" 256) 1" "${quiet[@]}" -- r suspend p
	check_fails "disks: $n, the replica takes no writes" "$io" "$rep" w:5M:4K
	check "disks: $n, but reads" "$io" "$rep" c:1M:64K:99
	budget "disks: $n, resume: one superblock" \
		"s0 0 0 1 $(length "$n" 256) 1" "${quiet[@]}" -- r resume p
	"$io" "$live" w:4M:1M:51 || die "cannot write"
	budget "disks: $n, commit: one superblock" \
		"s0 0 0 1 $(length "$n" 0) 1" "${quiet[@]}" -- r commit p --yes --no-wait
	release p
	check "disks: $n, all goes home" wait_for 60 gone
	r detach p >/dev/null || die "cannot detach"
	got=$("$io" "/dev/vm/$1" c:1M:64K:1 c:4M:1M:51 2>&1)
	is "disks: $n, home alone holds the disk" "$got" ''
	rm -f /etc/dm-replica/systems.d/p.conf
}
gone() { [ "$(field p versions)" = 0 ]; }

# As many points as a store can have, and one more.
near() { r status p --json | grep -q '"reason_name": "points"'; }
full() {
	local uuid old
	make_system p s0 vh00=h00 -- --force
	hold p
	uuid=$(field p uuid)
	points 460
	check_fails "460 points are no matter" near
	points 1
	check "461 are near the limit" near
	is "which is a warning" "$(field p health)" 2
	points 51
	is "there are 512 points" "$(field p points)" 512
	refused "and no more" 32768 'as many points as it can' r recovery-point create p
	check "the oldest can be failed over to" r failover p --point 1
	r revert p --yes >/dev/null || die "cannot revert"
	check "a rule makes room" r settings p --keep-last 500
	check "as the next one is made" r recovery-point create p
	is "500 are left" "$(field p points)" 500
	check "--keep-all drops none" r recovery-point create p --keep-all
	is "501 are left" "$(field p points)" 501
	old=$(point_numbers p | paste -sd,)
	budget "all of them go with another: one superblock" "s0 0 0 1 $(length 1 1) 1" "h00 0 0 0 0 0" -- \
		r recovery-point create p --drop "$old"
	is "that one is left" "$(field p points)" 1
	check_fails "far from the limit" near
	r detach p >/dev/null || die "cannot detach"
	check "check finds nothing wrong" r check p
	rm -f /etc/dm-replica/systems.d/p.conf
}

full
all h00
all h00 h01 h02 h03 h04 h05 h06 h07 h08 h09 h10 h11 h12 h13 h14 h15
check "the module unloads" unload_module
