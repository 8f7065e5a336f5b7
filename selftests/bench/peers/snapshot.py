# SPDX-License-Identifier: GPL-2.0
"""dm-snapshot, persistent.

Without a point a failover is one snapshot of home, and replication has to stand still while it
is used: the best case, and the one measured unless points are made.  With points each is a
snapshot of its own beside a snapshot-origin, which replication writes to: that copies the old
content once for each of them.  A failover at a point is then a snapshot of that snapshot, so
that the point stays as it is.  The disks are taken one after the other; origins of several
disks are suspended together for a point.
"""

import dm
from peers import Peer
from shell import modprobe, wait_for, zero_block


class Snapshot(Peer):
    """A snapshot for each disk."""
    chunk = 0
    from_home = True
    # It would have to be merged into the point's snapshot first.
    commits_points = False

    def make(self, used=None):
        modprobe('dm-snapshot')
        n = len(self.space.homes)
        self.sectors = dm.sectors(self.space.each)
        self.overlays, self.paths = [], []
        self.origins = []
        self.points = []
        self.merging = []
        self.cows = []
        if n == 1:
            self.cows = [self.space.backing.store]

    def with_points(self, most, mib=4):
        n = len(self.space.homes)
        self.point_cows = [[self.space.cut(mib << 20) for _ in range(n)]
                           for _ in range(most)]
        share = self.space.left() // n
        self.cows = [self.space.cut(share) for _ in range(n)]
        for i, home in enumerate(self.space.homes):
            name = f'{self.prefix}-origin-{i}'
            path = dm.create(name, [(self.sectors, 'snapshot-origin', home)])
            self.origins.append((name, path))

    def _cow(self, disk):
        if not self.cows:
            share = self.space.left() // len(self.space.homes)
            self.cows = [self.space.cut(share) for _ in self.space.homes]
        return self.cows[disk]

    def _line(self, kind, below, cow):
        return [(self.sectors, kind, f'{below} {cow} P {self.chunk // 512}')]

    def replica(self):
        """The origins."""
        return [path for _, path in self.origins] or self.space.homes

    def point(self):
        """Of all disks at one moment."""
        cows = self.point_cows[len(self.points)]
        for cow in cows:
            zero_block(cow)
        for name, _ in self.origins:
            dm.suspend(name)
        made = []
        for i, cow in enumerate(cows):
            name = f'{self.prefix}-point-{len(self.points)}-{i}'
            made.append((name, dm.create(name, self._line('snapshot', self.space.homes[i], cow))))
        for name, _ in self.origins:
            dm.resume(name)
        self.points.append(made)

    def start(self, age=0):
        """A fresh snapshot of each home, or of each of a point's snapshots."""
        self.paths = []
        for i, home in enumerate(self.space.homes):
            below = self.points[-1 - age][i][1] if self.points else home
            cow = self._cow(i)
            zero_block(cow)
            name = f'{self.prefix}-overlay-{i}'
            self.paths.append(dm.create(name, self._line('snapshot', below, cow)))
            self.overlays.append(name)

    def connect(self):
        return self.paths

    def revert(self):
        """The snapshots go, all at once each."""
        for i, name in enumerate(self.overlays):
            dm.remove(name)
            zero_block(self._cow(i))
        self.overlays = []

    def commit(self):
        """Home begins to take what was written; the guest can use the device meanwhile."""
        for i, name in enumerate(self.overlays):
            dm.remove(name)
            self.paths[i] = dm.create(name, self._line('snapshot-merge', self.space.homes[i],
                                                       self._cow(i)))
        self.merging, self.overlays = self.overlays, []

    @staticmethod
    def _merged(name):
        # ALLOCATED/TOTAL METADATA
        allocated, metadata = dm.status(name)[-2:]
        return allocated.split('/')[0] == metadata

    def settle(self):
        for name in self.merging:
            wait_for('the merge of dm-snapshot', 3600, lambda n=name: self._merged(n), 0.005)

    def close(self):
        for name in self.overlays + self.merging:
            dm.remove(name)
        for made in self.points:
            for name, _ in made:
                dm.remove(name)
        for name, _ in self.origins:
            dm.remove(name)
        self.overlays, self.merging, self.points, self.origins = [], [], [], []


class Snapshot4k(Snapshot):
    """The smallest chunks."""
    name, title, chunk = 'snapshot-4k', 'dm-snapshot, 4 KiB', 4096


class Snapshot64k(Snapshot):
    """As large as those of the others."""
    name, title, chunk = 'snapshot-64k', 'dm-snapshot, 64 KiB', 65536
