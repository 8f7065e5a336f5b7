#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The granularity of discards is that of home, if that is the coarser one: less would be
# sent, after a commit, and do nothing.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"

ktap_plan 7
load_module
modprobe dm-thin-pool || skip_all "no dm-thin"
# granularity DEVICE: of one of device mapper's.
granularity() {
	cat "/sys/dev/block/$(dmsetup info -c --noheadings --separator : -o major,minor "$1")/queue/discard_granularity"
}

# A pool of 128 KiB blocks.
"$io" /dev/vm/d1 z:0:4M f || die "cannot write"
dmsetup create pool --table "0 $((256 * 2048)) thin-pool /dev/vm/d1 /dev/vm/d2 256 0" || die "no pool"
dmsetup message pool 0 "create_thin 0" || die "no thin disk"
dmsetup create thin --table "0 131072 thin /dev/mapper/pool 0" || die "no thin disk"
coarse=$(granularity thin)
is "home's own" "$coarse" 131072
make_system g s0 vda=/dev/mapper/thin vdb=d3 -- --chunk-size 16K --force
for kind in -replica ""; do
	is "vda$kind: home's" "$(granularity g-vda$kind)" 131072
	is "vdb$kind: a block" "$(granularity g-vdb$kind)" 4096
done
r detach g >/dev/null || die "cannot detach"
check "check finds nothing wrong" r check g
{ dmsetup remove thin && dmsetup remove pool; } || die "cannot remove"
check "the module unloads" unload_module
