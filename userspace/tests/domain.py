#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""replicactl-domain without libvirtd, without the module and without root.

usage: domain.py REPLICACTL-DOMAIN DRIVER REPLICACTL [PART]...

DRIVER is domain-driver.c.  The kernel is that of fake-kernel.py, /sys and /dev are made up.  KTAP on standard output.
"""

import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET

from domain_world import HERE, UUID, Count, World, result
from domain_addresses import check_addresses
from domain_freeze import check_freeze
from domain_guest import check_guest
from domain_hook import check_hook
from domain_kept import check_kept
from domain_libvirt import check_libvirt
from domain_seed import check_seed

DOMAINS = os.path.join(HERE, 'domains')
URI = 'urn:dm-replica:domain:1'
RNG = '/usr/share/libvirt/schemas/domain.rng'


def targets(root):
    return [d.find('target').get('dev') for d in root.findall('devices/disk')
            if d.get('device') not in ('cdrom', 'floppy')]


def guest_view(root):
    """The part of a domain that a guest can see, canonical."""
    root = ET.fromstring(ET.tostring(root))
    for disk in root.findall('devices/disk'):
        if disk.get('device') in ('cdrom', 'floppy'):
            continue
        del disk.attrib['type']
        for name in 'source', 'backingStore':
            for e in disk.findall(name):
                disk.remove(e)
        driver = disk.find('driver')
        if driver is None:
            driver = ET.SubElement(disk, 'driver')
        # the host's side; but whether there is a write cache, the guest sees
        write_cache = driver.get('cache') not in ('writethrough', 'directsync')
        for name in 'name', 'type', 'cache', 'io', 'error_policy', 'rerror_policy', 'copy_on_read':
            driver.attrib.pop(name, None)
        driver.set('discard', driver.get('discard', 'unmap'))
        driver.set('write-cache', str(write_cache))
        for e in driver.findall('metadata_cache'):
            driver.remove(e)
        disk.remove(driver)
        disk.insert(0, driver)
    metadata = root.find('metadata')
    if metadata is not None:
        for e in metadata.findall('{%s}system' % URI):
            metadata.remove(e)
        if not len(metadata):
            root.remove(metadata)
    return ET.canonicalize(ET.tostring(root, encoding='unicode'), strip_text=True)


def check_imports(w, tool):
    names = sorted(n[:-4] for n in os.listdir(DOMAINS))
    result(len(names) >= 20, f'{len(names)} domains')
    for name in names:
        path = os.path.join(DOMAINS, name + '.xml')
        before = ET.parse(path).getroot()
        w.set_disks(targets(before))
        status, out, err = w.run([tool, 'import', 'web1', path, '--print'])
        result(status == 0 and not err, f'{name}: import', out + err)
        try:
            after = ET.fromstring(out)
        except ET.ParseError:
            continue
        one, two = guest_view(before), guest_view(after)
        result(one == two, f'{name}: the guest sees no difference', one + '\n' + two)
        sources = [d.find('source').attrib for d in after.findall('devices/disk')
                   if d.get('device') not in ('cdrom', 'floppy')]
        result(sources == [{'dev': f'/dev/dm-replica/web1/{t}'} for t in targets(before)],
               f'{name}: disks are those of the system', str(sources))
        system = after.findall('metadata/{%s}system' % URI)
        result([dict(e.attrib) for e in system] == [{'uuid': UUID, 'name': 'web1', 'view': 'live'}],
               f'{name}: metadata', out)
        if os.path.exists(RNG):
            p = subprocess.run(['xmllint', '--noout', '--relaxng', RNG, w.file('out.xml', out)],
                               stderr=subprocess.PIPE, check=False)
            result(p.returncode == 0, f"{name}: valid by libvirt's schema", p.stderr.decode())
        again = w.run([tool, 'import', 'web1', w.file('out.xml', out), '--print'])
        result(again[:2] == (0, out), f'{name}: import of the result changes nothing', again[1] + again[2])


PLAIN = '''<domain type='test'><name>web1</name><uuid>c1b0a4c8-7a3e-4b52-9c0f-000000000001</uuid>
<memory>65536</memory><os><type>hvm</type></os><devices>
<disk type='file' device='disk'><source file='/a'/><target dev='vda' bus='virtio'/></disk>
</devices></domain>
'''


def second(disk):
    return PLAIN.replace('</devices>', disk + '</devices>')


# name, XML, what the refusal says, and options
REFUSED = [
    ('a backing chain', PLAIN.replace('<target', "<backingStore type='file'><format type='qcow2'/>"
                                      "<source file='/b'/></backingStore><target"), 'backing chain'),
    ('a LUN', PLAIN.replace("device='disk'", "device='lun'"), "device='lun'"),
    ('an encrypted image', PLAIN.replace("<source file='/a'/>", "<source file='/a'><encryption format='luks'/></source>"),
     'encrypted'),
    ('a mirror', PLAIN.replace('<target', "<mirror type='file'/><target"), 'being mirrored'),
    ('a slice', PLAIN.replace("<source file='/a'/>", "<source file='/a'><slices/></source>"), 'slice'),
    ('a transient disk', PLAIN.replace('<target', '<transient/><target'), 'transient'),
    ('two disks of one file', second("<disk type='file'><source file='/a'/><target dev='vdb'/></disk>"),
     'vda and vdb have the same source', '--disk', 'vdb=vda'),
    ('two disks that become one', second("<disk type='file'><source file='/b'/><target dev='vdb'/></disk>"),
     'vda and vdb would both be vda', '--disk', 'vdb=vda'),
    ('a disk that is not replicated', second("<disk type='file'><source file='/b'/><target dev='vdb'/></disk>"),
     'no disk for disk vdb.*--leave vdb'),
    ('a disk that the domain lacks', PLAIN.replace("'vda'", "'sda'"), 'no disk for disk sda'),
    ('no disk at all', re.sub('<disk.*</disk>', '', PLAIN), 'no disk of the domain is disk vda'),
    ('a disk without a target', PLAIN.replace("<target dev='vda' bus='virtio'/>", ''), 'without a target'),
    ('--disk for nothing', PLAIN, 'no disk sdx', '--disk', 'sdx=vda'),
    ('--leave for nothing', PLAIN, 'no disk sdx', '--leave', 'sdx'),
    ('--leave of all', PLAIN, 'no disk of the domain is disk vda', '--leave', 'vda'),
    ('a path for a disk', PLAIN, 'no disk for disk vda', '--disk', 'vda=../../sda'),
    ('a path for a target', PLAIN.replace("dev='vda'", "dev='../../../sda'"), r'no disk for disk \.\./'),
    ('no name', PLAIN.replace('<name>web1</name>', ''), 'no name'),
    ('a name with a line break', PLAIN.replace('web1', 'web1\nreplicactl: 0 completed'), 'line break'),
    ('a name with an escape', PLAIN.replace('web1', 'a&#x9b;&#9;b'), 'control character'),
    ('a name with a slash', PLAIN.replace('web1', '../../etc/passwd'), 'a slash'),
    ('a name of a megabyte', PLAIN.replace('web1', 'x' * 1000000), 'very long'),
    ('entities that grow', '<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa">' + ''.join(
        f'<!ENTITY {chr(98 + i)} "{("&" + chr(97 + i) + ";") * 10}">' for i in range(9)) + ']>' +
     PLAIN.replace('web1', '&j;'), 'DTD'),
    ('an entity of a file', '<!DOCTYPE d [<!ENTITY a SYSTEM "file:///etc/passwd">]>' +
     PLAIN.replace('web1', '&a;'), 'DTD'),
    ('an external DTD', '<!DOCTYPE domain SYSTEM "http://192.0.2.1/a.dtd">' + PLAIN, 'DTD'),
    ('a parameter entity', '<!DOCTYPE d [<!ENTITY % a SYSTEM "/dev/zero"> %a;]>' + PLAIN, 'DTD'),
    ('an entity that is not there', PLAIN.replace('web1', '&nothing;'), 'line 1:'),
    ('a hundred thousand levels', '<domain>' + '<a>' * 100000, 'line 1:'),
    ('a hundred thousand attributes', '<domain ' + ' '.join(f"a{i}='{i}'" for i in range(100000)) + '/>', 'more than 256 attributes'),
    ('the same behind a comment', "<!-- it's --><![CDATA[ \" ]]><domain " + ' '.join(
        f"a{i}='{i}'" for i in range(100000)) + '/>', 'more than 256 attributes'),
    ('UTF-16', PLAIN.encode('utf-16-le').decode('latin-1'), 'not UTF-8'),
    ('UTF-7', '<?xml version="1.0" encoding="UTF-7"?><domain ' + '+AD0-' * 100 + '/>', 'is no domain: line 1'),
    ('an attribute of three megabytes', PLAIN.replace("file='/a'", "file='/" + 'a' * 3000000 + "'"), ''),
    ('another root', '<network/>', 'root element is not domain'),
    ('no XML', 'hello', 'is no domain: line 1'),
    ('nothing', '', 'is no domain'),
    ('half of it', PLAIN[:200], 'is no domain: line'),
]


def check_refusals(w, tool):
    w.set_disks(['vda'])
    for name, text, said, *options in REFUSED:
        path = w.file('hostile.xml', text)
        status, out, err = w.run([tool, 'import', 'web1', path] + options)
        if not said:
            result(status in (0, 6) and not out.count('\n') > 3, f'import: {name}: is answered', out + err)
            continue
        lines = err.rstrip('\n').split('\n')
        result(status == 6 and not out and re.search(said, err, re.S) and lines[0].startswith(
            'replicactl domain: 32773 ') and len(lines) < 3, f'import: {name}: is refused', f'{status}\n{out}{err}')
    path = os.path.join(w.dir, 'large.xml')
    with open(path, 'wb') as f:
        f.write(b'<domain>')
        f.truncate(100 << 20)
    for large in path, '/dev/zero':
        status, out, err = w.run(['sh', '-c', 'ulimit -v 400000; exec "$@"', 'sh', tool, 'import', 'web1', large]
                                 if 'fsanitize' not in os.environ.get('EXTRA', '') else
                                 [tool, 'import', 'web1', large])
        result(status == 6 and 'larger than 4 MiB' in err, f'import: {os.path.basename(large)} is refused',
               f'{status} {err}')
    status, out, err = w.run([tool, 'import', 'web1', '/nonexistent'])
    result(status == 6 and 'No such file' in err, 'import: no file', err)
    status, out, err = w.run([tool, 'import', 'web2', path])
    result(status == 12 and '32779' in err, 'import: no system', err)
    for args in ['import'], ['import', 'web1'], ['import', 'a', 'b', 'c'], ['import', 'a', 'b', '--disk', 'c'], \
            ['import', '--frob'], ['frob'], []:
        status, out, err = w.run([tool] + args)
        result(status == 64 and not out, f'usage: {args}', f'{status} {out} {err}')
    status, out, err = w.run([tool, 'import', 'web1', w.file('a.xml', PLAIN), '--genid', '--print'])
    result(status == 0 and re.search('<genid>[0-9a-f-]{36}</genid>', out), 'import --genid', out + err)
    with_id = PLAIN.replace('<memory>', '<genid>11111111-2222-3333-4444-555555555555</genid><memory>')
    status, out, err = w.run([tool, 'import', 'web1', w.file('a.xml', with_id), '--genid', '--print'])
    result('<genid>11111111-2222' in out, 'import --genid keeps one that is there', out + err)
    status, out, err = w.run([tool, 'import', 'web1', '-', '--print'], stdin=PLAIN)
    result(status == 0 and '/dev/dm-replica/web1/vda' in out, 'import from standard input', out + err)
    text = second("<disk type='file'><source file='/b'/><target dev='vdb'/></disk>")
    status, out, err = w.run([tool, 'import', 'web1', w.file('a.xml', text), '--leave', 'vdb', '--print'])
    result(status == 0 and "'/b'" in out.replace('"', "'"), 'import --leave', out + err)


def main():
    tool, driver, replicactl = (os.path.realpath(a) for a in sys.argv[1:4])
    print('TAP version 13')
    with tempfile.TemporaryDirectory() as directory:
        w = World(directory)
        parts = {'imports': lambda: check_imports(w, tool), 'refusals': lambda: check_refusals(w, tool),
                 'hook': lambda: check_hook(w, tool), 'libvirt': lambda: check_libvirt(w, driver),
                 'guest': lambda: check_guest(w, replicactl, tool),
                 'kept': lambda: check_kept(w, tool, driver, replicactl), 'freeze': lambda: check_freeze(w, tool),
                 'addresses': lambda: check_addresses(w, tool), 'seed': lambda: check_seed(w, driver)}
        for name in sys.argv[4:] or parts:
            parts[name]()
    print(f'1..{Count.run}')
    return Count.failed > 0

if __name__ == '__main__':
    sys.exit(main())
