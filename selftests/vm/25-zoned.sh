#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Zoned devices are refused as store and as home, by create and by the kernel.
# runs on: 6.12 (user-mode kernels know no zones)
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"

ktap_plan 6
load_module
modprobe null_blk nr_devices=0 || skip_all "no null_blk"
zone=/sys/kernel/config/nullb/nullb0
mount -t configfs none /sys/kernel/config 2>/dev/null
mkdir -p $zone || die "no null_blk device"
for set in size=256 memory_backed=1 zoned=1 zone_size=16 zone_nr_conv=0 power=1; do
	echo "${set#*=}" >"$zone/${set%=*}" || die "cannot set $set"
done
[ "$(cat /sys/block/nullb0/queue/zoned)" = host-managed ] || die "it is not zoned"
refused "as a home, at create" 32773 "home .*nullb0 is a zoned device" \
	r create z --store "$(device s0)" --disk vda="$(device d0)" --disk vdb=/dev/nullb0
refused "as the store" 32773 "store .*nullb0 is a zoned device" \
	r create z --store /dev/nullb0 --disk vda="$(device d0)"
is "no file is left" "$(ls /etc/dm-replica/systems.d 2>/dev/null)" ""
expect_log 'A zoned device can be neither store nor home'
expect_log 'error adding target to table'
table() { dmsetup create z --table "0 131072 replica $1 0 $2"; }
check_fails "the target refuses it as a home" table "$(dev s0)" /dev/nullb0
check_fails "and as the store" table /dev/nullb0 "$(dev d0)"
check "the module unloads" unload_module
