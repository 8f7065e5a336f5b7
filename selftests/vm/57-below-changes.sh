#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Devices below that change their size: a larger one does no harm, by itself or under suspend
# and resume; a shorter one is critical at once and named; and sizes that are no whole number
# of blocks.
# vm: --disk k4=64M,lbs=4096 --disk huge=250G
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"

ktap_plan 44
load_module
linear() {	# NAME SECTORS DEVICE [OFFSET]: make or change it
	local line="0 $2 linear $3 ${4-0}"
	if [ -e "/dev/mapper/$1" ]; then
		dmsetup suspend --noflush "$1" && dmsetup load "$1" --table "$line" && dmsetup resume "$1"
	else
		dmsetup create "$1" --uuid "TEST-$1" --table "$line"
	fi || die "cannot make $1"
}
health() { [ "$(field b health_name)" = "$1" ]; }
# dmsetup waits for ever if a resume is refused: run it with a limit.
around() { timeout 20 dmsetup suspend "$1" && timeout 20 dmsetup resume "$1"; }

# --- a store of an odd size, under 4 KiB blocks --------------------------------------------

# a ramdisk has physical blocks of 4 KiB, and logical ones of 512 bytes
modprobe brd rd_nr=1 rd_size=786436 || die "no ramdisk"
linear odd 1048579 /dev/ram0
r create o --store /dev/mapper/odd --disk vda=/dev/vm/k4 >/dev/null || die "cannot create"
check "a store of 1048579 sectors under a home of 4 KiB blocks" r attach o
rep=/dev/mapper/o-vda-replica
point o
check "is written" "$io" $rep w:0:16M:1 f c:0:16M:1
check "suspend and resume" around o-vda-replica
linear odd 1572869 /dev/ram0
check "grows to another odd size" r grow o
check "is written" "$io" $rep w:16M:16M:1 f c:0:16M:1 c:16M:16M:1
is "whole blocks of it are used" "$(field o store_bytes)" $((1572864 * 512))
r detach o >/dev/null || die "cannot detach"
check "check finds nothing wrong" r check o
check "attach, once more" r attach o
check "and all is there" "$io" $rep c:0:16M:1 c:16M:16M:1
r detach o >/dev/null || die "cannot detach"

# --- devices below that have grown ------------------------------------------------------------

linear store 1048576 "$(dev s1)"
linear home 131073 "$(dev d0)"
truncate -s 32M /tmp/file
modprobe loop 2>/dev/null
loop=$(losetup --find --show /tmp/file) || die "no loop"
make_system b /dev/mapper/store vda=/dev/mapper/home vdb="$loop"
rep=/dev/mapper/b-vda-replica live=/dev/mapper/b-vda
"$io" $rep w:0:8M:1 f || die "cannot write"
"$io" /dev/mapper/b-vdb-replica w:0:8M:1 f || die "cannot write"
point b
r failover b >/dev/null || die "cannot fail over"
linear home 262144 "$(dev d0)"
truncate -s 64M /tmp/file
losetup -c "$loop" || die "cannot grow the loop device"
linear store 1310720 "$(dev s1)"
for d in b-vda-replica b-vda b-vdb b-vdb-test; do
	check "$d: suspend and resume over a home that has grown" around $d
done
check "the guest writes on" "$io" $live w:8M:8M:2 f c:0:8M:1 c:8M:8M:2
check "a table loaded again" dmsetup load b-vda --table "$(dmsetup table b-vda)"
check "goes into force" around b-vda
check "its size is unchanged" [ "$(blockdev --getsz $live)" = 131073 ]
check "health is not touched" health Normal
r revert b --yes >/dev/null || die "cannot revert"
r detach b >/dev/null || die "cannot detach"
said=$(r attach b 2>&1) || die "cannot attach: $said"
check "attach names the sizes" grep -Eq "vda has 134217728 bytes, and the disk 67109376: the home has grown" <<<"$said"
check "of each disk" grep -Eq "vdb has 67108864 bytes, and the disk 33554432: the home has grown" <<<"$said"
check "all is there" "$io" $rep c:0:8M:1 n:8M:8M o:/dev/mapper/b-vdb-replica c:0:8M:1
r detach b >/dev/null || die "cannot detach"
rm /etc/dm-replica/systems.d/b.conf
check "scan finds it" r scan --write --yes --accept-homes /dev/mapper/store
check "and its homes" grep -q "disk.vda=" /etc/dm-replica/systems.d/b.conf
# shellcheck disable=SC2034 # refused reads it
watched=s1
linear home 131072 "$(dev d0)"
refused "a home one sector too short" 32773 "vda has 67108864 bytes, but 67109376 by the store" r attach b
linear home 131073 "$(dev d0)"

# --- a device below becomes shorter while attached -------------------------------------------

short() {	# NAME SECTORS DEVICE REASON
	local name=$1 sectors=$2 device=$3 reason=$4
	r attach b >/dev/null 2>&1 || die "cannot attach"
	"$REPLICACTL" monitor --json >/tmp/events & monitor=$!
	point b
	linear "$name" "$sectors" "$device"
	refused "$name short: no point any more, at once" 32771 critical r recovery-point create b
	check "$name short: critical" wait_for 5 health Critical
	check "$name short: the reason is reported" grep -q "$reason" <(r status b --json)
	check "$name short: and to listeners" wait_for 5 grep -q "$reason" /tmp/events
	kill $monitor
	check_fails "$name short: no write is acknowledged" "$io" $rep w:0:4K:9 f
	check "$name short: what is there is read" "$io" $rep c:0:8M:1
	r detach b >/dev/null || die "cannot detach"
}
# shellcheck disable=SC2034
watched=''
expect_log 'b: the store has [0-9]+ bytes, it had 536870912'
expect_log 'b: the home of disk vda has 131065 sectors, it had 131073'
expect_log 'b: critical: '
short store 524288 "$(dev s1)" "store's device has become shorter"
check_fails "attach refuses it" r attach b
linear store 1048576 "$(dev s1)"
short home 131065 "$(dev d0)" "home's device has become shorter"
linear home 131073 "$(dev d0)"
check "as long as it was, it attaches" r attach b
check "and all is there" "$io" $rep c:0:8M:1 n:8M:8M
check "healthy" health Normal
r detach b >/dev/null || die "cannot detach"

# --- the cost of a large one ---------------------------------------------------------------------

said=$(r create g --store /dev/vm/huge --disk vda="$(device d1)") || die "cannot create"
check "create names the memory" grep -Eq "memory: 2[0-9].* while attached, and up to 2[0-9][0-9].* MiB" <<<"$said"
said=$(r attach g 2>&1) || die "cannot attach: $said"
check "attach reports that it reads the log" grep -q "g: reading the log, 3" <<<"$said"
check "and of the kernel's doing so" grep -q "g: the kernel reads the log, 3" <<<"$said"
r detach g >/dev/null || die "cannot detach"
check "the module unloads" unload_module
