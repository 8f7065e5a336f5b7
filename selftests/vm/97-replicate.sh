#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Replication of one system into another one: all of it and changes between two points, as
# files and live; each changed block is read once and written once, exactly; a stream that is
# cut anywhere, damaged, or meant for another system, or a store that is full, leaves the
# newest point as it is, and the next attempt goes on; and each point that was received has
# the content of the sender's.
# share: replication
# vm: --disk pa=32M --disk pb=8M --disk qa=32M --disk qb=8M --disk ta=32M --disk tb=8M --disk u0=64M
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"

ktap_plan 106
load_module
DM_REPLICA_WORKER=${DM_REPLICA_WORKER:-$(dirname "$REPLICACTL")/dm-replica-worker}
export DM_REPLICA_WORKER
[ -x "$DM_REPLICA_WORKER" ] || skip_all "there is no dm-replica-worker"
no_merges /dev/vm/*
cd /tmp || die "no /tmp"
make_system p s0 va=pa vb=pb -- --chunk-size 16K
make_system q s1 va=qa vb=qb -- --chunk-size 16K
expect_log 'device-mapper: replica: p: '
expect_log 'device-mapper: replica: q: '
expect_log 'device-mapper: replica: t: '
pa=/dev/mapper/p-va-replica pb=/dev/mapper/p-vb-replica
# shellcheck disable=SC2034 # refused reads it
watched=''

# write STEP...: to the sender's first disk, or after o:$pb to its second.
write() { "$io" $pa "$@" f || die "cannot write"; }
# send FILE OPTION...; receive FILE [NAME]
send() { r send p --plain "${@:2}" >"$1" 2>/tmp/said || { cat /tmp/said >&2; false; }; }
receive() { r receive "${2:-q}" <"$1"; }
# sum NAME POINT: what both disks were then.
sum() { point_sum "$1" "$2" 32M 8M; }
# same POINT [NAME]: it is the same on both sides.
same() {
	local want
	want=$(sum p "$1") && [ -n "$want" ] && [ "$want" = "$(sum "${2:-q}" "$1")" ]
}
size() { stat -c %s "$1"; }
# sectors FIELD DISK...: read (1) or written (3) so far.
sectors() {
	local n=0 d s
	for d in "${@:2}"; do
		read -r -a s <<<"$(stat_of "$(dev "$d")")"
		n=$((n + s[$1]))
	done
	echo $n
}

# --- all of it -------------------------------------------------------------------------

write w:0:1M:1 w:16M:4M:2 z:8M:64K o:$pb w:0:2M:3
refused "there is nothing to send" 32779 'no recovery point.*recovery-point create' r send p --full
point p
refused "a point that is not there" 32779 'no recovery point with that number' r send p --from 9
check "send all" send full --full
check "it is intact" r stream-info <full
# info FILE KEY: of its only stream.
info() {
	r stream-info --json <"$1" |
		python3 -c 'import json, sys; print(json.load(sys.stdin)["streams"][0][sys.argv[1]])' "$2"
}
is "one full stream" "$(info full kind) $(info full complete)" 'full True'
check "nothing is open afterwards" [ "$(field p open_views)" = 0 ]
is "and no device is left" "$(dmsetup ls | grep -c 'p-.*send')" 0
is "its size was known" "$(r send p --full --dry-run | awk '$1 == "all" { print $2, $4 }')" \
	"$(info full bytes) $(info full zero_bytes)"
refused "a stream of the system itself" 32773 'of this system itself' receive full p
check "receive it" receive full
is "the point has its number" "$(point_numbers q)" 1
check "and its content" same 1
receive full >said 2>&1 || die "cannot receive"
check "once more changes nothing" grep -q 'has these recovery points already' said
is "nothing at all" "$(point_numbers q)" 1
refused "no point is made here" 32775 '' r recovery-point create q

# --- changes, exactly --------------------------------------------------------------------

n=1024
write m:0:16K:4K:$n:5
point p
hold p
hold q
before=$(sectors 1 s0 pa pb)
check "send the changes" send delta --from 1 --to 2
is "each block is read once, and nothing else" $(($(sectors 1 s0 pa pb) - before)) $((8 * n))
is "data of the stream" "$(info delta bytes)" $((4096 * n))
over=$(($(size delta) - 4096 * n))
diag "$over bytes beside $n blocks of 4 KiB"
check "0.6 % at most are no data" [ $((1000 * over)) -le $((6 * 4096 * n)) ]
before=$(sectors 3 s1 qa qb) log=$(field q log_used) supers=$(field q superblocks)
check "receive them" receive delta
written=$(($(sectors 3 s1 qa qb) - before))
log=$(($(field q log_used) - log)) supers=$(($(field q superblocks) - supers))
diag "$written sectors written: $n blocks, $log blocks of the log, $supers superblocks"
is "two superblocks" $supers 2
is "each block is written once, and log and superblocks" $written $((8 * n + 8 * log + 16 * supers))
release p
release q
check "the point is the sender's" same 2
check "the one before is what it was" same 1
is "compressed, it is smaller" "$(r send p --from 1 --to 2 2>/dev/null | wc -c | awk -v m="$(size delta)" '{ print $1 < m }')" 1

# --- refusals -------------------------------------------------------------------------------

write w:1M:64K:6
point p
send from1 --from 1 --to 3 || die "cannot send"
send from2 --from 2 --to 3 --sync 64K || die "cannot send"
refused "another base" 32775 'takes changes since recovery point 2.*send NAME --from 2' receive from1
refused "all, to a system with points" 32775 'changes since point 2' receive full
make_system t u0 va=ta vb=tb -- --chunk-size 16K
refused "changes, to a system without points" 32775 'takes a full stream.*send NAME --full' receive from2 t
r remove t --flatten --yes >/dev/null || die "cannot remove"
dmsetup create short --table "0 $((16 * 2048)) linear $(dev ta) 0" || die "dmsetup"
make_system t u0 va=/dev/mapper/short vb=tb -- --chunk-size 16K --force
refused "another size" 32773 'disk va has 33554432 bytes at the sender and 16777216' receive full t
r remove t --flatten --yes >/dev/null || die "cannot remove"
dmsetup remove short || die "dmsetup"
make_system t u0 va=ta -- --chunk-size 16K --force
refused "fewer disks" 32773 'sender has 2 disks and the receiver 1' receive full t
"$io" /dev/mapper/t-va-replica w:0:64K:1 f || die "cannot write"
point t
r send t --full >other 2>/dev/null || die "cannot send"
refused "of another machine" 32773 'not of this system.s relationship' receive other
refused "into one that makes points itself" 32773 'relationship|primary' receive full t
r remove t --flatten --yes >/dev/null || die "cannot remove"
is "nothing has changed" "$(point_numbers q | paste -sd' ')" "1 2"

# --- cuts ---------------------------------------------------------------------------------------

write m:0:64K:16K:400:7 z:4M:256K o:$pb w:1M:1M:8
point p
send cuts --from 2 --to 4 --sync 64K || die "cannot send"
bytes=$(size cuts)
RANDOM=97
bad='' most=0
cut() {
	head -c "$1" cuts >part
	refused_cut=$(receive part 2>&1 >/dev/null) && return 1
	grep -q 'ends before its END' <<<"$refused_cut" &&
		[ "$(point_numbers q | paste -sd' ')" = "1 2" ]
}
for _ in $(seq "$(much 12 60)"); do
	at=$((RANDOM * 32768 + RANDOM))
	at=$((at % bytes))
	cut $at || bad="$bad $at"
	[ $at -le $most ] || most=$at
done
is "cut anywhere, the newest point stays" "$bad" ''
check "and is what it was" same 2
cut $((bytes / 2)) || die "cannot cut"
before=$(sectors 3 s1 qa qb)
check "the whole goes on" receive cuts
check "behind what is here" [ $(($(sectors 3 s1 qa qb) - before)) -lt $((bytes * 3 / 4 / 512)) ]
check "and is the point" same 4
write m:0:32K:8K:500:9
point p
send cuts --from 4 --to 5 --sync 64K || die "cannot send"
head -c $(($(size cuts) / 2)) cuts >part
receive part >/dev/null 2>&1
r detach q >/dev/null || die "cannot detach"
r attach q >/dev/null || die "cannot attach"
is "is no point" "$(newest q)" 4
check "the rest" receive cuts
check "is the point" same 5

# --- a killed receiver --------------------------------------------------------------------------

write m:8K:32K:8K:500:10
point p
send cuts --from 5 --to 6 --sync 64K || die "cannot send"
for victim in replicactl worker; do
	rm -f fifo
	mkfifo fifo
	"$REPLICACTL" receive q <fifo >said 2>&1 &
	pid=$!
	exec 7>fifo
	head -c $(($(size cuts) / 2)) cuts >&7
	worker() { pgrep -P $pid -f 'dm-replica-worker receive' || grep -l "dm-replica-worker" /proc/[0-9]*/comm | cut -d/ -f3 | head -n 1; }
	wait_for 20 worker
	w=$(worker | head -n 1)
	case $victim in
	replicactl) kill -9 $pid ;;
	worker) kill -9 "$w" ;;
	esac
	wait $pid 2>/dev/null
	exec 7>&-
	gone() { [ ! -d "/proc/$w" ]; }
	check "$victim killed: the worker ends" wait_for 20 gone
	is "$victim killed: the newest point stays" "$(newest q)" 5
done
check "the whole goes on" receive cuts
check "and is the point" same 6

# --- a killed sender -----------------------------------------------------------------------------

write w:0:8M:11
point p
rm -f fifo
mkfifo fifo
"$REPLICACTL" send p --from 6 >fifo 2>said &
pid=$!
exec 7<fifo
head -c 4096 <&7 >/dev/null
kill -9 $pid
wait $pid 2>/dev/null
exec 7<&-
check "the next sender has what a killed one had" send delta --from 6 --to 7
check "nothing is open" [ "$(field p open_views)" = 0 ]
check "receive that" receive delta
check "it is the point" same 7

# --- damage ---------------------------------------------------------------------------------------

write m:0:64K:4K:400:12
point p
send good --from 7 --to 8 --sync 64K || die "cannot send"
bad=''
for _ in $(seq "$(much 12 60)"); do
	cp good damaged
	at=$((RANDOM * 32768 + RANDOM))
	at=$((at % ($(size good) - 24)))	# behind the END there is a BYE
	byte=$(dd if=good bs=1 skip=$at count=1 2>/dev/null | od -An -tu1)
	printf '%b' "\\x$(printf %02x $(((byte + 1 + RANDOM % 255) % 256)))" |
		dd of=damaged bs=1 seek=$at conv=notrunc 2>/dev/null
	receive damaged >/dev/null 2>&1 && bad="$bad $at"
	[ "$(newest q)" = 7 ] || bad="$bad point:$at"
done
is "a byte changed anywhere is found" "$bad" ''
check "the good one is received" receive good
check "and is the point" same 8

# --- a full store ------------------------------------------------------------------------------------

dmsetup create small --table "0 $((12 * 2048)) linear $(dev u0) 0" || die "dmsetup"
make_system t /dev/mapper/small va=ta vb=tb -- --chunk-size 16K --force
r send p --full --to 1 >first 2>/dev/null || die "cannot send"
receive first t >/dev/null || die "cannot receive"
write w:0:10M:13 w:10M:10M:13
point p
send big --from 1 || die "cannot send"
refused "a full store" 32768 'store is full.*replicactl status' receive big t
is "its point stays" "$(point_numbers t)" 1
check "and its content" same 1 t
r detach t >/dev/null || die "cannot detach"

# --- live -------------------------------------------------------------------------------------------

to="exec:$REPLICACTL receive q --two-way"
live() { timeout 120 "$REPLICACTL" replicate p --to "$to" --peer siteq --plain "$@"; }
write m:0:128K:4K:200:14
check "one round" live --once
check "has made a point and brought it over" same "$(newest p)"
is "the newest of both" "$(newest q)" "$(newest p)"
shows() { r status "$1" | grep -Eq -- "$2"; }
check "status shows what the peer has" shows p "^  Replicated to    siteq.*: point $(newest p) of .* is there$"
check "and what a failover there loses" shows p '^      RPO .*: a failover there loses what was written since then'
check "and the end of the session" shows p '^      session      ended since .*, 20.2 MiB'
check "its sender is shown at the receiver" shows q "^  Replicated from  $(uname -n): point $(newest p) of .* is here, since"
check "and what a failover here loses" shows q '^      RPO .*: a failover here loses what was written since then$'
check "and the end there" shows q '^      session      ended since .*; [0-9]* points received'
# status_json EXPRESSION: of d, the status of p in JSON, of its first peer and of its session.
status_json() {
	r status p --json | python3 -c 'import json, sys
d = json.load(sys.stdin)[0]
p = d["peer_list"][0]
s = p["session"]
sys.exit(not eval(sys.argv[1]))' "$1"
}
check "in JSON" status_json "p['acked'] == $(newest p) and p['rpo_ns'] > 0 and s['state'] == 'ended' and s['bytes'] == (20 << 20) + 40 * 4096 and s['points'] == 1 and s['last_error'] is None and d['sender'] is None"
held() { r recovery-point list p --json | tr -d ' \n' | grep -o '"number":[0-9]*,[^}]*"held_by":\["siteq"' | grep -o '"number":[0-9]*' | grep -o '[0-9]*$' | paste -sd' '; }
is "which the peer holds, alone" "$(held)" "$(newest p)"
check "another round" live --once
is "moves the hold" "$(held)" "$(newest q)"
at_least() { [ "$(newest q)" -ge "$1" ]; }
gone_from() { ! kill -0 "$1" 2>/dev/null || grep -q '^State:.*Z' "/proc/$1/status"; }
stubborn_gone() { ! pgrep -f '^/bin/sh -c trap "" TERM' >/dev/null && ! pgrep -f '^sh -c trap "" TERM' >/dev/null; }
goal=$(($(newest p) + 3))
"$REPLICACTL" replicate p --to "$to" --peer siteq --interval 1s >said 2>&1 &
pid=$!
check "a point each interval" wait_for 60 at_least $goal
check "status shows the session" wait_for 20 status_json "s['state'] == 'connected' and s['interval'] == 1 and s['host'] == '$(uname -n)' and p['lag_bytes'] is not None and s['points'] > 3 and s['cycle_ns'] > 0"
check "metrics have the peer" grep -q '^dm_replica_peer_connected{system="p",peer="siteq"} 1$' <(r metrics)
# A receiver that is killed is started again.
kill -9 "$(pgrep -f 'dm-replica-worker receive' | head -n 1)"
write m:0:128K:4K:200:15
goal=$(($(newest p) + 3))
check "goes on after the receiver was killed" wait_for 90 at_least $goal
kill $pid
wait $pid 2>/dev/null
check "nothing is open after the end" [ "$(field p open_views)" = 0 ]
check "its session has ended" status_json "s['state'] == 'ended'"
# A killed process writes nothing: its lock is gone.
"$REPLICACTL" replicate p --to "$to" --peer siteq --interval 1s >said 2>&1 &
pid=$!
check "it is connected" wait_for 20 status_json "s['state'] == 'connected'"
kill -9 $pid
wait $pid 2>/dev/null
check "a killed one has died" wait_for 20 status_json "s['state'] == 'died' and p['lag_bytes'] is None and p['rpo_ns'] > 0"
write w:0:64K:16
"$REPLICACTL" replicate p --to 'exec:exit 3' --peer siteq --interval 1s >said 2>&1 &
pid=$!
check "one without a receiver is lost, with an error" wait_for 60 status_json "s['state'] == 'lost' and s['errors'] > 1 and s['last_error']['time'] > 0 and s['last_error']['message']"
check "and with what is not sent" wait_for 20 status_json "s['unsent_bytes'] >= 65536 and p['lag_bytes'] >= 65536"
kill $pid
wait $pid 2>/dev/null
# Longer than the pause between two reports of progress.
"$REPLICACTL" replicate p --to "$to" --peer siteq --interval 3s >said 2>&1 &
pid=$!
goal=$(($(newest p) + 3))
check "and an interval of some seconds" wait_for 60 at_least $goal
# A worker that neither reads nor ends does not keep its keeper.
worker=$(pgrep -f 'dm-replica-worker send' | head -n 1)
is "the worker is of a session of its own" "$(ps -o sid= -p "$worker" | tr -d ' ')" "$worker"
check "and has not the standard error of its keeper" [ "$(readlink "/proc/$worker/fd/2")" != "$(readlink "/proc/$pid/fd/2")" ]
kill -STOP "$worker"
kill $pid
wait_for 20 gone_from $pid || kill -9 $pid
check "a worker that is stopped does not keep it" grep -q interrupted said
check "and is killed" gone_from "$worker"
kill -9 "$worker" 2>/dev/null
wait $pid 2>/dev/null
# A receiver that ignores SIGTERM and its end of input.
"$REPLICACTL" replicate p --to 'exec:trap "" TERM; while :; do sleep 1; done' --peer siteq >said 2>&1 &
pid=$!
sleep 1
kill $pid
wait_for 20 gone_from $pid || kill -9 $pid
check "nor does a receiver that ignores its end" grep -q interrupted said
check "which is killed, too" stubborn_gone
wait $pid 2>/dev/null
# A receiver that greets, and refuses each stream.
dmsetup create busy --table "0 8 linear /dev/mapper/q-va-replica 0" || die "dmsetup"
"$REPLICACTL" replicate p --to "$to" --peer siteq >said 2>&1 &
pid=$!
check "one that refuses each stream" wait_for 60 status_json "s['state'] == 'lost' and 'only a receiver writes' in s['last_error']['message']"
of_session() { r status p --json | python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["peer_list"][0]["session"][sys.argv[1]])' "$1"; }
since=$(of_session since) errors=$(of_session errors)
wait_for 60 status_json "s['state'] == 'lost' and s['errors'] > $errors + 1"
is "is not connected in between" "$(of_session since)" "$since"
kill $pid
wait $pid 2>/dev/null
dmsetup remove busy || die "dmsetup"
# A receiver that was put back: it has point 1, and no room for more.
r attach t >/dev/null || die "cannot attach"
timeout 120 "$REPLICACTL" replicate p --to "exec:$REPLICACTL receive t --two-way" --peer siteq --once >said 2>&1
check "one that has lost its points takes no more" grep -q 'store is full' said
check "has what it still has" status_json "p['acked'] == 1 and s['points'] > 3"
r detach t >/dev/null || die "cannot detach"
check "a last round" live --once
check "is shown as before" status_json "p['acked'] == $(newest p)"
check "all is there" same "$(newest p)"
is "the newest of both" "$(newest q)" "$(newest p)"

# --- verify -----------------------------------------------------------------------------------------

r verify p >sums || die "cannot verify"
check "hashes of both are the same" r verify q --against sums
{ cat sums; tail -n 1 sums; } >longer
refused "hashes that go on are of other disks" 32773 'go on behind the end' r verify q --against longer
sed "1s/generation .* regions/generation $(printf '\033')[2J regions/" sums >longer
refused "and what is no generation is not shown" 32773 'have no generation' r verify q --against longer
on_full() { r verify q >/dev/full; }
refused "hashes that are not all there are none" 32768 'No space left' on_full
on_closed() { r send p --full >&-; }
refused "nor is a stream into nothing" 32768 'Bad file descriptor' on_closed
sed -i '2s/[0-9a-f]$/x/' sums
refused "a difference is found" 32768 'differs in 1 of 2 regions' r verify q --against sums
refused "another point is not compared" 32773 'hashes are of recovery point' r verify q --point 2 --against sums
check "nothing is open" [ "$(field q open_views)" = 0 ]

r detach p >/dev/null || die "cannot detach"
r detach q >/dev/null || die "cannot detach"
check "check finds nothing wrong" r check q
check "nor at the sender" r check p
check "the module unloads" unload_module
