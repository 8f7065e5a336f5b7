#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Operations beside users that do not know of them: a replication that writes on through a
# commit (R14), a last closer whose pages are still on their way when a revert and the next
# failover are requested (R10), and devices whose tables are wiped under a running guest.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"
. "$(dirname "$0")/hold.sh"

ktap_plan 55
load_module
hold_disks 24 8
make_system u /dev/nbd0 vda=/dev/nbd1 -- --chunk-size 16K
rep=/dev/mapper/u-vda-replica live=/dev/mapper/u-vda
uuid=$(field u uuid)
log_end=$((1024 + 4 * $(r dump /dev/nbd0 --json | sed -n 's/.*"ring_blocks": \([0-9]*\).*/\1/p' | head -n 1)))
slots="$log_end 24576"
code() { "$nl" "$@" | cut -d' ' -f 1-4; }
"$io" $rep w:0:4M:1 f || die "cannot write"
point u

# --- a last closer -----------------------------------------------------------------

# Through the page cache; the pages go out when it is closed, and are kept back there.
r failover u >/dev/null || die "cannot fail over"
disks on 0 w "$slots" hold
beside closer "$io" $live b:$live w:0:256K:9 w:1M:4K:9
await_held 1
disks freeze
is "a revert, while a closer's pages are on their way: 32774" "$(code revert "$uuid")" "errno 16 code 32774"
is "the state is as before" "$(field u state_name)" Recovered
beside revert r revert u --yes --wait 60
check "one that waits" still_out revert
check "as the closer does" [ ! -s /tmp/closer.rc ]
go
check "is done" went_well revert
check "when the closer is" went_well closer
is "the state is Replicating" "$(field u state_name)" Replicating
check "failover again" r failover u
check "it shows the point, and none of those pages" "$io" $live c:0:4M:1
check "nor through the page cache" "$io" $live b:$live c:0:4M:1
check "nor does the head" "$io" $rep c:0:4M:1
check "nor a power failure just then" crash u
clean() { "$io" $rep c:0:4M:1 && ! "$io" $live c:0:4K:9; }
check "makes them another's" clean
check "revert" r revert u --yes

# Pages of a program that had the device open while it was offline.  They get nowhere.
expect_log 'Buffer I/O error on dev dm-[0-9]+.*async page write'
beside opener "$io" $rep b:$live p:open x:"until [ -e /tmp/write ]; do sleep 0.1; done" \
	w:0:64K:9 x:"touch /tmp/written; until [ -e /tmp/close ]; do sleep 0.1; done"
wait_for 20 grep -q open /tmp/opener.said || die "the device is not opened"
is "no failover while it is open" "$(code initiate "$uuid")" "errno 16 code 32774"
touch /tmp/write
wait_for 20 [ -e /tmp/written ] || die "nothing is written: $(cat /tmp/opener.said)"
is "nor with its pages dirty" "$(code initiate "$uuid")" "errno 16 code 32774"
touch /tmp/close
check "it closes" went_well opener
check "then a failover" wait_for 20 r failover u
check "it shows the point, and none of those pages" "$io" $live c:0:4M:1 b:$live c:0:4M:1
sleep 6
check "nor later, when the kernel writes old pages back" "$io" $live c:0:4M:1 b:$live c:0:4M:1

# The kernel reports the loss of those pages once more, to the next caller that asks.
"$io" $live f 2>/dev/null

# --- a replication through a commit ------------------------------------------------------

"$io" $live w:1M:256K:2 f || die "cannot write"
# Rising numbers; each is printed when it was answered; until a write fails.
rising() {
	local n=100 i steps=(p:100)
	while "$io" "$1" "${steps[@]}"; do
		steps=()
		for ((i = 0; i < 50; i++)); do
			n=$((n + 1))
			steps+=("w:$((n % 64 * 64))K:4K:$n" "p:$n")
		done
	done
	return 1
}
stubborn() { while [ ! -e /tmp/stop ]; do "$io" "$rep" w:2M:64K:99 f; done; true; }
beside one rising $rep
beside two stubborn
wait_for 30 grep -q 110 /tmp/one.said || die "nothing is written"
# One write is under way below when the commit comes.
disks on 0 w "$slots" hold 1
await_held 1
beside commit r commit u --yes --no-wait
check "a commit waits for a write of replication that is on its way" still_out commit
offline() { [ "$(cat /tmp/one.rc)" = 1 ] && grep -q "No such device" /tmp/one.said; }
go
check "then it is done" went_well commit
wait_for 60 ended one || die "the writer goes on"
check "the writer fails, with a reason" offline
: >/tmp/stop
check "as often as it tries" went_well two
check_fails "no write gets through any more" "$io" $rep w:3M:4K:98
check_fails "nor a read" "$io" $rep r:0:4K
diag "the last write that was answered: $(grep -c . /tmp/one.said) lines"
committed() { "$io" "$1" c:0:1M:1 c:1M:256K:2 c:1280K:2816K:1; }
check "nothing of it shows" committed $live
disks freeze
check "after a power failure" crash u
is "it is committed" "$(field u state_name)" Committed
check "nothing of it shows" committed $live
check_fails "and nothing of it gets through" "$io" $rep w:3M:4K:98
all_home() { [ "$(field u versions)" = 0 ]; }
check "all goes home" wait_for 60 all_home
check "nothing of it shows" committed $live
r detach u >/dev/null || die "cannot detach"
check "home alone shows nothing of it" committed /dev/nbd1
rm /etc/dm-replica/systems.d/u.conf

# --- tables wiped under a guest ---------------------------------------------------------------

make_system u /dev/nbd0 vda=/dev/nbd1 -- --chunk-size 16K --force
rm -f /tmp/stop
"$io" $rep w:0:4M:1 f || die "cannot write"
point u
"$io" $rep w:0:1M:2 f || die "cannot write"
r failover u >/dev/null || die "cannot fail over"
"$io" $live w:0:256K:3 f || die "cannot write"
guest() {
	local n=1000
	until [ -e /tmp/stop ]; do
		n=$((n + 1))
		"$io" $live w:2M:64K:$n w:2600K:1K:$n f c:2M:64K:$n c:2600K:1K:$n c:0:256K:3 \
			c:256K:768K:1 || return
		echo $n >/tmp/guest.n
	done
}
goes_on() {
	local n
	n=$(cat /tmp/guest.n)
	wait_for 30 eval "[ \$(cat /tmp/guest.n) -gt $((n + 1)) ]"
}
beside guest guest
wait_for 20 [ -s /tmp/guest.n ] || die "the guest does nothing: $(cat /tmp/guest.said)"
table=$(dmsetup table u-vda-replica)
table_again() { dmsetup load u-vda-replica --table "$table" && dmsetup resume u-vda-replica; }
check "the replica's table wiped" dmsetup wipe_table u-vda-replica
check "the guest goes on" goes_on
check_fails "the replica is broken" "$io" $rep r:0:4K
refused "no operation" 32777 "." r revert u --yes
check "its table again" table_again
check "the replica works" "$io" $rep c:0:1M:2 w:3M:64K:5 f c:3M:64K:5
check_fails "removed by force, it stays, as an error" dmsetup remove --force u-vda-replica
check "the guest goes on" goes_on
: >/tmp/stop
check "and has seen nothing wrong" went_well guest
check "detach" r detach u
check "attach" r attach u
check "all is there" "$io" $rep c:0:1M:2 c:3M:64K:5 o:$live c:0:256K:3 c:256K:768K:1 \
	"c:2M:64K:$(cat /tmp/guest.n)"

# The guest's own device.
rm -f /tmp/stop /tmp/guest.n
beside guest guest
wait_for 30 [ -s /tmp/guest.n ] || die "the guest does nothing"
check "the failover device's table wiped" dmsetup wipe_table u-vda
wait_for 60 ended guest || die "the guest goes on"
is "the guest gets errors" "$(cat /tmp/guest.rc) $(grep -c 'Input/output error' /tmp/guest.said)" "1 1"
check "the replica does not mind" "$io" $rep c:0:1M:2 w:3M:64K:6 f c:3M:64K:6
check "detach" r detach u
check "attach" r attach u
check "all that was flushed is there" "$io" $rep c:3M:64K:6 o:$live c:0:256K:3 \
	"e:2M:64K:$(cat /tmp/guest.n):$(($(cat /tmp/guest.n) + 1))"
check "revert" r revert u --yes
r detach u >/dev/null || die "cannot detach"
check "check finds nothing wrong" r check /dev/nbd0
check "the module unloads" unload_module
