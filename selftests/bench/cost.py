# SPDX-License-Identifier: GPL-2.0
"""I/Os and bytes at the devices for each I/O of the guest, one at a time: counts, no times."""

import collections

import iostat
from backing import BACKINGS, MIB
from peers import chosen_on, made
from shell import io
from space import STORE_EXTRA

TIMES = 16
CHUNK = 65536
BASE = 4 * MIB

# name: title, bytes of an I/O of the guest, steps of helper-io for each; the place of the i-th
# is a chunk of its own.
CASES = {
    'first': ('first write of 4 KiB', 4096, lambda i: [f'w:{BASE + i * CHUNK}:4K:7']),
    'again': ('rewrite of 4 KiB', 4096, lambda i: [f'w:{BASE + i * CHUNK}:4K:8']),
    'next': ('first write of 4 KiB more in the same 64 KiB', 4096,
             lambda i: [f'w:{BASE + i * CHUNK + 16384}:4K:8']),
    'read': ('read of 4 KiB written', 4096, lambda i: [f'c:{BASE + i * CHUNK}:4K:8']),
    'read-bare': ('read of 4 KiB not written', 4096, lambda i: [f'r:{3 * BASE + i * CHUNK}:4K']),
    'first-fsync': ('first write of 4 KiB, fsync', 4096,
                    lambda i: [f'w:{2 * BASE + i * CHUNK}:4K:7', 'f']),
    'again-fsync': ('rewrite of 4 KiB, fsync', 4096,
                    lambda i: [f'w:{2 * BASE + i * CHUNK}:4K:8', 'f']),
    'first-chunk': ('first write of 64 KiB', CHUNK, lambda i: [f'w:{4 * BASE + i * CHUNK}:64K:7']),
    'first-large': ('first write of 1 MiB', MIB, lambda i: [f'w:{5 * BASE + i * MIB}:1M:7']),
}
HOME = 5 * BASE + TIMES * MIB

# What it has to be, for each I/O of the guest.  An empty flush is a write of no bytes and a flush;
# fua: writes with PREFLUSH and FUA, each a flush more where the device has no FUA of its own.
Wanted = collections.namedtuple('Wanted', 'writes written flushes fua read', defaults=(0, 0, 0))
EXACT = {
    'linear': {
        'first': Wanted(1, 4096), 'again': Wanted(1, 4096), 'next': Wanted(1, 4096),
        'read': Wanted(0, 0, read=4096), 'read-bare': Wanted(0, 0, read=4096),
        'first-fsync': Wanted(2, 4096, 1), 'again-fsync': Wanted(2, 4096, 1),
        'first-chunk': Wanted(1, CHUNK)},
    'replica': {
        'first': Wanted(1, 4096), 'again': Wanted(1, 4096), 'next': Wanted(1, 4096),
        'read': Wanted(0, 0, read=4096), 'read-bare': Wanted(0, 0, read=4096),
        # The log block is one write with PREFLUSH and FUA.
        'first-fsync': Wanted(2, 8192, 1, 1), 'again-fsync': Wanted(2, 4096, 1),
        'first-chunk': Wanted(1, CHUNK)},
    'snapshot-4k': {
        'first': Wanted(2, 8192, 1, 1), 'again': Wanted(1, 4096),
        'first-fsync': Wanted(3, 8192, 2, 1), 'again-fsync': Wanted(2, 4096, 1)},
    'snapshot-64k': {
        'first': Wanted(3, 2 * CHUNK + 4096, 1, 1, CHUNK), 'again': Wanted(1, 4096),
        'next': Wanted(1, 4096)},
}


def needs(_sizes):
    """Bytes of home and store."""
    return HOME, HOME + STORE_EXTRA


def measure(result, sizes, backings, peers, check=False):
    """On the devices that count; each peer once, since counts do not differ."""
    for name in backings:
        if not BACKINGS[name].counted:
            continue
        backing = BACKINGS[name](*needs(sizes))
        try:
            for kind in chosen_on(peers, sizes, name):
                with result.step(f'cost, {backing.title}, {kind.title}'):
                    one(result, backing, kind, check)
        finally:
            backing.close()


def one(result, backing, kind, check):
    """A peer does each of the cases."""
    with made(kind, backing, used=HOME) as peer:
        path = peer.failover()[0]
        if peer.can('hold'):
            peer.hold(True)
        for case, (title, size, steps) in CASES.items():
            before = iostat.total(backing.counted)
            io(path, *(step for i in range(TIMES) for step in steps(i)))
            found = iostat.since(before, backing.counted)
            result.add('cost', backing=backing.name, peer=kind.name, case=case, size=size,
                       times=TIMES, **found._asdict())
            w = EXACT.get(kind.name, {}).get(case)
            # dm-snapshot's I/O through another device is not cut in the same way.
            if check and w and not (backing.cuts and 'snapshot' in kind.name):
                wanted = (w.read > 0, w.read, w.writes + backing.cuts * w.fua, w.written,
                          w.flushes + (not backing.fua()) * w.fua)
                result.equal(f'cost, {backing.title}, {kind.title}, {title}',
                             tuple(found), tuple(n * TIMES for n in wanted))
