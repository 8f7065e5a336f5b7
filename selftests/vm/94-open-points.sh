#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Recovery points that are open for reading, several at a time: each shows what was written
# until it was made, beside replication, a failover, its revert, the vacuum and a full store; it
# takes no write, and holds its point against drop, retention, commit and
# removal; a detach ends those that are not in use; and a file is read back from an ext4 and an
# XFS that were mounted when the point was made.
# vm: --disk x0=320M --disk n0=64M --disk m0=16M
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"

for tool in mkfs.xfs mkfs.ext4; do
	command -v $tool >/dev/null || skip_all "$tool is missing"
done
ktap_plan 105
load_module
make_system o n0 va=d0 vb=m0 -- --chunk-size 16K
uuid=$(field o uuid)
a=/dev/mapper/o-va b=/dev/mapper/o-vb
repa=$a-replica repb=$b-replica
# shellcheck disable=SC2034 # refused reads it
watched=n0
no_merges /dev/vm/*
open() { r recovery-point open o "$1" >/dev/null; }
close() { r recovery-point close o "$1" >/dev/null; }
# points: with a + for those that are open.
points() {
	r recovery-point list o | awk 'NR > 1 { printf "%s%s%s", n++ ? " " : "", $1, /\(open\)/ ? "+" : "" }'
}
devices() { dmsetup ls | awk '/^o-.*@/ { printf "%s%s", n++ ? " " : "", $1 }' | sort; }
netlink() { "$nl" "$@" | grep -q '^errno 0 '; }

refused "nothing to open without a point" 32775 'no recovery point yet' r recovery-point open o 1

# --- three points -----------------------------------------------------------------------

# A third of the first disk is never written after the first point, and a part never at all.
"$io" $repa w:0:6M:1 w:64M:4M:9 o:$repb w:0:2M:1 || die "cannot write"
point o
"$io" $repa w:0:4M:2 o:$repb w:0:1M:2 || die "cannot write"
point o
"$io" $repa w:0:2M:3 || die "cannot write"
point o
"$io" $repa w:0:1M:4 o:$repb w:0:64K:4 || die "cannot write"
hold o

# sees POINT: its devices show it.
sees() {
	local always=(c:4M:2M:1 c:64M:4M:9 n:6M:8M n:56M:8M n:68M:8M)
	case $1 in
	1) "$io" "$a@1" c:0:4M:1 "${always[@]}" o:"$b@1" c:0:2M:1 n:2M:14M ;;
	2) "$io" "$a@2" c:0:4M:2 "${always[@]}" o:"$b@2" c:0:1M:2 c:1M:1M:1 n:2M:14M ;;
	3) "$io" "$a@3" c:0:2M:3 c:2M:2M:2 "${always[@]}" o:"$b@3" c:0:1M:2 c:1M:1M:1 n:2M:14M ;;
	esac
}
see() { sees 1 && sees 2 && sees 3; }

refused "no such point" 32779 'no such recovery point' r recovery-point open o 9
refused "nothing to close" 32775 'not open' r recovery-point close o 1
budget "open: no I/O at all" "n0 0 0 0 0 0" "d0 0 0 0 0 0" "m0 0 0 0 0 0" -- netlink point-open "$uuid" point=2
is "the list shows it, without its devices" "$(points)" "1 2+ 3"
check "replicactl makes them" open 2
is "a device for each disk" "$(devices)" "o-va@2 o-vb@2"
check "they show the point" sees 2
check "open another" open 1
by_json() { r recovery-point open o 3 --json | grep -q '"path": *"/dev/.*@3"'; }
check "and one more, by its JSON" by_json
is "the list shows them" "$(points)" "1+ 2+ 3+"
check "each shows its own" see
is "JSON has the views" "$(json open_views status o)" 3
is "and the points that are open" "$(r recovery-point list o --json | grep -c '"open": *true')" 3
r status o >/tmp/status
check "status, too" grep -q 'open  *1, 2, 3, for reading' /tmp/status
is "the table of a device names replica device and point" "$(dmsetup table "o-va@2")" \
	"0 $(blockdev --getsz $repa) replica-reader $(stat -L -c %Hr:%Lr $repa) 2"
is "its status is that it is online" "$(dmsetup status "o-va@2" | awk '{ print $5 }')" online

# --- it takes no write ----------------------------------------------------------------------

check_fails "a write fails" "$io" "$a@2" w:0:4K:7
check_fails "in an untouched place, too" "$io" "$a@2" w:32M:4K:7
check_fails "so do zeroes" "$io" "$a@2" z:0:64K
check_fails "and a discard" "$io" "$a@2" t:0:64K
expect_log 'Buffer I/O error on dev dm-[0-9]+, logical block 0, lost async page write'
check_fails "a write through the page cache fails at its end" "$io" "$a@2" b:"$a@2" w:0:4K:7 f
budget "a flush has nothing to do" "n0 0 0 0 0 0" "d0 0 0 0 0 0" -- "$io" "$a@2" f
is "the disk is not marked read-only, which would be an event" "$(blockdev --getro "$a@2")" 0
budget "a read of a slot is one read" "n0 1 8 0 0 0" "d0 0 0 0 0 0" -- "$io" "$a@2" r:0:4K
budget "a read of home, too" "n0 0 0 0 0 0" "d0 1 8 0 0 0" -- "$io" "$a@2" r:64M:4K
check "all is as it was" see

# --- it holds its point -----------------------------------------------------------------

refused "its point cannot be dropped" 32774 'open for reading; close it first' \
	r recovery-point drop o 2 --yes
refused "nor dropped with a new one" 32774 'open for reading' r recovery-point create o --drop 2
check "the vacuum does what it can" release o
settled() { [ "$(field o vacuum_pending)" = 0 ]; }
check "all of it" wait_for 60 settled
check "each shows its own" see
point o
point o
r settings o --keep-last 1 >/dev/null || die "cannot set"
point o
is "retention passes over them" "$(points)" "1+ 2+ 3+ 6"
r settings o --keep-last none >/dev/null || die "cannot set"
check "each shows its own" see

# The same as a test failover from that point shows, over the whole disk.
sum() { "$io" "$1" h:0:256M o:"$2" h:0:16M; }
shown=$(sum "$a@2" "$b@2")
r test-failover start o --point 2 >/dev/null || die "no test"
is "the same as a test failover from there" "$(sum $a-test $b-test)" "$shown"
"$io" $a-test w:0:2M:8 || die "cannot write"
check "whose writes are none of its business" see
check "end of the test" r test-failover stop o --yes
check "a failover from there" r failover o --point 2
"$io" $a w:0:8M:8 w:64M:1M:8 o:$b w:0:2M:8 f || die "cannot write"
check "the failover writes" see
refused "no commit while a point is open" 32774 'open for reading; close it first.*recovery-point close o [123]' \
	r commit o --yes
point o
check "a point beside it" see
check "revert" r revert o --yes
check "the vacuum reclaims it" wait_for 60 settled
check "each shows its own" see
refused "no removal while a point is open" 32774 'open for reading' r remove o --flatten --yes
drop() { r recovery-point drop o "$1" --yes >/dev/null; }
check "others can be dropped" drop 6
is "the others stay" "$(points)" "1+ 2+ 3+ 7"

# --- a full store that drops the oldest --------------------------------------------------

expect_log 'the store is full'
expect_log 'slots of the store are in use'
r settings o --when-full drop-oldest >/dev/null || die "cannot set"
n=0
fill() {
	local i
	for ((i = 0; i < 40; i++)); do
		n=$((n + 1))
		"$io" $repa "w:$((128 + n % 4 * 16))M:16M:$n" 2>/dev/null || return
		r recovery-point create o >/dev/null || return
	done
}
gone() { [[ " $(points) " != *' 7 '* ]]; }
for ((i = 0; i < 20; i++)); do
	fill
	! gone || break
	sleep 0.2
done
check "the oldest that is not open is dropped" wait_for 60 gone
is "those that are open stay" "$(points | cut -d' ' -f 1-3)" "1+ 2+ 3+"
check "each shows its own" see
r settings o --when-full fail >/dev/null || die "cannot set"

# --- in use ---------------------------------------------------------------------------------

holder "$a@2"
refused "one in use is not closed" 32774 "in use; close it first.*$held" r recovery-point close o 2
refused "and not detached" 32774 "a device is open.*$held" r detach o
check "both leave it as it is" sees 2
check "another is closed beside it" close 3
is "its devices are gone" "$(devices)" "o-va@1 o-va@2 o-vb@1 o-vb@2"
is "its point is not open" "$(points | cut -d' ' -f 1-3)" "1+ 2+ 3"
beside closing r recovery-point close o 2 --wait 60
let_go
check "a close waits for its opener" went_well closing
refused "it is closed" 32775 'not open' r recovery-point close o 2
check "then its point can be dropped" drop 2
check "and the first still shows its own" sees 1
check "a detach ends what is not in use" r detach o
is "no device is left" "$(devices)" ""
check "attach" r attach o
is "nothing is open" "$(field o open_views)" 0
check "it can be opened again" open 1
check "and shows the same" sees 1

# A process that is killed half way leaves nothing that stands in the way.
netlink point-close "$uuid" point=1 || die "cannot close"
check_fails "a view that is closed is offline" "$io" "$a@1" r:0:4K
check "what is left of a close is removed" close 1
is "no device is left" "$(devices)" ""
open 1 || die "cannot open"
dmsetup remove "o-vb@1" || die "dmsetup"
check "what is missing of an open is made" open 1
check "and shows the same" sees 1
close 1 || die "cannot close"

# --- a view that shows one point after another, as for a sender ---------------------------

netlink point-open "$uuid" point=1 view=send || die "cannot open"
dmsetup create o-va-send --table "0 $(blockdev --getsz $repa) replica-reader $repa send" ||
	die "dmsetup"
check "a view with a name" "$io" $a-send c:0:6M:1
is "holds its point" "$(points | cut -d' ' -f 1)" "1+"
r status o >/tmp/status
check "status shows its name" grep -q 'open  *1 (send), for reading' /tmp/status
check "a second view of the point" open 1
check "close that" close 1
is "the first holds it still" "$(points | cut -d' ' -f 1)" "1+"
netlink point-close "$uuid" view=send || die "cannot close"
check_fails "between two points it is offline" "$io" $a-send r:0:4K
netlink point-open "$uuid" point=3 view=send || die "cannot open"
check "it shows another point" "$io" $a-send c:0:2M:3 c:2M:2M:2 c:4M:2M:1
said() { "$nl" "$@" | cut -d' ' -f 1-4; }
is "a name is letters or the number" "$(said point-open "$uuid" point=3 view=Send)" "errno 22 code 32773"
is "of that very point" "$(said point-open "$uuid" point=3 view=1)" "errno 22 code 32773"
is "and in use once" "$(said point-open "$uuid" point=1 view=send)" "errno 52 code 32775"
# An opener of a suspended device has pages of the point, and nothing shows the opener.
exec 8<$a-send
dd bs=4K count=1 status=none <&8 >/dev/null || die "cannot read"
dmsetup suspend o-va-send || die "dmsetup"
is "a view with a suspended device is not closed" "$(said point-close "$uuid" view=send)" \
	"errno 16 code 32774"
dmsetup resume o-va-send || die "dmsetup"
is "it is in use" "$(said point-close "$uuid" view=send)" "errno 16 code 32774"
exec 8<&-
dmsetup suspend o-va-send || die "dmsetup"
dmsetup remove o-va-send || die "dmsetup"
netlink point-close "$uuid" view=send || die "cannot close"

# Without a number, the newest point is that of the beginning: not that of the end of a wait.
newest=$(points | awk '{ print $NF }')
check "open the newest point" open "$newest"
netlink point-close "$uuid" "point=$newest" || die "cannot close"
exec 8<"$a@$newest"
# Without the descriptor, or it would wait for itself.
"$nl" point-open "$uuid" 12:u32=60000 >/tmp/waits 8<&- &
pid=$!
waiting() { r job list o | tail -n 1 | grep -qw New; }
wait_for 60 waiting || die "the open has ended"
point o
exec 8<&-
wait $pid
is "the wait for its device ends with it" "$(cut -d' ' -f 1-4 /tmp/waits)" "errno 0 code 0"
check "close it" close "$newest"

# --- many ----------------------------------------------------------------------------------

for ((i = 0; i < 16; i++)); do
	# shellcheck disable=SC2059
	printf -v name "\\x$(printf %x $((97 + i)))"
	netlink point-open "$uuid" point=1 "view=$name" || die "cannot open"
done
refused "16 at a time" 32768 'close one first' r recovery-point open o 3
for ((i = 0; i < 16; i++)); do
	# shellcheck disable=SC2059
	printf -v name "\\x$(printf %x $((97 + i)))"
	netlink point-close "$uuid" "view=$name" || die "cannot close"
done

# Each makes a view, of a KiB; a job, of half a KiB at most, which stays in the list; and a
# line in the kernel log, for which there is time.
times() {
	local i
	for ((i = 0; i < $1; i++)); do
		echo "point-open $uuid point=1"
		echo "point-close $uuid point=1"
		[ $((i % 20)) != 0 ] || sleep 0.2
	done | "$nl" - | grep -c '^errno 0 '
}
slab() { echo 2 >/proc/sys/vm/drop_caches; awk '$1 == "Slab:" { print $2 }' /proc/meminfo; }
times 10 >/dev/null
before=$(slab)
is "300 opens and closes" "$(times 300)" 600
same() { [ $(($(slab) - before)) -lt 480 ]; }
if [ -e /sys/kernel/debug/kmemleak ]; then
	skip "leave no view in memory" "KASAN keeps what was freed, as slab; other kernels show it"
else
	check "leave no view in memory" wait_for 60 same
fi
diag "slab: $before KiB before, $(slab) now"
again() { open 3 && sees 3 && close 3; }
check "a device, too" again
r detach o >/dev/null || die "cannot detach"

# --- files ----------------------------------------------------------------------------------

make_system f s0 ext4=d1 xfs=x0 whole=d2
rep() { echo "/dev/mapper/f-$1-replica"; }
mkfs.ext4 -q "$(rep ext4)" || die "mkfs"
mkfs.xfs -q -K "$(rep xfs)" || die "mkfs"
# A partition of 32 MiB at 1 MiB.
{
	head -c 440 /dev/zero
	printf '\x78\x56\x34\x12\0\0\0\0\0\0\x83\0\0\0\0\x08\0\0\0\0\x01\0'
	head -c 48 /dev/zero
	printf '\x55\xaa'
} >/tmp/table
[ "$(stat -c %s /tmp/table)" = 512 ] || die "the table is no sector"
dd if=/tmp/table of="$(rep whole)" bs=512 conv=notrunc,fsync status=none || die "cannot write"
# A file that is in place, and a later one that the log alone has.
write() {
	local fs
	for fs in ext4 xfs; do
		dd if=/dev/urandom of=/mnt/$fs/f bs=10000 count=50 conv=fsync status=none || return
		b2sum </mnt/$fs/f >"/tmp/$fs.$1"
		umount /mnt/$fs || return
		mount -t $fs "$(rep $fs)" /mnt/$fs || return
		dd if=/dev/urandom of="/mnt/$fs/later$1" bs=4K count=1 conv=fsync status=none || return
	done
}
for fs in ext4 xfs; do
	mkdir -p /mnt/$fs
	mount -t $fs "$(rep $fs)" /mnt/$fs || die "mount"
done
for n in 1 2; do
	write $n || die "cannot write"
	point f
done
write 3 || die "cannot write"
r recovery-point open f 1 >/tmp/opened.1 || die "cannot open"
check "a disk with partitions is said to be one" grep -q 'losetup .*--read-only --partscan /dev/.*f-whole@1' /tmp/opened.1
r recovery-point open f 2 >/tmp/opened.2 || die "cannot open"
is "the ext4 was in use" "$(dumpe2fs -h "/dev/mapper/f-ext4@1" 2>/dev/null | grep -ow needs_recovery)" needs_recovery
in_use() { xfs_repair -n "/dev/mapper/f-xfs@1" 2>&1 | grep "valuable metadata changes in a log"; }
check "and so was the XFS" in_use
line() { sed -n "s|^ *\(mount .*$1@$2 \)DIRECTORY|\1|p" "/tmp/opened.$2"; }
for fs in ext4 xfs; do
	for n in 1 2; do
		mkdir -p /mnt/$n
		diag "$(line $fs $n)"
		# shellcheck disable=SC2046
		check "$fs of point $n: the line that open prints" $(line $fs $n) /mnt/$n
		is "the file is that of the point" "$(b2sum <"/mnt/$n/f")" "$(cat /tmp/$fs.$n)"
	done
	umount /mnt/1 /mnt/2 || die "umount"
done
mount -o "$(line ext4 1 | awk '{ print $3 }')" "/dev/mapper/f-ext4@1" /mnt/1 || die "mount"
refused "a detach names the mount" 32774 '/mnt/1' r detach f --wait 0
umount /mnt/1 /mnt/ext4 /mnt/xfs || die "umount"
for n in 1 2; do
	check "close of point $n" r recovery-point close f $n
done
