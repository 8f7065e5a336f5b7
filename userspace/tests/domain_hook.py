# SPDX-License-Identifier: GPL-2.0
"""The hook's decisions over a made-up /sys and /dev, and its stub; see domain.py."""

import os
import re
import subprocess
import time

from domain_world import HERE, UUID, result

STUB = os.path.join(HERE, '../host/libvirt/50-dm-replica')
OTHER = 'ffffffff-0405-0607-0809-0a0b0c0d0e0f'


class Sysfs:
    """Block devices that are files: of /sys what a decision needs, of /dev the numbers."""

    def __init__(self, root):
        self.root = root
        self.dirs = {}

    def put(self, path, text):
        path = os.path.join(self.root, path.lstrip('/'))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text + '\n')

    def add(self, number, name, *paths, uuid=None, on=(), part_of=None, backing=None):
        """A device, on others or a partition of one; with its paths below /dev."""
        where = f'{self.dirs[part_of]}/{name}' if part_of else f'sys/devices/virtual/block/{name}'
        self.dirs[number] = where
        self.put(f'{where}/dev', number)
        for directory in 'slaves', 'holders':
            os.makedirs(os.path.join(self.root, where, directory))
        if uuid:
            self.put(f'{where}/dm/uuid', uuid)
        if part_of:
            self.put(f'{where}/partition', '1')
        if backing:
            self.put(f'{where}/loop/backing_file', backing)
        link = os.path.join(self.root, 'sys/dev/block', number)
        os.makedirs(os.path.dirname(link), exist_ok=True)
        os.symlink(os.path.join('../../..', where), link)
        for below in on:
            for a, b, directory in (number, below, 'slaves'), (below, number, 'holders'):
                os.symlink(os.path.join(self.root, self.dirs[b]), os.path.join(
                    self.root, self.dirs[a], directory, os.path.basename(self.dirs[b])))
        for path in paths:
            self.put('/dev/' + path, number)


def make_host(w):
    s = Sysfs(w.root)
    s.add('8:0', 'sda', 'sda')
    s.add('8:1', 'sda1', 'sda1', part_of='8:0')
    s.add('8:2', 'sda2', 'sda2', part_of='8:0')
    s.add('8:16', 'sdb', 'sdb')
    s.add('8:32', 'sdc', 'sdc')
    s.add('8:33', 'sdc1', 'sdc1', part_of='8:32')
    s.add('253:0', 'dm-0', 'vg0/web1', 'mapper/vg0-web1', on=['8:1'], uuid='LVM-a')
    s.add('253:1', 'dm-1', 'vg0/store', on=['8:1'], uuid='LVM-b')
    s.add('253:2', 'dm-2', 'vg0/other', on=['8:1'], uuid='LVM-c')
    s.add('254:0', 'dm-10', 'mapper/web1-vda-replica', 'dm-10', on=['253:0', '253:1'],
          uuid=f'DMREPLICA-{UUID}-vda-replica')
    s.add('254:1', 'dm-11', 'mapper/web1-vda', 'dm-replica/web1/vda', 'dm-11',
          on=['253:0', '253:1'], uuid=f'DMREPLICA-{UUID}-vda-live')
    s.add('254:2', 'dm-12', 'mapper/web1-vda-test', 'dm-replica/web1/vda-test',
          on=['253:0', '253:1'], uuid=f'DMREPLICA-{UUID}-vda-test')
    s.add('254:3', 'dm-13', 'new-kind', uuid=f'DMREPLICA-{UUID}-vda-future')
    s.add('254:4', 'dm-14', 'strange', uuid='DMREPLICA-x')
    s.add('254:5', 'dm-15', 'gone', uuid=f'DMREPLICA-{OTHER}-vda-live')
    s.add('253:5', 'dm-5', 'mapper/crypt', on=['253:0'], uuid='CRYPT-a')
    s.add('253:6', 'dm-6', 'mapper/on-live', on=['254:1'], uuid='LVM-d')
    s.add('253:7', 'dm-7', 'mapper/deep', on=['253:5'], uuid='CRYPT-b')
    s.add('7:0', 'loop0', 'loop0', backing='/srv/home.img')
    s.add('7:1', 'loop1', 'loop1', backing='/dev/vg0/web1')
    for name, uuid, store, disk in (
            ('web1', UUID, '/dev/vg0/store', 'disk.vda=/dev/vg0/web1'),
            ('web-2', OTHER, '/dev/sdc1', 'disk.vda=/dev/loop0')):
        with open(os.path.join(w.conf, name + '.conf'), 'w', encoding='utf-8') as f:
            f.write(f'name={name}\nuuid={uuid}\nstore={store}\n{disk}\n')
    with open(os.path.join(w.conf, 'broken.conf'), 'w', encoding='utf-8') as f:
        f.write('\0\n=\n')
    s.put('/etc/libvirt/storage/lvm.xml', "<pool type='logical'><name>lvm</name><target><path>/dev/vg0</path></target></pool>")
    s.put('/run/libvirt/storage/run.xml', "<poolstatus><pool type='dir'><target><path>/srv</path></target></pool></poolstatus>")


def domain(source, metadata='', extra=''):
    return f'''<domain type='kvm'><name>g</name><metadata>{metadata}</metadata><devices>
<disk type='block' device='disk'>{source}<target dev='vda'/></disk>{extra}</devices></domain>'''


def dev(path):
    return f"<source dev='{path}'/>"


def meta(view='live', failover='17', uuid=UUID, more=''):
    epoch = f"failover='{failover}'" if failover else ''
    return f"<dmr:system xmlns:dmr='urn:dm-replica:domain:1' uuid='{uuid}' name='web1' view='{view}' {epoch}/>{more}"


# name, operation, XML, change of the world, text of the refusal or None
LIVE = '/dev/dm-replica/web1/vda'
TEST = LIVE + '-test'


def over(metadata):
    return domain(f"<source file='/a.qcow2'/><backingStore type='block'>{dev(LIVE)}</backingStore>", metadata)


OFF = "s['state'] = 3; del s['live-epoch']"
TESTED = "s['test-epoch'] = 19"
PRIMARY = OFF + "; s['flags'] = 1024"
ABSENT = "w['absent'] = True"
WHOLE = 'while points exist it is no usable disk'
TABLE = [
    ('a disk of another guest', 'prepare', domain(dev('/dev/sdb')), '', None),
    ('another LV of the volume group', 'prepare', domain(dev('/dev/vg0/other')), '', None),
    ('a file', 'prepare', domain("<source file='/srv/other.img'/>"), '', None),
    ('a path that is not there', 'prepare', domain(dev('/dev/nothing')), '', None),
    ('a disk in the network', 'prepare', domain("<source protocol='rbd' name='a/b'/>"), '', None),
    ('a drive without a medium', 'prepare', domain(''), '', None),
    ('no devices', 'prepare', '<domain/>', '', None),
    ('live, online', 'prepare', domain(dev(LIVE), meta()), '', None),
    ('live, online, without metadata', 'prepare', domain(dev(LIVE)), '', None),
    ('live, online, with old metadata', 'prepare', domain(dev(LIVE), meta(failover='3')), '', None),
    ('live, by another path', 'prepare', domain(dev('/dev/dm-11')), '', None),
    ('live, below an LV', 'prepare', domain(dev('/dev/mapper/on-live')), '', None),
    ('live, critical', 'prepare', domain(dev(LIVE)), "s['state'] = 8; s['state-stored'] = 5", None),
    ('live, committed', 'prepare', domain(dev(LIVE)), "s['state'] = 6", None),
    ('live, of a primary', 'prepare', domain(dev(LIVE)), PRIMARY, None),
    ('live, of a primary, with memory', 'restore', domain(dev(LIVE)), PRIMARY, None),
    ('a file over the live device of a primary', 'prepare', over(''), PRIMARY, None),
    ('the home of a primary', 'prepare', domain(dev('/dev/vg0/web1')), PRIMARY,
     WHOLE + '.*web1 is a primary: use /dev/dm-replica/web1/vda$'),
    ('test, of a primary', 'prepare', domain(dev(TEST)), PRIMARY, 'no test failover of web1 exists'),
    ('live, migrated to here', 'migrate', domain(dev(LIVE)), '', None),
    ('test, online', 'prepare', domain(dev(TEST), meta('test', '19')), TESTED, None),
    ('live, offline', 'prepare', domain(dev(LIVE), meta()), OFF,
     r'^web1 is a replica \(Replicating \(3\)\): replicactl failover web1$'),
    ('live, offline, migrated to here', 'migrate', domain(dev(LIVE)), OFF, 'replicactl failover web1$'),
    ('live, offline, below an LV', 'prepare', domain(dev('/dev/mapper/on-live')), OFF, 'replicactl failover web1$'),
    ('live, offline, as a file', 'prepare', domain(f"<source file='{LIVE}'/>"), OFF, 'replicactl failover web1$'),
    ('live, offline, as the second disk', 'prepare', domain(
        dev('/dev/sdb'), extra=f"<disk type='block'>{dev(LIVE)}</disk>"), OFF, 'replicactl failover web1$'),
    ('live, offline, in a chain', 'prepare', domain(
        f"<source file='/a.qcow2'/><backingStore type='block'>{dev(LIVE)}</backingStore>"), OFF, 'replicactl failover web1$'),
    ('a file over a disk of this failover', 'prepare', over(meta()), '', None),
    ('a file over a disk of another failover', 'prepare', over(meta(failover='15')), '',
     '^a disk of the guest is a file over /dev/dm-replica/web1/vda, which belongs to failover 15, and the disks are of failover 17: '
     'start it without the file: replicactl domain import web1 FILE$'),
    ('a file over a disk of no failover', 'prepare', over(''), '', 'which belongs to another failover'),
    ('memory beside such a file', 'restore', over(meta(failover='15')), '', 'which belongs to failover 15'),
    ('a copy to a disk of another failover', 'prepare', over(meta(failover='15')).replace('backingStore', 'mirror'), '', 'failover 15'),
    ('live, offline, as a mirror', 'prepare', domain(
        f"<source file='/a.qcow2'/><mirror type='block'>{dev(LIVE)}</mirror>"), OFF, 'replicactl failover web1$'),
    ('live, offline, as a CD-ROM', 'prepare', domain(dev(LIVE)).replace("device='disk'", "device='cdrom'"), OFF,
     'replicactl failover web1$'),
    ('test, offline', 'prepare', domain(dev(TEST)), '', '^no test failover of web1 exists: replicactl test-failover start web1$'),
    ('test, offline beside a failover', 'prepare', domain(dev(TEST)), OFF, 'test-failover start web1$'),
    ('a replica device', 'prepare', domain(dev('/dev/mapper/web1-vda-replica')), '',
     'is the replica of web1, to which replication writes: use /dev/dm-replica/web1/vda'),
    ('a replica device, for the primary here', 'prepare', domain(dev('/dev/mapper/web1-vda-replica'), meta('replica', '')), '', None),
    ('its memory', 'restore', domain(dev('/dev/mapper/web1-vda-replica'), meta('replica', '')), '', None),
    ('a replica device, for that of another system', 'prepare', domain(
        dev('/dev/mapper/web1-vda-replica'), meta('replica', '', OTHER)), '', 'is the replica of web1'),
    ('a replica device, with metadata twice', 'prepare', domain(
        dev('/dev/mapper/web1-vda-replica'), meta('replica', '', more=meta('replica', ''))), '', 'is the replica of web1'),
    ('a device of a kind to come', 'prepare', domain(dev('/dev/new-kind')), '', 'is the replica of web1'),
    ('a device of ours without a system', 'prepare', domain(dev('/dev/strange')), '', 'is the replica of'),
    ('a home', 'prepare', domain(dev('/dev/vg0/web1')), '', "^/dev/vg0/web1 is the home of web1's vda, .*" + WHOLE),
    ('a home, without the module', 'prepare', domain(dev('/dev/vg0/web1')), ABSENT, WHOLE),
    ('a home, by another path', 'prepare', domain(dev('/dev/mapper/vg0-web1')), '', WHOLE),
    ('a home, by a pool', 'prepare', domain("<source pool='lvm' volume='web1'/>"), '', WHOLE),
    ('another volume of the pool', 'prepare', domain("<source pool='lvm' volume='other'/>"), '', None),
    ('a pool with a path for its name', 'prepare', domain("<source pool='../storage/lvm' volume='web1'/>"), '', None),
    ('a device on a home', 'prepare', domain(dev('/dev/mapper/crypt')), '', WHOLE),
    ('a device on a device on a home', 'prepare', domain(dev('/dev/mapper/deep')), '', WHOLE),
    ('a loop device over a home', 'prepare', domain(dev('/dev/loop1')), '', WHOLE),
    ('the partition below a home', 'prepare', domain(dev('/dev/sda1')), '', 'shares storage with it'),
    ('the disk below a home', 'prepare', domain(dev('/dev/sda')), '', 'shares storage with it'),
    ('another partition of that disk', 'prepare', domain(dev('/dev/sda2')), '', None),
    ('a store', 'prepare', domain(dev('/dev/vg0/store')), '', '^/dev/vg0/store is the store of web1'),
    ('a store of a system that is not attached', 'prepare', domain(dev('/dev/sdc1')), '', 'is the store of web-2'),
    ('the disk with that store', 'prepare', domain(dev('/dev/sdc')), '', 'is the store of web-2'),
    ('a home of a system that is not attached', 'prepare', domain(dev('/dev/loop0')), '', "home of web-2's vda"),
    ('the image of that home', 'prepare', domain("<source file='/srv/home.img'/>"), '', "home of web-2's vda"),
    ('the image of that home, by a pool', 'prepare', domain("<source pool='run' volume='home.img'/>"), '', "home of web-2's vda"),
    ('NVRAM on a home', 'prepare', "<domain><os><nvram type='block'><source dev='/dev/vg0/web1'/></nvram></os></domain>", '', WHOLE),
    ('a system that is not attached', 'prepare', domain(dev('/dev/dm-replica/web-2/vda')), '',
     '^web-2 is not attached: replicactl attach web-2$'),
    ('the same by its other path', 'prepare', domain(dev('/dev/mapper/web--2-vda')), '', 'replicactl attach web-2$'),
    ('another name that begins so', 'prepare', domain(dev('/dev/mapper/web--2--b-vda')), '', None),
    ('a disk that an attached system lacks', 'prepare', domain(dev('/dev/dm-replica/web1/vdz')), '',
     'is not there, although web1 is attached'),
    ('a system that does not exist', 'prepare', domain(dev('/dev/dm-replica/none/vda')), '', 'there is no system none'),
    ('the module does not answer', 'prepare', domain(dev(LIVE)), ABSENT, 'which does not answer: '),
    ('a system that the module does not have', 'prepare', domain(dev('/dev/gone')), '', 'does not answer'),
    ('memory of this failover', 'restore', domain(dev(LIVE), meta()), '', None),
    ('memory of this failover, committed', 'restore', domain(dev(LIVE), meta()), "s['state'] = 6", None),
    ('memory of another failover', 'restore', domain(dev(LIVE), meta(failover='15')), '',
     "^the saved memory is of failover 15 of web1, the disks are of failover 17: "
     "start it without the memory: virsh managedsave-remove 'g u e s t'$"),
    ('memory of no failover', 'restore', domain(dev(LIVE), meta(failover='')), '', 'not known of which failover'),
    ('memory without metadata', 'restore', domain(dev(LIVE)), '', 'not known of which failover'),
    ('memory of another system', 'restore', domain(dev(LIVE), meta(uuid=OTHER)), '', 'not known of which failover'),
    ('memory with a failover that is no number', 'restore', domain(dev(LIVE), meta(failover='17x')), '', 'not known of which'),
    ('memory with the number in another namespace', 'restore', domain(
        dev(LIVE), meta().replace('domain:1', 'domain:2')), '', 'not known of which'),
    ('memory, offline', 'restore', domain(dev(LIVE), meta()), OFF, 'replicactl failover web1'),
    ('memory of a test', 'restore', domain(dev(TEST), meta('test', '19')), TESTED, None),
    ('memory of an earlier test', 'restore', domain(dev(TEST), meta('test', '18')), TESTED, 'is of failover 18'),
    ('memory of a guest without a disk of ours', 'restore', domain(dev('/dev/sdb')), '', None),
    ('XML that is broken', 'prepare', '<domain><a>', '', None),
    ('XML that is broken and names us', 'prepare', f'<domain>{dev(LIVE)}', '', 'cannot be read'),
    ('nothing', 'prepare', '', '', None),
]


def check_hook(w, tool):
    make_host(w)
    w.set_disks(['vda'])
    for name, operation, text, change, said in TABLE:
        status, out, err = w.run([tool, 'hook', 'g u e s t', operation], change, stdin=text)
        good = (status, err) == (0, '') if said is None else \
            status == 1 and re.search(said, err) and '\n' not in err
        result(good and not out, f'hook: {name} ({operation}): ' + ('starts' if said is None else 'is refused'),
               f'{status} {out!r} {err!r}')
        if said is None and '254' not in text and 'dm-replica/' not in text and 'mapper' not in text and \
                'dm-11' not in text:
            result(not w.requests, f'hook: {name}: the kernel is not asked', str(w.requests))
    offline = domain(dev(LIVE))
    for operation in 'start', 'started', 'stopped', 'release', 'reconnect', 'attach', '', 'prepare ':
        status, out, err = w.run([tool, 'hook', 'g', operation], OFF, stdin=offline)
        result((status, out, err) == (0, '', ''), f'hook: {operation!r} is nothing to it', f'{status} {out} {err}')
    for guest in '--help', '-h', '--', 'prepare':
        status, out, err = w.run([tool, 'hook', guest, 'prepare'], OFF, stdin=offline)
        result(status == 1 and not out and 'is a replica' in err, f'hook: a guest with the name {guest}', f'{status} {out} {err}')
    check_stub(w)
    check_profile()
    begin = time.monotonic()
    for _ in range(20):
        subprocess.run([tool, 'hook', 'g', 'prepare'], input=domain(dev('/dev/sdb')).encode(), env=w.env, check=True)
    print(f'# the hook takes {(time.monotonic() - begin) * 50:.1f} ms for a guest without a disk of ours')


PROFILE = '/etc/apparmor.d/usr.sbin.libvirtd'


def check_profile():
    """What the stub runs, by the rules of libvirtd's own AppArmor profile: the first of it leaves the profile."""
    if not os.path.exists(PROFILE):
        print('# libvirt-daemon-system is not installed: its AppArmor profile is not looked at')
        return
    with open(PROFILE, encoding='utf-8') as f:
        rules = re.findall(r'^\s*(/\S+)\s+(\w*x\w*),', f.read(), re.M)

    def modes(path):
        found = []
        for rule, mode in rules:
            pattern = re.escape(rule).replace(r'\*\*', '.*').replace(r'\*', '[^/]*').replace(r'\{', '(').replace(r'\}', ')').replace(',', '|')
            if re.fullmatch(pattern, path):
                found.append(mode)
        return found

    with open(STUB, encoding='utf-8') as f:
        lines = [line for line in f.read().splitlines() if not line.startswith('#')]
    runs = [re.match(r'(?:exec )?(\S+)', line).group(1) for line in lines if line.startswith('exec ')]
    result(runs == ['timeout'] and lines[-1].startswith('exec timeout 15 /usr/sbin/replicactl-domain '), 'AppArmor: the stub runs one program', str(lines))
    hook = modes('/etc/libvirt/hooks/qemu.d/50-dm-replica')
    result(any('ix' in m and 'r' in m for m in hook), 'AppArmor: libvirtd may run the stub, in its own profile', str(hook))
    for path in '/usr/bin/timeout', '/usr/sbin/replicactl-domain':
        result(any('Ux' in m for m in modes(path)), f'AppArmor: from there {path} runs, outside of the profile', str(modes(path)))
    result(not modes('/usr/lib/dm-replica/replicactl-domain') and not modes('/usr/libexec/replicactl-domain'),
           'AppArmor: which no other place of ours would', '')


def check_stub(w):
    """The stub, with a program in the place of ours that leaves a mark, prints and fails."""
    mark = os.path.join(w.dir, 'mark')
    program = w.file('program', f'#!/bin/sh\necho "$@" >{mark}\ncat >/dev/null\necho noise\nprintf refused >&2\nexit 1\n')
    with open(STUB, encoding='utf-8') as f:
        text = f.read()
    result(text.count('/usr/sbin/replicactl-domain') == 2 and '/usr/lib' not in text,
           'stub: the program is where AppArmor allows it', text)
    stub = w.file('stub', text.replace('/usr/sbin/replicactl-domain', program))
    os.chmod(program, 0o755)
    for operation, sub in [(o, 'begin') for o in (
            'prepare', 'restore', 'migrate', 'start', 'started', 'stopped', 'release', 'reconnect', 'attach', 'x')]:
        if os.path.exists(mark):
            os.remove(mark)
        p = subprocess.run(['/bin/sh', stub, '-g $x', operation, sub, '-'], input=b'<domain/>', stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, check=False)
        if operation in ('prepare', 'restore', 'migrate'):
            with open(mark, encoding='utf-8') as f:
                asked = f.read()
            result((p.returncode, p.stdout, p.stderr, asked) == (1, b'', b'refused', f'hook -g $x {operation}\n'),
                   f'stub: {operation} asks, and prints nothing to standard output', f'{p} {asked}')
        else:
            result((p.returncode, p.stdout, p.stderr) == (0, b'', b'') and not os.path.exists(mark),
                   f'stub: {operation} runs nothing', str(p))
    for operation in 'reconnect', 'started':
        p = subprocess.run(['/bin/sh', '-c', 'PATH=/nonexistent; . "$0"', stub, 'g', operation], check=False,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        p = subprocess.run(['/bin/sh', stub, 'g', operation], env={'PATH': '/nonexistent'}, check=False,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        result((p.returncode, p.stdout, p.stderr) == (0, b'', b''), f'stub: {operation} needs no program at all', str(p))
    os.remove(program)
    p = subprocess.run(['/bin/sh', stub, 'g', 'prepare'], check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    result((p.returncode, p.stdout, p.stderr) == (0, b'', b''), 'stub: without the program all may start', str(p))
