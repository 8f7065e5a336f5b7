#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The Debian packages: built from this checkout, without a word of lintian, hardened, with all
# that belongs to them, and upgraded while a guest runs on a failed-over system; at length (make
# check-host) also the same twice, cross-built for arm64, and installed, upgraded, removed and
# purged in a clean Debian 12, where dkms builds the module for both kernels, booted there with
# debian/tests, and the module built for the newest kernel of the archive.
# share: host
# The virtual machine runs this file, too: 70-packages.sh --guest FILES VERSION
# debug: skip no kernel of ours runs
. "$(dirname "$0")/../vm/lib.sh"

# --- in the virtual machine -----------------------------------------------

r() { replicactl "$@"; }
packages() { dpkg -i "$files"/{replicactl,libdmreplica0}_"$version-$1"_*.deb >/run/dpkg 2>&1 || { cat /run/dpkg; false; }; }
module() { cp "$files/$1.ko" "$modules/updates/dm-replica.ko" && depmod "$release"; }
state() { r status web-1 --json | sed -n 's/^ *"state_name": *"\(.*\)",*/\1/p' | head -n 1; }
# What must be the same before and after: the unit's start, the devices, the guest's process.
beneath() {
	systemctl show -p ActiveState -p InvocationID -p ActiveEnterTimestampMonotonic "$unit"
	dmsetup ls | sort
	cut -d' ' -f 22 "/proc/$guest/stat"
}
goes_on() {
	local n
	n=$(cat /run/writes)
	wait_for 60 sh -c "[ \$(cat /run/writes) -gt $((n + 1)) ]" && kill -0 "$guest"
}
# What doctor has found in the module, with commands.
findings() { r doctor | awk '/^[a-z]/ { of = $1 } of == "module"' | sed 's/  */ /g'; }
differing() {	# MODULE
	echo "module note: the loaded module has version $1, this tool $version
 install tool and module of one version; stop the guests; replicactl detach --all; modprobe -r dm-replica; replicactl attach --all"
}
works() {	# a test failover, a point, the revert, and a failover again: all of the old ones
	r test-failover start web-1 && r test-failover stop web-1 --yes && r recovery-point create web-1 &&
		r revert web-1 --yes && r failover web-1 && [ "$(state)" = Recovered ]
}
# An upgrade of the packages, and of the module that is installed, below a guest.  FILES has
# the packages in two revisions, and modules of an older and a newer version than VERSION, the
# tool's.
guest_part() {
	files=$1 version=$2 release=$(uname -r)
	trap - EXIT
	modules=/lib/modules/$release unit=dm-replica@$(systemd-escape web-1).service
	# The kernel's own directory is the host's, which is not written to.
	mkdir -p /run/modules/{upper,work}
	mount -t overlay -o "lowerdir=$modules,upperdir=/run/modules/upper,workdir=/run/modules/work" modules "$modules" ||
		die "no overlay for modules"
	mkdir -p "$modules/updates" /etc/lvm
	echo 'devices { global_filter = [ "r|^/dev/dm-replica/|" ] }' >/etc/lvm/lvmlocal.conf
	ktap_plan 26

	# As node_exporter's package makes it.
	mkdir -p /var/lib/prometheus/node-exporter
	check "dpkg installs the tool and the library" packages 1
	is "the timer of metrics runs" "$(systemctl is-active dm-replica-metrics.timer)" active
	module older || die "no module"
	{ modprobe -a dm-mod libcrc32c; modprobe dm-replica; } || die "cannot load the module"
	r create web-1 --store "$(dev s0)" --disk vda="$(dev d0)" >/dev/null || die "create"
	systemctl daemon-reload
	systemctl start "$unit" || die "cannot attach"
	{ r recovery-point create web-1 && r failover web-1; } >/dev/null || die "failover"
	is "doctor names an older module" "$(findings)" "$(differing 0.0.9)"
	r status web-1 >/run/status 2>&1
	is "the newer tool shows its system" "$(state) $(grep -ci 'unknown' /run/status)" "Recovered 0"
	check "newer tool, older module: all operations" works
	# shellcheck disable=SC2016 # of the shell
	setsid sh -c 'exec 3<>"$1"; n=0; while dd if=/dev/zero of="$1" bs=4096 count=1 oflag=direct conv=notrunc status=none; do
		n=$((n + 1)); echo $n >/run/writes; sleep 0.1; done' sh /dev/dm-replica/web-1/vda >/dev/null 2>&1 &
	guest=$!
	check "a guest runs on it" wait_for 60 test -s /run/writes
	before=$(beneath)
	check "udev has started the dispatcher of hooks" wait_for 60 systemctl -q is-active dm-replica-events
	dispatcher=$(systemctl show -p MainPID --value dm-replica-events)

	# The module first, as an upgrade of dm-replica-dkms alone would.
	module newer || die "no newer module"
	is "another module on disk is pending" "$(findings | head -n 2)" "module FAULT: another module than the loaded one is installed (srcversion \
$(modinfo -F srcversion dm-replica), loaded $(cat /sys/module/dm_replica/srcversion)): pending until it is loaded anew
 stop the guests; replicactl detach --all; modprobe -r dm-replica; replicactl attach --all"
	check_fails "and doctor's status is that of a fault" r doctor
	check_fails "it cannot be unloaded below the system" modprobe -r dm-replica
	check "the packages are upgraded" packages 2
	# shellcheck disable=SC2016 # of dpkg-query
	is "both" "$(dpkg-query -W -f '${Version} ' replicactl libdmreplica0)" "$version-2 $version-2 "
	is "the dispatcher of hooks is the new one, and systemd knows the new units" \
		"$(systemctl is-active dm-replica-events) $([ "$(systemctl show -p MainPID --value dm-replica-events)" != "$dispatcher" ] && echo new) \
$(systemctl show -p NeedDaemonReload --value dm-replica-events "$unit" | tr '\n' ' ')" "active new no  no "
	is "nothing has changed below the guest" "$(beneath)" "$before"
	check "it goes on" goes_on
	check "the new tool makes a point below it" r recovery-point create web-1
	kill -- -"$guest"
	wait_for 60 sh -c "! kill -0 -- -$guest 2>/dev/null"

	# As doctor has advised.
	check "the newer module is loaded" sh -c 'replicactl detach --all && modprobe -r dm-replica && replicactl attach --all'
	is "it is the one of the upgrade" "$(cat /sys/module/dm_replica/version)" 0.2.0
	is "the failover has come through" "$(state)" Recovered
	is "nothing is pending" "$(findings)" "$(differing 0.2.0)"
	check "older tool, newer module: all operations" works
	r status web-1 >/run/status 2>&1
	is "the older tool shows its system" "$(state) $(grep -ci 'unknown' /run/status)" "Recovered 0"
	before=$(dmsetup ls | sort)
	check "the tool is removed" dpkg -r replicactl
	is "its dispatcher and its timer have stopped" \
		"$(systemctl is-active dm-replica-events dm-replica-metrics.timer | tr '\n' ' ')" "inactive inactive "
	is "which leaves what is attached" "$(dmsetup ls | sort)" "$before"
	check "until it is there again, and detaches it" sh -c "dpkg -i $files/replicactl_$version-2_*.deb >/dev/null && replicactl detach web-1"
}
if [ "${1-}" = --guest ]; then
	guest_part "${@:2}"
	exit
fi

# --- on the host ----------------------------------------------------------

for tool in dh dh_dkms dpkg-buildpackage lintian blhc; do
	command -v $tool >/dev/null || skip_all "there is no $tool: scripts/deps deb installs it"
done
if [ -n "${LONG-}" ]; then ktap_plan 79; else ktap_plan 43; fi
dir=$(workdir)
at_exit "rm -rf $dir"
cd "$VM_SRC" || die "no checkout"
export DEB_BUILD_OPTIONS=nocheck
# skip_rest REASON: of all results that are left
skip_rest() {
	while [ "$ktap_n" -lt "$ktap_planned" ]; do skip "a clean tree" "$1"; done
	exit 0
}
version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)

# quiet COMMAND...: succeeds and prints nothing
quiet() {
	local said rc
	said=$("$@" 2>&1)
	rc=$?
	said=$(grep -v '^N:' <<<"$said")
	[ "$rc:$said" = 0: ] && return
	diag "$said"
	false
}

# shown COMMAND...: the end of its output, if it fails; matches REGEX COMMAND...: its output does.
shown() { "$@" >"$dir/said" 2>&1 || { tail -n 30 "$dir/said" | cut -c1-200; false; }; }
matches() { "${@:2}" >"$dir/said" 2>&1; grep -q "$1" "$dir/said"; }

check "the packages are built" shown scripts/deb "$dir"
check "lintian has nothing to report" quiet lintian --allow-root -EviI --pedantic --tag-display-limit 0 -q "$dir/dm-replica_$version-1_amd64.changes"
check "blhc: all is compiled and linked with hardening" shown blhc --bindnow "$dir/log"
for p in "$dir"/*.deb; do
	dpkg-deb -x "$p" "$dir/$(basename "${p%%_*}")" || die "cannot unpack $p"
done
r=$dir/replicactl d=$dir/libdmreplica-dev
check "the tool starts" matches "^replicactl $version$" "$r/usr/sbin/replicactl" --version
triplet=$(dpkg-architecture -q DEB_HOST_MULTIARCH)
is "the library is where Debian has it" \
	"$(cd "$dir" && echo libdmreplica0/usr/lib/*/*.so* libdmreplica-dev/usr/lib/*/pkgconfig/*.pc)" \
	"libdmreplica0/usr/lib/$triplet/libdmreplica.so.0 libdmreplica-dev/usr/lib/$triplet/pkgconfig/libdmreplica.pc"
is "pkg-config finds it" \
	"$(export PKG_CONFIG_PATH="$d/usr/lib/$triplet/pkgconfig"; pkg-config --modversion libdmreplica; pkg-config --cflags-only-I libdmreplica | cut -d " " -f 1)" \
	"$version"$'\n'-I/usr/include/dmreplica
is "it exports what libdmreplica.map has, and no more" \
	"$(nm -D --defined-only "$dir/libdmreplica0/usr/lib/$triplet/libdmreplica.so.0" | grep -v -e ' dmreplica_' -e ' LIBDMREPLICA_0$')" ''
# A unit names the tool in /usr/sbin; each program has a manual page.
# Programs look for a hand-made installation there, too; files with paths of this one must not.
is "no text file has /usr/local in it" "$(grep -rlI /usr/local "$dir"/{replicactl,dm-replica-libvirt,libdmreplica0,libdmreplica-dev}/{etc,lib,usr/{lib,sbin,share/man}} 2>/dev/null)" ''
is "each program has a manual page" \
	"$(for f in {"$r","$dir/dm-replica-libvirt"}/{usr/{,s}bin,lib/systemd/system-generators}/*; do
		[ ! -e "$f" ] || find "$r" "$dir/dm-replica-libvirt" -path "*/man/man?/$(basename "$f").?.gz" | grep -q . ||
			echo "${f##*/}"; done)" ''
# A process of an older version would start workers of this one, or of none.
for part in postinst prerm; do dpkg-deb -I "$dir/replicactl_$version-1_$(dpkg --print-architecture).deb" $part; done |
	sed -n "s/.*invoke \([a-z-]*\) .*'dm-replica-send@\*\.service'.*/\1/p" >"$dir/done-to"
is "replications start anew at an upgrade, and stop at a removal" "$(paste -sd' ' "$dir/done-to")" "try-restart stop"
# Hosts without libvirt need none of it.
is "the program and the hook for libvirt are in a package of their own" \
	"$(cd "$dir" && find replicactl dm-replica-libvirt -name 'replicactl-domain' -o -name 50-dm-replica | sort)" \
	"dm-replica-libvirt/etc/libvirt/hooks/qemu.d/50-dm-replica"$'\n'"dm-replica-libvirt/usr/sbin/replicactl-domain"
src=$dir/dm-replica-dkms/usr/src/dm-replica-$version
is "the module's sources are all there" "$(cd "$src" && find Kbuild kmod uapi -type f | sort)" \
	"$(git ls-files Kbuild kmod uapi | grep -v ^kmod/store/shim/ | sort)"
is "dkms.conf is for this version" "$(cd "$src" && grep -c -x -e "PACKAGE_VERSION=\"$version\"" -e 'AUTOINSTALL="yes"' dkms.conf)" 2
# Each licence other than GPL-2 that a file has is in debian/copyright, with that file.
is "debian/copyright has the licences of the files" \
	"$(git grep -l 'SPDX-License-Identifier: .*\(WITH\|OR\) ' -- uapi Documentation kmod userspace selftests scripts | sort)" \
	"$(sed -n '/^Files: uapi/,/^Copyright/{s/^Files: //; s/^ *//; /^Copyright/!p}' debian/copyright | sort)"
# --- the same twice -------------------------------------------------------

other=$dir/another-place
mkdir "$other"
git ls-files -z | xargs -0 cp --parents -t "$other/" || die "cannot copy the checkout"
# elsewhere COMMAND...: in that copy, in another zone and language, with another umask
elsewhere() {
	(umask 077; cd "$other" && env TZ=Asia/Tokyo LC_ALL=C.UTF-8 HOME=/nonexistent \
		DEB_BUILD_OPTIONS="nocheck parallel=1" "$@")
}
# differ A B: the files of A of which B has other bytes
differ() { (cd "$1" && for f in *.deb *.tar.xz *.dsc; do [ ! -e "$f" ] || cmp -s "$f" "$2/$f" || echo "$f"; done); }
mkdir "$dir"/{dist,dated}
tarball=dm-replica-$version.tar.xz
elsewhere scripts/deb --dist "$dir/dist" >/dev/null && cmp "$dir/$tarball" "$dir/dist/$tarball"
is "the release is the same when made elsewhere" $? 0
sed -i 's/--mtime=[^ ]*//' "$other/scripts/deb"
elsewhere scripts/deb --dist "$dir/dated" >/dev/null
is "one with the times of its files is found to differ" "$(differ "$dir/dated" "$dir/dist")" "$tarball"
cp scripts/deb "$other/scripts/deb"

# --- upgraded while attached ----------------------------------------------

# revised PACKAGE: the package of this build, as of the next revision.
revised() {
	rm -rf "$dir/revised"
	dpkg-deb -R "$dir/$1_$version-1_$arch.deb" "$dir/revised" &&
		sed -i "s/^Version: .*/Version: $version-2/; s/(= $version-1)/(= $version-2)/" "$dir/revised/DEBIAN/control" &&
		dpkg-deb --root-owner-group -b "$dir/revised" "$dir/upgrade/$1_$version-2_$arch.deb" >/dev/null
}
# numbered FILE VERSION NNNNN: the module in FILE, but of another version, and with another sum
# of its sources.
numbered() {
	sed "s/\x00version=${version//./\\.}\x00/\x00version=$2\x00/; s/\x00srcversion=...../\x00srcversion=$3/" "$1"
}
upgraded() {
	local kernel tree p
	tree=$("$VM_SRC/scripts/host-root" 2>"$dir/why") || {
		why=$(tail -n 1 "$dir/why")
		return 1
	}
	read -r kernel _ <<<"${KERNELS:-um}"
	why="no module for $kernel"
	[ -e "$VM_SRC/build/$kernel/dm-replica.ko" ] || return 1
	mkdir -p "$dir/upgrade"
	for p in replicactl libdmreplica0; do
		cp "$dir/${p}_$version-1_$arch.deb" "$dir/upgrade/"
		revised $p || die "cannot make another $p"
	done
	numbered "$VM_SRC/build/$kernel/dm-replica.ko" 0.0.9 00009 >"$dir/upgrade/older.ko"
	numbered "$VM_SRC/build/$kernel/dm-replica.ko" 0.2.0 00020 >"$dir/upgrade/newer.ko"
	chmod -R go+rX "$dir" "$dir/upgrade"
	vm --kernel "$kernel" --root "$tree" --systemd --timeout 600 --out "$dir/upgrade" --disk s0=64M --disk d0=32M \
		"$0" --guest "$dir/upgrade" "$version" >"$dir/ktap" 2>&1
	upgrade_rc=$?
	grep -E '^(not )?ok |^#' "$dir/ktap" | sed "s/^\(not \)\?ok [0-9]* - /\1ok - upgrade: /" >"$dir/ktap.own"
	while read -r line; do
		case $line in
		'ok - '*) ok "${line#ok - }" ;;
		'not ok - '*) not_ok "${line#not ok - }" ;;
		*) echo "$line" ;;
		esac
	done <"$dir/ktap.own"
	is "upgrade: the machine, and its kernel log" $upgrade_rc 0
}
arch=$(dpkg --print-architecture)
upgraded || for ((i = 0; i < 27; i++)); do skip "upgrade while attached" "$why"; done
[ -n "${LONG-}" ] || exit 0

# --- at length ------------------------------------------------------------

check "built again elsewhere, in another zone and language, with another umask" shown elsewhere scripts/deb "$dir/again"
is "the packages are the same, byte by byte" "$(differ "$dir" "$dir/again")" ''

# At another time, with other names, in another order of directories, as far as reprotest can
# without an account of its own.
reproduced() {	# TREE VARIATIONS
	timeout 1200 reprotest --min-cpus 1 --vary="$2" --no-diffoscope -c 'DEB_BUILD_OPTIONS=nocheck dpkg-buildpackage -us -uc -b' "$1" '../*.deb'
}
if ! command -v reprotest >/dev/null || ! command -v faketime >/dev/null; then
	skip "reprotest finds no difference" "there is no reprotest, or no faketime"
	skip "a planted time stamp is found" "the same"
else
	mkdir "$dir/source"
	dpkg-source -x "$dir/dm-replica_$version-1.dsc" "$dir/source/dm-replica" >/dev/null || die "cannot unpack the source"
	check "reprotest finds no difference" shown reproduced "$dir/source/dm-replica" \
		"+all,-user_group,-domain_host"
	# shellcheck disable=SC2016 # of make
	sed -i 's/^\tinstall -d \$(src)$/&\n\tdate +%F >$(src)\/BUILT/' "$dir/source/dm-replica/debian/rules"
	grep -q /BUILT "$dir/source/dm-replica/debian/rules" || die "no date planted"
	reproduced "$dir/source/dm-replica" -all,+time >"$dir/said" 2>&1
	rc=$?
	is "a planted date is found, in the package that has it" \
		"$rc $(sed -n 's|^Binary files .*/\([a-z0-9-]*\)_[^/ ]* and .* differ$|\1|p' "$dir/said" | sort -u)" "1 dm-replica-dkms"
fi

# --- for arm64 ------------------------------------------------------------

cross=$dir/arm64
shown scripts/deb --arch arm64 "$cross"
rc=$?
if [ $rc = 4 ] || { [ $rc = 1 ] && grep -q 'deb: .*mmdebstrap' "$dir/said"; }; then
	for ((i = 0; i < 5; i++)); do skip "packages for arm64" "$(grep '^deb:\|^E' "$dir/said" | tail -n 1)"; done
else
	is "the packages are cross-built for arm64" $rc 0
	# files DIRECTORY ARCH: all files of all packages for that architecture
	files() {
		for p in "$1"/*_"$2".deb; do
			dpkg-deb -c "$p" | awk '{ print $6 }' | sed "s|^|${p##*/}: |; s|_$2.deb||; s|[a-z0-9_]*-linux-gnu|TRIPLET|"
		done | grep -v dbgsym | sort
	}
	is "with the same files as here" "$(diff <(files "$dir" "$arch") <(files "$cross" arm64))" ''
	for p in "$cross"/*_arm64.deb; do dpkg-deb -x "$p" "$cross/all"; done
	is "all programs are for it" \
		"$(find "$cross/all" -type f \( -perm -u+x -o -name '*.so.*' \) -exec readelf -h {} + 2>/dev/null | sed -n 's/^ *Machine: *//p' | sort -u)" AArch64
	check "lintian has nothing to report" quiet lintian --allow-root -EviI --pedantic --tag-display-limit 0 -q \
		"$cross/dm-replica_$version-1_arm64.changes"
	if command -v qemu-aarch64 >/dev/null; then
		check "the tool starts" matches "^replicactl $version$" qemu-aarch64 -L "${CROSS_ROOT:-build/cross}/arm64/tree" \
			"$cross/all/usr/sbin/replicactl" --version
	else
		skip "the tool starts" "there is no qemu-user"
	fi
fi

[ "$(id -u)" = 0 ] || skip_rest "a tree is made by root only"
command -v mmdebstrap >/dev/null || skip_rest "there is no mmdebstrap"

# A clean Debian 12 with the kernel headers of 6.1, and those of 6.12 to be installed later, and
# with all that the packages depend on, for no network is there; made once.
base=build/packages/base.tar
include=dkms,linux-headers-amd64,systemd,udev,gcc,libc6-dev,pkgconf
for p in replicactl libdmreplica0 libdmreplica-dev; do dpkg-deb -f "$dir/${p}_$version-1_$arch.deb" Depends; done >"$dir/depends"
include=$include,$(tr ',' '\n' <"$dir/depends" | sed 's/[(|].*//; s/ //g' | grep -v replica | sort -u | paste -sd,)
mkdir -p build/packages
if [ ! -e $base ] || [ "$(cat $base.has 2>/dev/null)" != "$include" ]; then
	# shellcheck disable=SC2016 # $1 is the tree
	mmdebstrap --mode=root --variant=apt --include="$include" --skip=cleanup/apt \
		--customize-hook='chroot "$1" apt-get -y install --no-install-recommends --download-only linux-headers-6.12-amd64' \
		bookworm build/packages/new.tar >build/packages/log 2>&1 || skip_rest "mmdebstrap: $(grep '^E' build/packages/log | head -n 1)"
	mv build/packages/new.tar $base
	echo "$include" >$base.has
fi
tree=$dir/tree
mkdir "$tree"
tar -x -C "$tree" -f $base || die "cannot unpack $base"
printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d"
chmod +x "$tree/usr/sbin/policy-rc.d"
# The running kernel is one of the tree's: dkms builds for that and for the newest.
# shellcheck disable=SC2016 # the stub's own argument
printf '#!/bin/sh\ncase $1 in -r) echo %s ;; *) exec /usr/bin/uname "$@" ;; esac\n' \
	"$(cd "$tree/lib/modules" && echo 6.1.*)" >"$tree/usr/local/bin/uname"
chmod +x "$tree/usr/local/bin/uname"
cp "$dir"/*.deb "$tree/tmp/"

# in_tree COMMAND...: in namespaces of its own, and without the right to load a module
in_tree() {
	# shellcheck disable=SC2016 # its arguments
	unshare --mount --pid --net --ipc --uts --fork --kill-child --propagation private sh -c '
		t=$1; shift
		mount -t proc proc $t/proc && mount -t tmpfs dev $t/dev || exit 99
		for f in null zero full random urandom; do
			: >$t/dev/$f && mount --bind /dev/$f $t/dev/$f || exit 99
		done
		ln -s /proc/self/fd $t/dev/fd && mkdir $t/dev/pts && mount -t devpts -o newinstance,ptmxmode=666 pts $t/dev/pts &&
			ln -s pts/ptmx $t/dev/ptmx || exit 99
		exec setpriv --bounding-set=-sys_module,-sys_boot,-sys_rawio \
			env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
			INITRD=No AUTOPKGTEST_TMP=/tmp chroot $t "$@"' sh "$tree" "$@" </dev/null
}
install() { shown in_tree apt-get -y -o APT::Keep-Downloaded-Packages=true install --no-install-recommends "$@"; }
modules() {
	(cd "$tree/lib/modules" && find . -path './*/updates/dkms/dm-replica.ko*' |
		sed 's|^./\(6\.[0-9]*\)\..*|\1|' | sort | tr '\n' ' ')
}
versions() { for f in "$tree"/lib/modules/*/updates/dkms/dm-replica.ko*; do modinfo -F version "$f"; done | sort -u | tr '\n' ' '; }
status() { in_tree dkms status; }

is "no module is there" "$(modules)" ''
check "apt install of all packages" install "/tmp/dm-replica-dkms_$version-1_all.deb" "/tmp/replicactl_$version-1_amd64.deb" \
	"/tmp/libdmreplica0_$version-1_amd64.deb" "/tmp/libdmreplica-dev_$version-1_amd64.deb"
is "dkms has built the module for 6.1" "$(modules)" '6.1 '
is "in this version" "$(versions)" "$version "
diag "$(status)"
check "modprobe finds it, also by the name of a target" \
	matches '^alias: *dm-replica-overlay$' in_tree sh -c "modinfo -k \$(echo /lib/modules/6.1.* | cut -d / -f 4) dm-replica"
is "the target is enabled" "$(in_tree systemctl is-enabled dm-replica.target)" enabled
is "the installed files are unchanged" "$(in_tree dpkg -V dm-replica-dkms replicactl libdmreplica0 libdmreplica-dev)" ''
cp debian/tests/library "$tree/tmp/"
check "a program is built with the library: debian/tests/library" in_tree /tmp/library
is "the generator runs there" "$(in_tree sh -c '
	printf "name=w\nuuid=01234567-89ab-cdef-0123-456789abcdef\nstore=/dev/a\ndisk.vda=/dev/b\n" >/etc/dm-replica/systems.d/w.conf
	mkdir -p /tmp/g /var/lib/dm-replica && echo seen >/var/lib/dm-replica/w
	/lib/systemd/system-generators/dm-replica-generator /tmp/g /tmp/g /tmp/g 2>&1 && ls /tmp/g/dm-replica.target.wants')" dm-replica@w.service

# debian/tests/smoke in a machine of its own: root and systemd are those of the tree, and dkms
# has built the module for the kernel that boots.
over=$dir/over release=$(cd "$tree/lib/modules" && echo 6.1.*)
mkdir -p "$over"/{etc/modprobe.d,usr/lib/dm-replica-dkms,srv}
cp "$tree/lib/modules/$release"/updates/dkms/dm-replica.ko* "$over/usr/lib/dm-replica-dkms/"
cp debian/tests/smoke "$over/srv/"
# The machine has the modules of its own kernel's package in their place.
echo "install dm_replica /sbin/modprobe -a dm-mod libcrc32c && /sbin/insmod $(cd "$over" && echo /usr/lib/dm-replica-dkms/*)" \
	>"$over/etc/modprobe.d/dm-replica-dkms.conf"
booted=$("$VM_SRC/scripts/vm" --kernel 6.1 --prepare 2>/dev/null && sed 's/ .*//' "${VM_CACHE:-$VM_SRC/build/vm}/6.1/version")
if [ "${booted##*$'\n'}" != "$release" ]; then
	skip "debian/tests/smoke" "the headers in the tree are of $release, the kernel here is ${booted##*$'\n'}"
else
	check "debian/tests/smoke in a booted machine, with the packages and the module of dkms" shown vm --kernel 6.1 \
		--root "$tree" --over "$over" --systemd --timeout 1200 --env AUTOPKGTEST_TMP=/tmp 'cd /tmp && /srv/smoke'
fi

check "the headers of another kernel, installed later" install --no-download linux-headers-6.12-amd64
is "its module is built, too" "$(modules)" '6.1 6.12 '

# An upgrade to another version.
next=${version}z
sed -i "s/\"$version\"/\"$next\"/" "$other"/{dkms.conf,kmod/module.c,userspace/lib/dmreplica.h}
sed -i "1s/($version-1)/($next-1)/" "$other/debian/changelog"
next() { (cd "$other" && scripts/deb "$dir/next"); }
check "the next version is built" shown next
cp "$dir"/next/*"$next"*.deb "$tree/tmp/"
check "upgrade" install "/tmp/dm-replica-dkms_$next-1_all.deb" "/tmp/replicactl_$next-1_amd64.deb" \
	"/tmp/libdmreplica0_$next-1_amd64.deb" "/tmp/libdmreplica-dev_$next-1_amd64.deb"
diag "$(status)"
is "the module is there for both kernels" "$(modules)" '6.1 6.12 '
is "in the new version alone" "$(versions)" "$next "
is "the sources of the old version are gone" "$(cd "$tree/usr/src" && echo dm-replica-*)" "dm-replica-$next"
is "the tool, too" "$(in_tree replicactl --version | head -n 1)" "replicactl $next"
check "the file of a system stays" grep -q name=w "$tree/etc/dm-replica/systems.d/w.conf"
is "the target is still enabled" "$(in_tree systemctl is-enabled dm-replica.target)" enabled

check "remove" shown in_tree apt-get -y remove dm-replica-dkms replicactl libdmreplica0 libdmreplica-dev
is "no module is left" "$(modules)$(status)" ''
is "the file of a system stays, and what was seen of its store" \
	"$(cd "$tree" && echo etc/dm-replica/systems.d/* var/lib/dm-replica/*)" 'etc/dm-replica/systems.d/w.conf var/lib/dm-replica/w'
check "purge" shown in_tree apt-get -y purge dm-replica-dkms replicactl
is "nothing else is left" "$(in_tree find / -xdev \( -path /tmp -o -path /proc \) -prune -o \( -name '*dm-replica*' -o -name '*dmreplica*' -o -name '*replicactl*' \) -print |
	grep -v '^/var/log\|^/var/cache' | tr '\n' ' ')" '/etc/dm-replica '

# --- the newest kernel of the archive -------------------------------------

# A module that does not compile makes that kernel's installation fail, for each user of dkms.
# Skipped where the archive, or the mirror, has none that is newer.
newest=$dir/newest
newest_tree() {
	# A mirror that is some weeks old has headers, too.
	mmdebstrap --mode=root --variant=apt --include=dkms,linux-headers-amd64,gcc,libc6-dev \
		--aptopt='Acquire::Check-Valid-Until "false"' "${NEWEST_RELEASE:-sid}" "$newest" >"$dir/newest.log" 2>&1
}
if ! newest_tree; then
	why=$(grep '^E' "$dir/newest.log" | head -n 1 | cut -c1-100)
	skip "a tree of the newest release" "mmdebstrap: ${why:-failed}"
	skip "the module for the newest kernel" "no tree"
else
	ok "a tree of the newest release"
	printf '#!/bin/sh\nexit 101\n' >"$newest/usr/sbin/policy-rc.d"
	chmod +x "$newest/usr/sbin/policy-rc.d"
	tree=$newest
	release=$(cd "$newest/lib/modules" && printf '%s\n' *-amd64 | sort -V | tail -n 1)
	# shellcheck disable=SC2016 # the stub's own argument
	printf '#!/bin/sh\ncase $1 in -r) echo %s ;; *) exec /usr/bin/uname "$@" ;; esac\n' "$release" \
		>"$newest/usr/local/bin/uname"
	chmod +x "$newest/usr/local/bin/uname"
	cp "$dir/dm-replica-dkms_$version-1_all.deb" "$newest/tmp/"
	check "dkms builds the module for its kernel $release" install "/tmp/dm-replica-dkms_$version-1_all.deb"
	diag "$(status)" "$(find "$newest/lib/modules" -name 'dm-replica.ko*')"
fi
