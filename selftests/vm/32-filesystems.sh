#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# ext4 and XFS live on failover devices: filled, changed, trimmed, unmounted and
# found clean, discarded by a revert, and mounted again as they were at either point,
# while replication writes to the replica's own file systems.
# vm: --disk x0=320M
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"

for tool in mkfs.xfs xfs_repair fsck.ext4 fstrim; do
	command -v $tool >/dev/null || skip_all "$tool is missing"
done

# live FS, rep FS: the devices of the disk of this name.  For the replica one more device
# of device mapper lies over it.
live() { echo "/dev/mapper/f-$1"; }
rep() { echo "/dev/mapper/in-$1"; }
stack() {
	local fs dev
	for fs in ext4 xfs; do
		dev=/dev/mapper/f-$fs-replica
		dmsetup create in-$fs --table "0 $(blockdev --getsz $dev) linear $dev 0" || die "dmsetup"
	done
}
unstack() { dmsetup remove in-ext4 in-xfs || die "dmsetup"; }

# put DEVICE FS [OPTION]: mount it at /mnt/NAME-OF-DEVICE.
put() {
	local o=noatime${3:+,$3} at
	at=/mnt/$(basename "$1")
	# The same file system is mounted from two devices.
	[ "$2" != xfs ] || o=$o,nouuid
	mkdir -p "$at" && mount -t "$2" -o "$o" "$1" "$at"
}
# Not lazily: the last close must be over before content is discarded.
take() { umount "/mnt/$(basename "$1")"; }

# tree DEVICE NAME FILES: random files in a new directory, each fsynced, half as many
# unless LONG=1; $sums/NAME knows them.
sums=/tmp/replica
mkdir $sums
tree() {
	local at i n
	at=/mnt/$(basename "$1")
	n=$(($3 / $(much 2 1)))
	mkdir "$at/$2" || return
	for ((i = 0; i < n; i++)); do
		dd if=/dev/urandom of="$at/$2/$i" bs=$((1000 + i * 2777)) count=$((1 + i % 7 * 4)) \
			conv=fsync status=none || return
	done
	sync -f "$at/$2" || return
	(cd "$at" && find "$2" -type f -exec b2sum -l 128 {} +) >"$sums/$2"
}

# changed DEVICE NAME: some of its files are overwritten in part, made longer or shorter,
# or removed.
changed() {
	local at i f
	at=/mnt/$(basename "$1")
	i=0
	for f in "$at/$2"/*; do
		i=$((i + 1))
		case $((i % 5)) in
		0) rm "$f" ;;
		1) dd if=/dev/urandom of="$f" bs=777 seek=3 count=9 conv=notrunc,fsync status=none ;;
		2) dd if=/dev/urandom bs=5000 count=3 status=none >>"$f" ;;
		3) truncate -s 600 "$f" ;;
		esac || return
	done
	sync -f "$at" || return
	(cd "$at" && find "$2" -type f -exec b2sum -l 128 {} +) >"$sums/$2"
}

# holds DEVICE NAME...: it has these directories, as $sums know them, and no other.
holds() {
	local at name
	at=/mnt/$(basename "$1")
	shift
	for name; do
		(cd "$at" && b2sum -c --quiet "$sums/$name") || return
		[ "$(find "$at/$name" -type f | wc -l)" = "$(wc -l <"$sums/$name")" ] || return
	done
	[ "$(cd "$at" && find . -mindepth 1 -maxdepth 1 -not -name lost+found | sort | tr -d './\n')" = \
		"$(printf '%s\n' "$@" | sort | tr -d '\n')" ] || { ls "$at"; return 1; }
}

# clean DEVICE FS: no errors, by a check that changes nothing.
clean() {
	case $2 in
	ext4) fsck.ext4 -f -n "$1" ;;
	xfs) xfs_repair -n "$1" ;;
	esac
}

# Discards sent to a device.
discards() { awk '{ print $12 }' "/sys/dev/block/$(stat -L -c %Hr:%Lr "$1")/stat"; }

# mounted DEVICE FS NAME...: clean, and mounted it holds these directories.
mounted() {
	local dev=$1 rc
	clean "$1" "$2" && put "$1" "$2" || return
	shift 2
	holds "$dev" "$@"
	rc=$?
	take "$dev" && return $rc
}

ktap_plan 31
load_module "$@"
make_system f s0 ext4=d0 xfs=x0
alone() { python3 -c 'import os, sys; os.open(sys.argv[1], os.O_RDWR | os.O_EXCL)' "$1"; }
check "a replica device is free for a replication that wants it alone" alone /dev/mapper/f-ext4-replica
stack

# Replication makes the file systems and fills them.
mkfs.ext4 -q -E nodiscard "$(rep ext4)" || die "mkfs.ext4"
mkfs.xfs -q -K "$(rep xfs)" || die "mkfs.xfs"
for fs in ext4 xfs; do
	put "$(rep $fs)" $fs || die "cannot mount the replica's $fs"
	tree "$(rep $fs)" "first$fs" 24 || die "cannot write"
	take "$(rep $fs)"
	check "$fs: straight home" mounted "$(rep $fs)" $fs first$fs
done
point f
first=$(json number recovery-point list f)

# A point of mounted file systems, written to meanwhile: as after a crash, with all data that
# was fsynced before.
for fs in ext4 xfs; do
	put "$(rep $fs)" $fs discard || die "cannot mount the replica's $fs"
	tree "$(rep $fs)" "second$fs" 16 || die "cannot write"
done
tree "$(rep ext4)" laterext4 40 &
later_ext4=$!
tree "$(rep xfs)" laterxfs 40 &
later_xfs=$!
sleep 0.5
point f
second=$(point_numbers f | tail -n 1)
[ "$first" != "$second" ] || die "which point is which?"

# From here on the failover's content is its own.
cp -r $sums /tmp/live
sums=/tmp/live
r failover f --point "$first" >/dev/null || die "cannot fail over"
for fs in ext4 xfs; do
	check "$fs: clean at the point" clean "$(live $fs)" $fs
	check "$fs: mounted with discards" put "$(live $fs)" $fs discard
	check "$fs: as it was at the point" holds "$(live $fs)" "first$fs"
	tree "$(live $fs)" "new$fs" 24 || die "cannot write"
	changed "$(live $fs)" "first$fs" || die "cannot write"
done
{ wait $later_ext4 && wait $later_xfs; } || die "replication has failed"
for fs in ext4 xfs; do
	check "$fs: what was written is there" holds "$(live $fs)" "first$fs" "new$fs"
	rm -r "/mnt/f-$fs/new$fs"
	sync -f "/mnt/f-$fs"
	before=$(discards "$(live $fs)")
	check "$fs: fstrim" fstrim "/mnt/f-$fs"
	is "$fs: which discards" "$(($(discards "$(live $fs)") > before))" 1
	take "$(live $fs)"
	check "$fs: clean, and no file has suffered from it" mounted "$(live $fs)" $fs first$fs
done

# Detach and attach in the middle; then discard all of it.
for fs in ext4 xfs; do take "$(rep $fs)"; done
unstack
r detach f >/dev/null || die "cannot detach"
r attach f >/dev/null || die "cannot attach"
stack
for fs in ext4 xfs; do
	check "$fs: the same after detach and attach" mounted "$(live $fs)" $fs first$fs
done
r revert f --yes >/dev/null || die "cannot revert"
sums=/tmp/replica

# The second point was made of file systems at work: their journals are replayed on
# the failover device, and replication does not see it.
r failover f --point "$second" >/dev/null || die "cannot fail over again"
for fs in ext4 xfs; do
	check "$fs: the point of a mounted one mounts" put "$(live $fs)" $fs
	rm -rf "/mnt/f-$fs/later$fs"
	check "$fs: with all that was fsynced, and nothing else" holds "$(live $fs)" "first$fs" "second$fs"
	fstrim "/mnt/f-$fs"
	take "$(live $fs)"
	check "$fs: clean afterwards" clean "$(live $fs)" $fs
	check "$fs: the replica's, too, with all that was written" \
		mounted "$(rep $fs)" $fs first$fs second$fs later$fs
done
r revert f --yes >/dev/null || die "cannot revert"
r failover f --point "$first" >/dev/null || die "cannot fail over"
for fs in ext4 xfs; do
	check "$fs: the first point shows what it did" mounted "$(live $fs)" $fs first$fs
done
r revert f --yes >/dev/null || die "cannot revert"
unstack
r detach f >/dev/null || die "cannot detach"
check "check finds nothing wrong" r check "$(dev s0)"
check "the module unloads" unload_module
