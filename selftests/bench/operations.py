# SPDX-License-Identifier: GPL-2.0
"""Time and device I/Os of a failover, a revert, a commit and a point, over the bytes that the
guest wrote, the disks, and the age of the point.

Each is measured until its answer: it has happened, durably, and the devices can be used.  What
goes on behind it (reclaiming, deleting, moving home) is measured apart.  Requests are made
without a process for each: what is measured is the operation, not the tool.
"""

import time

import iostat
from backing import BACKINGS, MIB
from peers import chosen, made
from shell import io, io_each

CHUNK = 65536


class Clock:
    """Measures what peers do, and records it."""

    def __init__(self, result, backing, peer, sweep, x):
        self.result, self.backing, self.peer = result, backing, peer
        self.fields = {'backing': backing.name, 'peer': peer.name, 'sweep': sweep, 'x': x}

    def _time(self, do, *args):
        before, start = iostat.total(self.backing.counted), time.monotonic()
        do(*args)
        seconds = time.monotonic() - start
        return {'seconds': round(seconds, 6)} | iostat.since(before, self.backing.counted)._asdict()

    def operation(self, name, do, *args):
        """One operation, and what goes on behind it; its counts."""
        hold = getattr(self.peer, 'hold', lambda held: None)
        hold(True)
        found = self._time(do, *args)
        hold(False)
        behind = self._time(self.peer.settle) if name.startswith(('revert', 'commit')) else None
        self.result.add('operation', **self.fields, operation=name, **found, behind=behind)
        return found


def kinds(peers, sizes):
    """Those that have operations at all."""
    return [k for k in chosen(peers)
            if k.service and (not sizes['brief'] or k.name in sizes['brief'])]


def needs(sizes):
    """Bytes of home and store."""
    most = max(sizes['dirtied'])
    home = max(2 * most, max(sizes['disks']) * 16 * MIB, 64 * MIB) + 16 * MIB
    store = max(most * 9 // 8, max(sizes['ages']) * 8 * MIB, home // 2) + 512 * MIB
    return home, store


def measure(result, sizes, backings, peers, check=False):
    """On the first backing that counts."""
    for name in [b for b in backings if BACKINGS[b].counted][:1]:
        backing = BACKINGS[name](*needs(sizes))
        try:
            for turn in range(sizes['repeats']):
                for kind in kinds(peers, sizes):
                    for run, x in _sweeps(sizes, turn):
                        with result.step(f'operations, {kind.title}, {run.__name__} {x}'):
                            run(result, backing, kind, x, check)
        finally:
            backing.close()


def _sweeps(sizes, turn):
    """What is done in a turn; what takes long is done once."""
    for run, what in ((dirtied, 'dirtied'), (disks, 'disks'), (age, 'ages')):
        for x in sizes[what]:
            if not turn or (run != age and x <= 256 * MIB):
                yield run, x


def _steps(count, stamp):
    """So many writes of 64 KiB, to every second chunk."""
    return [f'm:0:{2 * CHUNK}:64K:{count}:{stamp}', 'f'] if count else []


def _shown(check, paths, *steps):
    """When checking: each device holds that."""
    if check:
        io_each(paths, *steps)


def _expect(result, check, peer, what, found, wanted):
    if check and peer.name == 'replica':
        got = tuple(found[k] for k in ('reads', 'writes', 'written_bytes', 'flushes'))
        result.equal(f'dm-replica, {what}: one superblock', got, wanted)


def _first_point(peer):
    """What has a content to show; where failovers are of home as it is, none is needed."""
    io_each(peer.replica(), f'w:0:{CHUNK}:1', 'f')
    if not peer.from_home:
        peer.point()


def _life(result, peer, clock, check, count):
    """A failover, a revert, the other form of revert, a commit; count writes before each."""
    number = len(peer.replica())
    one = (0, 1, 4096 * ((1280 + 256 * number + 64 + 4095) // 4096), 1)
    found = clock.operation('failover', peer.start)
    _expect(result, check, peer, f'{number} disks, {count} chunks, failover', found, one)
    for form in ('revert', 'revert_anew'):
        if not peer.can(form):
            continue
        paths = peer.connect()
        _shown(check, paths, f'c:0:{CHUNK}:1')
        io_each(paths, *_steps(count, 7))
        if count:
            _shown(check, paths, f'c:0:{CHUNK}:7')
        peer.disconnect()
        found = clock.operation(form, getattr(peer, form))
        _expect(result, check, peer, f'{number} disks, {count} chunks, revert', found, one)
        if form == 'revert':
            peer.start()
    paths = peer.connect()
    _shown(check, paths, f'c:0:{CHUNK}:1')
    io_each(paths, *_steps(count, 9))
    if not peer.front:
        peer.disconnect()
    found = clock.operation('commit', peer.commit)
    _expect(result, check, peer, f'{number} disks, {count} chunks, commit', found, one)
    if check and count and not peer.front:
        _shown(check, paths, f'c:0:{CHUNK}:9')


def dirtied(result, backing, kind, size, check):
    """One disk."""
    def clock_of(peer):
        return Clock(result, backing, peer, 'dirtied', size)

    count = size // CHUNK
    with made(kind, backing, used=max(2 * size, MIB)) as peer:
        _first_point(peer)
        _life(result, peer, clock_of(peer), check, count)
    if check and kind.plain_home and count:
        io(backing.home, f'c:0:{CHUNK}:9')
    with made(kind, backing, used=max(2 * size, MIB)) as peer:
        peer.with_points(2, size // MIB * 9 // 8 + 8)
        peer.point()
        io(peer.replica()[0], *_steps(count, 5))
        clock_of(peer).operation('point', peer.point)


def disks(result, backing, kind, number, check):
    """A MiB written to each."""
    with made(kind, backing, number, 16 * MIB, used=2 * MIB) as peer:
        clock = Clock(result, backing, peer, 'disks', number)
        _first_point(peer)
        _life(result, peer, clock, check, MIB // CHUNK)
    with made(kind, backing, number, 16 * MIB, used=2 * MIB) as peer:
        clock = Clock(result, backing, peer, 'disks', number)
        peer.with_points(2)
        peer.point()
        io_each(peer.replica(), *_steps(MIB // CHUNK, 5))
        clock.operation('point', peer.point)


def age(result, backing, kind, points, check):
    """So many points, 64 KiB written to the same place before each; a failover at the oldest.
    And a write of the replication to a place of its own, beside so many points.
    """
    with made(kind, backing, used=8 * MIB) as peer:
        clock = Clock(result, backing, peer, 'age', points)
        peer.with_points(points)
        for i in range(points):
            io(peer.replica()[0], f'w:0:{CHUNK}:{i + 1}', 'f')
            if i < points - 1:
                peer.point()
            else:
                clock.operation('point', peer.point)
        io(peer.replica()[0], f'w:0:{CHUNK}:{points + 1}', 'f')
        clock.operation('replicated', io, peer.replica()[0], f'm:1M:64K:64K:{16}:3')
        clock.operation('failover', peer.start, points - 1)
        paths = peer.connect()
        _shown(check, paths, f'c:0:{CHUNK}:1')
        io_each(paths, 'w:1M:1M:7', 'f')
        peer.disconnect()
        clock.operation('revert', peer.revert)
        peer.start(points - 1)
        paths = peer.connect()
        _shown(check, paths, f'c:0:{CHUNK}:1')
        io_each(paths, 'w:1M:1M:9', 'f')
        if kind.commits_points:
            clock.operation('commit', peer.commit)
