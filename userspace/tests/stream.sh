# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # variables of replicactl.sh
#
# replicactl stream-info: streams that another program has written from the documentation, and
# damaged ones.  Sourced by replicactl.sh.

mkdir -p "$dir/streams"
python3 userspace/tests/stream.py "$dir/streams" >"$dir/out" 2>&1
result $? "streams are written"

# expect_of FILE STATUS TEXT NAME ARGUMENT...: as expect, with a file as standard input
expect_of() {
	local input=$1 status=$2 text=$3 name=$4 rc
	shift 4
	"$R" "$@" >"$dir/out" 2>&1 <"$input"
	rc=$?
	[ $rc = "$status" ] || echo "# exit status $rc, not $status" >>"$dir/out"
	[ $rc = "$status" ] && grep -qE -- "$text" "$dir/out"
	result $? "$name"
}
# info STREAM STATUS TEXT NAME; info_json STREAM STATUS EXPRESSION NAME
info() { expect_of "$dir/streams/$1.stream" "$2" "$3" "$4" stream-info; }
info_json() {
	local rc
	"$R" stream-info --json >"$dir/out" 2>"$dir/err" <"$dir/streams/$1.stream"
	rc=$?
	[ $rc = "$2" ] && json "$3"
	result $? "$4"
}

expect 0 '^Usage: replicactl stream-info \[--json\] < FILE' "help of stream-info" stream-info --help
expect 64 'as standard input' "a stream as an argument" stream-info "$dir/streams/deltas.stream"
expect 64 'unknown option --from' "no such option" stream-info --from 1
info deltas 0 '^dm-replica stream 1, intact$' "two deltas"
for line in 'sender +beta, system 53535353-' 'frames +12, .*, 0 compressed, 1 of unknown' 'SYNC +1$' \
		'stream 05050505-.*: delta$' 'base +recovery point 3 of generation 41414141-' \
		'target +recovery point 6 of' 'made +.*, application-consistent, "before upgrade"' \
		'disk 1 +vdb, 8.5 KiB' 'data +12.5 KiB in 3 extents' 'zeroes +52 KiB in 2 extents' \
		'metadata +9 bytes'; do
	grep -qE -- "^ *$line" "$dir/out"
	result $? "and it shows: $line"
done
info_json deltas 0 'd["intact"] and d["fault"] is None and d["streams_total"] == 2 and d["frames_skipped"] == 1 and
	d["frames"] == 12 and d["frames_by_type"]["DATA"] == 2 and d["sender"]["host"] == "beta" and
	[(s["kind"], s["complete"], s["base"]["number"], s["target"]["number"]) for s in d["streams"]] ==
	[("delta", True, 3, 5), ("delta", True, 5, 6)] and d["streams"][0]["bytes"] == 12800 and
	d["streams"][0]["extents"] == 3 and d["streams"][1]["zero_bytes"] == 53248 and
	d["streams"][0]["metadata_bytes"] == 9 and d["streams"][0]["disks"][1]["bytes"] == 8704' "two deltas as JSON"
info page 0 '^ *target +recovery point 1 of generation 40414243-' "the example of the documentation"
info_json page 0 'd["intact"] and d["streams"][0]["kind"] == "full" and d["streams"][0]["base"] is None and
	d["streams"][0]["bytes"] == 4096 and d["frame_bytes"] == 0x11ef' "the same as JSON"
info cut 1 '32768 .*: the stream ends before its END' "a stream that is cut"
info_json cut 1 'not d["intact"] and [s["complete"] for s in d["streams"]] == [True, False]' "and what is in it"
info long 1 'behind the end of the stream' "a byte too many"
info bit 1 'frame 4, DATA: the checksum of the payload is wrong' "a bit that is wrong"
info order 1 'frame 4, BEGIN: the frame is not expected here' "a stream in a stream"
info rest 0 'begins at +byte 4096 of disk 0' "a stream that goes on with another one"
info hello 1 'HELLO: the frame is not expected' "two greetings"
info counts 1 'END: the counts are not those of the stream' "counts that are wrong"
info terminal 1 'HELLO: the name of the host is wrong' "control characters"
expect 1 'ends before its END' "an empty stream" stream-info
expect_of "$dir/s.good" 1 'frame 1: ' "a store is no stream" stream-info
printf 'x%.0s' {1..100} >"$dir/streams/x.stream"
info x 1 'checksum of the frame.s header is wrong' "nor is a text"
expect_of "$dir" 3 '32770 .*dm-replica-worker has no result' "a directory" stream-info
DM_REPLICA_WORKER=$dir/none info deltas 3 '32770 .*No such file' "without the worker"
# The worker closes what it has inherited before it reads: the pipe ends while it waits for bytes.
cat >"$dir/fds.py" <<'PY'
import os, signal, subprocess, sys
r, w = os.pipe()
signal.alarm(60)
worker = subprocess.Popen([sys.argv[1], "info"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
			  pass_fds=(w,))
os.close(w)
ended = os.read(r, 1) == b"" and worker.poll() is None
status = dict(line.strip("\n").split(":\t", 1) for line in open(f"/proc/{worker.pid}/status") if ":\t" in line)
worker.stdin.close()
worker.wait()
sys.exit(not (ended and not int(status["CapPrm"], 16)))
PY
python3 "$dir/fds.py" "$DM_REPLICA_WORKER" >"$dir/out" 2>&1
result $? "the worker has no files but its own"
# Each byte counts.
cat >"$dir/flip.py" <<'PY'
import json, subprocess, sys
tool, name = sys.argv[1:]
good = open(name, 'rb').read()
# All of the last frames, and a part of the rest.
for at in list(range(0, len(good) - 600, 97)) + list(range(len(good) - 600, len(good), 7)):
    bad = good[:at] + bytes([good[at] ^ 0x40]) + good[at + 1:]
    p = subprocess.run([tool, 'stream-info', '--json'], input=bad, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, timeout=60)
    if p.returncode != 1 or json.loads(p.stdout)['intact']:
        sys.exit(f'byte {at}: status {p.returncode}\n{p.stdout.decode()}{p.stderr.decode()}')
PY
python3 "$dir/flip.py" "$R" "$dir/streams/deltas.stream" >"$dir/out" 2>&1
result $? "a wrong byte anywhere is found"

# --- send, receive and replicate: what is refused before anything is touched ---

expect 0 '^Usage: replicactl send NAME' "help of send" send --help
expect 0 '^Usage: replicactl receive NAME' "help of receive" receive --help
expect 0 '^Usage: replicactl replicate NAME \[--to ' "help of replicate" replicate --help
expect 64 'give one system' "send what" send --full
expect 64 'name the newest point of the receiver: --from POINT' "send since when" send a
expect 64 'contradict each other' "all, and since a point" send a --full --from 3
expect 64 'neither the number nor the label of a point' "a base that cannot be" send a --from 1/x
for size in 0 1K 4095 2G x ''; do
	expect 64 'is not a size from 4K to 1G' "no distance of SYNCs: '$size'" send a --full "--sync=$size"
done
expect 12 '32779 .*a' "send a system that is not there" send a --full
expect 64 'give one system' "receive what" receive
expect 64 'give one system' "a stream as an argument" receive a b
expect 12 '32779 .*a' "receive into a system that is not there" receive a
expect 64 'give one system' "replicate what" replicate --to ssh://b
expect 64 'replicate.d/a.conf is not read: No such file.*name the receiver with --to' "replicate to where" replicate a
for to in b ssh:// ssh://-oProxyCommand=x exec: 'ssh://b/x;y' http://b; do
	expect 64 'is neither ssh://' "no receiver: '$to'" replicate a --to "$to"
done
expect 64 'name the peer: --peer PEER' "a command is no name of a peer" replicate a --to exec:true
# A part of a name may name another system, host or peer.
long=$(printf 'x%.0s' {1..300})
expect 64 'too long a name of a host' "a host whose name is cut" replicate a --to "ssh://$long" --peer b
expect 64 'too long a name of a system' "a system there" replicate a --to "ssh://b/$long"
expect 64 'the name of system x+ is too long' "a system here" replicate "$long" --to ssh://b
expect 64 'the name of peer x+ is too long' "a peer" replicate a --to ssh://b --peer "$long"
expect 64 'too long for a peer: --peer PEER' "and one named by its host" replicate a --to "ssh://${long:0:100}"
expect 64 'the name of peer x/y' "a peer's name that cannot be" replicate a --to ssh://b --peer x/y
# The file of a system.
mkdir -p "$dir/conf/replicate.d"
file=$dir/conf/replicate.d/a.conf
printf '# the second site\n to = ssh://b\n\ninterval=1s\nsync=1M\nplain=yes\npeer=siteb\n' >"$file"
expect 12 '32779 .*a' "a file with all there is" replicate a
for line in x 'to' 'interval=0s' 'sync=1' 'plain=maybe' 'frob=1' "peer=$long" "to=$long$long"; do
	printf 'to=ssh://b\n%s\n' "$line" >"$file"
	expect 64 'replicate.d/a.conf, line 2: ' "a file with ${line:0:16}" replicate a
done
echo interval=1s >"$file"
expect 64 'name the receiver' "a file without a receiver" replicate a
echo to=exec:true >"$file"
expect 64 'name the peer' "nor a peer" replicate a
expect 12 '32779 .*a' "which is given" replicate a --peer b
echo to=nowhere >"$file"
expect 64 'nowhere is neither ssh://' "a receiver that is none" replicate a
expect 12 '32779 .*a' "an argument goes before it" replicate a --to ssh://b
echo to=ssh://b >"$file"
chmod o+w "$file"
expect 64 'others than its owner may write it' "a file that others may write" replicate a
rm "$file"
mkfifo "$file"
expect 64 'it is no regular file' "a pipe" replicate a
rm -r "$dir/conf/replicate.d"
expect 64 'give one system' "two systems" replicate a b
for name in ../a . ''; do
	expect 64 'name the receiver' "no file for '$name'" replicate "$name"
done
for span in 0s 8d x -1s; do
	expect 64 'is not a time from 1s to 7d' "no interval: '$span'" replicate a --to ssh://b "--interval=$span"
done
expect 12 '32779 .*a' "replicate a system that is not there" replicate a --to ssh://b
expect 0 '^Usage: replicactl verify NAME' "help of verify" verify --help
expect 64 'give one system' "verify what" verify
expect 64 'neither the number nor the label of a point' "verify a point that cannot be" verify a --point 1/x
expect 12 '32779 .*a' "verify a system that is not there" verify a
"$DM_REPLICA_WORKER" send file plain 0 0 1 >"$dir/out" 2>&1 </dev/null
[ $? = 1 ]
result $? "a worker without a keeper sends nothing"
