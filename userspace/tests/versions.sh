# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034 # variables of played.sh
#
# A tool and a module of different versions, with fake-kernel.py for the module: what
# Documentation/promises.md promises under "Versions".  Sourced by replicactl.sh, behind
# played.sh.

# --- a newer module ---

# Another version of the family, attributes without a name here, one of them beyond any array.
newer='w["version"] = 99; w["future"] = {"60": 1, "63": 2, "64": 3, "200": 4, "16000": 5}'
played "status of a newer module" 0 'Revert discards' "$newer" status web1
played_json "as JSON" 'd[0]["slots"] == 1000 and d[0]["live_bytes"] == 1048576 and d[0]["settings"]["keep_daily"] == 7' "$newer" status --json
played "list" 0 'web1' "$newer" list
played "metrics" 0 '^dm_replica_scrape_success 1$' "$newer" metrics
played "check-health" 1 '^DMREPLICA WARNING - web1: low space' "$newer" check-health
played "version shows both" 0 'module dm-replica .*family version 99|^module dm-replica is not loaded' "$newer" version
# Between an upgrade and the next load of the module a failover has to be possible.
played "a change goes to the module" 0 '^request failover-revert ' "$newer" revert web1 --yes
played "and is decided there" 3 '32770.*lacks that operation' "$newer"'; w["unknown"] = ["failover-revert"]' revert web1 --yes
played "an attribute that it no longer has" 9 '32776.*Unknown attribute type' \
	"$newer"'; w["answers"]["failover-revert"] = {"errno": "EINVAL", "text": "Unknown attribute type"}' revert web1 --yes --wait 5
played "a refusal whose code is not known yet" 7 '32774 .*is new' \
	"$newer"'; w["answers"]["failover-revert"] = {"errno": "EBUSY", "cim": 32799, "text": "is new"}' revert web1 --yes
played "a state without a name" 0 'State +unknown \(42\)' 's["state"] = 42' status web1
played_json "as JSON" 'd[0]["state"] == 42 and d[0]["state_name"] == "unknown"' 's["state"] = 42' status web1 --json
played "in metrics" 0 '^dm_replica_system_state\{system="web1",state="unknown"\} 1$' 's["state"] = 42' metrics
[ "$(grep -c '^dm_replica_system_state.* 1$' "$dir/out")" = 1 ]
result $? "it is no other"
played "in check-health" 0 '^DMREPLICA OK - web1: unknown \|' 's["state"] = 42; s["health"] = 1; s["health-reasons"] = 0' check-health
played "a reason without a name, in metrics" 0 '^dm_replica_health_reason\{system="web1",reason="unknown"\} 1$' 's["health-reasons"] = 1 << 30' metrics
played "a health without a name" 1 '^DMREPLICA WARNING - web1: ' 's["health"] = 7; s["health-reasons"] = 0' check-health
played "a kind of point without a name" 0 'unknown' 'w["points"][0]["kind"] = 77' recovery-point list web1
played "a type of job without a name" 0 'unknown' 'w["jobs"]["5"][0]["type"] = 1234' job list
played "is counted" 0 '^dm_replica_job_running\{system="web1",type="unknown"\} 1$' 'w["jobs"]["5"][0]["type"] = 1234' metrics
before=(timeout --preserve-status -s INT 4)
played "an event of a command without a name" 0 '!lost' "$newer"'; w["events"] = [{"cmd": 99}, {"slots-used": 901}]' monitor
also "is passed over" 'system web1'
before=()

# --- an older module ---

# The attributes of the first version, and its commands.
older='w["version"] = 1; w["unknown"] = ["settings-get", "host-get", "settings-set", "host-set", "store-grow", "home-move", "relationship-remove", "errors-reset"]
for k in set(s) - {"uuid", "name", "state", "state-number", "state-time", "flags", "store-major", "store-minor", "chunk-bytes", "disks", "disks-attached", "points", "slots", "slots-used"}: del s[k]'
played "status of an older module" 0 'State +Recovered' "$older" status web1
played_json "as JSON" 'd[0]["settings"] is None and "health" not in d[0] and d[0]["slots_used"] == 900' "$older" status --json
played "metrics of an older module" 0 '^dm_replica_scrape_success 1$' "$older" metrics
also_not "do not show what is not known" '^dm_replica_(health|health_reason|live_since_timestamp_seconds)\{'
played "check-health of an older module" 0 '^DMREPLICA OK - web1: Recovered \| web1_slots=90%;;;0;100 ' "$older" check-health
played "revert" 0 '^request failover-revert ' "$older" revert web1 --yes
for command in 'grow web1' 'reset-errors web1' 'settings web1 --keep-last 4' 'settings web1 --space-low 70' 'host-area set web1 k v --yes' 'move-home web1'; do
	# shellcheck disable=SC2086
	played "$command, which it does not have" 3 '32770.*lacks' "$older" $command
done
# Its own rules would drop others than were asked for: a list that it does not know is refused.
played "points to drop, an attribute that it does not have" 9 '32776.*Unknown attribute type' \
	"$older"'; w["answers"]["point-new"] = {"errno": "EINVAL", "text": "Unknown attribute type"}' recovery-point create web1 --drop 1

# --- files of a newer tool ---

mkdir -p "$dir/conf"
printf '%s\n' name=later uuid=11111111-2222-3333-4444-555555555555 store=/dev/none disk.a=/dev/none2 future=yes >"$dir/conf/later.conf"
played "a file with a key that is not known" 0 'warning: .*later.conf: line 5 has an unknown key' '' list
also "does not hide other systems" '^web1 '
rm "$dir/conf/later.conf"
