#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Revert is answered in the time of one superblock write, however much was written; the
# reclaim behind it is a job that shows its progress.
# vm: --disk st=2G --disk big=2G
# debug: skip it measures time
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"
load_module "$@"
ktap_plan 11

tracing=/sys/kernel/tracing
mount -t tracefs nodev $tracing 2>/dev/null
live=/dev/mapper/l-vda
revert_cmd=10	# DM_REPLICA_CMD_FAILOVER_REVERT
st=$(basename "$(dev st)")
st_dev=$(tr : , <"/sys/block/$st/dev")

make_system l st vda=big -- --chunk-size 16K
point l
echo mono >$tracing/trace_clock
echo 8192 >$tracing/buffer_size_kb
for e in dmr_request dmr_op_end dmr_superblock dmr_reply dmr_job; do
	echo 1 >$tracing/events/dm_replica/$e/enable
done
# The first bio to the store in the request is the superblock's.
echo 1 >$tracing/events/block/block_bio_queue/enable

# measure VERSIONS: one failover, so many first writes, one revert.  Appends to $times
# "REQUEST-TO-REPLY SUPERBLOCK" in microseconds; to $supers the number of superblock writes
# from the request to the end of the operation, and a list of them if it is not one; and
# watches the job if $watch is not empty.
measure() {
	r failover l >/dev/null || die "cannot fail over"
	[ "$1" = 0 ] || "$io" $live "m:0:16K:4K:$1" f || die "cannot write"
	[ "$(field l versions)" = "$1" ] || die "there are $(field l versions) versions, not $1"
	echo >$tracing/trace
	r revert l --yes --no-wait >/tmp/revert || die "cannot revert"
	[ -z "$watch" ] || watch_job
	cp $tracing/trace /tmp/trace
	sed -n 's/^ *[^ ].* \[[0-9]*\] [^ ]* *\([0-9]*\)\.\([0-9]*\): \([a-z_]*\): \(.*\)/\1\2 \3 \4/p' /tmp/trace |
		awk -v cmd="cmd=$revert_cmd" -v dev="$st_dev" '
		$2 == "dmr_request" && $3 == cmd { begun = $1 }
		!begun { next }
		$2 == "block_bio_queue" && !queued && $3 == dev { queued = $1 }
		$2 == "dmr_superblock" && !took { took = $1 - queued }
		$2 == "dmr_superblock" && !ended {
			n++
			sub(/.* why=/, "")
			list = list "+" $0
		}
		$2 == "dmr_superblock" && ended { late++ }
		$2 == "dmr_op_end" { ended = 1 }
		$2 == "dmr_reply" && $3 == cmd {
			print $1 - begun, took, late + 0
			print n (n == 1 ? "" : list)
			exit
		}' >/tmp/measured
	times="$times$(head -n 1 /tmp/measured)
"
	supers="$supers $(tail -n +2 /tmp/measured)"
}

# The job of the revert, as job show and the trace have it.
watch_job() {
	local p last=''
	job=$(sed -n 's/.*4096 Job Started, job \([0-9]*\).*/\1/p' /tmp/revert)
	state=$(field l state_name)
	while [ "$(json state_name job show l "$job")" = Running ]; do
		p=$(json percent job show l "$job")
		[ "$p" = "$last" ] || percents="$percents $p"
		last=$p
	done
}

# Wait until the vacuum has freed everything.
reclaimed() { [ "$(field l versions)" = 0 ] && [ "$(field l vacuum_pending)" = 0 ]; }

median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

# series VERSIONS TIMES
series() {
	local i wanted=''
	times='' supers=''
	for ((i = 1; i <= $2; i++)); do
		[ "$1 $i" != "100000 $2" ] || watch=1
		measure "$1"
		wanted="$wanted 1"
		wait_for 300 reclaimed || die "the vacuum does not come to an end"
	done
	total=$(awk '{ print $1 }' <<<"${times%?}" | median)
	write=$(awk '{ print $2 }' <<<"${times%?}" | median)
	diag "revert of $1 versions, request to reply: $(awk '{ printf "%s ", $1 }' <<<"${times%?}")us, median $total us;" \
		"  of that the superblock write: $(awk '{ printf "%s ", $2 }' <<<"${times%?}")us, median $write us;" \
		"  superblocks of the vacuum between the end of the operation and the reply: $(awk '{ n += $3 } END { print n }' <<<"${times%?}")"
	is "$1 versions: one superblock write between request and reply" "$supers" "$wanted"
}

watch=''
# The first is slower: code and nodes are read for the first time.
measure 0
wait_for 60 reclaimed
series 0 5
total0=$total write0=$write
series 1000 5
total1000=$total write1000=$write
# The time of the write itself is the disk's; the time around it is ours.
near() {	# TOTAL WRITE: of this many versions, beside those of none
	local ours=$(($1 - $2)) ours0=$((total0 - write0))
	[ $ours -lt $((5 * ours0 + 10000)) ]
}
check "1,000 versions take no longer than none" near "$total1000" "$write1000"

# With 100,000 the job of the last one is watched.
percents=''
series 100000 2
check "100,000 versions take no longer than none" near "$total" "$write"
is "the answer is 4096 and a job" "$(grep -c '^4096 Job Started, job [0-9]' /tmp/revert)" 1
is "it is Replicating already" "$state" Replicating
is "the job is Completed" "$(json state_name job show l "$job")" Completed
is "with 100 percent and code 0" "$(json percent job show l "$job") $(json code job show l "$job")" "100 0"
# Every step is an event too.
steps=$(sed -n "s/.*dmr_job: .* id=$job type=98 state=4 percent=\([0-9]*\)/\1/p" /tmp/trace | tr '\n' ' ')
diag "the job took $(($(json elapsed job show l "$job") / 1000000)) ms"
diag "percent as seen by job show:$percents; by events: $steps"
rises() {
	local p before=-1 n=0
	for p in $steps; do
		[ "$p" -gt "$before" ] || { [ "$p" = 0 ] && [ "$before" = 0 ]; } || return 1
		before=$p
		n=$((n + 1))
	done
	[ $n -ge 10 ] && [ "$before" -ge 90 ] && [ "$before" -lt 100 ]
}
check "its percent rises in ten steps or more and never falls" rises
is "all slots are free again" "$(field l slots_used)" 0
r detach l >/dev/null || die "cannot detach"
