#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Recovery points are listed, with their sizes, while their system is attached: the first
# sweep takes versions out of the map under the walk that counts them (R4).  What goes
# wrong shows on the debug kernel; here it may.
# vm: --env CYCLES
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"

ktap_plan 4
load_module
make_system a s0 vda=d0 -- --chunk-size 16K
rep=/dev/mapper/a-vda-replica
chunks=3000
hold a
# Records that are superseded stay in the log: each attach brings them back.
"$io" $rep m:0:16K:4K:$chunks f || die "cannot write"
point a
"$io" $rep m:0:16K:4K:$chunks f || die "cannot write"
point a
"$io" $rep m:0:16K:4K:$chunks f || die "cannot write"
for n in $(point_numbers a); do
	r recovery-point drop a "$n" --yes >/dev/null || die "cannot drop"
done
r detach a >/dev/null || die "cannot detach"

stop=/tmp/stop
lists() {
	local n=0
	until [ -e $stop ]; do
		"$nl" points a >/dev/null 2>&1 || r recovery-point list a >/dev/null 2>&1
		n=$((n + 1))
	done
	echo $n >>/tmp/lists
}
for _ in 1 2 3; do lists & done
bad=0
for ((i = 0; i < ${CYCLES:-6}; i++)); do
	r attach a >/dev/null || bad=1
	r detach a >/dev/null || bad=1
done
touch $stop
wait
is "attached and detached" $bad 0
check "lists ran beside it" [ -s /tmp/lists ]
diag "$(awk '{ n += $1 } END { print n }' /tmp/lists) lists"
check "check finds nothing wrong" r check a
check "the module unloads" unload_module
