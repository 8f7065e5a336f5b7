#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Commands of an administrator on the devices, in random order while both views of both
# disks are written to: tables loaded again, the same and others, suspend with and without a
# flush, tables wiped and devices removed by force and put back, other sizes, the module
# unloaded, and operations meanwhile.  No answered write is lost, no table is in force that
# must not be, and each recovery point shows the same for ever.
#
# In the environment of selftests/run or make check: LOAD_SEED chooses another order,
# LOAD_ROUNDS how often all of it is done (1).
# runs on: um 6.1 (two CPUs race where one takes turns)
# vm: --env LOAD_SEED --env LOAD_ROUNDS
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"

load=$here/helper-load
seed=${LOAD_SEED:-$(($(date +%s) % 1000000))}
rounds=${LOAD_ROUNDS:-1}
RANDOM=$((seed % 32768))
ktap_plan 20
load_module "$@"
diag "LOAD_SEED=$seed"

# Small homes, so that a sum of all of it does not take long.
for n in 0 1; do
	dmsetup create "home$n" --table "0 32776 linear $(dev "d$n") 8" || die "no home"
done
make_system l s0 vda=/dev/mapper/home0 vdb=/dev/mapper/home1
size=32776
devices=(l-vda l-vda-replica l-vda-test l-vdb l-vdb-replica l-vdb-test)
declare -A table uuid
for d in "${devices[@]}"; do
	table[$d]=$(dmsetup table "$d")
	uuid[$d]=$(dmsetup info -c --noheadings -o uuid "$d")
done
# Refused tables, and devices that turn into errors under a writer.
expect_log 'device-mapper: (table|ioctl|replica): (?!.*critical)'

# --- the writers --------------------------------------------------------------------------

"$io" /dev/mapper/l-vda-replica w:0:15M:1 f o:/dev/mapper/l-vdb-replica w:0:15M:1 f || die "cannot write"
point l
r failover l >/dev/null || die "cannot fail over"
writers=()
# writer DEVICE FROM LENGTH
writer() {
	writers+=("${1#l-}@$2")
	"$load" "/dev/mapper/$1" "$2" "$3" "$((seed + ${#writers[@]}))" /tmp/stop \
		>"/tmp/writer.${#writers[@]}" 2>&1 &
	pids[${#writers[@]}]=$!
}
for d in l-vda l-vda-replica l-vdb l-vdb-replica; do
	writer $d 0 8M
done
# No writer uses the space behind 8 MiB: its content at each point is known.
running() { [ "$(jobs -rp | wc -l)" = ${#writers[@]} ]; }

# All rest, their last writes answered and flushed.
all_rest() { [ "$(find /tmp -maxdepth 1 -name 'stop.*.rests' | wc -l)" = ${#writers[@]} ]; }
pause() {
	touch /tmp/stop.pause
	wait_for 100 all_rest || die "the writers do not rest: $(cat /tmp/writer.*)"
}
go_on() {
	rm /tmp/stop.pause
	wait_for 20 eval '! find /tmp -maxdepth 1 -name "stop.*.rests" | grep -q .'
}

# --- operations on the devices -------------------------------------------------------------

any() { d=${devices[RANDOM % ${#devices[@]}]}; }
is_active() { [ "$(dmsetup info -c --noheadings -o suspended "$1")" = Active ]; }
bad() {
	diag "$*: $(dmsetup table | grep ^l- | tr '\n' ';') $(dmsetup info -c --noheadings -o name,suspended | tr '\n' ' ')"
	nr_bad=$((nr_bad + 1))
}
# ok_to NAME COMMAND...: it has to succeed.
ok_to() {
	local said
	said=$("${@:2}" 2>&1) || bad "$1: $said"
}
reload() { dmsetup load "$1" --table "$2" && dmsetup resume "$1"; }
flags=('' --nolockfs '--noflush --nolockfs' --noflush)
any_flags() { f=${flags[RANDOM % ${#flags[@]}]}; }
# shellcheck disable=SC2086 # none, one or two words
suspend() { dmsetup suspend $f "$1"; }

same_table() { any; ok_to "reload $d" reload "$d" "${table[$d]}"; }
# Another table with the same meaning: by another name, or with a word more.
other_table() {
	local t
	any
	case $d in
	*-replica)
		t=${table[$d]/ 2 host / 3 takeover host }
		ok_to "reload $d as $t" reload "$d" "$t"
		;;
	*) ok_to "reload $d by name" reload "$d" "0 $size replica-overlay /dev/mapper/${d%-test}-replica $([[ $d = *-test ]] && echo test || echo live)" ;;
	esac
}
pause_one() { any; any_flags; ok_to "suspend $f $d" suspend "$d"; ok_to "resume $d" dmsetup resume "$d"; }
pause_all() {
	local order
	mapfile -t order < <(shuf -e "${devices[@]}" --random-source=<(yes $RANDOM))
	for d in "${order[@]}"; do any_flags; ok_to "suspend $f $d" suspend "$d"; done
	mapfile -t order < <(shuf -e "${devices[@]}" --random-source=<(yes $RANDOM))
	for d in "${order[@]}"; do ok_to "resume $d" dmsetup resume "$d"; done
}
reload_suspended() {
	any
	any_flags
	ok_to "suspend $f $d" suspend "$d"
	ok_to "reload suspended $d" reload "$d" "${table[$d]}"
}
cleared_table() { any; ok_to "load $d" dmsetup load "$d" --table "${table[$d]}"; ok_to "clear $d" dmsetup clear "$d"; }
put_back() { ok_to "put $d back" reload "$d" "${table[$d]}"; }
wiped() { any; ok_to "wipe $d" dmsetup wipe_table "$d"; sleep 0.$((RANDOM % 3)); put_back; }
wiped_again() { any; ok_to "wipe $d" dmsetup wipe_table "$d"; ok_to "wipe $d" dmsetup wipe_table "$d"; put_back; }
# A device in use leaves an error target behind.
forced() {
	any
	case $d in
	*-test) return ;;
	esac
	dmsetup remove --force "$d" 2>/dev/null && bad "$d is removed while in use"
	sleep 0.$((RANDOM % 3))
	put_back
}
# An unused one goes, and is made again.
gone() {
	d=l-vd$((RANDOM % 2))-test
	d=${d/vd0/vda}
	d=${d/vd1/vdb}
	ok_to "remove $d" dmsetup remove --force "$d"
	ok_to "make $d" dmsetup create "$d" --uuid "${uuid[$d]}" --table "${table[$d]}"
}
# Refused, and nothing has changed.
resized() {
	local by=$((RANDOM % 2 ? 8 : -8)) n
	any
	[ $((RANDOM % 2)) = 0 ] || by=$((by * 256))
	n=$((size + by))
	if reload "$d" "${table[$d]/0 $size /0 $n }" 2>/dev/null; then
		bad "$d has $n sectors"
	fi
	is_active "$d" || bad "$d is suspended after a size was refused"
	dmsetup clear "$d"
	[ "$(dmsetup table "$d")" = "${table[$d]}" ] || [ "${d%-replica}" != "$d" ] ||
		[[ $(dmsetup table "$d") = "0 $size "* ]] || bad "$d has another table"
}
# Put back with a wrong size first, where no bound system could refuse it at once.
resized_wiped() {
	any
	ok_to "wipe $d" dmsetup wipe_table "$d"
	if reload "$d" "${table[$d]/0 $size /0 $((size + 8)) }" 2>/dev/null; then
		bad "$d has another size"
	fi
	put_back
}
unloaded() { rmmod dm_replica 2>/dev/null && bad "the module is unloaded"; }
# Possible answers with a device wiped or suspended, or with a writer on it.
operated() {
	local said rc
	case $((RANDOM % 6)) in
	0) said=$(r recovery-point create l 2>&1) ;;
	1) said=$(r revert l --yes 2>&1) && bad "reverted under a guest" ;;
	2) said=$(r test-failover start l 2>&1) ;;
	3) said=$(r test-failover stop l --yes 2>&1) ;;
	4) said=$(r detach l 2>&1) && bad "detached under writers" ;;
	5) said=$(r suspend l 2>&1 && r resume l 2>&1) ;;
	esac
	rc=$?
	[ $rc -le 12 ] || bad "an operation ended with $rc: $said"
}
looked() { { r status l && dmsetup status && dmsetup table && dmsetup info; } >/dev/null 2>&1; }

# --- points ----------------------------------------------------------------------------------

points=() sums=()
test_sum() {	# of a point, by its test devices
	r test-failover start l --point "$1" >/dev/null || return
	"$io" /dev/mapper/l-vda-test h:0:16M o:/dev/mapper/l-vdb-test h:0:16M | tr '\n' ' '
	r test-failover stop l --yes >/dev/null
}
stop_test() { r test-failover stop l --yes >/dev/null 2>&1; true; }
remember() {
	local number sum
	stop_test
	if ! said=$(r recovery-point create l 2>&1); then
		bad "no point: $said"
		return
	fi
	number=$(point_numbers l | tail -n 1)
	sum=$(test_sum "$number")
	[ "$(wc -w <<<"$sum")" = 2 ] || bad "point $number cannot be read: $sum"
	points+=("$number")
	sums+=("$sum")
}
same_points() {
	local i sum
	for i in "${!points[@]}"; do
		sum=$(test_sum "${points[i]}")
		if [ "$sum" != "${sums[i]}" ]; then
			echo "point ${points[i]} was ${sums[i]} and is $sum"
			return 1
		fi
	done
}

# --- the storm -------------------------------------------------------------------------------

wait_for 20 running || die "the writers do not run: $(cat /tmp/writer.*)"
what=(same_table other_table pause_one pause_all reload_suspended cleared_table wiped wiped_again
	forced gone resized resized_wiped unloaded operated operated looked)
nr_bad=0 taken=0 from=$SECONDS
while [ $((rounds--)) -gt 0 ]; do
	mapfile -t order < <(shuf -e "${what[@]}" --random-source=<(yes $RANDOM))
	for w in "${order[@]}"; do
		[ $nr_bad = 0 ] || break 2
		mark "load: $w"
		$w
		taken=$((taken + 1))
		[ $((taken % 6)) != 0 ] || remember
	done
done
diag "$taken steps in $((SECONDS - from)) s, the last ones ${order[*]}"
is "nothing was refused that may be, and the other way round" $nr_bad 0
check "all writers run still" running
check "there are points to compare" [ ${#points[@]} -ge 2 ]

# --- afterwards ------------------------------------------------------------------------------

stop_test
for d in "${devices[@]}"; do put_back; done
is "all devices have their tables" $nr_bad 0
is "the state is as it was" "$(field l state_name)" Recovered
pause
check "each point shows the same as before" same_points
go_on
# Once more without a listener when a device comes back: all wiped, all put back.
for d in "${devices[@]}"; do ok_to "wipe $d" dmsetup wipe_table "$d"; done
for d in l-vda-replica l-vdb-replica l-vda l-vdb l-vda-test l-vdb-test; do put_back; done
is "all tables wiped, and put back" $nr_bad 0
check "each point shows the same as before" same_points
touch /tmp/stop
for n in "${!pids[@]}"; do
	wait "${pids[n]}"
	rc=$?
	diag "${writers[n - 1]}: $(cat "/tmp/writer.$n")"
	is "writer ${writers[n - 1]} has lost nothing" $rc 0
done
check "and space without a writer is as before" "$io" /dev/mapper/l-vda c:8M:7M:1 \
	o:/dev/mapper/l-vdb c:8M:7M:1 o:/dev/mapper/l-vda-replica c:8M:7M:1
view_sums() {
	"$io" /dev/mapper/l-vda h:0:16M o:/dev/mapper/l-vdb h:0:16M \
		o:/dev/mapper/l-vda-replica h:0:16M o:/dev/mapper/l-vdb-replica h:0:16M
}
views=$(view_sums)
r detach l >/dev/null || die "cannot detach"
check "check finds nothing wrong" r check "$(dev s0)"
r attach l >/dev/null || die "cannot attach"
is "all views are the same after detach and attach" "$(view_sums)" "$views"
check "and each point" same_points
check "revert" r revert l --yes
check "all is home in the end" r remove l --flatten --yes
is "home is the head" "$("$io" /dev/mapper/home0 h:0:16M o:/dev/mapper/home1 h:0:16M)" \
	"$(tail -n 2 <<<"$views")"
dmsetup remove home0
dmsetup remove home1
check "the module unloads" unload_module
