#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Replication that is cut at random.  A cut is of the link, in either direction; of the worker or
# the keeper of either side; or of the receiver's host, whose disks then lose what was not flushed.
# After each cut the receiver's newest point is the sender's, and acknowledged points are there.
# In the environment of selftests/run or make check: CUTS_SEED chooses other cuts, CUTS their
# number.
# share: replication
# vm: --env CUTS --env CUTS_SEED --disk pa=16M --disk pb=8M
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"
. "$(dirname "$0")/hold.sh"

cuts=${CUTS:-$(much 12 100)}
seed=${CUTS_SEED:-$(($(date +%s) % 32768))}
ktap_plan $((cuts + 6))
load_module
DM_REPLICA_WORKER=${DM_REPLICA_WORKER:-$(dirname "$REPLICACTL")/dm-replica-worker}
export DM_REPLICA_WORKER
[ -x "$DM_REPLICA_WORKER" ] || skip_all "there is no dm-replica-worker"
cd /tmp || die "no /tmp"
hold_disks 64 16 8
make_system p s0 va=pa vb=pb -- --chunk-size 16K
make_system q /dev/nbd0 va=/dev/nbd1 vb=/dev/nbd2 -- --chunk-size 16K
expect_log 'device-mapper: replica: [pq]: '
diag "CUTS_SEED=$seed"
RANDOM=$seed

# The link: copies bytes between both sides until the cut, which /tmp/cut-at describes.
cat >relay.py <<'PY'
import os, select, signal, subprocess, sys, time
kind, way, left = open('/tmp/cut-at').read().split()
left = int(left)
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
to = {0: child.stdin.fileno(), child.stdout.fileno(): 1}
cut_at = 0 if way == 'to' else child.stdout.fileno()

def kill(program, word):
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            argv = open(f'/proc/{pid}/cmdline').read().split('\0')
            if argv[0].endswith(program) and argv[1] == word:
                os.kill(int(pid), signal.SIGKILL)
        except (OSError, IndexError):
            pass

def cut():
    open('/tmp/was-cut', 'w').close()
    if kind == 'host':
        open('/tmp/stop', 'w').close()
        while not os.path.exists('/tmp/go'):
            time.sleep(0.02)
    if kind in ('host', 'link'):
        os._exit(1)
    if kind == 'receiver':
        child.kill()
    elif kind == 'sender':
        kill('replicactl', 'replicate')
    else:
        kill('dm-replica-worker', kind)

while True:
    for fd in select.select(list(to), [], [])[0]:
        data = os.read(fd, 65536)
        if not data and fd:
            sys.exit(child.wait())
        if not data:
            child.stdin.close()
            del to[0]
            continue
        try:
            if fd == cut_at and kind != 'none' and len(data) >= left >= 0:
                if left:
                    os.write(to[fd], data[:left])
                cut()
                data, left = data[left:], -1
            elif fd == cut_at and left > 0:
                left -= len(data)
            while data:
                data = data[os.write(to[fd], data):]
        except BrokenPipeError:
            sys.exit(1)
PY

# sum NAME POINT: what both disks were then.
sum() { point_sum "$1" "$2" 16M 8M; }
same() {
	local want
	want=$(sum p "$1") && [ -n "$want" ] && [ "$want" = "$(sum q "$1")" ]
}
quiet() {
	! pgrep -f 'dm-replica-worker (send|receive)' >/dev/null &&
		! pgrep -f 'receive q --two-way' >/dev/null
}
# round KIND DIRECTION BYTES: replicate until it is cut.
round() {
	local pid
	rm -f stop go was-cut
	echo "$*" >cut-at
	timeout 300 "$REPLICACTL" replicate p --peer siteq --plain --sync 64K --once \
		--to "exec:exec python3 /tmp/relay.py $REPLICACTL receive q --two-way" >said 2>&1 &
	pid=$!
	while kill -0 $pid 2>/dev/null; do
		if [ -e stop ] && [ ! -e go ]; then
			disks freeze
			touch go
		fi
		sleep 0.2
	done
	wait $pid
	wait_for 60 quiet || return
	[ ! -e go ] || crash q
}
# Points that the sender has reported as acknowledged are there, and the newest is never older.
good() {
	local n
	while read -r n; do
		point_numbers q | grep -qx "$n" || return
	done < <(sed -n 's/.*recovery point \([0-9]*\) is at siteq.*/\1/p' said)
	[ "${now:-0}" -ge "$last" ] && same "$now"
}

"$io" /dev/mapper/p-va-replica w:0:4M:1 o:/dev/mapper/p-vb-replica w:0:1M:1 f || die "cannot write"
# A machine without time for them may need several rounds.
whole() {
	round none to 0
	now=$(newest q)
	[ -n "$now" ] && [ "$now" = "$(newest p)" ]
}
wait_for 600 whole
check "all of it" same "$now" || diag "$(cat said)"
last=$now nr_cut=0
kinds=(link link receive send receiver sender host)
for i in $(seq "$cuts"); do
	"$io" /dev/mapper/p-va-replica "m:$((i % 4 * 4))K:64K:4K:60:$i" "w:$((i % 15))M:256K:$i" \
		"z:$((i * 7 % 16))M:64K" o:/dev/mapper/p-vb-replica "m:0:32K:4K:$((i % 50 + 1)):$i" f ||
		die "cannot write"
	kind=${kinds[RANDOM % ${#kinds[@]}]} way=to at=$((RANDOM * 24))
	[ $((RANDOM % 4)) != 0 ] || { way=from; at=$((RANDOM % 1000)); }
	round "$kind" $way $at
	now=$(newest q)
	[ ! -e was-cut ] || nr_cut=$((nr_cut + 1))
	check "cut $i: $kind, after $at bytes $way the receiver: point $now" good ||
		diag "the last one was $last; $(cat said)"
	last=$now
done
diag "$nr_cut of $cuts rounds were cut before their end"
check "a round without a cut is whole" wait_for 600 whole
check "and the sender's" same "$now"
bad=''
for n in $(point_numbers q); do same "$n" || bad="$bad $n"; done
is "so is each point" "$bad" ''
r detach p >/dev/null || die "cannot detach"
r detach q >/dev/null || die "cannot detach"
check "check finds nothing wrong" r check q
check "the module unloads" unload_module
