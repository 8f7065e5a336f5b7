# SPDX-License-Identifier: GPL-2.0
"""Latency of a guest's 4 KiB write and of the fsync after it, at a low rate, while something else
goes on in the background.
"""

import contextlib
import threading
import time

import jobs
from backing import BACKINGS, MIB, Half
from peers import chosen, made
from shell import Failure, io

# Where the guest writes: behind what was written before.
PLACE = 32 * MIB


def needs(sizes):
    """Bytes of home and store: of two machines."""
    home = 2 * (max(sizes['dirty'], PLACE) * 2 + 64 * MIB)
    return home, home * 2 + 512 * MIB


@contextlib.contextmanager
def beside(do, *args):
    """A thread that calls it until the end; its failure is one."""
    stop, failed = threading.Event(), []

    def loop():
        try:
            while not stop.is_set():
                do(*args)
                stop.wait(beside.pause)
        except Exception as e:  # pylint: disable=broad-exception-caught
            failed.append(e)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    if failed:
        raise failed[0]


beside.pause = 1


class Guest:
    """One peer, one scenario: prepare, then measure within what it does in the background."""

    def __init__(self, peer, sizes):
        self.peer, self.sizes = peer, sizes
        self.most = int(3 * sizes['seconds'] / beside.pause) + 16
        self.offset = sizes['dirty']
        self.first = False

    def dirty(self):
        """What a commit or a revert finds: 4 KiB in each 64 KiB."""
        jobs.write_scattered(self.path, self.sizes['dirty'])

    def prepare(self, points=False):
        """Fail over; at a point where points are made."""
        if points:
            self.peer.with_points(self.most, 8)
            io(self.peer.replica()[0], 'w:0:64K:1', 'f')
            self.peer.point()
        self.path = self.peer.failover()[0]

    @contextlib.contextmanager
    def idle(self):
        """Nothing goes on; the guest rewrites what it has written"""
        self.prepare()
        yield

    @contextlib.contextmanager
    def first_writes(self):
        """Nothing goes on; every write is the first to its place, so that the log goes round"""
        self.prepare()
        # Enough for the log's tail to move.
        io(self.path, *(step for i in range(self.sizes['turns'])
                        for step in (f'w:{i * 4096}:4K:1', 'f')))
        self.first = True
        yield

    @contextlib.contextmanager
    def points(self):
        """A point every second"""
        if not self.peer.can('point'):
            raise NotImplementedError
        self.prepare(points=True)
        with beside(self.peer.point):
            yield

    @contextlib.contextmanager
    def vacuum(self):
        """Replication writes 4 MiB, a point is made and the oldest dropped, every second"""
        if not self.peer.can('point_and_drop'):
            raise NotImplementedError
        self.prepare(points=True)
        replica = self.peer.replica()[0]

        def step():
            io(replica, 'm:1M:64K:64K:64:5', 'f')
            self.peer.point_and_drop()

        with beside(step):
            yield

    @contextlib.contextmanager
    def commit(self):
        """A commit has begun to move home (dm-thin: deletes the replica)"""
        if not self.peer.can('commit'):
            raise NotImplementedError
        self.prepare()
        self.dirty()
        if self.peer.front:
            thread = threading.Thread(target=self.peer.commit)
            thread.start()
        else:
            self.peer.commit()
            self.path = self.peer.connect()[0]
            thread = threading.Thread(target=self.peer.settle)
            thread.start()
        try:
            yield
        finally:
            thread.join()

    @contextlib.contextmanager
    def other_reverts(self):
        """Another machine on the same devices reverts a large failover"""
        if not self.peer.can('revert') or self.peer.front:
            raise NotImplementedError
        self.prepare()
        with self.peer.other(self.sizes['dirty']) as revert:
            thread = threading.Timer(self.sizes['seconds'] * 0.3, revert)
            thread.start()
            try:
                yield
            finally:
                thread.join()


SCENARIOS = ('idle', 'first_writes', 'points', 'vacuum', 'commit', 'other_reverts')


def _scenarios(kind, sizes):
    if kind.front and not kind.service:
        return ()
    if not kind.service:
        return SCENARIOS[:1] if sizes['brief'] else SCENARIOS[:2]
    if not sizes['brief']:
        return SCENARIOS
    if kind.name not in sizes['brief']:
        return ()
    return SCENARIOS[1:] if kind.name == 'replica' else SCENARIOS[-2:]


def measure(result, sizes, backings, peers, check=False):
    """On the first backing that counts."""
    beside.pause = min(1, sizes['seconds'] / 4)
    for name in [b for b in backings if BACKINGS[b].counted][:1]:
        backing = BACKINGS[name](*needs(sizes))
        half = Half(backing)
        try:
            for kind in chosen(peers):
                for scenario in _scenarios(kind, sizes):
                    with result.step(f'latency, {kind.title}, {scenario}'):
                        _one(result, sizes, half, kind, scenario, check)
        finally:
            half.close()
            backing.close()


def _one(result, sizes, half, kind, scenario, check):
    with made(kind, half, used=sizes['dirty'] + PLACE) as peer:
        guest = Guest(peer, sizes)
        try:
            with getattr(guest, scenario)():
                if not guest.first:
                    io(guest.path, f'm:{guest.offset}:256K:256K:{PLACE >> 18}:3', 'f')
                start = time.monotonic()
                found = jobs.latencies(guest.path, guest.offset, PLACE, sizes['seconds'],
                                       sizes['rate'])
                took = time.monotonic() - start
        except NotImplementedError:
            return
        if check and found['ios'] < 3:
            raise Failure(f'only {found["ios"]} writes in {took:.1f} s')
        for what in ('write', 'fsync'):
            result.add('latency', backing=half.name, peer=kind.name, scenario=scenario, io=what,
                       **{k: round(v, 7) for k, v in found[what].items()})
