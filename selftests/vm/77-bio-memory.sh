#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A flush is treated as one, whatever bio used its memory before: here a write with FUA
# straight home.  A home's loss is reported once, and by that flush (R2).
# runs on: 6.1 (which memory a bio gets is forced by two CPUs)
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"
. "$(dirname "$0")/hold.sh"

ktap_plan 1
load_module
hold_disks 24 4
make_system f /dev/nbd0 vda=/dev/nbd1 -- --chunk-size 16K
repa=/dev/mapper/f-vda-replica
expect_log 'flush of the home of disk vda failed'
expect_log 'block nbd1: Other side returned error'
expect_log '(I/O error, dev (nbd|dm-)|Buffer I/O error on dev)'
again() {
	r detach f >/dev/null || die "cannot detach"
	disks off
	r attach f >/dev/null || die "cannot attach"
	hold f
}

# CPU 0 has the memory of its FUA write at hand when the flush comes: the write between them
# takes that of CPU 1.
bad=''
for n in 1 2 3 4; do
	again	# FUA fails for a while after a flush that failed
	taskset -c 0 "$io" $repa d:$repa w:240K:4K:1 || bad="$bad; $n: FUA"
	taskset -c 1 "$io" $repa w:244K:4K:1 || bad="$bad; $n: a write"
	disks on 1 f 0 0 lose 1
	! taskset -c 0 "$io" $repa f 2>/dev/null || bad="$bad; $n: the flush succeeds"
	disks off
	taskset -c 0 "$io" $repa f || bad="$bad; $n: the next one fails, too"
done
is "a loss is reported once, also behind writes with FUA" "$bad" ''
r detach f >/dev/null || die "cannot detach"
unload_module
