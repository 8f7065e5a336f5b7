# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# replicactl monitor --hooks, with fake-kernel.py for a kernel.  Sourced by replicactl.sh,
# behind played.sh.

h=$dir/hooks
mkdir -p "$h/etc" "$h/lib" "$h/run"
chmod 755 "$h"/*
# hook DIR/NAME TEXT: a hook that appends to the log, and does TEXT.
hook() {
	# shellcheck disable=SC2016 # for the hook
	{
		echo '#!/bin/sh'
		printf 'echo "${0##*/} $DMREPLICA_EVENT $DMREPLICA_SYSTEM $DMREPLICA_WAS>$DMREPLICA_STATE #$DMREPLICA_STATE_NUMBER lost ${DMREPLICA_LOST:-0}" >>%s\n' "$h/log"
		echo "${2-}"
	} >"$h/$1"
	chmod 755 "$h/$1"
}
afresh() { rm -rf "${h:?}"/log "$h"/out* "${h:?}"/{run,etc,lib}/*; }
# log_is NAME TEXT [sort]: the hooks that have run, in their order.
log_is() {
	set -- "$1" "$2" "${3:-cat}"
	diff <(echo "$2" | $3) <(grep -v " detached web1 " "$h/log" | $3) >>"$dir/out" 2>&1
	result $? "$1"
}
# The last event of a scenario: its hook ends the dispatcher.
end="{'cmd': 'system-del-ntf'}"
# dispatch [VARIABLE=VALUE...]: run until the system is detached.
dispatch() {
	# shellcheck disable=SC2016 # for the hook
	printf '#!/bin/sh\nkill $PPID\n' >"$h/lib/detached-zz-end"
	chmod 755 "$h/lib/detached-zz-end"
	before=(env "DM_REPLICA_HOOKDIRS=$h/etc:$h/lib" "DM_REPLICA_RUNDIR=$h/run" "$@")
}
# job EVENT-PYTHON: of an operation
op() { echo "{\"cmd\": \"job-ntf\", \"id\": ${5:-20}, \"type\": 70, \"state\": 4, \"answer\": 0, \"code\": 0, \"outcome\": \"$1\", \"state-number\": $2, \"system-was\": $3, \"system-state\": $4}"; }
plain='s["health"] = 1; s["health-reasons"] = 0; w["jobs"] = {}'

# --- which hooks run, and in which order ---
afresh
dispatch
hook etc/point-b
hook etc/all-c
hook lib/point-a
hook lib/point-b "echo the vendor\\'s"
hook lib/point-masked
ln -s /dev/null "$h/etc/point-masked"
hook lib/point-dropped-x
hook lib/failover-x
hook lib/point
hook lib/point-x.dpkg-old
hook lib/point-x~
hook lib/nonsense-x
hook lib/point-plain
chmod 644 "$h/lib/point-plain"
hook lib/point-open
chmod 775 "$h/lib/point-open"
mkdir "$h/lib/point-dir"
played "hooks of a point" 0 'point-open is not run: others than its owner may write it' \
	"$plain; w['events'] = [$(op point 8 3 3), $end]" monitor --hooks
log_is "run by name, the administrator's in place of the vendor's, all- at each event" \
	"all-c attached web1 5>5 #7 lost 0
all-c point web1 3>3 #8 lost 0
point-a point web1 3>3 #8 lost 0
point-b point web1 3>3 #8 lost 0"
also "no file without a right to execute" 'point-plain is not run: it is not executable'
also "no directory" 'point-dir is not run: it is no regular file'
also "no name with other characters" 'point-x~ is not run: its name has other characters'
also "no name without an event" 'nonsense-x is not run: its name does not begin with an event'
also_not "of what dpkg has left nothing is said" 'dpkg-old'
also_not "nor anything else" 'the vendor'
afresh
dispatch
hook etc/all-x
chmod 777 "$h/etc"
played "a directory that others may write" 0 'etc is not run: others than its owner' \
	"$plain; w['events'] = [$(op point 8 3 3), $end]" monitor --hooks
chmod 755 "$h/etc"
[ ! -e "$h/log" ]
result $? "no hook of it runs"

if [ "$(id -u)" = 0 ]; then
	chown 65534 "$h/etc/all-x"
	dispatch
	played "a hook of another user" 0 'all-x is not run: it is not owned by root' \
		"$plain; w['events'] = [$(op point 8 3 3), $end]" monitor --hooks
	chown 0 "$h/etc/all-x"
	chown 65534 "$h/etc"
	played "a directory of another user" 0 'etc is not run: it is not owned by root' \
		"$plain; w['events'] = [$(op point 8 3 3), $end]" monitor --hooks
	chown 0 "$h/etc"
	[ ! -e "$h/log" ]
	result $? "neither runs a hook"
fi

# --- the environment ---
afresh
hook etc/failover-env "env | grep -v '^PWD=\\|^_=\\|^SHLVL=\\|^OLDPWD=' | sort >$h/out.env; readlink /proc/self/fd/0 >>$h/out.env; pwd >>$h/out.env"
dispatch SECRET=1 "DMREPLICA_POINT=99"
played "a failover, with its environment" 0 '!Sanitizer|runtime error' \
	"$plain; s['live-epoch'] = 17; w['events'] = [{'cmd': 'job-ntf', 'id': 20, 'type': 97, 'state': 7, 'answer': 0, 'code': 0, 'point': 2, 'outcome': 'failover', 'state-number': 8, 'system-was': 3, 'system-state': 5}, $end]" \
	monitor --hooks
diff - <(sed 's/^DMREPLICA_TIME=[0-9]*$/DMREPLICA_TIME=N/' "$h/out.env") >>"$dir/out" <<'EOT'
DMREPLICA_CODE=0
DMREPLICA_CODE_NAME=Completed with No Error
DMREPLICA_DEVICES=/dev/dm-replica/web1/vda
DMREPLICA_EVENT=failover
DMREPLICA_FAILOVER=17
DMREPLICA_HEALTH=Normal
DMREPLICA_JOB=20
DMREPLICA_JOB_TYPE=97
DMREPLICA_POINT=2
DMREPLICA_SLOTS=1000
DMREPLICA_SLOTS_USED=900
DMREPLICA_STATE=5
DMREPLICA_STATE_NAME=Recovered
DMREPLICA_STATE_NUMBER=8
DMREPLICA_SYSTEM=web1
DMREPLICA_TIME=N
DMREPLICA_UUID=00010203-0405-0607-0809-0a0b0c0d0e0f
DMREPLICA_WAS=3
LANG=C
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
/dev/null
/
EOT
result $? "it is all there is"

# --- health, space, the end of jobs ---
afresh
hook etc/all-x "echo \"\$DMREPLICA_HEALTH \$DMREPLICA_HEALTH_WAS +\$DMREPLICA_BEGUN -\$DMREPLICA_ENDED code \$DMREPLICA_CODE.\" >>$h/log"
dispatch
played "changes without an operation" 0 '!Sanitizer|runtime error' \
	"$plain; w['events'] = [{'health': 3, 'health-reasons': 20}, {'health': 1, 'health-reasons': 0}, {'cmd': 'job-ntf', 'id': 5, 'type': 99, 'state': 10, 'code': 32768}, $end]" \
	monitor --hooks
log_is "are events of hooks, too" "all-x attached web1 5>5 #7 lost 0
Normal  + - code .
all-x health web1 5>5 #7 lost 0
Critical Normal +full low-space - code .
all-x space web1 5>5 #7 lost 0
Critical Normal +full low-space - code .
all-x health web1 5>5 #7 lost 0
Normal Critical + -full low-space code .
all-x space web1 5>5 #7 lost 0
Normal Critical + -full low-space code .
all-x job web1 5>5 #7 lost 0
Normal  + - code 32768.
Normal  + - code ."
grep -q ' detached web1' "$h/log"
result $? "the detach, too"
[ -z "$(find "$h/run/seen" -type f ! -name lock)" ]
result $? "no record of a detached system is left"

# --- a burst ---
# account EVENTS: each of these state numbers, from 8 on, has run once, or is counted.
account() {
	awk -v want="$1" '
		{ n = substr($5, 2) + 0; if (n > 7 && $2 == "point" && $7 == 0) { if (seen[n]++) print "twice: " $0; run++ } }
		n < last && $2 == "point" { print "out of order: " $0 }
		{ last = n; lost += $7 }
		END { print run + 0, "run,", lost + 0, "counted"; exit run + lost != want }' "$h/log" >>"$dir/out"
}
afresh
hook etc/point-x
hook etc/changed-x
dispatch
played "a thousand operations in a burst" 0 '!Sanitizer|runtime error' "$plain; w['events'] = [dict($(op point 8 3 3), times=1000), $end]" monitor --hooks
account 1000
result $? "each has run once, in order"
[ "$(wc -l <"$h/log")" = 1000 ]
result $? "and none was lost"

afresh
hook etc/point-x "[ \$DMREPLICA_STATE_NUMBER != 300 ] || kill -9 \$PPID"
hook etc/changed-x
dispatch
played "the dispatcher is killed in the middle" 137 '!Sanitizer' "$plain; w['events'] = [dict($(op point 8 3 3), times=1000), $end]" monitor --hooks
[ "$(wc -l <"$h/log")" = 293 ]
result $? "as far as it had come"
dispatch
played "and begins again" 0 '!Sanitizer|runtime error' "$plain; s['state-number'] = 1007; s['points-made'] = 1005; w['events'] = [$end]" monitor --hooks
account 1000
result $? "each has run once, or is counted as lost"
tail -n 1 "$h/log" | grep -q '^point-x point web1 .*#1007 lost 707$'
result $? "in one event, which has the present state"

# --- lost events ---
afresh
hook etc/all-x
dispatch
played "events that the kernel has lost" 0 'events were lost' \
	"$plain; w['events'] = [{'event': 5}, {'event': 7, 'state-number': 12}, $end]" monitor --hooks
played "a number that no event has" 0 '!Sanitizer|runtime error' "$plain; w['events'] = [$(op point 8 3 3), $(op point 11 3 3), $end]" monitor --hooks
grep -q 'point web1 3>3 #11 lost 2$' "$h/log"
result $? "is counted in the next one"
afresh
hook etc/all-x "[ \$(wc -l <$h/log) -lt 2 ] || kill \$PPID"
mkdir "$h/run/seen"
printf '%s\n' name=web1 number=4 state=3 flags=0 live=0 health=1 >"$h/run/seen/00010203-0405-0607-0809-0a0b0c0d0e0f"
printf '%s\n' name=web2 number=9 state=3 flags=0 live=0 health=1 >"$h/run/seen/00010203-0405-0607-0809-0a0b0c0d0e10"
played "a failover while no dispatcher ran" 0 '!Sanitizer|runtime error' "$plain" monitor --hooks
log_is "is reported as such, and a system that has left" "all-x failover web1 3>5 #7 lost 3
all-x detached web2 3>3 #9 lost 1" sort

# --- hooks that hang ---
afresh
hook etc/point-hangs "trap '' TERM; sh -c 'trap \"\" TERM; while :; do sleep 1; done' & wait; while :; do sleep 1; done"
hook etc/suspended-x
other='"uuid": "000102030405060708090a0b0c0d0eff", "name": "web2"'
dispatch HOOK_TIMEOUT=1
played "a hook that hangs" 0 'point-hangs, point of web1: stopped after 1 s' \
	"$plain; w['events'] = [$(op point 8 3 3), $(op suspended 9 3 7 21), {$other}, $end]" monitor --hooks
log_is "ends, and the next event has its turn" "point-hangs point web1 3>3 #8 lost 0
suspended-x suspended web1 3>7 #9 lost 0"
! pgrep -f "$h/etc/point-hangs" >/dev/null
result $? "nothing of it is left"
before=(env HOOK_TIMEOUT=x)
played "HOOK_TIMEOUT that is no number" 64 'is no number of seconds' '' monitor --hooks

# --- several systems ---
# Each hook waits until four of them run; a fifth must not be among them.
afresh
hook etc/attached-x "touch $h/out.\$DMREPLICA_SYSTEM; n=0; until [ \$(ls $h/out.* | wc -l) -ge 4 ] || [ \$n = 50 ]; do sleep 0.1; n=\$((n + 1)); done; sleep 0.5
echo \$(ls $h/out.* | wc -l) >>$h/out-most; rm $h/out.\$DMREPLICA_SYSTEM
[ \$(wc -l <$h/out-most) -lt 9 ] || kill \$PPID"
dispatch
played "eight systems" 0 '!Sanitizer|runtime error' "$plain; w['events'] = [{'uuid': '000102030405060708090a0b0c0d0e%02x' % n, 'name': 'sys%d' % n} for n in range(0x20, 0x28)]" monitor --hooks
[ "$(sort -n "$h/out-most" | tail -n 1)" = 4 ]
result $? "four at once"
[ "$(grep -c attached "$h/log")" = 9 ]
result $? "and each of them"

# --- one dispatcher ---
afresh
mkdir -p "$h/run/seen"
before=(flock "$h/run/seen/lock" env "DM_REPLICA_RUNDIR=$h/run")
played "a second dispatcher is refused" 7 'another monitor --hooks runs' '' monitor --hooks
# shellcheck disable=SC2034 # of replicactl.sh
before=()

# --- the session of a replication ---

# peer_hook TEXT: of event peer, which logs what it is about
peer_hook() {
	# shellcheck disable=SC2016 # for the hook
	hook etc/peer-x "echo \"\$DMREPLICA_PEER \$DMREPLICA_PEER_WAS>\$DMREPLICA_PEER_STATE point \$DMREPLICA_POINT (\$DMREPLICA_PEER_ERROR)\" >>$h/log
$1"
}
# shown TEXT: what the hooks of peers have logged
shown() {
	diff <(echo "$1") <(grep '^siteb' "$h/log") >>"$dir/out" 2>&1
}
lock=$PWD/userspace/tests/lock-file.py
# seen_word WORD: a command that waits until a hook has had it
seen_word() { echo "until grep -q '>$1 ' $h/log; do sleep 0.1; done"; }
afresh
dispatch
rm -rf "${run:?}"/*
session
mv "$state" "$h/connected"
session word=3
mv "$state" "$h/lost"
hook etc/attached-x "/usr/bin/python3 $lock --as $h/run/${state##*/} $h/connected sh -c \"$(seen_word connected)
exec /usr/bin/python3 $lock --as $h/run/${state##*/} $h/lost sh -c \\\"$(seen_word lost)\\\"\" >/dev/null 2>&1 &"
# shellcheck disable=SC2016 # for the hook
peer_hook 'case $DMREPLICA_PEER_STATE in died) kill $PPID ;; esac'
played "a session that connects, is lost, and killed" 0 '!Sanitizer|runtime error' "$plain" monitor --hooks
shown 'siteb none>connected point 9 ()
siteb connected>lost point 9 (the connection was lost)
siteb lost>died point 9 ()'
result $? "has an event for each"
grep -q '^peer=6$' "$h"/run/seen/0*
result $? "the last one is in the record"
# shellcheck disable=SC2016 # for the hook
hook etc/all-end 'case $DMREPLICA_EVENT in job) kill $PPID ;; esac'
rm "$h/log"
played "a dispatcher that begins again" 0 '!Sanitizer|runtime error' \
	"$plain; w['events'] = [{'cmd': 'job-ntf', 'id': 20, 'type': 97, 'state': 7, 'code': 0}]" monitor --hooks
! grep -q '^siteb' "$h/log"
result $? "has no event of what was reported"
session word=4
mv "$state" "$h/run/"
rm "$h/log"
played "and one of what has changed meanwhile" 0 '!Sanitizer|runtime error' \
	"$plain; w['events'] = [{'cmd': 'job-ntf', 'id': 20, 'type': 97, 'state': 7, 'code': 0}]" monitor --hooks
shown 'siteb died>refused point 9 (the connection was lost)'
result $? "has that"
echo noise >"$h/run/${state##*/}"
rm "$h/log"
played "a file that is none" 0 '!Sanitizer|runtime error' \
	"$plain; w['events'] = [{'cmd': 'job-ntf', 'id': 20, 'type': 97, 'state': 7, 'code': 0}]" monitor --hooks
! grep -q '^siteb' "$h/log"
result $? "has no event"

# --- without the module ---

afresh
dispatch
# Ticks of the processor that it takes within a second, behind a change of the directory.
before+=(sh -c '"$@" & pid=$!
until [ -e "$DM_REPLICA_RUNDIR/seen/lock" ]; do sleep 0.1; done
sleep 0.5
touch "$DM_REPLICA_RUNDIR/x"
set -- $(cut -d" " -f14,15 /proc/$pid/stat)
sleep 1
set -- $(cut -d" " -f14,15 /proc/$pid/stat) "$@"
kill $pid
echo "$(($1 + $2 - $3 - $4)) ticks"' sh)
played "a file that changes where no module is loaded" 0 '^[0-4] ticks$' "w['absent'] = True" monitor --hooks
before=()
