#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Zeroes take no slot, but a version each, and those are limited, too: full is reported long
# before, the policy acts on it, and the reserve of the live failover is kept (R8).
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"

ktap_plan 17
load_module
dmsetup create store --table "0 49152 linear $(dev s0) 0" || die "no store"
make_system z /dev/mapper/store vda=d0
rep=/dev/mapper/z-vda-replica live=/dev/mapper/z-vda
health() { [ "$(field z health_name)" = "$1" ]; }
points() { point_numbers z | wc -l; }
# A block in each chunk of 64 KiB, so that each takes a version.
zeroes() {	# DEVICE FIRST COUNT
	local steps=() i
	for ((i = $2; i < $2 + $3; i++)); do steps+=("z:$((i * 64))K:4K"); done
	"$io" "$1" "${steps[@]}"
}
point z
"$REPLICACTL" monitor --json >/tmp/events & monitor=$!
at_exit "kill $monitor 2>/dev/null"
r failover z >/dev/null || die "cannot fail over"

check "zeroes in most of the versions" zeroes $live 0 1200
is "take no slots" "$(field z slots_used)" 0
check "a warning" wait_for 5 health Warning
check "for want of space" grep -q 'low-space' <(r status z --json)
zeroes $live 1200 800 2>/dev/null
check "in too many: critical" wait_for 5 health Critical
check "listeners have the event" wait_for 5 grep -Eq '"event": ?"space".*"critical": ?true' /tmp/events
expect_log '[0-9]+ of [0-9]+ versions are in use: grow it now'
check "older data is read" "$io" $live n:0:4K
r revert z --yes >/dev/null || die "cannot revert"
check "a revert gives them back" wait_for 20 health Normal

# The reserve of the live failover, of versions as of slots.
r settings z --live-reserve 8M >/dev/null || die "cannot set"
r failover z >/dev/null || die "cannot fail over"
zeroes $rep 0 2600 2>/dev/null
check_fails "replication is refused" zeroes $rep 2600 1
check "the guest is not" "$io" $live w:0:4M:3 f
check "nor its first blocks" "$io" $live w:32M:4K:3 w:33M:512:3 f
r revert z --yes >/dev/null || die "cannot revert"
r settings z --live-reserve 0 >/dev/null || die "cannot set"

# The policy: old points go.
for _ in 1 2 3; do
	point z
	zeroes $rep 0 300
done
before=$(points)
check "points hold versions" [ "$before" -ge 4 ]
r settings z --when-full drop-oldest >/dev/null || die "cannot set"
for ((i = 0; i < 14; i++)); do zeroes $rep $((i * 64)) 64 2>/dev/null || sleep 0.5; done
check "with that policy points are dropped" wait_for 20 [ "$(points)" -lt "$before" ]
check "and zeroes go on" wait_for 20 zeroes $rep 0 300
r detach z >/dev/null || die "cannot detach"
check "check finds nothing wrong" r check z
check "and it attaches" r attach z
r detach z >/dev/null || die "cannot detach"
check "the module unloads" unload_module
