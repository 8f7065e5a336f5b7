#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Safety rules that show when a device is slow or fails at the right moment, and that no
# other test looks at: see Documentation/rules-and-tests.md.  RULES in the environment of
# selftests/run chooses some of them, as in "R1 R5".
# vm: --disk st=16M --disk h=16M --env RULES
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"

declare -A results=([R1]=4 [R3]=2 [R4]=2 [R5]=3 [R9]=8 [R12]=4 [R15]=1)
chosen=${RULES:-R1 R3 R4 R5 R9 R12 R15}
n=1
for rule in $chosen; do
	n=$((n + ${results[$rule]:-0}))
done
ktap_plan $n
load_module
modprobe dm-delay || die "no dm-delay"

swap() {	# NAME TABLE
	dmsetup load "$1" --table "$2" || die "dmsetup"
	dmsetup suspend --noflush --nolockfs "$1" || die "dmsetup"
	dmsetup resume "$1" || die "dmsetup"
}
size=32768
# slow NAME READ WRITE: milliseconds that they take; flushes take none.
slow() {
	local d
	d=$(dev "$1")
	echo "0 $size delay $d 0 $2 $d 0 $3 $d 0 0"
}
# Writes and flushes fail; a table of the error target would succeed a flush.
broken() { echo "0 $size flakey $(dev "$1") 0 0 3600 1 error_writes"; }
plain() { echo "0 $size linear $(dev "$1") 0"; }
dmsetup create store --table "$(plain st)" || die "dmsetup"
dmsetup create home --table "$(plain h)" || die "dmsetup"
rep=/dev/mapper/q-vda-replica live=/dev/mapper/q-vda

# A system of its own for each rule, of two hundred slots, the vacuum held.
begin() {
	make_system q /dev/mapper/store vda=/dev/mapper/home -- --force
	hold q
	uuid=$(field q uuid)
	"$io" $rep w:0:4M:1 f || die "cannot write"
}
end() {
	r detach q >/dev/null || die "cannot detach"
	rm -f /etc/dm-replica/systems.d/q.conf
}

moved() { [ "$(field q versions)" = 0 ]; }
replicating() { [ "$(field q state_name)" = Replicating ]; }
reverting() { [ "$(json state job show q "$(job_of q 98)")" = 3 ]; }
# stuck: I/O of the system that does not end until home continues.
stuck() {
	dmsetup suspend --noflush --nolockfs home || die "dmsetup"
	"$io" $rep r:12M:4K &
	sleep 0.5
}

# Data first, then the bits.
rule_R1() {
	begin
	point q
	swap store "$(slow st 0 4000)"
	"$io" $rep w:0:64K:2 &
	sleep 1
	check "R1: data in flight is not seen" "$io" $rep c:0:64K:1
	wait
	swap store "$(plain st)"
	check "R1: data that has arrived is" "$io" $rep c:0:64K:2
	swap store "0 $size error"
	check_fails "R1: a write that fails" "$io" $rep w:64K:64K:3
	swap store "$(plain st)"
	check "R1: leaves the old content" "$io" $rep c:64K:64K:1
	end
}

# A superblock that cannot be written is not taken back over the good one.
rule_R3() {
	local good bad before
	begin
	point q
	expect_log 'device-mapper: replica: q: superblock write failed'
	expect_log 'device-mapper: replica: q: critical: '
	case $(json in_force dump /dev/vm/st) in
	A) good=0 bad="0 256 linear $(dev st) 0
256 256 error
512 $((size - 512)) linear $(dev st) 512" ;;
	*) good=128K bad="0 256 error
256 $((size - 256)) linear $(dev st) 256" ;;
	esac
	before=$("$io" /dev/vm/st h:$good:128K)
	swap store "$bad"
	is "R3: an uncertain state is reported as such" "$("$nl" suspend "$uuid" | cut -d' ' -f 1-4)" \
		"errno 121 code 32771"
	is "R3: and the good copy is not touched" "$("$io" /dev/vm/st h:$good:128K)" "$before"
	swap store "$(plain st)"
	end
}

# A slot with a reader is not used again, though its version is gone and the store is full.
rule_R4() {
	local reader
	begin
	point q
	"$io" $rep w:0:64K:6 f || die "cannot write"
	point q
	release q
	swap store "$(slow st 8000 0)"
	"$io" $rep c:0:64K:6 &
	reader=$!
	sleep 1
	"$io" $rep w:0:64K:7 f || die "cannot write"
	r recovery-point drop --yes q 2 >/dev/null || die "cannot drop"
	sleep 1
	"$io" $rep m:64K:64K:64K:250:8 2>/dev/null
	kill -0 $reader 2>/dev/null || diag "R4: the reader was faster"
	wait $reader
	is "R4: a slow reader gets the content of its lookup" $? 0
	swap store "$(plain st)"
	check "R8: content of a full store stays" "$io" $rep c:0:64K:7 c:64K:64K:8
	end
}

# A write to a chunk that is on its way home.
rule_R5() {
	begin
	point q
	"$io" $rep w:0:64K:2 f || die "cannot write"
	r recovery-point drop --yes q 1 >/dev/null || die "cannot drop"
	swap home "$(slow h 0 4000)"
	release q
	sleep 1.5
	check "R5: a write to a chunk that is being copied home is answered" "$io" $rep w:0:64K:4 f
	sleep 4
	swap home "$(plain h)"
	check "R5: all goes home in the end" wait_for 40 moved
	check "R5: and the write with it" "$io" $rep c:0:64K:4 c:64K:4032K:1
	end
}

# Nothing is answered that is not durable.
rule_R9() {
	local due
	for due in z:0:64K w:0:64K:9; do
		begin
		point q
		"$io" $rep w:0:128K:8 f $due || die "cannot write"
		expect_log 'device-mapper: replica: q: critical: '
		swap store "$(broken st)"
		# A record is due, or a rewrite in place alone, which has none.
		case $due in
		z*) check_fails "R9: a flush whose commit fails" "$io" $rep f ;;
		*) check_fails "R9: a flush of the store that fails" "$io" $rep f ;;
		esac
		swap store "$(plain st)"
		is "R9: the system is critical" "$(field q state)" 8
		check_fails "R9: writes fail from then on" "$io" $rep w:64K:64K:9
		check "R9: reads of intact data continue" "$io" $rep c:64K:64K:8
		end
	done
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
	dmsetup resume home || die "dmsetup"
	wait
	check "R12: leaves the failover as it was" "$io" $live c:0:64K:5 w:64K:4K:5 f
	stuck
	"$nl" revert "$uuid" timeout=60000 >/dev/null &
	asked=$!
	wait_for 20 reverting || die "it has not begun"
	kill -9 $asked
	dmsetup resume home || die "dmsetup"
	wait
	check "R12: the caller dies, the revert is done" wait_for 20 replicating
	check "R12: and replication writes on" "$io" $rep w:0:64K:6 f c:0:64K:6
	end
}

# A point waits for the writes that began before it.
rule_R15() {
	begin
	swap home "$(slow h 0 4000)"
	("$io" $rep w:8M:64K:1 && : >/tmp/ended) &
	sleep 1
	point q
	check "R15: a write begun before a point ends before it" [ -e /tmp/ended ]
	wait
	swap home "$(plain h)"
	end
}

for rule in $chosen; do
	"rule_$rule"
done
check "the module unloads" unload_module
