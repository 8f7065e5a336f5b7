# SPDX-License-Identifier: GPL-2.0
"""The seed for cloud-init, where it is asked for, and that it goes with a revert; see domain.py."""

import json
import os
import re
import shutil
import struct
import subprocess

from domain_addresses import BOTH, DHCP, MAC
from domain_libvirt import GUEST, Session
from domain_world import UUID, result

OTHER = '52:54:00:12:34:57'
REPLICA = "s['state'] = 3; del s['live-epoch']"
CONFIG = f'''version: 2
ethernets:
  nic0:
    match: {{macaddress: "{MAC}"}}
    dhcp4: false
    addresses: ["192.0.2.5/24", "2001:db8::5/64"]
    gateway4: "192.0.2.1"
    gateway6: "2001:db8::1"
    nameservers: {{addresses: ["192.0.2.53", "2001:db8::53"]}}
  nic1:
    match: {{macaddress: "{OTHER}"}}
    dhcp4: true
'''


def susp(area):
    """Entries of Rock Ridge."""
    found = {}
    while len(area) > 4 and area[2] > 3:
        found[area[:2].decode()] = area[4:area[2]]
        area = area[area[2]:]
    return found


def records(directory):
    """(name by ISO 9660, entries, sector, bytes) of each record."""
    while directory[0]:
        r = directory[:directory[0]]
        n = r[32]
        both = r[2:6] == r[6:10][::-1] and r[10:14] == r[14:18][::-1]
        yield r[33:33 + n], susp(r[33 + n + (n + 1) % 2:]), *struct.unpack('<I4xI', r[2:14]), both
        directory = directory[directory[0]:]


def contents(path):
    """(volume, {name: content}) of an image, read by its descriptors alone."""
    with open(path, 'rb') as f:
        data = f.read()
    volume = data[16 * 2048:17 * 2048]
    assert volume[:7] == b'\1CD001\1' and data[17 * 2048:17 * 2048 + 7] == b'\xffCD001\1'
    assert struct.unpack('<I', volume[80:84])[0] * 2048 == len(data)
    root, size = struct.unpack('<I4xI', volume[158:170])
    assert struct.unpack('<I', data[struct.unpack('<I', volume[140:144])[0] * 2048 + 2:][:4])[0] == root
    assert struct.unpack('>I', data[struct.unpack('>I', volume[148:152])[0] * 2048 + 2:][:4])[0] == root
    listed = list(records(data[root * 2048:root * 2048 + size]))
    assert all(r[4] for r in listed) and [r[0] for r in listed[:2]] == [b'\0', b'\1']
    assert listed[0][1]['SP'] == b'\xbe\xef\0' and b'RRIP_1991A' in listed[0][1]['ER'] and all('PX' in r[1] for r in listed)
    files = {r[1]['NM'][1:].decode(): data[r[2] * 2048:r[2] * 2048 + r[3]].decode() for r in listed[2:]}
    assert [r[0].decode() for r in listed[2:]] == [name + ';1' for name in files]
    return volume[40:72].decode().rstrip(), files


def check_seed(w, driver):
    w.set_nodes('vda', 'vda-test', 'vda-replica')
    # a kernel's part of the tests before this one
    w.world['host'] = {'adapter/' + mac: json.dumps(a, separators=(',', ':')) for mac, a in ((MAC, BOTH), (OTHER, DHCP))}
    seed = os.path.join(w.conf, '.state', UUID + '.seed')
    shutil.rmtree(os.path.dirname(seed), ignore_errors=True)
    imported = 'domain ~ import ~ web1 ~ ' + w.file('seed.xml', GUEST)
    asked = 'domain ~ addresses ~ web1 ~ --nocloud'
    s = Session(w, driver)
    got = s.run([imported, 'domain ~ start ~ web1', 'domain ~ stop ~ web1 ~ --force', 'xml ~ web1'])
    result(got == [0] * 4 and not os.path.exists(seed) and 'cdrom' not in s.out[3][1], 'seed: none that was not asked for', s.text)

    got = s.run([imported, asked, 'xml ~ web1', asked, 'xml ~ web1', 'domain ~ start ~ web1', 'live-xml ~ web1', asked])
    result(got[:7] == [0] * 7 and s.out[1][1].count('not verifiable: cloud-init sets it when the guest boots') == 2, 'seed: not verifiable before the boot', s.text)
    drive = rf"<disk type='file' device='cdrom'>\s*<driver name='qemu' type='raw'/>\s*<source file='{seed}' startupPolicy='optional'/>\s*" \
        "<target dev='hda' bus='ide'/>\\s*<readonly/>"
    result(len(re.findall(drive, s.out[2][1])) == 1 and s.out[4][1].count('cdrom') == 1 and s.out[6][1].count('cdrom') == 1,
           'seed: a CD-ROM, once, with which the guest starts', s.text)
    result(got[7] == 7 and 'reads a seed when a guest boots' in s.err, 'seed: refused for a guest that runs', s.text)
    try:
        label, files = contents(seed)
    except (AssertionError, OSError, IndexError, KeyError) as e:
        label, files = repr(e), {}
    result(label == 'cidata' and sorted(files) == ['meta-data', 'network-config', 'user-data'], 'seed: the volume that NoCloud looks for', f'{label} {files}')
    result(files.get('network-config') == CONFIG, 'seed: what is set, by MAC address', str(files))
    result(files.get('meta-data') == f'instance-id: {UUID}-17\n' and files.get('user-data') == '#cloud-config\nssh_deletekeys: false\npreserve_hostname: true\n',
           'seed: an instance of the failover, which keeps its SSH keys and its name', str(files))
    if shutil.which('blkid'):
        p = subprocess.run(['blkid', '-p', '-o', 'export', seed], stdout=subprocess.PIPE, check=False)
        result(b'LABEL=cidata' in p.stdout and b'TYPE=iso9660' in p.stdout, 'seed: libblkid knows it', p.stdout.decode())
    result(os.stat(seed).st_mode & 0o777 == 0o644 and os.stat(os.path.dirname(seed)).st_mode & 0o755 == 0o755, 'seed: QEMU can read it')

    s.run([imported, asked, 'domain ~ test-start ~ web1', 'live-xml ~ web1 - Test'], "s['test-epoch'] = 19")
    result(s.out[2][0] == 0 and 'cdrom' not in s.out[3][1], 'seed: a rehearsal has none', s.text)
    got = s.run([imported, asked, 'domain ~ reverted ~ web1', 'xml ~ web1', 'domain ~ reverted ~ web1'], REPLICA)
    result(got == [0, 8, 0, 0, 0] and not os.path.exists(seed), 'seed: refused for a replica', s.text)
    for machine, arch, bus in ('pc-q35-7.2', 'x86_64', 'sata'), ('virt-7.2', 'aarch64', 'scsi'):
        guest = w.file('other.xml', GUEST.replace("<type arch='i686'>", f"<type arch='i686' machine='{machine}'>".replace('i686', arch)))
        got = s.run(['domain ~ import ~ web1 ~ ' + guest, asked, 'xml ~ web1'])
        result((got == [0, 0, 0] and f"<target dev='sda' bus='{bus}'/>" in s.out[2][1]) or got[0], f'seed: of {machine} on {bus}', s.text)
    with_drive = GUEST.replace('</devices>', f"<disk type='file' device='cdrom'><source file='{seed}'/><target dev='hda' bus='ide'/><readonly/></disk>"
                               "<disk type='file' device='cdrom'><source file='/srv/own.iso'/><target dev='hdb' bus='ide'/><readonly/></disk></devices>")
    with open(seed, 'w', encoding='utf-8') as f:
        f.write('x')
    got = s.run(['domain ~ import ~ web1 ~ ' + w.file('with.xml', with_drive), 'domain ~ reverted ~ web1', 'xml ~ web1'], REPLICA)
    result(got == [0] * 3 and 'removed: ' + seed in s.out[1][1] and not os.path.exists(seed) and s.out[2][1].count('cdrom') == 1 and '/srv/own.iso' in s.out[2][1],
           'revert: the seed goes, with its CD-ROM, and no other', s.text)
    metadata = f"<metadata><d:system xmlns:d='urn:dm-replica:domain:1' uuid='{UUID}' name='web1' failover='15'/></metadata>"
    earlier = w.file('earlier.xml', with_drive.replace('<memory>', metadata + '<memory>').replace("type='file' device='disk'", "type='block' device='disk'").replace(
        "file='/srv/web1.img'", "dev='/dev/dm-replica/web1/vda'"))
    got = s.run(['define ~ ' + earlier, 'domain ~ failed-over ~ web1', 'xml ~ web1', asked, 'xml ~ web1', 'domain ~ start ~ web1', 'xml ~ web1'])
    result(got == [0] * 7 and [s.out[i][1].count('cdrom') for i in (2, 4, 6)] == [1, 2, 2] and "failover='17'" in s.out[2][1],
           'seed: that of an earlier failover goes at the next, unless it is asked for again', s.text)
    os.unlink(seed)
    w.world['host'] = {}
    got = s.run([imported, asked, 'xml ~ web1'])
    result(got == [0] * 3 and 'no adapter of web1 has settings' in s.out[1][1] and 'cdrom' not in s.out[2][1] and not os.path.exists(seed), 'seed: none without settings', s.text)
