#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The virtual machine is as the other tests assume.
# vm: --disk k4=16M,lbs=4096
# runs on: um 6.1 6.12 (the machines themselves are tested)
. "$(dirname "$0")/lib.sh"

ktap_plan 13

cpus=2 series=$VM_KERNEL
[ "$VM_LEVEL" != um ] || cpus=1
case $VM_KERNEL in 6.1 | 6.12) ;; *) series=6.12 ;; esac
is "$cpus CPUs" "$(nproc)" $cpus
is "kernel of the series asked for" "$(uname -r | cut -d. -f1,2)" "$series"
for d in s0:1024 s1:1024 d0:256 d1:256 d2:256 d3:256; do
	is "disk ${d%:*} of ${d#*:} MiB" \
		"$(blockdev --getsize64 "$(dev ${d%:*})")" $((${d#*:} * 1048576))
done
is "disk with 4 KiB logical blocks" "$(blockdev --getss "$(dev k4)")" 4096
is "cache is write back" "$(cat "/sys/block/$(basename "$(dev s0)")/queue/write_cache")" "write back"

s0=$(dev s0)
no_merges "$s0"
before=$(stat_of "$s0")
dd if=/dev/zero of="$s0" bs=4k count=1 oflag=direct conv=fsync 2>/dev/null
is "one write and its flush counted" "$(stat_diff "$before" "$(stat_of "$s0")")" "0 0 2 8 1"

check "modules of this kernel load" modprobe dm-mod

expect_log 'selftest: provoked'
echo '<3>selftest: provoked error line' >/dev/kmsg
if touch /usr/vm-test 2>/dev/null; then
	ok "root is writable"
else
	not_ok "root is writable"
fi
