#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The units and what their generator makes of the files of systems, with systemd's own tools;
# nothing is started.  KTAP on standard output.
#
# usage: systemd.sh [DIRECTORY]		with the generator, replicactl and the units

set -u
cd "$(dirname "$0")/../.." || exit 1
out=$(realpath "${1:-build/userspace}")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export DM_REPLICA_CONFDIR=$dir/conf LC_ALL=C
n=0 bad=0 uuid=01234567-89ab-cdef-0123-456789abcdef
umask 022

result() {
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		[ ! -e "$dir/out" ] || sed 's/^/# /' "$dir/out"
		bad=1
	fi
	rm -f "$dir/out"
}
skip() {
	n=$((n + 1))
	echo "ok $n - $1 # SKIP $2"
}

# conf NAME STORE [LINE...]: the file of a system
conf() {
	printf '%s\n' "name=$1" "uuid=$uuid" "store=$2" "${@:3}" >"$dir/conf/$1.conf"
}
# generate: the units, in $dir/gen; its messages in $dir/said
generate() {
	rm -rf "$dir/gen"
	mkdir "$dir/gen" "$dir/gen/early" "$dir/gen/late"
	"$out/dm-replica-generator" "$dir/gen" "$dir/gen/early" "$dir/gen/late" >"$dir/said" 2>&1
}
said() { cp "$dir/said" "$dir/out"; grep -qE -- "$1" "$dir/said"; }
again() { rm -rf "$dir/conf"; mkdir "$dir/conf"; }

echo "TAP version 13"

# --- what is written ---

again
conf web1 /dev/vg0/web1-store disk.vda=/dev/vg0/web1-vda disk.vdb=/dev/disk/by-id/nvme-X_1:2
conf web-1+x.y_z /dev//vg-0/./store/ disk.vda=/srv/images/vda attach=boot
conf db /dev/mapper/db-store disk.vda=/dev/mapper/db-vda attach=no
generate
result $? "three systems"
(cd "$dir/gen" && find . -mindepth 1 \( -type l -printf '%P -> %l\n' -o -type f -print \) | sort |
	while read -r f; do
		echo "${f#./}"
		[ -L "${f%% -> *}" ] || sed "s|$dir/conf|/etc/dm-replica/systems.d|; s/^/	/" "$f"
	done) >"$dir/made"
diff userspace/tests/systemd-golden.txt "$dir/made" >"$dir/out"
result $? "what is made for them is userspace/tests/systemd-golden.txt"
said 'conf: /srv/images/vda is not waited for: it is not below /dev' && [ "$(wc -l <"$dir/said")" = 1 ]
result $? "one message, about a path outside /dev"

again
generate && [ ! -s "$dir/said" ] && [ -z "$(find "$dir/gen" -type f -o -type l)" ]
result $? "no system, nothing made"
rmdir "$dir/conf"
generate && [ ! -s "$dir/said" ]
result $? "nor without the directory"

# --- names that need escaping ---

again
names=(a A-b a--b +a _ a.b a..b x-y-z+. "$(printf 'a%.0s' {1..63})" "$(printf -- 'a-%.0s' {1..31})")
for name in "${names[@]}"; do conf "$name" /dev/sda disk.vda=/dev/sdb; done
generate && for name in "${names[@]}"; do
	[ -L "$dir/gen/dm-replica.target.wants/dm-replica@$(systemd-escape -- "$name").service" ] ||
		echo "no unit for $name" >>"$dir/out"
done
[ ! -e "$dir/out" ] && [ ! -s "$dir/said" ]
result $? "names are escaped as systemd-escape does: ${#names[@]}"
again
# The longest name, where each byte takes four.
conf "_$(printf -- '-%.0s' {1..62})" /dev/sda disk.vda=/dev/sdb
generate && said 'the name of its unit would be too long' && [ -z "$(find "$dir/gen" -type f -o -type l)" ]
result $? "a name that is too long escaped is reported"

again
# shellcheck disable=SC2016 # a dollar sign in a path
paths=(/dev/a-b '/dev/a b' '/dev/mapper/web--1-vda' '/dev/disk/by-label/ä\x20%i$x"' /dev//a///b/ /dev/./a/. /dev/.x
	'/dev/x/.y' /dev/a:b@c~d)
for ((i = 0; i < 40; i++)); do
	paths+=("/dev/$(head -c 12 /dev/urandom | tr '\0\n\r\t ' 'abcde')z")
done
for i in "${!paths[@]}"; do conf "s$i" "${paths[i]}" disk.vda=/dev/sdb; done
generate
for i in "${!paths[@]}"; do
	# what systemd-escape refuses, for instance ".." as a component, has no unit
	unit=$(systemd-escape --path --suffix=device -- "${paths[i]}" 2>/dev/null) || continue
	[ -L "$dir/gen/$unit.wants/dm-replica@s$i.service" ] || echo "no unit for ${paths[i]}: $unit" >>"$dir/out"
done
[ ! -e "$dir/out" ]
result $? "paths are escaped as systemd-escape does: ${#paths[@]}"
again
conf up /dev/vg/../sda disk.vda=/dev/sdb
conf long "/dev/$(printf -- '-%.0s' {1..200})" disk.vda=/dev/sdb
generate && said '\.\./sda is not waited for: it has a component' && said 'long.conf: .* too long'
result $? "paths without a unit are reported"

# --- files that are none ---

again
conf good /dev/sda disk.vda=/dev/sdb
conf key /dev/sda disk.vda=/dev/sdb frob=1
conf value /dev/sda disk.vda=/dev/sdb attach=maybe
conf other /dev/sda disk.vda=/dev/sdb
mv "$dir/conf/other.conf" "$dir/conf/renamed.conf"
conf writable /dev/sda disk.vda=/dev/sdb
chmod o+w "$dir/conf/writable.conf"
: >"$dir/conf/empty.conf"
head -c 100000 /dev/urandom >"$dir/conf/noise.conf"
conf hidden /dev/sda disk.vda=/dev/sdb
mv "$dir/conf/hidden.conf" "$dir/conf/.hidden.conf"
cp "$dir/conf/good.conf" "$dir/conf/good.conf.dpkg-new"
mkfifo "$dir/conf/fifo.conf"
mkdir "$dir/conf/dir.conf"
ln -s nowhere "$dir/conf/dangling.conf"
ln -s loop.conf "$dir/conf/loop.conf"
generate
result $? "bad files are no failure"
[ "$(ls "$dir/gen/dm-replica.target.wants")" = dm-replica@good.service ]
result $? "the good one among them is taken"
for what in 'key.conf is left out: line 5 has an unknown key' 'value.conf is left out: line 5 is neither' \
	'renamed.conf is left out: it names system other' 'empty.conf is left out: name, uuid' 'noise.conf is left out: ' \
	'fifo.conf is left out: Invalid argument' 'dir.conf is left out: Is a directory' \
	'dangling.conf is left out: No such file' 'loop.conf is left out: Too many levels' \
	'writable.conf: nothing of it is attached at boot, because others'; do
	said "$what"
	result $? "reported: $what"
done
[ "$(wc -l <"$dir/said")" = 10 ]
result $? "and nothing else is"
if [ "$(id -u)" = 0 ]; then
	chown 65534 "$dir/conf/good.conf"
	generate && said 'good.conf: nothing of it is attached at boot'
	result $? "a file of another user is left out"
	chown root "$dir/conf/good.conf"
	chown 65534 "$dir/conf"
	generate && said 'conf: nothing of it is attached' && [ -z "$(find "$dir/gen" -type f -o -type l)" ]
	result $? "and a directory of another user"
	chown root "$dir/conf"
fi
chmod g+w "$dir/conf"
generate && said 'conf: nothing of it is attached' && [ -z "$(find "$dir/gen" -type f -o -type l)" ]
result $? "a directory that others can write is left out"

# --- as systemd sees them ---

again
conf web-1 /dev/vg0/web1-store disk.vda=/dev/vg0/web1-vda
conf db /dev/mapper/db-store disk.vda=/dev/mapper/db-vda attach=no
generate
mkdir "$dir/units"
for unit in userspace/host/systemd/*.{service,target,timer} "$out"/*.service; do
	[ ! -e "$unit" ] || sed "s|^\(Exec[A-Za-z]*=\)/[^ ]*/replicactl|\1$out/replicactl|" "$unit" >"$dir/units/${unit##*/}"
done
# What libvirt has, as far as its order goes.
printf '[Unit]\nAfter=network.target\n[Service]\nExecStart=/bin/true\n' >"$dir/units/libvirtd.service"
printf '[Unit]\nAfter=libvirtd.service\n' >"$dir/units/virt-guest-shutdown.target"
printf '[Unit]\nBefore=slices.target\n' >"$dir/units/machine.slice"
cat >"$dir/units/some-guest.scope" <<'EOU'
[Unit]
After=libvirtd.service machine.slice
Before=virt-guest-shutdown.target
EOU
mkdir -p "$dir/units/multi-user.target.wants"
for unit in dm-replica.target libvirtd.service virt-guest-shutdown.target machine.slice; do
	ln -s "../$unit" "$dir/units/multi-user.target.wants/"
done
verify() {
	SYSTEMD_UNIT_PATH=$1:$dir/units:$dir/gen:/lib/systemd/system \
		systemd-analyze verify --man=no "${@:2}" >"$dir/verified" 2>&1
	rc=$?
	# What the host's own units have is not looked at.
	grep -E 'dm-replica|cycle|machine\.slice' "$dir/verified" >"$dir/out"
	return $rc
}
if ! command -v systemd-analyze >/dev/null; then
	skip "units" "no systemd-analyze"
else
	for unit in "$dir"/units/dm-replica*; do
		unit=${unit##*/}
		verify "$dir/none" "${unit/@./@web\\x2d1.}"
		[ ! -s "$dir/out" ]
		result $? "systemd-analyze verify: ${unit/@./@web\\x2d1.}"
	done
	verify "$dir/none" multi-user.target
	[ ! -s "$dir/out" ]
	result $? "no ordering cycle in a boot"
	# A late or repeated attach starts only what the system's own unit wants: the replication
	# is linked there.
	mkdir -p "$dir/root/lib/systemd/system"
	cp "$dir"/units/dm-replica* "$dir/root/lib/systemd/system/"
	systemctl --root="$dir/root" enable 'dm-replica-send@web\x2d1.service' >"$dir/out" 2>&1 &&
		[ -L "$dir/root/etc/systemd/system/multi-user.target.wants/dm-replica-send@web\\x2d1.service" ] &&
		[ -L "$dir/root/etc/systemd/system/dm-replica@web\\x2d1.service.wants/dm-replica-send@web\\x2d1.service" ]
	result $? "a replication that is enabled starts with its system, and at boot"
	cp -r "$dir"/root/etc/systemd/system/*.wants "$dir/units/"
	verify "$dir/none" multi-user.target
	[ ! -s "$dir/out" ]
	result $? "no ordering cycle with it"
	mkdir "$dir/broken"
	grep -v -e ^DefaultDependencies -e '^#' "$dir/units/dm-replica@.service" >"$dir/broken/dm-replica@.service"
	verify "$dir/broken" multi-user.target
	grep -q 'ordering cycle' "$dir/out"
	result $? "there is one with the default dependencies, so it would be found"
	said=$(systemd-analyze security --offline=yes --threshold=50 "$dir/units/dm-replica@.service" 2>&1)
	rc=$?
	echo "$said" >"$dir/out"
	result $rc "systemd-analyze security: at most 5.0"
fi

echo "1..$n"
exit $bad
