# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034 # variables of played.sh
#
# metrics and check-health, with fake-kernel.py for a kernel, and the files of
# userspace/host/monitoring.  Sourced by replicactl.sh, behind played.sh.

host=userspace/host
promtool=$(command -v promtool || ls build/promtool/usr/bin/promtool 2>/dev/null)

skip() { n=$((n + 1)); echo "ok $n - $1 # SKIP $2"; }

# checked NAME FILE: promtool takes the metrics without a remark
checked() {
	if [ -z "$promtool" ]; then
		skip "$1" 'there is no promtool'
		return
	fi
	"$promtool" check metrics <"$2" >"$dir/out" 2>&1 && [ ! -s "$dir/out" ]
	result $? "$1"
}

# Files of systems of the tests before would be systems here.
rm -rf "$dir/conf"
mkdir "$dir/conf"

# --- metrics ---

expect 0 '^Usage: replicactl metrics ' "help of metrics" metrics --help
expect 64 'too many arguments: web1' "metrics of what" metrics web1
expect 64 'needs the name of a file' "metrics into no file" metrics --output ''
played "metrics" 0 '^dm_replica_system_info\{system="web1",uuid="00010203-0405-0607-0809-0a0b0c0d0e0f",store="4000:3"\} 1$' '' metrics
cp "$dir/out" "$dir/page"
also "attached" '^dm_replica_system_attached\{system="web1"\} 1$'
also "its state" '^dm_replica_system_state\{system="web1",state="Recovered"\} 1$'
also "is no other" '^dm_replica_system_state\{system="web1",state="Committed"\} 0$'
also "health" '^dm_replica_health\{system="web1"\} 2$'
also "a reason" '^dm_replica_health_reason\{system="web1",reason="low-space"\} 1$'
also "not for the others" '^dm_replica_health_reason\{system="web1",reason="full"\} 0$'
also "points" '^dm_replica_points\{system="web1"\} 3$'
also "oldest point" '^dm_replica_oldest_point_timestamp_seconds\{system="web1"\} 1700000000.000$'
also "newest point" '^dm_replica_newest_point_timestamp_seconds\{system="web1"\} 1700000003.000$'
also "failover" '^dm_replica_live_since_timestamp_seconds\{system="web1"\} 1700000000.000$'
also "its writes" '^dm_replica_live_written_bytes\{system="web1"\} 1048576$'
also "slots" '^dm_replica_store_slots\{system="web1"\} 1000$'
also "slots used" '^dm_replica_store_slots_used\{system="web1"\} 900$'
also "slots reserved" '^dm_replica_store_slots_reserved\{system="web1"\} 10$'
also "store" '^dm_replica_store_size_bytes\{system="web1"\} 1073741824$'
also "log" '^dm_replica_log_blocks\{system="web1"\} 0$'
also "log used" '^dm_replica_log_used\{system="web1"\} 0$'
also "replicated" '^dm_replica_replicated_bytes_total\{system="web1"\} 65536$'
also "points made" '^dm_replica_points_made_total\{system="web1"\} 5$'
also "points dropped" '^dm_replica_points_dropped_total\{system="web1"\} 2$'
also "errors" '^dm_replica_device_errors_total\{system="web1",disk="vda"\} 0$'
also "to move home" '^dm_replica_move_home_remaining_bytes\{system="web1"\} 3145728$'
also "a running job" '^dm_replica_job_running\{system="web1",type="commit failover"\} 1$'
also "all was read" '^dm_replica_scrape_success 1$'
checked "promtool has no remark" "$dir/page"
/usr/bin/python3 - "$dir/page" >"$dir/out" 2>&1 <<'PY'
import re
import sys

seen, family, done = set(), None, set()
for line in open(sys.argv[1], encoding='utf-8'):
    if line.startswith('# HELP'):
        done.add(family)
        family = line.split()[2]
        assert family not in done, 'twice: ' + family
    elif not line.startswith('#'):
        name, labels = re.match(r'(\w+)(\{.*\})? [0-9.]+$', line).groups()
        assert name == family, line
        assert (name, labels) not in seen, line
        seen.add((name, labels))
PY
result $? "each metric stands together, no sample stands twice, no sample has a time stamp"

played "two systems of one name" 0 '^dm_replica_points\{system="0f0e0d0c-0b0a-0908-0706-050403020100"\} 3$' \
	'w["more"] = [dict(s, uuid="0f0e0d0c0b0a09080706050403020100")]' metrics
cp "$dir/out" "$dir/page"
checked "are no duplicates" "$dir/page"
played "a name that is none" 0 'system="a\\"b\\\\c\?d"' 's["name"] = "a\"b\\c\nd"' metrics
cp "$dir/out" "$dir/page"
checked "does not break the page" "$dir/page"
played "without a failover and a point" 0 '^dm_replica_scrape_success 1$' 's["live-time"] = 0; w["points"] = []' metrics
also_not "there are no times" '^dm_replica_(live_since|oldest|newest).*\{'
played "without the module" 0 '^dm_replica_scrape_success 1$' 'w["absent"] = True' metrics
also_not "nothing is attached, and nothing loaded" '^dm_replica_system_attached|^request getfamily'
printf 'name=db\nuuid=11111111-2222-3333-4444-555555555555\nstore=/dev/none\ndisk.a=/dev/none2\n' >"$dir/conf/db.conf"
played "a system that is not attached" 0 '^dm_replica_system_attached\{system="db"\} 0$' '' metrics
also "is known by its file alone" '^dm_replica_system_info\{system="db",uuid="11111111-2222-3333-4444-555555555555",store="/dev/none"\} 1$'
also_not "and has nothing else" '^dm_replica_points\{system="db"'
printf 'nonsense\n' >"$dir/conf/bad.conf"
played "a file with an error" 1 '^dm_replica_scrape_success 0$' '' metrics
also "does not hide the others" '^dm_replica_points\{system="web1"\} 3$'
also "and is named" 'warning: .*bad.conf'
rm "$dir/conf"/*.conf

page=$dir/prom/dm-replica.prom
mkdir "$dir/prom"
played "metrics into a file" 0 '!.' '' metrics --output "$page"
grep -q '^dm_replica_scrape_success 1$' "$page"
result $? "the file has them"
[ "$(stat -c %a "$page")" = 644 ] && [ "$(ls -A "$dir/prom")" = dm-replica.prom ]
result $? "any user may read it, and nothing else is left there"
before=(sh -c 'umask 077; exec "$@"' sh)
played "with another umask" 0 '!.' '' metrics --output "$page"
before=()
[ "$(stat -c %a "$page")" = 644 ]
result $? "as well"
ln -s ../precious "$dir/prom/.dm-replica.prom.new"
echo precious >"$dir/precious"
played "a link under the temporary name" 0 '!.' '' metrics --output "$page"
[ "$(cat "$dir/precious")" = precious ] && [ "$(ls -A "$dir/prom")" = dm-replica.prom ]
result $? "is not followed"
before=(env FAKE_EMFILE=1)
played "metrics without a socket" 1 '32768.*cannot open a netlink socket' '' metrics --output "$page"
before=()
grep -q '^dm_replica_scrape_success 0$' "$page" && ! grep -q 'system=' "$page"
result $? "the file reports that"
checked "in a valid form" "$page"
cp "$page" "$dir/page"
played "a directory that is not there" 1 'cannot find the directory of .*No such file' '' metrics --output "$dir/none/x.prom"
played "a directory in the place of the file" 1 'cannot replace .*[Ii]s a directory' '' metrics --output "$dir/prom"
exec 9<"$dir/prom"
flock 9
played "another writer" 1 'cannot lock the directory' '' metrics --output "$page"
exec 9<&-
cmp -s "$page" "$dir/page"
result $? "leaves the old content"
if strace -o "$dir/trace" true 2>/dev/null; then
	before=(strace -f -o "$dir/trace" -e 'trace=openat,write,fsync,rename,renameat')
	ASAN_OPTIONS=detect_leaks=0 played "metrics, traced" 0 '!.' '' metrics --output "$page"
	before=()
	grep -oE 'openat\([0-9]+, "[.]dm-replica.prom.new"|fsync|rename(at)?\(' "$dir/trace" |
		tr '\n' ' ' | grep -q '^openat([0-9]*, "[.]dm-replica.prom.new" fsync renameat( fsync'
	result $? "writes, syncs and renames, in this order"
else
	skip "writes, syncs and renames, in this order" 'there is no strace'
fi

# --- check-health ---

expect 0 '^Usage: replicactl check-health ' "help of check-health" check-health --help
# wrong STATUS-LINE ARGUMENT...: a wrong usage, in the first line, with status 3
wrong() {
	local text=$1
	shift
	"$R" check-health "$@" >"$dir/out" 2>"$dir/err" </dev/null
	[ $? = 3 ] && head -n 1 "$dir/out" | grep -qE -- "^DMREPLICA UNKNOWN - $text" && [ ! -s "$dir/err" ]
	result $? "check-health $*"
}
wrong 'unknown option -x' -x
wrong 'unknown option --frob' --frob
wrong 'option -w needs a value' -w
wrong 'give one system' web1 web2
for limit in '' x 0% 101% 5 -1% 80%,90% 1h,2h ',80%' '80%,' 80%,,1h 1x 0 none 80%,1h,2h; do
	wrong "-w $limit is neither a percentage" -w "$limit"
done
for seconds in 0 x -1 1.5 3601 99999999999999999999; do
	wrong "-t $seconds is not a number of seconds" -t $seconds
done
wrong 'the limit of -c is below that of -w' -w 90% -c 80%
wrong 'the limit of -c is below that of -w' -w 2h -c 90m
ok='s["health"] = 1; s["health-reasons"] = 0; s["state"] = 3; w["points"][-1]["time"] = __import__("time").time_ns() - 500 * 10**9'
played "check-health" 1 '^DMREPLICA WARNING - web1: low space \(91 %\); web1: undecided \| web1_slots=91%;80;95;0;100 web1_point_age=[0-9]+s;900;;0$' '' check-health
also "with advice" '^web1: failed over for a long time, and not decided: replicactl revert web1, or commit$'
played "check-health of one" 1 '^DMREPLICA WARNING - web1: ' '' check-health web1
played "good health" 0 '^DMREPLICA OK - web1: Replicating \| web1_slots=91%;80;95;0;100 web1_point_age=5[0-9][0-9]s;900;;0$' "$ok" check-health
played "critical health" 2 '^DMREPLICA CRITICAL - web1: full \(91 %\) \|' 's["health"] = 3; s["health-reasons"] = 20' check-health
played "a reason that is not known yet" 1 '^DMREPLICA WARNING - web1: reason 0x80000000 unknown to this version' \
	's["health-reasons"] = 1 << 31' check-health
played "a module without health" 0 '^DMREPLICA OK - web1: Recovered \|' \
	'w["unknown"] = ["settings-get", "host-get"]; del s["health"], s["health-reasons"]' check-health
also "has no marks" 'web1_slots=91%;;;0;100 '
played "a limit of -w" 1 'WARNING - web1: 91 % of the slots used \| web1_slots=91%;90;95;0;100' "$ok" check-health -w 90%
played "a limit of -c" 2 'CRITICAL - web1: 91 % of the slots used \| web1_slots=91%;80;91;0;100' "$ok" check-health -c 91%
played "neither" 0 'OK - .* web1_slots=91%;92;96;0;100 web1_point_age=5[0-9][0-9]s;3600;7200;0$' "$ok" check-health -w 92%,1h -c 96%,2h
played "an age for -w" 1 'WARNING - web1: newest recovery point is 8 min [0-9]+ s old' "$ok" check-health -w 5m
played "an age for -c" 2 'CRITICAL - web1: newest recovery point is' "$ok" check-health -w 1m -c 5m
played "without a point" 1 '^DMREPLICA WARNING - web1: no point \| web1_slots=[^ ]*$' 'w["points"] = []; s["health-reasons"] = 256' check-health -c 1m
played "no module" 3 '^DMREPLICA UNKNOWN - module dm-replica is not loaded$' 'w["absent"] = True' check-health
also_not "and it is not loaded" '^request getfamily'
played "no such system" 3 '^DMREPLICA UNKNOWN - .*web2' '' check-health web2
played "no system at all" 3 '^DMREPLICA UNKNOWN - no system is known here$' 'del w["system"]' check-health
before=(env FAKE_EMFILE=1)
played "no socket" 3 '^DMREPLICA UNKNOWN - cannot open a netlink socket' '' check-health
before=()
printf 'name=db\nuuid=11111111-2222-3333-4444-555555555555\nstore=/dev/none\ndisk.a=/dev/none2\n' >"$dir/conf/db.conf"
played "one of two is not attached" 2 '^DMREPLICA CRITICAL - db: not attached \| web1_slots' "$ok" check-health
also "with advice" '^db: replicactl attach db$'
printf 'nonsense\n' >"$dir/conf/db.conf"
played "a file with an error" 3 '^DMREPLICA UNKNOWN - files: .*db.conf' "$ok" check-health
rm "$dir/conf/db.conf"
two='w["more"] = [dict(s, uuid="0f0e0d0c0b0a09080706050403020100", name="db")]'
played "two of good health" 0 '^DMREPLICA OK - 2 systems \| db_slots=.* db_point_age=.* web1_slots=' "$ok; $two" check-health
played "a name that is none" 0 '^DMREPLICA OK - a\?b \?c: Replicating \| a_b__c_slots=' "$ok"'; s["name"] = "a|b \x27c"' check-health
before=(sh -c 'exec "$@" >/dev/full' sh)
played "output that cannot be written" 3 'cannot write the output' "$ok" check-health
before=(timeout 20)
played "no answer in time" 3 '^DMREPLICA UNKNOWN - no result within 1 s$' 'w["silent"] = True' check-health -t 1
before=()
ln -s "$R" "$dir/check_dm_replica"
plugin() { local R=$dir/check_dm_replica; played "$@"; }
plugin "under Nagios' name" 1 '^DMREPLICA WARNING - web1: low space' ''
plugin "with a system" 1 '^DMREPLICA WARNING - web1: low space' '' web1 -w 50%
plugin "and a wrong option" 3 '^DMREPLICA UNKNOWN - unknown option -x' '' -x

# --- files for monitoring programs ---

mkdir -p "$dir/peers"
before=(env "DM_REPLICA_RUNDIR=$dir/peers")
session
played "a page for what follows" 0 . "$peer" metrics
before=()
cp "$dir/out" "$dir/page"
/usr/bin/python3 userspace/tests/monitoring-files.py names $host/monitoring/dm-replica.rules.yml "$dir/page" >"$dir/out" 2>&1
result $? "alert rules name metrics that exist"
/usr/bin/python3 userspace/tests/monitoring-files.py grafana $host/monitoring/grafana.json "$dir/page" >"$dir/grafana.yml" 2>"$dir/out"
result $? "so does the dashboard"
sed 's/dm_replica_points\b/dm_replica_point/' $host/monitoring/grafana.json >"$dir/wrong.json"
! /usr/bin/python3 userspace/tests/monitoring-files.py grafana "$dir/wrong.json" "$dir/page" >"$dir/out" 2>&1 &&
	grep -q 'no such metric' "$dir/out"
result $? "one that does not exist is found"
if [ -n "$promtool" ]; then
	"$promtool" check rules $host/monitoring/dm-replica.rules.yml >"$dir/out" 2>&1 && grep -q '9 rules found' "$dir/out"
	result $? "promtool takes the alert rules"
	"$promtool" test rules userspace/tests/dm-replica.rules-test*.yml >"$dir/out" 2>&1
	result $? "each comes when it should, and not before"
	"$promtool" check rules "$dir/grafana.yml" >"$dir/out" 2>&1 && grep -q 'SUCCESS' "$dir/out"
	result $? "the dashboard's expressions can be parsed"
else
	for what in "promtool takes the alert rules" "each comes when it should, and not before" \
			"the dashboard's expressions can be parsed"; do
		skip "$what" 'there is no promtool'
	done
fi
played_json "a status for what follows" 'd[0]["attached"]' '' status --json
cp "$dir/out" "$dir/status"
/usr/bin/python3 userspace/tests/monitoring-files.py zabbix $host/monitoring/zabbix-template.yaml \
	$host/monitoring/userparameter_dm_replica.conf "$dir/status" >"$dir/out" 2>&1
result $? "the Zabbix template reads members that exist"
if systemd-analyze --version >/dev/null 2>&1; then
	mkdir "$dir/units"
	for unit in "$host"/systemd/dm-replica-metrics.*; do
		made=${unit##*/}
		sed "s|@SBINDIR@/replicactl|$R|" "$unit" >"$dir/units/${made%.in}"
	done
	systemd-analyze verify --man=no "$dir"/units/dm-replica-metrics.* >"$dir/out" 2>&1 && [ ! -s "$dir/out" ]
	result $? "units of metrics"
else
	skip "units of metrics" 'there is no systemd-analyze'
fi
make -s -C userspace install "OUT=${R%/*}" DESTDIR="$dir/root" PREFIX=/opt/x \
	UNITDIR=/opt/x/units >"$dir/out" 2>&1 &&
	[ "$(readlink "$dir/root/opt/x/lib/nagios/plugins/check_dm_replica")" = /opt/x/sbin/replicactl ] &&
	grep -q '^ExecStart=/opt/x/sbin/replicactl metrics ' "$dir/root/opt/x/units/dm-replica-metrics.service" &&
	cmp -s $host/monitoring/grafana.json "$dir/root/opt/x/share/dm-replica/monitoring/grafana.json"
result $? "make install puts them where they belong"
sed 's/\\-/-/g' userspace/man/replicactl.8 >"$dir/man"
"$R" --help | sed -n 's/^  \([a-z-]*\) .*/\1/p' | sort -u | while read -r command; do
	sed -n "/local commands=/,/version'/p" userspace/completion/replicactl | grep -qw -- "$command" &&
		grep -qE "(^|[ ,])(.fB|[.]BI? )$command([ ,\\]|$)" "$dir/man" || echo "$command"
done >"$dir/out"
[ ! -s "$dir/out" ]
result $? "every command is in the manual page and in the completion"
