#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Safety rules that show when a device is slow or fails at the right moment, and that no
# other test looks at: see Documentation/rules-and-tests.md.  RULES in the environment of
# selftests/run chooses some of them, as in "R1 R5".
# vm: --env RULES
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"
. "$(dirname "$0")/hold.sh"

declare -A results=([R1]=4 [R3]=2 [R4]=2 [R5]=3 [R9]=12 [R12]=4 [R15]=1)
chosen=${RULES:-R1 R3 R4 R5 R9 R12 R15}
n=1
for rule in $chosen; do
	n=$((n + ${results[$rule]:-0}))
done
ktap_plan $n
load_module
hold_disks 16 16
rep=/dev/mapper/q-vda-replica live=/dev/mapper/q-vda

# begin [STORE]: a system of its own for each rule, of two hundred slots, the vacuum held.
begin() {
	make_system q "${1:-/dev/nbd0}" vda=/dev/nbd1 -- --force
	hold q
	uuid=$(field q uuid)
	slots="$((1024 + 4 * $(field q log_blocks))) 16384"	# KiB
	"$io" $rep w:0:4M:1 f || die "cannot write"
}
end() {
	r detach q >/dev/null || die "cannot detach"
	rm -f /etc/dm-replica/systems.d/q.conf
}
expect_errors() {
	expect_log 'block nbd0: Other side returned error'
	expect_log 'I/O error, dev nbd0'
}

moved() { [ "$(field q versions)" = 0 ]; }
replicating() { [ "$(field q state_name)" = Replicating ]; }
reverting() { [ "$(json state job show q "$(job_of q 98)")" = 3 ]; }
# stuck: a read of the system that does not end until the disks go on.
stuck() {
	disks on 1 r 12288 12292 hold
	beside reader "$io" $rep r:12M:4K
	await_held 1
}

# Data first, then the bits.
rule_R1() {
	begin
	point q
	disks on 0 w "$slots" hold
	beside data "$io" $rep w:0:64K:2
	await_held 1
	check "R1: data in flight is not seen" "$io" $rep c:0:64K:1
	go
	went_well data || die "cannot write"
	check "R1: data that has arrived is" "$io" $rep c:0:64K:2
	expect_errors
	disks on 0 w "$slots" fail
	check_fails "R1: a write that fails" "$io" $rep w:64K:64K:3
	disks off
	check "R1: leaves the old content" "$io" $rep c:64K:64K:1
	end
}

# A superblock that cannot be written is not taken back over the good one.
rule_R3() {
	local good bad before
	begin
	point q
	expect_errors
	expect_log 'device-mapper: replica: q: superblock write failed'
	expect_log 'device-mapper: replica: q: critical: '
	case $(json in_force dump /dev/nbd0) in
	A) good=0 bad="128 256" ;;
	*) good=128K bad="0 128" ;;
	esac
	before=$("$io" /dev/nbd0 h:$good:128K)
	disks on 0 rw "$bad" fail
	is "R3: an uncertain state is reported as such" "$("$nl" suspend "$uuid" | cut -d' ' -f 1-4)" \
		"errno 121 code 32771"
	is "R3: and the good copy is not touched" "$("$io" /dev/nbd0 h:$good:128K)" "$before"
	disks off
	end
}

# One of the $used slots is free, or the vacuum waits for their readers.
freed_or_not() { [ "$(field q slots_used)" -lt "$used" ] || drains dmr_sweep_work; }

# A slot with a reader is not used again, though its version is gone and the store is full.
rule_R4() {
	begin
	point q
	"$io" $rep w:0:64K:6 f || die "cannot write"
	point q
	disks on 0 r "$slots" hold
	beside reader "$io" $rep c:0:64K:6
	await_held 1
	"$io" $rep w:0:64K:7 f || die "cannot write"
	used=$(field q slots_used)
	r recovery-point drop --yes q 2 >/dev/null || die "cannot drop"
	release q
	wait_for 30 freed_or_not || die "the vacuum does nothing"
	"$io" $rep m:64K:64K:64K:250:8 2>/dev/null
	go
	check "R4: a slow reader gets the content of its lookup" went_well reader
	check "R8: content of a full store stays" "$io" $rep c:0:64K:7 c:64K:64K:8
	end
}

# A write to a chunk that is on its way home.
rule_R5() {
	begin
	point q
	"$io" $rep w:0:64K:2 f || die "cannot write"
	r recovery-point drop --yes q 1 >/dev/null || die "cannot drop"
	disks on 1 w 0 64 hold
	release q
	await_held 1
	check "R5: a write to a chunk that is being copied home is answered" "$io" $rep w:0:64K:4 f
	go
	check "R5: all goes home in the end" wait_for 60 moved
	check "R5: and the write with it" "$io" $rep c:0:64K:4 c:64K:4032K:1
	end
}

# fails NAME STORE IO: a flush fails for which only what IO has left is due.
fails() {
	begin "$2"
	point q
	"$io" $rep w:0:128K:8 f "$3" || die "cannot write"
	expect_log 'device-mapper: replica: q: critical: '
	disks on 0 wf 0 16384 fail
	check_fails "R9: $1" "$io" $rep f
	disks off
	is "R9: the system is critical" "$(field q state)" 8
	check_fails "R9: writes fail from then on" "$io" $rep w:64K:64K:9
	check "R9: reads of intact data continue" "$io" $rep c:64K:64K:8
	end
}

# Nothing is answered that is not durable.
rule_R9() {
	expect_errors
	# The worker commits records to a device that takes bios itself.
	dmsetup create store --table "0 32768 linear /dev/nbd0 0" || die "dmsetup"
	fails "a flush whose commit fails" /dev/mapper/store z:0:64K
	dmsetup remove store || die "dmsetup"
	fails "one whose record its caller writes" /dev/nbd0 z:0:64K
	# A rewrite in place has no record.
	fails "a flush of the store that fails" /dev/nbd0 w:0:64K:9
}

# An operation that runs out of time leaves no fence, one whose caller dies continues.
rule_R12() {
	local asked
	begin
	point q
	r failover q >/dev/null || die "cannot fail over"
	"$io" $live w:0:64K:5 f || die "cannot write"
	stuck
	refused "R12: a revert that I/O holds up" 32772 'did not end in time' \
		timeout 20 "$REPLICACTL" revert q --yes --timeout 1
	go
	went_well reader || die "cannot read"
	check "R12: leaves the failover as it was" "$io" $live c:0:64K:5 w:64K:4K:5 f
	stuck
	"$nl" revert "$uuid" timeout=60000 >/dev/null &
	asked=$!
	wait_for 20 reverting || die "it has not begun"
	kill -9 $asked
	go
	went_well reader || die "cannot read"
	check "R12: the caller dies, the revert is done" wait_for 20 replicating
	check "R12: and replication writes on" "$io" $rep w:0:64K:6 f c:0:64K:6
	end
}

made_or_not() { ended point || drains dmr_op_point; }

# A point waits for the writes that began before it.
rule_R15() {
	begin
	disks on 1 w 8192 8256 hold
	beside data "$io" $rep w:8M:64K:1
	await_held 1
	beside point r recovery-point create q
	wait_for 30 made_or_not || die "the point does nothing"
	check_fails "R15: a write begun before a point ends before it" ended point
	go
	all_well data point || die "no point"
	end
}

for rule in $chosen; do
	"rule_$rule"
done
check "the module unloads" unload_module
