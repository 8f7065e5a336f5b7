# SPDX-License-Identifier: GPL-2.0
"""A backing, divided among the disks of one machine: a home for each disk, and pieces of the
store for a peer that needs several.
"""

import dm
from backing import MIB
from shell import Failure, block_bytes


# What a store has beside slots for all of home: dm-replica's log, dm-thin's metadata, the
# exceptions of dm-snapshot, tables of qcow2.
STORE_EXTRA = 128 * MIB


class Space:
    """homes: a path for each disk, all of the same size."""

    def __init__(self, backing, disks=1, each=None, prefix='bench'):
        self.backing = backing
        self.prefix = prefix
        self.counted = backing.counted
        self.names = []
        self.used = 0
        self.each = each or backing.bytes[0] // disks // MIB * MIB
        if disks == 1:
            self.homes = [backing.home]
        else:
            self.homes = [self._linear(backing.home, i * self.each, self.each)
                          for i in range(disks)]

    def _linear(self, device, start, size):
        name = f'{self.prefix}-piece-{len(self.names)}'
        path = dm.create(name, [(dm.sectors(size), 'linear', f'{device} {dm.sectors(start)}')])
        self.names.append(name)
        return path

    def left(self):
        """Bytes of the store that are not cut off yet."""
        return block_bytes(self.backing.store) - self.used

    def cut(self, size):
        """The next piece of the store, so large."""
        size = size // MIB * MIB
        if size > self.left():
            raise Failure(f'the store has only {self.left() // MIB} MiB left, not {size // MIB}')
        path = self._linear(self.backing.store, self.used, size)
        self.used += size
        return path

    def rest(self):
        """The table line of the rest of the store and of all of home, for one large device."""
        home = self.backing.bytes[0]
        return [(dm.sectors(self.left()), 'linear',
                 f'{self.backing.store} {dm.sectors(self.used)}'),
                (dm.sectors(home), 'linear', f'{self.backing.home} 0')]

    def close(self):
        """Remove the pieces."""
        for name in reversed(self.names):
            dm.remove(name)
        self.names = []
