# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Requests of replicactl to the kernel and its handling of the answers, with
# fake-kernel.py for a kernel.  Sourced by replicactl.sh, behind played.sh.

# rules LAST WITHIN DAILY: other rules of retention, for --change
rules() {
	printf 'w["host"]["retention/rules"] = %s' \
		"'{\"last\":$1,\"within\":$2,\"hourly\":0,\"daily\":$3,\"weekly\":0}'"
}
no_rule='del w["host"]["retention/rules"]'
bad_rules='w["host"]["retention/rules"] = "{\"last\":3}"'

# --- commit, revert ---

played "commit does not ask where it cannot" 64 'yes goes on without it' '' commit web1
also "commit shows how many points" 'lost +all recovery points: 3'
also "commit shows the lost replication" '3 younger points, and 64 KiB in 4 writes'
also "commit warns that it is final" 'a revert is not possible'
also_not "commit has asked for nothing" '^request'
played "commit with --yes waits for its job" 0 '^done in 3.0 s' '' commit web1 --yes
also "commit shows the answer" '^4096 Job Started, job 5: web1 is Committed \(6\)'
also "commit shows bytes" ' 50 %  512 KiB of 1 MiB  after 2.0 s'
also "commit is of what was shown" '^request failover-commit .*"expect-state-number": 7}'
played "commit without waiting" 0 'replicactl job wait web1 5 waits' '' commit web1 --yes --no-wait
played "commit of a state that was not shown" 8 '32775.*is 7, not 6' '' commit web1 --yes --expect-state 6
also_not "is not asked for" '^request'
played "commit of the state that was shown" 0 . '' commit web1 --yes --no-wait --expect-state 7
played "commit that the kernel refuses" 7 'replicactl test-failover stop web1' \
	'w["answers"]["failover-commit"] = {"errno": "EBUSY", "cim": 32774, "text": "a test failover exists"}' commit web1 --yes
played "commit where it makes no sense is not asked about" 8 '32775.*not failed over' \
	's["state"] = 3; w["answers"]["failover-commit"] = {"errno": "EBADE", "cim": 32775, "text": "not failed over"}' commit web1
also "but left to the kernel" '^request failover-commit'
played "a module that does not know it" 3 '32770.*lacks that operation' 'w["unknown"] = ["failover-commit"]' \
	commit web1 --yes
tty=(--tty y)
played "commit on a terminal asks" 0 'Commit it\? \[y/N\] y' '' commit web1
also "and shows a bar" '\[#{30}\] 100 %  1 MiB of 1 MiB'
tty=(--tty n)
played "commit, the answer is no" 1 'nothing was changed' '' commit web1
also_not "then nothing is asked for" '^request'
tty=()
played "revert is of what was shown" 0 '"expect-state-number": 7, "expect-writes": 33' '' revert web1 --yes
played "revert that waits lets the guest write" 0 '"wait": 1500' '' revert web1 --yes --wait 1.5
also_not "with no count of writes" 'expect-writes'
played "unless that is given" 0 '"expect-writes": 33.*"wait": 2000' '' revert web1 --yes --wait 2 --expect-writes 33
played "not waiting at all" 0 '"expect-writes": 33, "wait": 0}' '' revert web1 --yes --wait 0
played "revert after more writes" 8 '33 writes.*not 32' '' revert web1 --yes --expect-writes 32
played "waiting ran out" 5 '32772 Timeout: a device is open' \
	'w["answers"]["failover-revert"] = {"errno": "ETIMEDOUT", "cim": 32772, "text": "a device is open"}' revert web1 --yes --wait 1
tty=(--tty n)
played "the question warns of writes during the wait" 1 'are discarded, too' '' revert web1 --wait 2
tty=()
held='w["answers"]["failover-revert"] = {"code": 4096, "job": 5, "set": {"state": 3}}; w["jobs"]["5"] = [w["jobs"]["5"][0]]'
played "a job that nothing works on is not waited for" 0 'vacuum web1 --release' "$held; s['vacuum-held'] = 1" revert web1 --yes
also "it waits" 'replicactl job wait web1 5'
played "nor with a rate of 0" 0 'vacuum web1 --rate auto' "$held; s['vacuum-rate'] = 0" revert web1 --yes
played "nor behind a commit" 0 'vacuum web1 --release' "s['vacuum-held'] = 1" commit web1 --yes
played "nor a removal" 0 'vacuum web1 --release' "s['state'] = 3; s['live-time'] = 0; s['vacuum-held'] = 1" remove web1 --yes
played "stop of a test waits, too" 0 'test-stop .*"wait": 60000' 's["test-time"] = 5' test-failover stop web1 --yes --wait 60

# --- points ---

played "a point by its label" 0 'request failover-initiate .*"point": 2' '' failover web1 --point 'before upgrade'
played "a point by its number" 0 'request failover-initiate .*"point": 3[,}]' '' failover web1 --point 3
played "a label that is a number" 0 'request test-start .*"point": 10' '' test-failover start web1 --point 77
played "a number that is none is for the kernel" 0 'request failover-initiate .*"point": 4' '' failover web1 --point 4
played "a label that two have" 6 '1 of 2023.*standard' '' recovery-point drop web1 twin
also "both are shown" '3 of 2023.*application-consistent'
also_not "and none is dropped" '^request'
played "a label that none has" 12 'no recovery point of system web1 has the label nothing' '' recovery-point drop web1 nothing
played "sizes of points" 0 '^ +3 .*8 KiB  twin' '' recovery-point list web1
played "points of a module that knows no sizes" 0 '^ +3 .* -  twin' 'w["unknown"] = ["sizes"]' recovery-point list web1
played_json "sizes as JSON" '[p["bytes"] for p in d][:3] == [4096, 0, 8192] and d[1]["in_use"]' '' recovery-point list web1 --json

# The rules are applied here: they choose, the kernel drops.
played "a point drops by the rules what was seen" 0 '^request point-new .*"expect-state-number": 7, "drop": \[1, 3\]}' \
	'' recovery-point create web1
also "and names it" 'dropped 2 older ones with it: 1 3$'
played "as JSON" 0 '"dropped": *\[' '' recovery-point create web1 --json
also "with the answer" '"code_name": *"Completed with No Error"'
played "without a rule it drops none" 0 '^request point-new {"system": "[0-9a-f]*"}' \
	"$no_rule" recovery-point create web1
also_not "and names none" 'dropped'
played "--keep-all drops none" 0 '^request point-new {"system": "[0-9a-f]*"}' '' recovery-point create web1 --keep-all
played "--drop drops these" 0 '^request point-new {"system": "[0-9a-f]*", "drop": \[9, 1\]}' '' \
	recovery-point create web1 --drop 9,1
also "and names them" 'with it: 9 1$'
moved='{"errno": "ESTALE", "cim": 32775, "text": "moved on", "set": {"state-number": 8}}'
played "a change between makes it choose anew" 0 '^request point-new .*"expect-state-number": 8, "drop"' \
	"w['answers']['point-new'] = [$moved, {}]" recovery-point create web1
is_count() { [ "$(grep -c '^request point-new' "$dir/out")" = "$2" ]; result $? "$1"; }
is_count "once" 2
played "a change each time is not waited out" 0 '^request point-new {"system": "[0-9a-f]*"}' \
	"w['answers']['point-new'] = [$moved] * 5 + [{}]" recovery-point create web1
is_count "it drops none then" 6
also "and that is reported" 'changes too often'
played "another refusal ends it" 8 '32775.*is suspended' \
	'w["answers"]["point-new"] = {"errno": "EBADE", "cim": 32775, "text": "replication is suspended"}' recovery-point create web1
is_count "at once" 1
played "of points that were named nothing is chosen anew" 8 'moved on' "w['answers']['point-new'] = $moved" \
	recovery-point create web1 --drop 1
is_count "at all" 1
played "the point to blame is named" 12 '32779.*: recovery point 3: there is no such' \
	'w["answers"]["point-new"] = {"errno": "ENOENT", "cim": 32779, "text": "there is no such recovery point", "offset": 40}' \
	recovery-point create web1 --drop 3

# --- operations that are not decided at once: the job has the result ---

waits='a = w["answers"].setdefault; j = w["jobs"]["5"]; n = dict(j[0], state=2, type=96, text="suspend replication")'
waits="$waits"'; undecided = {"code": 4096, "job": 5, "job-state": 2}'
turn='; w["jobs"]["5"] = [n, n, dict(n, state=3), dict(n, state=7, code=0, answer=0)]'
played "an operation that waits for its turn is waited for" 0 '^0 Completed' \
	"$waits$turn"'; w["answers"]["replication-suspend"] = undecided' suspend web1
played "and may be refused then" 8 '^replicactl: 32775 .*: no longer' \
	"$waits"'; w["jobs"]["5"] = [n, dict(n, state=10, code=32775, answer=32775, errno=52, text="no longer")]
w["answers"]["replication-suspend"] = undecided' suspend web1
played "or be cancelled" 5 '^replicactl: 32772 .*: cancelled' \
	"$waits"'; w["jobs"]["5"] = [n, dict(n, state=8, code=32772, answer=32772, errno=110, text="cancelled")]
w["answers"]["replication-suspend"] = undecided' suspend web1
played "or end with a detach" 10 '^replicactl: 32777 .*: detached' \
	"$waits"'; w["jobs"]["5"] = [n, dict(n, state=8, code=32777, text="detached")]
w["answers"]["replication-suspend"] = undecided' suspend web1
played "settings are waited for, too" 5 '^replicactl: 32772 .*: too late' \
	"$waits"'; w["jobs"]["5"] = [n, dict(n, state=10, code=32772, answer=32772, errno=110, text="too late")]
w["answers"]["settings-set"] = undecided' settings web1 --space-low 70
played "rules, too" 5 '^replicactl: 32772 .*: too late' \
	"$waits"'; w["jobs"]["5"] = [n, dict(n, state=10, code=32772, answer=32772, errno=110, text="too late")]
w["answers"]["host-set"] = undecided' settings web1 --keep-last 3
played "a point made in its turn has its number" 0 'recovery point 9 of web1' \
	"$waits"'; w["jobs"]["5"] = [n, dict(n, state=7, code=0, answer=0, point=9)]
w["answers"]["point-new"] = undecided' recovery-point create web1
played "--no-wait waits for a few seconds only" 0 'not begun, nothing is decided' \
	"$waits"'; w["jobs"]["5"] = [n]; s["state"] = 3; w["answers"]["failover-initiate"] = undecided' \
	failover web1 --no-wait
also "shows the next step" 'replicactl job wait web1 5 .*replicactl job cancel web1 5'
also "and needs no socket" 'failover-initiate .*"unattended": true'
played "drop asks, and does not where it cannot" 64 'yes goes on without it' '' recovery-point drop web1 1
also_not "and drops nothing" '^request'
played "drop with --yes" 0 'request point-del .*"point": 1}' '' recovery-point drop web1 1 --yes

# --- suspend, resume, grow, move-home, jobs, vacuum ---

played "suspend" 0 'request replication-suspend .*"timeout": 20000' '' suspend web1 --timeout 20
played "resume" 0 'request replication-resume' '' resume web1
played "grow" 0 'before  1 GiB \(1073741824 bytes\), 1000 slots' '' grow web1
also "and what there is then" 'now     2 GiB \(2147483648 bytes\), 2000 slots'
played "grow of what has not grown" 6 '32773.*has not grown' \
	'w["answers"]["store-grow"] = {"errno": "EINVAL", "cim": 32773, "text": "the device has not grown"}' grow web1
played "reset-errors" 0 'request errors-reset .*"wait": 20000' '' reset-errors web1 --wait 20
played "reset-errors of what is open" 7 '32774.*is open' \
	'w["answers"]["errors-reset"] = {"errno": "EBUSY", "cim": 32774, "text": "a device is open"}' reset-errors web1
played "status: a home that has lost writes" 0 'lost writes +the home has lost writes' \
	's["health"] = 3; s["health-reasons"] = 4096; w["disks"][0]["lost-writes"] = ""' status web1
also "with what to do" 'replicactl reset-errors web1'
played "move-home" 0 'request home-move' '' move-home web1 --no-wait
played "job cancel" 0 'request job-set .*"id": 5, "request": 4' '' job cancel web1 5
also "shows the next step" 'replicactl move-home web1'
played "job pause" 0 'request job-set .*"id": 5, "request": 3' '' job pause web1 5
played "job resume" 0 'request job-set .*"id": 5, "request": 2' '' job resume web1 5
played "job wait" 0 '^done in 3.0 s' '' job wait web1 5
played "job wait of a suspended job reports it" 5 'Suspended' 'w["jobs"]["5"][0]["state"] = 5; del w["jobs"]["5"][1]' \
	job wait web1 5 --timeout 11
played "a job that was terminated" 1 'ended with Terminated' 'w["jobs"]["5"][1].update({"state": 8, "code": 32768})' job wait web1 5
played_json "job as JSON" 'd["bytes"] == 524288 and d["bytes_total"] == 1048576' '' job show web1 5 --json
played "job show: the owner" 0 'Asked by +uid 0, replicactl, login uid 1000' \
	'for j in w["jobs"]["5"]: j.update({"owner-uid": 0, "owner-login-uid": 1000, "owner-comm": "replicactl", "point": 3, "discarded": 4096, "points-dropped": 2})' \
	job show web1 5
also "about what" 'Point +3$'
also "what was lost" 'Discarded +4 KiB'
also "and dropped" 'Dropped +2 recovery points'
played "job show of a job without an owner" 0 '!Asked by' '' job show web1 5
played_json "as JSON" 'd["owner_uid"] == 0 and d["owner_comm"] == "x" and d["point"] == 3 and "owner_login_uid" not in d' \
	'for j in w["jobs"]["5"]: j.update({"owner-uid": 0, "owner-comm": "x", "point": 3})' job show web1 5 --json
played "vacuum --rate" 0 'settings-set .*"vacuum-rate": 52428800}' '' vacuum web1 --rate 50M
played "vacuum --rate unlimited" 0 '"vacuum-rate": 18446744073709551614' '' vacuum web1 --rate unlimited
played "vacuum --rate auto" 0 '"vacuum-rate": 18446744073709551615' '' vacuum web1 --rate auto
played "vacuum --hold has a limit, too" 5 '32772.*has not ended' 's["vacuum-held"] = 2' vacuum web1 --hold
played "vacuum --hold" 0 'request vacuum-set .*"hold": 1' '' vacuum web1 --hold

# --- settings ---

played "settings in words" 0 'Points kept +the last 3' '' settings web1
also "spans" 'all of the last 7 d'
also "days" 'the last of a day, of 7 days'
also_not "no rule for hours" 'hour'
also "interval" 'Point interval +15 min'
also "no limit" "Vacuum rate +making way for the guest"
played "without rules" 0 'all: there is no rule' \
	"$no_rule" settings web1
played "or with rules of 0" 0 'all: there is no rule' "$(rules 0 0 0)" settings web1
played "an interval of replication" 0 'Replication +every 5 min: ' 'w["settings"]["replication-interval"] = 300' settings web1
played "none" 0 'Replication +at no known interval' 'w["settings"]["replication-interval"] = 0' settings web1
played "to be set" 0 'settings-set .*"replication-interval": 90}' 'w["settings"]["replication-interval"] = 0' \
	settings web1 --replication-interval 90s
played "heartbeat" 0 'request replication-heartbeat' '' heartbeat web1
played "a point of the sender" 0 'request point-new .*"received": true' '' recovery-point create web1 --received
played "a critical system: what it was" 0 'The store has +Recovered \(5\)' 's["state"] = 8; s["state-stored"] = 5' status web1
played "others" 0 '!The store has' 's["state-stored"] = 5' status web1
played "without privilege" 2 'CAP_SYS_ADMIN and CAP_NET_ADMIN' 'w["answers"]["replication-suspend"] = {"errno": "EPERM"}' suspend web1
played "a replica that stalls" 0 'nothing has been replicated for a long time: .*replicactl heartbeat web1' \
	's["health-reasons"] = 2048; s["last-received-time"] = 1700000000000000000' status web1
also "since when" 'Last received +2023'
arriving='s.update({"flags": 384, "stream": "71" * 16, "stream-base": 3, "stream-point": 5,
	"stream-generation": "81" * 16, "stream-time": 9, "stream-since": 10, "stream-disk": 0,
	"stream-offset": 1 << 20})'
played "a stream that arrives" 0 'arriving +point 5, from point 3: disk 0 up to 1 MiB' "$arriving" status web1
played_json "as JSON" 'd[0]["receives"] and d[0]["stream"]["point"] == 5 and d[0]["stream"]["base"] == 3
	and not d[0]["stream"]["aborted"] and d[0]["stream"]["offset"] == 1 << 20' "$arriving" status web1 --json
played "one that was given up" 0 'given up +point 5, from nothing, half in' \
	"$arriving"'; s["flags"] = 640; del s["stream-base"]; s["health-reasons"] = 16384' status web1
also "with what to do" 'a stream was given up half in: check the replication'
played_json "none" 'd[0]["stream"] is None and not d[0]["receives"] and d[0]["relationship"] == d[0]["uuid"]' \
	'' status web1 --json
played "nearly as many points as there can be" 0 'near their limit of 512: .*replicactl settings web1 --keep-last' \
	's["health-reasons"] = 8192' status web1
all=(settings web1 --keep-last 10 --keep-within 2d --keep-hourly 24 --keep-daily none --keep-weekly 4)
played "settings all at once" 0 '"space-low": 70, "space-critical": 90, "full-policy": 1, "live-reserve": 10737418240, "point-interval": 0, "decide-within": 129600, "vacuum-rate": 0}' \
	'' "${all[@]}" --space-low 70% --space-critical 90 --when-full drop-oldest --live-reserve 10G \
	--point-interval none --decide-within 1d12h --vacuum-rate 0
also "and what they are then" 'Points kept +the last 10'
also "with the rules" 'request host-set .*"key": "retention/rules", "expect-state-number": 7, "value": "\{\\"last\\":10,\\"within\\":172800,\\"hourly\\":24,\\"daily\\":0,\\"weekly\\":4\}"'
played "one setting is one attribute" 0 'settings-set .*"system": "[0-9a-f]*", "space-low": 70}' '' settings web1 --space-low 70
also_not "and no rule" 'request host-set'
played "the other rules stay" 0 'request host-set .*"expect-state-number": 7, "value": "\{\\"last\\":1,\\"within\\":604800,\\"hourly\\":0,\\"daily\\":7,\\"weekly\\":0\}"' \
	'' settings web1 --keep-last 1
also_not "and the module is asked for no setting" 'request settings-set'
moved='{"errno": "ESTALE", "cim": 32775, "text": "moved on", "set": {"state-number": 8}'
other='"host": {"retention/rules": "{\"last\":3,\"within\":60,\"hourly\":5,\"daily\":7,\"weekly\":0}"}}'
played "also those that another program changes meanwhile" 0 '"expect-state-number": 8, "value": "\{\\"last\\":1,\\"within\\":60,\\"hourly\\":5,\\"daily\\":7,\\"weekly\\":0\}"' \
	"w['answers']['host-set'] = [$moved, $other, {}]" settings web1 --keep-last 1
played "if that goes on they are not changed" 8 '32775.*changes too often: no rule' \
	"w['answers']['host-set'] = $moved}" settings web1 --keep-last 1
played "rules without privilege" 2 'CAP_SYS_ADMIN and CAP_NET_ADMIN' 'w["answers"]["host-set"] = {"errno": "EPERM"}' \
	settings web1 --keep-last 1
played "rules of a system that takes none" 8 'removed; the rules of retention are not changed, the other settings are' \
	'w["answers"]["host-set"] = {"errno": "EBADE", "cim": 32775, "text": "the relationship was removed"}' \
	settings web1 --keep-last 1 --space-low 70
played "settings that the module refuses" 6 'above' \
	'w["answers"]["settings-set"] = {"errno": "EINVAL", "cim": 32773, "text": "the low mark is above the critical one"}' \
	settings web1 --keep-last 1 --space-low 99
also_not "leave the rules as they are" 'request host-set'
played "another value in the place of rules" 9 '32776 .*entry retention/rules of the host area of system web1 .*there is no member within' \
	"$bad_rules" settings web1
also "the remedy" 'replicactl settings with all --keep options replaces it'
played "it is not added to" 9 'there is no member within' "$bad_rules" settings web1 --keep-last 1 --space-low 70
also_not "and nothing else is changed" '^request'
played "but replaced" 0 'Points kept +the last 10' "$bad_rules" "${all[@]}"
played "it drops nothing" 0 'no rule of system web1 is applied: entry retention/rules' "$bad_rules" recovery-point create web1
also "and keeps no point from being made" '^request point-new {"system": "[0-9a-f]*"}'
played "nor hides it the rest of status" 0 'Points kept +all: the rules cannot be shown: entry retention/rules' "$bad_rules" status web1
played_json "as JSON" 'd[0]["settings"]["keep_last"] is None and d[0]["settings"]["space_low"] == 80
	and "no member within" in d[0]["settings_fault"]' "$bad_rules" status web1 --json
played_json "the identity of a failover, and of none" 'd[0]["live_epoch"] == 17 and d[0]["test_epoch"] == 0' \
	's["live-epoch"] = 17' status web1 --json
for value in '[]' '{"last":1,"within":0,"hourly":0,"daily":0,"weekly":0,"monthly":1}' \
	'{"last":1,"last":1,"within":0,"hourly":0,"daily":0,"weekly":0}' '{"last":-1,"within":0,"hourly":0,"daily":0,"weekly":0}' \
	'{"last":513,"within":0,"hourly":0,"daily":0,"weekly":0}' '{"last":1.0,"within":0,"hourly":0,"daily":0,"weekly":0}' \
	'{"last":1,"within":3153600001,"hourly":0,"daily":0,"weekly":0}' '{"last":1,"within":0,"hourly":0,"daily":100001,"weekly":0}' \
	'{"last":99999999999999999999,"within":0,"hourly":0,"daily":0,"weekly":0}' '{"last":true,"within":0,"hourly":0,"daily":0,"weekly":0}'; do
	played "no rules: $value" 9 32776 "w['host']['retention/rules'] = '$value'" settings web1
done
played "rules with blanks, in another order" 0 'the last 7' \
	"w['host']['retention/rules'] = '{ \"weekly\": 0, \"within\": 0, \"hourly\": 0, \"daily\": 0, \"last\": 7 }'" settings web1
played "an older module without a host area" 3 32770 'w["unknown"] = ["host-get"]' settings web1
played "a point of it drops none" 0 'no rule of system web1 is applied: ' 'w["unknown"] = ["host-get"]' recovery-point create web1
played "a point without privilege" 2 'CAP_SYS_ADMIN and CAP_NET_ADMIN' 'w["answers"]["point-new"] = {"errno": "EPERM"}' \
	recovery-point create web1
played "drops of the next point are listed" 0 'next recovery point drops 4 older ones: 1 3 9 10$' "$(rules 3 0 0)" \
	settings web1 --keep-last 1
played "as it is with a clock that was set" 0 'next recovery point drops 2 older ones: 9 10$' \
	"$(rules 0 604800 0)"'; import time; w["settings"].update({"jump-point": 4,
"jump-by": (int(time.time()) - 1700000010) * 10 ** 9})' settings web1 --keep-within 1h
played "or nothing" 0 '!drops' "$(rules 3 0 0)" settings web1 --keep-last 100
played_json "settings as JSON" 'd["keep_within"] == 604800 and d["vacuum_rate"] is None and d["system"] == "web1"' '' \
	settings web1 --json
played "settings that the kernel refuses" 6 'the low mark of space is above' \
	'w["answers"]["settings-set"] = {"errno": "EINVAL", "cim": 32773, "text": "the low mark of space is above the critical one"}' \
	settings web1 --space-low 99
played "settings of an older module" 3 32770 'w["unknown"] = ["settings-get"]' settings web1

# --- network ---

played "network list" 0 '192.0.2.5/24, 2001:db8::5/64' '' network list web1
also "all DNS servers" 'DNS +192.0.2.53, 2001:db8::35'
played_json "network list as JSON" 'd[0]["mac"] == "52:54:00:12:34:56" and d[0]["dns"] == ["192.0.2.53", "2001:db8::35"]
	and d[0]["addresses"][0] == "192.0.2.5/24" and d[0]["protocol_name"] == "IPv4 and IPv6"' '' network list web1 --json
played "network list of nothing" 0 'keeps those of the primary' 'del w["host"]["adapter/52:54:00:12:34:56"]' network list web1
played "network set" 0 '"key": "adapter/52:54:00:ab:cd:ef", "value": "\{\\"dhcp\\":false,\\"addresses\\":\[\\"192.0.2.5/24\\",\\"2001:db8::5/60\\"\],\\"gateways\\":\[\\"192.0.2.1\\"\],\\"dns\\":\[\\"2001:db8::1\\"\]\}"\}$' \
	'' network set web1 --mac 52:54:00:AB:cd:ef --address 192.0.2.5/255.255.255.0 --address 2001:db8::5/60 --gateway 192.0.2.1 --dns 2001:db8::1
played "network set --dhcp" 0 '"value": "\{\\"dhcp\\":true,\\"addresses\\":\[\],\\"gateways\\":\[\],\\"dns\\":\[\]\}"\}$' \
	'' network set web1 --mac 52-54-00-12-34-56 --dhcp
played "network set without room" 1 '32768.*no room' \
	'w["answers"]["host-set"] = {"errno": "ENOSPC", "cim": 32768, "text": "no room"}' network set web1 --mac 52:54:00:12:34:56 --dhcp
played "network clear one" 0 'host-set .*"key": "adapter/52:54:00:12:34:56"\}$' '' network clear web1 --mac 52:54:00:12:34:56
played "network clear all leaves the rest of the host area" 0 'host-set .*"key": "adapter/", "all": true\}$' '' network clear web1 --all
played "network clear of none" 12 'network list web1 shows' \
	'w["answers"]["host-set"] = {"errno": "ENOENT", "cim": 32779, "text": "nothing is set"}' network clear web1 --mac 52:54:00:12:34:56

# hostile TEXT VALUE [KEY]: an entry of another program, VALUE in Python, A stands for an
# address; nothing is guessed of it.
hostile() {
	played "an adapter's entry is refused: $1" 9 "32776 .*entry .* of system web1 .*: $1" \
		"A = '\"192.0.2.5/24\"'; w['host'][${3-\"adapter/52:54:00:12:34:56\"}] = $2" network list web1
}
rest='"addresses":["192.0.2.5/24"],"gateways":[],"dns":[]}'
hostile 'it is not a JSON object' "''"
hostile 'it is not a JSON object' "'{'"
hostile 'it is not a JSON object' "'[]'"
hostile 'it is not a JSON object' "'null'"
hostile 'it is not a JSON object' "'{\"dhcp\":true,$rest x'"
hostile 'it is not a JSON object' "'{\"dhcp\":true,$rest\\0'"
hostile 'it is not a JSON object' "'[' * 4000"
hostile 'it is not a JSON object' "'{\"dhcp\":' * 1000"
hostile 'there is no member dhcp' "'{$rest'"
hostile 'there is no member dns' "'{\"dhcp\":true,\"addresses\":[],\"gateways\":[]}'"
hostile 'there is a member beside dhcp, addresses, gateways and dns' "'{\"dhcp\":true,\"mtu\":9000,$rest'"
hostile 'dhcp is neither true nor false' "'{\"dhcp\":1,$rest'"
hostile 'addresses is not an array' "'{\"dhcp\":true,\"addresses\":{},\"gateways\":[],\"dns\":[]}'"
hostile 'gateways.0. is not a string' "'{\"dhcp\":true,\"addresses\":[],\"gateways\":[1],\"dns\":[]}'"
hostile 'addresses has 9 addresses, more than 8' "'{\"dhcp\":true,\"addresses\":[' + ','.join([A] * 9) + '],\"gateways\":[],\"dns\":[]}'"
hostile 'gateways has 6 addresses, more than 5' "'{\"dhcp\":true,\"addresses\":[],\"gateways\":[' + ','.join(['\"192.0.2.1\"'] * 6) + '],\"dns\":[]}'"
hostile 'dns has 1000 addresses, more than 8' "'{\"dhcp\":true,\"addresses\":[],\"gateways\":[],\"dns\":[' + ','.join(['1'] * 1000) + ']}'"
hostile 'addresses.1. is not an IPv4 or IPv6 address' "'{\"dhcp\":true,\"addresses\":[' + A + ',\"192.0.2.256/24\"],\"gateways\":[],\"dns\":[]}'"
hostile 'addresses.0. has a prefix that is not from 1 to 32' "'{\"dhcp\":true,\"addresses\":[\"192.0.2.5/33\"],\"gateways\":[],\"dns\":[]}'"
hostile 'addresses.0. has no prefix' "'{\"dhcp\":true,\"addresses\":[\"192.0.2.5\"],\"gateways\":[],\"dns\":[]}'"
hostile 'addresses.0. has a NUL in it' "'{\"dhcp\":true,\"addresses\":[\"192.0.2.5/24\\\\u0000\"],\"gateways\":[],\"dns\":[]}'"
hostile 'addresses.0. is not written as 2001:db8::5/64' "'{\"dhcp\":true,\"addresses\":[\"2001:DB8::5/64\"],\"gateways\":[],\"dns\":[]}'"
hostile 'addresses.0. is not written as 192.0.2.5/24' "'{\"dhcp\":true,\"addresses\":[\"192.0.2.5/255.255.255.0\"],\"gateways\":[],\"dns\":[]}'"
hostile 'gateways.0. has a prefix, which is not allowed here' "'{\"dhcp\":true,\"addresses\":[],\"gateways\":[' + A + '],\"dns\":[]}'"
hostile 'dns.0. is a multicast address' "'{\"dhcp\":true,\"addresses\":[],\"gateways\":[],\"dns\":[\"ff02::1\"]}'"
hostile 'a network adapter has an address twice' "'{\"dhcp\":true,\"addresses\":[' + A + ',' + A + '],\"gateways\":[],\"dns\":[]}'"
hostile 'a network adapter has neither DHCP nor an address' "'{\"dhcp\":false,\"addresses\":[],\"gateways\":[],\"dns\":[]}'"
hostile 'a member occurs twice, or a text has an escape' "'{\"dhcp\":true,\"dhcp\":false,$rest'"
hostile 'a member occurs twice, or a text has an escape' "'{\"dhcp\":true,\"addresses\":[\"192.0.2.5\\\\u002f24\"],\"gateways\":[],\"dns\":[]}'"
good="'{\"dhcp\":true,$rest'"
for key in 52:54:00:12:34 52:54:00:AB:34:56 52-54-00-12-34-56 52:54:00:12:34:567 ''; do
	hostile 'its key has no hardware address of the form' "$good" "'adapter/$key'"
done
hostile 'a network adapter.s hardware address is zero or multicast' "$good" "'adapter/01:54:00:12:34:56'"
hostile 'a network adapter.s hardware address is zero or multicast' "$good" "'adapter/00:00:00:00:00:00'"
also "what to do about it" 'replicactl host-area list web1 shows it'
played "a foreign entry in another order, with blanks" 0 'Adapter +52:54:00:12:34:56, IPv4 and IPv6, IPv4 by DHCP' \
	"w['host']['adapter/52:54:00:12:34:56'] = ' { \"dns\" : [],\n\"gateways\":[ ], \"addresses\": [\"2001:db8::5/64\" ] ,\t\"dhcp\":true}\r\n'" network list web1
broken="w['host']['adapter/52:54:00:12:34:56'] = '{}'"
played "it does not hide the rest of the status" 0 'Adapters +cannot be shown: entry adapter/52:54:00:12:34:56 .*: there is no member dhcp' "$broken" status web1
also "which is there" 'Health +Warning'
played_json "nor as JSON" '"no member dhcp" in d[0]["adapter_list_fault"] and d[0]["adapter_list"] == [] and d[0]["health"] == 2' "$broken" status web1 --json
played "it can be replaced" 0 '^request host-set' "$broken" network set web1 --mac 52:54:00:12:34:56 --dhcp
played "and cleared" 0 '^request host-set' "$broken" network clear web1 --mac 52:54:00:12:34:56

# --- host area ---

played "host-area list" 0 '^backup/last  6 bytes  monday$' '' host-area list web1
also "a value that is no text" '^z  2 bytes  hex 00ff$'
also "adapters are there" '^adapter/52:54:00:12:34:56  [0-9]+ bytes  \{"dhcp":false,'
also "the room" '^255 of 8192 bytes are in use$'
played "host-area list of nothing" 0 'the host area of web1 is empty' 'w["host"] = {}' host-area list web1
played_json "host-area list as JSON" '[e["key"] for e in d] == ["adapter/52:54:00:12:34:56", "backup/last", "retention/rules", "z"]
	and d[1]["value"] == "monday" and d[1]["hex"] == "6d6f6e646179" and d[3]["value"] is None and d[3]["hex"] == "00ff"
	and d[3]["bytes"] == 2' '' host-area list web1 --json
played_json "a value that looks like hex" 'd["value"] == "hex 00" and d["bytes"] == 6' 'w["host"]["z"] = "hex 00"' host-area get web1 z --json
played "UTF-8 is text" 0 '^é$' 'w["host"]["z"] = "\u00c3\u00a9"' host-area get web1 z
played "half a character is none" 0 '^hex 61c3$' 'w["host"]["z"] = "a\u00c3"' host-area get web1 z
played "control characters are none" 0 '^hex 1b5b$' 'w["host"]["z"] = "\u001b["' host-area get web1 z
played "host-area get" 0 '^monday$' '' host-area get web1 backup/last
played "host-area get of no key" 12 'host-area list web1 shows its keys' '' host-area get web1 backup
played "host-area of an older module" 3 '32770.*lacks' 'w["unknown"] = ["host-get"]' host-area list web1
played "host-area set of a new key" 0 'host-set .*"key": "new", "expect-state-number": 7, "value": "1"\}$' '' host-area set web1 new 1
played "of the same value" 0 '"value": "monday"' '' host-area set web1 backup/last monday
played "of another does not ask where it cannot" 64 'yes goes on without it' '' host-area set web1 backup/last tuesday
also "what would be lost" 'backup/last  6 bytes  monday'
also_not "and asks for nothing" '^request'
played "of another, with --yes" 0 '"key": "backup/last", "value": "tuesday"\}$' '' host-area set web1 backup/last tuesday --yes
played "of bytes" 0 '"value": "\\u0000\\u00ff"' '' host-area set web1 z --hex 00fF
played "of a state that has passed" 8 '32775' '' host-area set web1 new 1 --yes --expect-state 6
tty=(--tty y)
played "host-area set asks" 0 'Replace it\? \[y/N\] y' '' host-area set web1 backup/last tuesday
also "and is of what was shown" '"expect-state-number": 7, "value": "tuesday"\}$'
played "host-area remove asks" 0 'Remove it\? \[y/N\] y' '' host-area remove web1 backup/last
also "and removes it" 'host-set .*"key": "backup/last", "expect-state-number": 7\}$'
tty=(--tty n)
played "the answer is no" 1 'nothing was changed' '' host-area remove web1 --all
also "all that would be lost" '^  z  2 bytes'
also_not "nothing is asked for" '^request'
tty=()
played "host-area remove --all --yes" 0 'host-set \{"system": "[0-9a-f]*", "all": true\}$' '' host-area remove web1 --all --yes
played "host-area remove of no key" 12 'host-area list web1 shows' \
	'w["answers"]["host-set"] = {"errno": "ENOENT", "cim": 32779, "text": "nothing is set"}' host-area remove web1 nothing

# --- removal ---

s3='s["state"] = 3; s["live-time"] = 0'
played "remove does not ask where it cannot" 64 'yes goes on without it' "$s3" remove web1
also_not "and has asked for nothing" '^request'
played "remove shows the losses" 64 'lost +all recovery points: 3' "$s3" remove web1
also "and what of the store" 'lost +store .* is wiped'
also "and where the homes are" 'vda .* 1 GiB'
played "remove --flatten shows that, too" 64 'all content of the store moves there' "$s3" remove web1 --flatten
played "remove while failed over" 8 'end the failover first: replicactl revert web1, or commit' \
	'w["answers"]["relationship-remove"] = {"errno": "EBADE", "cim": 32775, "text": "failed over"}' remove web1 --yes
played "remove while home is not the newest state" 8 'replicactl remove web1 --flatten' \
	"$s3"'; w["answers"]["relationship-remove"] = {"errno": "EBADE", "cim": 32775, "text": "home is old"}' remove web1 --yes
played "remove asks for what was shown" 0 'relationship-remove .*"expect-state-number": 7, "wait": 5000, "unattended": true, "flatten": true}' \
	"$s3" remove web1 --yes --flatten --no-wait --wait 5
also "without waiting it has to be run again" 'replicactl remove web1 has to be run again'
played "remove of a state that was not shown" 8 '32775.*is 7, not 6' "$s3" remove web1 --yes --expect-state 6
also_not "is not asked for" '^request'
played "remove of the state that was shown" 0 'relationship-remove .*"expect-state-number": 7,' \
	"$s3" remove web1 --yes --no-wait --expect-state 7
# the store that the fake kernel names does not exist: the end is tested above
played "remove waits for its job, then wipes" 12 '^done in 3.0 s' "$s3" remove web1 --yes
also "or reports that the homes are plain disks already" 'the homes are plain disks already; replicactl remove web1 does the rest'
going='s["state"] = 0; s["flags"] = 32; w["jobs"]["5"][0]["type"] = 93; w["jobs"]["5"].insert(0, w["jobs"]["5"][0])'
played "a removal that goes on is waited for" 8 'is being removed already, by job 5' "$going" remove web1
also_not "and not begun again" '^request'
also_not "and that its homes are plain disks is not so yet" 'plain disks already'
played "one without a job is begun again" 8 'request home-move' 's["state"] = 0; s["flags"] = 32' remove web1

# --- status, monitor ---

played "status: health" 0 'Health +Warning' '' status web1
also "status: reasons and advice" 'failed over for a long time, and not decided: replicactl revert web1, or commit'
also "status: a larger device" 'its device has 2 GiB: replicactl grow web1 uses them'
also "status: marks" '900 of 1000 in use, 90.0 %; low from 80 %, critical from 95 %'
also "status: reserve" '10 more are kept for the failover, 640 KiB'
also "status: statistics" 'Replicated +64 KiB in 4 writes'
also "status: never" 'Last test +never'
also "status: left" '3 MiB to move home'
also "status: adapters" 'addresses +192.0.2.5/24'
played "status: the device has grown by less than a MiB" 0 '!replicactl grow web1 uses' \
	's["store-device-bytes"] = s["store-bytes"] + (1 << 20) - 1' status web1
played "status of an older module" 0 '900 of 1000 in use, 90.0 %$' 'w["unknown"] = ["settings-get", "host-get"]
for k in [k for k in s if k.startswith(("health", "replicated", "points-", "last-", "slots-r", "vacuum", "home", "store-b", "store-d"))]: del s[k]' status web1
also_not "does not mention health" Health
played_json "its status as JSON" 'd[0]["settings"] is None and d[0]["adapter_list"] == [] and "health" not in d[0]' \
	'w["unknown"] = ["settings-get", "host-get"]; del s["health"]' status web1 --json
played_json "status as JSON" 'd[0]["health"] == 2 and [r["reason_name"] for r in d[0]["health_reasons"]] == ["low-space", "undecided"]
	and d[0]["statistics"]["replicated_bytes"] == 65536 and d[0]["vacuum_rate"] == 52428800 and d[0]["slots_reserved"] == 10
	and d[0]["settings"]["keep_daily"] == 7 and d[0]["adapter_list"][0]["addresses"][1] == "2001:db8::5/64"
	and d[0]["store_device_bytes"] == 2147483648 and d[0]["home_bytes"] == 3145728' '' status web1 --json
played "a reason that is not known yet" 0 'unknown to this version: 0x80000000' 's["health-reasons"] = 1 << 31' status web1

# One that cannot be shown hides no other.
played "status of one that is not known, and of another" 12 '^web1  0001' '' status nosuch web1
also "names the first" '32779.*no system is known as nosuch'
played "the same as JSON" 12 '"name": "nosuch"' '' status nosuch web1 --json
also "has both" '"state_name": "Recovered"'

# "Not known" must not become "not attached".
before=(env FAKE_EMFILE=1)
played "status without a socket" 1 '32768.*cannot open a netlink socket' '' status
played "status of one without a socket" 1 '32768.*cannot open a netlink socket' '' status web1
played "job list without a socket" 1 '32768.*cannot open a netlink socket' '' job list
before=()
played "job list without the module" 0 'no job' 'w["absent"] = True' job list

# Names chosen by unprivileged users must control neither a terminal nor a shell.
esc=$'\x1b' bidi=$'\xe2\x80\xae'
played "a name of control characters" 0 'web\?\[31mred\?' 's["name"] = "web\x1b[31mred\u202e"' status
also_not "they do not get out" "$esc|$bidi"
played "nor from a refusal" 12 'no\?\[2Jsuch' '' status "no${esc}[2Jsuch"
played_json "JSON has them, escaped" '"web\x1b[31mred\u202e" in [x["name"] for x in d]' \
	's["name"] = "web\x1b[31mred\u202e"' status --json
played "what is text stays so" 0 'wéb™ 日本' 's["name"] = "wéb™ 日本"' status
# shellcheck disable=SC2016 # for the shell that completes
before=(bash -c 'bin=$(mktemp -d); ln -s "$0" "$bin/replicactl"; PATH=$bin:$PATH
	. userspace/completion/replicactl; cd "$bin"; COMP_WORDS=(replicactl status ""); COMP_CWORD=2
	_replicactl; printf "word %s\n" "${COMPREPLY[@]}"; ls; rm -r "$bin"')
played "completion knows the systems" 0 '^word web1$' ''
played "completion executes nothing" 0 '!PWNED|touch' 's["name"] = "$(touch PWNED)"'
played "nor in another way" 0 '!PWNED|touch' 's["name"] = "`touch PWNED`;x"'
printf '%s\n' disk.vda=/dev/a disk.vdb=/dev/b 'disk.$(touch PWNED)=/dev/c' >"$dir/web1.conf"
# shellcheck disable=SC2016 # for the shell that completes
before=(env "DM_REPLICA_CONFDIR=$dir" bash -c '. userspace/completion/replicactl
	COMP_WORDS=(replicactl attach web1 --accept-homes = vda,); COMP_CWORD=5
	_replicactl; echo ${COMPREPLY[@]}')
played "completion of --accept-homes= knows the disks" 0 '^vda,vda vda,vdb$' ''
rm "$dir/web1.conf"
before=(timeout --preserve-status -s INT 10)
played "monitor reports a change of health" 0 'health web1 Critical, was Warning; now: the store is nearly full, past the critical mark$' \
	'w["events"] = [{"health-reasons": 84, "health": 3, "slots-used": 960}, {"health-reasons": 64, "health": 2, "slots-used": 500}]' \
	monitor
also "and when it is over" 'health web1 Warning, was Critical; no more: .*critical mark; the store fills up'
also "monitor reports low space from the start" 'space web1 low: 900 of 1000 slots used, 10 kept'
also "and critical" 'space web1 critical: 960 of 1000'
also "and enough again" 'space web1 enough again: 500 of 1000'
played "and when what comes is Critical" 0 'health web1 Critical, was Normal; now: a home has lost writes' \
	'w["events"] = [{"cmd": "system-del-ntf"}, {"health": 3, "health-reasons": 4096}]' monitor
played "monitor as JSON" 0 '"event":"health",.*"health":3,"health_name":"Critical","was":2,.*"begun":\[\{"reason":4,"reason_name":"full"' \
	'w["events"] = [{"health-reasons": 84, "health": 3, "slots-used": 960}]' monitor --json
also "and space" '"event":"space",.*"low":true,"critical":true,"slots":1000,"slots_used":960'
played "monitor reports a detach" 0 'detached web1 00010203-0405' 'w["events"] = [{"cmd": "system-del-ntf"}]' monitor
also_not "and that it had been there is no news" ' attached web1'
played "and when one has come" 0 ' attached web1 00010203' 'w["events"] = [{"cmd": "system-del-ntf"}, {"flags": 10}, {"flags": 2}]' monitor
played "also as JSON" 0 '"event":"detached",.*"system_name":"web1"' 'w["events"] = [{"cmd": "system-del-ntf"}, {"flags": 2}]' \
	monitor --json
also "in a line of its own" '"event":"attached",.*"system_name":"web1"'
played "monitor reports a missing event" 0 'lost: .*could be sent' 'w["events"] = [{"event": 5}, {"event": 7}]' monitor
also "and shows all there is" 'current'
played "none is missing" 0 '!lost' 'w["events"] = [{"event": 5}, {"event": 6}]' monitor
played "monitor without the module waits for it" 0 'unloaded: ' 'w["absent"] = True' monitor
played "and reports its load" 0 '^[0-9:]* loaded: ' 'w["absent"] = True; w["events"] = [{"family": "back"}]' monitor
also "with all there is" 'system web1'
played "monitor reports the unload of the module" 0 'unloaded: ' 'w["events"] = [{"family": "gone"}, {"family": "back"}, {"flags": 2}]' monitor
also "and come back" ' loaded: '
also "with all there is again" "system web1"
played "a module that is loaded anew at once" 0 'unloaded: ' 'w["events"] = [{"family": "again"}]' monitor
also "is back at once" ' loaded: '
also_not "no look asks for the family by its name, which would load the module" '^request getfamily'
played "what cannot be listed is listed later" 0 'lost: ' \
	'w["interrupted"] = [2, 25]; w["events"] = [{"event": 5}, {"event": 7}]' monitor
listed=$(grep -c ' current: ' "$dir/out")
[ "$listed" = 2 ]
result $? "and is not left out"
before=(timeout --preserve-status -s INT 4 env FAKE_NO_GROUPS=1)
played "a module that goes while all is listed" 0 'unloaded: ' 'w["controls"] = 2' monitor
before=(timeout --preserve-status -s INT 4 unshare -n)
played "monitor where the module will not be seen" 10 '32777.*network namespace' 'w["absent"] = True' monitor
# Process 1 of a container is in the container's network namespace.
before=(timeout --preserve-status -s INT 4 unshare -n -p -f --mount-proc)
played "monitor in a container" 10 '32777.*network namespace' 'w["absent"] = True' monitor
# A closed output, with SIGPIPE ignored as under a service manager.
before=(bash -c 'trap "" PIPE; timeout 8 "$@" > >(exec 1>&-; sleep 1); rc=$?; echo "ended with $rc"; exit $rc' bash)
played "monitor ends with its reader" 1 'ended with 1$' '' monitor
played "also as JSON" 1 'ended with 1$' '' monitor --json
played "and when it has something to print" 1 'ended with 1$' \
	'w["events"] = [{"slots-used": n} for n in range(900, 910)]' monitor --json
before=()
