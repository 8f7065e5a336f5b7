# SPDX-License-Identifier: GPL-2.0
"""Plain devices through qemu-storage-daemon's NBD: the front that a qcow2 file needs, before
dm-linear and dm-replica.
"""

from daemon import Daemon
from peers import linear, replica


class Front:
    """The devices of a peer, each behind an NBD export; before the peer's class."""
    front = True

    def connect(self):
        """The same devices, at the other end."""
        self.daemon = Daemon()
        paths = []
        for i, path in enumerate(super().connect()):
            self.daemon.device(f'd{i}', path)
            paths.append(self.daemon.export(f'd{i}'))
        return paths

    def close(self):
        self.daemon.close()
        super().close()


class Linear(Front, linear.Linear):
    """The limit of those with a front."""
    name, title = 'front-linear', 'dm-linear, NBD'


class Replica(Front, replica.Replica):
    """As qcow2 is used."""
    name, title = 'front-replica', 'dm-replica, NBD'
    service = False
