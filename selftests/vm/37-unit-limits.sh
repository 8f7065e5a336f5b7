#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The limits of dm-replica@.service leave replicactl what attach and detach need:
# capabilities, no new privileges, and a file system that is read-only but for the directories
# that the unit names
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"
load_module "$@"
ktap_plan 8

unit=$VM_SRC/build/userspace/dm-replica@.service
of() { sed -n "s/^$1=//p" "$unit"; }
caps=-all
for cap in $(of CapabilityBoundingSet | tr '[:upper:]' '[:lower:]'); do caps=$caps,+${cap#cap_}; done
diag "$caps"

# As systemd does with ProtectSystem=strict, ReadWritePaths= and StateDirectory=.
cat >/tmp/limited <<EOF
mkdir -p /var/lib/$(of StateDirectory)
for d in $(of ReadWritePaths) /var/lib/$(of StateDirectory) /dev /proc; do mount --rbind \$d \$d || exit 99; done
mount -o remount,bind,ro / || exit 99
! touch /var/lib/x 2>/dev/null || exit 98
exec setpriv --bounding-set "$caps" --no-new-privs "\$@"
EOF
limited() { unshare -m --propagation slave sh /tmp/limited "$@"; }
as_unit() {
	local words=()
	read -r -a words <<<"$(of "$1")"
	limited "$REPLICACTL" "${words[1]}" l "${words[@]:3}"
}

make_system l s0 vda=d0 vdb=d1
r detach l >/dev/null || die "cannot detach"
limited cat /proc/self/status >/tmp/status
is "the limits are in force" "$(grep -c -E '^NoNewPrivs:.1$|^CapEff:.0000000008280004$' /tmp/status)" 2
# prints TEXT COMMAND...: it prints TEXT; its status is another matter
prints() { "${@:2}" >/tmp/printed 2>&1; grep -q "$1" /tmp/printed; }

check "attach" as_unit ExecStart
is "all devices are there" "$(dmsetup ls | grep -c '^l-')" 6
check "a second start" prints 'is attached already$' as_unit ExecStart
holder /dev/mapper/l-vda
check "detach names the holder" prints "in process $held " limited "$REPLICACTL" detach l
let_go
check "detach" as_unit ExecStop
is "none is there" "$(dmsetup ls | grep -c '^l-')" 0
check "a second stop" prints 'is not attached$' as_unit ExecStop
