#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Detaching and unloading: refused while in use, complete when done.
# A cache merged with another one would hide what is left in it.
# vm: --append slab_nomerge
# runs on: um 6.1 (slabs and what holds a module differ between the series)
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"
load_module "$@"
ktap_plan 39

live=/dev/mapper/u-vda
rep=/dev/mapper/u-vda-replica

not_removed() { ! rmmod dm_replica; }
# prints TEXT ARGUMENT...: replicactl succeeds and prints it
prints() { r "${@:2}" >/tmp/printed && grep -q "$1" /tmp/printed; }
devices() { dmsetup ls 2>/dev/null | grep -c '^u-'; }

make_system u s0 vda=d0 vdb=d1
check "rmmod while attached is refused" not_removed
point u
r failover u >/dev/null || die "cannot fail over"
"$io" $live w:1M:64K:7 f || die "cannot write"
"$io" $rep w:1M:64K:8 f || die "cannot write"

# shellcheck disable=SC2034 # refused reads it
watched=s0
holder $live
check "rmmod while a device is open is refused" not_removed
refused "detach while a failover device is open names the process" 32774 \
	"$live is open for writing in process $held \(helper-io\)" r detach u
is "all devices are there still" "$(devices)" 6
check "and work: the written data is there" "$io" $live c:1M:64K:7
check "and work: writing goes on" "$io" $live w:2M:64K:9 f c:2M:64K:9
let_go

holder $rep
refused "detach while a replica device is open names the process" 32774 \
	"$rep is open for writing in process $held \(helper-io\)" r detach u
let_go

mkdir -p /mnt/u
mkfs.ext4 -q /dev/mapper/u-vdb || die "mkfs"
mount /dev/mapper/u-vdb /mnt/u || die "cannot mount"
refused "detach while one is mounted names the mount" 32774 \
	"/dev/mapper/u-vdb is mounted at /mnt/u" r detach u
check "the mount works still" eval 'echo x >/mnt/u/f && sync -f /mnt/u && umount /mnt/u'

# The wait of a detach ends with the last opener, or by itself, and nothing is removed then.
holder $live
began=$SECONDS
refused "detach that waits is refused in the end" 32774 \
	"$live is open for writing in process $held \(helper-io\)" r detach u --wait 3
check "it has waited" [ $((SECONDS - began)) -ge 2 ]
is "all devices are there still" "$(devices)" 6
beside waiting r detach u --wait 600
sleep 1
check "detach waits for the opener" eval '! ended waiting'
let_go
check "and detaches when it has gone" went_well waiting
r attach u >/dev/null || die "cannot attach"

dmsetup create over --table "0 8 linear $live 0" || die "dmsetup"
refused "detach while a device is stacked on one names it" 32774 \
	"$live is used by device /dev/mapper/over" r detach u
dmsetup remove over
is "all devices are there still" "$(devices)" 6

check "detach without a holder" r detach u
is "no device is left" "$(devices)" 0
echo attach=no >>"/etc/dm-replica/systems.d/u.conf"
check "scan writes the file again" prints '^wrote ' scan --write "$(device s0)"
is "and keeps what the administrator chose" "$(grep -x 'attach=.*' "/etc/dm-replica/systems.d/u.conf")" attach=no
check "detach if needed has nothing to do" prints '^u is not attached$' detach u --if-needed
check "attach again" r attach u
refused "a second attach is refused" 32774 'system u is attached already' r attach u
check "attach if needed reports it" prints '^u is attached already$' attach u --if-needed
is "all devices are there still" "$(devices)" 6
check "both views are as they were" "$io" $live c:1M:64K:7 c:2M:64K:9 o:$rep c:1M:64K:8

# R12: a killed attach may leave a device that never got a table.  Another device has a name
# that device mapper has to write in another way.
uuid=$(field u uuid)
rest() { dmsetup create u-vda --notable --uuid "DMREPLICA-$uuid-vda-live" || die "dmsetup"; }
dmsetup create "so far" --notable || die "dmsetup"
dmsetup remove u-vda || die "dmsetup"
rest
holder $rep
refused "detach of a system with such a device while another is open" 32774 \
	"$rep is open for writing in process $held \(helper-io\)" r detach u
is "removes none" "$(devices)" 6
let_go
check "detach again" r detach u
is "no device is left" "$(devices)" 0
rest
check "detach when only such a device is left" r detach u
is "it is gone" "$(devices)" 0
rest
check "attach makes a new one of it" r attach u
check "both views are as they were" "$io" $live c:1M:64K:7 c:2M:64K:9 o:$rep c:1M:64K:8
dmsetup remove "so far" || die "dmsetup"
r detach u >/dev/null || die "cannot detach"

# Twenty times.  The first ones fill caches that stay.
cycle() {
	r attach u && "$io" $live w:3M:64K:1 f && r detach u
} >/dev/null
kib() { awk -v key="$1:" '$1 == key { print $2 }' /proc/meminfo; }
used() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	sleep 0.3
	echo "$(kib SUnreclaim) $(kib VmallocUsed)"
}
cycles() {
	local i
	for ((i = 0; i < $1; i++)); do
		cycle || return 1
	done
}
check "three cycles to warm up" cycles 3
nr=20
[ ! -e /sys/kernel/debug/kmemleak ] || nr=4	# nothing is measured there, see below
read -r slab vm <<<"$(used)"
check "$nr cycles of attach and detach" cycles $nr
read -r slab2 vm2 <<<"$(used)"
diag "after $nr cycles: slab $slab -> $slab2 KiB, vmalloc $vm -> $vm2 KiB"
# One superblock buffer of 64 KiB forgotten per cycle would be 1280 KiB.
if [ -e /sys/kernel/debug/kmemleak ]; then
	skip "no growth of note" "KASAN keeps what is freed for a while; kmemleak looks instead"
elif [ $((slab2 - slab)) -lt 800 ] && [ $((vm2 - vm)) -lt 320 ]; then
	ok "no growth of note"
else
	not_ok "no growth of note"
fi

check "the module unloads" unload_module
is "no slab object of ours is left" \
	"$(find /sys/kernel/slab -name 'dmr_*') $(grep '^dmr_' /proc/slabinfo)" " "
