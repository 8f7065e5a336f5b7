#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Allocations of memory by the module for an operation fail, one at a time, in any thread: from
# the slab, and whole pages, which serve vmalloc, large tables and the slab itself.  The answer
# is 32778, or the operation works without that memory; a refused operation has changed
# nothing, the next attempt succeeds, and nothing is leaked.  Writes and flushes go on from
# reserves while all allocations fail.
# Needs a kernel with failslab, fail_page_alloc and their filter by stack trace.  ALLOCS: the
# limit of allocations to fail, 25 unless set.
# vm: --env ALLOCS
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"

mountpoint -q /sys/kernel/debug || mount -t debugfs none /sys/kernel/debug
for lab in failslab fail_page_alloc; do
	[ -e /sys/kernel/debug/$lab ] || skip_all "the kernel has no $lab"
	[ -e /sys/kernel/debug/$lab/require-start ] || skip_all "$lab has no filter by stack trace"
done
ktap_plan 27
load_module
mib=32
larger() {	# the store, by more than a new part of the log takes
	mib=$((mib + 8))
	dmsetup load alloc --table "0 $((mib * 2048)) linear $(dev s0) 0" || die "dmsetup"
	dmsetup suspend --noflush alloc || die "dmsetup"
	dmsetup resume alloc || die "dmsetup"
}
dmsetup create alloc --table "0 $((mib * 2048)) linear $(dev s0) 0" || die "dmsetup"
make_system m /dev/mapper/alloc vda=d0 vdb=d1 -- --chunk-size 16K
uuid=$(field m uuid)
repa=/dev/mapper/m-vda-replica a=/dev/mapper/m-vda testa=/dev/mapper/m-vda-test
hold m
"$io" $repa w:0:128K:1 f || die "cannot write"

# aim LAB: select allocations with the module's text in their stack; also those that may sleep.
begin=$(sed -n 's/^dm_replica .* \(0x[0-9a-f]*\)\( .*\)\{0,1\}$/\1/p' /proc/modules)
bytes=$(sed -n 's/^dm_replica \([0-9]*\) .*/\1/p' /proc/modules)
[ $((begin)) != 0 ] || begin=0x$(cut -c3- /sys/module/dm_replica/sections/.text)
aim() {
	lab=/sys/kernel/debug/$1
	echo 0 >"$lab"/times
	printf '0x%x' $((begin)) >"$lab"/require-start
	printf '0x%x' $((begin + bytes)) >"$lab"/require-end
	echo 32 >"$lab"/stacktrace-depth
	echo N >"$lab"/ignore-gfp-wait
	echo N >"$lab"/task-filter
	echo 0 >"$lab"/verbose
	echo 100 >"$lab"/probability
	if [ "$1" = fail_page_alloc ]; then
		echo N >"$lab"/ignore-gfp-highmem
		echo 0 >"$lab"/min-order
	fi
	stop
}

# nth N: one of the first N allocations from now on fails, once; hit: has one failed?  failslab
# continues its count, so it is a random one: with each N from 1 on few are missed.
nth() {
	echo 0 >"$lab"/times
	echo "$1" >"$lab"/interval
	echo 1 >"$lab"/times
}
hit() { [ "$(cat "$lab"/times)" = 0 ]; }
stop() {
	echo 0 >"$lab"/times
	echo 1 >"$lab"/interval
}
aim failslab
numbers() { "$nl" get "$uuid"; }

# every NAME REQUEST UNDO [PREPARE]: REQUEST is evaluated each time
most=${ALLOCS:-25}
all_refused=0
every() {
	local n before bad='' refused=0 failed=0 missed=0 code
	for ((n = 1; n <= most; n++)); do
		[ -z "${4-}" ] || $4
		before=$(numbers)
		nth $n
		said=$(eval "\"\$nl\" $2" 2>&1)
		hit=''
		! hit || hit=1
		stop
		[ -z "$hit" ] || failed=$((failed + 1))
		case $said in
		'errno 0 '*) code=0 ;;
		'errno 12 '*) code=32778 ;;
		*) code=$said ;;
		esac
		if [ "$code" = 0 ]; then
			$3
			[ -n "$hit" ] || missed=$((missed + 1))
			[ $missed -lt 3 ] || break
		elif [ "$code" = 32778 ]; then
			refused=$((refused + 1))
			[ "$before" = "$(numbers)" ] || bad="$bad; allocation $n: it changed from $before to $(numbers)"
		else
			bad="$bad; allocation $n: $said"
		fi
	done
	if [ "$code" != 0 ]; then
		said=$(eval "\"\$nl\" $2" 2>&1)
		case $said in
		'errno 0 '*) [ "$3" = break ] || $3 ;;
		*) bad="$bad; and then: $said" ;;
		esac
	fi
	[ $failed -gt 0 ] || bad="$bad; no allocation failed"
	diag "$1: $failed allocations failed, $refused times it was refused"
	all_refused=$((all_refused + refused))
	is "$1" "$bad" ''
}
do_ask() {
	local said
	said=$("$nl" "$@")
	case $said in 'errno 0 '*) ;; *) die "$*: $said" ;; esac
}
undo_failover() { do_ask revert "$uuid"; }
undo_test() { do_ask test-stop "$uuid"; }
undo_suspend() { do_ask resume "$uuid"; }
undo_resume() { do_ask suspend "$uuid"; }
prepare_revert() {
	[ "$(field m state)" = 5 ] || do_ask initiate "$uuid"
	"$io" $a w:64K:16K:3 f || die "cannot write"
}
prepare_test() {
	[ $(($(numbers | cut -d' ' -f 6) & 4)) != 0 ] || do_ask test-start "$uuid"
	"$io" $testa w:64K:16K:3 f || die "cannot write"
}
prepare_drop() {
	do_ask point-new "$uuid"
	# shellcheck disable=SC2034 # in evaluated text
	newest=$(point_numbers m | tail -n 1)
}
every "a point" "point-new $uuid" :
"$io" $repa w:0:64K:2 f || die "cannot write"
every "settings" "settings-set $uuid 9:u32=70" :
every "failover" "initiate $uuid" undo_failover
every "test failover" "test-start $uuid" undo_test
every "suspend" "suspend $uuid" undo_suspend
do_ask suspend "$uuid"
every "resume" "resume $uuid" undo_resume
do_ask resume "$uuid"
every "revert" "revert $uuid" : prepare_revert
every "the end of a test" "test-stop $uuid" : prepare_test
# shellcheck disable=SC2016 # evaluated later
every "a drop" 'point-del $uuid point=$newest' : prepare_drop
# shellcheck disable=SC2016
every "a point that drops another" 'point-new $uuid drop=$newest' : prepare_drop
every "growing" "grow $uuid" : larger
check "32778 was answered" [ $all_refused -gt 0 ]
check "all is there" "$io" $repa c:0:64K:2 c:64K:64K:1

# Writes and flushes: memory for them is kept back; none may fail.
bad=''
for ((n = 1; n <= 12; n++)); do
	nth $n
	"$io" $repa w:$((256 + 16 * n))K:16K:4 w:$((256 + 16 * n))K:512:5 f || bad="$bad $n"
	hit || n=12
	stop
done
is "writes and flushes" "$bad" ''
# All of them fail for as long as it takes: first writes of chunks, parts of blocks, rewrites,
# zeroes, and log commits.
# burst LAB FROM: hits is how many allocations failed.
burst() {
	local from=$SECONDS n at steps=()
	for ((n = 0; n < 40; n++)); do
		at=$(($2 + 16 * n))
		steps+=("w:${at}K:16K:4" "w:$((at * 1024 + 512)):512:5" "z:$((at + 8))K:4K")
		[ $((n % 8)) != 7 ] || steps+=(f)
	done
	aim "$1"
	echo 1 >"$lab"/interval
	echo 1000000 >"$lab"/times
	said=$(timeout 300 "$io" $repa "${steps[@]}" f 2>&1)
	rc=$?
	hits=$((1000000 - $(cat "$lab"/times)))
	stop
	diag "$1: $hits allocations failed, $((SECONDS - from)) s"
}
# lasting LAB FROM BURSTS: the slab allocates pages only when it has no free object, after a
# random number of writes: repeat until one has failed.
lasting() {
	local n at=$2 steps=()
	for ((n = 0; n < $3; n++)); do
		at=$(($2 + 640 * n))
		burst "$1" $at
		[ "$hits $rc" = "0 0" ] || break
	done
	is "they go on though all fail, $1" "$((hits > 0)) $rc $said" "1 0 "
	for ((n = 0; n < 40; n++)); do
		steps+=("c:${at}K:512:4" "c:$((at * 1024 + 512)):512:5" "c:$((at + 1))K:7K:4" "n:$((at + 8))K:4K"
			"c:$((at + 12))K:4K:4")
		at=$((at + 16))
	done
	check "and the written data is there" "$io" $repa "${steps[@]}"
}
lasting failslab 2048 1
echo 1 >/sys/kernel/slab/dmr_version/shrink
lasting fail_page_alloc 2688 20
aim failslab

# A commit, and its move home, which a failed allocation only delays.
# At the oldest point, since newer ones are left that were to be dropped.
do_ask initiate "$uuid" point=1
"$io" $a w:32K:64K:3 f || die "cannot write"
every "commit" "commit $uuid" break	# it is done once
gone() { [ "$(field m versions)" = 0 ]; }
bad=''
release m
for ((n = 1; n <= 10; n++)); do
	hold m
	"$io" $a w:$((1024 + 16 * n))K:16K:3 f || die "cannot write"
	nth $n
	release m
	wait_for 3 gone || :
	stop
	wait_for 30 gone || { bad="$bad $n: $(r job list m)"; break; }
done
is "a move home goes on after it" "$bad" ''
check "home holds it" "$io" /dev/vm/d0 c:0:32K:1 c:32K:64K:3

# Attach and detach.
come_and_go() {
	local bad='' missed=0 failed=0 n rc hit
	aim "$1"
	for ((n = 1; n <= most; n++)); do
		nth $n
		said=$(r detach m 2>&1)
		rc=$?
		stop
		case $rc in
		0 | 11) ;;
		*) bad="$bad; detach, $n: status $rc: $said" ;;
		esac
		[ $rc = 0 ] || r detach m >/dev/null || die "cannot detach after allocation $n failed"
		nth $n
		said=$(r attach m 2>&1)
		rc=$?
		hit=''
		! hit || hit=1
		stop
		case $rc in
		0 | 11) ;;
		*) bad="$bad; attach, $n: status $rc: $said" ;;
		esac
		[ $rc = 0 ] || r attach m >/dev/null || die "cannot attach after allocation $n failed"
		failed=$((failed + ${hit:-0}))
		[ -n "$hit" ] || missed=$((missed + 1))
		[ $missed -lt 3 ] || break
	done
	[ $failed -gt 0 ] || bad="$bad; no allocation failed"
	diag "$1: $failed allocations failed in attaches"
	is "attach and detach, $1" "$bad" ''
}
expect_log 'device-mapper: (table: .*replica: .*-12|ioctl: error adding target to table)|workqueue: Failed to (create|allocate) a rescuer'
come_and_go failslab
come_and_go fail_page_alloc
check "all is there" "$io" $a c:0:32K:1 c:32K:64K:3
r detach m >/dev/null || die "cannot detach"
check "check finds nothing wrong" r check m
check "the module unloads" unload_module
if [ -e /sys/kernel/debug/kmemleak ]; then
	echo scan >/sys/kernel/debug/kmemleak
	echo scan >/sys/kernel/debug/kmemleak
	is "nothing is left" "$(grep -A12 dm_replica /sys/kernel/debug/kmemleak)" ''
else
	skip "nothing is left" "the kernel has no kmemleak"
fi
