#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Two systems side by side leave each other alone, in content, state and I/O, also
# when one of them loses its store.  The sixteen disks of one system move together:
# a point shows them at one instant, and a failover or revert is for all or none.
# vm: --disk h00=32M --disk h01=32M --disk h02=32M --disk h03=32M
# vm: --disk h04=32M --disk h05=32M --disk h06=32M --disk h07=32M
# vm: --disk h08=32M --disk h09=32M --disk h10=32M --disk h11=32M
# vm: --disk h12=32M --disk h13=32M --disk h14=32M --disk h15=32M
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"
ktap_plan 43
load_module "$@"

# --- two systems ------------------------------------------------------------

# One's name begins with the other's.
dmsetup create ws --table "0 $(blockdev --getsz "$(dev s0)") linear $(dev s0) 0" || die "dmsetup"
make_system w /dev/mapper/ws vda=d0 vdb=d1
make_system w-x s1 vda=d2 vdb=d3
w=/dev/mapper/w-vda x=/dev/mapper/w--x-vda
"$io" $w-replica w:0:64K:1 w:1M:64K:1 f || die "cannot write"
"$io" $x-replica w:0:64K:2 w:1M:64K:2 f || die "cannot write"
point w
point w-x
r failover w-x >/dev/null || die "cannot fail over"
"$io" $x w:1M:64K:3 f || die "cannot write"
hold w-x
x_state=$(r status w-x --json)

# still NAME COMMAND...: COMMAND succeeds and w-x's devices get no I/O.
still() { budget "$1" "s1 0 0 0 0 0" "d2 0 0 0 0 0" "d3 0 0 0 0 0" -- "${@:2}"; }
still "failover of one: no I/O at the other" r failover w
still "writes and flushes: none either" "$io" $w w:1M:64K:4 w:8M:1M:4 f o:$w-replica w:1M:64K:5 f
still "a point" r recovery-point create w
still "revert, with its job" r revert w --yes
still "detach" r detach w
still "attach" r attach w
same() { diff <(echo "$x_state") <(r status w-x --json); }
check "nothing in the other's status has changed" same
check "the other's views: as before" "$io" $x c:0:64K:2 c:1M:64K:3 o:$x-replica c:1M:64K:2
check "its own, too" "$io" $w-replica c:0:64K:1 c:1M:64K:5 n:8M:1M
release w-x

# cycles: failovers, points, reverts, now and then a detach, until the writer ends.
cycles() {
	local n=0
	while [ -e /tmp/writing ]; do
		n=$((n + 1))
		point w
		r failover w >/dev/null || return 1
		"$io" $w m:16M:64K:4K:64:$((1000 + n)) f o:$w-replica m:16386K:64K:1K:64:$n f || return 1
		r revert w --yes >/dev/null || return 1
		if [ $((n % 4)) = 0 ]; then
			{ r detach w && r attach w; } >/dev/null || return 1
		fi
		r recovery-point drop --yes w "$(json number recovery-point list w)" >/dev/null || return 1
	done
	echo $n >/tmp/cycles
	"$io" $w-replica c:16386K:1K:$n c:20418K:1K:$n n:16388K:4K
}
# writes VIEW STAMP: whole and part blocks; all that was written is read back.
writes() {
	local n
	for n in {1..9}; do
		"$io" "$1" m:4M:64K:4K:200:$(($2 + n)) m:32M:20K:1K:300:$(($2 + n)) f \
			c:4M:4K:$(($2 + n)) c:16832K:4K:$(($2 + n)) c:38748K:1K:$(($2 + n)) \
			c:32M:1K:$(($2 + n)) c:0:64K:2 || return 1
	done
}
touch /tmp/writing
beside cycles cycles
beside live writes $x 100
beside head writes $x-replica 200
check "writes to the other's failover device meanwhile" went_well live 200
check "and to its replica" went_well head 200
rm /tmp/writing
check "failovers and reverts of the one meanwhile" went_well cycles 200
diag "there were $(cat /tmp/cycles) failovers and reverts"
is "the other's state number has not moved" "$(field w-x state_number)" \
	"$(sed -n 's/^ *"state_number": *\([0-9]*\),*/\1/p' <<<"$x_state" | head -n 1)"
holds() {	# VIEW STAMP
	local n at=()
	for ((n = 0; n < 200; n++)); do at+=("c:$((4096 + n * 64))K:4K:$2"); done
	for ((n = 0; n < 300; n++)); do at+=("c:$((32768 + n * 20))K:1K:$2"); done
	"$io" "$1" "${at[@]}"
}
check "the other's live view holds the written data" holds $x 109
check "and its replica" holds $x-replica 209
{ r detach w-x && r attach w-x; } >/dev/null || die "cannot detach and attach"
check "the live view after detach and attach" holds $x 109
check "and the replica" holds $x-replica 209

# One loses its store.
point w
r failover w >/dev/null || die "cannot fail over"
state=$(field w-x state_number)
"$io" $x w:64M:64K:6 || die "cannot write"
hold w	# nothing commits it by itself
"$io" $w w:64M:64K:7 || die "cannot write"
expect_log 'device-mapper: replica: w: critical: '
dmsetup suspend --noflush --nolockfs ws || die "dmsetup"
dmsetup load ws --table "0 $(blockdev --getsz "$(dev s0)") error" || die "dmsetup"
dmsetup resume ws || die "dmsetup"
check_fails "without its store one flushes nothing" "$io" $w f
check_fails "nor writes" "$io" $w w:65M:64K:7
is "it is Critical" "$(field w state_name)" Critical
check "the other can write and flush" "$io" $x w:65M:64K:6 f c:64M:64K:6 c:65M:64K:6
check "and be reverted" r revert w-x --yes
check "and fail over again" r failover w-x
is "in two steps" "$(field w-x state_number)" $((state + 2))
check "it shows the point" "$io" $x c:0:64K:2 c:1M:64K:2 n:4M:64K n:64M:64K
check "the Critical one can be detached" r detach w
r detach w-x >/dev/null || die "cannot detach"
dmsetup remove ws

# --- sixteen disks ----------------------------------------------------------

all=({00..15})
disks=()
for d in "${all[@]}"; do disks+=("v$d=h$d"); done
make_system many s0 "${disks[@]}" -- --force
live() { echo "/dev/mapper/many-v$1"; }
rep() { echo "/dev/mapper/many-v$1-replica"; }

# on VIEW STEP...: the same steps on every disk; %d is its number.
on() {
	local view=$1 args=() d
	shift
	for d in "${all[@]}"; do args+=("o:$($view "$d")" "${@//%d/$((10#$d))}"); done
	"$io" "$($view 00)" "${args[@]}"
}
check "writes to all sixteen" on rep w:0:16K:1%d w:1M:64K:1%d f

# A rising number goes round all of them while a point is made: no disk shows a
# higher one than the disk before it, and none is more than one behind.
rounds() {
	local n=0 d round
	until [ -e /tmp/pointed ]; do
		n=$((n + 1)) round=()
		for d in "${all[@]}"; do round+=("o:$(rep "$d")" "w:2M:4K:$n"); done
		"$io" "$(rep 00)" "${round[@]}" || return
		echo $n >/tmp/rounds
	done
}
rounds &
writer=$!
wait_for 60 test -s /tmp/rounds
check "a point while all of them are written to" r recovery-point create many
# More rounds follow the one of the point.
past() { [ "$(cat /tmp/rounds)" -ge "$1" ]; }
wait_for 60 past $(($(cat /tmp/rounds) + 2))
touch /tmp/pointed
wait $writer || die "cannot write"
rounds=$(cat /tmp/rounds)
r failover many >/dev/null || die "cannot fail over"
numbers() {
	local d
	for d in "${all[@]}"; do
		dd if="$(live "$d")" bs=4K skip=512 count=1 iflag=direct status=none | od -A n -t u8 -N 8
	done | tr -s ' \n' ' '
}
shown=$(numbers)
one_instant() {
	local first=$1 was=$1 n
	for n; do
		[ "$n" -le "$was" ] || return 1
		was=$n
	done
	[ $# = 16 ] && [ $((first - was)) -le 1 ] && [ "$first" -ge 1 ] && [ "$first" -lt "$rounds" ]
}
diag "the point shows$shown"
# shellcheck disable=SC2086 # words
check "it is of one instant" one_instant $shown
check "all show the point" on live c:0:16K:1%d c:1M:64K:1%d
check "writes to all failover devices" on live w:0:16K:3%d w:1028K:4K:3%d w:3M:64K:3%d f
check "and to all replicas" on rep w:0:16K:5%d w:3M:64K:5%d f
check "each shows its own" on live c:0:16K:3%d c:1M:4K:1%d c:1028K:4K:3%d c:3M:64K:3%d

# One of the devices is open: the operation changes none of them.
# shellcheck disable=SC2034 # refused reads it
watched=s0
sleep 2	# the one-second commit is past
hold many
holder "$(live 15)"
refused "revert with one of sixteen open" 32774 "$(live 15) is open for writing in process $held" \
	r revert many --yes
let_go
release many
check "all of them are online still" on live c:0:16K:3%d c:1028K:4K:3%d c:3M:64K:3%d
check "revert" r revert many --yes
offline() { for d in "${all[@]}"; do "$io" "$(live "$d")" r:0:4K && return 1; done 2>/dev/null; return 0; }
check "all are offline" offline
check "fail over again" r failover many
check "all show the point again" on live c:0:16K:1%d c:1M:64K:1%d n:3M:64K
is "with the same numbers" "$(numbers)" "$shown"
check "the replicas show their writes" on rep c:0:16K:5%d "c:2M:4K:$rounds" c:3M:64K:5%d
r detach many >/dev/null || die "cannot detach"
check "check finds nothing wrong" r check "$(dev s0)"
check "the module unloads" unload_module
