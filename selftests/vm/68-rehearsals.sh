#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A thousand test failovers in a row, over netlink, with recovery points around them; ten
# thousand with REHEARSALS=10000 in the environment of selftests/run.  They lose no slot, no
# log block and no memory, and the content shown is right to the end.
# vm: --env REHEARSALS
# debug: --env REHEARSALS=60
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"

ktap_plan 16
load_module
n=${REHEARSALS:-1000}
diag "$n test failovers; REHEARSALS=10000 in the environment for ten thousand"
# In memory: the result does not depend on the speed of a disk.
load_brd 3 64 || die "no RAM disks"
store=/dev/ram0
make_system n $store vda=/dev/ram1 vdb=/dev/ram2 -- --chunk-size 16K
rep=/dev/mapper/n-vda-replica tst=/dev/mapper/n-vda-test
uuid=$(field n uuid)
"$io" $rep w:0:4M:1 f || die "cannot write"
point n
coproc NL { exec "$nl" -; }

# ask REQUEST [ATTRIBUTE]: it is done at once, or by a job.
bad=0
ask() {
	echo "$1 $uuid ${2-}" >&"${NL[1]}"
	read -r said <&"${NL[0]}" || die "helper-nl is gone"
	case $said in
	'errno 0 '*) return ;;
	esac
	diag "$1: $said"
	bad=$((bad + 1))
	[ $bad -lt 5 ] || die "too many refusals"
}

# rehearse COUNT: every fiftieth writes, as does replication, and a point is made, the fourth
# before it dropped.
seq=1
made=1
wrong=0
rehearse() {
	local i
	for ((i = 1; i <= $1; i++)); do
		if ((i % 50 == 0)); then
			seq=$((seq + 1))
			"$io" $rep w:1M:64K:$seq w:$((seq % 64 * 64))K:16K:$seq f || wrong=$((wrong + 1))
			if ((made < 4)); then ask point-new; else ask point-new drop=$((made - 3)); fi
			made=$((made + 1))
		fi
		ask test-start
		if ((i % 50 == 0)); then
			"$io" $tst c:1M:64K:$seq w:1M:64K:9999 w:8M:64K:9999 f c:1M:64K:9999 ||
				wrong=$((wrong + 1))
		fi
		ask test-stop
		((i % 1000)) || diag "$i done after $(cut -d' ' -f 1 /proc/uptime) s"
	done
}
# Nothing is being reclaimed any more.
quiet() { [ "$(field n vacuum_pending)" = 0 ] && ! r job list n --json | grep -q '"state": 4'; }
# Bytes in use of the kernel's general caches, with nothing of ours attached.
memory() {
	{ r detach n && sync && echo 3 >/proc/sys/vm/drop_caches && sleep 1; } >/dev/null
	awk '$1 ~ /^kmalloc|^vmap_area|^dmr/ { sum += $2 * $4 } END { print sum }' /proc/slabinfo
	r attach n >/dev/null || die "cannot attach"
}
numbers() { echo "$(field n slots_used) $(field n versions) $(field n points)"; }

begin=$(date +%s%N)
rehearse 100
diag "$((($(date +%s%N) - begin) / 100000)) us for one of the first hundred"
check "after a hundred of them the vacuum comes to rest" wait_for 30 quiet
# Versions not reclaimed by now are counted from here on.
before=$(memory)
wait_for 30 quiet
used=$(numbers)
begin=$(date +%s%N)
rehearse "$n"
took=$((($(date +%s%N) - begin) / 1000))
diag "$took us, $((took / n)) for one test failover, points and writes included"
is "none was refused" $bad 0
is "each showed the newest point, and the writes to it" $wrong 0
check "the vacuum comes to rest" wait_for 60 quiet
most() { [ "$(field n slots_used)" -le 64 ] && [ "$(field n versions)" -le 64 ]; }
diag "slots, versions, points: $used before, $(numbers) after"
check "slots and versions are those of four points, no more" most
is "four points" "$(field n points)" 4
log=$(field n log_used)
check "the log is where it was" [ "$log" -le $(($(field n log_blocks) * 3 / 4)) ]
diag "$log of $(field n log_blocks) log blocks in use, $(field n superblocks) superblocks written"
after=$(memory)
diag "bytes of kernel memory: $before before, $after after, $(((after - before) / n)) for each"
if [ -e /sys/kernel/debug/kmemleak ]; then
	skip "no memory is lost" "KASAN keeps what is freed for a while; kmemleak looks instead"
else
	check "no memory is lost" [ $((after - before)) -lt $((n * 64 + 131072)) ]
fi
check "after detach and attach the head is right" "$io" $rep c:1M:64K:$seq n:8M:64K
check "one more" r test-failover start n
check "shows the newest point" "$io" $tst c:1M:64K:$seq n:8M:64K
check "stop" r test-failover stop n --yes
r detach n >/dev/null || die "cannot detach"
check "check finds nothing wrong" r check n
epochs=$(r dump $store --json | sed -n 's/.*"last_epoch": \([0-9]*\).*/\1/p' | head -n 1)
check "each had an epoch of its own ($epochs)" [ "$epochs" -ge $((2 * n)) ]
r attach n >/dev/null || die "cannot attach"
r recovery-point list n --json | grep -c '"number"' >/tmp/points
is "the points are there" "$(cat /tmp/points)" 4
r detach n >/dev/null || die "cannot detach"
check "the module unloads" unload_module
