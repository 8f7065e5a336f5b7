# SPDX-License-Identifier: GPL-2.0
"""replicactl and the guest: what it asks of replicactl-domain, and when; see domain.py."""

import os
import re
import socket

from domain_world import UUID, result

REVERT = "w['answers'] = {'failover-revert': {'set': {'state': 3, 'state-number': 8}}, " \
    "'test-stop': {}, 'failover-initiate': {'set': {'state': 5, 'live-epoch': 21}}}"
TESTED = "; s['test-epoch'] = 19; s['test-time'] = 1"

# A program that lists its commands, and answers by a table.
FAKE = '''#!/bin/sh
echo "$*" >>"$DIR/asked"
case "$1 $2" in
"memory list") $LIST ;;
"memory remove") $REMOVE ;;
stop*) $STOP ;;
test-ended*) $ENDED ;;
test-stop*) $STOP ;;
failed-over*) $FAILED_OVER ;;
reverted*) $REVERTED ;;
esac
'''


class Guest:
    def __init__(self, w, replicactl):
        self.w, self.replicactl = w, replicactl
        self.program = w.file('fake-domain', FAKE)
        os.chmod(self.program, 0o755)

    def run(self, args, change='', program=None, env=None, **does):
        asked = os.path.join(self.w.dir, 'asked')
        if os.path.exists(asked):
            os.remove(asked)
        full = {'DIR': self.w.dir, 'DM_REPLICA_DOMAIN': self.program if program is None else program,
                'LIST': 'true', 'REMOVE': 'true', 'STOP': 'true', 'FAILED_OVER': 'true', 'ENDED': 'true', 'REVERTED': 'true'}
        full.update(does)
        full.update(env or {})
        self.status, self.out, self.err = self.w.run([self.replicactl] + args, REVERT + change, env=full)
        self.asked = []
        if os.path.exists(asked):
            with open(asked, encoding='utf-8') as f:
                self.asked = [line.replace(' ' + UUID, '') for line in f.read().splitlines()]
        self.reverted = any(r.startswith(('failover-revert', 'test-stop')) for r in self.w.requests)
        self.text = f'{self.status}\n{self.out}\n{self.err}\n{self.asked}\n{self.w.requests}'
        return self.status


def check_guest(w, replicactl, tool):
    w.set_disks(['vda'])
    w.world['settings'] = {}
    g = Guest(w, replicactl)
    g.run(['revert', 'web1', '--yes'], program='')
    result(g.status == 0 and g.reverted, 'revert: without the package as before', g.text)
    for args in ['revert'], ['test-failover', 'stop']:
        g.run(args + ['web1', '--yes', '--stop-guest'], TESTED, program='')
        result(g.status == 3 and not g.reverted and 'needs replicactl-domain, which is not installed' in g.err,
               f'{args[0]} --stop-guest: without the package nothing is reverted', g.text)
    g.run(['domain', 'show', 'web1'], program='')
    result(g.status == 3 and 'dm-replica-libvirt' in g.err, 'domain: without the package', g.text)
    g.run(['domain', 'show', 'web1', '--json'])
    result(g.status == 0 and g.asked == ['show web1 --json'], 'domain: runs replicactl-domain', g.text)

    g.run(['revert', 'web1', '--yes'])
    result(g.status == 0 and g.reverted and g.asked == ['memory list'], 'revert: looks for saved memory', g.text)
    g.run(['revert', 'web1', '--yes'], LIST='echo saved memory web1')
    result(g.status == 0 and g.reverted and g.asked == ['memory list', 'memory remove'] and
           re.search('what libvirt keeps of its guest.*\n  saved memory web1\n', g.out), 'revert: lists it and removes it', g.text)
    g.run(['revert', 'web1'], LIST='echo saved memory web1')
    result(g.status == 64 and not g.reverted and g.asked == ['memory list'] and 'saved memory web1' in g.out,
           'revert: without an answer to the question nothing is removed', g.text)
    g.run(['revert', 'web1', '--yes'], "; w['answers']['failover-revert'] = {'errno': 'EBUSY', 'cim': 32774}",
          LIST='echo saved memory web1')
    result(g.status == 7 and g.asked == ['memory list'], 'revert: refused, nothing is removed', g.text)
    g.run(['revert', 'web1', '--yes'], LIST='echo saved memory web1', REMOVE='false')
    result(g.status == 0 and g.reverted and 'memory that libvirt has saved may be left' in g.err, 'revert: what cannot be removed is named', g.text)
    for name, what in ('refuses', 'false'), ('crashes', 'kill -SEGV $$'):
        g.run(['revert', 'web1', '--yes'], LIST=what)
        result(g.status == 1 and not g.reverted and '--without-libvirt' in g.err, f'revert: replicactl-domain {name}: nothing is reverted', g.text)
    g.run(['revert', 'web1', '--yes', '--without-libvirt'], LIST='false')
    result(g.status == 0 and g.reverted and not g.asked, 'revert: --without-libvirt', g.text)
    g.run(['revert', 'web1', '--yes', '--without-libvirt', '--stop-guest'])
    result(g.status == 64 and not g.reverted, 'revert: --without-libvirt --stop-guest', g.text)
    kept = os.path.join(w.conf, '.state', '00000000-0000-0000-0000-000000000000.points')
    os.makedirs(kept)
    g.run(['revert', 'web1', '--yes'])
    result(g.status == 0 and g.reverted and g.asked == ['memory list', 'reverted'], 'revert: what the failover has replaced is put back', g.text)
    g.run(['revert', 'web1', '--yes'], REVERTED='false')
    result(g.status == 0 and g.reverted and 'NVRAM and TPM of the failover still; replicactl domain reverted web1 tries again' in g.err,
           'revert: is done without that as well', g.text)
    g.run(['revert', 'web1', '--yes', '--without-libvirt'])
    result(g.status == 0 and g.reverted and not g.asked, 'revert: --without-libvirt puts nothing back', g.text)
    os.rmdir(kept)
    seed = os.path.join(w.conf, '.state', UUID + '.seed')
    with open(seed, 'w', encoding='utf-8'):
        g.run(['revert', 'web1', '--yes'])
    os.unlink(seed)
    result(g.status == 0 and g.asked == ['memory list', 'reverted'], 'revert: a seed goes as well', g.text)
    for state, change in ('committed', "; s['state'] = 6"), ('a replica', "; s['state'] = 3; del s['live-time']"):
        g.run(['revert', 'web1', '--yes', '--stop-guest'], change)
        result(not g.asked, f'revert: {state}: no guest is stopped', g.text)

    g.run(['revert', 'web1', '--yes', '--stop-guest'])
    result(g.status == 0 and g.reverted and g.asked == ['memory list', 'stop --wait 0 --force'], 'revert --stop-guest', g.text)
    result('expect-writes' not in str(w.requests) and 'expect-state-number' in str(w.requests),
           'revert --stop-guest: what the guest writes meanwhile is no reason to refuse', g.text)
    g.run(['revert', 'web1', '--yes', '--stop-guest'], STOP='exit 12')
    result(g.status == 0 and g.reverted, 'revert --stop-guest: without a domain', g.text)
    g.run(['revert', 'web1', '--yes', '--stop-guest'], STOP='exit 6')
    result(g.status == 1 and not g.reverted, 'revert --stop-guest: a guest that is not stopped', g.text)
    g.run(['revert', 'web1', '--yes', '--stop-guest', '--expect-writes', '2'])
    result(g.status == 8 and not g.reverted and not g.asked, 'revert --stop-guest: other writes than were shown: no guest is stopped', g.text)
    g.run(['test-failover', 'stop', 'web1', '--yes', '--stop-guest'], TESTED)
    result(g.status == 0 and g.reverted and g.asked == ['test-stop'], 'test-failover stop --stop-guest', g.text)
    g.run(['test-failover', 'stop', 'web1', '--yes'], TESTED)
    result(g.status == 0 and g.reverted and g.asked == ['test-ended'], 'test-failover stop: what its domain has left is removed', g.text)
    g.run(['test-failover', 'stop', 'web1', '--yes'], TESTED, ENDED='false')
    result(g.status == 0 and g.reverted and 'NVRAM of the test domain may be left' in g.err, 'test-failover stop: is done without libvirt as well', g.text)
    g.run(['test-failover', 'stop', 'web1', '--yes', '--without-libvirt'], TESTED)
    result(g.status == 0 and g.reverted and not g.asked, 'test-failover stop: --without-libvirt', g.text)

    g.run(['failover', 'web1'], FAILED_OVER='echo removed: saved memory web1')
    result(g.status == 0 and g.asked == ['failed-over'] and 'removed: saved memory web1' in g.out, 'failover: memory of earlier ones is removed', g.text)
    g.run(['failover', 'web1'], FAILED_OVER='false')
    result(g.status == 0 and 'warning' in g.err, 'failover: is done without libvirt as well', g.text)
    g.run(['failover', 'web1', '--without-libvirt'])
    result(g.status == 0 and not g.asked, 'failover: --without-libvirt', g.text)
    check_hung(w, g, tool)


def check_hung(w, g, tool):
    """libvirtd that accepts connections and never answers."""
    path = os.path.join(w.dir, 'libvirt-sock')
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.bind(path)
        sock.listen(100)
        env = {'LIBVIRT_DEFAULT_URI': f'qemu+unix:///system?socket={path}'}
        for args in ['revert', 'web1', '--yes'], ['revert', 'web1', '--yes', '--stop-guest'], \
                ['test-failover', 'stop', 'web1', '--yes', '--stop-guest']:
            g.run(args, TESTED, program=tool, env=env)
            result(g.status == 1 and not g.reverted and 'has not answered in time; nothing was changed' in g.err,
                   f'{" ".join(args)}: libvirtd hangs: nothing is reverted', g.text)
        g.run(['failover', 'web1'], program=tool, env=env)
        result(g.status == 0 and 'libvirt has not answered in time' in g.err, 'failover: libvirtd hangs: it is done', g.text)
    g.run(['revert', 'web1', '--yes', '--stop-guest'], program=tool, env={'LIBVIRT_DEFAULT_URI': f'qemu+unix:///system?socket={path}.none'})
    result(g.status == 1 and not g.reverted and 'libvirt cannot be reached' in g.err, 'revert: libvirtd is not there: nothing is reverted', g.text)
    g.run(['revert', 'web1', '--yes'], program=tool, env={'LIBVIRT_DEFAULT_URI': 'test:///default'})
    result(g.status == 0 and g.reverted, 'revert: libvirt has no domain of the system', g.text)
