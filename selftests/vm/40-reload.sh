#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Commands of dmsetup that an administrator may run by hand, while the devices are written to:
# status and table in all forms, suspend and resume, also of all devices, tables loaded again,
# wrong tables, devices removed.  None of them loses a write, changes the state, or leaves a
# device that cannot be used again.
# runs on: um 6.1 (dm core differs between the series)
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"
ktap_plan 68
load_module "$@"

live=/dev/mapper/t-vda rep=/dev/mapper/t-vda-replica
devices='t-vda t-vda-replica t-vda-test t-vdb t-vdb-replica t-vdb-test'
s0=$(dev s0) d0=$(dev d0) d1=$(dev d1) d2=$(dev d2)
no() { stat -L -c %Hr:%Lr "$1"; }

# load DEVICE TABLE: into the inactive slot.
load() { dmsetup load "$1" --table "$2"; }
# reload DEVICE [TABLE]: the same one if none is given.
reload() { load "$1" "${2:-$(dmsetup table "$1")}" && dmsetup resume "$1"; }
active() { [ "$(dmsetup info -c --noheadings -o suspended "$1")" = Active ]; }

make_system t s0 vda=d0 vdb=d1
"$io" $rep w:0:64K:1 f || die "cannot write"
point t
r failover t >/dev/null || die "cannot fail over"
state_number=$(field t state_number)

# --- status and table ------------------------------------------------------

size=$(blockdev --getsz "$d0")
host=$(dmsetup table t-vda-replica | sed -n 's/.* 4 \(host [0-9a-f]\{32\} boot [0-9a-f]\{32\}\)$/\1/p')
[ -n "$host" ] || diag "no host in the table: $(dmsetup table t-vda-replica)"
is "table of a replica device" "$(dmsetup table t-vdb-replica)" \
	"0 $size replica $(no "$s0") 1 $(no "$d1") 4 $host"
is "of a failover device" "$(dmsetup table t-vda)" "0 $size replica-overlay $(no $rep) live"
is "of a test device" "$(dmsetup table t-vda-test)" "0 $size replica-overlay $(no $rep) test"
"$io" $live w:1M:64K:2 w:2M:4K:2 f || die "cannot write"
total=$(field t slots)
is "status of a replica device" "$(dmsetup status t-vda-replica)" "0 $size replica 5 2/$total 2 1 ok"
is "of a failover device: with the sectors written" "$(dmsetup status t-vda)" "0 $size replica-overlay 5 online 136"
is "of one that nothing was written to" "$(dmsetup status t-vdb)" "0 $size replica-overlay 5 online 0"
is "of a test device" "$(dmsetup status t-vda-test)" "0 $size replica-overlay 5 offline 0"
measured() { dmsetup measure "$1" | grep -o 'target_name=.*'; }
is "as measured for IMA: a replica device" "$(measured t-vda-replica)" \
	"target_name=replica,target_version=1.0.0,store=$(no "$s0"),disk=0,home=$(no "$d0");"
is "a failover device" "$(measured t-vda)" "target_name=replica-overlay,target_version=1.0.0,replica=$(no $rep),view=live;"

# --- while written to -------------------------------------------------------

# writer VIEW STAMP: whole and part blocks, until it is stopped; all of it is read back.
writer() {
	local n=$2
	until [ -e /tmp/stop ]; do
		n=$((n + 1))
		"$io" "$1" m:4M:64K:4K:50:$n m:32M:20K:1K:80:$n f \
			c:4M:4K:$n c:7232K:4K:$n c:32M:1K:$n c:34348K:1K:$n || return
		echo $n >"/tmp/${1##*/}.n"
	done
}
each() {	# COMMAND DEVICE... : of each device, DEVICE being %
	local d
	for d in $devices; do "${@//%/$d}" || return; done
}
tables=$(dmsetup table | grep ^t- | sort)
beside live writer $live 1000
beside rep writer $rep 2000
wait_for 20 test -s /tmp/t-vda.n -a -s /tmp/t-vda-replica.n
cycle() { dmsetup suspend "$@" && dmsetup resume "${*: -1}"; }
check "suspend and resume of each device" each cycle %
check "the same without a flush" each cycle --noflush --nolockfs %
check "the same table loaded again" each reload %
check "three times over" eval 'each reload % && each reload % && each reload %'
cleared() { load "$1" "$(dmsetup table "$1")" && dmsetup clear "$1"; }
check "a table loaded and cleared" each cleared %
check "suspend and load and resume" each eval 'dmsetup suspend % && reload %'

check "suspend of the replica devices" eval 'dmsetup suspend t-vda-replica && dmsetup suspend t-vdb-replica'
n=$(cat /tmp/t-vda.n)
check "does not stop the guest" wait_for 20 eval "[ \$(cat /tmp/t-vda.n) -gt $((n + 1)) ]"
refused "no recovery point meanwhile" 32777 "." r recovery-point create t
refused "nor a revert" 32777 "." r revert t --yes
check "resume" eval 'dmsetup resume t-vda-replica && dmsetup resume t-vdb-replica'
check "suspend of all devices" each dmsetup suspend %
is "none of them has a status" "$(dmsetup status | grep '^t-' | cut -d' ' -f 5 | sort -u)" "-"
check "resume in another order" dmsetup resume t-vdb-test t-vda-test t-vda t-vdb t-vdb-replica t-vda-replica
n=$(cat /tmp/t-vda.n) m=$(cat /tmp/t-vda-replica.n)
check "writing goes on" wait_for 20 eval \
	"[ \$(cat /tmp/t-vda.n) -gt $((n + 1)) ] && [ \$(cat /tmp/t-vda-replica.n) -gt $((m + 1)) ]"
: >/tmp/stop
check "no write to the failover device was lost" went_well live 100
check "nor one to the replica" went_well rep 100
is "the tables are the same" "$(dmsetup table | grep ^t- | sort)" "$tables"
is "the state has not moved" "$(field t state_name) $(field t state_number)" "Recovered $state_number"

# --- wrong tables -----------------------------------------------------------

# wrong NAME DEVICE TARGET-AND-ARGUMENTS [SECTORS]: it is refused, at once or when
# it is to begin, and the device works on with the table it had.
wrong() {
	local name=$1 dev=$2 had
	had=$(dmsetup table "$2")
	if reload "$dev" "0 ${4:-$size} $3" 2>/dev/null; then
		diag "the table is in force: $(dmsetup table "$dev")"
		not_ok "$name"
	elif ! active "$dev"; then
		diag "it is suspended, with the table $(dmsetup table --inactive "$dev") / $(dmsetup table "$dev")"
		not_ok "$name"
	else
		dmsetup clear "$dev"
		is "$name" "$(dmsetup table "$dev")" "$had"
		return
	fi
	# Not to stand in the way of the rest.
	reload "$dev" "$had" || die "the table that it had is refused"
}
expect_log 'device-mapper: (table|ioctl|replica): (?!.*critical)'
wrong "a replica table without a home" t-vda-replica "replica $s0 0"
wrong "with a disk number that is none" t-vda-replica "replica $s0 first $d0"
wrong "with an unknown feature" t-vda-replica "replica $s0 0 $d0 1 frobnicate"
wrong "with a number of features that is wrong" t-vda-replica "replica $s0 0 $d0 3 takeover"
wrong "with a device that is not there" t-vda-replica "replica /dev/vm/none 0 $d0"
wrong "with the store as home" t-vda-replica "replica $s0 0 $s0"
wrong "with another home" t-vda-replica "replica $s0 0 $d2"
wrong "with the other disk's number" t-vda-replica "replica $s0 1 $d0"
wrong "with the other disk's number and home" t-vda-replica "replica $s0 1 $d1"
wrong "with a disk that there is not" t-vda-replica "replica $s0 7 $d0"
wrong "with a store that is none" t-vda-replica "replica $d2 0 $d0"
wrong "with another size" t-vda-replica "replica $s0 0 $d0" $((size - 8))
wrong "a failover table without a word" t-vda "replica-overlay $rep"
wrong "with a word that is none" t-vda "replica-overlay $rep alive"
wrong "with a home for a replica device" t-vda "replica-overlay $d0 live"
wrong "with a failover device for a replica device" t-vda "replica-overlay $live live"
wrong "for another view" t-vda "replica-overlay $rep test"
wrong "for another disk" t-vda "replica-overlay /dev/mapper/t-vdb-replica live"
wrong "a replica table on a failover device" t-vda "replica $s0 0 $d0"

holds() {	# VIEW STAMP: the view has the last write of its writer
	local n at=()
	for ((n = 0; n < 50; n++)); do at+=("c:$((4096 + n * 64))K:4K:$2"); done
	for ((n = 0; n < 80; n++)); do at+=("c:$((32768 + n * 20))K:1K:$2"); done
	"$io" "$1" "${at[@]}" c:0:64K:1
}
check "after all of it the failover device works" "$io" $live w:3M:64K:8 f c:3M:64K:8 c:1M:64K:2
check "and the replica" "$io" $rep w:3M:64K:9 f c:3M:64K:9 c:0:64K:1
check "and holds what it held" holds $live "$(cat /tmp/t-vda.n)"
check "and the replica" holds $rep "$(cat /tmp/t-vda-replica.n)"
is "the state has not moved" "$(field t state_name) $(field t state_number)" "Recovered $state_number"

# --- removed ----------------------------------------------------------------

check_fails "a replica device under failover devices is not removed" dmsetup remove t-vda-replica
holder $live
check_fails "nor one that is open" dmsetup remove t-vda
let_go
check "an unused failover device is" dmsetup remove t-vda
check "the replica goes on" "$io" $rep w:3M:64K:9 f c:3M:64K:9
refused "a revert with a device missing" 32777 "." r revert t --yes
check "it can be made again" dmsetup create t-vda --table "0 $size replica-overlay $rep live"
check "and shows what was written" "$io" $live c:3M:64K:8
dmsetup remove t-vda || die "dmsetup"
check "detach with a device missing" r detach t
check "attach makes all of them" r attach t
is "all six" "$(dmsetup ls | grep -c '^t-')" 6
check "nothing is lost" holds $live "$(cat /tmp/t-vda.n)"
check "on either" holds $rep "$(cat /tmp/t-vda-replica.n)"
check "revert" r revert t --yes
check "detach" r detach t
check "check finds nothing wrong" r check "$s0"
check "the module unloads" unload_module
