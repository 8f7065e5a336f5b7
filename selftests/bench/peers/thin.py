# SPDX-License-Identifier: GPL-2.0
"""dm-thin, 64 KiB blocks, without zeroing of new blocks.

The replica is a thin device in a pool over both devices, a point a thin snapshot of it, a
failover a snapshot of that.  Two forms of revert: delete the failover's device and take a new
snapshot at the next failover; or take the new snapshot at once and delete the old one later,
which makes the answer independent of what was written.  A commit exchanges two numbers: the
failover's device is the machine, what was the replica is deleted later.
"""

import dm
from peers import Peer
from shell import io, modprobe, zero_block

BLOCK = 65536
META_MIB = 64


class Thin(Peer):
    """A pool for the machine."""
    name, title = 'thin', 'dm-thin, 64 KiB'
    plain_home = False

    def make(self, used=None):
        modprobe('dm-thin-pool')
        meta = self.space.cut(META_MIB << 20)
        zero_block(meta)
        data = self.space.rest()
        path = dm.create('bench-thin-data', data)
        total = sum(line[0] for line in data)
        pool = f'{meta} {path} {BLOCK // 512} 0 1 skip_block_zeroing'
        self.pool = dm.create('bench-thin-pool', [(total, 'thin-pool', pool)])
        self.next = 0
        self.origins = [self._new(f'bench-thin-{i}') for i in range(len(self.space.homes))]
        self.points = []
        self.overlays = []
        self.later = []
        for _, _, device in self.origins:
            self._provision(device, used or self.space.each)

    @staticmethod
    def _provision(device, size):
        """A block of the pool for each of the replica's."""
        io(device, f'm:0:{BLOCK}:4K:{size // BLOCK}:1', 'f')

    def _id(self):
        self.next += 1
        return self.next - 1

    def _activate(self, name, number):
        return dm.create(name, [(dm.sectors(self.space.each), 'thin', f'{self.pool} {number}')])

    def _new(self, name):
        number = self._id()
        dm.message('bench-thin-pool', f'create_thin {number}')
        return name, number, self._activate(name, number)

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
            dm.message('bench-thin-pool', f'create_snap {made[-1]} {number}')
        for name, _, _ in self.origins:
            dm.resume(name)
        self.points.append(made)

    def start(self, age=0):
        """Snapshots of a point's snapshots, which are not active."""
        if not self.points:
            self.point()
        for origin in self.points[-1 - age]:
            number = self._id()
            dm.message('bench-thin-pool', f'create_snap {number} {origin}')
            name = f'bench-thin-overlay-{number}'
            self.overlays.append((name, number, self._activate(name, number)))
        self.age = age

    def connect(self):
        return [path for _, _, path in self.overlays]

    def revert(self):
        """Delete at once."""
        for name, number, _ in self.overlays:
            dm.remove(name)
            dm.message('bench-thin-pool', f'delete {number}')
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
            dm.message('bench-thin-pool', f'delete {number}')
        self.later = []

    def close(self):
        for name, _, _ in self.overlays + self.origins:
            dm.remove(name)
        dm.remove('bench-thin-pool')
        dm.remove('bench-thin-data')
        self.overlays, self.origins = [], []
