#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Points received from another system in the same kernel (R18): whole and in part, cut by a
# detach and by a crash, given up, beside failovers, and from a sender that is wrong or hostile.
# Each point received is the sender's, byte for byte.
# vm: --disk ss=96M --disk sa=16M --disk sb=8M
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"
. "$(dirname "$0")/hold.sh"

ktap_plan 153
load_module
hold_disks 64 16 8
make_system s ss vda=sa vdb=sb -- --chunk-size 16K
make_system t /dev/nbd0 vda=/dev/nbd1 vdb=/dev/nbd2
expect_log 'device-mapper: replica: [stf]: '
sender=$(field s uuid) uuid=$(field t uuid)
repa=/dev/mapper/t-vda-replica repb=/dev/mapper/t-vdb-replica
# Before a first promotion the generation's UUID is that of the relationship.
rel=$sender gen=$sender

# copy FROM TO DISK OFFSET [COUNT]: write what the sender has changed, from a place on, at most
# COUNT extents, to the replica devices, and flush; print the place that is reached.
cat >/tmp/copy.py <<'END'
import fcntl, json, mmap, os, struct, subprocess, sys
BLKZEROOUT = 0x127f
tool, first, last = sys.argv[1], sys.argv[2], sys.argv[3]
place, count = [int(n) for n in sys.argv[4:6]], int(sys.argv[6]) if len(sys.argv) > 6 else 1 << 30
command = [tool, 'changes', 's', '--to', last, '--json'] + (['--from', first] if first != '0' else [])
disks = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
disks = disks['disks'] if isinstance(disks, dict) else disks
area = mmap.mmap(-1, 1 << 20)
out = [os.open(f'/dev/mapper/t-{d["name"]}-replica', os.O_RDWR | os.O_DIRECT | os.O_EXCL) for d in disks]
for disk, d in enumerate(disks):
    source = os.open(f'/dev/mapper/s-{d["name"]}@{last}', os.O_RDONLY | os.O_DIRECT)
    for e in d['extents']:
        at, end = e['offset'], e['offset'] + e['length']
        if [disk, end] <= place or not count:
            continue
        count -= 1
        if e['zero']:
            fcntl.ioctl(out[disk], BLKZEROOUT, struct.pack('QQ', at, end - at))
        while at < end and not e['zero']:
            n = min(end - at, len(area))
            view = memoryview(area)[:n]
            assert os.preadv(source, [view], at) == n
            assert os.pwritev(out[disk], [view], at) == n
            at += n
        place = [disk, end]
    os.close(source)
for fd in out:
    os.fsync(fd)
print(*(place if not count else [len(disks), 0]))
END
copy() { python3 /tmp/copy.py "$REPLICACTL" "$@"; }

# asked COMMAND...: errno and code of the answer of system t.
asked() { "$nl" "$1" "$uuid" "${@:2}" | cut -d' ' -f 1-4; }
done_='errno 0 code 0' state_='errno 52 code 32775' value_='errno 22 code 32773'
# stream UUID-BYTE BASE POINT: attributes of a begin; others may follow, the last one counts.
stream() {
	echo "21:hex=16x$1 22:hex=$rel point=$3 25:hex=$gen 26:u64=1 27:u64=$((1000 + $3))"
	[ "$2" = 0 ] || echo "23:u64=$2 24:hex=$gen"
}
# A receiver is one for as long as its socket is open (R18): its requests go over this one.
receiver() {
	rm -f /tmp/requests /tmp/answers
	mkfifo /tmp/requests /tmp/answers
	"$nl" - </tmp/requests >/tmp/answers &
	receiver=$!
	exec 8>/tmp/requests 9</tmp/answers
}
dismiss() {
	exec 8>&- 9<&-
	wait $receiver
}
begin() {
	local answer
	# shellcheck disable=SC2046
	echo receive-begin "$uuid" $(stream "$@") "${@:4}" >&8
	read -r -u 9 answer && cut -d' ' -f 1-4 <<<"$answer"
}
end() { asked receive-end "21:hex=16x$1" "${@:2}"; }
abort() { asked receive-abort "21:hex=16x$1"; }
mark() { asked receive-mark "21:hex=16x$1" "28:u32=$2" "29:u64=$3"; }
# mark answers by netlink's own acknowledgement.
marked='errno 0 code -'
cursor() { r status t --json | tr -d ' \n' | grep -o '"disk":[0-9]*,"offset":[0-9]*' | tr -dc '0-9,' ; }
wrote() {	# STAMP: on both disks of the sender, some of it anew, some of it zeroes
	"$io" /dev/mapper/s-vda-replica "w:$(($1 * 64))K:256K:$1" w:4M:64K:"$1" "z:$((8 + $1 % 4))M:128K" \
		"m:12M:36K:4K:40:$1" o:/dev/mapper/s-vdb-replica "w:$(($1 * 100))K:52K:$1" f || die "cannot write"
}
sent() {	# the next point of the sender, with its devices
	wrote "$1"
	r recovery-point create s --label "p$1" >/dev/null || die "no point"
	r recovery-point open s "$1" >/dev/null || die "cannot open"
}
sum() { "$io" "$1" h:0:16M o:"$2" h:0:8M; }
# same POINT: is the point the sender's, on both disks?
same() {
	local theirs ours
	r recovery-point open t "$1" >/dev/null || return
	theirs=$(sum "/dev/mapper/s-vda@$1" "/dev/mapper/s-vdb@$1")
	ours=$(sum "/dev/mapper/t-vda@$1" "/dev/mapper/t-vdb@$1")
	r recovery-point close t "$1" >/dev/null && [ "$theirs" = "$ours" ]
}
listed() { point_numbers t | paste -sd' '; }
reasons() { r status t --json | grep -c '"reason_name": *"aborted"'; }
writes_fail() { ! "$io" $repa w:0:4K:99 2>/dev/null && ! "$io" $repb z:0:4K 2>/dev/null; }

receiver

# --- before the first stream ---------------------------------------------------

"$io" /dev/mapper/s-vda-replica w:0:16M:200 o:/dev/mapper/s-vdb-replica w:0:4M:201 f || die "cannot write"
"$io" $repa w:0:16M:77 o:$repb w:0:8M:78 f || die "cannot write"
is "nothing to mark" "$(mark 71 0 0)" "$state_"
is "nothing to end" "$(end 71)" "$state_"
is "nothing to give up" "$(abort 71)" "$state_"
point t
is "a system with points of its own receives nothing" "$(begin 71 0 2)" "$state_"
is "nor changes from one of them" "$(begin 71 1 2)" "$state_"
r recovery-point drop t 1 --yes >/dev/null || die "cannot drop"
sent 1
is "a number that was used here" "$(begin 71 0 1)" "$state_"
sent 2

# --- wrong and hostile begins --------------------------------------------------

hold t
sums=$(sb_sum /dev/nbd0)
is "no point to come" "$(begin 71 0 0)" "$value_"
is "one beyond all numbers" "$(begin 71 0 $((1 << 62)))" "$value_"
is "the largest that has no next one" "$(begin 71 0 $(((1 << 62) - 1)))" "$value_"
is "one below its base" "$(begin 71 3 2)" "$value_"
is "its own base" "$(begin 71 2 2)" "$value_"
is "a base that is not here" "$(begin 71 1 2)" "$state_"
is "a stream without a UUID" "$(begin 00 0 2)" "$value_"
gen=00000000000000000000000000000000
is "a generation without one" "$(begin 71 0 2)" "$value_"
gen=$sender
rel=00000000000000000000000000000000
is "a relationship without one" "$(begin 71 0 2)" "$value_"
rel=$sender
bare="21:hex=16x71 22:hex=$rel point=2 25:hex=$gen"
# shellcheck disable=SC2086
{
	is "a generation that begins behind the point" "$(asked receive-begin $bare 26:u64=3 27:u64=1)" "$value_"
	is "at no number" "$(asked receive-begin $bare 26:u64=0 27:u64=1)" "$value_"
	is "a time that no clock shows" "$(asked receive-begin $bare 26:u64=1 27:u64=0x8000000000000000)" "$value_"
	is "no time" "$(asked receive-begin $bare 26:u64=1)" "$value_"
	is "no generation's beginning" "$(asked receive-begin $bare 27:u64=1)" "$value_"
	is "a label with a NUL" "$(asked receive-begin $bare 26:u64=1 27:u64=1 5:hex=6100620000)" "$value_"
	is "a label with control characters" "$(asked receive-begin $bare 26:u64=1 27:u64=1 5:hex=1b5b324a00)" "$value_"
	is "a label without an end" "$(asked receive-begin $bare 26:u64=1 27:u64=1 5:hex=39x61 | cut -d' ' -f 1,2)" "errno 22"
	is "an unknown kind" "$(asked receive-begin $bare 26:u64=1 27:u64=1 4:u32=4 | cut -d' ' -f 1,2)" "errno 34"
}
check "point-new takes no NUL either" [ "$("$nl" point-new "$sender" 5:hex=6100620000 | cut -d' ' -f 1-4)" = "$value_" ]
is "nothing has changed" "$(sb_sum /dev/nbd0)" "$sums"

# --- a full stream -------------------------------------------------------------

is "it does not receive yet" "$(json receives status t)" false
before=$(field t superblocks)
is "begin" "$(begin 71 0 2 5:str=p2 4:u32=2)" "$done_"
is "costs one superblock" $(($(field t superblocks) - before)) 1
is "now it does" "$(json receives status t)" true
is "it has the sender's relationship" "$(json relationship status t)" "$sender"
is "nothing is here" "$(cursor)" 0,0
check "status shows it" grep -q 'arriving *point 2, from nothing: disk 0 up to 0' <(r status t)
copy 0 2 0 0 3 >/tmp/place || die "cannot copy"
read -r disk offset </tmp/place
before=$(field t superblocks)
is "mark it" "$(mark 71 "$disk" "$offset")" "$marked"
is "which writes nothing" $(($(field t superblocks) - before)) 0
is "the cursor" "$(cursor)" "$disk,$offset"
is "it does not go back" "$(mark 71 0 0)" "$value_"
is "not behind a disk" "$(mark 71 0 $((17 << 20)))" "$value_"
is "not into a sector" "$(mark 71 1 513)" "$value_"
is "not to a disk that is not there" "$(mark 71 3 0)" "$value_"
is "not of another stream" "$(mark 72 1 0)" "$state_"
refused "no point is made here" 32775 'a stream is half in' r recovery-point create t
refused "no failover without a point" 32775 'no recovery point' r failover t
refused "the relationship stays" 32775 'a stream is half in' r remove t --flatten --yes --no-wait
is "another stream is refused" "$(begin 72 0 2)" "$state_"
is "the same with another point, too" "$(begin 71 0 3)" "$value_"
is "it cannot be ended by another" "$(end 72)" "$state_"
is "nor given up" "$(abort 72)" "$state_"
release t
r detach t >/dev/null || die "cannot detach"
is "detached, it is half in" "$(json receives status t) $(cursor)" "true $disk,$offset"
check "dump shows it" grep -q "partial stream .*from point 0 to 2, disk $disk up to byte $offset" <(r dump t)
check "check finds nothing wrong" r check t
r attach t >/dev/null || die "cannot attach"
hold t
is "attached, too" "$(cursor)" "$disk,$offset"
before=$(field t superblocks)
check "the head takes no write without a receiver" writes_fail
# shellcheck disable=SC2046
is "a client that has gone is none" "$(asked receive-begin $(stream 71 0 2) 5:str=p2 4:u32=2)" "$done_"
check "the head takes no write from others" writes_fail
is "it goes on" "$(begin 71 0 2 5:str=p2 4:u32=2)" "$done_"
is "without a superblock" $(($(field t superblocks) - before)) 0
dismiss
check "the receiver has gone: the head takes no write" writes_fail
receiver
is "the next one goes on" "$(begin 71 0 2 5:str=p2 4:u32=2)" "$done_"
is "the rest" "$(copy 0 2 "$disk" "$offset")" "2 0"
is "all is here" "$(mark 71 2 0)" "$marked"
before=$(field t superblocks)
is "end" "$(end 71)" "$done_"
is "one superblock makes the point and ends the stream" $(($(field t superblocks) - before)) 1
is "the point" "$(listed) $(json kind recovery-point list t) $(json label recovery-point list t) $(json time recovery-point list t)" \
	"2 2 p2 1002"
check_fails "has the time of its arrival" [ "$(json arrived recovery-point list t)" = 0 ]
is "the state" "$(field t state) $(json stream status t)" "3 null"
check "it is the sender's" same 2
check "the head takes no write any more" writes_fail
check "it is the sender's" same 2
refused "no point is made here" 32775 'come from its sender' r recovery-point create t
refused "and the newest one stays" 32774 'begin at this point' r recovery-point drop t 2 --yes
is "the same stream once more" "$(begin 71 0 2)" "$state_"
is "the end once more" "$(end 71)" "$state_"

# --- changes, cut by a crash ---------------------------------------------------

sent 3
rel=16x99
is "another relationship" "$(begin 72 2 3)" "$value_"
rel=$sender
is "another base" "$(begin 72 1 3)" "$state_"
is "a full stream" "$(begin 72 0 3)" "$state_"
is "a base of another generation" "$(begin 72 2 3 24:hex=16x88)" "$state_"
is "one generation with two beginnings" "$(begin 72 2 3 26:u64=2)" "$value_"
is "a generation that begins before its base" "$(begin 72 2 3 25:hex=16x88 26:u64=2)" "$state_"
is "changes" "$(begin 72 2 3)" "$done_"
copy 2 3 0 0 5 >/tmp/place || die "cannot copy"
read -r disk offset </tmp/place
is "marked" "$(mark 72 "$disk" "$offset")" "$marked"
r settings t --space-low 70 >/dev/null || die "cannot set"
copy 2 3 "$disk" "$offset" 4 >/tmp/later || die "cannot copy"
disks freeze
check "the power fails" crash t
hold t
is "the mark that a superblock had is there" "$(cursor)" "$disk,$offset"
check "so is the point, as it was" same 2
is "go on" "$(begin 72 2 3)" "$done_"
is "with the rest" "$(copy 2 3 "$disk" "$offset")" "2 0"

# --- beside a failover ---------------------------------------------------------

check "failover in the midst of it" r failover t
"$io" /dev/mapper/t-vda w:0:2M:55 f || die "cannot write"
check "a test failover, too" r test-failover start t
check "which shows the point" [ "$(sum /dev/mapper/t-vda-test /dev/mapper/t-vdb-test)" = \
	"$(sum /dev/mapper/s-vda@2 /dev/mapper/s-vdb@2)" ]
is "end in state 5" "$(end 72)" "$done_"
check "it is the sender's" same 3
check "the failover goes on" "$io" /dev/mapper/t-vda c:0:2M:55
r test-failover stop t --yes >/dev/null || die "cannot stop"
r revert t --yes >/dev/null || die "cannot revert"
check "both points are as they were" same 2
check "both" same 3
r suspend t >/dev/null || die "cannot suspend"
sent 4
is "no begin while it is suspended" "$(begin 73 3 4)" "$state_"
r resume t >/dev/null || die "cannot resume"
check "a resume does not open the head" writes_fail

# --- given up ------------------------------------------------------------------

sent 5
is "a stream to 5" "$(begin 73 3 5)" "$done_"
copy 3 5 0 0 6 >/dev/null || die "cannot copy"
is "given up" "$(abort 73)" "$done_"
is "twice is once" "$(abort 73)" "$done_"
is "health has a reason for it" "$(reasons)" 1
check "status shows it" grep -q 'given up *point 5, from point 3, half in' <(r status t)
check "the head takes no write" writes_fail
is "it is not ended" "$(end 73)" "$state_"
is "nor marked" "$(mark 73 2 0)" "$state_"
refused "no point is made of it" 32775 'come from its sender' r recovery-point create t
refused "its base stays" 32774 'begin at this point' r recovery-point drop t 3 --yes
refused "the homes do not get it" 32775 'never a point' r remove t --flatten --yes --no-wait
is "one to 4 does not cover it" "$(begin 74 3 4)" "$state_"
is "nor one of another generation" "$(begin 74 3 7 25:hex=16x88 26:u64=7)" "$state_"
check "the points are as they were" same 3
r detach t >/dev/null || die "cannot detach"
check "dump shows it" grep -q 'aborted stream .*from point 3 to 5' <(r dump t)
check "check finds nothing wrong" r check t
r attach t >/dev/null || die "cannot attach"
hold t
is "after an attach" "$(begin 74 3 4)" "$state_"
sent 6
is "one to 6 does" "$(begin 74 3 6)" "$done_"
is "and brings" "$(copy 3 6 0 0)" "2 0"
is "end" "$(end 74)" "$done_"
check "it is the sender's" same 6
is "health is well again" "$(reasons)" 0
sent 7
sent 8
is "a stream to 7" "$(begin 75 6 7)" "$done_"
copy 6 7 0 0 7 >/tmp/place || die "cannot copy"
read -r disk offset </tmp/place
is "marked" "$(mark 75 "$disk" "$offset")" "$marked"
is "given up" "$(abort 75)" "$done_"
is "its UUID with another target" "$(begin 75 6 8)" "$done_"
is "begins with nothing" "$(cursor)" 0,0
is "given up" "$(abort 75)" "$done_"
is "the same once more" "$(begin 75 6 8)" "$done_"
is "begins with nothing" "$(cursor)" 0,0
is "and brings" "$(copy 6 8 0 0)" "2 0"
is "end" "$(end 75)" "$done_"
check "it is the sender's" same 8

# --- retention, and a new generation -------------------------------------------

sent 9
is "a stream to 9" "$(begin 77 8 9)" "$done_"
is "brings" "$(copy 8 9 0 0)" "2 0"
is "points go with a new one, also its base" "$(end 77 drop=2,3,8)" "$done_"
is "the list" "$(listed)" "6 9"
sent 10
is "a generation from 10 on" "$(begin 78 9 10 25:hex=16x88 26:u64=10)" "$done_"
is "it brings" "$(copy 9 10 0 0)" "2 0"
is "end" "$(end 78)" "$done_"
check "it is the sender's" same 10
is "the point is of that generation" "$(r recovery-point list t --json | grep '"generation"' | tr -dc '0-9\n' | paste -sd' ')" "0 0 1"
is "the older one is over" "$(begin 79 10 11 24:hex=16x88)" "$state_"

# --- a sender that sends too much ----------------------------------------------

r settings t --when-full drop-oldest >/dev/null || die "cannot set"
release t
is "a stream that does not end" "$(begin 7a 10 99 24:hex=16x88 25:hex=16x88 26:u64=10)" "$done_"
full() {
	local i n=99
	for i in 1 2 3 4 5 6 7 8; do
		"$io" $repa w:0:16M:$i o:$repb w:0:8M:$i f 2>/dev/null || return 0
		[ "$(end 7a)" = "$done_" ] || return 0
		[ "$(begin 7a $n $((100 + i)) 24:hex=16x88 25:hex=16x88 26:u64=10)" = "$done_" ] || return 1
		n=$((100 + i))
	done
	return 1
}
check "the store is full" full
sleep 3		# health looks once a second
check "no point has gone for it" grep -q '^6 9 10 99' <(listed)
check "the older ones are the sender's still" same 6
check "all of them" same 10
check "by hand they can be dropped" r recovery-point drop t 6 --yes

# --- the end -------------------------------------------------------------------

is "give it up" "$(abort 7a)" "$done_"
check "failover" r failover t --point 10
check "a commit ends all of it" r commit t --yes --no-wait
is "there is no stream" "$(json stream status t)" null
is "nor does one begin" "$(begin 7b 0 200)" "$state_"
moved() { [ "$(field t home_bytes)" = 0 ]; }
check "all moves home" wait_for 120 moved
r detach t >/dev/null || die "cannot detach"
check "check finds nothing wrong" r check t
dismiss
for n in 1 2 3 4 5 6 7 8 9 10; do r recovery-point close s "$n" >/dev/null; done
r detach s >/dev/null || die "cannot detach"
check "the module unloads" unload_module
