# SPDX-License-Identifier: GPL-2.0
"""I/O on the failover device: fio's jobs on every peer, in rounds."""

import jobs
from backing import BACKINGS, MIB
from peers import chosen_on, made
from space import STORE_EXTRA


def needs(sizes):
    """Bytes of home and store."""
    home = (jobs.extent(jobs.jobs(sizes)) + MIB - 1) // MIB * MIB
    return home, home + STORE_EXTRA


def measure(result, sizes, backings, peers, check=False):
    """One backing after the other; in it, rounds of all peers, each round in another order."""
    for name in backings:
        backing = BACKINGS[name](*needs(sizes))
        try:
            backing.fill()
            result.note('backing', backing=name, title=backing.title, kind=backing.kind())
            for turn in range(sizes['rounds']):
                order = chosen_on(peers, sizes, name)
                order = order[turn % len(order):] + order[:turn % len(order)]
                for peer in order:
                    with result.step(f'throughput, {backing.title}, {peer.title}'):
                        one(result, sizes, backing, peer, turn, check)
        finally:
            backing.close()


def one(result, sizes, backing, kind, turn, check):
    """A peer is made, measured and removed."""
    work = jobs.jobs(sizes, kind.front)
    with made(kind, backing) as peer:
        for job, value in jobs.measure(peer.failover()[0], work, check).items():
            result.add('throughput', backing=backing.name, peer=kind.name, job=job, round=turn,
                       value=round(value, 1), unit=next(j.unit for j in work if j.name == job))
