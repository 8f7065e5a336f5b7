#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A clock that is set: it makes no point too old, also after a crash or an attach, the record
# of the step ends, and health does not follow it.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"

ktap_plan 26
load_module
make_system o s0 vda=d0
rep=/dev/mapper/o-vda-replica
"$io" $rep w:0:1M:1 f || die "cannot write"

YEARS=315360000
now() { date +%s; }
clock() { date -s "@$(($(now) + $1))" >/dev/null || die "cannot set the clock"; }
attach() { { r detach o && r attach o; } >/dev/null || die "cannot attach anew"; }
# booted: attach anew, as after a boot of the host.
booted() {
	r detach o >/dev/null || die "cannot detach"
	DM_REPLICA_BOOT_ID=$(printf '%032x' $RANDOM$RANDOM) r attach o >/dev/null || die "cannot attach"
}
# in_store FIELD: of the superblock in force
in_store() {
	r dump o --json | sed -n "s/^ *\"\(seq\|$1\)\": *\([0-9]*\),*$/\1 \2/p" |
		awk '$1 == "seq" { n = $2 } $1 != "seq" && n >= newest { newest = n; is = $2 } END { print is }'
}
stepped() { [ "$(in_store jump_by)" -gt 0 ]; }
has() { r status o --json | grep -q "\"reason_name\": \"$1\""; }
lacks() { ! has "$1"; }
points() { point_numbers o | wc -l; }

# --- a step is in the store before anything else happens ---
point o
point o
r settings o --keep-within 1h >/dev/null || die "no settings"
number=$(field o state_number)
is "no step is known" "$(in_store jump_by)" 0
clock $YEARS
check "a step is written down at once" wait_for 10 stepped
is "which is no change of state" "$(field o state_number)" "$number"
r settings o --keep-within 1h >/tmp/said || die "no settings"
check_fails "the preview knows it" grep 'next recovery point drops' /tmp/said
booted
point o
is "another boot drops nothing" "$(points)" 3
attach

# --- while it is not attached ---
r detach o >/dev/null || die "cannot detach"
clock $YEARS
r attach o >/dev/null || die "cannot attach"
point o
is "nor does a step while nothing was attached" "$(points)" 4
r detach o >/dev/null || die "cannot detach"
clock -$((2 * YEARS))
r attach o >/dev/null || die "cannot attach"
point o
is "nor one back" "$(points)" 5
is "with which the step ends" "$(in_store jump_by)" 0

# --- it ends with the points from before it ---
clock $YEARS
check "a step is known" wait_for 10 stepped
point o
check "as long as a point from before it is there" stepped
r settings o --keep-within none --keep-last 1 >/dev/null || die "no settings"
point o
is "they are gone" "$(points)" 1
point o
is "and with them the step" "$(in_store jump_by)" 0
is "and its number" "$(in_store jump_point)" 0
r settings o --keep-last none >/dev/null || die "no settings"
clock -$YEARS
point o

# --- health ---
r settings o --point-interval 1h --decide-within 1h --replication-interval 1h >/dev/null || die "no settings"
"$io" $rep w:0:4K:1 f || die "cannot write"
point o
r failover o >/dev/null || die "cannot fail over"
clock $YEARS
sleep 2
check "a step ahead makes no point old" lacks old-point
check "no failover undecided" lacks undecided
check "and stalls nothing" lacks stalled
attach
check "nor does an attach: old-point" lacks old-point
check "undecided" lacks undecided
check "stalled" lacks stalled
clock -$YEARS
booted
check "nor one in another boot: old-point" lacks old-point
check "undecided" lacks undecided
# Back by a day: ages still grow.
clock -86400
r settings o --point-interval 3s --decide-within 3s --replication-interval 1s >/dev/null || die "no settings"
check "a step back keeps no point young" wait_for 15 has old-point
check "no failover" wait_for 15 has undecided
check "and no replica" wait_for 15 has stalled
attach
check "over an attach" has old-point
check "all of it" has undecided
