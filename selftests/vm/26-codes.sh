#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Each of the fourteen return codes, provoked on a real system: over netlink, by replicactl's
# exit status, and with its effects.
# vm: --disk st=64M --disk h=16M --disk g=16M
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"

ktap_plan 102
load_module
modprobe dm-delay || die "no dm-delay"

# --- one system, its store and its first home on devices that can be exchanged ----

size=131072
swap() {	# NAME TABLE
	dmsetup load "$1" --table "$2" || die "dmsetup"
	dmsetup suspend --noflush --nolockfs "$1" || die "dmsetup"
	dmsetup resume "$1" || die "dmsetup"
}
raw="0 $size linear $(dev st) 0"
plain="0 $size linear /dev/mapper/below 0"
# Superblock writes take four seconds: time to exchange the devices below.
slow="0 512 delay /dev/mapper/below 0 0 /dev/mapper/below 0 4000
512 $((size - 512)) linear /dev/mapper/below 512"
dmsetup create below --table "$raw" || die "dmsetup"
dmsetup create store --table "$plain" || die "dmsetup"
dmsetup create home --table "0 32768 linear $(dev h) 0" || die "dmsetup"
make_system c /dev/mapper/store vda=/dev/mapper/home vdb=g -- --chunk-size 16K
hold c
uuid=$(field c uuid)
rep=/dev/mapper/c-vda-replica live=/dev/mapper/c-vda
# shellcheck disable=SC2034 # refused reads it
watched=st:4M

# answers NAME "errno ERRNO code CODE" REQUEST...: over netlink, and nothing changes
# unless the errno is 0.
answers() {
	local name=$1 want=$2 said before
	shift 2
	before="$(watched_sums) $(numbers)"
	said=$("$nl" "$@")
	case $want in
	'errno 0 '*) ;;
	*) [ "$before" = "$(watched_sums) $(numbers)" ] || said="something has changed: $said" ;;
	esac
	case $said in
	"$want "*) ok "$name" ;;
	*) is "$name" "$said" "$want" ;;
	esac
}
numbers() { "$nl" get "$uuid"; }
# ends NAME CODE COMMAND...: replicactl succeeds and prints CODE first.
ends() {
	local name=$1 want=$2 said rc
	shift 2
	said=$("$@" 2>&1 </dev/null)
	rc=$?
	is "$name" "$rc $(grep -Eo "^$want [A-Z]" <<<"$said" | head -n 1)" "0 $want ${letter[$want]}"
}
declare -A letter=([0]=C [4096]=J)
failover() { r failover c >/dev/null || die "cannot fail over"; }
write() { "$io" "$@" f || die "cannot write"; }

# --- 32776, 32770: requests that netlink and the module do not take -------------

answers "32776: a number that is too short" "errno 22 code -" initiate "$uuid" 8:hex=0000
answers "32776: one that is too long" "errno 22 code -" initiate "$uuid" 8:u64=1
answers "32776: a UUID that is too short" "errno 34 code -" initiate 0011
answers "32776: an attribute that is not for it" "errno 22 code -" initiate "$uuid" 12:u32=1
answers "32776: a value out of its range" "errno 34 code -" vacuum "$uuid" hold=2
answers "32770: an operation that the module does not know" "errno 95 code -" 99 "$uuid"
answers "32770: one that is not for asking" "errno 95 code -" 8 "$uuid"

# The tools' reaction to an errno without a code, and to a code.
lib() {
	python3 -c 'import ctypes, sys
lib = ctypes.CDLL(sys.argv[1])
print(*[getattr(lib, sys.argv[2])(int(n)) for n in sys.argv[3:]])' \
		"$VM_SRC/build/userspace/libdmreplica.so.0" "$@"
}
is "EPERM EACCES EOPNOTSUPP EIO ETIMEDOUT EINVAL ERANGE EBUSY ESTALE ENODEV ENXIO ENOMEM ENOENT EROFS" \
	"$(lib dmreplica_code_of_errno 1 13 95 5 110 22 34 16 116 19 6 12 2 30)" \
	"32769 32769 32770 32771 32772 32776 32776 32774 32775 32777 32777 32778 32779 32768"
is "the exit status of each code" \
	"$(lib dmreplica_exit_status 0 4096 32768 32769 32770 32771 32772 32773 32774 32775 32776 32777 32778 32779)" \
	"0 0 1 2 3 4 5 6 7 8 9 10 11 12"

# --- 0, 4096 ---------------------------------------------------------------------

answers "0: a point" "errno 0 code 0 job" point-new "$uuid"
ends "0: by replicactl" 0 r failover c
write $live w:0:64K
answers "4096: a revert of written data, with its job" "errno 0 code 4096 job" revert "$uuid"
id=$(json id job list c)
check "the job is listed" [ -n "$id" ]
failover
write $live w:0:64K
ends "4096: by replicactl" 4096 r revert c --yes --no-wait
failover
ends "0: a revert of nothing" 0 r revert c --yes

# --- 32769 -----------------------------------------------------------------------

user() { setpriv --reuid 65534 --regid 65534 --clear-groups -- "$@"; }
check "an ordinary user may look" user "$nl" get "$uuid"
is "32769: but not change" "$(user "$nl" point-new "$uuid")" "errno 1 code - "
is "32769: nor with CAP_NET_ADMIN alone" \
	"$(setpriv --bounding-set -sys_admin -- "$nl" point-new "$uuid" | cut -d' ' -f 1-4)" "errno 1 code 32769"
refused "32769: by replicactl" 32769 . user "$REPLICACTL" recovery-point create c

# --- 32773, 32774, 32775, 32779 ----------------------------------------------------

answers "32773: points are numbered from 1" "errno 22 code 32773" initiate "$uuid" point=0
answers "32773: a mark of 101 percent" "errno 22 code 32773" settings-set "$uuid" 9:u32=101
answers "32773: a key with a blank" "errno 22 code 32773" host-set "$uuid" 3:hex=61206200 4:hex=31
answers "32773: an empty key" "errno 22 code 32773" host-set "$uuid" 3:str= 4:hex=31
answers "32773: not even with the flag" "errno 22 code 32773" host-set "$uuid" 3:str= 6:flag=1
answers "32773: an empty value" "errno 22 code 32773" host-set "$uuid" 3:str=k 4:hex=
answers "32773: a value for all" "errno 22 code 32773" host-set "$uuid" 3:str=k 4:hex=31 6:flag=1
answers "32773: no key" "errno 22 code 32773" host-set "$uuid" 4:hex=31
long=$(printf 'k%.0s' {1..64})
answers "32776: a key of 64 characters" "errno 22 code -" host-set "$uuid" 3:str="$long" 4:hex=31
answers "0: one of 63" "errno 0 code -" host-set "$uuid" 3:str="${long:1}" 4:hex=31
answers "32779: a key without a value" "errno 2 code 32779" host-set "$uuid" 3:str=k
answers "32779: nor can it be read" "errno 2 code 32779" host-get "$uuid" 3:str=k
answers "32768: more than the host area has" "errno 28 code 32768" host-set "$uuid" 3:str=k 4:hex=8192x00
answers "0: all there is, without the other" "errno 0 code -" host-set "$uuid" 6:flag=1
answers "0: and to the last byte" "errno 0 code -" host-set "$uuid" 3:str=k 4:hex=8187xff
answers "0: which can be read" "errno 0 code" host-get "$uuid" 3:str=k
answers "32768: then there is no room" "errno 28 code 32768" host-set "$uuid" 3:str=l 4:hex=31
is "also in a dump" "$(r host-area list c --json | grep -c '"bytes": *8187')" 1
check "0: by replicactl" r host-area remove c --all --yes
refused "32768: by replicactl" 32768 "no room" r host-area set c k "$(printf 'v%.0s' {1..8188})"
answers "32775: a change of another state" "errno 116 code 32775" host-set "$uuid" 3:str=k 4:hex=31 5:u64=99999
answers "32773: a drain of eleven minutes" "errno 22 code 32773" point-new "$uuid" timeout=660000
answers "32773: no settings" "errno 22 code 32773" settings-set "$uuid"
refused "32773: by replicactl" 32773 "more is to be kept" r settings c --live-reserve 1G
holder $live
answers "32774: a device is open" "errno 16 code 32774" initiate "$uuid"
refused "32774: by replicactl, which names the opener" 32774 "$held" r failover c
let_go
answers "32775: not in this state" "errno 52 code 32775" revert "$uuid"
refused "32775: by replicactl" 32775 "not failed over" r revert c --yes
read -r _ _ _ number _ <<<"$(numbers)"
answers "32775: the state has moved on" "errno 116 code 32775" point-new "$uuid" state=$((number - 1))
answers "0: it has not" "errno 0 code 0 job" point-new "$uuid" state="$number"
failover
refused "32775: by replicactl" 32775 "changed since" r revert c --yes --expect-state "$number"
answers "32779: no such point" "errno 2 code 32779" test-start "$uuid" point=99
answers "32779: no such job" "errno 2 code 32779" job-set "$uuid" 3:u64=99 14:u32=3
answers "32779: no such system" "errno 2 code 32779" revert 00000000111122223333444444444444
refused "32779: by replicactl" 32779 "no such recovery point" r test-failover start c --point 99

# A point that drops others: all of them, or nothing happens.  The failover runs from 2.
answers "0: a point beside it" "errno 0 code 0 job" point-new "$uuid"
answers "32779: no such point to drop" "errno 2 code 32779" point-new "$uuid" drop=3,99
answers "32774: one that a failover runs from" "errno 16 code 32774" point-new "$uuid" drop=3,2
answers "32773: one that is named twice" "errno 22 code 32773" point-new "$uuid" drop=3,1,3
answers "32773: one without a number" "errno 22 code 32773" point-new "$uuid" drop=3,0
answers "32773: more than there can be" "errno 22 code 32773" point-new "$uuid" "drop=$(seq -s, 513)"
refused "32774: by replicactl, which names the point" 32774 \
	"recovery point 2: a failover runs from this point" r recovery-point create c --drop 3,2
is "so does its job" "$(r job list c --json | grep -c 'recovery point 2: a failover runs')" 2
refused "32779: by replicactl, likewise" 32779 "recovery point 99: there is no such" r recovery-point create c --drop 3,99
answers "0: all of them can go" "errno 0 code 0 job" point-new "$uuid" drop=3
is "and no other has gone" "$(point_numbers c | xargs)" "1 2 4"

# --- 32777 -------------------------------------------------------------------------

dmsetup remove c-vdb-test || die "dmsetup"
answers "32777: a disk is not attached" "errno 19 code 32777" revert "$uuid"
refused "32777: by replicactl" 32777 "not attached" r revert c --yes
{ r detach c && r attach c; } >/dev/null || die "cannot attach"
hold c

# --- 32772: openers -----------------------------------------------------------------

holder $live
answers "32772: the device was not closed in a second" "errno 110 code 32772" revert "$uuid" 12:u32=1000
refused "32772: by replicactl, which names the opener" 32772 "$held" r revert c --yes --wait 1

# A revert that waits: its client may cancel it, and others continue meanwhile.
waits() {	# by replicactl
	env --default-signal=INT "$REPLICACTL" revert c --yes --wait 60 >/tmp/said 2>&1 &
	asked=$!
	wait_for 10 grep -q 'waiting for its devices' /tmp/said || die "it does not wait: $(cat /tmp/said)"
	sleep 0.3
}
recalled() {	# SIGNAL
	local before
	before="$(watched_sums) $(numbers)"
	kill -s "$1" $asked
	wait $asked
	is "it is ended by $1" $? $((128 + $(kill -l "$1")))
	sleep 0.3
	is "and nothing has changed" "$(watched_sums) $(numbers)" "$before"
}
waits
recalled INT
waits
recalled TERM
waits
check "while a revert waits a point is made" r recovery-point create c
check "and dropped" r recovery-point drop --yes c 1
sleep 0.5
check "it waits on" kill -0 $asked
recalled INT
waits
before="$(watched_sums) $(numbers)"
sleep 1
is "while the device is open nothing happens" "$(watched_sums) $(numbers)" "$before"
let_go
wait $asked
is "and when it is closed the revert is done" $? 0
is "the state is Replicating" "$(field c state_name)" Replicating

# Another process opens the device now and then, as udev does.  The pauses are the shell's
# own: on a busy machine it takes longer to start a program than they last.
scan() {
	exec 8<> <(:)
	while :; do
		exec 9<>$live
		read -r -t 0.2 -u 8
		exec 9>&-
		read -r -t 0.3 -u 8
	done
}
scan &
scanner=$!
said=''
for n in 1 2 3 4 5 6; do
	{ r failover c && r revert c --yes; } >/tmp/said 2>&1 || said=$(cat /tmp/said)
done
is "a scanner is in the way of no revert" "$said" ""
kill $scanner
wait $scanner 2>/dev/null

# --- 32772: I/O ----------------------------------------------------------------------

reading() {
	local reads
	read -r reads _ <"/sys/dev/block/$(dmsetup info -c --noheadings --separator : \
		-o major,minor "${rep##*/}")/inflight"
	[ "$reads" -gt 0 ]
}
stuck() {	# a read of the replica device that lasts until home continues
	dmsetup suspend --noflush --nolockfs home || die "dmsetup"
	"$io" $rep r:0:4K &
	reader=$!
	wait_for 30 reading || die "no read"
}
stuck
answers "32772: I/O does not end in a second" "errno 110 code 32772" suspend "$uuid" timeout=1000
refused "32772: by replicactl" 32772 "did not end in time" r suspend c --timeout 1
# A point begins a new epoch, and so leaves a trace in memory, but none on disk.
refused "32772: a point" 32772 "did not end in time" r recovery-point create c --timeout 1
refused "32772: and one behind it" 32772 "still have not ended" r recovery-point create c --timeout 1
dmsetup resume home || die "dmsetup"
wait $reader
is "the read ends" $? 0
check "and then a point is made" wait_for 10 r recovery-point create c

# --- 32778 ---------------------------------------------------------------------------

# no_memory: one allocation of the request after the other fails, until the answer is a
# success.
no_memory() {
	local n said before
	for n in {1..40}; do
		before=$(numbers)
		said=$("$nl" point-new "$uuid" fail="$n" 2>/dev/null)
		case $said in
		'errno 12 code - '* | 'errno 12 code 32778 '*)
			[ "$before" = "$(numbers)" ]
			return
			;;
		esac
	done
	echo "$said"
	return 1
}
failslab=/sys/kernel/debug/failslab
mountpoint -q /sys/kernel/debug || mount -t debugfs none /sys/kernel/debug
if [ -e $failslab ]; then
	echo N >$failslab/ignore-gfp-wait
	echo 0 >$failslab/verbose
	check "32778: no memory, and nothing has changed" no_memory
else
	skip "32778: no memory, and nothing has changed" "the kernel has no failslab"
fi

# --- 32768, 32771: the store fails ------------------------------------------------------

# fails_once REQUEST...: a request whose superblock write fails, while the devices below have
# recovered when the next one gets there.
taken_back() { dmesg | grep -q 'taking it back'; }
fails_once() {
	swap store "$slow"
	swap below "0 $size error"
	dmsetup load below --table "$raw" || die "dmsetup"
	"$nl" "$@" >/tmp/said &
	asked=$!
	wait_for 20 taken_back || die "no write has failed"
	dmsetup suspend --noflush --nolockfs below || die "dmsetup"
	dmsetup resume below || die "dmsetup"
	wait $asked
	swap store "$plain"
}
expect_log 'device-mapper: replica: c: superblock write failed'
before=$(numbers)
fails_once suspend "$uuid"
is "32768: a superblock write that was taken back" "$(cut -d' ' -f 1-4 /tmp/said)" "errno 5 code 32768"
is "nothing has changed" "$(numbers)" "$before"
check "the store is as good as ever" r recovery-point create c
failover
write $live w:0:64K

expect_log 'device-mapper: replica: c: critical: '
swap below "0 $size error"
is "32771: a superblock that is in doubt" "$("$nl" revert "$uuid" | cut -d' ' -f 1-4)" \
	"errno 121 code 32771"
answers "32771: the system is critical" "errno 121 code 32771" revert "$uuid"
refused "32771: by replicactl" 32771 "critical" r revert c --yes
swap below "$raw"
refused "32771: also when the store is there again" 32771 "critical" r revert c --yes
r detach c >/dev/null || die "cannot detach"
r attach c >/dev/null || die "cannot attach"
state=$(field c state)
check "after detach and attach it is as before, or as was asked for" expr "$state" : "[35]$"
hold c

# --- 4096 again; and the tools' messages about a system that is not there ---------------

[ "$state" = 5 ] || failover
write $live w:64K:64K
answers "4096: a commit" "errno 0 code 4096 job" commit "$uuid"
release c
r detach c >/dev/null || die "cannot detach"
refused "32777: not attached" 32777 "not attached" r revert c --yes
answers "32779: over netlink" "errno 2 code 32779" revert "$uuid"
"$store_tool" "$(dev st)" set version 999 || die "cannot patch"
refused "32770: a format that is newer" 32770 "another format" r attach c
check "the module unloads" unload_module
