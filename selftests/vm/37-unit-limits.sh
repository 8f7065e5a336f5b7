#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The limits of dm-replica@.service and dm-replica-send@.service leave replicactl what attach,
# detach and a replication need: capabilities, no new privileges, and a file system that is
# read-only but for the directories that the units name
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"
load_module "$@"
ktap_plan 23

of() { sed -n "s/^$1=//p" "$unit"; }
# take_unit NAME: the limits of this unit, as systemd makes them with ProtectSystem=strict,
# ReadWritePaths= and StateDirectory=.
take_unit() {
	local cap caps=-all
	unit=$VM_SRC/build/userspace/$1
	for cap in $(of CapabilityBoundingSet | tr '[:upper:]' '[:lower:]'); do caps=$caps,+${cap#cap_}; done
	diag "$caps"
	cat >/tmp/limited <<-EOF
		mkdir -p /var/lib/$(of StateDirectory)
		for d in $(of ReadWritePaths) /var/lib/$(of StateDirectory) /dev /proc; do mount --rbind \$d \$d || exit 99; done
		mount -o remount,bind,ro / || exit 99
		! touch /var/lib/x 2>/dev/null || exit 98
		exec setpriv --bounding-set "$caps" --no-new-privs "\$@"
	EOF
}
take_unit dm-replica@.service
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

# --- a replication ----------------------------------------------------------------------------

DM_REPLICA_WORKER=${DM_REPLICA_WORKER:-$(dirname "$REPLICACTL")/dm-replica-worker}
export DM_REPLICA_WORKER
take_unit dm-replica-send@.service
make_system m s1 vda=d2 vdb=d3
expect_log 'device-mapper: replica: [lm]: '
r attach l >/dev/null || die "cannot attach"
conf=/etc/dm-replica/replicate.d
mkdir -p $conf
read -r -a start <<<"$(of ExecStart | sed 's/^[^ ]*//; s/%I/l/')"
# What the service runs; its number in $pid.
serve() {
	unshare -m --propagation slave sh /tmp/limited "$REPLICACTL" "${start[@]}" >/tmp/served 2>&1 &
	pid=$!
}
is "without a file" "$(limited "$REPLICACTL" "${start[@]}" 2>&1 | grep -c 'l.conf is not read: No such file')" 1
limited "$REPLICACTL" "${start[@]}" >/dev/null 2>&1
is "it does not start again: its status is of RestartPreventExitStatus" $? "$(of RestartPreventExitStatus)"
printf 'to=exec:%s receive m --two-way\npeer=sitem\ninterval=1s\n' "$REPLICACTL" >$conf/l.conf
chmod 666 $conf/l.conf
is "a file that others may write is not read" "$(limited "$REPLICACTL" "${start[@]}" 2>&1 | grep -c 'others than its owner may write it')" 1
chmod 644 $conf/l.conf
"$io" /dev/mapper/l-vda-replica w:0:1M:1 f || die "cannot write"
at_least() { [ "$(newest m)" -ge "$1" ]; }
serve
check "it replicates" wait_for 90 at_least 3
diag "$(tail -n 3 /tmp/served)"
is "with these limits" "$(grep -c '^NoNewPrivs:.1$' "/proc/$pid/status")" 1
check "its session is shown" grep -q '^      session      connected since .*, each 1 s' <(r status l)
# What systemd does: start it again, beside what a killed one has left.
is "the unit starts it again, however it ends" "$(of Restart)" always
kill -9 $pid
wait $pid 2>/dev/null
goal=$(($(newest m) + 3))
serve
check "after it was killed, it goes on" wait_for 90 at_least $goal
# A refusal that an operator has to end does not end the service.
mv $conf/l.conf $conf/saved
printf 'to=exec:%s receive l --two-way\npeer=sitem\ninterval=1s\n' "$REPLICACTL" >$conf/l.conf
kill $pid
wait $pid 2>/dev/null
is "a stop in a session is no failure of the unit" $? 0
is "nothing is open after its end" "$(field l open_views)" 0
serve
check "a system for its own receiver is refused" wait_for 60 grep -q 'the next attempt is in 60 s' /tmp/served
check "that is shown" grep -q '^      session      refused since' <(r status l)
check "and it is there still" kill -0 $pid
kill $pid
wait $pid 2>/dev/null
is "a stop while it waits is no failure of the unit" $? 0
mv $conf/saved $conf/l.conf
check "after a stop it is not" grep -q '^      session      ended since' <(r status l)
