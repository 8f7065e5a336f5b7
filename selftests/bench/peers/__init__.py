# SPDX-License-Identifier: GPL-2.0
"""What is measured: dm-replica and what users would take instead.

A peer is made on a Space and then does what a failover service does, as far as it can.  Each
does it in the way that is best for it; where a peer cannot do a thing at all, the method is
absent (see can()).
"""

import contextlib

from shell import Failure, io
from space import Space


class Peer:
    """make() first, close() last.

    point()             keep the replica as it is now
    failover(age)       the paths of the devices for the guest, at the newest point or at one
                        that is so many points older: start(age), then connect()
    revert()            disconnect() first; discard the guest's writes; failover() is
                        possible again
    commit()            the guest's state is the machine's from now on
    point_and_drop()    keep the replica as it is now, and the oldest point but the first no more
    settle()            wait until nothing goes on behind the last operation
    replica()           the paths that replication writes to
    """
    name = title = ''
    # It has operations; without them it only takes part where I/O is measured.
    service = True
    # A failover shows home as it is, and needs no point.
    from_home = False
    # A commit at a point moves the content home.
    commits_points = True
    # In the end of a commit home is a plain disk.
    plain_home = True
    # It is used through qemu-storage-daemon.
    front = False

    def __init__(self, space):
        self.space = space
        self.prefix = space.prefix

    def make(self, used=None):
        """Used: the bytes of each disk that are written to, of those that have content."""
        raise NotImplementedError

    def with_points(self, most, mib=4):
        """Before the first point(): room for so many; so much will be written after each."""

    def failover(self, age=0):
        """The guest's devices, ready to be used."""
        self.start(age)
        return self.connect()

    def start(self, age=0):
        """The operation alone."""
        raise NotImplementedError

    def connect(self):
        """The devices' paths."""
        raise NotImplementedError

    def disconnect(self):
        """The guest is stopped."""

    def settle(self):
        """Nothing goes on behind an operation."""

    def close(self):
        """Remove it; home's content is undefined then."""
        raise NotImplementedError

    @contextlib.contextmanager
    def other(self, size):
        """Another machine on the same devices, whose guest has written so much: its revert."""
        other = self.space.backing.other
        with made(type(self), other, used=size, prefix='other') as peer:
            path = peer.failover()[0]
            io(path, f'm:0:64K:64K:{size >> 16}:7', 'f')
            peer.disconnect()
            yield peer.revert

    def can(self, what):
        """Is there such an operation?"""
        return hasattr(self, what)


def by_name():
    """{name: class}, in the order of the tables."""
    # pylint: disable=import-outside-toplevel
    from peers import front, linear, qcow2, replica, snapshot, thin
    order = (linear.Linear, snapshot.Snapshot4k, snapshot.Snapshot64k, thin.Thin, replica.Replica,
             front.Linear, qcow2.Qcow2, qcow2.Qcow2Extended, front.Replica)
    return {p.name: p for p in order}


def chosen(names):
    """The classes of these names; all without any."""
    found = by_name()
    for name in names or ():
        if name not in found:
            raise Failure(f'no peer {name}, only {" ".join(found)}')
    return [p for n, p in found.items() if not names or n in names]


def chosen_on(names, sizes, backing):
    """The same, of those that take part on this backing."""
    every = sizes['all_on']
    return [k for k in chosen(names) if not every or backing in every or k.name == 'replica']


@contextlib.contextmanager
def made(kind, backing, disks=1, each=None, used=None, prefix='bench'):
    """A peer that is there, on a space of its own, and goes at the end."""
    space = Space(backing, disks, each, prefix)
    try:
        peer = kind(space)
        peer.make(used)
        try:
            yield peer
        finally:
            peer.close()
    finally:
        space.close()
