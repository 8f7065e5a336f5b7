#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Many at once: systems that are attached and detached beside each other, several processes
# that attach and detach the same one, operations from 32 clients while both views are written
# to, and a listener that reads none of its events.
#
# In the environment of selftests/run or make check: STORM_SEED chooses other requests,
# STORM_ROUNDS how many (5 for each client), STORM_CYCLES how often each system comes and
# goes (2).
# runs on: um 6.12 (two CPUs race where one takes turns)
# vm: --env STORM_SEED --env STORM_ROUNDS --env STORM_CYCLES
# debug: --env STORM_ROUNDS=1 --env STORM_CYCLES=1
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"

seed=${STORM_SEED:-$(($(date +%s) % 1000000))}
rounds=${STORM_ROUNDS:-5}
often=${STORM_CYCLES:-2}
RANDOM=$((seed % 32768))
load=$here/helper-load
load_module "$@"
ktap_plan 27
diag "STORM_SEED=$seed"

# slice NAME DISK FROM_MIB MIB
slice() { dmsetup create "$1" --table "0 $(($4 * 2048)) linear $(dev "$2") $(($3 * 2048))" || die "no slice"; }

# --- systems come and go beside each other ---------------------------------------------------

systems=(a b c)
for i in 0 1 2; do
	slice "store$i" s0 $((i * 64)) 64
	slice "home$i" d0 $((i * 16)) 16
	make_system "${systems[i]}" "/dev/mapper/store$i" vda=/dev/mapper/home$i
done
# cycles NAME N: written to whenever it is attached; flushed data is there after each attach,
# on both views.
cycles() {
	local n rep=/dev/mapper/$1-vda-replica live=/dev/mapper/$1-vda pid
	for ((n = 1; n <= $2; n++)); do
		"$io" "$rep" w:0:256K:$n m:1M:64K:4K:32:$n f || return
		if [ $((n % 2)) = 1 ]; then
			r recovery-point create "$1" && r failover "$1" && "$io" "$live" w:4M:128K:$n f || return
		else
			"$io" "$live" c:0:256K:$((n - 1)) c:4M:128K:$((n - 1)) && r revert "$1" --yes --no-wait || return
		fi
		# A program that has a device open keeps all of them.
		"$io" "$rep" m:2M:4K:4K:3000:$n f x:"touch /tmp/$1.open; while [ -e /tmp/$1.open ]; do sleep 0.05; done" &
		pid=$!
		wait_for 60 [ -e "/tmp/$1.open" ] || return
		if r detach "$1"; then
			echo "detached while it is open"
			return 1
		fi
		rm "/tmp/$1.open"
		wait $pid && r detach "$1" && r attach "$1" || return
		"$io" "$rep" c:0:256K:$n c:1M:4K:$n c:3M:4K:$n c:4M:4K:$n || return
	done
}
for s in "${systems[@]}"; do beside "$s" cycles "$s" "$often"; done
for s in "${systems[@]}"; do check "attached and detached beside others: $s" went_well "$s" 200; done

# Several at once with the same one.  Each gets a documented answer, and in the end the
# devices are there, all or none, or one more command makes it so.
# In a file: what "check" runs has no variables of this shell.
: >/tmp/codes
crowd() {
	local i
	for ((i = 0; i < 4; i++)); do
		beside "crowd$i" r "$@"
	done
	wait
	for ((i = 0; i < 4; i++)); do
		cat "/tmp/crowd$i.rc" >>/tmp/codes
	done
}
expect_log 'device-mapper: (table|ioctl|replica): (?!.*critical)'
has() { [ "$(dmsetup ls 2>/dev/null | grep -c '^a-')" = "$1" ]; }
crowds() {
	local i
	for ((i = 0; i < often; i++)); do
		crowd detach a
		has 0 || r detach a || return
		crowd attach a
		has 3 || { r detach a; r attach a; } || return
		"$io" /dev/mapper/a-vda-replica c:0:256K:"$often" w:8M:64K:$i f c:8M:64K:$i || return
		r status a >/dev/null || return
	done
	# Both at once.
	for ((i = 0; i < often; i++)); do
		beside in1 r attach a
		beside out1 r detach a
		beside in2 r attach a
		beside out2 r detach a
		wait
		cat /tmp/in1.rc /tmp/in2.rc /tmp/out1.rc /tmp/out2.rc >>/tmp/codes
		has 0 || r detach a || return
		r attach a && "$io" /dev/mapper/a-vda-replica c:0:256K:"$often" c:8M:64K:$((often - 1)) || return
	done
}
check "attach and detach of one system from four at once" crowds
is "each got an answer" "$(wc -l </tmp/codes)" $((often * 12))
known_codes() { ! grep -vxE '[0-9]|1[0-2]' /tmp/codes; }
check "a documented one" known_codes
diag "exit codes, how often: $(sort -n /tmp/codes | uniq -c | awk '{ printf "%s: %s, ", $2, $1 }')"
for s in "${systems[@]}"; do r detach "$s" >/dev/null || die "cannot detach $s"; done
for i in 0 1 2; do
	check "check finds nothing wrong: ${systems[i]}" r check "/dev/mapper/store$i"
	rm "/etc/dm-replica/systems.d/${systems[i]}.conf"
done

# --- 32 clients -------------------------------------------------------------------------------

make_system o /dev/mapper/store0 vda=/dev/mapper/home0 vdb=/dev/mapper/home1 -- --force
uuid=$(field o uuid)
for d in vda vdb; do "$io" /dev/mapper/o-$d-replica w:0:1M:1 f || die "cannot write"; done
point o
r failover o >/dev/null || die "cannot fail over"
for d in o-vda o-vdb-replica; do
	beside "w$d" "$load" "/dev/mapper/$d" 2M 4M "$seed" /tmp/stop
done
number=$(field o state_number)
# A list of requests for each client.  A revert is refused: there is a guest.
requests() {
	local n=$rounds
	while [ $((n--)) -gt 0 ]; do
		case $((RANDOM % 10)) in
		0 | 1 | 2) echo "point-new $uuid" ;;
		3 | 4) echo "point-del $uuid point=$((RANDOM % (rounds * 8) + 2))" ;;
		5 | 6) echo "test-start $uuid" ;;
		7 | 8) echo "test-stop $uuid" ;;
		9) echo "$([ $((RANDOM % 2)) = 0 ] && echo revert || echo initiate) $uuid" ;;
		esac
	done
}
for ((i = 0; i < 32; i++)); do requests >"/tmp/client$i"; done
client() { "$nl" - <"/tmp/client$1"; }
from=$SECONDS
for ((i = 0; i < 32; i++)); do beside "answer$i" client "$i"; done
answered() {
	local i
	for ((i = 0; i < 32; i++)); do went_well "answer$i" 200 || return; done
}
check "32 clients, $((32 * rounds)) operations: all are answered" answered
diag "that took $((SECONDS - from)) s"
for ((i = 0; i < 32; i++)); do paste -d' ' "/tmp/client$i" "/tmp/answer$i.said"; done >/tmp/answers
# VERB errno N code N ...: how often each.
diag "$(sed -E 's/^([a-z-]+) .* errno ([0-9]+) code ([0-9]+).*/\1 \3/' /tmp/answers | sort | uniq -c |
	awk '{ printf "%s %s: %s, ", $2, $3, $1 }')"
# The table of Documentation/states-and-codes.md for states 5 and 5 with a test.
documented() {
	! sed -E 's/^([a-z-]+) .* errno [0-9]+ code ([0-9]+).*/\1 \2/' /tmp/answers |
		grep -Ev '^(point-new (0|32772)|point-del (0|32774|32779)|test-start (0|32775)|test-stop (0|4096|32775)|revert 32774|initiate 32775)$'
}
check "each with a code of the table" documented
done_of() { grep -Ec "^$1 .*errno 0 code (0|4096) " /tmp/answers; }
made=$(done_of point-new) dropped=$(done_of point-del) begun=$(done_of test-start) stopped=$(done_of test-stop)
is "each that was done is one state more" "$(field o state_number)" \
	$((number + made + dropped + begun + stopped))
is "the test is on if one more was begun than stopped" \
	"$([ $(($("$nl" get "$uuid" | cut -d' ' -f 6) & 4)) = 4 ] && echo 1 || echo 0)" $((begun - stopped))
is "the points listed are those that were made and not dropped" "$(point_numbers o | paste -sd' ')" \
	"$(comm -23 <(seq 1 $((made + 1)) | sort) \
		<(sed -nE 's/^point-del .* point=([0-9]+) errno 0 .*/\1/p' /tmp/answers | sort) |
		sort -n | paste -sd' ')"
twice=$(sed -nE 's/^point-del .* point=([0-9]+) errno 0 .*/\1/p' /tmp/answers | sort | uniq -d)
is "none was dropped twice" "$twice" ""
is "no job is left" "$(r job list o --json | grep -Ec '"state_name": *"(New|Starting|Running)"')" 0
touch /tmp/stop
for d in o-vda o-vdb-replica; do check "the writer of $d has lost nothing" went_well "w$d" 200; done
check "the old content is there" "$io" /dev/mapper/o-vda c:0:1M:1 o:/dev/mapper/o-vdb c:0:1M:1

# --- a listener that does not read ---------------------------------------------------------------

beside monitor "$REPLICACTL" monitor --json
wait_for 30 grep -q '"event"' /tmp/monitor.said || die "no event: $(cat /tmp/monitor.said)"
reader=$(pgrep -f "replicactl monitor --json" | head -n 1)
kill -STOP "$reader"
drops() { awk '$2 == 16 { n += $9 } END { print n + 0 }' /proc/net/netlink; }
# Each request is two events at least, and the reader's buffer has room for some hundreds.
many() {
	local n round
	for ((round = 0; round < 10 && $(drops) == 0; round++)); do
		for ((n = 0; n < 80; n++)); do echo "suspend $uuid"; echo "resume $uuid"; done |
			"$nl" - | sort | uniq -c || return
	done
}
from=$SECONDS
check "operations by the hundred while a reader of events does not read" many
took=$((SECONDS - from))
diag "that took $took s"
is "it has lost some" "$(($(drops) > 0))" 1
r suspend o >/dev/null || die "cannot suspend"
lines=$(wc -l </tmp/monitor.said)
kill -CONT "$reader"
caught_up() { tail -n +$((lines + 1)) /tmp/monitor.said | grep -q lost; }
check "it gets notice of that when it reads again" wait_for 30 caught_up
# The last report of the system; as many jobs as there were follow.
said_last() {
	awk '/"event":"lost"/ { s = "" } /"event":"system"/ { s = $0 } END { print s }' /tmp/monitor.said
}
right() { said_last | grep -q '"suspended":true'; }
check "and then sees the present state" wait_for 30 right
r resume o >/dev/null || die "cannot resume"
not_suspended() { said_last | grep -q '"suspended":false'; }
check "and later events" wait_for 30 not_suspended
kill "$reader"
r test-failover stop o --yes >/dev/null 2>&1
check "revert" r revert o --yes
r detach o >/dev/null || die "cannot detach"
check "check finds nothing wrong" r check /dev/mapper/store0
rm /etc/dm-replica/systems.d/o.conf

for i in 0 1 2; do dmsetup remove "store$i"; dmsetup remove "home$i"; done
check "the module unloads" unload_module
