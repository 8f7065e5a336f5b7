# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Disks of helper-hold, which keep requests back, fail them, or lose their cache, for
# tests that force an interleaving: to be read after replica.sh.

# hold_disks MIB[,nofua]...: /dev/nbd0 and so on, of these sizes.
hold_disks() {
	local n args=()
	modprobe nbd nbds_max=8 max_part=0 || die "no nbd"
	for n; do args+=("/dev/nbd${#args[@]}=$n"); done
	coproc DISKS { exec "$here/helper-hold" "${args[@]}"; }
	read -r n <&"${DISKS[0]}"
	[ "$n" = ready ] || die "no disks: $n"
}

# disks COMMAND...: a command to helper-hold; its answer is left in $disks_said.
disks() {
	echo "$*" >&"${DISKS[1]}"
	read -r disks_said <&"${DISKS[0]}" || die "the disks are gone"
	[ "$disks_said" != 'what?' ] || die "what is $*?"
}

# held N: are N or more requests kept back?
held() {
	disks held
	[ "$disks_said" -ge "$1" ]
}
await_held() { wait_for 30 held "$1" || die "nothing is kept back: $disks_said, wanted $1"; }

# go: no rule any more, and the requests kept back go on.
go() {
	disks off
	disks go
}

# failed NAME: it ends, and not well.
failed() {
	wait_for 60 ended "$1" || return
	cat "/tmp/$1.said"
	[ "$(cat "/tmp/$1.rc")" != 0 ]
}

all_well() {
	local n
	for n; do went_well "$n" || return; done
}

# still_out NAME: it has had time, and has not ended.
still_out() {
	sleep 1
	! ended "$1"
}
all_out() {
	local n
	sleep 1
	for n; do ! ended "$n" || return; done
}

# drains FUNCTION: does a thread in this function of the module wait for I/O to end?
drains() {
	local stack
	for stack in /proc/[0-9]*/stack; do
		grep -qs dmr_grace_wait "$stack" && grep -qs "$1" "$stack" && return
	done
	return 1
}

# crash NAME: the power failed when the disks were frozen: the system is detached, the disks
# get their content of that time, and it is attached again.
crash() {
	r detach "$1" >/dev/null || die "cannot detach $1"
	disks thaw
	r attach "$1" --accept-older	# writes of the detach are lost
}
