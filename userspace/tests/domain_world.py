# SPDX-License-Identifier: GPL-2.0
"""What the tests of replicactl-domain run in; see domain.py."""

import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
UUID = '00010203-0405-0607-0809-0a0b0c0d0e0f'


class Count:
    """Results, as KTAP."""
    run = failed = 0


def result(good, name, text=''):
    Count.run += 1
    print('ok' if good else 'not ok', Count.run, '-', name)
    if not good:
        Count.failed += 1
        print(''.join(f'# {line}\n' for line in text.split('\n')), end='', flush=True)


def preloaded(library):
    """What is put before a command, to run it with one more library."""
    return ['sh', '-c', 'LD_PRELOAD="$LD_PRELOAD $0" exec "$@"', library]


class World:
    """A system, a host's root, and what runs against them."""

    def __init__(self, directory):
        self.dir = directory
        self.root = os.path.join(directory, 'root')
        self.fake = os.path.join(directory, 'fake.so')
        self.conf = os.path.join(directory, 'conf')
        os.makedirs(self.root)
        os.makedirs(self.conf)
        subprocess.run([os.environ.get('CC', 'gcc'), '-shared', '-fPIC', '-D_GNU_SOURCE', '-o',
                        self.fake, os.path.join(HERE, 'fake-netlink.c'), '-ldl'], check=True)
        self.env = dict(os.environ, DM_REPLICA_CONFDIR=self.conf, DM_REPLICA_TEST_ROOT=self.root,
                        LIBVIRT_DEFAULT_URI='test:///default', LC_ALL='C')
        # with sanitizers: what glib, below libvirt, allocates once
        self.env['LSAN_OPTIONS'] = 'print_suppressions=0:suppressions=' + self.file('lsan', 'leak:libglib-2.0\n')
        self.world = {
            'system': {'uuid': UUID.replace('-', ''), 'name': 'web1', 'state': 5,
                       'state-number': 7, 'live-epoch': 17, 'live-time': 1, 'live-point': 2,
                       'live-writes': 3, 'test-writes': 0, 'disks': 1, 'disks-attached': 1},
            'disks': [], 'points': [], 'settings': {}, 'host': {}}
        self.set_disks(['vda'])

    def set_disks(self, names):
        self.world['disks'] = [
            {'number': i, 'name': name, 'bytes': 1 << 30, 'system': UUID.replace('-', ''),
             'live-major': 254, 'live-minor': 10 * i + 1, 'test-major': 254,
             'test-minor': 10 * i + 2, 'replica-major': 254, 'replica-minor': 10 * i}
            for i, name in enumerate(names)]

    def set_nodes(self, *names):
        """Its disk "vda": the views of these names, as files that hold their device numbers."""
        self.set_disks(['vda'])
        for name, number in ('vda-replica', '254:0'), ('vda', '254:1'), ('vda-test', '254:2'):
            if name in names:
                path = self.root + '/dev/dm-replica/web1/' + name
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, 'w', encoding='utf-8') as f:
                    f.write(number)

    def file(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)
        return path

    def run(self, command, change='', stdin=None, env=None):
        """(status, output, errors); the requests to the kernel go to self.requests"""
        world = self.file('world.json', json.dumps(self.world))
        if stdin is not None:
            command = ['sh', '-c', 'file=$1; shift; exec "$@" <"$file"', 'sh',
                       self.file('stdin', stdin)] + command
        try:
            p = subprocess.run([sys.executable, '-S', '-E', os.path.join(HERE, 'fake-kernel.py'), '--change',
                                change, world, self.fake] + command, env=dict(self.env, **(env or {})),
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=100,
                               check=False)
        except subprocess.TimeoutExpired:
            return 999, '', 'timeout'
        out = p.stdout.decode('utf-8', 'replace')
        self.requests = re.findall(r'^request (.*)$', out, re.M)
        return p.returncode, re.sub(r'^request .*\n', '', out, flags=re.M), \
            p.stderr.decode('utf-8', 'replace')
