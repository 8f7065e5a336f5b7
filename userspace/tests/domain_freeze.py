# SPDX-License-Identifier: GPL-2.0
"""Application-consistent points: frozen, made, thawed in any case; see domain.py."""

import fcntl
import json
import os
import shutil
import socket
import subprocess
import time

from domain_libvirt import GUEST
from domain_world import HERE, UUID, preloaded, result

METADATA = f"<metadata><d:system xmlns:d='urn:dm-replica:domain:1' uuid='{UUID}' name='web1' view='replica'/></metadata>"
RUNS = GUEST.replace('<memory>', METADATA + '<memory>').replace("type='file'", "type='block'").replace(
    "file='/srv/web1.img'", "dev='/dev/dm-replica/web1/vda-replica'")
ANSWERS = "w['answers'] = {'point-new': [{'point': 3}, {'point': 4}], 'point-del': {}}"


class Agent:
    def __init__(self, w, tool):
        self.w, self.tool = w, tool
        self.dir = os.path.join(w.dir, 'agent')
        self.library = os.path.join(w.dir, 'agent.so')
        flags = subprocess.run(['pkg-config', '--cflags', 'libvirt', 'libvirt-qemu'], stdout=subprocess.PIPE, check=True)
        subprocess.run([os.environ.get('CC', 'gcc'), '-shared', '-fPIC', '-D_GNU_SOURCE', '-o', self.library,
                        os.path.join(HERE, 'fake-agent.c')] + flags.stdout.decode().split(), check=True)
        self.guest(RUNS)

    def guest(self, xml):
        domain = self.w.file('runs.xml', xml)
        self.uri = 'test://' + self.w.file('node.xml', f"<node><domain file='{domain}'/></node>")

    def run(self, args=(), change='', env=None):
        shutil.rmtree(self.dir, ignore_errors=True)
        os.mkdir(self.dir)
        env = dict({'AGENT': self.dir, 'LIBVIRT_DEFAULT_URI': self.uri}, **(env or {}))
        self.status, self.out, self.err = self.w.run(
            preloaded(self.library) + [self.tool, 'point', 'web1'] + list(args),
            ANSWERS + ('; ' + change if change else ''), env=env)
        return self.status

    @property
    def calls(self):
        try:
            with open(self.dir + '/calls', encoding='utf-8') as f:
                return f.read().split('\n')[:-1]
        except OSError:
            return []

    @property
    def asked(self):
        """Points that were made, by kind, or dropped."""
        return [('drop' if r.startswith('point-del') else 2 if '"point-kind": 2' in r else 1) for r in self.w.requests]

    @property
    def text(self):
        return f'{self.status}\n{self.out}\n{self.err}\n{self.calls}\n{self.w.requests}'

    def thawed(self):
        """It is thawed, or comes to be."""
        for _ in range(600):
            if not os.path.exists(self.dir + '/frozen'):
                return True
            time.sleep(0.1)
        return False


def held(path):
    """Does a process hold the lock of a file?"""
    with open(path, encoding='utf-8') as f:
        try:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


WHOLE = ['status', 'limit', 'freeze', 'thaw', 'no limit']


def check_freeze(w, tool):
    w.set_nodes('vda-replica')
    os.makedirs(w.root + '/run', exist_ok=True)
    a = Agent(w, tool)
    a.run(['--label', 'nightly', '--json'])
    result(a.status == 0 and a.asked == [2] and '"kind": "application-consistent"' in a.out and '"reason": ""' in a.out and a.calls == WHOLE and
           'nightly' in a.w.requests[0] and '"timeout": 10000' in a.w.requests[0], 'point: frozen, made, thawed', a.text)
    w.world['points'] = [{'number': 3, 'time': 1, 'kind': 2, 'name': '', 'in-use': 0, 'system': UUID.replace('-', '')}]
    a.run(['--json', '--keep'])
    kept = any(r.startswith('host-set') for r in w.requests)
    try:
        point = json.loads(a.out)['point']
    except ValueError:
        point = a.out
    result(a.status == 0 and point == 3 and kept, 'point --json --keep: one JSON', a.text)
    w.world['points'] = []
    shutil.rmtree(os.path.join(w.conf, '.state'), ignore_errors=True)
    for name, env, said in (
            ('the agent does not answer', {'PING': 'error'}, ''), ('a freeze that fails', {'FREEZE': 'error'}, ''),
            ('nothing to freeze', {'FREEZE': 'none'}, 'the agent has frozen no filesystem'), ('an answer that is lost', {'FREEZE': 'lost'}, ''),
            ('the freezer is killed', {'FREEZE': 'kill the second'}, 'the process that freezes it has ended')):
        a.run(env=env)
        result(a.status == 0 and a.asked == [1] and 'warning: it is not application-consistent: ' + said in a.out and a.thawed(),
               f'point: {name}: a standard one', a.text)
        result(('freeze' in a.calls) == (name != 'the agent does not answer') and ('thaw' in a.calls) == ('freeze' in a.calls), f'point: {name}: calls', a.text)
    for name, env, said in (
            ('the time is over', {'DM_REPLICA_FROZEN_MS': '0'}, 'thawed before the point was made'),
            ('the guest thaws by itself', {'THAW': 'by itself'}, 'had thawed its filesystems by itself'),
            ('a thaw that fails once', {'THAW': 'error once'}, ''), ('the freezer is killed before it thaws', {'THAW': 'kill'}, 'has ended')):
        a.run(env=env)
        result(a.status == 0 and a.asked == [2, 1, 'drop'] and 'recovery point 4 of web1 made, standard' in a.out and said in a.out and a.thawed(),
               f'point: {name}: replaced by a standard one', a.text)
    a.run(env={'PING': 'frozen'})
    result(a.status == 0 and a.asked == [1] and a.calls == ['status'] and 'another program has frozen' in a.out,
           'point: frozen by another program: neither frozen nor thawed by this one', a.text)
    a.run(env={'THAW': 'hangs', 'DM_REPLICA_ATTEMPT_MS': '500'})
    result(a.status == 0 and a.asked == [2, 1, 'drop'] and a.thawed(), 'point: libvirt hangs at the thaw: another attempt thaws', a.text)
    a.run(env={'FREEZE': 'kill the first'})
    result(a.status not in (0, 999) and a.thawed() and 'thaw' in a.calls, 'point: killed while the guest is frozen: it is thawed', a.text)
    a.run(change="w['answers']['point-new'] = {'errno': 'EBUSY', 'cim': 32774}")
    result(a.status == 7 and a.thawed() and a.calls == WHOLE, 'point: refused: the guest is thawed', a.text)
    for name, xml, said in (
            ('a guest of another view', RUNS.replace("view='replica'", "view='live'"), 'no domain has the metadata'),
            ('a guest that has other disks', RUNS.replace('vda-replica', 'vda'), 'does not have all replica devices')):
        a.guest(xml)
        a.run()
        result(a.status == 0 and a.asked == [1] and not a.calls and said in a.out, f'point: {name} is not frozen', a.text)
    a.guest(RUNS)
    w.set_disks(['vda', 'vdb'])
    a.run()
    result(a.status == 0 and a.asked == [1] and not a.calls, 'point: a guest with one of two disks is not frozen', a.text)
    w.set_disks(['vda'])
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.bind(os.path.join(w.dir, 'hangs'))
        sock.listen(10)
        a.run(env={'LIBVIRT_DEFAULT_URI': f'qemu+unix:///system?socket={w.dir}/hangs', 'DM_REPLICA_FREEZE_MS': '500'})
        result(a.status == 0 and a.asked == [1] and 'the process that freezes it has ended' in a.out, 'point: libvirtd hangs: a standard one', a.text)
        result(not [p for p in os.listdir(w.root + '/run/dm-replica-domain') if held(w.root + '/run/dm-replica-domain/' + p)],
               'point: libvirtd hangs: nothing was asked for, and nothing waits to thaw')
        for ms in '800', '0':
            began = time.monotonic()
            status, out, err = w.run([tool, 'freezer', 'web1', 'thaw', ms], env={
                'LIBVIRT_DEFAULT_URI': f'qemu+unix:///system?socket={w.dir}/hangs', 'DM_REPLICA_ATTEMPT_MS': '300'})
            result(status == 1 and 'libvirt does not answer' in out and time.monotonic() - began < 90, f'freezer: libvirtd hangs, also at the connection: it ends after {ms} ms', f'{status} {out} {err}')
    # What thaws waits for a libvirtd that is started again, and for the lock of another freezer.
    away = {'LIBVIRT_DEFAULT_URI': f'qemu+unix:///system?socket={w.dir}/away'}
    status, out, err = w.run([tool, 'freezer', 'web1', 'thaw', '1200'], env=away)
    result(status == 1 and 'libvirt cannot be reached' in out, 'freezer: no libvirtd: it tries again', f'{status} {out} {err}')
    shutil.rmtree(a.dir, ignore_errors=True)
    os.mkdir(a.dir)
    a.status, a.out, a.err = w.run(preloaded(a.library) + [tool, 'freezer', 'web1', 'thaw', '60000'], env={'AGENT': a.dir, 'LIBVIRT_DEFAULT_URI': a.uri, 'LOCK': 'busy once'})
    result(a.status == 0 and 'thaw' in a.calls, 'freezer: the lock of another is waited for', a.text)
    for args in (['--timeout', '16'], ['--timeout', '0'], ['--label', 'x' * 40], ['--frob']):
        a.run(args)
        result(a.status == 64 and not a.calls and not a.w.requests, f'point: {args}', a.text)
