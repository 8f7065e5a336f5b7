#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Many systems on one host: they attach, are written to, make points, fail over and detach;
# their cost in memory and time is reported, and memory is given back.
#
# In the environment of selftests/run or make check: SYSTEMS is their number (30).  Each takes
# some 2 MiB, and a thousand take their time: VM_MEM=6144 TEST_TIMEOUT=7200 with them.
# vm: --env SYSTEMS --disk many=20G
# debug: skip it measures memory and time
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"

nr=${SYSTEMS:-30}
load_module "$@"
ktap_plan 18

# A store of 8 MiB and a home of 1 MiB for each.
many=$(dev many)
concise() {
	local i
	for ((i = 0; i < nr; i++)); do
		printf 'st%d,,,rw,0 16384 linear %s %d;ho%d,,,rw,0 2048 linear %s %d;' \
			$i "$many" $((i * 18432)) $i "$many" $((i * 18432 + 16384))
	done
}
concise | sed 's/;$//' | dmsetup create --concise "$(cat)" || die "no devices"
create() { "$REPLICACTL" create "n$1" --store "/dev/mapper/st$1" --disk "vda=/dev/mapper/ho$1" >/dev/null; }
export -f create
export REPLICACTL
diag "$nr systems: their devices were made in $SECONDS s"
from=$SECONDS
seq 0 $((nr - 1)) | xargs -P 2 -I % bash -c 'create %' || die "cannot create"
diag "$nr systems created in $((SECONDS - from)) s"

# The same I/O to each: %d is its number.
on_all() {
	local view=$1 args=() i
	shift
	for ((i = 0; i < nr; i++)); do args+=("o:/dev/mapper/n$i-vda$view" "${@//%d/$i}"); done
	# files of one system stay together
	printf '%s\n' "${args[@]}" | xargs -n $((($# + 1) * 100)) "$io" "/dev/mapper/n0-vda$view"
}
kib() { awk -v key="$1:" '$1 == key { print $2 }' /proc/meminfo; }
memory() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	sleep 1
	echo 3 >/proc/sys/vm/drop_caches
	echo "$(kib MemFree) $(kib Slab) $(kib VmallocUsed) $(kib Percpu) $(kib KernelStack)"
}
# cost WHEN: the present cost of each system, in KiB.
cost() {
	local now a b i=0 text=''
	read -ra now <<<"$(memory)"
	for b in "memory in all" slab vmalloc per-CPU "kernel stacks"; do
		a=$(((now[i] - was[i]) * 10 / nr))
		[ $i != 0 ] || { a=$((-a)); each=$((a / 10)); }
		text="$text, $b $((a / 10)).$((${a#-} % 10))"
		i=$((i + 1))
	done
	diag "$1: KiB for each of $nr: ${text#, }"
}
now() { date +%s%N; }
# timed NAME COMMAND...: ok if COMMAND succeeds; how long it took for each.
timed() {
	local from said
	from=$(now)
	if said=$("${@:2}" 2>&1); then
		diag "$1: $((($(now) - from) / 1000000)) ms, $((($(now) - from) / 1000 / nr)) us for each"
		ok "$1"
	else
		diag "$(head -n 20 <<<"$said")"
		not_ok "$1"
	fi
}
# ask VERB: all of them, from one client.
mapfile -t uuids < <(sed -n "s/^uuid=//p" /etc/dm-replica/systems.d/n*.conf)
ask() {
	printf "$1 %s\n" "${uuids[@]}" | "$nl" - | sort | cut -d' ' -f 1-4 | uniq -c | awk '{ print $1, $3, $5 }'
}

read -ra was <<<"$(memory)"
timed "all of them attach" r attach --all
is "each has its devices" "$(dmsetup ls | grep -c '^n[0-9]*-vda')" $((nr * 3))
cost "attached, nothing written"
idle=$each
timed "a list of all" r list
timed "each is written to" on_all -replica w:0:64K:1%d f
timed "a point of each" eval "[ \"\$(ask point-new)\" = '$nr 0 0' ]"
timed "each fails over" eval "[ \"\$(ask initiate)\" = '$nr 0 0' ]"
timed "each is written to, both views" on_all '' w:64K:64K:2%d f c:0:64K:1%d
check "and shows it" on_all '' c:0:64K:1%d c:64K:64K:2%d
check "and only there" on_all -replica c:0:64K:1%d n:64K:64K
cost "failed over, two chunks written"
is "none is critical" "$("$nl" - < <(printf 'get %s\n' "${uuids[@]}") | grep -c '^state 5 ')" "$nr"
# A store of 1 GiB would add 128 KiB for its table.
is "each takes less than 2.5 MiB" "$((idle < 2560))" 1
timed "all of them detach" r detach --all
is "no device is left" "$(dmsetup ls | grep -c '^n[0-9]*-vda')" 0
# Some of it comes back after a grace period of RCU, and from work items.
given_back() { cost "after detach" && [ "$each" -lt $((idle / 10 + 8)) ]; }
check "the memory is given back" wait_for 30 given_back
cost "after detach"
timed "all of them attach again" r attach --all
check "and show the same as before" on_all '' c:0:64K:1%d c:64K:64K:2%d
r detach --all >/dev/null || die "cannot detach"
check "check finds nothing wrong with the last" r check "/dev/mapper/st$((nr - 1))"
check "the module unloads" unload_module
