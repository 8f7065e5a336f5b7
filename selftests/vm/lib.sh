# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Functions for all selftests.  A test is a shell script NN-name.sh that begins
#
#	#!/bin/bash
#	# SPDX-License-Identifier: GPL-2.0
#	# Its subject.
#	# vm: --udev --disk big=4G		(optional: more options for scripts/vm)
#	. "$(dirname "$0")/lib.sh"
#	ktap_plan 3
#
# and then gives as many results with ok, not_ok, skip, check, is...  The exit
# status follows from them.  Each test runs in a virtual machine of its own,
# with these disks (virtio-blk, write-back cache, empty, sparse):
#
#	s0 s1		1 GiB	for stores
#	d0 d1 d2 d3	256 MiB	for homes
#
# A kernel log line of level err or worse, or a report like WARNING, fails the test unless
# expect_log announced it.
#
# Most of the CPU time of a test goes into starting processes, 15 ms each on any kernel
# here: functions that are called often use what bash has built in.

ktap_n=0
ktap_failed=0
ktap_planned=''
# The checkout: from scripts/vm and selftests/run; else look upwards.
if [ -z "${VM_SRC:-}" ]; then
	VM_SRC=$(cd "$(dirname "$0")" && pwd -P)
	while [ "$VM_SRC" != / ] && [ ! -x "$VM_SRC/scripts/vm" ]; do
		VM_SRC=$(dirname "$VM_SRC")
	done
fi

# Where the build left its products.
# shellcheck disable=SC2034
REPLICACTL=$VM_SRC/build/userspace/replicactl
MODULE=$VM_SRC/build/${VM_KERNEL:-none}/dm-replica.ko
# Without udevd no other process makes or waits for the device nodes.
[ -e /run/udev/control ] || export DM_DISABLE_UDEV=1

diag() {
	local ktap_text="$*"
	printf '# %s\n' "${ktap_text//$'\n'/$'\n'# }"
}

# much FEW MANY: the amount of work of a test; MANY with LONG=1 in its environment.
much() { if [ -n "${LONG-}" ]; then echo "$2"; else echo "$1"; fi; }

# ktap_plan N: announce the number of results.
ktap_plan() {
	ktap_planned=$1
	echo "TAP version 13"
	echo "1..$1"
}

# skip_all REASON: this test cannot run here.
skip_all() {
	ktap_planned=0
	echo "TAP version 13"
	echo "1..0 # SKIP $*"
	exit 4
}

ok() {
	ktap_n=$((ktap_n + 1))
	echo "ok $ktap_n - $*"
}

not_ok() {
	ktap_n=$((ktap_n + 1))
	ktap_failed=$((ktap_failed + 1))
	echo "not ok $ktap_n - $*"
}

# skip NAME REASON
skip() {
	ktap_n=$((ktap_n + 1))
	echo "ok $ktap_n - $1 # SKIP $2"
}

# xfail NAME REASON: known not to work; counts as passed.
xfail() {
	ktap_n=$((ktap_n + 1))
	echo "not ok $ktap_n - $1 # XFAIL $2"
}

# die MESSAGE: give up; the missing results fail the test.
die() {
	diag "$*"
	exit 1
}

# check NAME COMMAND...: ok if COMMAND succeeds; if not, its output is shown.
check() {
	ktap_name=$1
	shift
	if ktap_said=$("$@" 2>&1); then
		ok "$ktap_name"
	else
		diag "$* failed with status $?:" "$ktap_said"
		not_ok "$ktap_name"
	fi
}

# check_fails NAME COMMAND...: ok if COMMAND fails.
check_fails() {
	ktap_name=$1
	shift
	if ktap_said=$("$@" 2>&1); then
		diag "$* should fail but said:" "$ktap_said"
		not_ok "$ktap_name"
	else
		ok "$ktap_name"
	fi
}

# is NAME GOT WANTED
is() {
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		diag "$1: got '$2', wanted '$3'"
		not_ok "$1"
	fi
}

# status_is NAME STATUS COMMAND...: ok if COMMAND's exit status is STATUS.
status_is() {
	ktap_name=$1 ktap_want=$2
	shift 2
	ktap_said=$("$@" 2>&1)
	ktap_rc=$?
	if [ $ktap_rc = "$ktap_want" ]; then
		ok "$ktap_name"
	else
		diag "$*: status $ktap_rc, wanted $ktap_want, said:" "$ktap_said"
		not_ok "$ktap_name"
	fi
}

# at_exit COMMAND: run at the end, last one first.
ktap_at_exit=''
at_exit() {
	ktap_at_exit="$*
$ktap_at_exit"
}

ktap_end() {
	ktap_rc=$?
	trap - EXIT
	eval "$ktap_at_exit"
	if [ -z "$ktap_planned" ]; then
		echo "1..$ktap_n"
	elif [ "$ktap_planned" = 0 ]; then
		exit 4
	elif [ "$ktap_planned" != "$ktap_n" ]; then
		diag "planned $ktap_planned results, got $ktap_n (exit status $ktap_rc)"
		exit 1
	fi
	[ "$ktap_failed" = 0 ] || exit 1
	[ $ktap_rc = 0 ] || exit $ktap_rc
	exit 0
}
trap ktap_end EXIT

# --- in the virtual machine -----------------------------------------------

# dev NAME: the device node of a disk given with --disk NAME=SIZE.
dev() { readlink -f "/dev/vm/$1"; }

# expect_log REGEX: a kernel log line that this test provokes (Python regular
# expression); it must come.
expect_log() {
	printf '%s\n' "$1" >>/run/vm-expect-log
	# Also here, in case the machine is cut off.
	printf '<6>vm: expect %s\n' "$1" >/dev/kmsg
}

# mark TEXT: a line in the kernel log.
mark() { printf '<6>%s\n' "$*" >/dev/kmsg; }

# cut_power: the machine is gone at once; nothing is written back.
cut_power() {
	mark "cutting the power"
	sleep 0.3
	if [ -e /proc/sysrq-trigger ]; then
		echo b >/proc/sysrq-trigger
	else
		/run/vm/busybox poweroff -n -f
	fi
	sleep 10
}

# no_merges DEV...: one request is one I/O in the counts.
no_merges() {
	for ktap_d in "$@"; do
		echo 2 >"/sys/block/$(basename "$(readlink -f "$ktap_d")")/queue/nomerges"
	done
}

# stat_of DEV: "READS SECTORS_READ WRITES SECTORS_WRITTEN FLUSHES" so far.  A
# flush without data counts as a write of no sectors also: on virtio-blk an
# empty flush is 1 write and 1 flush, a PREFLUSH|FUA write 1 write, 2 flushes.
# (/sys/block/X/stat: reads merges sectors ms, writes merges sectors ms, in
# flight, ms, weighted ms, discards merges sectors ms, flushes ms)
stat_of() {
	local ktap_s ktap_d=$1
	[ ! -L "$1" ] || ktap_d=$(readlink -f "$1")
	read -r -a ktap_s <"/sys/block/${ktap_d##*/}/stat"
	echo "${ktap_s[0]} ${ktap_s[2]} ${ktap_s[4]} ${ktap_s[6]} ${ktap_s[15]}"
}

# stat_diff "BEFORE" "AFTER": the difference, in the same form.
stat_diff() {
	# shellcheck disable=SC2086
	set -- $1 $2
	echo "$(($6 - $1)) $(($7 - $2)) $(($8 - $3)) $(($9 - $4)) $((${10} - $5))"
}

have_module() { [ -e "$MODULE" ]; }

# load_module [PARAMETER=VALUE]...: load dm-replica.ko as built.
load_module() {
	have_module || skip_all "the module is not built ($MODULE)"
	modprobe -a dm-mod libcrc32c || die "cannot load dm-mod and libcrc32c"
	insmod "$MODULE" "$@" || die "cannot load $MODULE"
}

# unload_module: and see that it goes.
unload_module() {
	# A report of a leak has only addresses of freed memory.
	[ ! -e /sys/kernel/debug/kmemleak ] ||
		mark "dm_replica was at $(cat /sys/module/dm_replica/sections/.text)"
	rmmod dm_replica
}

# load_brd N MIB: N RAM disks /dev/ram*, write-through.
load_brd() { modprobe brd rd_nr="$1" rd_size="$(($2 * 1024))"; }

# scaled SECONDS: that limit on this kernel; fewer N [LEAST]: the number for this kernel, so
# that the work takes no longer. (VM_SLOW is from scripts/vm: 1 on Debian's kernels.)
scaled() { echo $(($1 * ${VM_SLOW:-1})); }
fewer() { echo $(($1 / ${VM_SLOW:-1} > ${2:-1} ? $1 / ${VM_SLOW:-1} : ${2:-1})); }

# wait_for SECONDS COMMAND...: until COMMAND succeeds; the limit is scaled.
wait_for() {
	local ktap_until=$((SECONDS + $1 * ${VM_SLOW:-1})) ktap_looks=0
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -le $ktap_until ] || return 1
		# A long wait leaves the CPU to what it waits for.
		if [ $((ktap_looks += 1)) -le 5 ]; then sleep 0.1; else sleep 0.3; fi
	done
}

# --- on the host (selftests/host) -----------------------------------------

# vm ARGUMENT...: run in a virtual machine; with a debug kernel it may take longer.
vm() { VM_STRETCH=${VM_STRETCH:-5} "$VM_SRC/scripts/vm" "$@"; }

# workdir: a temporary directory for disk images, removed at exit.
workdir() {
	ktap_dir=$(mktemp -d "${TMPDIR:-/var/tmp}/dmr.XXXXXXXX") || exit 1
	echo "$ktap_dir"
}

# build_helpers DIR NAME...: helper-NAME into DIR, from the same files as selftests/Makefile.
build_helpers() (
	dir=$1
	cd "$VM_SRC/selftests" || exit 1
	shift
	for name; do
		case $name in
		crash) set -- helpers/crash/*.c ;;
		life) set -- life/*.c model/netlink.c ;;
		*) set -- "helpers/$name.c" ;;
		esac
		"${CC:-cc}" -O2 -g -Wall -Wextra -D_GNU_SOURCE= -pthread -o "$dir/helper-$name" "$@" ||
			die "cannot build helper-$name"
	done
)
