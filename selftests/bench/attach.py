# SPDX-License-Identifier: GPL-2.0
"""Time to attach, bytes read for it, and memory held, over the versions that a store has, and
over the size of the disk: as after a boot.

Devices are longer than what can be kept: behind the first part of the store there is a null_blk
that forgets data.  Nothing that an attach reads lies there, but for the fingerprint of home,
which is a null_blk too.
"""

import contextlib
import os
import time

import dm
import iostat
from backing import BACKINGS, MIB, null_disk
from daemon import Daemon
from peers import replica, snapshot, thin
from shell import Failure, io, modprobe, read, run, write

GIB = 1 << 30


def needs(sizes):
    """Bytes of home and store."""
    return 64 * MIB, max(max(sizes['versions']) * 512, sizes['snapshot_versions'] * 4352,
                         sizes['qcow2_versions'] * 69632) + 512 * MIB


class Long:
    """A backing whose home and end of the store are null_blk."""
    cuts = 0

    def __init__(self, backing, home, store, kept):
        self.name, self.title, self.counted = backing.name, backing.title, backing.counted
        self.bytes = home, store
        # In memory, where nothing is ever written: it reads as zeroes.
        self.home = null_disk('nullb2', home, memory_backed=1)
        lines = [(dm.sectors(min(kept, store)), 'linear', f'{backing.store} 0')]
        if store > kept:
            rest = null_disk('nullb3', store - kept)
            lines.append((dm.sectors(store - kept), 'linear', f'{rest} 0'))
        self.store = dm.create('bench-long', lines)

    def close(self):
        """Remove what it is made of."""
        dm.remove('bench-long')
        for name in ('nullb2', 'nullb3'):
            if os.path.exists(f'/sys/kernel/config/nullb/{name}'):
                os.rmdir(f'/sys/kernel/config/nullb/{name}')


def free_memory():
    """Bytes, with nothing in caches."""
    for _ in range(2):
        run('sync')
        write('/proc/sys/vm/drop_caches', 3)
        time.sleep(0.3)
    return int(read('/proc/meminfo').split('MemFree:')[1].split()[0]) * 1024


class Meter:
    """Free memory before, time and I/O of an attach, free memory after."""

    def __init__(self, result, backing, peer, sweep, x):
        self.result, self.backing = result, backing
        self.fields = {'peer': peer, 'sweep': sweep, 'x': x}

    def measure(self, attach):
        """Returns what attach() returns."""
        free = free_memory()
        before, start = iostat.total(self.backing.counted), time.monotonic()
        said = attach()
        seconds = time.monotonic() - start
        found = iostat.since(before, self.backing.counted)
        memory = free - free_memory()
        self.result.add('attach', **self.fields, seconds=round(seconds, 6), memory=memory,
                        read_bytes=found.read_bytes, reads=found.reads)
        return said


def measure(result, sizes, backings, peers, check=False):
    """On the first backing that counts."""
    modprobe('null_blk', 'nr_devices=0')
    for name in [b for b in backings if BACKINGS[b].counted][:1]:
        backing = BACKINGS[name](*needs(sizes))
        try:
            for do in (_replica, _snapshot, _thin, _qcow2):
                if peers and do.__name__[1:] not in ' '.join(peers):
                    continue
                for versions in sizes['versions']:
                    with result.step(f'attach, {do.__name__[1:]}, {versions} versions'):
                        do(result, sizes, backing, versions, 16384, None)
                for disk in sizes['big_disks']:
                    with result.step(f'attach, {do.__name__[1:]}, disk of {disk} GiB'):
                        do(result, sizes, backing, min(sizes['versions']), disk * GIB
                           // min(sizes['versions']), disk * GIB)
        finally:
            backing.close()
    modprobe('-r', 'null_blk')


def _sweep(versions, disk):
    return ('disk', disk) if disk else ('versions', versions)


def _round(size):
    return (size + MIB - 1) // MIB * MIB


def _replica(result, sizes, backing, versions, stride, disk):
    """Chunks of 16 KiB; for a large disk the default, and a store for a tenth of it."""
    chunk = 65536 if disk else 16384
    home = disk or _round(versions * 16384 * 9 // 8)
    store = _round(disk // 10 if disk else home + 64 * MIB + versions * 128)
    # The log: of 32 bytes for each record, twice, and two superblocks.
    kept = min(_round(store // chunk * 160) + 16 * MIB, backing.bytes[1])
    long = Long(backing, home, store, kept)
    try:
        with _made(replica.Replica, long, chunk) as peer:
            peer.detach()
            meter = Meter(result, backing, 'replica', *_sweep(versions, disk))
            peer.attach()
            path = peer.failover()[0]
            io(path, f'm:0:{stride // 4096 * 4096}:4K:{versions}', 'f')
            peer.detach()
            meter.measure(peer.attach)
            if peer.versions() != versions:
                raise Failure(f'{peer.versions()} versions, not {versions}')
    finally:
        long.close()


def _made(kind, long, chunk=None):
    # pylint: disable=import-outside-toplevel
    from peers import made
    if chunk:
        kind = type(kind.__name__, (kind,), {'chunk': f'{chunk // 1024}K'})
    return made(kind, long)


def _snapshot(result, sizes, backing, versions, stride, disk):
    """Chunks of 4 KiB: data and exceptions lie among each other, so all of it is kept."""
    if versions > sizes['snapshot_versions']:
        return
    home = disk or _round(versions * stride)
    long = Long(backing, home, backing.bytes[1], backing.bytes[1])
    try:
        with _made(snapshot.Snapshot4k, long) as peer:
            io(peer.failover()[0], f'm:0:{stride // 4096 * 4096}:4K:{versions}', 'f')
            name = peer.overlays[0]
            dm.remove(name)
            meter = Meter(result, backing, 'snapshot-4k', *_sweep(versions, disk))
            line = [(dm.sectors(peer.space.each), 'snapshot', f'{long.home} {long.store} P 8')]
            meter.measure(lambda: dm.create(name, line))
    finally:
        long.close()


def _thin(result, sizes, backing, versions, stride, disk):
    """Metadata is kept, data is not."""
    del sizes
    home = disk or _round(versions * 65536 * 9 // 8)
    stride = max(stride, 65536) // 65536 * 65536
    long = Long(backing, MIB, home + 256 * MIB, 128 * MIB)
    try:
        kind = type('Thin', (thin.Thin,), {'_provision': staticmethod(lambda device, size: None)})
        with _made(kind, long) as peer:
            peer.space.each = home
            dm.remove(peer.origins[0][0])
            name, number, _ = peer.origins[0]
            # What was written to one thin device: its blocks are those of a failover's.
            path = peer.activate(name, number)
            io(path, f'm:0:{stride}:64K:{versions}', 'f')
            dm.remove(name)
            dm.remove(peer.pool_name)
            meter = Meter(result, backing, 'thin', *_sweep(versions, disk))

            def attach():
                peer.make_pool()
                peer.activate(name, number)

            meter.measure(attach)
    finally:
        long.close()


def _qcow2(result, sizes, backing, versions, stride, disk):
    """Clusters of 64 KiB, all of which is kept; memory is the process's."""
    if versions > sizes['qcow2_versions'] or disk:
        return
    stride = 65536
    home = _round(versions * stride)
    long = Long(backing, home, backing.bytes[1], backing.bytes[1])
    try:
        with contextlib.closing(Daemon()) as daemon:
            _qcow2_files(daemon, long)
            daemon.qmp('blockdev-create', job_id='c', options={
                'driver': 'qcow2', 'file': 'file', 'size': home})
            daemon.event('JOB_STATUS_CHANGE', id='c', status='concluded')
            _qcow2_open(daemon)
            io(daemon.export('q'), f'm:0:{stride}:64K:{versions}', 'f')
        with contextlib.closing(Daemon()) as daemon:
            _qcow2_files(daemon, long)
            Meter(result, backing, 'qcow2', *_sweep(versions, disk)).measure(
                lambda: _qcow2_open(daemon))
    finally:
        long.close()


def _qcow2_files(daemon, long):
    daemon.device('home', long.home)
    daemon.device('file', long.store)


def _qcow2_open(daemon):
    daemon.qmp('blockdev-add', driver='qcow2', node_name='q', file='file', backing='home')
