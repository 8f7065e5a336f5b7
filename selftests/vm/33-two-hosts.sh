#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Two hosts on one store: the second one is refused by name and changes nothing, takes the store
# over on request, and the first one does not go on from its old memory.  A device below plays a
# host that loses the store.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"

ktap_plan 19
load_module "$@"
dmsetup create store0 --table "0 $((64 * 2048)) linear $(dev s0) 0" || die "no slice"
dmsetup create home0 --table "0 $((16 * 2048)) linear $(dev d0) 0" || die "no slice"

# The tripwire: the second host is refused.  A host that loses the store is played by the
# device below: its writes in flight are never written.
host() { head -c 32 /dev/zero | tr '\0' "$1" >/etc/machine-id; }
table0=$(dmsetup table store0)
loses_store() {
	dmsetup suspend --noflush --nolockfs store0 &&
		dmsetup load store0 --table "0 $((64 * 2048)) error" && dmsetup resume store0
}
has_store() {
	dmsetup load store0 --table "$table0" && dmsetup resume store0
}
host a
make_system h /dev/mapper/store0 vda=/dev/mapper/home0 -- --force
rep=/dev/mapper/h-vda-replica live=/dev/mapper/h-vda
point h
"$io" "$rep" w:0:256K:1 f || die "cannot write"
# The store's errors, refused tables, and the end of the host that lost it.
expect_log 'device-mapper: (table|ioctl|replica): (?!.*critical)'
expect_log 'device-mapper: replica: h: critical: '
expect_log 'device-mapper: replica: dm-[0-9]+: another host has it attached'
# It dies; another host comes.
die_host() { loses_store && { "$io" "$rep" w:8M:4K:9 f; r detach h; has_store; }; }
die_host >/dev/null 2>&1
host b
# shellcheck disable=SC2034 # refused reads it
watched=/dev/mapper/store0
refused "another host is refused, by name" 32774 "active on another host, machine id a{32}" r attach h
bare() {	# past the tool
	dmsetup create bare --table "0 $((16 * 2048)) replica /dev/mapper/store0 0 /dev/mapper/home0 2 host $(cat /etc/machine-id)"
}
before=$(watched_sums)
check_fails "also past the tool" bare
dmsetup remove bare 2>/dev/null
is "and nothing has changed" "$(watched_sums)" "$before"
check "one that takes it over gets it" r attach h --take-over
check "with the flushed data" "$io" "$rep" c:0:256K:1 n:8M:4K
"$io" "$rep" w:1M:256K:2 f || die "cannot write"
point h
# The first one comes back while the second has it.
die_host >/dev/null 2>&1
host a
refused "the first host is refused now" 32774 "active on another host, machine id b{32}" r attach h
host b
check "the second one is not, also after it crashed" r attach h
check "it has all of its own" "$io" "$rep" c:0:256K:1 c:1M:256K:2
r failover h >/dev/null || die "cannot fail over"
check "detach" r detach h
host a
check "a detached system is free to attach" r attach h
check "with all of it" "$io" "$live" c:0:256K:1 c:1M:256K:2

# Another host has the store while this one rests: it does not continue from its old memory.
for d in $live-test $live $rep; do dmsetup suspend "$d" || die "cannot suspend"; done
cp=/tmp/store.img
dd if=/dev/mapper/store0 of=$cp bs=1M iflag=direct status=none || die "cannot copy"
seq=$(r dump /dev/mapper/store0 --json | sed -n 's/^ *"seq": *\([0-9]*\),*/\1/p' | sort -n | tail -n 1)
"$store_tool" /dev/mapper/store0 set seq $((seq + 10)) 0 || die "cannot change the store"
before=$(watched_sums)
expect_log 'the store was changed while it was suspended'
check_fails "a store changed meanwhile is not resumed" dmsetup resume $rep
is "and nothing is written" "$(watched_sums)" "$before"
check "detach" r detach h
is "nothing is written by that either" "$(watched_sums)" "$before"
dd if=$cp of=/dev/mapper/store0 bs=1M oflag=direct conv=notrunc status=none || die "cannot copy"
check "as it was it can be attached" r attach h
check "with all of it" "$io" "$live" c:0:256K:1 c:1M:256K:2
r revert h --yes >/dev/null || die "cannot revert"
r detach h >/dev/null || die "cannot detach"
check "check finds nothing wrong" r check /dev/mapper/store0
dmsetup remove store0 home0
check "the module unloads" unload_module
