# SPDX-License-Identifier: GPL-2.0
"""What is kept with points beside their disks, put in place and put back; see domain.py."""

import glob
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys

from domain_libvirt import GUEST, Session
from domain_world import HERE, UUID, preloaded, result

GUEST_TPM = GUEST.replace('</devices>', "<tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm></devices>")
METADATA = f"<metadata><d:system xmlns:d='urn:dm-replica:domain:1' uuid='{UUID}' name='web1' view='replica'/></metadata>"
REPLICA = "s['state'] = 3; del s['live-epoch']; s['live-point'] = 0"
POINTS = [{'number': n, 'time': n, 'kind': 1, 'name': f'p{n}', 'in-use': 0, 'system': UUID.replace('-', '')}
          for n in (1, 2)]


class Kept:
    """A system with two points, and a guest with NVRAM and TPM."""

    def __init__(self, w, tool, driver, replicactl):
        self.w, self.tool, self.driver, self.replicactl = w, tool, driver, replicactl
        w.set_disks(['vda'])
        w.world['points'] = [dict(p) for p in POINTS]
        w.world['host'] = {}
        self.dir = os.path.join(w.conf, '.state', '0' * 8 + '-0000-0000-0000-' + '0' * 12 + '.points')
        for name, number in ('vda', '254:1'), ('vda-test', '254:2'), ('vda-replica', '254:0'):
            self.put('/dev/dm-replica/web1/' + name, number)
        self.nvram = '/var/lib/libvirt/qemu/nvram/web1_VARS.fd'
        self.tpm = f'/var/lib/libvirt/swtpm/{UUID}/tpm2/tpm2-00.permall'
        self.guest = w.file('kept.xml', GUEST_TPM)
        self.later = w.file('later.xml', GUEST_TPM.replace('65536', '32768'))
        self.library = os.path.join(w.dir, 'disturb.so')
        subprocess.run([os.environ.get('CC', 'gcc'), '-shared', '-fPIC', '-o', self.library, w.file('disturb.c', DISTURB), '-ldl'], check=True)

    def put(self, path, text):
        path = self.w.root + path
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if os.path.lexists(path):
            os.unlink(path)
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)
        return path

    def get(self, path):
        try:
            with open(self.w.root + path, encoding='utf-8') as f:
                return f.read()
        except OSError as e:
            return str(e)

    def remember(self):
        """The host area stays from one run to the next."""
        for request in self.w.requests:
            if request.startswith('host-set '):
                asked = json.loads(request[len('host-set '):])
                if 'value' in asked:
                    self.w.world['host'][asked['key']] = asked['value']
                else:
                    self.w.world['host'].pop(asked['key'], None)

    def run(self, args, change='', **more):
        self.status, self.out, self.err = self.w.run(args, change, **more)
        self.text = f'{args}\n{self.status}\n{self.out}\n{self.err}'
        self.remember()
        return self.status

    def session(self, lines, change='', full=None, env=None, env_more=None):
        """With @full a filesystem without room for what is written below that directory."""
        s = Session(self.w, self.driver)
        env = dict({'FULL': full}, **(env_more or {})) if full else env
        self.got = s.run(lines, change, preload=self.library if env else None, env=env)
        self.remember()
        return s

    def kept(self):
        """Of each point the names of its files; None if something is wrong."""
        if self.run([self.tool, 'kept', 'web1', '--json']):
            return None
        return {p['point']: sorted(f['name'] for f in p['files']) for p in json.loads(self.out)}

    def files(self):
        return len(glob.glob(self.dir + '/files/*'))

    def forget(self):
        shutil.rmtree(self.dir, ignore_errors=True)
        self.w.world['host'] = {}


ALL = ['domain.xml', 'nvram', 'tpm2-00.permall']


def check_kept(w, tool, driver, replicactl):
    k = Kept(w, tool, driver, replicactl)
    check_places(k)
    check_missing(k)
    check_hostile(k)
    check_gone(k)
    check_test(k)
    check_full(k)
    check_lost(k)
    check_crash(k)
    check_two(k)
    w.world['points'] = []
    w.world['host'] = {}


def check_places(k):
    result(k.run([k.tool, 'kept', 'web1']) == 0 and 'nothing is kept' in k.out and not os.path.exists(k.dir), 'kept: nothing', k.text)
    k.put(k.nvram, 'variables 1')
    k.put(k.tpm, 'tpm 1')
    s = k.session(['domain ~ import ~ web1 ~ ' + k.guest, 'domain ~ keep ~ web1'], REPLICA)
    result(k.got == [0, 0] and 'kept with point 2 of web1: domain.xml nvram tpm2-00.permall' in s.out[1][1],
           'keep: definition, NVRAM and TPM, with the newest point', s.text)
    result(k.kept() == {2: ALL} and k.out.count('"state": "good"') == 3, 'kept: shows them', k.text)
    result(os.stat(k.dir).st_mode & 0o777 == 0o700 and all(os.stat(f).st_mode & 0o777 == 0o600 for f in glob.glob(k.dir + '/files/*')),
           'keep: they are for root alone')

    # The guest goes on: another definition, other variables.
    k.put(k.nvram, 'variables 2')
    k.put(k.tpm, 'tpm 2')
    volatile = k.put(os.path.dirname(k.tpm) + '/tpm2-00.volatilestate', 'of a start')
    imported = 'domain ~ import ~ web1 ~ ' + k.later
    s = k.session([imported, 'domain ~ failed-over ~ web1', 'xml ~ web1', 'domain ~ start ~ web1', 'xml ~ web1', 'domain ~ stop ~ web1 ~ --force',
                   'domain ~ failed-over ~ web1'])
    result(k.got == [0] * 7 and '>65536<' in s.out[2][1] and "failover='17'" in s.out[2][1] and 'genid>11111111' not in s.out[2][1],
           'failover: the definition of the point, with a new generation ID', s.text)
    result(k.get(k.nvram) == 'variables 1' and k.get(k.tpm) == 'tpm 1' and not os.path.exists(volatile),
           'failover: NVRAM and TPM of the point, and no volatile state', k.get(k.nvram) + k.get(k.tpm))
    result('definition: of point 2' in s.out[1][1] and 'NVRAM: of point 2' in s.out[1][1] and 'TPM: of point 2' in s.out[1][1],
           'failover: they are named', s.out[1][1])
    result('of point 2' not in s.out[3][1] + s.out[6][1], 'failover: once', s.text)
    k.put(k.nvram, 'written by the guest')
    s = k.session([imported, 'domain ~ start ~ web1'])
    result(k.got == [0, 0] and k.get(k.nvram) == 'written by the guest', 'start: what the guest has written since stays', s.text)

    s = k.session(['domain ~ import ~ web1 ~ ' + k.guest, 'domain ~ reverted ~ web1', 'xml ~ web1', 'domain ~ reverted ~ web1'], REPLICA)
    result(k.got == [0] * 4 and '>32768<' in s.out[2][1] and k.get(k.nvram) == 'variables 2' and k.get(k.tpm) == 'tpm 2',
           'revert: all is as before the failover', s.text)
    result('as before' in s.out[1][1] and s.out[3][1] == '' and k.kept() == {2: ALL}, 'revert: once; what the point has stays', s.text)

    # Another failover, to another point, after one that ended without libvirt.
    k.session([imported, 'domain ~ failed-over ~ web1'])
    s = k.session(['domain ~ import ~ web1 ~ ' + k.guest, 'domain ~ failed-over ~ web1', 'xml ~ web1'], "s['live-epoch'] = 21; s['live-point'] = 1")
    result(k.got == [0] * 3 and '>32768<' in s.out[2][1] and k.get(k.nvram) == 'variables 2',
           'failover: after one that ended without libvirt, to a point without files', s.text)
    s = k.session([imported, 'create ~ web1', 'domain ~ failed-over ~ web1'], "s['live-epoch'] = 23")
    result(k.got[2] == 0 and 'warning: domain web1 runs' in s.out[2][1] and k.get(k.nvram) == 'variables 2',
           'failover: nothing is replaced below a guest that runs', s.text)
    s = k.session(['domain ~ failed-over ~ web1', 'xml ~ web1'], "s['live-epoch'] = 25")
    result(k.got == [0, 0] and '>65536<' in s.out[1][1] and k.get(k.nvram) == 'variables 1', 'failover: a host that had no domain gets one', s.text)

    # The guest on this host writes the replica, and has the name and UUID of the definition that is kept.
    k.forget()
    writes = k.w.file('writes.xml', GUEST.replace('<memory>', METADATA + '<memory>').replace("type='file'", "type='block'").replace(
        "file='/srv/web1.img'", "dev='/dev/dm-replica/web1/vda-replica'"))
    k.put(k.nvram, 'variables 1')
    s = k.session(['define ~ ' + writes, 'domain ~ keep ~ web1'], REPLICA)
    k.put(k.nvram, 'variables 2')
    s = k.session(['define ~ ' + writes, 'create ~ web1', 'domain ~ failed-over ~ web1', 'xml ~ web1'])
    result(k.got == [0] * 4 and 'warning: domain web1 runs' in s.out[2][1] and "view='replica'" in s.out[3][1] and "failover=" not in s.out[3][1] and
           k.get(k.nvram) == 'variables 2', 'failover: nothing is replaced below a guest that writes the replica', s.text)
    s = k.session(['define ~ ' + writes, 'domain ~ failed-over ~ web1', 'xml ~ web1', 'domain ~ start ~ web1', 'domain ~ stop ~ web1 ~ --force'])
    result(k.got == [0] * 5 and "view='live'" in s.out[2][1] and "failover='17'" in s.out[2][1] and k.get(k.nvram) == 'variables 1',
           'failover: in place of the guest that wrote the replica', s.text)
    s = k.session(['domain ~ import ~ web1 ~ ' + k.guest, 'domain ~ reverted ~ web1', 'xml ~ web1'], REPLICA)
    result(k.got == [0] * 3 and "view='replica'" in s.out[2][1] and 'vda-replica' in s.out[2][1] and k.get(k.nvram) == 'variables 2',
           'revert: the guest writes the replica again', s.text)
    # Nothing was put back before the next failover, and its point has no definition: no guest can start.
    mark = k.put('/run/libvirt/qemu/autostarted', '')
    k.session(['define ~ ' + writes, 'domain ~ failed-over ~ web1'])
    s = k.session(['domain ~ import ~ web1 ~ ' + k.guest, 'autostart ~ web1', 'domain ~ autostart ~ web1', 'xml ~ web1'], "s['live-epoch'] = 21; s['live-point'] = 1")
    result(k.got == [0, 0, 12, 0] and "view='replica'" in s.out[3][1] and 'no domain for its failover' in s.err, 'autostart: the guest writes the replica', s.text)
    os.unlink(mark)

    # From another host, without libvirt.
    k.forget()
    other = k.w.file('primary_VARS.fd', 'of the primary')
    none = {'LIBVIRT_DEFAULT_URI': 'qemu+unix:///system?socket=/nonexistent'}
    guest = k.w.file('primary.xml', GUEST.replace("dev='vda'", "dev='sda'"))
    k.run([k.tool, 'keep', 'web1', '--point', 'p1', '--xml', guest, '--disk', 'sda=vda', '--nvram', other], REPLICA, env=none)
    result(k.status == 0 and k.kept() == {1: ['domain.xml', 'nvram']}, 'keep: files of a primary', k.text)
    k.run([k.tool, 'keep', 'web1', '--nvram', other, '--tpm', k.w.file('tpm2-00.permall', 'x')], REPLICA, env=none)
    result(k.status == 0 and k.kept() == {1: ['domain.xml', 'nvram'], 2: ['nvram', 'tpm2-00.permall']} and k.files() == 3,
           'keep: beside others; what is the same is there once', k.text)
    for args, status in ((['--disk', 'a=b'], 64), (['--point', '9', '--nvram', other], 12), (['--xml', other], 6), (['--xml', guest], 6),
                         (['--nvram', '/nonexistent'], 6), (['--tpm', other], 6), (['--frob'], 64)):
        k.run([k.tool, 'keep', 'web1'] + args, REPLICA, env=none)
        result(k.status == status and len(k.err.rstrip().split('\n')) < 4 and k.kept() == {1: ['domain.xml', 'nvram'], 2: ['nvram', 'tpm2-00.permall']},
               f'keep {args[0]}: refused, nothing is changed', k.text)


def keep_all(k):
    k.forget()
    k.put(k.nvram, 'variables 1')
    k.put(k.tpm, 'tpm 1')
    k.session(['domain ~ import ~ web1 ~ ' + k.guest, 'domain ~ keep ~ web1'], REPLICA)
    k.put(k.nvram, 'variables 2')
    k.put(k.tpm, 'tpm 2')


def check_missing(k):
    """A set is put in place as a whole, or not at all."""
    def spoil(path):
        with open(path, 'r+b') as f:
            byte = f.read(1)
            f.seek(0)
            f.write(bytes([byte[0] ^ 1]))

    def files():
        return sorted(glob.glob(k.dir + '/files/*'), key=os.path.getsize)

    for name, what, said in (
            ('a file is missing', lambda: os.unlink(files()[0]), 'it is missing on this host'),
            ('a file is another', lambda: spoil(files()[0]), 'does not match its digest'),
            ('a file is longer', lambda: open(files()[0], 'a', encoding='utf-8').write('x'), 'does not match its digest'),
            ('a file is a link', lambda: (os.unlink(files()[0]), os.symlink('/etc/passwd', k.first)), 'no regular file'),
            ('the index is missing', lambda: os.unlink(glob.glob(k.dir + '/index-*')[0]), 'its index is missing on this host'),
            ('the index is another', lambda: spoil(glob.glob(k.dir + '/index-*')[0]), 'its index does not match'),
            ('the directory is missing, as on another host', lambda: shutil.rmtree(k.dir), 'its index is missing on this host'),
            ('the digest is none', lambda: k.w.world['host'].update({'points/files': '../../../etc/passwd'}), 'its index does not match')):
        keep_all(k)
        k.first = files()[0]
        what()
        k.run([k.tool, 'kept', 'web1'])
        result(k.status == 1, f'kept: {name}', k.text)
        s = k.session(['domain ~ import ~ web1 ~ ' + k.later, 'domain ~ failed-over ~ web1', 'xml ~ web1'])
        result(k.got == [0] * 3 and 'warning: ' in s.out[1][1] and said in s.out[1][1] and '>32768<' in s.out[2][1] and
               k.get(k.nvram) == 'variables 2' and k.get(k.tpm) == 'tpm 2', f'failover: {name}: reported, and nothing is put in place', s.text)
        result("failover='17'" in s.out[2][1], f'failover: {name}: it is done', s.text)
    keep_all(k)
    os.unlink(glob.glob(k.dir + '/index-*')[0])
    s = k.session(['domain ~ import ~ web1 ~ ' + k.guest, 'domain ~ keep ~ web1 ~ --point ~ 1'], REPLICA)
    result(k.got == [0, 0] and 'what was kept with other points of web1 is lost' in s.out[1][1] and k.kept() == {1: ALL}, 'keep: after a loss', s.text)


def check_hostile(k):
    """What is in the place of NVRAM or of a TPM's state, in directories of other users."""
    secret = k.put('/etc/secret', 'secret')

    def replace(path, how):
        full = k.w.root + path
        if os.path.lexists(full):
            os.unlink(full)
        how(full)

    def sparse(full):
        with open(full, 'wb') as f:
            f.truncate((128 << 20) + 1)

    for name, how in (('a link', lambda f: os.symlink(secret, f)), ('a FIFO', os.mkfifo), ('a directory', os.mkdir), ('a huge file', sparse),
                      ('a link to /dev/zero', lambda f: os.symlink('/dev/zero', f)), ('a dangling link', lambda f: os.symlink('/nonexistent', f))):
        for what, path in ('NVRAM', k.nvram), ('TPM', k.tpm):
            keep_all(k)
            replace(path, how)
            before = k.kept()
            s = k.session(['domain ~ import ~ web1 ~ ' + k.guest, 'domain ~ keep ~ web1 ~ --point ~ 1'], REPLICA)
            result(k.got == [0, 1] and 'cannot be kept: it is ' in s.err and k.kept() == before, f'keep: {what} is {name}: refused, nothing changes', s.text)
            s = k.session(['domain ~ import ~ web1 ~ ' + k.later, 'domain ~ failed-over ~ web1'])
            result(k.got == [0, 1] and k.get('/etc/secret') == 'secret' and k.kept() == before, f'failover: {what} is {name}: nothing is followed', s.text)
            if name == 'a directory':
                os.rmdir(k.w.root + path)
    s = k.session(['domain ~ import ~ web1 ~ ' + k.later, 'domain ~ test-start ~ web1', 'domain ~ test-stop ~ web1'], "s['test-epoch'] = 19; s['test-point'] = 1")
    k.put(k.nvram, 'x')
    replace(k.nvram, os.mkfifo)
    s = k.session(['domain ~ import ~ web1 ~ ' + k.later, 'domain ~ test-start ~ web1'], "s['test-epoch'] = 19; s['test-point'] = 1")
    result(k.got == [0, 1] and 'no regular file' in s.err, 'test: NVRAM is a FIFO', s.text)

    # Directories on the way.
    keep_all(k)
    tpm = os.path.dirname(k.w.root + k.tpm)
    shutil.rmtree(tpm)
    os.symlink(k.w.root + '/etc', tpm)
    there = sorted(os.listdir(k.w.root + '/etc'))
    s = k.session(['domain ~ import ~ web1 ~ ' + k.later, 'domain ~ failed-over ~ web1'])
    result(k.got == [0, 0] and 'warning: TPM is not put in place' in s.out[1][1] and sorted(os.listdir(k.w.root + '/etc')) == there,
           'failover: the directory of the TPM is a link', s.text)
    os.unlink(tpm)
    shutil.rmtree(os.path.dirname(tpm))
    keep_all(k)
    shutil.rmtree(os.path.dirname(tpm))
    s = k.session(['domain ~ import ~ web1 ~ ' + k.later, 'domain ~ failed-over ~ web1'])
    result(k.got == [0, 0] and k.get(k.tpm) == 'tpm 1', 'failover: a TPM that this host has no directory for', s.text)

    # Paths in a definition.
    for path in '/etc/secret', '/var/lib/libvirt/qemu/nvram/../../../../../etc/secret', '/var/lib/libvirt/qemu/nvram/.hidden', 'relative':
        k.forget()
        k.put(k.nvram, 'variables 2')
        evil = k.w.file('evil.xml', GUEST.replace(k.nvram, path))
        k.run([k.tool, 'keep', 'web1', '--xml', evil, '--nvram', k.w.file('evil_VARS.fd', 'evil')], REPLICA)
        s = k.session(['domain ~ import ~ web1 ~ ' + k.later, 'domain ~ failed-over ~ web1'])
        result(k.got == [0, 0] and 'warning: NVRAM is not put in place' in s.out[1][1] and k.get('/etc/secret') == 'secret',
               f'failover: NVRAM at {path}', s.text)
    # The failover is not over for this host, as after a crash, and the definition is the kept one.
    k.forget()
    evil = k.w.file('evil.xml', GUEST.replace(k.nvram, '/etc/secret'))
    k.run([k.tool, 'keep', 'web1', '--xml', evil, '--nvram', k.w.file('evil_VARS.fd', 'evil')], REPLICA)
    k.session(['domain ~ import ~ web1 ~ ' + k.later, 'domain ~ failed-over ~ web1'])
    with open(glob.glob(k.dir + '/index-*')[0], encoding='utf-8') as f:
        text = ''.join(line for line in f if ' placed ' not in line)
    digest = hashlib.sha256(text.encode()).hexdigest()
    with open(k.dir + '/index-' + digest, 'w', encoding='utf-8') as f:
        f.write(text)
    k.w.world['host']['points/files'] = digest
    s = k.session(['domain ~ import ~ web1 ~ ' + evil, 'domain ~ failed-over ~ web1'])
    result(k.got == [0, 0] and 'warning: NVRAM is not put in place' in s.out[1][1] and k.get('/etc/secret') == 'secret',
           'failover: NVRAM at a path of the kept definition, tried again', s.text)

    # A name that is no word would break a line of the index.
    keep_all(k)
    odd = k.put(os.path.dirname(k.tpm) + '/tpm2 \x1b\n.permall', 'x')
    s = k.session(['domain ~ import ~ web1 ~ ' + k.guest, 'domain ~ keep ~ web1'], REPLICA)
    result(k.got == [0, 0] and '\x1b' not in s.out[1][1] and k.kept() == {2: ALL} and k.files() == 3, 'keep: a name that swtpm does not give', s.text)
    os.unlink(odd)
    k.run([k.tool, 'keep', 'web1', '--tpm', k.w.file('tpm 2.permall', 'x')], REPLICA)
    result(k.status == 6 and 'is no state of a TPM' in k.err and k.kept() == {2: ALL}, 'keep --tpm: the same', k.text)

    name = k.w.file('named.xml', GUEST.replace('web1</name>', 'test</name>'))
    k.forget()
    k.run([k.tool, 'keep', 'web1', '--xml', name], REPLICA)
    s = k.session(['domain ~ failed-over ~ web1', 'list'])
    result(k.got[0] == 0 and 'warning: definition is not put in place' in s.out[0][1], 'failover: no other domain is replaced', s.text)
    k.forget()
    k.run([k.tool, 'keep', 'web1', '--xml', k.guest], REPLICA)
    k.put('/dev/dm-replica/web1/vda', '254:7')
    s = k.session(['domain ~ failed-over ~ web1', 'list'])
    result(k.got == [0, 0] and 'no device of web1 among its disks' in s.out[0][1] and 'web1' not in s.out[1][1],
           'failover: a definition without a device of the system', s.text)
    k.put('/dev/dm-replica/web1/vda', '254:1')


def check_gone(k):
    """Files go with their points."""
    answers = "w['answers'] = {'point-del': {}, 'point-new': {'point': 3}, 'failover-commit': {'set': {'state': 6}}, 'relationship-remove': {}}; "

    def keep_two():
        k.forget()
        for point, text in ('p1', 'one'), ('p2', 'two'):
            k.run([k.tool, 'keep', 'web1', '--point', point, '--xml', k.guest, '--nvram', k.w.file('VARS', text)], REPLICA)

    keep_two()
    result(k.files() == 3, 'keep: one definition and two NVRAM', k.text)
    k.w.world['points'] = [p for p in POINTS if p['number'] == 2]
    k.run([k.replicactl, 'recovery-point', 'drop', 'web1', '2', '--yes'], answers)
    result(k.status == 0 and k.files() == 2 and k.kept() == {2: ['domain.xml', 'nvram']}, 'drop: its files are gone, those of others are not', k.text)
    k.w.world['points'] = [dict(p) for p in POINTS]
    keep_two()
    k.w.world['points'] = [p for p in POINTS if p['number'] == 2]
    k.run([k.replicactl, 'recovery-point', 'create', 'web1', '--drop', '2'], answers)
    result(k.status == 0 and k.files() == 2, 'create: files of points that are dropped with it', k.text)
    k.run([k.tool, 'keep', 'web1', '--nvram', k.w.file('VARS', 'three')], REPLICA)
    with open(glob.glob(k.dir + '/index-*')[0], encoding='utf-8') as f:
        text = f.read()
    result(k.kept() == {2: ['nvram']} and k.files() == 1 and len(glob.glob(k.dir + '/index-*')) == 1 and text.count('\n') == 1,
           'keep: in place of what the point had; the index has no point that is gone', text)
    k.put('/x', '')
    os.symlink(k.w.root + '/x', k.dir + '/index-link')
    k.run([k.replicactl, 'recovery-point', 'drop', 'web1', '2', '--yes'], answers)
    result(k.files() == 1, 'drop: an index that cannot be read removes nothing', k.text)
    os.unlink(k.dir + '/index-link')
    k.w.world['points'] = [dict(p) for p in POINTS]

    keep_all(k)
    k.session(['domain ~ import ~ web1 ~ ' + k.later, 'domain ~ failed-over ~ web1'])
    n = k.files()
    k.run([k.replicactl, 'recovery-point', 'drop', 'web1', '1', '--yes'], answers)
    result(n == 6 and k.files() == n, 'drop: what a revert puts back stays', f'{n}\n{k.text}')
    # A revert without libvirt's answer; what it has to put back waits for one.
    k.run([k.replicactl, 'recovery-point', 'drop', 'web1', '1', '--yes'], answers + REPLICA)
    s = k.session(['domain ~ import ~ web1 ~ ' + k.guest, 'domain ~ reverted ~ web1', 'xml ~ web1'], REPLICA)
    result(k.files() and k.got == [0] * 3 and '>32768<' in s.out[2][1] and k.get(k.nvram) == 'variables 2', 'drop: so after the revert, until it is done', s.text)
    k.session(['domain ~ import ~ web1 ~ ' + k.later, 'domain ~ failed-over ~ web1'])
    k.w.world['points'] = []
    k.run([k.replicactl, 'commit', 'web1', '--yes'], answers)
    result(k.status == 0 and k.files() == 0, 'commit: with all points their files', k.text)
    k.w.world['points'] = [dict(p) for p in POINTS]


def check_test(k):
    keep_all(k)
    os.makedirs(k.w.root + '/run', exist_ok=True)
    tested = "s['test-epoch'] = 19; s['test-point'] = 2"
    copy = k.w.root + f'/run/dm-replica-domain/test-{UUID}_VARS.fd'
    imported = 'domain ~ import ~ web1 ~ ' + k.later
    s = k.session([imported, 'domain ~ test-start ~ web1', 'live-xml ~ web1 - Test', 'xml ~ web1'], tested)
    with open(copy, encoding='utf-8') as f:
        text = f.read()
    result(k.got == [0] * 4 and '>65536<' in s.out[2][1] and '>32768<' in s.out[3][1] and text == 'variables 1' and k.get(k.nvram) == 'variables 2',
           'test: definition and NVRAM of its point, beside the guest', s.text)
    os.unlink(copy)
    k.forget()
    k.run([k.tool, 'keep', 'web1', '--nvram', k.w.file('VARS', 'of the point')], REPLICA)
    typed = k.w.file('typed.xml', GUEST.replace(f'<nvram>{k.nvram}</nvram>', f"<nvram type='file'><source file='{k.nvram}'/></nvram>"))
    s = k.session(['domain ~ import ~ web1 ~ ' + typed, 'domain ~ test-start ~ web1', 'live-xml ~ web1 - Test', 'domain ~ test-stop ~ web1'], tested)
    result(k.got == [0] * 4 and f'<nvram>{copy}</nvram>' in s.out[2][1], 'test: NVRAM of its point where the definition has a source', s.text)
    keep_all(k)
    s = k.session([imported, 'domain ~ test-start ~ web1', 'live-xml ~ web1 - Test', 'domain ~ test-stop ~ web1'], tested.replace('2', '1'))
    result(k.got == [0] * 4 and '>32768<' in s.out[2][1], 'test: of a point without files, the present ones', s.text)
    check_test_tpm(k, imported, tested)


def check_test_tpm(k, imported, tested):
    """A rehearsal has a TPM of its own, and leaves none."""
    base = os.path.dirname(os.path.dirname(os.path.dirname(k.tpm)))

    def tests():
        return [os.path.dirname(os.path.dirname(f)) for f in glob.glob(k.w.root + base + '/*/tpm2/*.permall') if UUID not in f]

    def state(directory):
        with open(directory + '/tpm2/tpm2-00.permall', encoding='utf-8') as f:
            return f.read()

    k.put('/etc/libvirt/qemu.conf', '# swtpm_user = "root"\nswtpm_user = "+1234"\nswtpm_group = "+1235"\n')
    keep_all(k)
    shutil.rmtree(k.w.root + base + '/' + UUID)
    other = k.put(base + '/11111111-2222-3333-4444-555555555555/tpm2/tpm2-00.permall', 'of another guest')
    marked = k.put(base + '/11111111-2222-3333-4444-666666666666/.dm-replica-test', '11111111-2222-3333-4444-777777777777')
    for point, what in (2, 'tpm 1'), (1, 'tpm 2'):
        k.put(k.tpm, 'tpm 2')
        s = k.session([imported, 'domain ~ test-start ~ web1', 'live-xml ~ web1 - Test'], tested.replace('2', str(point)))
        found = [d for d in tests() if '11111111-' not in d]
        result(k.got == [0] * 3 and len(found) == 1 and state(found[0]) == what and f'<uuid>{os.path.basename(found[0])}</uuid>' in s.out[2][1] and
               ('TPM: of point 2' in s.out[1][1]) == (point == 2), f'test of point {point}: its TPM has the state ' + ('that is kept' if point == 2 else 'of the guest'), s.text)
        stat = os.stat(found[0] + '/tpm2'), os.stat(found[0] + '/tpm2/tpm2-00.permall')
        result(os.geteuid() or all((s.st_uid, s.st_gid) == (1234, 1235) for s in stat), 'test: which the user of swtpm can read', str(stat))
        # As after a crash of the host: no domain, but the state.
        s = k.session([imported, 'domain ~ test-stop ~ web1'], tested)
        result(k.got == [0, 0] and not os.path.exists(found[0]) and 'removed: ' + base in s.out[1][1], 'test: state of one that is gone is removed', s.text)
    result(os.path.exists(other) and os.path.exists(marked) and k.get(k.tpm) == 'tpm 2', 'test: that of others is not')
    os.unlink(k.w.root + k.tpm)
    s = k.session([imported, 'domain ~ test-start ~ web1', 'domain ~ test-stop ~ web1'], tested.replace('2', '1'))
    result(k.got == [0] * 3 and 'TPM: new and empty' in s.out[1][1] and [d for d in tests() if '11111111-' not in d] == [] and
           len(os.listdir(k.w.root + base)) == 3, 'test: without any state libvirt sets up a TPM', s.text)
    shutil.rmtree(k.w.root + base)
    s = k.session([imported, 'domain ~ failed-over ~ web1'])
    stat = os.stat(k.w.root + os.path.dirname(k.tpm)), os.stat(k.w.root + k.tpm)
    result(k.got == [0, 0] and k.get(k.tpm) == 'tpm 1' and (os.geteuid() or all(s.st_uid == 1234 for s in stat)),
           'failover: on a host that never had a TPM the user of swtpm can read it', s.text + str(stat))
    k.session(['domain ~ import ~ web1 ~ ' + k.guest, 'domain ~ reverted ~ web1'], REPLICA)
    os.unlink(k.w.root + '/etc/libvirt/qemu.conf')


# Ends the process instead of its Nth change of the disk; or there is no room below a directory.
DISTURB = r'''
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static void count(void)
{
	static int n;
	const char *at = getenv("CRASH_AT");

	if (at && ++n == atoi(at))
		kill(getpid(), SIGKILL);
}
/* libvirt does not answer the Nth question for a definition, and those after it. */
char *virDomainGetXMLDesc(void *dom, unsigned int flags)
{
	char *(*real)(void *, unsigned int) = dlsym(RTLD_NEXT, "virDomainGetXMLDesc");
	const char *from = getenv("NO_XML_FROM");
	static int n;

	return from && ++n >= atoi(from) ? NULL : real(dom, flags);
}
/* libvirt does not start a domain, after the mark of it. */
int virDomainCreate(void *dom)
{
	int (*real)(void *) = dlsym(RTLD_NEXT, "virDomainCreate");

	if (getenv("NO_START") && !strcmp(getenv("NO_START"), "killed"))
		kill(getpid(), SIGKILL);
	return getenv("NO_START") ? -1 : real(dom);
}
/* Reads of files with this prefix fail with EIO. */
ssize_t read(int fd, void *data, size_t bytes)
{
	__typeof__(&read) real = dlsym(RTLD_NEXT, "read");
	const char *bad = getenv("UNREADABLE");
	char link[64], path[PATH_MAX];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = bad ? readlink(link, path, sizeof(path) - 1) : -1;
	if (n <= 0 || strncmp(path, bad, strlen(bad)))
		return real(fd, data, bytes);
	errno = EIO;
	return -1;
}
static int full(int fd)
{
	const char *below = getenv("FULL");
	char link[64], path[PATH_MAX];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = below ? readlink(link, path, sizeof(path) - 1) : -1;
	return n > 0 && !strncmp(path, below, strlen(below));
}
#define REAL(name) __typeof__(&name) real = dlsym(RTLD_NEXT, #name)
int fsync(int fd) { REAL(fsync); count(); return real(fd); }
int renameat(int a, const char *b, int c, const char *d) { REAL(renameat); count(); return real(a, b, c, d); }
int unlinkat(int a, const char *b, int c) { REAL(unlinkat); count(); return real(a, b, c); }
int mkdirat(int a, const char *b, mode_t c) { REAL(mkdirat); count(); return real(a, b, c); }
ssize_t write(int a, const void *b, size_t c)
{
	REAL(write);

	if (a > 2)
		count();
	if (!full(a))
		return real(a, b, c);
	errno = ENOSPC;
	return -1;
}
'''


def check_full(k):
    """A full filesystem holds up no guest, and loses nothing that was kept."""
    imported, libvirt = 'domain ~ import ~ web1 ~ ' + k.later, k.w.root + '/var/lib/libvirt'
    keep_all(k)
    before = k.kept()
    for full, where in (k.dir, 'of what is kept'), (libvirt, 'of libvirt'):
        keep_all(k)
        s = k.session([imported, 'domain ~ failed-over ~ web1', 'domain ~ start ~ web1', 'xml ~ web1', 'domain ~ stop ~ web1 ~ --force'], full=full)
        result(k.got == [0, 1, 0, 0, 0] and 'No space left' in s.out[2][1] + s.err and k.get(k.nvram) == 'variables 2' and k.get(k.tpm) == 'tpm 2',
               f'full {where}: the guest starts on what is there', s.text)
        result('warning: the guest starts with what this host has' in s.out[2][1] and "failover='17'" in s.out[3][1] and
               'with room in /var/lib: replicactl domain start web1 puts it in place' in s.err, f'full {where}: both commands report it', s.text)
        # What the guest has written since is its own.
        k.put(k.nvram, 'written by the guest')
        s = k.session([imported, 'domain ~ start ~ web1', 'domain ~ stop ~ web1 ~ --force'])
        result(k.got == [0] * 3 and k.get(k.nvram) == 'written by the guest' and 'of point' not in s.out[1][1], f'full {where}: a later start replaces nothing', s.text)
        result(k.kept() == before, f'full {where}: what belongs to points is still there', k.text)
        # The mark is there before the guest starts, and goes if it does not.
        keep_all(k)
        s = k.session([imported, 'domain ~ failed-over ~ web1', 'domain ~ start ~ web1'], full=full, env_more={'NO_START': '1'})
        result(k.got == [0, 1, 1] and 'points/left' not in k.w.world['host'], f'full {where}: a start that fails leaves no mark', s.text)
        s = k.session([imported, 'domain ~ failed-over ~ web1', 'domain ~ start ~ web1'], full=full, env_more={'NO_START': 'killed'})
        result('points/left' in k.w.world['host'], f'full {where}: killed while libvirt starts the guest: the mark is there', s.text)
        # Room again before the guest starts.
        keep_all(k)
        k.session([imported, 'domain ~ failed-over ~ web1'], full=full)
        s = k.session([imported, 'domain ~ start ~ web1'])
        result(k.got == [0, 0] and k.get(k.nvram) == 'variables 1' and k.get(k.tpm) == 'tpm 1', f'room {where} before the start: all is put in place', s.text)
        # The revert finds none.
        s = k.session(['domain ~ import ~ web1 ~ ' + k.guest, 'domain ~ reverted ~ web1'], REPLICA, full=full)
        result(k.got == [0, 1], f'full {where} at the revert: it is reported', s.text)
        s = k.session(['domain ~ import ~ web1 ~ ' + k.guest, 'domain ~ reverted ~ web1', 'xml ~ web1'], REPLICA)
        result(k.got == [0] * 3 and k.get(k.nvram) == 'variables 2' and k.get(k.tpm) == 'tpm 2' and '>32768<' in s.out[2][1],
               f'full {where} at the revert: with room all is back', s.text)
    # The next failover finds what the revert has not put back, and no room.
    keep_all(k)
    k.session([imported, 'domain ~ failed-over ~ web1'])
    k.session(['domain ~ import ~ web1 ~ ' + k.guest, 'domain ~ reverted ~ web1'], REPLICA, full=libvirt)
    s = k.session([imported, 'domain ~ failed-over ~ web1', 'domain ~ start ~ web1'], "s['live-epoch'] = 21", full=libvirt)
    result(k.got == [0, 1, 0] and 'an earlier failover has replaced' in s.err, 'full: another failover starts, too', s.text)
    s = k.session(['domain ~ import ~ web1 ~ ' + k.guest, 'domain ~ reverted ~ web1'], REPLICA)
    result(k.got == [0, 0] and k.get(k.nvram) == 'variables 2' and k.get(k.tpm) == 'tpm 2', 'full: what the first has replaced is not lost', s.text)


def check_lost(k):
    """What a revert has to put back stays kept until it is back."""
    later, guest = 'domain ~ import ~ web1 ~ ' + k.later, 'domain ~ import ~ web1 ~ ' + k.guest
    other = GUEST_TPM.replace(UUID, 'c1b0a4c8-7a3e-4b52-9c0f-000000000001')
    taken = 'define ~ ' + k.w.file('taken.xml', other)
    for name, lines, env in (
            ('libvirt does not answer', [guest], {'NO_XML_FROM': '1'}),
            ('another domain has the name', [taken], None),
            ('the disk does not read it', [guest], {'UNREADABLE': k.dir + '/files/'}),
            ('the disk does not read the index', [guest], {'UNREADABLE': k.dir + '/index-'})):
        keep_all(k)
        k.session([later, 'domain ~ failed-over ~ web1'])
        s = k.session(lines + ['domain ~ reverted ~ web1'], REPLICA, env=env)
        result(k.got == [0, 1] and k.get(k.nvram) == 'variables 1', f'revert: {name}: it is reported', s.text)
        s = k.session([guest, 'domain ~ reverted ~ web1', 'xml ~ web1'], REPLICA)
        result(k.got == [0] * 3 and k.get(k.nvram) == 'variables 2' and k.get(k.tpm) == 'tpm 2' and '>32768<' in s.out[2][1],
               f'revert: {name}: another attempt puts all back', s.text)
    # It cannot come back before another failover, which has what is kept with its point.
    keep_all(k)
    k.session([later, 'domain ~ failed-over ~ web1'])
    k.put(k.nvram, 'written by the guest')
    renamed = k.w.file('renamed.xml', GUEST_TPM.replace('web1</name>', 'web9</name>').replace('<memory>', METADATA.replace("view='replica'", '') + '<memory>').replace(
        "type='file'", "type='block'").replace("file='/srv/web1.img'", "dev='/dev/dm-replica/web1/vda'"))
    k.run([k.tool, 'keep', 'web1', '--nvram', k.w.file('VARS', 'of the point')], REPLICA)
    s = k.session(['define ~ ' + renamed, taken, 'domain ~ failed-over ~ web1'], "s['live-epoch'] = 21")
    result(k.got == [0] * 3 and k.get(k.nvram) == 'of the point' and 'there is a domain web1 already' in s.out[2][1],
           'failover: after one that cannot be put back: NVRAM of the point', s.text)
    s = k.session([guest, 'domain ~ reverted ~ web1', 'xml ~ web1'], REPLICA)
    result(k.got == [0] * 3 and k.get(k.nvram) == 'variables 2' and k.get(k.tpm) == 'tpm 2' and '>32768<' in s.out[2][1],
           'revert: after both, what was there before the first', s.text)
    # An index that the disk does not read is no reason to begin a new one.
    keep_all(k)
    before = k.kept()
    k.run(preloaded(k.library) + [k.tool, 'keep', 'web1', '--point', '1', '--nvram', k.w.file('VARS', 'x')], REPLICA, env={'UNREADABLE': k.dir + '/index-'})
    text = k.text
    result('Input/output error' in text and k.kept() == before, 'keep: the disk does not read the index: nothing changes', text)
    # A definition that names the NVRAM of another guest of this host.
    keep_all(k)
    s = k.session(['define ~ ' + k.w.file('same.xml', other.replace('web1</name>', 'web2</name>')), later, 'domain ~ failed-over ~ web1'])
    result(k.got == [0] * 3 and k.get(k.nvram) == 'variables 1', 'failover: NVRAM that the domain had before is its own', s.text)
    keep_all(k)
    no_nvram = k.w.file('plain.xml', GUEST_TPM.replace(f'<nvram>{k.nvram}</nvram>', '<nvram>/var/lib/libvirt/qemu/nvram/x_VARS.fd</nvram>'))
    s = k.session(['define ~ ' + k.w.file('same.xml', other.replace('web1</name>', 'web2</name>')), 'domain ~ import ~ web1 ~ ' + no_nvram, 'domain ~ failed-over ~ web1'])
    result(k.got == [0] * 3 and k.get(k.nvram) == 'variables 2' and 'its file is that of another domain' in s.out[2][1] and k.get(k.tpm) == 'tpm 1',
           'failover: NVRAM of another domain stays', s.text)


def check_crash(k):
    """Killed at each change of the disk: the old set or the new one, and the next call works."""
    run = preloaded(k.library)
    one, two = k.w.file('one_VARS.fd', 'one'), k.w.file('two_VARS.fd', 'two')
    guest = k.w.file('crash.xml', GUEST)
    wrong, n, seen = [], 0, set()
    while n < 100:
        n += 1
        k.forget()
        k.run([k.tool, 'keep', 'web1', '--nvram', one], REPLICA)
        k.run(run + [k.tool, 'keep', 'web1', '--xml', guest, '--nvram', two], REPLICA, env={'CRASH_AT': str(n)})
        ended = k.status == 0
        kept = k.kept()
        seen.add(str(kept))
        if kept not in ({2: ['nvram']}, {2: ['domain.xml', 'nvram']}) or (ended and kept == {2: ['nvram']}):
            wrong.append((n, kept, k.text))
        k.run([k.tool, 'keep', 'web1', '--xml', guest, '--nvram', one], REPLICA)
        if k.kept() != {2: ['domain.xml', 'nvram']} or k.files() != 2 or len(os.listdir(k.dir)) != 2:
            wrong.append((n, 'next', os.listdir(k.dir), k.text))
        if ended:
            break
    result(not wrong and 10 < n < 100 and len(seen) == 2, f'keep: killed at each of {n} places: the old set or the new one', str(wrong[:2]))

    # At a failover: the next start completes it, and a revert has what was there.
    wrong, n = [], 0
    while n < 100:
        n += 1
        keep_all(k)
        script = k.w.file('script', 'domain\timport\tweb1\t' + k.later + '\ndomain\tfailed-over\tweb1\n')
        k.run(run + [k.driver, script], env={'CRASH_AT': str(n)})
        ended = k.status == 0
        nvram = k.get(k.nvram)
        s = k.session(['domain ~ import ~ web1 ~ ' + k.later, 'domain ~ start ~ web1', 'xml ~ web1'])
        if nvram not in ('variables 1', 'variables 2') or k.got != [0] * 3 or k.get(k.nvram) != 'variables 1' or k.get(k.tpm) != 'tpm 1':
            wrong.append((n, nvram, s.text))
        s = k.session(['domain ~ reverted ~ web1', 'xml ~ web1'], REPLICA)
        if k.got != [0, 0] or '>32768<' not in s.out[1][1] or k.get(k.nvram) != 'variables 2' or k.get(k.tpm) != 'tpm 2':
            wrong.append((n, 'reverted', s.text))
        if ended:
            break
    result(not wrong and 10 < n < 100, f'failover: killed at each of {n} places', str(wrong[:2]))


# A command that waits for the lock, or has ended.
STARTED = r'''
import fcntl, glob, os, subprocess, sys, time

def started(command):
    p = subprocess.Popen(command)
    for _ in range(3000):
        with open('/proc/locks', encoding='utf-8') as f:
            if any('-> FLOCK' in line and line.split()[5] == str(p.pid) for line in f):
                break
        if p.poll() is not None:
            break
        time.sleep(0.02)
    return p

'''
# Two commands that wait for it, and get it one after the other.
TWO = r'''
fd = os.open(sys.argv[1], os.O_RDONLY)
fcntl.flock(fd, fcntl.LOCK_EX)
both = [started([sys.argv[2], 'failed-over', 'web1']),
        started([sys.argv[2], 'keep', 'web1', '--point', '1', '--nvram', sys.argv[3]])]
os.close(fd)
sys.exit(sum(p.wait() for p in both))
'''


# Two commands that have found nothing in place, and wait to put it there.
BOTH = r'''
fd = os.open(sys.argv[1], os.O_RDONLY)
fcntl.flock(fd, fcntl.LOCK_SH)
both = [started([sys.argv[2], 'failed-over', 'web1']) for _ in range(2)]
os.close(fd)
sys.exit(sum(p.wait() for p in both))
'''


# A command that reads while another has taken the index away, to put the next in its place.
READ = r'''
index = glob.glob(sys.argv[1] + '/index-*')[0]
fd = os.open(sys.argv[1], os.O_RDONLY)
fcntl.flock(fd, fcntl.LOCK_EX)
os.rename(index, index + '.away')
p = started([sys.argv[2], 'kept', 'web1', '--json'])
os.rename(index + '.away', index)
os.close(fd)
sys.exit(p.wait())
'''


def check_two(k):
    keep_all(k)
    k.run([sys.executable, k.w.file('read.py', STARTED + READ), k.dir, k.tool])
    result(k.status == 0 and k.out.count('"good"') == 3, 'kept: while the index changes: one that reads waits', k.text)
    k.run([sys.executable, k.w.file('two.py', STARTED + TWO), k.dir, k.tool, k.w.file('two_VARS.fd', 'two')])
    with open(k.dir + '/index-' + k.w.world['host']['points/files'], encoding='utf-8') as f:
        text = f.read()
    result(k.status == 0 and '\n0 placed ' in text and '\n1 nvram ' in text and '\n2 nvram ' in text, 'keep: beside a failover, both are there', k.text + text)
    keep_all(k)
    k.run([sys.executable, k.w.file('both.py', STARTED + BOTH), k.dir, k.tool])
    result(k.status == 0 and k.out.count('NVRAM: of point 2') == 1, 'failover: two that put it in place: one does', k.text)
