# SPDX-License-Identifier: GPL-2.0
"""Commands of replicactl-domain against the test driver of libvirt; see domain.py."""

import os
import re

from domain_world import UUID, preloaded, result

GUEST = f'''<domain type='test'>
  <name>web1</name>
  <uuid>{UUID}</uuid>
  <genid>11111111-2222-3333-4444-555555555555</genid>
  <memory>65536</memory>
  <os><type arch='i686'>hvm</type><loader readonly='yes' type='pflash'>/usr/share/code.fd</loader><nvram>/var/lib/libvirt/qemu/nvram/web1_VARS.fd</nvram></os>
  <devices>
    <disk type='file' device='disk'><source file='/srv/web1.img'/><target dev='vda' bus='virtio'/></disk>
    <interface type='network'><mac address='52:54:00:12:34:56'/><source network='default' portgroup='blue'/>
      <target dev='vnet7'/><model type='virtio'/></interface>
    <interface type='bridge'><mac address='52:54:00:12:34:57'/><source bridge='br9'/><vlan><tag id='4'/></vlan></interface>
    <interface type='user'><mac address='52:54:00:12:34:58'/></interface>
    <graphics type='vnc' port='5901'/>
    <channel type='unix'><source mode='bind' path='/run/a.sock'/><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
  </devices>
</domain>
'''
OFF = "s['state'] = 3; del s['live-epoch']"
NEXT = "s['live-epoch'] = 21"
TESTED = "s['test-epoch'] = 19"


class Session:
    """Lines for domain-driver.c; results by line."""

    def __init__(self, w, driver):
        self.w, self.driver = w, driver

    def run(self, lines, change='', preload=None, env=None):
        script = self.w.file('script', ''.join('\t'.join(line.split(' ~ ')) + '\n' for line in lines))
        status, out, err = self.w.run((preloaded(preload) if preload else []) + [self.driver, script], change, env=env)
        parts = re.split(r'^= (\d+)\n', out, flags=re.M)
        self.out = [(int(parts[i + 1]), parts[i].replace('"', "'")) for i in range(0, len(parts) - 1, 2)]
        if status:              # of the driver itself, or of a sanitizer in it
            self.out = [(status, err)] * len(lines)
        self.text = f'{status}\n{out}\n{err}'
        self.err = err
        return [s for s, _ in self.out]


def check_libvirt(w, driver):
    s = Session(w, driver)
    w.set_disks(['vda'])
    guest = w.file('guest.xml', GUEST)
    imported = 'domain ~ import ~ web1 ~ ' + guest

    got = s.run([imported, 'xml ~ web1', imported, 'list'])
    result(got == [0, 0, 0, 0], 'libvirt: import defines, and defines again what is its own', s.text)
    result("source dev='/dev/dm-replica/web1/vda'" in s.out[1][1] and "name='web1' view='live'" in s.out[1][1] and
           'genid>11111111' in s.out[1][1], 'libvirt: with source, metadata and generation ID', s.text)
    result('domain web1 active 0 persistent 1' in s.out[3][1], 'libvirt: the domain is not started', s.text)
    other = w.file('other.xml', GUEST.replace('web1</name>', 'test</name>').replace(UUID, 'c1b0a4c8-7a3e-4b52-9c0f-000000000001'))
    got = s.run(['domain ~ import ~ web1 ~ ' + other, 'define ~ ' + guest, imported])
    result(got == [6, 0, 6] and 'is not that of web1' in s.err, "libvirt: no other domain is replaced", s.text)
    bad = w.file('bad.xml', GUEST.replace('<memory>', '<frob/><memory>'))
    got = s.run(['domain ~ import ~ web1 ~ ' + bad, 'list'])
    result(got == [6, 0] and 'domain web1' not in s.out[1][1], 'libvirt: XML that its schema refuses', s.text)

    got = s.run([imported, 'domain ~ start ~ web1', 'domain ~ start ~ web1', 'xml ~ web1', 'domain ~ show ~ web1',
                 'domain ~ stop ~ web1', 'domain ~ stop ~ web1', 'list'])
    result(got == [0] * 8, 'libvirt: start, show, stop', s.text)
    result("failover='17'" in s.out[3][1] and 'genid>11111111' not in s.out[3][1] and '<genid>' in s.out[3][1],
           'libvirt: the first start after a failover renews the generation ID', s.text)
    result('runs already' in s.out[2][1], 'libvirt: a second start does nothing', s.text)
    result(re.search(r'domain web1, running\n.*failover  17\n  disk      vda: vda of web1, /dev/dm-replica/web1/vda',
                     s.out[4][1], re.S), 'libvirt: show', s.text)
    got = s.run([imported, 'domain ~ start ~ web1', 'xml ~ web1', 'domain ~ stop ~ web1 ~ --wait ~ 0 ~ --force',
                 'domain ~ start ~ web1', 'xml ~ web1'])
    genid = [re.search('<genid>(.*)</genid>', s.out[i][1]) for i in (2, 5)]
    result(got == [0] * 6 and genid[0] and genid[1] and genid[0].group(1) == genid[1].group(1),
           'libvirt: a second start of one failover does not', s.text)
    over = w.file('over.xml', GUEST.replace('<memory>', f"<metadata><d:system xmlns:d='urn:dm-replica:domain:1' uuid='{UUID}' name='web1' failover='15'/></metadata><memory>").replace(
        "<source file='/srv/web1.img'/>", "<driver name='qemu' type='qcow2'/><source file='/srv/over.qcow2'/><backingStore type='block'>"
        "<format type='raw'/><source dev='/dev/dm-replica/web1/vda'/></backingStore>"))
    got = s.run(['define ~ ' + over, 'domain ~ start ~ web1', 'domain ~ failed-over ~ web1', imported, 'domain ~ start ~ web1'])
    result(got == [0, 8, 8, 0, 0] and 'is a file over the disk of another failover' in s.err,
           'libvirt: a file over a disk fits one failover only', s.text)
    with open(over, encoding='utf-8') as f:
        now = w.file('now.xml', f.read().replace("failover='15'", "failover='17'"))
    got = s.run(['define ~ ' + now, 'domain ~ start ~ web1'])
    result(got == [0, 0], 'libvirt: which starts it', s.text)
    got = s.run([imported, 'domain ~ start ~ web1'], OFF)
    result(got == [0, 8] and 'replicactl failover web1' in s.err, 'libvirt: no start of a replica', s.text)
    got = s.run(['domain ~ start ~ web1', 'domain ~ stop ~ web1', 'domain ~ show ~ web1', 'domain ~ check ~ web1',
                 'domain ~ autostart ~ web1', 'domain ~ memory ~ list ~ web1', 'domain ~ memory ~ remove ~ web1',
                 'domain ~ failed-over ~ web1', 'domain ~ start ~ none'])
    result(got == [12, 12, 12, 12, 0, 0, 0, 0, 12] and 'replicactl domain import web1 FILE' in s.err,
           'libvirt: without a domain', s.text)

    # Another guest that only claims to be ours is not touched.
    claims = w.file('claims.xml', GUEST.replace('<memory>', f"<metadata><d:system xmlns:d='urn:dm-replica:domain:1' uuid='{UUID}'/></metadata><memory>"))
    got = s.run(['define ~ ' + claims, 'create ~ web1', 'domain ~ stop ~ web1 ~ --force ~ --wait ~ 0', 'domain ~ start ~ web1', 'list'])
    result(got == [0, 0, 6, 0, 0] and 'domain web1 active 1' in s.out[4][1] and 'no failover device of web1' in s.err,
           'libvirt: a domain without a device of the system is not stopped', s.text)
    got = s.run(['define ~ ' + claims, 'domain ~ start ~ web1', 'domain ~ resume ~ web1'])
    result(got == [0, 6, 6], 'libvirt: nor started or resumed', s.text)
    twice = claims.replace('claims', 'twice')
    with open(claims, encoding='utf-8') as f:
        w.file('twice.xml', f.read().replace('web1</name>', 'web2</name>').replace(f'<uuid>{UUID}', '<uuid>c1b0a4c8-7a3e-4b52-9c0f-000000000009'))
    got = s.run(['define ~ ' + claims, 'define ~ ' + twice, 'domain ~ start ~ web1', 'domain ~ memory ~ list ~ web1'])
    result(got == [0, 0, 1, 1] and '2 domains have the metadata of web1' in s.err, 'libvirt: two domains of one system', s.text)

    got = s.run([imported, 'domain ~ start ~ web1', 'suspend ~ web1', 'domain ~ resume ~ web1', 'domain ~ show ~ web1'])
    result(got == [0] * 5 and 'is not paused by an I/O error' in s.out[3][1] and 'paused' in s.out[4][1],
           'libvirt: a guest that its user has paused stays so', s.text)

    # autostart
    mark = os.path.join(w.root, 'run/libvirt/qemu/autostarted')
    got = s.run([imported, 'autostart ~ web1', 'domain ~ autostart ~ web1', 'list'])
    result(got == [0] * 4 and 'left to libvirt' in s.out[2][1] and 'web1 active 0' in s.out[3][1],
           "libvirt: autostart waits for libvirt's own", s.text)
    os.makedirs(os.path.dirname(mark))
    with open(mark, 'w', encoding='utf-8'):
        pass
    got = s.run([imported, 'domain ~ autostart ~ web1', 'list'])
    result(got == [0] * 3 and 'is not set to autostart' in s.out[1][1] and 'web1 active 0' in s.out[2][1],
           'libvirt: only a guest that is set to autostart', s.text)
    got = s.run([imported, 'autostart ~ web1', 'domain ~ autostart ~ web1', 'domain ~ autostart ~ web1', 'list'])
    result(got == [0] * 5 and 'runs already' in s.out[3][1] and 'web1 active 1' in s.out[4][1],
           'libvirt: autostart starts what has missed it', s.text)
    got = s.run([imported, 'autostart ~ web1', 'domain ~ autostart ~ web1', 'list'], OFF)
    result(got == [0] * 4 and 'not failed over' in s.out[2][1] and 'web1 active 0' in s.out[3][1],
           'libvirt: autostart leaves a replica alone', s.text)
    check_memory(w, s, imported)
    check_test(w, s, imported)
    check_check(s, imported)


def check_memory(w, s, imported):
    saved = [imported, 'domain ~ start ~ web1', 'snapshot ~ web1 ~ before', 'save ~ web1']
    got = s.run(saved + ['domain ~ memory ~ list ~ web1', 'domain ~ start ~ web1', 'saved ~ web1'])
    result(got == [0] * 7 and s.out[4][1] == 'saved memory web1\nsnapshot before\n' and 'saved 0' in s.out[6][1],
           'memory: that of this failover is restored', s.text)
    # defined for an earlier failover, and saved
    old = w.file('old.xml', GUEST.replace('<memory>', f"<metadata><d:system xmlns:d='urn:dm-replica:domain:1' uuid='{UUID}' name='web1' failover='15'/></metadata><memory>").replace(
        "type='file' device='disk'><source file='/srv/web1.img'/>", "type='block' device='disk'><source dev='/dev/dm-replica/web1/vda'/>"))
    stale = ['define ~ ' + old, 'create ~ web1', 'snapshot ~ web1 ~ before', 'save ~ web1']
    got = s.run(stale + ['domain ~ start ~ web1', 'saved ~ web1'])
    result(got == [0] * 4 + [8, 0] and 'saved 1' in s.out[5][1] and 'replicactl domain memory remove web1' in s.err,
           'memory: that of another failover is not', s.text)
    got = s.run(stale + ['domain ~ memory ~ remove ~ web1', 'domain ~ memory ~ list ~ web1', 'domain ~ start ~ web1', 'xml ~ web1'])
    result(got == [0] * 8 and s.out[4][1].count('removed: ') == 2 and s.out[5][1] == '' and "failover='17'" in s.out[7][1],
           'memory: removed, the guest starts cold', s.text)
    got = s.run(stale + ['domain ~ failed-over ~ web1', 'domain ~ memory ~ list ~ web1', 'xml ~ web1'])
    result(got == [0] * 7 and s.out[4][1].count('removed: ') == 2 and s.out[5][1] == '' and "failover='17'" in s.out[6][1] and
           'genid>11111111' not in s.out[6][1], 'memory: a failover removes it', s.text)
    got = s.run(saved + ['domain ~ failed-over ~ web1', 'saved ~ web1'])
    result(got == [0] * 6 and 'saved 1' in s.out[5][1], 'memory: that of the present failover stays', s.text)
    got = s.run([imported, 'domain ~ start ~ web1', 'domain ~ memory ~ remove ~ web1'])
    result(got == [0, 0, 7], 'memory: of a guest that runs it is not removed', s.text)
    got = s.run(stale + ['domain ~ memory ~ list ~ web1 ~ --json'], OFF)
    result('"kind": "saved memory"' in s.text and got[4] == 0, 'memory: as JSON, of a replica as well', s.text)


def check_test(w, s, imported):
    nvram = os.path.join(w.root, 'var/lib/libvirt/qemu/nvram/web1_VARS.fd')
    os.makedirs(os.path.dirname(nvram))
    with open(nvram, 'wb') as f:
        f.write(b'variables' * 10000)
    copy = os.path.join(w.root, f'run/dm-replica-domain/test-{UUID}_VARS.fd')
    got = s.run([imported, 'domain ~ start ~ web1', 'domain ~ test-start ~ web1', 'live-xml ~ web1 - Test', 'list', 'domain ~ show ~ web1',
                 'domain ~ test-start ~ web1'], TESTED)
    result(got == [0] * 6 + [7], 'test: beside the guest', s.text)
    xml = s.out[3][1] if len(s.out) > 3 else ''
    result('domain web1 - Test active 1 persistent 0' in s.text and 'network dmr-test-web1 active 1 persistent 0' in s.text,
           'test: domain and network are transient', s.text)
    result("view='test' failover='19'" in xml and '/dev/dm-replica/web1/vda-test' in xml and '/vda\'' not in xml,
           'test: it has the test devices, and its title shows it', xml)
    result(UUID not in re.sub('<metadata>.*</metadata>|<nvram.*', '', xml, flags=re.S) and 'genid>11111111' not in xml and '<genid>' in xml,
           'test: another UUID and generation ID', xml)
    macs = re.findall("mac address='(.*)'", xml)
    networks = re.findall("source network='(.*?)'", xml)
    result(macs == [f'52:54:00:12:34:5{n}' for n in (6, 7, 8)] and networks == ['dmr-test-web1'] * 3 and
           not re.search("portgroup|vlan|bridge='br9'|type='user'|vnet7", xml), 'test: the same MACs, all on the isolated network', xml)
    result('5901' not in xml and '/run/a.sock' not in xml, 'test: no port and no socket of the guest', xml)
    with open(copy, 'rb') as f:
        result(f.read() == b'variables' * 10000 and os.stat(copy).st_mode & 0o777 == 0o600 and copy in xml, 'test: a copy of NVRAM', xml)
    result('disk      vda: vda of web1, /dev/dm-replica/web1/vda-test' in s.out[5][1], 'test: show has both', s.text)
    got = s.run([imported, 'domain ~ test-start ~ web1', 'domain ~ test-stop ~ web1', 'list', 'domain ~ test-stop ~ web1'], TESTED)
    result(got == [0] * 5 and 'Test' not in s.out[3][1] and 'dmr-test' not in s.out[3][1] and not os.path.exists(copy) and
           os.path.exists(nvram), 'test: stopped, nothing of it is left', s.text)
    got = s.run([imported, 'domain ~ test-start ~ web1 ~ --network ~ default', 'live-xml ~ web1 - Test', 'list', 'domain ~ test-stop ~ web1', 'list'], TESTED)
    macs = re.findall("mac address='(.*)'", s.out[2][1])
    result(got == [0] * 6 and len(macs) == 3 and not [m for m in macs if m.startswith('52:54:00:12:34')] and
           'dmr-test' not in s.out[3][1] and 'network default active 1' in s.out[5][1],
           "test: on a network of others, with new MACs; it stays", s.text)
    got = s.run([imported, 'domain ~ test-start ~ web1', 'list'])
    result(got == [0, 8, 0] and 'test-failover start web1' in s.err and 'dmr-test' not in s.out[2][1], 'test: without a test failover', s.text)
    got = s.run([imported, 'domain ~ test-start ~ web1 ~ --network ~ none', 'list'], TESTED)
    result(got[1] and 'Test' not in s.out[2][1] and not os.path.exists(copy), 'test: on no network', s.text)
    two = w.file('two.xml', GUEST.replace('<interface', "<disk type='file' device='disk'><source file='/srv/b.img'/><target dev='vdb'/></disk>"
                                          "<disk type='file' device='cdrom'><source file='/srv/c.iso'/><target dev='hdc'/><readonly/></disk><interface", 1))
    two = 'domain ~ import ~ web1 ~ ' + two + ' ~ --leave ~ vdb'
    got = s.run([two, 'domain ~ test-start ~ web1', 'list', 'domain ~ test-start ~ web1 ~ --without ~ vdb', 'live-xml ~ web1 - Test'], TESTED)
    result(got == [0, 6, 0, 0, 0] and 'a test would write to it' in s.err and 'Test' not in s.out[2][1] and 'b.img' not in s.out[4][1] and
           'c.iso' in s.out[4][1], 'test: it never writes to a disk that is not replicated', s.text)
    shares = w.file('shares.xml', GUEST.replace('</devices>', """<hostdev mode='subsystem' type='usb'><source><vendor id='0x1'/><product id='0x2'/></source></hostdev>
<filesystem type='mount'><source dir='/srv/rw'/><target dir='a'/></filesystem>
<filesystem type='mount'><source dir='/srv/ro'/><target dir='b'/><readonly/></filesystem>
<shmem name='s'><model type='ivshmem-plain'/><size unit='M'>4</size></shmem>
<tpm model='tpm-tis'><backend type='passthrough'><device path='/dev/tpm0'/></backend></tpm></devices>"""))
    got = s.run(['domain ~ import ~ web1 ~ ' + shares, 'domain ~ test-start ~ web1', 'live-xml ~ web1 - Test', 'xml ~ web1'], TESTED)
    xml = s.out[2][1] if len(s.out) > 2 else ''
    result(got == [0] * 4 and s.out[1][1].count('left out: ') == 4 and not re.search('hostdev|/srv/rw|shmem|tpm', xml) and
           '/srv/ro' in xml and '/srv/rw' in s.out[3][1], 'test: nothing of the host that the guest itself uses', s.text)
    died = [imported, 'domain ~ test-start ~ web1', 'destroy ~ web1 - Test']
    got = s.run(died + ['domain ~ test-start ~ web1', 'domain ~ test-ended ~ web1', 'domain ~ test-stop ~ web1', 'list'], TESTED)
    result(got == [0, 0, 0, 0, 7, 0, 0] and 'removed: network dmr-test-web1' in s.out[3][1] and 'dmr-test' not in s.out[6][1],
           'test: after one that died', s.text)
    result('domain test-stop web1' in s.err, 'test: what it has left is not taken from one that runs', s.text)
    got = s.run(died + ['domain ~ test-ended ~ web1', 'list', 'domain ~ test-ended ~ web1'], TESTED)
    result(got == [0] * 6 and s.out[3][1].count('removed: ') == 2 and 'dmr-test' not in s.out[4][1] and s.out[5][1] == '' and
           not os.path.exists(copy), 'test: what one that died has left is removed after the test', s.text)
    alone = w.file('alone.xml', re.sub('<interface.*</interface>', '', GUEST, flags=re.S))
    got = s.run(['domain ~ import ~ web1 ~ ' + alone, 'domain ~ test-start ~ web1', 'list'], TESTED)
    result(got == [0] * 3 and 'without a network' in s.out[1][1] and 'dmr-test' not in s.out[2][1],
           'test: a guest without a network card needs no network', s.text)
    got = s.run([imported, 'domain ~ start ~ web1', 'domain ~ test-start ~ web1', 'domain ~ resume ~ web1'], TESTED)
    result(got == [0] * 4 and s.out[3][1].count('is not paused by an I/O error') == 2, 'resume: the guest and its test domain', s.text)


def check_check(s, imported):
    got = s.run([imported, 'domain ~ check ~ web1', 'domain ~ check ~ web1 ~ --json'])
    text = s.out[1][1] if len(s.out) > 1 else ''
    result(got == [0, 1, 1], 'check: ends with 1 if something is missing', s.text)
    for said in (r'ok +system +web1 is attached', r'ok +network +default', r'missing +bridge +br9', r'ok +disk +vda of web1',
                 r'ok +NVRAM +/var/lib', r'ok +agent channel', r'missing +hook +/etc/libvirt/hooks'):
        result(re.search(said, text), f'check: {said}', text)
