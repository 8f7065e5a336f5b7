#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Replication by ssh itself: a key without a question, a connection that is cut, a host that is not
# known and a system that is not there.
# share: replication
# vm: --disk pa=16M --disk pb=8M --disk qa=16M --disk qb=8M
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"

unpacked=$VM_SRC/build/sshd
sshd=$(command -v sshd || ls "$unpacked/usr/sbin/sshd" 2>/dev/null) ||
	skip_all "there is no sshd: scripts/deps test unpacks it"
command -v ssh ssh-keygen >/dev/null || skip_all "there is no ssh"
ktap_plan 14
load_module
DM_REPLICA_WORKER=${DM_REPLICA_WORKER:-$(dirname "$REPLICACTL")/dm-replica-worker}
export DM_REPLICA_WORKER
cd /tmp || die "no /tmp"
make_system p s0 va=pa vb=pb -- --chunk-size 16K
make_system q s1 va=qa vb=qb -- --chunk-size 16K
expect_log 'device-mapper: replica: [pq]: '

# --- a host siteb -------------------------------------------------------------------------

ip link set lo up || die "no loopback"
home=$(getent passwd 0 | cut -d: -f6)
grep -q ^sshd: /etc/passwd || echo 'sshd:x:990:65534::/run/sshd:/usr/sbin/nologin' >>/etc/passwd
sed -i 's/^root:[^:]*:/root:*:/' /etc/shadow
mkdir -p /run/sshd
rm -rf "${home:?}/.ssh"
mkdir -m 700 "$home/.ssh" || die "no $home/.ssh"
ssh-keygen -q -t ed25519 -N '' -f "$home/.ssh/id_ed25519" || die "ssh-keygen"
ssh-keygen -q -t ed25519 -N '' -f /tmp/hostkey || die "ssh-keygen"
cp "$home/.ssh/id_ed25519.pub" "$home/.ssh/authorized_keys"
echo "siteb $(cut -d' ' -f1,2 hostkey.pub)" >"$home/.ssh/known_hosts"
for host in siteb unknown; do
	printf 'Host %s\n\tHostName 127.0.0.1\n\tPort 2222\n\tHostKeyAlias %s\n' $host $host
done >"$home/.ssh/config"
cat >sshd_config <<-EOC
	Port 2222
	ListenAddress 127.0.0.1
	HostKey /tmp/hostkey
	PermitRootLogin yes
	PasswordAuthentication no
	UsePAM no
	PidFile /tmp/sshd.pid
	SetEnv PATH=$(dirname "$REPLICACTL"):/usr/bin:/bin DM_REPLICA_WORKER=$DM_REPLICA_WORKER
EOC
chmod 600 "$home"/.ssh/*
libs=$(find "$unpacked" -name 'libwrap.so*' -printf '%h\n' 2>/dev/null | head -n 1)
LD_LIBRARY_PATH=$libs "$sshd" -f /tmp/sshd_config -E /tmp/sshd.log || die "sshd: $(cat /tmp/sshd.log)"
logs_in() { ssh -oBatchMode=yes siteb true; }
wait_for 60 logs_in || die "ssh: $(logs_in 2>&1; tail -n 5 /tmp/sshd.log)"

# --- one round ------------------------------------------------------------------------------

"$io" /dev/mapper/p-va-replica w:0:4M:1 m:8M:64K:4K:100:2 f || die "cannot write"
by_ssh() { timeout 120 "$REPLICACTL" replicate p --to "ssh://siteb/${system-q}" "$@"; }
check "one round by ssh" by_ssh --once
is "the point is there" "$(newest q)" "$(newest p)"
same() { r verify p >sums && r verify q --against sums; }
check "with all of the content" same
is "the peer is named by the host" "$(r peer list p | awk '{ print $1, $3 }' | tail -n 1)" "siteb $(newest p)"

# --- live, and cut -----------------------------------------------------------------------------

"$REPLICACTL" replicate p --to ssh://siteb/q --interval 1s >said 2>&1 &
pid=$!
at_least() { [ "$(newest q)" -ge "$1" ]; }
goal=$(($(newest p) + 3))
check "a point each interval" wait_for 90 at_least $goal
"$io" /dev/mapper/p-va-replica m:1M:64K:4K:100:3 f || die "cannot write"
# The link is cut: sshd has a process for each connection, and the receiver is its child.
receiver=$(pgrep -f 'replicactl receive q --two-way' | tail -n 1)
connection=$(awk '$1 == "PPid:" { print $2 }' "/proc/$receiver/status")
kill -9 "$connection" || die "no connection"
check "the cut is noticed" wait_for 60 grep -q 'next attempt' said
goal=$(($(newest p) + 3))
check "and the next connection goes on" wait_for 120 at_least $goal
kill $pid
wait $pid 2>/dev/null
no_receiver() { ! pgrep -f 'replicactl receive q' >/dev/null; }
check "after the end no receiver is left" wait_for 60 no_receiver
check "a last round" by_ssh --once
check "all is there" same

# --- refusals ---------------------------------------------------------------------------------

unknown() { timeout 60 "$REPLICACTL" replicate p --to ssh://unknown/q --once; }
unknown >said 2>&1 </dev/null
rc=$?
check "a host that is not known asks nothing, and is an error" [ $rc != 0 ] && [ $rc != 124 ]
check "which ssh explains" grep -q 'Host key verification failed' said
system=none by_ssh --once >said 2>&1 </dev/null
rc=$?
check "so is a system that is not there" [ $rc != 0 ] && [ $rc != 124 ]
check "which the other side explains" grep -q 'no system is known as none' said
kill "$(cat sshd.pid)"
r detach p >/dev/null || die "cannot detach"
r detach q >/dev/null || die "cannot detach"
