# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Functions to run replicactl against fake-kernel.py, and a world for it.  Sourced by
# replicactl.sh for its functions and variables.

# played NAME STATUS TEXT SCENARIO ARGUMENT...: SCENARIO is a change to the world
# below, in Python; TEXT an extended regular expression, or !TEXT.
played() {
	local name=$1 status=$2 text=$3 change=$4 rc not=''
	shift 4
	timeout 100 /usr/bin/python3 -S -E userspace/tests/fake-kernel.py "${tty[@]}" --change "$change" \
		"$dir/world.json" "$dir/fake.so" \
		"${before[@]}" "$R" "$@" >"$dir/out" 2>&1 </dev/null
	rc=$?
	if [ "${text:0:1}" = '!' ]; then
		not='!'
		text=${text:1}
	fi
	[ $rc = "$status" ] || echo "# exit status $rc, not $status" >>"$dir/out"
	if [ $rc != "$status" ]; then
		result 1 "$name"
	elif [ -n "$not" ]; then
		! grep -qE -- "$text" "$dir/out"
		result $? "$name"
	else
		grep -qE -- "$text" "$dir/out"
		result $? "$name"
	fi
}

# also NAME TEXT: the output of the last command matches TEXT, too; also_not: it does not.
also() { grep -qE -- "$2" "$dir/out"; result $? "$1"; }
also_not() { ! grep -qE -- "$2" "$dir/out"; result $? "$1"; }

# played_json NAME EXPRESSION SCENARIO ARGUMENT...
played_json() {
	local name=$1 expression=$2 n_before=$n bad_before=$bad
	shift 2
	played "$name" 0 . "$@" >/dev/null
	n=$n_before bad=$bad_before
	json "$expression" 2>>"$dir/out"
	result $? "$name"
}

tty=() before=()
cat >"$dir/world.json" <<'EOW'
{"system": {"uuid": "000102030405060708090a0b0c0d0e0f", "name": "web1", "state": 5, "state-number": 7,
 "state-time": 1700000000000000000, "flags": 2, "chunk-bytes": 65536, "store-major": 4000, "store-minor": 3,
 "disks": 1, "disks-attached": 1, "points": 3, "slots": 1000, "slots-used": 900, "live-point": 2,
 "live-time": 1700000000000000000, "live-bytes": 1048576, "live-writes": 33, "test-writes": 44,
 "health": 2, "health-reasons": 80, "replicated-bytes": 65536, "replicated-writes": 4, "points-made": 5,
 "points-dropped": 2, "last-point-time": 1700000000000000000, "last-test-time": 0, "slots-reserved": 10,
 "vacuum-rate": 52428800, "home-bytes": 3145728, "store-bytes": 1073741824, "store-device-bytes": 2147483648},
"disks": [{"number": 0, "name": "vda", "bytes": 1073741824, "system": "000102030405060708090a0b0c0d0e0f"}],
"points": [{"number": 1, "time": 1700000000000000000, "kind": 1, "name": "twin", "in-use": 0, "bytes": 4096},
 {"number": 2, "time": 1700000001000000000, "kind": 1, "name": "before upgrade", "in-use": 1, "bytes": 0},
 {"number": 3, "time": 1700000002000000000, "kind": 2, "name": "twin", "in-use": 0, "bytes": 8192},
 {"number": 9, "time": 1700000003000000000, "kind": 1, "name": "3", "in-use": 0, "bytes": 1},
 {"number": 10, "time": 1700000003000000000, "kind": 1, "name": "77", "in-use": 0, "bytes": 1}],
"settings": {"space-low": 80, "space-critical": 95, "full-policy": 0, "live-reserve": 655360, "point-interval": 900,
 "decide-within": 86400, "vacuum-rate": 18446744073709551615},
"host": {"adapter/52:54:00:12:34:56": "{\"dhcp\":false,\"addresses\":[\"192.0.2.5/24\",\"2001:db8::5/64\"],\"gateways\":[\"192.0.2.1\"],\"dns\":[\"192.0.2.53\",\"2001:db8::35\"]}",
 "backup/last": "monday",
 "retention/rules": "{\"last\":3,\"within\":604800,\"hourly\":0,\"daily\":7,\"weekly\":0}", "z": "\u0000\u00ff"},
"jobs": {"5": [{"system": "000102030405060708090a0b0c0d0e0f", "id": 5, "type": 99, "state": 4, "percent": 50,
  "bytes": 524288, "bytes-total": 1048576, "elapsed": 2000000000, "system-name": "web1", "cancellable": 1},
 {"system": "000102030405060708090a0b0c0d0e0f", "id": 5, "type": 99, "state": 7, "percent": 100,
  "bytes": 1048576, "bytes-total": 1048576, "elapsed": 3000000000, "system-name": "web1", "code": 0}]},
"answers": {"failover-commit": {"code": 4096, "job": 5, "set": {"state": 6, "state-number": 8}},
 "failover-revert": {"code": 0, "set": {"state": 3, "state-number": 8}},
 "relationship-remove": {"code": 4096, "job": 5, "set": {"state": 0, "state-number": 8, "flags": 0}},
 "store-grow": {"set": {"store-bytes": 2147483648, "slots": 2000, "state-number": 8}}}}
EOW

# --- the file of a session ---

run=$dir/peers
state=$run/00010203-0405-0607-0809-0a0b0c0d0e0f.sending
mkdir -p "$run"
chmod 700 "$run"
# session [KEY=VALUE...]: write the file of a session, with these lines in place of its own
session() {
	local line
	cat >"$state" <<-'EOT'
		peer=siteb
		to=ssh://b.example
		host=b
		word=1
		since=1700000004000000000
		written=1700000010000000000
		interval=30
		connected=1700000003500000000
		acked=9
		acked_time=1700000003000000000
		denied=0
		target=0
		unsent=1048576
		cycle=2500000000
		points=7
		bytes=8192
		zero_bytes=4096
		wire=9000
		errors=2
		error_time=1700000001000000000
		error_code=32777
		error=the connection was lost
	EOT
	for line; do
		sed -i "s|^${line%%=*}=.*|$line|" "$state"
	done
	chmod 600 "$state"
}
lives() { before=(env "DM_REPLICA_RUNDIR=$run" /usr/bin/python3 userspace/tests/lock-file.py "$state"); }
died() { before=(env "DM_REPLICA_RUNDIR=$run"); }
peer='w["peers"] = [{"system": s["uuid"], "uuid": "11111111222233334444555555555555", "name": "siteb", "acked": 9, "points-held": 1}]'
