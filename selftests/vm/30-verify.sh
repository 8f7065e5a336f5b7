#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# fio finds the data that it wrote, on replica and failover devices, in all sizes, direct and
# buffered, with discards beside it, while points are made and failovers begin and end.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"

command -v fio >/dev/null || skip_all "fio is missing"
cd /tmp || exit 1
rep=/dev/mapper/v-a-replica
live=/dev/mapper/v-a
fio_said=/tmp/fio.said

common='--thread --verify=crc32c --verify_fatal=1 --verify_state_save=0 --randrepeat=0
	--random_generator=tausworthe64 --group_reporting --minimal'

# Jobs on ranges of their own, the ends of which share chunks and blocks: job N
# begins at N times 4 MiB and 512 bytes, but those of whole blocks.
job_4k() { echo "--name=b4k --filename=$1 --rw=randwrite --bs=4k --direct=1 --ioengine=libaio --iodepth=16 --offset=${2}m --size=4m"; }
job_512() { echo "--name=b512 --filename=$1 --rw=randwrite --bs=512 --direct=1 --ioengine=libaio --iodepth=16 --offset=$(($2 * 1048576 + 512)) --size=512k"; }
job_mix() { echo "--name=mix --filename=$1 --rw=randwrite --bssplit=512/20:1k/10:4k/30:12k/10:64k/20:128k/10 --direct=1 --ioengine=libaio --iodepth=8 --offset=$(($2 * 1048576 + 1536)) --size=6m"; }
job_seq() { echo "--name=seq --filename=$1 --rw=write --bs=1m --direct=1 --ioengine=libaio --iodepth=4 --offset=${2}m --size=16m"; }
job_buf() { echo "--name=buf --filename=$1 --rw=randwrite --bssplit=512/30:4k/40:20k/30 --direct=0 --fsync=64 --offset=${2}m --size=4m"; }
job_sync() { echo "--name=sync --filename=$1 --rw=randwrite --bs=4k --direct=1 --sync=dsync --offset=${2}m --size=512k"; }
job_trim() { echo "--name=trim --filename=$1 --rw=randtrimwrite --bs=4k --direct=1 --offset=${2}m --size=2m"; }
# With buffered and direct I/O of one device each job keeps to pages of its own.
jobs_direct() { echo "$(job_4k "$1" 0) $(job_512 "$1" 5) $(job_mix "$1" 8) $(job_seq "$1" 16) $(job_sync "$1" 33) $(job_trim "$1" 35)"; }
jobs_all() { echo "$(jobs_direct "$1") $(job_buf "$1" 40)"; }
seed=$(date +%s)
diag "seed $seed"

# run_fio JOBS...: run them at the same time, each with the same seed until it is changed, so
# that a later run with --verify_only knows the expected data.
run_fio() {
	# shellcheck disable=SC2086
	timeout 120 fio --randseed="$seed" $common "$@" >$fio_said 2>&1 && return
	cat $fio_said
	return 1
}

# meanwhile COMMAND...: again and again until fio has ended; the last one ends, too.
meanwhile() {
	rm -f /run/enough
	while [ ! -e /run/enough ]; do "$@" >/dev/null 2>&1; done &
	meanwhile_pid=$!
}
meanwhile_end() {
	touch /run/enough
	wait $meanwhile_pid
}

write_and_verify() {
	# shellcheck disable=SC2046
	check "$1" run_fio $("$2" "$3") "${@:4}"
}

some_points() {
	r recovery-point create v
	sleep 0.2
	n=$(point_numbers v | sed -n 2p)
	[ -z "$n" ] || r recovery-point drop --yes v "$n"
	blkdiscard -o 50M -l 1M $rep
}

ktap_plan 16
load_module
is "a home of 512-byte logical blocks" "$(blockdev --getss "$(dev d0)")" 512
make_system v s0 a=d0
is "the replica device has them, too" "$(blockdev --getss $rep)" 512

write_and_verify "straight home" jobs_all $rep
point v
write_and_verify "replica after a point, the same places again" jobs_all $rep
head_seed=$seed

seed=$((seed + 1))
r failover v >/dev/null || die "cannot fail over"
is "the failover device has 512-byte logical blocks" "$(blockdev --getss $live)" 512
write_and_verify "failover device" jobs_all $live
live_seed=$seed

seed=$head_seed
write_and_verify "the replica holds its own data" jobs_direct $rep --verify_only
{ r detach v && r attach v; } >/dev/null || die "cannot detach and attach"
write_and_verify "so it does after detach and attach" jobs_direct $rep --verify_only
seed=$live_seed
write_and_verify "and the failover device its own" jobs_direct $live --verify_only

seed=$((seed + 1))
meanwhile some_points
# shellcheck disable=SC2046
check "both at a time, while points come and go" run_fio $(jobs_all $rep) $(jobs_direct $live)
meanwhile_end

seed=$((seed + 1))
r revert v --yes >/dev/null || die "cannot revert"
point v
over_and_back() {
	r failover v
	dd if=/dev/zero of=$live bs=64k count=4 oflag=direct
	r revert v --yes
}
meanwhile over_and_back
write_and_verify "replica, while failovers begin and end" jobs_all $rep
meanwhile_end
is "and the last one has ended" "$(field v state)" 3
write_and_verify "it holds it after that" jobs_direct $rep --verify_only

# Only one point, failed over to: it shows the content that the replica held.
for n in $(point_numbers v); do
	r recovery-point drop --yes v "$n" >/dev/null
done
point v
r failover v >/dev/null || die "cannot fail over"
write_and_verify "the point shows the same" jobs_direct $live --verify_only
r detach v >/dev/null || die "cannot detach"
check "check finds nothing wrong" r check "$(dev s0)"
check "the module unloads" unload_module
