# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034 # variables of played.sh
#
# What is seen of a replication: status and metrics beside the file of a session, with
# fake-kernel.py for a kernel.  Sourced by replicactl.sh, behind monitoring.sh.

# --- status ---

rm -f "$state"
died
played "status without a peer" 0 '!Replicated to' '' status web1
played_json "has none in JSON" 'd[0]["peer_list"] == [] and d[0]["sender"] is None' '' status --json
played "a peer without a session" 0 '^  Replicated to    siteb: point 9 of 2023-' "$peer" status web1
also "its RPO, and what a failover there loses" '^      RPO          [0-9]+ d [0-9]+ h: a failover there loses what was written since then$'
also_not "no session is shown" 'session'
played "a peer that has nothing" 0 '^  Replicated to    siteb: nothing is there yet$' "$peer; w['peers'][0]['acked'] = 0" status web1
played "a point that was dropped here" 0 'siteb: point 4 is there, which is not here any more$' "$peer; w['peers'][0]['acked'] = 4" status web1
played "a module without peers" 0 '!Replicated to' "$peer; w['unknown'] = ['peer-get']" status web1
session
lives
played "a session" 0 '^      session      connected since 2023-.*, each 30 s; 7 points sent, 12 KiB$' "$peer" status web1
also "what the other side calls itself" '^  Replicated to    siteb \(b\): point 9 of'
also "lag: what is not sent, and what was written since" 'loses what was written since then, at most 1.1 MiB$'
also "the last error" '^      last error   2023-.*, of 2 errors: the connection was lost$'
played_json "in JSON" '(lambda p: p["name"] == "siteb" and p["acked"] == 9 and p["acked_time"] == 1700000003000000000 and p["rpo_ns"] > 10**16 and p["lag_bytes"] == 1048576 + 65536 and p["session"]["state"] == "connected" and p["session"]["unsent_bytes"] == 1048576 and p["session"]["last_error"] == {"time": 1700000001000000000, "code": 32777, "code_name": "System is not available", "message": "the connection was lost"})(d[0]["peer_list"][0])' "$peer" status --json
session unsent=18446744073709551615 error_time=0
played_json "unknown numbers are null" '(lambda p: p["lag_bytes"] is None and p["session"]["unsent_bytes"] is None and p["session"]["point_on_its_way"] is None and p["session"]["last_error"] is None)(d[0]["peer_list"][0])' "$peer" status --json
session
died
played "a session whose process was killed" 0 '^      session      died since .*: its process is gone; 7 points' "$peer" status web1
also "its lag is not known" 'since then$'
session word=5
played "one that has ended" 0 '^      session      ended since [^:]*:[^:]*:[^:]*; 7 points' "$peer" status web1
session acked=0 acked_time=0 denied=9
lives
played "a peer that has lost all" 0 '^  Replicated to    siteb \(b\): nothing is there yet$' "$peer" status web1
also_not "has no RPO" RPO
played_json "in JSON" '(lambda p: p["acked"] == 0 and p["rpo_ns"] is None)(d[0]["peer_list"][0])' "$peer" status --json
session acked=2 denied=9
lives
played "a peer that was put back" 0 'siteb \(b\): point 2 of 2023-' "$peer" status web1
played "and has a newer one since" 0 'siteb \(b\): point 10 of 2023-' "$peer; w['peers'][0]['acked'] = 10" status web1
session peer=other word=5
lives
played "of another peer, which it has not added" 0 '!session' "$peer" status web1
session peer=other word=3 acked=0
played "one that is there is shown all the same" 0 '^  Replicated to    other.*: nothing is there yet$' "$peer" status web1
also "with the session" '^      session      lost since'
played_json "in JSON, without a UUID" '[(p["name"], p["uuid"] is None, p["session"] is None) for p in d[0]["peer_list"]] == [("siteb", False, True), ("other", True, False)]' "$peer" status --json

# --- a file that is none ---

# bad NAME: the file is passed over
bad() {
	lives
	[ -f "$state" ] || died
	played "$1 is passed over" 0 '^  Replicated to    siteb: point 9' "$peer" status web1
	also_not "$1: nothing of it is shown" 'session|last error|\(b\)'
}
for line in word=6 word=x word=-1 points=1x points=18446744073709551616 points= "peer=$(printf 'p%.0s' {1..40})" peer=; do
	session "$line"
	bad "a file with ${line:0:20}"
done
session
sed -i '/^wire=/d' "$state"
bad "a file without a line"
session
echo "points=7" >>"$state"
bad "a line twice"
session
echo "frob=7" >>"$state"
bad "an unknown line"
session
truncate -s -1 "$state"
bad "a file that was cut"
session
head -c 5000 /dev/zero | tr '\0' x >>"$state"
bad "a long one"
session
printf '\0' >>"$state"
bad "one with a NUL"
head -c 3000 /dev/urandom >"$state"
bad "noise"
session
chmod 666 "$state"
bad "a file that others may write"
rm "$state"
mkfifo "$state"
bad "a pipe"
rm "$state"
session
mv "$state" "$run/other"
ln -s other "$state"
died
bad_link() { played "$1" 0 '^  Replicated to    siteb: point 9 ' "$peer" status web1; also_not "is not followed" session; }
bad_link "a link"
rm "$state"
mkdir "$state"
bad_link "a directory"
rmdir "$state"
session "error=$(printf 'a\033[2Jb')" "host=$(printf '\303\244x\r')"
lives
played "control characters" 0 'last error .*: a\?\[2Jb$' "$peer" status web1
also "do not reach the terminal" 'siteb \(\?\?x\?\)'
before=()

# --- metrics ---

session
lives
played "metrics of a peer" 0 '^dm_replica_peer_acked_timestamp_seconds\{system="web1",peer="siteb"\} 1700000003.000$' "$peer" metrics
cp "$dir/out" "$dir/page"
also "lag" '^dm_replica_peer_lag_bytes\{system="web1",peer="siteb"\} 1114112$'
also "held" '^dm_replica_peer_points_held\{system="web1",peer="siteb"\} 1$'
also "connected" '^dm_replica_peer_connected\{system="web1",peer="siteb"\} 1$'
also "interval" '^dm_replica_peer_interval_seconds\{system="web1",peer="siteb"\} 30$'
also "cycle" '^dm_replica_peer_cycle_seconds\{system="web1",peer="siteb"\} 2.500$'
also "points" '^dm_replica_peer_points_sent_total\{system="web1",peer="siteb"\} 7$'
also "bytes" '^dm_replica_peer_sent_bytes_total\{system="web1",peer="siteb"\} 8192$'
also "of streams" '^dm_replica_peer_stream_bytes_total\{system="web1",peer="siteb"\} 9000$'
also "errors" '^dm_replica_peer_errors_total\{system="web1",peer="siteb"\} 2$'
also "the last one" '^dm_replica_peer_last_error_timestamp_seconds\{system="web1",peer="siteb"\} 1700000001.000$'
also "its state" '^dm_replica_peer_session\{system="web1",peer="siteb",state="connected"\} 1$'
also "is no other" '^dm_replica_peer_session\{system="web1",peer="siteb",state="lost"\} 0$'
before=()
checked "promtool has no remark about them" "$dir/page"
died
played "metrics of a session that was killed" 0 '^dm_replica_peer_session\{system="web1",peer="siteb",state="died"\} 1$' "$peer" metrics
also "connected" '^dm_replica_peer_connected\{system="web1",peer="siteb"\} 0$'
also_not "its lag is not known" '^dm_replica_peer_lag_bytes\{'
rm "$state"
played "metrics of a peer without a session" 0 '^dm_replica_peer_acked_timestamp_seconds\{system="web1",peer="siteb"\} 1700000003.000$' "$peer" metrics
also_not "have nothing of one" '^dm_replica_peer_(session|connected|interval.*|errors.*)\{'
before=()
