# SPDX-License-Identifier: GPL-2.0
"""The two devices below every peer: `home` has the replica's content, `store` takes what a
failover writes.  Four kinds, each measured apart:

ram   RAM disks (brd): no cache to flush, so an fsync costs what the software makes of it
disk  virtio disks, in user mode ubd: write-back, FUA emulated by a flush
fua   null_blk with memory and a write-back cache: FUA is native
lv    logical volumes on the disks
"""

import os

import dm
import iostat
from shell import KERNEL, block_bytes, block_name, modprobe, read, run, write

MIB = 1 << 20
NULLB = '/sys/kernel/config/nullb'


class Backing:
    """home and store: paths; counted: the devices whose counts are those of the hardware."""
    name = title = ''
    home = store = ''
    counted = ()
    # A device between cuts a write with PREFLUSH in two, an empty flush and the write.
    cuts = 0

    def __init__(self, home_bytes, store_bytes):
        self.bytes = home_bytes, store_bytes
        self.open()
        for device, size in ((self.home, home_bytes), (self.store, store_bytes)):
            if block_bytes(device) < size:
                raise RuntimeError(f'{device} has less than {size} bytes')

    def open(self):
        """Make the devices."""

    def close(self):
        """Remove them."""

    def fill(self):
        """Write all of it once: what a first write allocates below is no peer's."""
        for device, size in ((self.home, self.bytes[0]), (self.store, self.bytes[1])):
            run('dd', 'if=/dev/zero', f'of={device}', 'bs=1M', f'count={size // MIB}',
                'oflag=direct', 'conv=fsync')

    def _queue(self, what):
        return read(f'/sys/block/{block_name(self.store)}/queue/{what}')

    def fua(self):
        """Has the store FUA of its own?"""
        return self._queue('fua') == '1'

    def kind(self):
        """The kernel's words about it."""
        return self._queue('write_cache') + (', FUA' if self.fua() else '')


class Ram(Backing):
    """brd keeps no counts of I/O."""
    name, title = 'ram', 'RAM disks'
    home, store = '/dev/ram0', '/dev/ram1'

    def open(self):
        modprobe('brd', 'rd_nr=2', f'rd_size={max(self.bytes) // 1024}')

    def close(self):
        modprobe('-r', 'brd')


class Disk(Backing):
    """The machine's own, by scripts/vm --disk."""
    name, title = 'disk', 'Disks (ubd)' if KERNEL.startswith('um') else 'Disks (virtio)'
    home, store = '/dev/vm/home', '/dev/vm/store'
    counted = (home, store)

    def open(self):
        for device in self.counted:
            iostat.no_merges(device)


class Fua(Backing):
    """Two null_blk."""
    name, title = 'fua', 'Devices with FUA (null_blk)'
    home, store = '/dev/nullb0', '/dev/nullb1'
    counted = (home, store)

    def open(self):
        modprobe('null_blk', 'nr_devices=0')
        for name, size in (('nullb0', self.bytes[0]), ('nullb1', self.bytes[1])):
            null_disk(name, size, memory_backed=1, cache_size=64)
        for device in self.counted:
            iostat.no_merges(device)

    def close(self):
        for name in ('nullb0', 'nullb1'):
            os.rmdir(f'{NULLB}/{name}')
        modprobe('-r', 'null_blk')


class Lv(Disk):
    """A logical volume on each disk; counts are those of the disks."""
    name, title = 'lv', 'Logical volumes'
    home, store = '/dev/mapper/bench_home-lv', '/dev/mapper/bench_store-lv'
    cuts = 1

    def open(self):
        super().open()
        os.environ |= {'LVM_SYSTEM_DIR': '/tmp/lvm', 'LVM_SUPPRESS_FD_WARNINGS': '1'}
        os.makedirs('/tmp/lvm', exist_ok=True)
        write('/tmp/lvm/lvm.conf', '''
devices { use_devicesfile = 0 filter = [ "a|^/dev/vm/|", "a|^/dev/ubd|", "a|^/dev/vd|", "r|.*|" ] }
global { locking_dir = "/tmp/lvm" event_activation = 0 use_lvmpolld = 0 }
activation { udev_sync = 0 udev_rules = 0 monitoring = 0 }
backup { backup = 0 archive = 0 }
''')
        for name in ('home', 'store'):
            disk = os.path.realpath(f'/dev/vm/{name}')
            run('lvm', 'vgcreate', '-ff', '-y', f'bench_{name}', disk)
            run('lvm', 'lvcreate', '-y', '-Wn', '-Zn', '-l', '100%FREE', '-n', 'lv',
                f'bench_{name}')
        run('dmsetup', 'mknodes')

    def close(self):
        for name in ('home', 'store'):
            run('lvm', 'vgchange', '-an', f'bench_{name}')
            run('lvm', 'vgremove', '-ff', '-y', f'bench_{name}')
            run('wipefs', '-a', os.path.realpath(f'/dev/vm/{name}'))


class Half:
    """One of two equal parts of a backing; `other` is the other one."""
    cuts = 0

    def __init__(self, whole, other=None):
        self.name, self.title, self.counted = whole.name, whole.title, whole.counted
        self.bytes = tuple(n // 2 // MIB * MIB for n in whole.bytes)
        part = 1 if other else 0
        self.names, paths = [], []
        for what, device, size in zip(('home', 'store'), (whole.home, whole.store), self.bytes):
            self.names.append(f'half-{what}-{part}')
            paths.append(dm.create(self.names[-1], [
                (dm.sectors(size), 'linear', f'{device} {dm.sectors(part * size)}')]))
        self.home, self.store = paths
        self.other = other or Half(whole, self)

    def close(self):
        """Remove both."""
        for name in self.names + self.other.names:
            dm.remove(name)


BACKINGS = {b.name: b for b in (Ram, Disk, Fua, Lv)}


def null_disk(name, size, **options):
    """A null_blk device that loses what is written, or with memory_backed=1 keeps it."""
    directory = f'{NULLB}/{name}'
    os.mkdir(directory)
    for option, value in ({'size': size // MIB, 'blocksize': 512} | options).items():
        write(f'{directory}/{option}', value)
    write(f'{directory}/power', 1)
    return f'/dev/{name}'
