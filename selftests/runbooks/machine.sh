# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The machine of the runbooks, for the comments "run:" of their pages: a volume group vg0, in it
# the store web1-store and the homes web1-vda and web1-vdb of the system web1.

PATH=/run/runbooks/bin:$PATH:/usr/sbin:/sbin
export LVM_SYSTEM_DIR=/run/runbooks/lvm LVM_SUPPRESS_FD_WARNINGS=1 TZ=UTC LANG=C
io=$RUNBOOKS_IO
conf=/etc/dm-replica/systems.d

die() { echo "machine: $*"; exit 1; }
quiet() { "$@" >/run/runbooks/said 2>&1 || die "$*: $(cat /run/runbooks/said)"; }

# once: programs and configuration, at the start of the test.
once() {
	mkdir -p /run/runbooks/bin /run/runbooks/lvm /srv
	ln -sfn "$REPLICACTL" /run/runbooks/bin/replicactl
	cp "$io" /run/runbooks/bin/qemu-system-x86
	cat >/run/runbooks/lvm/lvm.conf <<-CONF
		devices { use_devicesfile = 0 scan = [ "/dev/vm", "/dev/mapper" ] global_filter = [ "r|^/dev/mapper/|", "r|^/dev/dm-|", "r|^/dev/dm-replica/|" ] }
		global { locking_dir = "/run/runbooks/lvm" event_activation = 0 use_lvmpolld = 0 }
		activation { udev_sync = 0 udev_rules = 0 monitoring = 0 }
		backup { backup = 1 archive = 0 backup_dir = "/run/runbooks/lvm/backup" }
	CONF
}

lv() {
	quiet lvm "$@"
	quiet dmsetup mknodes
}

# volume NAME MIB: a logical volume of vg0.
volume() {
	lv lvcreate -y -Wn -Zn -n "$1" -L "$2M" vg0
	ln -sfn "/dev/mapper/vg0-${1//-/--}" "/dev/vg0/$1"
}

# prepare: no system, and empty volumes.
prepare() {
	guest_off
	rm -f /run/runbooks/*.table /run/runbooks/machine-id
	replicactl detach --all --wait 20 >/dev/null 2>&1
	dmsetup ls 2>/dev/null | awk '{ print $1 }' | grep -e '^vg0-' -e '^web' | while read -r d; do
		dmsetup remove --force "$d" >/dev/null 2>&1
	done
	rm -rf $conf/*.conf /var/lib/dm-replica/* /dev/vg0
	home_gone
	dd if=/dev/zero of=/dev/vm/s0 bs=1M count=2 conv=fsync 2>/dev/null
	lv pvcreate -ff -y /dev/vm/s0
	lv vgcreate vg0 /dev/vm/s0
	mkdir -p /dev/vg0
	volume web1-vda 64
	volume web1-vdb 32
	volume web1-store 64
	for d in vda vdb store; do
		dd if=/dev/zero of=/dev/vg0/web1-$d bs=1M count=32 conv=fsync 2>/dev/null
	done
}

# replica: the system web1, attached, with two recovery points.
replica() {
	quiet replicactl create web1 --store /dev/vg0/web1-store --disk vda=/dev/vg0/web1-vda \
		--disk vdb=/dev/vg0/web1-vdb
	quiet replicactl attach web1
	replicate 0 1
	quiet replicactl recovery-point create web1 --label monday
	replicate 8 2
	quiet replicactl recovery-point create web1 --label tuesday
	settled
}

# replicate MIB STAMP: 4 MiB arrive at that place of vda, 1 MiB at that of vdb.
replicate() {
	quiet "$io" /dev/mapper/web1-vda-replica "w:$1M:4M:$2" f
	quiet "$io" /dev/mapper/web1-vdb-replica "w:$1M:1M:$2" f
}

# guest_writes MIB LENGTH: on the failover devices.
guest_writes() { quiet "$io" /dev/mapper/web1-vda "w:$1M:$2:9" f; }

# guest_on, guest_off: a process that has the failover device open as a guest does.
guest_on() {
	setsid qemu-system-x86 /dev/mapper/web1-vda p:open s:600 </dev/null >/run/runbooks/guest 2>&1 &
	echo $! >/run/runbooks/guest.pid
	until grep -q open /run/runbooks/guest; do sleep 0.1; done
}
guest_off() {
	[ ! -e /run/runbooks/guest.pid ] || kill "$(cat /run/runbooks/guest.pid)" 2>/dev/null
	rm -f /run/runbooks/guest.pid /run/runbooks/guest
}

# settled: the vacuum has nothing left to do, and no job runs.
settled() {
	local said
	for _ in $(seq 300); do
		said=$(replicactl status web1 --json)
		[[ $said != *'"vacuum_pending": 0'* ]] || return 0
		sleep 0.1
	done
	die "the vacuum does not come to its end"
}

# table NAME TABLE...: another table below /dev/vg0/NAME, without waiting for I/O.
table() {
	local d=vg0-${1//-/--}
	[ -e "/run/runbooks/$1.table" ] || dmsetup table "$d" >"/run/runbooks/$1.table"
	quiet dmsetup load "$d" --table "$2"
	quiet dmsetup suspend --noflush --nolockfs "$d"
	quiet dmsetup resume "$d"
}

# broken NAME: each I/O of /dev/vg0/NAME fails; mended NAME: no more.
broken() { table "$1" "0 $(blockdev --getsz "/dev/vg0/$1") error"; }
mended() {
	table "$1" "$(cat "/run/runbooks/$1.table")"
	rm "/run/runbooks/$1.table"
}

# The module under test is not installed: modprobe(8) does not find it.
modprobe() {
	case "$*" in
	'-r dm-replica') rmmod dm_replica ;;
	dm-replica) insmod "$MODULE" ;;
	*) command modprobe "$@" ;;
	esac
}

# fill_store: replication writes until the store has no room; its last write fails.
fill_store() {
	local mib
	for mib in $(seq 12 4 60); do
		"$io" /dev/mapper/web1-vda-replica "w:${mib}M:4M:3" f || return 0
	done 2>/dev/null
	for mib in $(seq 4 1 31); do
		"$io" /dev/mapper/web1-vdb-replica "w:${mib}M:1M:3" f || return 0
	done 2>/dev/null
	die "the store has room for everything"
}

# home_may_break, before the system is made: the home of vda can fail flushes.
home_may_break() {
	quiet command modprobe nbd nbds_max=1 max_part=0
	mkfifo /run/runbooks/disk
	setsid "${io%-io}-hold" /dev/nbd0=64 <>/run/runbooks/disk >/run/runbooks/disk.said 2>&1 &
	echo $! >/run/runbooks/disk.pid
	until grep -q ready /run/runbooks/disk.said; do sleep 0.1; done
	table web1-vda "0 131072 linear /dev/nbd0 0"
}
home_gone() {
	[ -e /run/runbooks/disk.pid ] || return 0
	kill "$(cat /run/runbooks/disk.pid)"
	rm -f /run/runbooks/disk*
}
home_rule() {
	: >/run/runbooks/disk.said
	echo "$*" >/run/runbooks/disk
	until grep -q ok /run/runbooks/disk.said; do sleep 0.1; done
}

# broken_home: a flush of the guest fails, and so does each to come; until mended_home.
broken_home() {
	quiet "$io" /dev/mapper/web1-vda w:2M:1M:9
	home_rule on 0 f 0 0 fail
	! "$io" /dev/mapper/web1-vda f || die "a flush succeeds"
}
mended_home() { home_rule off; }

# broken_store: a flush finds the store broken; no record has come before it.
broken_store() {
	quiet replicactl vacuum web1 --hold
	quiet "$io" /dev/mapper/web1-vda w:4M:64K:5
	broken web1-store
	! "$io" /dev/mapper/web1-vda f || die "a flush succeeds"
	replicactl vacuum web1 --release || true
}

# other_host: this host has never had web1.
other_host() {
	rm -rf $conf/web1.conf /var/lib/dm-replica/*
	echo 22222222222222222222222222222222 >/run/runbooks/machine-id
}

# lose_host: storage as the host leaves it that has web1 attached, and another host.
lose_host() {
	local v
	for v in store vda vdb; do
		dd if=/dev/vg0/web1-$v of=/run/runbooks/$v bs=1M conv=sparse iflag=direct status=none
	done
	quiet replicactl detach web1
	for v in store vda vdb; do
		dd if=/run/runbooks/$v of=/dev/vg0/web1-$v bs=1M conv=fsync status=none
		rm /run/runbooks/$v
	done
	other_host
}

if [ -e /run/runbooks/machine-id ]; then
	DM_REPLICA_MACHINE_ID=$(cat /run/runbooks/machine-id)
	export DM_REPLICA_MACHINE_ID
fi
