#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# scripts/vm itself: its answers to wrong options, its exit statuses in user mode, that a
# guest can write nothing of the host but --out, and that it emulates where no user-mode
# kernel starts.
# The virtual machine runs this file, too: 10-vm.sh --guest DIR
# debug: skip it starts the plain kernels
. "$(dirname "$0")/../vm/lib.sh"

# --- in the virtual machine -----------------------------------------------

# Writes wherever it can, as root of the guest, through hostfs and around it.
guest() {
	local dir=$1 h=/run/h p
	trap - EXIT
	mkdir -p $h $h.out
	try() {	# WHAT PATH
		if echo guest 2>/dev/null >"$2"; then echo "wrote $1: $2"; fi
	}
	mount -t hostfs -o / none $h || die "no hostfs"
	mount -o remount,rw $h
	[ -e "$h$dir/victim" ] || die "hostfs does not show $dir"
	try "a file" "$h$dir/victim"
	try "a new file" "$h$dir/new"
	try "the checkout" "$h$VM_SRC/build/vm-wrote"
	for p in /etc /root /tmp /var/tmp /run /dev/shm /sys/kernel/mm/ksm; do
		try "$p" "$h$p/vm-wrote"
	done
	try "a setting" $h/proc/sys/kernel/panic
	ln -s "$h$dir" /run/link && try "through a link" /run/link/new
	rm -f "$h$dir/victim" 2>/dev/null && echo "removed $dir/victim"
	mv "$h$dir/victim" "$h$dir/moved" 2>/dev/null && echo "moved $dir/victim"
	chmod 777 "$h$dir/victim" 2>/dev/null && echo "changed $dir/victim"
	mkdir "$h$dir/d" 2>/dev/null && echo "made $dir/d"
	mount -t hostfs -o "$dir" none $h.out && try "a mount of its own" $h.out/new
	try "--out, which it may" "$dir/out/result"
	exit 0
}
if [ "${1-}" = --guest ]; then
	shift
	guest "$@"
fi

# --- on the host ----------------------------------------------------------

read -ra kernels <<<"${KERNELS:-um}"
[ "${kernels[0]}" = um ] || skip_all "about user mode, which is not among ${kernels[*]}"
ktap_plan 67
vm=$VM_SRC/scripts/vm
dir=$(workdir)
at_exit "rm -rf $dir"

usage() {	# REGEX OPTION...: exit status 2, a text, the way to the help
	local regex=$1 said rc
	shift
	said=$("$vm" "$@" 2>&1 </dev/null)
	rc=$?
	if [ $rc = 2 ] && grep -q -e "$regex" <<<"$said" && grep -q -- --help <<<"$said"; then
		ok "wrong usage: $*"
	else
		diag "status $rc, said: $said"
		not_ok "wrong usage: $*"
	fi
}
usage 'no command' --uml
usage 'unknown option' --umlaut true
usage '--over needs a directory' --uml --over /none/such true
usage 'needs a value' --kernel
usage 'no kernel 5.10' --kernel 5.10 true
usage 'no kernel' --kernel '' true
usage 'one CPU' --uml --cpus 2 true
usage 'accelerator' --uml --accel kvm true
usage 'accelerator' --accel xen true
usage 'not a number' --uml --timeout 1m true
usage 'not a number' --uml --timeout -5 true
usage 'not a number' --uml --mem 0 true
usage 'not a number' --uml --cpus '' true
usage 'not NAME=SIZE' --uml --disk s0 true
usage 'no size' --uml --disk s0= true
usage 'no size' --uml --disk s0=1T true
usage 'no size' --uml --disk s0=-1G true
usage 'no size' --uml --disk s0=99999999999999999999G true
usage 'bad name' --uml --disk 'a b=1G' true
usage 'bad name' --uml --disk '../a=1G' true
usage 'two disks' --uml --disk a=1G --disk a=1G true
usage 'unknown option' --uml --disk a=1G,lbs=1024 true
usage 'unknown option' --uml --disk a=1G,file= true
usage 'cannot make' --uml --disk "a=1G,file=$dir/no/such/directory" true
usage 'no name of a variable' --uml --env a-b false
usage 'no name of a variable' --uml --env '' false
usage 'exclude each other' --uml --kernel kcsan true
usage 'exclude each other' --debug --kernel 6.1 true
usage 'needs a directory' --uml --out '' true
usage 'no directory' --uml --out "$0" true
usage 'blanks' --uml --out "$dir/a b" true
usage 'not a number' --uml --timeout 99999999999999999999 true
usage 'at most 64' --kernel 6.12 --cpus 65 true
usage 'unterminated' --uml --expect-log fine --expect-log '[' true
usage 'whole number of blocks' --uml --disk a=1000 true
usage 'whole number of blocks' --uml --disk a=1536,lbs=4096 true
usage 'is a directory' --uml --disk "a=1G,file=$dir" true
usage 'cannot be written' --uml --keep-log "$dir/no/such/log" true
usage 'scripts/host-root makes one' --uml --root "$dir" true
usage 'needs a --root' --uml --systemd true
usage 'at most 8' --uml --out a --out b --out c --out d --out e --out f --out g --out h --out i true
check "help" "$vm" --help

# status STATUS NAME OPTION...
status() { status_is "$2: $1" "$1" "$vm" --uml --mem 512 "${@:3}"; }
status 0 "a command that succeeds" true
status 7 "one that fails" 'exit 7'
# shellcheck disable=SC2016 # for the guest
status 143 "one that is killed" 'kill $$'
status 99 "an error in the kernel log" 'echo "<3>selftest: an error" >/dev/kmsg'
status 99 "an expected line that does not come" --expect-log 'never said' true
status 0 "one that comes" --expect-log 'selftest: an error' 'echo "<3>selftest: an error" >/dev/kmsg'
status 98 "a guest that is cut off" '/run/vm/busybox poweroff -n -f'
status 0 "the same with --cut" --cut '/run/vm/busybox poweroff -n -f'
status 98 "--cut, and it is not" --cut true
status 124 "the time limit" --timeout 4 'sleep 60'
# shellcheck disable=SC2016 # for the guest
said=$("$vm" --uml --mem 512 'echo 1; echo 2 >&2; cat; echo $VM_LEVEL $VM_KERNEL')
is "output in its order, nothing on standard input" "$said" "1
2
um um"

# Disks: more than the kernel has, larger blocks, an image that stays.
opts=()
for i in $(seq -w 1 20); do opts+=(--disk "x$i=8M"); done
# shellcheck disable=SC2016 # for the guest
check "21 disks, one of 4 KiB blocks, one of a file" "$vm" --uml --mem 512 "${opts[@]}" \
	--disk k4=8M,lbs=4096 --disk "f=8M,file=$dir/image" '
	set -e
	[ $(ls /dev/vm | grep -c "^x") = 20 ]
	[ $(blockdev --getss /dev/vm/k4) = 4096 ]
	for d in /dev/vm/x* /dev/vm/k4 /dev/vm/f; do
		[ $(blockdev --getsize64 $d) = 8388608 ]
		b=$(basename $(readlink $d))
		[ "$(cat /sys/block/$b/queue/write_cache)" = "write back" ]
		[ "$(cat /sys/block/$b/queue/fua)" = 0 ]
		echo $d | dd of=$d bs=4096 count=1 conv=sync,fsync 2>/dev/null
	done
	for d in /dev/vm/x* /dev/vm/k4 /dev/vm/f; do
		[ "$(dd if=$d bs=4096 count=1 2>/dev/null | tr -d "\0")" = $d ]
	done'
is "the image has the written data" "$(head -c 9 "$dir/image")" "/dev/vm/f"

mkdir "$dir/out"
echo host >"$dir/victim"
said=$("$vm" --uml --mem 512 --timeout 60 --disk "f=8M,file=$dir/image" --out "$dir/out" -- "$0" --guest "$dir" 2>&1)
rc=$?
# Links of /proc, to roots and descriptors, are followed by the guest and in the guest.
is "a guest writes nothing of the host but --out" "$rc $said" "0 wrote --out, which it may: $dir/out/result"
is "which is there" "$(cat "$dir/out/result")" guest
is "and nothing else" "$(cat "$dir/victim"; cd "$dir" && echo *)" "host
image out victim"

# Mounts that others hide, as systemd's below /proc.
hidden() {
	# shellcheck disable=SC2016 # for the inner shell
	unshare --mount --propagation private sh -c '
		mount -t tmpfs none /proc/sys/fs && mkdir -p "$1/a/b" && mount -t tmpfs none "$1/a/b" &&
		mount -t tmpfs none "$1/a" && mkdir "$1/a/b" && exec "$2" --uml --mem 512 true' sh "$1" "$vm"
}
check "a host with hidden mounts" hidden "$dir"

# A fault of the user-mode kernel that um-fork-killed.patch mends.
fork='import mmap, os
m = mmap.mmap(-1, 300 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
try:
    os.fork()
except OSError as e:
    print(e.strerror)'
# shellcheck disable=SC2016 # for the guest
said=$("$vm" --uml --mem 512 --env "F=$fork" '
	echo 2 >/proc/sys/vm/overcommit_memory && echo 100 >/proc/sys/vm/overcommit_ratio
	python3 -c "$F"' 2>&1)
is "a fork that fails ends no kernel" "$said" "Cannot allocate memory"

# The memory of a guest has a place of its own, with any TMPDIR.
small() {
	# shellcheck disable=SC2016 # for the inner shell
	unshare --mount --propagation private sh -c '
		mount -t tmpfs -o size=1M,noexec none "$1" &&
		TMPDIR=$1 exec "$2" --uml --mem 512 true' sh "$1" "$vm"
}
mkdir "$dir/small"
check "a small noexec place for temporary files" small "$dir/small"

# falls_back NAME REASON COMMAND...: where COMMAND takes away something that user mode needs,
# 6.12 is emulated.
"$vm" --kernel 6.12 --prepare || die "no kernel 6.12"
mkdir -p "$dir/cache"
for f in 6.12 qemu; do ln -s "$VM_SRC/build/vm/$f" "$dir/cache/$f"; done
falls_back() {
	local said name=$1 reason=$2
	shift 2
	said=$(VM_CACHE=$dir/cache "$@" "$vm" --uml --which 2>"$dir/err")
	is "$name: 6.12 is used" "$said" 6.12
	is "$name: the reason is given" \
		"$(grep -o -m 1 'no user-mode kernel runs here' "$dir/err"; grep -o -m 1 "$reason" "$dir/err")" \
		"no user-mode kernel runs here
$reason"
}

mkdir "$dir/bin"
printf '#!/bin/sh\necho "unshare: not permitted" >&2\nexit 1\n' >"$dir/bin/unshare"
chmod 755 "$dir/bin/unshare"
falls_back "no namespaces" 'unshare: not permitted' env PATH="$dir/bin:$PATH"

# Load the number of the system call; if it is ptrace's, 101 on x86-64, EPERM.
seccomp='import ctypes, os, struct, sys
code = b"".join(struct.pack("HBBI", *i) for i in (
    (0x20, 0, 0, 0), (0x15, 0, 1, 101), (0x06, 0, 0, 0x50001), (0x06, 0, 0, 0x7fff0000)))
space = ctypes.create_string_buffer(code)
program = struct.pack("HxxxxxxQ", len(code) // 8, ctypes.addressof(space))
libc = ctypes.CDLL(None)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, program):
    sys.exit("no seccomp")
os.execvp(sys.argv[1], sys.argv[1:])'
falls_back "no ptrace" 'ptrace: Operation not permitted' /usr/bin/python3 -c "$seccomp"

# shellcheck disable=SC2016 # for the inner shell
noexec='mount --bind "$1" "$1" && mount -o remount,bind,noexec "$1" || exit 1
	export VM_TEST_KERNEL=$1; shift; exec "$@"'
built=$(cd "$VM_SRC/build/test-kernel" && pwd -P)
falls_back "a kernel in a noexec place" 'ermission denied' \
	unshare --mount --propagation private sh -c "$noexec" sh "$built"
