#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Monitoring: metrics and check-health show what status shows, from before the module is loaded
# to a system that is active on another host; doctor names a home whose volume group is active,
# a home of two systems, and a store that fills up, each with the command that mends it.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"
ktap_plan 36
page=/tmp/dm-replica.prom
metrics() { r metrics --output $page; }
# metric NAME LABELS: its value in the page
metric() { sed -n "s/^dm_replica_$1{system=\"w\"$2} //p" $page; }
# health STATUS REGEX: of check-health, in its first line
health() {
	local status=$1 regex=$2 said rc
	shift 2
	said=$(r check-health "$@" 2>/dev/null)
	rc=$?
	if [ $rc != "$status" ] || ! head -n 1 <<<"$said" | grep -qE "$regex"; then
		echo "status $rc: $said"
		return 1
	fi
}
# doctor CHECK REGEX COMMAND
doctor() {
	local said
	said=$(r doctor 2>&1)
	grep -A1 -E "^$1 +FAULT: $2" <<<"$said" | grep -qE "^ +$3" || { echo "$said"; return 1; }
}
well() { ! r doctor 2>&1 | grep -E "^$1 +FAULT"; }

# --- before the module ---
check "metrics before the module is loaded" metrics
check "all was read" grep -qx 'dm_replica_scrape_success 1' $page
check "check-health then" health 3 '^DMREPLICA UNKNOWN - module dm-replica is not loaded$'
check_fails "neither loads it" test -e /sys/module/dm_replica

# --- a system, and its failover ---
load_module
s0=$(dev s0) d0=$(dev d0)
make_system w s0 vda=d0
check "check-health of a new system" health 1 '^DMREPLICA WARNING - w: no point \| w_slots=0%;80;95;0;100$'
"$io" /dev/mapper/w-vda-replica w:0:1M:1 f || die "cannot write"
point w
check "with a point" health 0 '^DMREPLICA OK - w: Replicating \| w_slots=[0-9]+%;80;95;0;100 w_point_age=[0-9]+s;;;0$'
r failover w >/dev/null || die "cannot fail over"
"$io" /dev/mapper/w-vda w:0:192K:2 f || die "cannot write"
hold w
metrics
is "attached" 1 "$(metric system_attached)"
is "state" 1 "$(metric system_state ',state="Recovered"')"
is "no other state" 1 "$(grep -c '^dm_replica_system_state.* 1$' $page)"
is "health" "$(field w health)" "$(metric health)"
is "points" 1 "$(metric points)"
is "written to the failover" "$(field w live_bytes)" "$(metric live_written_bytes)"
for name in slots slots_used slots_reserved; do
	is "$name" "$(field w $name)" "$(metric store_$name)"
done
is "size of the store" "$(field w store_bytes)" "$(metric store_size_bytes)"
is "blocks of the log" "$(field w log_blocks)" "$(metric log_blocks)"
is "log in use" "$(field w log_used)" "$(metric log_used)"
is "replicated" "$(field w replicated_bytes)" "$(metric replicated_bytes_total)"
is "points made" "$(field w points_made)" "$(metric points_made_total)"
since=$(metric live_since_timestamp_seconds)
is "since" "$(field w live_time | sed 's/......$//')" "${since/./}"
is "newest point" "$(metric oldest_point_timestamp_seconds)" "$(metric newest_point_timestamp_seconds)"
is "errors" 0 "$(metric device_errors_total ',disk="vda"')"
release w

# --- a store that fills up ---
check "doctor has nothing to say of space" well space
# What is kept for the failover counts as used.
r settings w --space-low 10 --space-critical 90 --live-reserve $(($(field w slots) * 65536 / 5)) >/dev/null ||
	die "cannot set the marks"
check "check-health past the mark" wait_for 10 health 1 '^DMREPLICA WARNING - w: low space \([0-9]+ %\) \| w_slots=[0-9]+%;10;90;0;100 '
check "doctor" doctor space 'w: store .* slots used' "lvextend -L \+SIZE .*; replicactl grow w$"
r settings w --space-low 80 --space-critical 95 >/dev/null || die "cannot set the marks"

# --- another host ---
dd if="$s0" of="$(dev s1)" bs=1M count=64 conv=fsync 2>/dev/null || die "cannot copy"
r revert w --yes >/dev/null || die "cannot revert"
r detach w >/dev/null || die "cannot detach"
metrics
is "not attached" 0 "$(metric system_attached)"
is "no more of it" '' "$(metric points)"
check "check-health of a detached system" health 2 '^DMREPLICA CRITICAL - w: not attached$'
conf=$(find /etc/dm-replica/systems.d -name w.conf)
sed -i "s|^store=.*|store=$(dev s1)|" "$conf"
export DM_REPLICA_MACHINE_ID=22222222222222222222222222222222
check "of one that is active on another host" health 0 '^DMREPLICA OK - w: active on another host$'
unset DM_REPLICA_MACHINE_ID
sed -i "s|^store=.*|store=$s0|" "$conf"

# --- a home that LVM has activated, and a home of two systems ---
export LVM_SYSTEM_DIR=/tmp/lvm LVM_SUPPRESS_FD_WARNINGS=1
mkdir -p /tmp/lvm
cat >/tmp/lvm/lvm.conf <<END
devices { dir = "/dev" scan = [ "/dev" ] obtain_device_list_from_udev = 0 external_device_info_source = "none" use_devicesfile = 0 sysfs_scan = 1
 global_filter = [ "a|^$d0\$|", "r|.*|" ] }
global { locking_dir = "/tmp/lvm" event_activation = 0 use_lvmpolld = 0 }
activation { udev_sync = 0 udev_rules = 0 monitoring = 0 }
backup { backup = 0 archive = 0 }
END
check "doctor of homes that are not in use" well home-in-use
check "LVM's filter" well lvm-filter
said=$(lvm pvcreate -ff -y "$d0" 2>&1 && lvm vgcreate guest-vg "$d0" 2>&1 &&
	lvm lvcreate -ay -Zn -Wn -l 100%FREE -n root guest-vg 2>&1) || die "no volume group: $said"
check "of one whose volume group is active" doctor home-in-use \
	'w: home .* of disk vda is in use by logical volume guest--vg-root' 'vgchange -an guest-vg$'
lvm vgchange -an guest-vg >/dev/null 2>&1
check "after that command" well home-in-use
sed "s/^name=.*/name=x/; s/^uuid=.*/uuid=11111111-2222-3333-4444-555555555555/; s|^store=.*|store=$(dev s2)|" "$conf" >"${conf%/*}/x.conf"
check "of a home of two systems" doctor shared 'w: home .* shares storage with system x|shared +FAULT: x: home .* system w' 'attach neither'
rm "${conf%/*}/x.conf"
check "of one" well shared
