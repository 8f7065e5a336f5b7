#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Uevents: each operation is reported once, by the live device of disk 0, with the state
# before and after, the state number, the job and the code; each view that comes and goes by
# each of its devices; and what changes nothing, or is refused, by none.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"

ktap_plan 23
load_module "$@"

udevadm monitor -k -p -s block >/tmp/monitor &
monitor=$!
at_exit kill $monitor
# udevadm listens once a uevent of ours arrives; each is answered by a number.
number=0
# mark_uevents: uevents before this one have been written to the file.
mark_uevents() {
	number=$((number + 1))
	echo "change 11111111-2222-3333-4444-555555555555 N=$number" >"/sys/block/$(basename "$(dev d3)")/uevent"
}
marked() { grep -q "^SYNTH_ARG_N=$number\$" /tmp/monitor; }
begun() { mark_uevents; sleep 0.1; marked; }
wait_for 30 begun || die "udevadm monitor shows no uevent"

# uevents: into /tmp/uevents those of the module since the last call, a line each.
seen=0
uevents() {
	mark_uevents
	wait_for 30 marked || die "no uevent arrives"
	awk -v RS= -v seen="$seen" '
		NR <= seen { next }
		/\nDM_REPLICA_/ || /^DM_REPLICA_/ {
			split("", v)
			n = split($0, line, "\n")
			for (i = 1; i <= n; i++)
				if (match(line[i], /=/))
					v[substr(line[i], 1, RSTART - 1)] = substr(line[i], RSTART + 1)
			if (v["ACTION"] != "change" || v["DM_REPLICA_SYSTEM"] != name || v["DM_REPLICA_SYSTEM_UUID"] != uuid)
				printf "strange: "
			printf "%s/%s ", v["DM_REPLICA_DISK"], v["DM_REPLICA_KIND"]
			if ("DM_REPLICA_VIEW" in v)
				printf "%s", v["DM_REPLICA_VIEW"]
			if ("DM_REPLICA_EVENT" in v)
				printf "%s %s>%s #%s job %s code %s point %s", v["DM_REPLICA_EVENT"],
					v["DM_REPLICA_WAS"], v["DM_REPLICA_STATE"],
					v["DM_REPLICA_STATE_NUMBER"], v["DM_REPLICA_JOB"] + 0,
					v["DM_REPLICA_CODE"], v["DM_REPLICA_POINT"] + 0
			printf "\n"
		}' name=u-1 uuid="$uuid" /tmp/monitor >/tmp/uevents
	seen=$(grep -c '^$' /tmp/monitor)
}
# event NAME WAS>STATE CODE POINT JOB: as uevents prints it, with the present number.
event() { echo "vda/live $1 $2 #$(field u-1 state_number) job $5 code $3 point $4"; }
newest_job() { job_of u-1 '[0-9]+'; }
views() { for d in vda vdb; do echo "$d/$1 $2"; done; }
# reported NAME EXPECTED...: these lines are the uevents since the last call.
reported() {
	local name=$1
	shift
	uevents
	is "$name" "$(cat /tmp/uevents)" "$(printf '%s\n' "$@" | grep .)"
}

uuid=''
make_system u-1 s0 vda=d0 vdb=d1
uuid=$(field u-1 uuid)
reported "attach, once for all devices" "$(event attached '2>2' 0 0 0)"

point u-1
reported "the first point" "$(event point '2>3' 0 1 "$(newest_job)")"
point u-1
reported "another point, without another state" "$(event point '3>3' 0 2 "$(newest_job)")"

r failover u-1 >/dev/null || die "cannot fail over"
reported "failover: each device's view, and once the operation" "$(views live online)" \
	"$(event failover '3>5' 0 2 "$(newest_job)")"
check_fails "a second failover is refused" r failover u-1
reported "which is no event"
r test-failover start u-1 --point 1 >/dev/null || die "cannot start a test"
reported "start of a test failover" "$(views test online)" \
	"$(event test-started '5>5' 0 1 "$(newest_job)")"
r test-failover stop u-1 --yes >/dev/null || die "cannot stop the test"
reported "its end" "$(views test offline)" "$(event test-stopped '5>5' 0 1 "$(newest_job)")"
"$io" /dev/mapper/u--1-vda w:0:64K:1 f || die "cannot write"
r revert u-1 --yes >/dev/null || die "cannot revert"
reported "revert, with the code of a job" "$(views live offline)" \
	"$(event reverted '5>3' 4096 2 "$(job_of u-1 98)")"

r suspend u-1 >/dev/null || die "cannot suspend"
reported "suspend" "$(event suspended '3>7' 0 0 "$(newest_job)")"
r suspend u-1 >/dev/null || die "cannot suspend again"
reported "a second suspend changes nothing, and is no event"
r resume u-1 >/dev/null || die "cannot resume"
reported "resume" "$(event resumed '7>3' 0 0 "$(newest_job)")"
r recovery-point drop u-1 1 --yes >/dev/null || die "cannot drop"
reported "dropping a point" "$(event point-dropped '3>3' 0 1 "$(newest_job)")"
r settings u-1 --space-low 70 >/dev/null || die "cannot change settings"
reported "settings have no event"

for d in u--1-vdb u--1-vda-test u--1-vda; do
	{ dmsetup suspend $d && dmsetup resume $d; } || die "cannot suspend $d by hand"
done
reported "devices suspended and resumed by hand are no attach"
for d in u--1-vda u--1-vda-test u--1-vda-replica u--1-vdb u--1-vdb-test u--1-vdb-replica; do
	dmsetup suspend $d || die "cannot suspend $d"
done
for d in u--1-vda-replica u--1-vda u--1-vda-test u--1-vdb-replica u--1-vdb u--1-vdb-test; do
	dmsetup resume $d || die "cannot resume $d"
done
reported "all devices at once: the system has begun again" "$(event attached '3>3' 0 0 0)"

r failover u-1 >/dev/null || die "cannot fail over"
uevents
"$io" /dev/mapper/u--1-vda w:0:64K:1 f || die "cannot write"
r commit u-1 --yes >/dev/null || die "cannot commit"
reported "commit: the replica devices go offline" "$(views replica offline)" \
	"$(event committed '5>6' 4096 2 "$(job_of u-1 99)")"
r detach u-1 >/dev/null || die "cannot detach"
reported "detach has no key of ours: its devices are removed"
is "as udev sees" "$(awk -v RS= '/ACTION=remove/ && match($0, /DEVNAME=[^\n]*/) { print substr($0, RSTART, RLENGTH) }' \
	/tmp/monitor | sort -u | wc -l)" 6
r attach u-1 >/dev/null || die "cannot attach"
reported "attach again, in its state" "$(event attached '6>6' 0 0 0)"
r remove u-1 --yes >/dev/null || die "cannot remove"
uevents
is "remove: replica and live devices go offline" "$(grep -v ' #' /tmp/uevents)" \
	"$(views replica offline; views live offline)"
is "and it is reported by name" \
	"$(awk -F= '$1 == "DM_REPLICA_EVENT" && $2 ~ /^remov/ { print $2 }' /tmp/monitor | sort -u | tail -n 1)" removed
check "the module unloads" unload_module
