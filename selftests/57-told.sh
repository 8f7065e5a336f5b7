#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What the operator hears: attaching and detaching is no alarm, who asked for what, a
# replica that nothing is written to, a clock that jumps, a module that comes and goes, and
# a network namespace that cannot see it.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"

ktap_plan 14
heard=/tmp/heard
said() { wait_for 20 grep -q "$1" $heard; }

# --- monitor: before there is a module, and over its life ---
r monitor --json >$heard 2>&1 &
monitor=$!
at_exit "kill $monitor 2>/dev/null"
check "monitor without the module" said '"event":"unloaded"'
load_module
check "the module comes" said '"event":"loaded"'
make_system o s0 vda=d0 vdb=d1
rep=/dev/mapper/o-vda-replica
check "a system comes" said '"event":"attached",.*"system_name":"o"'
"$io" $rep w:0:1M:1 f || die "cannot write"
point o
: >$heard
r detach o >/dev/null || die "cannot detach"
check "a system goes" said '"event":"detached",.*"system_name":"o"'
r attach o >/dev/null || die "cannot attach"
check "and comes again" said '"event":"attached",.*"system_name":"o"'
check_fails "neither is an alarm" grep '"health":3' $heard
check_fails "nor a change of health" grep '"event":"health"' $heard
: >$heard
dmsetup wipe_table o-vdb-replica || die "dmsetup"
check "a disk that is missing is one" said '"event":"health",.*"health":3,.*"incomplete"'
r detach o >/dev/null || die "cannot detach"
: >$heard
unload_module || die "cannot unload"
check "the module goes" said '"event":"unloaded"'
load_module
check "and comes back" said '"event":"loaded"'
r attach o >/dev/null || die "cannot attach"
check "with the system" said '"event":"attached",.*"system_name":"o"'
check_fails "nothing was lost" grep '"event":"lost"' $heard

# --- a network namespace of its own ---
refused "status from elsewhere" 32777 'network namespace' unshare -n "$REPLICACTL" status o
refused "monitor, too" 32777 'network namespace' unshare -n "$REPLICACTL" monitor
