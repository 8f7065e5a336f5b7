#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# With systemd-udevd running: no content of a guest is looked at, linked or activated on the
# host.  No device of ours is probed, no link of the host's moves to one of ours, at attach,
# failover, revert and detach; each sends a change event; and no read of our tools is an error
# in the kernel log.
# runs on: 6.12 (the real udevd, beside real queues, in the time that it takes)
# vm: --udev
# debug: skip udevd and the nodes it makes are no code of ours; about 20 minutes there
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"

[ -e /run/udev/control ] || skip_all "udevd does not run"
ktap_plan 37
load_module "$@"

home_uuid=11111111-2222-3333-4444-000000000000
swap_uuid=11111111-2222-3333-4444-000000000001
new_uuid=11111111-2222-3333-4444-000000000002
d0=$(dev d0) d1=$(dev d1)
live=/dev/mapper/u-vda
settle() { udevadm settle -t 60 || die "udevd does not settle"; }

# The guest's content: a file system, and a partition with swap space.
mkfs.ext4 -q -U $home_uuid -L guestroot "$d0" || die "mkfs.ext4"
{
	printf '\x78\x56\x34\x12\0\0'
	printf '\0\0\0\0\x82\0\0\0\0\x08\0\0\0\0\x01\0'	# 32 MiB at 1 MiB, swap space
	head -c 48 /dev/zero
	printf '\x55\xaa'
} | dd of="$d1" bs=1 seek=440 conv=notrunc,fsync status=none || die "cannot write"
# udevd may have it open: it was written to.
wait_for 20 blockdev --rereadpt "$d1" || die "no partitions"
settle
mkswap -q -U $swap_uuid -L guestswap "${d1}1" || die "mkswap"
udevadm trigger -s block
settle
target() { basename "$(readlink -f "/dev/disk/$1")"; }
is "the host knows the content of home" \
	"$(target by-uuid/$home_uuid) $(target by-label/guestroot) $(target by-uuid/$swap_uuid) $(target by-partuuid/12345678-01)" \
	"$(basename "$d0") $(basename "$d0") $(basename "$d1")1 $(basename "$d1")1"
# A program that makes such a file system on a failover device later, by writes alone.
truncate -s 16M /tmp/fs.img
mkfs.ext4 -q -U $new_uuid -L guestnew /tmp/fs.img || die "mkfs.ext4"

links() { find /dev/disk -mindepth 2 -type l -printf '%p %l\n' | sort; }
ours() { dmsetup info -c --noheadings -o name,major,minor --separator ' ' 2>/dev/null | grep '^u-'; }
# udevd's findings about them, and its links to them, but for /dev/mapper.
probed() {
	local name major minor
	ours | while read -r name major minor; do
		grep -E '^E:(ID_FS_|ID_PART_|SYSTEMD_WANTS)|^S:disk/|^W:' "/run/udev/data/b$major:$minor" |
			sed "s/^/$name: /"
	done
	links | grep -E "/dm-($(ours | cut -d' ' -f 3 | paste -sd'|'))\$"
}
reads() {
	local name major minor n
	ours | while read -r name major minor; do
		read -r n _ <"/sys/dev/block/$major:$minor/stat"
		[ "$n" = 0 ] || echo "$name: $n reads"
	done
}
# quiet WHEN: none of these effects has occurred.
before=$(links)
quiet() {
	settle
	is "$1: nothing of ours was probed or linked" "$(probed)" ""
	is "$1: none was read" "$(reads)" ""
	is "$1: no link has moved" "$(diff <(echo "$before") <(links))" ""
}

udevadm monitor -k -p -s block >/tmp/monitor &
monitor=$!
at_exit kill $monitor
# views: online and offline events, by device, without the first $seen.
views() {
	awk -v RS= '/\nDM_REPLICA_VIEW=/ {
		match($0, /DM_REPLICA_VIEW=[a-z]*/); view = substr($0, RSTART + 16, RLENGTH - 16)
		match($0, /ACTION=[a-z]*/); action = substr($0, RSTART + 7, RLENGTH - 7)
		match($0, /DEVNAME=[^\n]*/); print action, substr($0, RSTART + 8, RLENGTH - 8), view
	}' /tmp/monitor >/tmp/views
	tail -n +$((seen + 1)) /tmp/views | sort
}
seen=0
expected() { for d in vda vdb; do echo "change $(readlink -f /dev/mapper/u-$d) $1"; done | sort; }

make_system u s0 vda=d0 vdb=d1
quiet "attach"
for d in u-vda u-vda-replica u-vdb-test; do
	[ -L /dev/mapper/$d ] || diag "/dev/mapper/$d is not from udevd"
done
is "their names are made by udevd" "$(find /dev/mapper -name 'u-*' -type l | wc -l)" 6

point u
"$io" $live-replica w:64M:64K:1 f || die "cannot write"
r failover u >/dev/null || die "cannot fail over"
quiet "failover"
is "events show that the devices are online" "$(views)" "$(expected online)"
seen=$(wc -l </tmp/views)

dd if=/tmp/fs.img of=$live bs=1M oflag=direct conv=fsync,notrunc status=none || die "cannot write"
dd if=/tmp/fs.img of=$live-replica bs=1M oflag=direct conv=fsync,notrunc status=none || die "cannot write"
quiet "file systems written to both views"
udevadm trigger -c change -s block
udevadm trigger -c add -s block
quiet "change and add triggered for all devices"

r revert u --yes >/dev/null || die "cannot revert"
quiet "revert"
is "events show that the devices are offline" "$(views)" "$(expected offline)"

# Offline devices answer each read with an error, which the page cache would log.
tools() {
	r status u && r list && r recovery-point list u && r scan && r job list && r check "$(dev s0)" &&
		r dump "$(dev s0)" && r status u --json
}
check "all tools that look, while the failover devices are offline" tools
check_fails "and one that is refused" r failover u --point 99
quiet "tools"
r failover u >/dev/null || die "cannot fail over"
r detach u >/dev/null || die "cannot detach"
r attach u >/dev/null || die "cannot attach"
quiet "detach and attach"
"$io" $live r:0:64K || die "cannot read"
is "a read would have been seen" "$(reads)" "u-vda: 1 reads"
r detach u >/dev/null || die "cannot detach"
settle
is "after detach all links are as they were" "$(diff <(echo "$before") <(links))" ""
is "and none of our nodes is left" "$(find /dev/mapper -name 'u-*')$(grep -l DM_NAME=u- /run/udev/data/b* 2>/dev/null)" ""
is "no error of a buffered read in the kernel log" "$(dmesg | grep -c 'Buffer I/O error')" 0

# An udevd that died and left its socket behind must not block for ever.
udevadm control --exit || kill -9 "$(pidof systemd-udevd)"
sleep 1
[ -e /run/udev/control ] || : >/run/udev/control
start=$SECONDS
check "attach with a dead udevd" r attach u
check "it works" "$io" $live w:0:64K:9 f c:0:64K:9
check "detach with a dead udevd" r detach u
diag "that took $((SECONDS - start)) s"
is "which did not take for ever" $((SECONDS - start < 40)) 1
is "no semaphore is left" "$(ipcs -s | grep -c '^0x')" 0
check "the module unloads" unload_module
