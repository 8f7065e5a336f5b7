# SPDX-License-Identifier: GPL-2.0
"""dm-thin, 64 KiB blocks, without zeroing of new blocks.

The replica is a thin device in a pool over both devices, a point a thin snapshot of it, a
failover a snapshot of that.  Two forms of revert: delete the failover's device and take a new
snapshot at the next failover; or take the new snapshot at once and delete the old one later,
which makes the answer independent of what was written.  A commit exchanges two numbers: the
failover's device is the machine, what was the replica is deleted later.
"""

import contextlib

import dm
from peers import Peer
from shell import block_bytes, io, modprobe, zero_block

BLOCK = 65536
META_MIB = 64


class Thin(Peer):
    """A pool for the machine."""
    name, title = 'thin', 'dm-thin, 64 KiB'
    plain_home = False

    def make(self, used=None):
        modprobe('dm-thin-pool')
        self.pool_name = f'{self.prefix}-thin-pool'
        meta = self.space.cut(META_MIB << 20)
        zero_block(meta)
        self.data = dm.create(f'{self.prefix}-thin-data', self.space.rest())
        self.meta = meta
        self.make_pool()
        self.next = 0
        self.origins = [self._new(f'{self.prefix}-thin-{i}')
                        for i in range(len(self.space.homes))]
        self.points = []
        self.overlays = []
        self.later = []
        for _, _, device in self.origins:
            self._provision(device, used or self.space.each)

    def make_pool(self):
        """As after a boot."""
        pool = f'{self.meta} {self.data} {BLOCK // 512} 0 1 skip_block_zeroing'
        self.pool = dm.create(self.pool_name, [
            (dm.sectors(block_bytes(self.data)), 'thin-pool', pool)])

    @staticmethod
    def _provision(device, size):
        """A block of the pool for each of the replica's."""
        io(device, f'm:0:{BLOCK}:4K:{size // BLOCK}:1', 'f')

    def _id(self):
        self.next += 1
        return self.next - 1

    def activate(self, name, number):
        """A device of a number; its path."""
        return dm.create(name, [(dm.sectors(self.space.each), 'thin', f'{self.pool} {number}')])

    def _new(self, name):
        number = self._id()
        dm.message(self.pool_name, f'create_thin {number}')
        return name, number, self.activate(name, number)

    def replica(self):
        """The thin devices that replication writes to."""
        return [path for _, _, path in self.origins]

    def point(self):
        """Snapshots of all disks at one moment."""
        for name, _, _ in self.origins:
            dm.suspend(name)
        made = []
        for _, number, _ in self.origins:
            made.append(self._id())
            dm.message(self.pool_name, f'create_snap {made[-1]} {number}')
        for name, _, _ in self.origins:
            dm.resume(name)
        self.points.append(made)

    def point_and_drop(self):
        """A new point, and the oldest goes, but for the first."""
        self.point()
        if len(self.points) > 2:
            for number in self.points.pop(1):
                dm.message(self.pool_name, f'delete {number}')

    def start(self, age=0):
        """Snapshots of a point's snapshots, which are not active."""
        if not self.points:
            self.point()
        for origin in self.points[-1 - age]:
            number = self._id()
            dm.message(self.pool_name, f'create_snap {number} {origin}')
            name = f'{self.prefix}-thin-overlay-{number}'
            self.overlays.append((name, number, self.activate(name, number)))
        self.age = age

    def connect(self):
        return [path for _, _, path in self.overlays or self.origins]

    def revert(self):
        """Delete at once."""
        for name, number, _ in self.overlays:
            dm.remove(name)
            dm.message(self.pool_name, f'delete {number}')
        self.overlays = []

    def revert_anew(self):
        """Snapshots anew; those of before are deleted by settle()."""
        for name, number, _ in self.overlays:
            dm.remove(name)
            self.later.append(number)
        self.overlays = []
        self.start(self.age)

    def commit(self):
        """The failover's devices stay; the replica's go."""
        for name, number, _ in self.origins:
            dm.remove(name)
            self.later.append(number)
        self.origins, self.overlays = self.overlays, []
        self.later += [number for made in self.points for number in made]
        self.points = []

    def settle(self):
        for number in self.later:
            dm.message(self.pool_name, f'delete {number}')
        self.later = []

    @contextlib.contextmanager
    def other(self, size):
        """Another machine in the same pool, whose guest has written so much: its revert."""
        replica = self._new(f'{self.prefix}-other')
        self._provision(replica[2], size)
        number = self._id()
        dm.suspend(replica[0])
        dm.message(self.pool_name, f'create_snap {number} {replica[1]}')
        dm.resume(replica[0])
        overlay = f'{self.prefix}-other-overlay'
        io(self.activate(overlay, number), f'm:0:{BLOCK}:64K:{size // BLOCK}:7', 'f')

        def revert():
            dm.remove(overlay)
            dm.message(self.pool_name, f'delete {number}')

        yield revert
        dm.remove(replica[0])

    def close(self):
        for name, _, _ in self.overlays + self.origins:
            dm.remove(name)
        dm.remove(self.pool_name)
        dm.remove(f'{self.prefix}-thin-data')
        self.overlays, self.origins = [], []
