# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034 # variables of played.sh
#
# The examples of hooks, each executed, with fake-kernel.py for a kernel and programs that
# write down how they are called.  Sourced by replicactl.sh, behind hooks.sh.

x=$dir/examples tool=$R
mkdir -p "$x/bin"
ln -sf "$tool" "$x/bin/replicactl"

# fake PROGRAM [TEXT]: it logs its name, arguments and input, and does TEXT.
fake() {
	# shellcheck disable=SC2016 # for the program
	printf '#!/bin/sh\necho "${0##*/} $*" >>%s/log\n%s\n' "$x" "${2-}" >"$x/bin/$1"
	chmod 755 "$x/bin/$1"
}
# example NAME STATUS TEXT HOOK VARIABLE=VALUE...: run it in the environment of a hook, and no
# other; TEXT as of played.
example() {
	local name=$1 status=$2 text=$3 hook=$4
	shift 4
	rm -f "$x/log" "$x/input"
	before=(env -u HOME "PATH=$x/bin:/usr/sbin:/usr/bin:/sbin:/bin" LANG=C DMREPLICA_SYSTEM=web1
		DMREPLICA_UUID=00010203-0405-0607-0809-0a0b0c0d0e0f DMREPLICA_STATE_NAME=Replicating
		DMREPLICA_STATE_NUMBER=7 DMREPLICA_HEALTH=Warning "$@")
	R=/bin/sh
	played "$name" "$status" "$text" "$plain; s['store-device-bytes'] = 2 << 30" "userspace/host/hooks/$hook"
	R=$tool before=()
}
# did NAME TEXT: the programs called, a line each
did() {
	diff <(printf '%s' "${2:+$2$'\n'}") "$x/log" >>"$dir/out" 2>&1 || { [ -z "$2" ] && [ ! -e "$x/log" ]; }
	result $? "$1"
}

for f in userspace/host/hooks/*; do
	grep -q "^# Install: copy to /etc/dm-replica/hooks.d/${f##*/}, mode 0755, owner root.$" "$f"
	result $? "example ${f##*/} names its place"
done

# --- space-lvextend ---
fake blockdev 'echo 1073741824'
fake lvextend
fake replicactl-domain
# The device of the store is not on this host: 4000:3.  The tool is the real one, with its calls written down.
# shellcheck disable=SC2016 # for the program
rm -f "$x/bin/replicactl"
fake replicactl "[ \"\$1\" = domain ] || exec $tool \"\$@\""
status='replicactl status 00010203-0405-0607-0809-0a0b0c0d0e0f --json'
example "a store that runs low" 0 '!cannot|no store' space-lvextend DMREPLICA_EVENT=space \
	DMREPLICA_BEGUN=low-space DMREPLICA_ENDED=
did "is extended and grown, and guests go on" "$status
blockdev --getsize64 4000:3
lvextend -l +10%LV 4000:3
replicactl grow 00010203-0405-0607-0809-0a0b0c0d0e0f
replicactl domain resume web1"
example "one that is full" 0 . space-lvextend DMREPLICA_EVENT=space 'DMREPLICA_BEGUN=device-errors full' DMREPLICA_ENDED=
grep -q '^lvextend' "$x/log"
result $? "too"
example "one that has room again" 0 '!.' space-lvextend DMREPLICA_EVENT=space DMREPLICA_BEGUN= DMREPLICA_ENDED=low-space
did "is left as it is" ''
fake lvextend 'echo "Insufficient free space"; exit 5'
example "a volume group without room" 1 'Insufficient' space-lvextend DMREPLICA_EVENT=space DMREPLICA_BEGUN=full DMREPLICA_ENDED=
! grep -q 'grow\|domain' "$x/log"
result $? "ends it"
fake lvextend
fake blockdev 'echo 1099511627776'
example "a store of the size that is allowed" 1 'has reached its limit' space-lvextend DMREPLICA_EVENT=space \
	DMREPLICA_BEGUN=full DMREPLICA_ENDED=
! grep -q '^lvextend' "$x/log"
result $? "is not extended"
fake blockdev 'echo 1073741824'
rm "$x/bin/replicactl-domain"
example "a host without libvirt" 0 . space-lvextend DMREPLICA_EVENT=space DMREPLICA_BEGUN=full DMREPLICA_ENDED=
! grep -q domain "$x/log"
result $? "resumes no guest"
example "a system that is gone" 1 'no store of web1 found' space-lvextend DMREPLICA_EVENT=space DMREPLICA_BEGUN=full \
	DMREPLICA_UUID=ffffffff-0405-0607-0809-0a0b0c0d0e0f
! grep -q '^lvextend' "$x/log"
result $? "has nothing extended"

# --- health-mail ---
fake sendmail "cat >$x/input"
example "a change of health" 0 '!.' health-mail DMREPLICA_EVENT=health DMREPLICA_HEALTH_WAS=Normal \
	DMREPLICA_BEGUN=low-space DMREPLICA_ENDED=
sed '/^$/q' "$x/input" >"$x/head"
diff - "$x/head" >>"$dir/out" <<'EOT'
To: root
Subject: dm-replica web1: Warning, was Normal

EOT
result $? "is mailed to root"
grep -qx 'sendmail -t' "$x/log" && grep -qx 'replicactl status 00010203-0405-0607-0809-0a0b0c0d0e0f' "$x/log"
result $? "by sendmail, with the status"
grep -q '^Begun: low-space$' "$x/input" && grep -q '^Ended: nothing$' "$x/input" && grep -q 'web1' "$x/input" &&
	! grep -q 'were lost' "$x/input"
result $? "with its reasons"
example "one after lost events" 0 '!.' health-mail DMREPLICA_EVENT=health DMREPLICA_HEALTH_WAS=Normal DMREPLICA_LOST=2
grep -q '^Events before this one were lost.$' "$x/input"
result $? "reports that"

# --- all-webhook ---
fake hostname 'echo kvm1'
# shellcheck disable=SC2016 # for the program
fake curl "for a; do [ \"\$before\" != --data ] || printf '%s' \"\$a\" >$x/input; before=\$a; done"
posted() { /usr/bin/python3 -c "import json,sys; d=json.load(open('$x/input')); sys.exit(not ($1))" 2>>"$dir/out"; result $? "$2"; }
example "an event" 0 '!.' all-webhook DMREPLICA_EVENT=failover DMREPLICA_CODE=0 DMREPLICA_LOST=3
posted 'd == {"event": "failover", "system": "web1", "uuid": "00010203-0405-0607-0809-0a0b0c0d0e0f", "state": "Replicating",
	"state_number": 7, "health": "Warning", "code": 0, "lost": 3, "host": "kvm1"}' "is posted as JSON"
example "an event without a job" 0 '!.' all-webhook DMREPLICA_EVENT=space DMREPLICA_STATE_NUMBER=
posted 'd["code"] == 0 and d["lost"] == 0 and d["state_number"] == 0' "too"
fake curl 'exit 22'
example "a server that refuses it" 22 '!.' all-webhook DMREPLICA_EVENT=failover

# --- failover-start-guest ---
fake virsh
example "a failover" 0 '!.' failover-start-guest DMREPLICA_EVENT=failover
did "starts the guest" 'virsh --connect qemu:///system start web1'
example "a failover after lost events" 1 'start web1 by hand' failover-start-guest DMREPLICA_EVENT=failover DMREPLICA_LOST=1
did "starts none" ''
