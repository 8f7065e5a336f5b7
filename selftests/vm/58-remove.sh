#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Suspend and resume, settings, the host area with network adapters, health, retention; and the
# removal of it all: the homes are given back as plain disks.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"

ktap_plan 86
load_module
make_system e s0 vda=d0 vdb=d1
rep=/dev/mapper/e-vda-replica
live=/dev/mapper/e-vda
# shellcheck disable=SC2034 # refused reads it
watched=s0
health() { r status e --json | grep -q "\"reason_name\": \"$1\""; }
points() { point_numbers e | xargs; }
gone() { [ "$(field e versions)" = 0 ]; }

# --- suspend, resume ---
"$io" $rep w:0:1M:1 f || die "cannot write"
check "no point: a warning" health no-point
refused "nothing to suspend before a point" 32775 'no recovery point' r suspend e
point e
check "suspend" r suspend e
is "the state is Suspended" "$(field e state)" 7
check "which is an alarm" health suspended
is "of health Critical" "$(field e health)" 3
check_fails "the replica takes no writes" "$io" $rep w:0:4K:2
check "but reads" "$io" $rep c:0:1M:1
refused "no point while suspended" 32775 'suspended' r recovery-point create e
check "asked for twice it is done once" r suspend e
check "failover while suspended" r failover e
is "the state is Recovered" "$(field e state)" 5
check "revert" r revert e --yes
is "and comes back to Suspended" "$(field e state)" 7
r detach e >/dev/null || die "cannot detach"
r attach e >/dev/null || die "cannot attach"
is "also over an attach" "$(field e state)" 7
check_fails "which refuses writes still" "$io" $rep w:0:4K:2
check "resume" r resume e
is "the state is Replicating" "$(field e state)" 3
check "writes go on" "$io" $rep w:0:64K:2 f
is "health is Normal" "$(field e health)" 1

# --- statistics ---
is "bytes since the point" "$(field e replicated_bytes)" 65536
point e
is "which a point begins anew" "$(field e replicated_bytes)" 0
is "points made" "$(field e points_made)" 2

# --- sizes: 64 KiB of home are under the second point's content of a slot ---
sizes() { r recovery-point list e --json | tr -d ' ,' | sed -n 's/^"bytes":\([0-9]*\)$/\1/p' | xargs; }
is "size that only the first point holds" "$(sizes)" "65536 0"
"$io" $rep w:0:32K:3 w:2M:4K:3 f || die "cannot write"
is "and that only the second one holds" "$(sizes)" "65536 32768"

# --- settings, retention ---
check "keep the last 3" r settings e --keep-last 3
r failover e --point 1 >/dev/null || die "cannot fail over"
for _ in 1 2 3; do point e; done
is "the last three are kept, and the one in use" "$(points)" "1 3 4 5"
r revert e --yes >/dev/null || die "cannot revert"
point e
is "when it is not in use any more, it goes" "$(points)" "4 5 6"
is "points dropped are counted" "$(field e points_dropped)" 3
check "warn when a point is late" r settings e --point-interval 1s
sleep 2.5
check "it is" health old-point
check "and without a decision" r settings e --point-interval 0 --decide-within 1s
r failover e >/dev/null || die "cannot fail over"
sleep 2.5
check "there was none" health undecided
r revert e --yes >/dev/null || die "cannot revert"
check "never again" r settings e --decide-within 0
check "the vacuum at rest is a warning" r settings e --vacuum-rate 0
check "of its own" health held
check "let it go on" r settings e --vacuum-rate unlimited
r detach e >/dev/null || die "cannot detach"
r attach e >/dev/null || die "cannot attach"
rules() { r settings e --json | tr -d ' ,' | sed -n 's/^"keep_.*":\([0-9]*\)$/\1/p' | xargs; }
is "settings are kept" "$(rules)" "3 0 0 0 0"
all_at_once() {	# N: one tool for each rule
	local rule pids=()
	for rule in "last $1" "within $1s" "hourly $1" "daily $1" "weekly $1"; do
		r settings e "--keep-${rule% *}" "${rule#* }" >/dev/null & pids+=($!)
	done
	wait "${pids[@]}"
	[ "$(rules)" = "$1 $1 $1 $1 $1" ] || { rules; return 1; }
}
several_times() {
	local n
	for n in 11 12 13 14 15 16; do all_at_once $n || return; done
}
check "tools that change a rule each at once lose none" several_times
r settings e --keep-last 3 --keep-within none --keep-hourly none --keep-daily none \
	--keep-weekly none >/dev/null || die "no settings"
is "all are changed by one superblock" "$(rules)" "3 0 0 0 0"

# --- network adapters ---
mac=52:54:00:12:34:56
check "set an adapter" r network set e --mac $mac --address 192.0.2.5/24 \
	--address 2001:db8::5/64 --gateway 192.0.2.1 --gateway 2001:db8::1 --dns 192.0.2.53
check "and another" r network set e --mac 52:54:00:12:34:55 --dhcp
r network list e >/tmp/network
check "it is shown" grep -q '192.0.2.5/24' /tmp/network
check "with IPv6" grep -q '2001:db8::5/64' /tmp/network
check "by status, too" grep -q '192.0.2.5' <(r status e)
r detach e >/dev/null || die "cannot detach"
r attach e >/dev/null || die "cannot attach"
check "over an attach" grep -q '2001:db8::1' <(r network list e)
check "replace it" r network set e --mac $mac --address 198.51.100.7/25
check_fails "the old is gone" grep -q '192.0.2.5' <(r network list e)
check "clear it" r network clear e --mac $mac
refused "once" 32779 'nothing is set' r network clear e --mac $mac

# --- host area ---
check "set a value beside" r host-area set e backup/last monday
check "and one of bytes" r host-area set e z --hex 00ff
is "all is there" "$(r host-area list e --json | grep '"key"' | tr -d ' ",' | cut -d: -f 2-)" "adapter/52:54:00:12:34:55
backup/last
retention/rules
z"
r detach e >/dev/null || die "cannot detach"
is "also while it is detached" "$(r host-area get e backup/last)" monday
check "dump shows it" grep -q 'backup/last  6 bytes  monday' <(r dump e)
r attach e >/dev/null || die "cannot attach"
check "an adapter as another program may leave it" r host-area set e adapter/$mac '{"dhcp":1}'
refused "is refused" 32776 'there is no member addresses' r network list e
check "does not hide the rest" grep -q 'Adapters  *cannot be shown: .*no member addresses' <(r status e)
# The example of Documentation/netlink.md, for this system; scripts/check-spec unpacks the tool.
docs=$VM_SRC/Documentation/netlink
example=$(sed -n 's/^ *# [$]ynl \(--do host-set .*\)/\1/p' "$docs.md")
example=${example//0f5c2d64a6134d5fb1f43e0a1b7c9d22/$(field e uuid | tr -d -)}
ynl() {
	eval "python3 $VM_SRC/build/ynl/tools/net/ynl/cli.py --no-schema --spec $docs/specs/dm_replica.yaml $*"
}
if [ -e "$VM_SRC/build/ynl/unpacked" ]; then
	check "the kernel's own tool sets an adapter" ynl "$example"
	check "as replicactl does" grep -q "$mac, IPv4, IPv4 by DHCP" <(r network list e)
	check "and lists the area" grep -q 'backup/last' <(ynl --dump host-get)
else
	for name in "sets an adapter" "as replicactl does" "lists the area"; do
		skip "the kernel's own tool: $name" "scripts/check-spec has not unpacked it"
	done
fi
check "clear all adapters" r network clear e --all
check_fails "no adapter is left" grep -q '52:54' <(r network list e)
is "but the rest" "$(r host-area get e z)" "hex 00ff"
check "remove one" r host-area remove e z --yes
refused "once" 32779 'nothing is set' r host-area remove e z --yes
check "remove all" r host-area remove e --all --yes
is "nothing is left" "$(r host-area list e)" "the host area of e is empty"

# --- remove ---
"$io" $rep w:0:2M:7 w:32M:1M:8 f || die "cannot write"
refused "home is not current" 32775 'newest state' r remove e --yes
"$io" $rep c:0:2M:7 || die "the refusal has left a trace"
r failover e >/dev/null || die "cannot fail over"
refused "not while failed over" 32775 'revert or commit first' r remove e --flatten --yes
r revert e --yes >/dev/null || die "cannot revert"
r test-failover start e >/dev/null || die "no test"
refused "not with a test" 32774 'test failover' r remove e --flatten --yes
r test-failover stop e --yes >/dev/null || die "cannot stop"
holder $live
refused "not while a device is open" 32774 "$held" r remove e --flatten --yes
let_go
holder $rep
refused "also the replica device" 32774 "$held" r remove e --flatten --yes
let_go
check "slowly" r settings e --vacuum-rate 512K
check "remove, moving all home first" r remove e --flatten --yes --no-wait
is "the state is Disabled" "$(field e state)" 0
check_fails "the devices are offline" "$io" $rep r:0:4K
refused "no operation" 32775 'being removed' r recovery-point create e
r detach e >/dev/null || die "cannot detach"
check "after an attach" r attach e
check "faster" r settings e --vacuum-rate unlimited
check "it goes on and comes to its end" r remove e --yes
check_fails "the store is a store no more" r check /dev/vm/s0
check_fails "the system is not known" r status e
check "home alone holds the disk" "$io" /dev/vm/d0 c:0:2M:7 c:32M:1M:8
check "a new one can be made of them" r create e --store /dev/vm/s0 --disk vda=/dev/vm/d0
check "the module unloads" unload_module
