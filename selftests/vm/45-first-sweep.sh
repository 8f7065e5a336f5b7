#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Versions that replay brings back from the dead are reclaimed before the first write,
# whichever target starts the system: also if the target that had it loaded did not fit (R13).
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"

ktap_plan 9
load_module
make_system f s0 vda=d0 vdb=d1 -- --chunk-size 16K
rep=/dev/mapper/f-vdb-replica
chunks=1000
hold f
for _ in 1 2 3; do
	"$io" $rep m:0:16K:4K:$chunks f || die "cannot write"
	point f
done
"$io" $rep m:0:16K:4K:$chunks f || die "cannot write"
for n in $(point_numbers f); do
	r recovery-point drop f "$n" --yes >/dev/null || die "cannot drop"
done
is "superseded, and not reclaimed yet" "$(field f versions)" $((3 * chunks))
# No vacuum from now on, after the next attach either.
r vacuum f --rate 0 >/dev/null || die "cannot set the rate"
release f
r detach f >/dev/null || die "cannot detach"
check "attach" r attach f
is "the dead versions are gone" "$(field f versions) $(field f slots_used)" "$chunks $chunks"
tables=$(dmsetup table f-vdb-replica)
r detach f >/dev/null || die "cannot detach"

# By hand: disk 1 has its table, disk 0 comes first and has a wrong size.
diag "$tables"
read -r _ sectors _ store _ _ rest <<<"$tables"
expect_log 'device-mapper: replica: f: disk vda has'
expect_log 'device-mapper: table: .*: .*preresume'
{ dmsetup create f1 --notable && dmsetup load f1 --table "$tables"; } || die "no table"
vda=$(lsblk -dno MAJ:MIN "$(readlink -f /dev/vm/d0)" | tr -d ' ')
check_fails "disk 0 of half the size does not start" \
	dmsetup create f0 --table "0 $((sectors / 2)) replica $store 0 $vda $rest"
check "disk 1 does" dmsetup resume f1
is "the dead versions are gone" "$(field f versions) $(field f slots_used)" "$chunks $chunks"
check "and the first write finds room" "$io" /dev/mapper/f1 m:0:16K:4K:1
dmsetup remove f1 || die "cannot remove"
check "check finds nothing wrong" r check f
check "the module unloads" unload_module
