#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Short of memory: swap space and a dirty file system on failover devices, replication beside
# them, in a machine whose programs need more memory than it has.  All of it makes progress
# within a limit, operations too, no process is killed for memory, nothing hangs, and all
# written data is there: the I/O path has its reserves, and needs no process that waits for
# it.
# vm: --mem 256
# debug: skip KASAN takes the memory; 78-every-alloc has none left, on purpose
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"

hog=$here/helper-hog load=$here/helper-load
load_module "$@"
ktap_plan 23

# A task that waits this long is reported, and fails the test.
[ ! -e /proc/sys/kernel/hung_task_timeout_secs ] || echo 60 >/proc/sys/kernel/hung_task_timeout_secs
meminfo() { awk -v key="$1:" '$1 == key { print int($2 / 1024) }' /proc/meminfo; }
vmstat() { awk -v key="$1" '$1 == key { print $2 }' /proc/vmstat; }

# Chunks of 16 KiB: as many versions for swapped-out pages as possible.
mkfs.ext4 -q "$(dev d1)" || die "mkfs"
make_system m s0 swap=d0 fs=d1 -- --chunk-size 16K
swap=/dev/mapper/m-swap fs=/dev/mapper/m-fs
"$io" $swap-replica w:0:1M:1 f || die "cannot write"
point m
r failover m >/dev/null || die "cannot fail over"
mkswap $swap >/dev/null || die "mkswap"
mkdir -p /mnt/m
mount $fs /mnt/m || die "mount"
swapon $swap || die "swapon"
echo 100 >/proc/sys/vm/swappiness
killed=$(vmstat oom_kill)

# The programs that look on are not the ones that are swapped out: their pages are read.
r status m >/dev/null && r job list m >/dev/null

# files: written, flushed, read back, overwritten.
files() {
	local n f sum
	for ((n = 0; n < 2; n++)); do
		for f in 0 1 2 3; do
			dd if=/dev/urandom of=/mnt/m/new bs=1M count=4 status=none || return
			sum=$(md5sum </mnt/m/new)
			mv /mnt/m/new "/mnt/m/f$f" && sync "/mnt/m/f$f" && echo "$sum" >"/tmp/sum$f" || return
		done
		dd if=/dev/zero of=/mnt/m/big bs=1M count=40 status=none || return
	done
}
size=$(($(meminfo MemAvailable) + 70))
diag "memory $(meminfo MemTotal) MiB, available $(meminfo MemAvailable), swap $(meminfo SwapTotal); $size are used"
beside hog "$hog" $size 2
beside files files
beside repswap "$load" $swap-replica 8M 16M 1 /tmp/stop
beside repfs "$load" $fs-replica 200M 16M 2 /tmp/stop

# Operations, once memory is really short.
swapped() { [ $(($(meminfo SwapTotal) - $(meminfo SwapFree))) -gt 40 ]; }
check "memory is short" wait_for 120 swapped
op() {
	local start=$SECONDS
	timeout 60 "$REPLICACTL" "$@" >/dev/null || return
	echo $((SECONDS - start)) >>/tmp/took
}
ops() {
	local n
	for n in 1 2; do
		op recovery-point create m && op test-failover start m && op test-failover stop m --yes &&
			op suspend m && op resume m && op settings m --keep-last $((n + 5)) || return
	done
}
check "operations meanwhile" ops
diag "the slowest took $(sort -n /tmp/took | tail -n 1) s; swap used $(($(meminfo SwapTotal) - $(meminfo SwapFree))) MiB, free memory $(meminfo MemFree)"
status_is "a revert is refused: the swap space is in use" 7 r revert m --yes
reload() { dmsetup load "$1" --table "$(dmsetup table "$1")" && dmsetup resume "$1"; }
check "the table of the device with the swap space, loaded again" reload m-swap
# Not that one: the program that is to resume it may need pages swapped out there.
suspended() { dmsetup suspend "$1" && dmsetup resume "$1"; }
check "that of the file system is suspended and resumed" suspended m-fs
check "the program that fills the memory runs to its end" went_well hog 300
diag "$(paste -sd, /tmp/hog.said), after $SECONDS s; swapped out $(($(vmstat pswpout) / 256)) MiB, in $(($(vmstat pswpin) / 256)) MiB"
is "there was more than memory holds" "$(($(vmstat pswpout) / 256 > 70))" 1
check "the files are written" went_well files 300
touch /tmp/stop
check "replication of the disk with the swap space: nothing is lost" went_well repswap 300
check "and of the one with the file system" went_well repfs 300
is "no process was killed for memory" "$(vmstat oom_kill)" "$killed"
# Of those of others, as ext4, the kernel may report failures.
reports() {
	dmesg | awk '/page allocation failure/ { report = $0; n++ }
		/Mem-Info/ { report = "" }
		report != "" && /\[dm_replica\]/ && !/ \? / { print report; ours++; report = "" }
		END { exit !('"$1"') }'
}
check_fails "nor failed an allocation of the module aloud" reports ours
! reports n >/dev/null || expect_log 'page allocation failure'

same_files() {
	local f
	for f in 0 1 2 3; do
		[ "$(md5sum <"/mnt/m/f$f")" = "$(cat "/tmp/sum$f")" ] || return
	done
}
echo 3 >/proc/sys/vm/drop_caches
check "the files are right" same_files
check "the swap space is given back" swapoff $swap
umount /mnt/m || die "cannot unmount"
check "the file system is right" e2fsck -fn $fs
{ r detach m && r attach m; } >/dev/null || die "cannot detach and attach"
mount $fs /mnt/m || die "mount"
check "the files are right after detach and attach" same_files
umount /mnt/m
check "the head shows nothing of it" "$io" $swap-replica c:0:1M:1
check "revert" r revert m --yes
again() { r failover m && "$io" $swap c:0:1M:1; }
check "a failover again shows the point" again
check "and its file system" e2fsck -fn $fs
check "revert again" r revert m --yes
r detach m >/dev/null || die "cannot detach"
check "check finds nothing wrong" r check "$(dev s0)"
check "the module unloads" unload_module
