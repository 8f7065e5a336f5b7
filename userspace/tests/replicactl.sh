#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# replicactl without the module and without root: arguments, create, check, dump and
# scan on plain files, every refusal possible there, and stores damaged byte by byte.
# KTAP on standard output.
#
# usage: replicactl.sh [REPLICACTL]

set -u
cd "$(dirname "$0")/../.." || exit 1
R=$(realpath "${1:-build/userspace/replicactl}")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export DM_REPLICA_TEST_FILES=1 DM_REPLICA_CONFDIR=$dir/conf DM_REPLICA_DOMAIN='' LC_ALL=C
DM_REPLICA_WORKER=$(dirname "$R")/dm-replica-worker
export DM_REPLICA_WORKER
n=0 bad=0

result() {
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		sed 's/^/# /' "$dir/out"
		bad=1
	fi
}

# expect STATUS TEXT NAME ARGUMENT...: exit status, and an extended regular
# expression that the output must match.
expect() {
	local status=$1 text=$2 name=$3 rc
	shift 3
	"$R" "$@" >"$dir/out" 2>&1 </dev/null
	rc=$?
	[ $rc = "$status" ] || echo "# exit status $rc, not $status" >>"$dir/out"
	[ $rc = "$status" ] && grep -qE -- "$text" "$dir/out"
	result $? "$name"
}

image() { rm -f "$dir/$1"; truncate -s "$2" "$dir/$1"; }

# poke FILE OFFSET HEX: one byte in place
poke() { printf '%b' "\\x$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }

json() { /usr/bin/python3 -S -E -c "import json,sys; d=json.load(open('$dir/out')); sys.exit(not ($1))"; }

# json_of NAME EXPRESSION ARGUMENT...: the output is JSON, d, of which EXPRESSION holds
json_of() {
	local name=$1 expression=$2
	shift 2
	"$R" "$@" >"$dir/out" 2>"$dir/err" </dev/null && json "$expression"
	result $? "$name"
}

echo "TAP version 13"

"${CC:-gcc}" -shared -fPIC -D_GNU_SOURCE -o "$dir/fake.so" userspace/tests/fake-netlink.c -ldl 2>"$dir/cc"

# --- arguments ---

expect 0 'recovery-point create' "help" --help
expect 0 'Usage: replicactl revert' "help of a command" revert --help
expect 0 'Usage: replicactl job wait' "help of two words" job wait --help
expect 0 'Usage: replicactl failover' "help COMMAND" help failover
expect 0 'job list' "help of a group" job --help
expect 0 '^replicactl [0-9]' "version" --version
expect 64 'Usage: replicactl COMMAND' "no command"
expect 64 'unknown command frob' "unknown command" frob
expect 64 'unknown command job frob' "unknown command of a group" job frob
expect 64 'needs one more word' "half a command" recovery-point
expect 64 'unknown option --frob' "unknown option" list --frob
expect 64 'unknown option --frob' "unknown option before the command" --frob list
expect 64 'unknown option -x' "unknown short option" list -x
expect 64 'Try: replicactl status --help' "a hint" status --frob
expect 64 'option --timeout needs a value' "option without its value" failover a --timeout
expect 64 'is not a time' "a time that is none" failover a --timeout soon
expect 64 'neither the number nor the label of a point' "a point that cannot be" recovery-point drop a 1/x
expect 64 'neither the number nor the label of a point' "nor to open" recovery-point open a 1/x
expect 64 'give a system and the number' "close of nothing" recovery-point close a
expect 64 'unknown option --wait' "open does not wait" recovery-point open a 1 --wait 5
expect 64 'neither the number nor the label of a point' "a negative number" failover a --point -1
expect 64 'give one system' "too few arguments" failover
expect 64 'give one system' "too many arguments" failover a b
expect 64 'or --all' "attach what" attach
expect 64 'or --all' "detach both" detach a --all
expect 64 '--wait soon is not a time' "detach that waits for no time" detach a --wait soon
expect 64 'longer than 600 seconds' "detach that waits for too long" detach a --wait 601
expect 64 'unknown option --wait' "attach has no --wait" attach a --wait 5
expect 64 'chunk-size' "chunk size of 48K" create a --store s --disk d=e --chunk-size 48K
expect 64 'chunk-size' "chunk size of 8K" create a --store s --disk d=e --chunk-size 8K
expect 64 'chunk-size' "chunk size that overflows" create a --store s --disk d=e --chunk-size 18446744073709551615G
expect 64 'DISK=DEVICE' "disk without device" create a --store s --disk d
expect 64 'not a UUID' "UUID that is none" create a --store s --disk d=e --uuid 123
expect 64 'store is missing' "no store" create a --disk d=e
expect 64 'disk is missing' "no disk" create a --store s
expect 64 'hold or --release' "vacuum what" vacuum a
expect 64 'one of them' "vacuum two things" vacuum a --hold --rate 5M
expect 64 'is not a rate' "a rate that is none" vacuum a --rate fast
expect 64 'is not a rate' "a rate that overflows" vacuum a --rate 18446744073709551615
expect 64 'longer than 600 seconds' "a timeout that is too long" commit a --timeout 601
expect 64 'longer than 600 seconds' "waiting that is too long" revert a --wait 600.1
expect 64 '--wait soon is not a time' "waiting for no time" test-failover stop a --wait soon
expect 64 'expect-state x is not a number' "no state number" commit a --expect-state x
expect 64 'give one system' "remove what" remove
expect 64 'unknown option --wait' "commit has no --wait" commit a --wait 5
for command in revert commit move-home suspend resume remove settings 'network list' 'network set' 'network clear' grow reset-errors \
		'job cancel' 'job pause' 'job resume' vacuum 'recovery-point drop' 'recovery-point open' 'recovery-point close'; do
	# shellcheck disable=SC2086
	expect 0 "^Usage: replicactl $command " "help of $command" $command --help
done
expect 0 '^Examples:' "help with examples" settings --help
expect 0 'network clear' "help of a new group" network --help
expect 64 'give a system and the number of a job' "cancel what" job cancel a
expect 64 'x is not the number of a job' "cancel no job" job cancel a x

# --- points ---

for list in '' 1,,2 '1,' a 0 1,0 -1 "$(seq -s, 513)"; do
	expect 64 'takes the numbers of recovery points' "no list: '${list:0:9}'" recovery-point create a "--drop=$list"
done
expect 64 'contradict each other' "all and some" recovery-point create a --drop 1,2 --keep-all
expect 12 32779 "some" recovery-point create a --drop 1,2

# --- settings ---

for span in 5 5x d 7dd -1d 1.5h '' 1h30 99999999999999999999s; do
	expect 64 "keep-within $span is not a time" "no span: '$span'" settings a "--keep-within=$span"
done
expect 64 'longer than 100 years' "a span too long" settings a --point-interval 36501d
expect 12 32779 "a span of 100 years" settings a --decide-within 36500d
for percent in 0 101 80.5 % 5%% -1 ''; do
	expect 64 "space-low $percent is not from 1% to 100%" "no percentage: '$percent'" settings a "--space-low=$percent"
done
expect 64 'space-low 90% is above --space-critical 80%' "marks the wrong way round" settings a --space-low 90% --space-critical 80%
expect 12 32779 "marks at one place" settings a --space-low 80% --space-critical 80
for count in 513 x -1 1k ''; do
	expect 64 "keep-last $count is neither a number from 0 to 512 nor none" "no count: '$count'" settings a "--keep-last=$count"
done
expect 12 32779 "the highest count" settings a --keep-last 512 --keep-daily 100000
expect 64 'from 0 to 100000' "too many weeks" settings a --keep-weekly 100001
expect 64 'is not fail or drop-oldest' "no policy" settings a --when-full drop
expect 64 'is not a size' "no reserve" settings a --live-reserve 10X
expect 64 'more than 1 EiB' "too much of a reserve" settings a --live-reserve 1025P
expect 12 32779 "a reserve in words" settings a --live-reserve 1024P --vacuum-rate 50MiB/s --keep-hourly none
expect 64 'is not a rate' "no rate" settings a --vacuum-rate 50M/h

# --- network adapters ---

m=52:54:00:12:34:56
for mac in 52:54:00:12:34 52:54:00:12:34:5g 525400123456 52:54:00:12:34-56 52:54:00:12:34:567 ''; do
	expect 64 "mac $mac is not a hardware address" "no MAC: '$mac'" network set a --dhcp "--mac=$mac"
done
expect 64 'zero or multicast' "MAC of zeroes" network set a --dhcp --mac 00:00:00:00:00:00
expect 64 'zero or multicast' "MAC of a group" network clear a --mac 01:00:5e:00:00:01
expect 64 '--mac is given twice' "two adapters" network set a --dhcp --mac $m --mac $m
expect 64 '--mac is missing' "no adapter" network set a --dhcp
expect 64 'give --dhcp or an --address' "no address" network set a --mac $m --dns 192.0.2.1
expect 64 'give --mac or --all' "clear what" network clear a
expect 64 'give --mac or --all' "clear both" network clear a --all --mac $m
for ip in 192.0.2 192.0.2.256/24 fe80::1%eth0/64 2001:db8:::1/64 web1/24 /24 ''; do
	expect 64 "address $ip is not an IPv4 or IPv6 address" "no address: '$ip'" network set a --mac $m "--address=$ip"
done
for ip in 192.0.2.5/33 192.0.2.5/0 192.0.2.5/999; do
	expect 64 "address $ip has a prefix that is not from 1 to 32" "prefix of $ip" network set a --mac $m --address $ip
done
expect 64 'prefix that is not from 1 to 128' "prefix of 129" network set a --mac $m --address 2001:db8::5/129
for ip in 192.0.2.5/ 192.0.2.5/x 192.0.2.5/2x 192.0.2.5/-1 2001:db8::5/255.255.255.0; do
	expect 64 "address $ip has no number behind the slash" "slash of $ip" network set a --mac $m --address $ip
done
for mask in 255.255.0.255 255.0.255.0 255.255.255 1.2.3.4; do
	expect 64 'no valid netmask' "netmask $mask" network set a --mac $m --address 192.0.2.5/$mask
done
expect 64 'prefix that is not from 1 to 32' "netmask of zeroes" network set a --mac $m --address 192.0.2.5/0.0.0.0
expect 64 'has no prefix' "no prefix" network set a --mac $m --address 192.0.2.5
expect 64 'not allowed here' "prefix of a gateway" network set a --mac $m --dhcp --gateway 192.0.2.1/24
expect 64 "unspecified address" "address of zeroes" network set a --mac $m --address 0.0.0.0/8
expect 64 'multicast' "an IPv4 group" network set a --mac $m --dhcp --dns 224.0.0.1
expect 64 'multicast' "an IPv6 group" network set a --mac $m --address ff02::1/64
expect 64 'broadcast' "broadcast" network set a --mac $m --dhcp --gateway 255.255.255.255
expect 64 'given twice' "one address twice" network set a --mac $m --address 2001:db8::5/64 --address 2001:db8:0::5/48
ips() { local i; for i in $(seq "$2"); do echo "--$1 192.0.2.$i$3"; done; }
# shellcheck disable=SC2046
expect 64 'more than 8 times' "9 addresses" network set a --mac $m $(ips address 9 /24)
# shellcheck disable=SC2046
expect 64 'more than 5 times' "6 gateways" network set a --mac $m --dhcp $(ips gateway 6 '')
# shellcheck disable=SC2046
expect 64 'more than 8 times' "9 DNS servers" network set a --mac $m --dhcp $(ips dns 9 '')
# shellcheck disable=SC2046
expect 12 32779 "all that an adapter can have" network set a --mac $m --dhcp $(ips address 8 /255.255.255.128) \
	$(ips gateway 5 '') $(ips dns 8 '')
long=$(printf 'k%.0s' {1..64})
for key in '' 'a b' $'a\tb' 'é' "$long"; do
	expect 64 'key of the host area' "no key: '$key'" host-area set a "$key" 1
	expect 64 'key of the host area' "nor to remove: '$key'" host-area remove a "$key"
done
expect 12 32779 "the longest key" host-area set a "${long:1}" 1
expect 64 'at least one byte' "no value" host-area set a k ''
for hex in 0 0g 000 x; do
	expect 64 'two hex digits for each byte' "no hex: $hex" host-area set a k --hex $hex
done
expect 64 'give a system, a key and a value' "set without a value" host-area set a k
expect 64 'give a system, and a key or --all' "remove what" host-area remove a
expect 64 'give a system, and a key or --all' "remove both" host-area remove a k --all
expect 64 'give a system and a key' "get what" host-area get a
expect 64 'is not a number' "no state" host-area set a k 1 --expect-state x
expect 64 'give no' "repair is not there" check a --repair yes
expect 64 'kind' "kind that is none" recovery-point create a --kind perfect
expect 64 'longer than 39' "label too long" recovery-point create a --label 1234567890123456789012345678901234567890
"$R" list >/dev/full 2>"$dir/out"
[ $? = 1 ]
result $? "output that cannot be written is no success"

# --- nothing there ---

expect 0 'no system is known' "list of nothing" list
expect 0 'no job' "no jobs" job list
json_of "list of nothing as JSON" 'd == []' list --json
expect 12 '32779 File not found' "unknown system" status web1
for command in commit suspend resume move-home remove grow reset-errors settings 'network list' 'vacuum --hold'; do
	# shellcheck disable=SC2086
	expect 12 '32779 File not found' "$command of an unknown system" $command web1
done
"$R" settings web1 --json >"$dir/out" 2>"$dir/err"
[ $? = 12 ] && [ ! -s "$dir/out" ] && grep -q 32779 "$dir/err"
result $? "a refusal is no JSON, and goes where refusals go"
expect 12 '32779 File not found' "unknown UUID" revert 0f0e0d0c-0b0a-0908-0706-050403020100
expect 12 'No such file' "check of no file" check "$dir/none"

# --- create ---

image s 32M; image h1 16M; image h2 $((16 * 1024 * 1024 + 512)); image odd 1000000
cp --sparse=always "$dir/s" "$dir/s.before"
for name in '' - .a -a a/b 'a b' 'a=b' aé "$(printf 'a%.0s' {1..64})"; do
	expect 6 '32773 Invalid parameter' "system name '$name'" create --store "$dir/s" --disk vda="$dir/h1" -- "$name"
done
for name in a-b .a 'a b' aé "$(printf 'a%.0s' {1..32})"; do
	expect 6 '32773 Invalid parameter' "disk name '$name'" create w --store "$dir/s" --disk "$name=$dir/h1"
done
expect 6 '127 characters' "device names too long" create "$(printf -- 'a-%.0s' {1..31})a" --store "$dir/s" \
	--disk "$(printf 'a%.0s' {1..31})=$dir/h1"
expect 6 'two disks are named' "one disk name twice" create w --store "$dir/s" --disk a="$dir/h1" --disk a="$dir/h2"
expect 6 'two disks' "one home twice" create w --store "$dir/s" --disk a="$dir/h1" --disk b="$dir/h1"
ln -s h1 "$dir/link"
expect 6 'two disks' "one home twice, by a link" create w --store "$dir/s" --disk a="$dir/h1" --disk b="$dir/link"
expect 6 'as the store and as the home' "store as home" create w --store "$dir/s" --disk a="$dir/s"
expect 6 'multiple of 512' "odd size" create w --store "$dir/s" --disk a="$dir/odd"
expect 6 'not a block device' "a directory" create w --store "$dir" --disk a="$dir/h1"
expect 12 'No such file' "no such home" create w --store "$dir/s" --disk a="$dir/none"
image tiny 256K
expect 6 'too small' "store too small" create w --store "$dir/tiny" --disk a="$dir/h1"
DM_REPLICA_TEST_FILES=0 expect 6 'losetup' "a plain file" create w --store "$dir/s" --disk a="$dir/h1"
truncate -s 4M "$dir/fs" && mkfs.ext4 -q "$dir/fs" 2>/dev/null &&
	expect 6 'signature of ext4' "a file system on the store" create w --store "$dir/fs" --disk a="$dir/h1"
cmp -s "$dir/s" "$dir/s.before"
result $? "nothing was written by any of them"
[ ! -e "$dir/conf/w.conf" ]
result $? "no file either"

# names that the format cannot hold: bytes that are no UTF-8, and names that are too long
odd=$dir/h$(printf '\377')
long=$dir/$(printf 'x%.0s' {1..200})
image "h$(printf '\377')" 64M
image "${long##*/}" 64M
image s3 64M
expect 0 'home .* of disk a has no identity of its own' "a home whose name is no UTF-8" \
	create odd --store "$dir/s3" --disk a="$odd"
expect 0 'path ".*/h\\xff"' "its identity" dump "$dir/s3"
expect 0 '^good' "it can be checked" check "$dir/s3"
rm "$dir/conf/odd.conf"
expect 0 'system long made' "a home with a long name" create long --force --store "$dir/s3" --disk a="$long"
expect 0 'path "[0-9a-f]{16}:x+"' "its identity" dump "$dir/s3"
rm "$dir/conf/long.conf"

# a machine's disk is adopted
yes machine | head -c 8M >"$dir/machine"
sum=$(cksum <"$dir/machine")
expect 0 'use /dev/dm-replica/m/vda, and its old path never' "a primary" \
	create m --primary --force --store "$dir/s3" --disk vda="$dir/machine"
[ "$sum" = "$(cksum <"$dir/machine")" ]
result $? "its disk is not written"
json_of "its role and relationship are in the store" \
	'[s["replication"]["role"] for s in d["superblocks"]] == [1, 1] and
	len({s["replication"]["relationship"] for s in d["superblocks"]} | {d["superblocks"][0]["system_uuid"]}) == 2' \
	dump --json "$dir/s3"
expect 0 'Role +primary' "and in its status" status m
json_of "as JSON" 'd[0]["role"] == "primary" and d[0]["settings"]["when_full_name"] == "drop-oldest"' status m --json
expect 0 '^good' "it can be checked" check "$dir/s3"
rm "$dir/conf/m.conf"
rmdir "$dir/conf/.run" 2>/dev/null

# the leftover of a killed writer, longer than the new file
mkdir -p "$dir/conf"
printf 'disk.old=/dev/null\n%.0s' {1..100} >"$dir/conf/.web-1.conf.new"
expect 0 'system web-1 made' "create" create web-1 --store "$dir/s" --disk vda="$dir/h1" --disk vdb="$dir/h2"
grep -qx "disk.vdb=$dir/h2" "$dir/conf/web-1.conf" && grep -qx "store=$dir/s" "$dir/conf/web-1.conf"
result $? "its file"
[ "$(find "$dir/conf" -mindepth 1 -path "$dir/conf/.run" -prune -o -printf '%f\n')" = web-1.conf ] && ! grep -q old "$dir/conf/web-1.conf"
result $? "nothing is left of a file that was half written"
cp --sparse=always "$dir/s" "$dir/s.good"
expect 6 'known already' "create it again" create web-1 --store "$dir/s" --disk vda="$dir/h1"
expect 6 'the store of system web-1' "its store for another system" create web2 --store "$dir/s" --disk vda="$dir/h1"
image s2 64M
image m0 1M
expect 6 'home .* is the store of system web-1' "its store as a home" create web2 --store "$dir/s2" --disk vda="$dir/s"
uuid=$(sed -n 's/^uuid=//p' "$dir/conf/web-1.conf")
expect 6 'known already' "its UUID for another system" create web2 --uuid "$uuid" --store "$dir/s2" --disk vda="$dir/h1"
expect 6 'h2 is a home of system web-1 already, see .*web-1.conf' "its home for another system" create web2 --store "$dir/s2" --disk vda="$dir/h2"
ln -s h2 "$dir/h2.link"
expect 6 'is a home of system web-1 already' "its home by another name" create web2 --store "$dir/s2" --disk vda="$dir/h2.link"
expect 6 'h2 is a home of system web-1 already' "its home as a store" create web2 --store "$dir/h2" --disk vda="$dir/m0"
cmp -s "$dir/s" "$dir/s.good"
result $? "its store is untouched by all that"
if [ -e "$dir/fs" ]; then
	truncate -s 64M "$dir/fs"
	expect 0 'system web3 made' "create by force" create web3 --force --store "$dir/fs" --disk vda="$dir/h1" --chunk-size 16K
	[ -z "$(blkid -p -o value -s TYPE "$dir/fs" 2>/dev/null)" ]
	result $? "the signature is gone"
	expect 6 'h1 is a home of system web-1 already' "check names the other system, as attach does" check web3
	expect 6 'h1 is a home of system web3 already' "of that one, too" check web-1
	mv "$dir/conf/web-1.conf" "$dir/web-1.conf"
	expect 0 '^good' "and the store is good" check web3
	mv "$dir/web-1.conf" "$dir/conf/web-1.conf"
	rm "$dir/conf/web3.conf"
	sed -e 's/^name=.*/name=aaa/' -e 's/^uuid=......../uuid=01234567/' "$dir/conf/web-1.conf" >"$dir/conf/aaa.conf"
	expect 0 '^good' "a remnant that names its store changes nothing" check web-1
	rm "$dir/conf/aaa.conf"
fi
# A name that is a UUID would be taken for the system of that UUID.
expect 6 'is a UUID' "a UUID as a name" create 11111111-2222-3333-4444-555555555555 --store "$dir/s2" --disk vda="$dir/m0"
expect 6 'is a UUID' "in capitals" create ABCDEFAB-2222-3333-4444-555555555555 --store "$dir/s2" --disk vda="$dir/m0"

# Locks of other users on files that they can open do not delay any command.
image s5 64M
image h5 1M
: >"$dir/conf/.locked.conf.new"
flock "$dir/conf/.locked.conf.new" sleep 60 &
locker=$!
flock "$dir/conf/web-1.conf" sleep 60 &
locker="$locker $!"
sleep 0.2
start=$(date +%s)
expect 0 'system locked made' "create beside a lock on the new file" create locked --store "$dir/s5" --disk vda="$dir/h5"
[ $(($(date +%s) - start)) -lt 5 ]
result $? "at once"
# shellcheck disable=SC2086 # a list of numbers
kill $locker
pkill -P "${locker// /,}" sleep
[ "$(stat -c %a "$dir/conf/.run")" = 700 ]
result $? "locks are where others cannot come"
chmod 777 "$dir/conf/.run"
image s6 64M
image h6 1M
expect 0 'system open made' "a directory of locks that others could enter" create open --store "$dir/s6" --disk vda="$dir/h6"
[ "$(stat -c %a "$dir/conf/.run")" = 700 ]
result $? "is closed"
mv "$dir/conf/.run" "$dir/conf/.was" && ln -s "$dir/elsewhere" "$dir/conf/.run" && mkdir -p "$dir/elsewhere"
image s7 64M
image h7 1M
cp "$dir/s7" "$dir/s7.was"
expect 1 'the directory of locks' "a link in its place is not followed" create linked --store "$dir/s7" --disk vda="$dir/h7"
rm "$dir/conf/.run"
mkdir -m 700 "$dir/conf/.run" && ln -s "$dir/elsewhere/lock" "$dir/conf/.run/systems.lock"
expect 1 'cannot lock .*/systems.lock' "nor is one in the place of a lock" create linked --store "$dir/s7" --disk vda="$dir/h7"
[ ! -e "$dir/elsewhere/lock" ]
result $? "and no file is made behind it"
rm "$dir/conf/.run/systems.lock"
mkdir "$dir/conf/.linked.conf.new"
expect 1 'cannot write .*linked.conf.new' "a file that cannot be written" create linked --store "$dir/s7" --disk vda="$dir/h7"
rmdir "$dir/conf/.linked.conf.new"
cmp -s "$dir/s7" "$dir/s7.was"
result $? "the store is as it was in both cases"
expect 0 'system linked made' "and can be taken without force" create linked --store "$dir/s7" --disk vda="$dir/h7"
rm -f "$dir/conf/linked.conf"
rm -f "$dir/conf/locked.conf" "$dir/conf/open.conf"

args=()
for i in $(seq 64); do image "m$i" 1M; args+=(--disk "d$i=$dir/m$i"); done
expect 0 'system many made' "64 disks" create many --store "$dir/s2" "${args[@]}"
image m65 1M
image s3 64M
expect 64 'at most 64' "65 disks" create many2 --store "$dir/s3" "${args[@]}" --disk "d65=$dir/m65"

# --- reading ---

json_of "list as JSON" 'len(d) == 2 and not d[0]["attached"]' list --json
json_of "status as JSON" 'd[0]["state"] == 2 and d[0]["state_name"] == "WaitingForInitialReplication" and
	[x["name"] for x in d[0]["disk_list"]] == ["vda", "vdb"] and d[0]["disk_list"][1]["bytes"] == 16777728' status web-1 --json
# A system that cannot be shown does not hide the others.
expect 12 'System *web-1|^web-1' "status of one that is known and one that is not" status web-1 nosuch
expect 12 'web-1' "in the other order" status nosuch web-1
"$R" status nosuch web-1 --json >"$dir/out" 2>/dev/null </dev/null
[ $? = 12 ] && json 'd[0]["name"] == "nosuch" and d[0]["error"]["code"] == 32779 and d[1]["name"] == "web-1" and "error" not in d[1]'
result $? "as JSON, with an error in its place"
mv "$dir/s" "$dir/s.away"
json_of "a store that cannot be read is an error of the same form" \
	'd[0]["error"]["code"] == 32779 and d[0]["error"]["code_name"] and "s" in d[0]["error"]["message"] and "hint" in d[0]["error"]' \
	status web-1 --json
mv "$dir/s.away" "$dir/s"
json_of "status by UUID" 'd[0]["name"] == "web-1"' status "$uuid" --json
json_of "dump as JSON" 'd["in_force"] == "B" and [x["seq"] for x in d["superblocks"]] == [1, 2] and
	d["records"] == [] and d["log_next"] == 1' dump --log --json web-1
json_of "check as JSON" 'd["damage"] == 0 and d["doubts"] == 0 and d["slots_used"] == 0' check "$dir/s" --json
json_of "scan of one" 'd[0]["name"] == "web-1" and d[0]["configured"]' scan --json "$dir/s"
expect 10 'is not attached' "revert what is not attached" revert web-1 --yes
expect 10 'is not attached' "failover of what is not attached" failover web-1
expect 10 'is not attached' "a point of what is not attached" recovery-point create web-1
expect 10 'is not attached' "an open of what is not attached" recovery-point open web-1 1
expect 10 'is not attached' "a close of what is not attached" recovery-point close web-1 1
expect 10 'is not attached' "a job of what is not attached" job show web-1 1
expect 10 'is not attached' "detach what is not attached" detach web-1
expect 10 'is not attached' "there is nothing to wait for" detach web-1 --wait 600
expect 0 '^web-1 is not attached$' "detach if needed" detach web-1 --if-needed --wait 600
expect 0 '^web-9 is not attached$' "also if it is not known" detach web-9 --if-needed
expect 0 'no recovery point' "points of what is not attached" recovery-point list web-1
for command in commit suspend resume move-home grow reset-errors 'vacuum --rate 5M' 'settings --keep-last 3' 'network clear --all' \
		'network set --dhcp --mac 52:54:00:12:34:56' 'job cancel' remove; do
	id=()
	[ "$command" != 'job cancel' ] || id=(1)
	# shellcheck disable=SC2086
	expect 10 'is not attached' "$command of what is not attached" $command web-1 "${id[@]}"
	grep -q 'replicactl attach web-1' "$dir/out"
	result $? "with what to do"
done
expect 0 'all: there is no rule' "settings of what is not attached" settings web-1
expect 0 'keeps those of the primary' "adapters of what is not attached" network list web-1
expect 0 'the host area of web-1 is empty' "host area of what is not attached" host-area list web-1
expect 12 'has nothing under that key' "nor is there a value" host-area get web-1 k
expect 10 'is not attached' "a value for what is not attached" host-area set web-1 k 1
expect 10 'is not attached' "nor can one be removed" host-area remove web-1 k --yes
json_of "its settings as JSON" 'd["space_low"] == 80 and d["space_critical"] == 95 and d["decide_within"] == 86400 and
	d["when_full_name"] == "fail" and d["vacuum_rate"] is None and d["system"] == "web-1"' settings web-1 --json
json_of "and in its status" 'd[0]["settings"]["space_low"] == 80 and d[0]["adapter_list"] == [] and
	d[0]["statistics"]["points_made"] == 0 and d[0]["store_device_bytes"] == 33554432' status web-1 --json
printf 'frob\n' >"$dir/conf/bad.conf"
expect 0 'line 1 is not of the form' "a bad file is reported" list
expect 0 '^web-1 ' "and left out" list
rm "$dir/conf/bad.conf"
cp "$dir/conf/web-1.conf" "$dir/web-1.conf"
echo 'frob=1' >>"$dir/conf/web-1.conf"
expect 0 'web-1.conf: line [0-9]+ has an unknown key; is the file of a newer replicactl' "an unknown key" list
expect 12 'no system is known as web-1' "refuses the file" status web-1
for value in '' Boot yes 'no # not yet'; do
	cp "$dir/web-1.conf" "$dir/conf/web-1.conf"
	echo "attach=$value" >>"$dir/conf/web-1.conf"
	expect 0 'is neither attach=boot nor attach=no' "attach='$value' is none" list
done
for value in boot no; do
	cp "$dir/web-1.conf" "$dir/conf/web-1.conf"
	echo "attach = $value" >>"$dir/conf/web-1.conf"
	expect 0 '^web-1 ' "attach=$value" list
done
cp "$dir/web-1.conf" "$dir/conf/web-1.conf"
# A FIFO would be waited for; a directory can be opened.
mkfifo "$dir/conf/fifo.conf"
mkdir "$dir/conf/dir.conf"
expect 0 'cannot read .*fifo.conf: Invalid argument' "a file that is a FIFO" list
expect 0 'cannot read .*dir.conf: Is a directory' "or a directory" list
rm -r "$dir/conf/fifo.conf" "$dir/conf/dir.conf"

# --- damage ---

restore() { cp --sparse=always "$dir/s.good" "$dir/s"; }
restore; poke "$dir/s" 131152 ff
expect 0 'superblock B is torn' "superblock B torn" check "$dir/s"
restore; poke "$dir/s" 80 ff
expect 0 'superblock A is torn' "superblock A torn" check "$dir/s"
poke "$dir/s" 131152 ff
expect 1 '32768 Failed' "both torn" check "$dir/s"
restore; dd if=/dev/zero of="$dir/s" bs=128K count=2 conv=notrunc status=none
expect 6 'not a dm-replica store' "both gone" check "$dir/s"
expect 6 'not a dm-replica store' "an empty image" check "$dir/h1"
image empty 0
expect 6 'not a dm-replica store' "a file of nothing" check "$dir/empty"
restore; truncate -s 16M "$dir/s"
expect 1 'truncated' "truncated" check "$dir/s"
restore; truncate -s 100K "$dir/s"
expect 6 'not a dm-replica store' "truncated to one superblock and a half" check "$dir/s"

# --- the log, written here ---

# log.py IMAGE FIRST_RING_BLOCK STORE_UUID RECORDS...: a log of one block for
# each argument, records as type,disk,epoch,chunk,slot,data,zero separated by ';'
cat >"$dir/crc.py" <<'PY'
table = []
for i in range(256):
    for _ in range(8):
        i = i >> 1 ^ 0x82f63b78 if i & 1 else i >> 1
    table.append(i)
def crc32c(data):
    crc = 0xffffffff
    for b in data:
        crc = table[(crc ^ b) & 255] ^ crc >> 8
    return crc ^ 0xffffffff
PY
cat >"$dir/log.py" <<'PY'
import struct, sys, uuid
from crc import crc32c
image, ring, store = sys.argv[1], int(sys.argv[2]), uuid.UUID(sys.argv[3]).bytes
with open(image, 'r+b') as f:
    for n, arg in enumerate(sys.argv[4:], 1):
        records = [list(map(int, r.split(','))) for r in arg.split(';')]
        block = bytearray(struct.pack('<II16sQQQI12x', 0x474c5244, 0, store, n, 2, n - 1, len(records)))
        for kind, disk, epoch, chunk, slot, data, zero in records:
            block += struct.pack('<QQIBB', data, zero, epoch, kind, disk)
            block += chunk.to_bytes(5, 'little') + (slot & 0xffffffffff).to_bytes(5, 'little')
        block[4:8] = struct.pack('<I', crc32c(block))
        block += bytes(4096 - len(block))
        f.seek((ring + n - 1) * 4096)
        f.write(block)
PY
log() { restore && /usr/bin/python3 -S -E "$dir/log.py" "$dir/s" "$ring" "$store" "$@"; }
"$R" dump --json "$dir/s.good" >"$dir/out"
ring=$(/usr/bin/python3 -c "import json; print(json.load(open('$dir/out'))['superblocks'][1]['ring'][0]['first'])")
store=$(/usr/bin/python3 -c "import json; print(json.load(open('$dir/out'))['superblocks'][1]['store_uuid'])")
slot=$(/usr/bin/python3 -c "import json; print(json.load(open('$dir/out'))['superblocks'][1]['slot_end'] - 10)")

log "1,0,2,0,$slot,15,0;1,0,2,1,$((slot + 1)),1,0" "1,0,2,0,$slot,31,0"
json_of "two versions in three records" 'd["records"] == 3 and d["versions"] == 2 and d["slots_used"] == 2 and
	d["duplicates"] == 0 and d["epochs"][0]["data_blocks"] == 6 and d["log_next"] == 3' check --json "$dir/s"
json_of "dump of three records" 'len(d["records"]) == 3 and d["records"][2]["data"] == "000000000000001f" and
	d["records"][2]["log"] == 2' dump --log --json "$dir/s"
log "1,0,2,0,$slot,15,0" "1,1,2,0,$slot,1,0"
expect 1 "slot $slot belongs to disk 1 chunk 0 epoch 2, but disk 0 chunk 0 epoch 2 still needs it" \
	"one slot for two versions" check "$dir/s"
log "1,0,2,0,$slot,15,0" "2,0,2,0,-1,15,0" "1,1,2,0,$slot,1,0"
json_of "moved home, then the slot is another's" 'd["duplicates"] == 0 and d["versions"] == 1 and
	d["drop_records"] == 1' check --json "$dir/s"
log "1,0,2,0,$slot,15,0" "2,0,2,0,-1,7,0" "1,1,2,0,$slot,1,0"
expect 1 'still needs it' "moved home but for one block" check "$dir/s"
log "1,0,2,0,$slot,15,0" "1,0,4,0,$((slot + 1)),15,0" "1,1,2,0,$slot,1,0"
expect 0 '^good' "superseded, then the slot is another's" check "$dir/s"
log "1,0,2,0,$slot,15,0" "1,0,4,0,$((slot + 1)),14,0" "1,1,2,0,$slot,1,0"
expect 1 'still needs it' "superseded but for one block" check "$dir/s"
log "1,0,2,0,$slot,15,0" "1,0,2,0,$slot,7,0"
expect 1 'DAMAGE.*disk 0 chunk 0 epoch 2 was recorded again without blocks' \
	"recorded again without a block" check "$dir/s"
log "1,0,2,0,$slot,15,0" "1,0,2,0,$((slot + 1)),14,0" "1,1,2,0,$slot,1,0"
expect 1 'recorded again without' "in another slot" check "$dir/s"
log "1,0,2,0,$slot,15,0" "1,0,2,0,$slot,7,0" "1,0,4,0,$((slot + 1)),8,0"
expect 0 '^good' "a block that is superseded" check "$dir/s"
log "1,0,2,0,$slot,15,0" "2,0,2,0,-1,15,0" "1,0,2,0,$slot,7,0"
json_of "or moved home" 'd["damage"] == 0 and d["versions"] == 1 and d["epochs"][0]["data_blocks"] == 3' \
	check --json "$dir/s"
log "1,0,3,0,$slot,15,0;1,0,2,3,$((slot + 1)),0,1"
json_of "a version of a dead overlay" 'd["versions"] == 1 and d["dead_records"] == 1 and
	[e["role"] for e in d["epochs"]] == ["main", "dead"]' check --json "$dir/s"
log "1,7,2,0,$slot,15,0"
expect 1 '(log block 1)' "a disk that is not there" check "$dir/s"
log "1,0,2,0,0,15,0"
expect 1 '(log block 1)' "a slot on the superblock" check "$dir/s"
log "1,0,2,0,$slot,15,0" "1,0,2,1,$((slot + 1)),15,0" "1,0,2,2,$((slot + 2)),15,0"
poke "$dir/s" $(((ring + 1) * 4096 + 100)) ff
expect 1 'DAMAGE' "a torn block that a later one calls durable" check "$dir/s"
log "1,0,2,0,$slot,15,0" "1,0,2,1,$((slot + 1)),15,0"
poke "$dir/s" $(((ring + 1) * 4096 + 100)) ff
json_of "a torn block at the end is the end" 'd["log_next"] == 2 and d["versions"] == 1 and not d["damage"]' check --json "$dir/s"

# --- a log that makes work ---

# Two hundred thousand records of one chunk take some tenths of a second in any order;
# twenty seconds of CPU time are far too many.
printf '#!/bin/sh\nulimit -t 20\nexec "%s" "$@"\n' "$R" >"$dir/limited"
chmod +x "$dir/limited"
if "${CC:-gcc}" -O2 -o "$dir/store" selftests/helpers/store.c 2>"$dir/cc"; then
	for order in rising falling drops; do
		image big 16G
		image h9 64M
		rm -rf "$dir/conf2"
		DM_REPLICA_CONFDIR=$dir/conf2 "$R" create big --store "$dir/big" --disk "vda=$dir/h9" \
			--chunk-size 64K >/dev/null
		"$dir/store" "$dir/big" chain 512 390 $order >"$dir/out" 2>&1
		result $? "a store with 512 points, its first chunk in 200,000 epochs, $order"
		R=$dir/limited expect 0 '^good' "check, $order" check "$dir/big"
		export DM_REPLICA_CONFDIR=$dir/conf2
		R=$dir/limited expect 0 'Recovery points *512' "status, $order" status big
		export DM_REPLICA_CONFDIR=$dir/conf
	done
	image big 0
else
	n=$((n + 1))
	echo "ok $n - a log that makes work # SKIP there is no compiler"
fi

# --- the end of a removal ---

# super.py IMAGE COPY=OFFSET:VALUE...: 32 bits of a superblock, under a right checksum
cat >"$dir/super.py" <<'PY'
import struct, sys
from crc import crc32c
with open(sys.argv[1], 'r+b') as f:
    for arg in sys.argv[2:]:
        copy, rest = arg.split('=')
        offset, value = map(int, rest.split(':'))
        f.seek(int(copy) * 131072)
        data = bytearray(f.read(73728))
        struct.pack_into('<I', data, offset, value)
        length = struct.unpack_from('<I', data, 12)[0]
        data[8:12] = bytes(4)
        data[8:12] = struct.pack('<I', crc32c(data[:length]))
        f.seek(int(copy) * 131072)
        f.write(data)
PY
super() { /usr/bin/python3 -S -E "$dir/super.py" "$@"; }
state=384 flags=388
# A value of six bytes under the key "k", behind two disks.
area=(504:11 1792:$((0x10006)) 1796:$((0x6e6f6d6b)) 1800:$((0x796164)))
restore; super "$dir/s" "${area[@]/#/0=}" "${area[@]/#/1=}"
expect 0 'host area +k  6 bytes  monday' "dump of a host area" dump "$dir/s"
json_of "as JSON" 'd["superblocks"][1]["host_area"] == [{"key": "k", "bytes": 6, "value": "monday", "hex": "6d6f6e646179"}]' \
	dump --json "$dir/s"
expect 0 '^monday$' "its value, of what is not attached" host-area get web-1 k
restore; super "$dir/s" 0=1348:1 1=1348:1
expect 0 'lost writes +the home has lost writes' "status of a detached system whose home has lost writes" status web-1
json_of "as JSON" 'd[0]["disk_list"][0]["lost_writes"] and not d[0]["disk_list"][1]["lost_writes"]' \
	status web-1 --json
expect 0 'doubt .*disk vda has lost writes: its replica device' "check of it" check web-1
json_of "and dump" 'd["superblocks"][1]["disks"][0]["lost"] == 1' dump --json "$dir/s"
restore; super "$dir/s" 0=16:5 1=16:5
expect 3 'version is 5, older than this software reads' "a store of the format before this" check "$dir/s"
zeroes() { cmp -s -n 262144 "$dir/s" /dev/zero; }
restore; super "$dir/s" 0=$state:0 1=$state:0 1=$flags:4 0=$flags:4
expect 10 'replicactl attach web-1' "a removal that has not come to its end goes on attached" remove web-1 --yes
json_of "and status reports it" 'd[0]["state"] == 0 and d[0]["removing"]' status web-1 --json
restore; super "$dir/s" 1=$state:0
cp --sparse=always "$dir/s" "$dir/s.removed"
expect 0 'the homes are plain disks; replicactl remove web-1' "status of what is to be finished" status web-1
expect 0 'ok +system web-1 is removed and its homes are plain disks' "check finds nothing wrong with it" check web-1
chmod 500 "$dir/conf"
if [ "$(id -u)" != 0 ]; then
	expect 2 'cannot write to' "remove that could not delete the file" remove web-1
	cmp -s "$dir/s" "$dir/s.removed"
	result $? "wipes nothing"
fi
chmod 700 "$dir/conf"
DM_REPLICA_TEST_FILES=0 expect 6 'plain file' "nor does it wipe a plain file" remove web-1
cp "$dir/conf/web-1.conf" "$dir/web-1.conf"
sed -i "s|^store=.*|store=$dir/s2|" "$dir/conf/web-1.conf"
cp --sparse=always "$dir/s2" "$dir/s2.before"
expect 6 'belongs to another system, many' "nor another system's store" remove web-1 --yes
cmp -s "$dir/s2" "$dir/s2.before"
result $? "which is untouched"
cp "$dir/web-1.conf" "$dir/conf/web-1.conf"
tail -c +262145 "$dir/s" | md5sum >"$dir/rest"
expect 8 '32775.* not 99' "a removal of a state that was not shown is not finished" \
	remove web-1 --yes --expect-state 99
expect 0 'web-1 is removed: store .* is wiped, the homes are plain disks' "a removal is finished" remove web-1
grep -q "vdb  $dir/h2" "$dir/out"
result $? "and the homes are named"
zeroes
result $? "both superblocks are zeroes"
tail -c +262145 "$dir/s" | md5sum | cmp -s - "$dir/rest"
result $? "and nothing else was written"
[ ! -e "$dir/conf/web-1.conf" ]
result $? "the file is gone"
expect 12 'no system is known as web-1' "then there is no such system" remove web-1
cp "$dir/web-1.conf" "$dir/conf/web-1.conf"
expect 64 'yes goes on without it' "of a blank store only the file is left, and a question is needed" remove web-1
expect 0 'the file of web-1 is deleted' "and deleted" remove web-1 --yes
[ ! -e "$dir/conf/web-1.conf" ]
result $? "that it is gone"
# the copy with the mark is overwritten last: a removal interrupted in between can go on
cp "$dir/web-1.conf" "$dir/conf/web-1.conf"
for copy in 0 1; do
	cp --sparse=always "$dir/s.good" "$dir/s"
	# the sequence number of this copy is made the higher one
	super "$dir/s" 0=40:2 1=40:2
	super "$dir/s" $copy=40:3 $copy=$state:0
	cp --sparse=always "$dir/s" "$dir/s.removed"
	"$R" remove web-1 >"$dir/out" 2>&1 </dev/null && zeroes
	result $? "copy $copy records the removal"
	cp "$dir/web-1.conf" "$dir/conf/web-1.conf"
	if [ -e "$dir/fake.so" ]; then
		cp --sparse=always "$dir/s.removed" "$dir/s"
		! LD_PRELOAD=$dir/fake.so ASAN_OPTIONS=verify_asan_link_order=0 FAKE_WRITES=1 \
			"$R" remove web-1 >"$dir/out" 2>&1 </dev/null && [ -e "$dir/conf/web-1.conf" ] && grep -q 'does the rest when the fault is mended' "$dir/out"
		result $? "a write that fails is reported"
		expect 0 'web-1 is removed' "and what is left then is done by another" remove web-1
		cp "$dir/web-1.conf" "$dir/conf/web-1.conf"
	fi
	cp --sparse=always "$dir/s.removed" "$dir/s"
	dd if=/dev/zero of="$dir/s" bs=128K count=1 seek=$((1 - copy)) conv=notrunc status=none
	expect 0 'web-1 is removed' "and alone as well, with the other one blank" remove web-1
	cp "$dir/web-1.conf" "$dir/conf/web-1.conf"
done

# Wrong fields under right checksums: every answer is allowed but a crash.
cat >"$dir/fuzz.py" <<'PY'
import random, struct, subprocess, sys
from crc import crc32c
tool, good, image = sys.argv[1:4]
with open(good, 'rb') as f:
    head = f.read(262144)
random.seed(1)
for n in range(150):
    data = bytearray(head)
    for _ in range(random.randint(1, 4)):
        at = random.randrange(12, 1600)
        value = random.choice([0, 1, 2, 127, 128, 255, random.randrange(256)])
        for copy in 0, 1:
            if at < 20 or at >= 24:
                data[copy * 131072 + at] = value
    for copy in 0, 131072:
        length = struct.unpack_from('<I', data, copy + 12)[0]
        if 12 <= length <= 73728:
            data[copy + 8:copy + 12] = bytes(4)
            data[copy + 8:copy + 12] = struct.pack('<I', crc32c(data[copy:copy + length]))
    with open(image, 'r+b') as f:
        f.write(data)
    for args in (['check', image], ['dump', '--log', image], ['scan', image]):
        p = subprocess.run([tool] + args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, timeout=60)
        if p.returncode < 0 or p.returncode > 12 or b'runtime error' in p.stdout or \
                b'Sanitizer' in p.stdout:
            print('number', n, args, 'status', p.returncode)
            print(p.stdout.decode(errors='replace'))
            sys.exit(1)
PY
restore
/usr/bin/python3 "$dir/fuzz.py" "$R" "$dir/s.good" "$dir/s" >"$dir/out" 2>&1
result $? "150 superblocks with wrong fields and right checksums"

# --- replication streams ---

. userspace/tests/stream.sh

# --- with a fake kernel ---

if [ -e "$dir/fake.so" ]; then
	. userspace/tests/played.sh
	. userspace/tests/netlink.sh
	. userspace/tests/monitoring.sh
	. userspace/tests/doctor.sh
	. userspace/tests/versions.sh
	. userspace/tests/hooks.sh
	. userspace/tests/hook-examples.sh
	. userspace/tests/peers.sh
else
	n=$((n + 1))
	echo "ok $n - what is asked of the kernel # SKIP there is no compiler"
fi

echo "1..$n"
exit $bad
