# SPDX-License-Identifier: GPL-2.0
"""From a commit until home alone holds the disk, over the bytes written: in order, and 4 KiB in
each 64 KiB, written in random order.  Beside it a plain copy of the same bytes between the same
devices.  dm-thin has no such thing: its commit leaves the disk in the pool.
"""

import time

import iostat
import jobs
from backing import BACKINGS, MIB
from operations import kinds
from peers import made
from shell import io, run

CHUNK = 65536


def needs(sizes):
    """Bytes of home and store."""
    most = max(*sizes['in_order'], *(16 * n for n in sizes['scattered']))
    return most + 16 * MIB, most * 5 // 4 + 256 * MIB


def measure(result, sizes, backings, peers, check=False):
    """On the first backing that counts."""
    for name in [b for b in backings if BACKINGS[b].counted][:1]:
        backing = BACKINGS[name](*needs(sizes))
        try:
            for turn in range(sizes['repeats']):
                for pattern in ('in_order', 'scattered'):
                    for size in sizes[pattern]:
                        if turn and size > 512 * MIB:
                            continue
                        _all(result, sizes, backing, pattern, size, peers, check)
        finally:
            backing.close()


def _all(result, sizes, backing, pattern, size, peers, check):
    with result.step(f'moving home, copy, {pattern} {size}'):
        _add(result, backing, 'copy', pattern, size, lambda: _copy(backing, pattern, size))
    for kind in kinds(peers, sizes):
        if kind.plain_home:
            with result.step(f'moving home, {kind.title}, {pattern} {size}'):
                _one(result, backing, kind, pattern, size, check)


def _add(result, backing, peer, pattern, size, do):
    """Do it, and record its time, unless it returns that, and its I/Os, and those at home."""
    before, home = iostat.total(backing.counted), iostat.total([backing.counted[0]])
    start = time.monotonic()
    seconds = do() or time.monotonic() - start
    found = iostat.since(before, backing.counted)
    at_home = iostat.since(home, [backing.counted[0]])
    result.add('moving', backing=backing.name, peer=peer, pattern=pattern, size=size,
               seconds=round(seconds, 6), home_writes=at_home.writes, **found._asdict())


def _copy(backing, pattern, size):
    if pattern == 'scattered':
        return jobs.copy_scattered(backing.store, backing.home, size * 16)
    run('dd', f'if={backing.store}', f'of={backing.home}', 'bs=1M', f'count={size // MIB}',
        'iflag=direct', 'oflag=direct', 'conv=fsync')
    return None


def _one(result, backing, kind, pattern, size, check):
    with made(kind, backing) as peer:
        path = peer.failover()[0]
        if pattern == 'in_order':
            io(path, f'm:0:256K:256K:{size >> 18}:7', 'f')
        else:
            jobs.write_scattered(path, size * 16)

        def move():
            peer.commit()
            peer.settle()

        if not peer.front:
            peer.disconnect()
        _add(result, backing, kind.name, pattern, size, move)
    if check:
        if pattern == 'in_order':
            io(backing.home, *(f'c:{i}M:1M:7' for i in range(size // MIB)))
        else:
            jobs.check_scattered(backing.home, size * 16)
