# SPDX-License-Identifier: GPL-2.0
"""dm-linear over home: what the devices below can do.  It keeps nothing: it is the limit."""

import dm
from peers import Peer


class Linear(Peer):
    """The guest writes to home."""
    name, title = 'linear', 'dm-linear'
    service = False
    from_home = True

    def make(self, used=None):
        self.names, self.paths = [], []

    def start(self, age=0):
        """One device for each disk."""
        for i, home in enumerate(self.space.homes):
            self.names.append(f'{self.prefix}-linear-{i}')
            self.paths.append(dm.create(self.names[-1], [
                (dm.sectors(self.space.each), 'linear', f'{home} 0')]))

    def connect(self):
        return self.paths

    def close(self):
        for name in self.names:
            dm.remove(name)
        self.names = []
