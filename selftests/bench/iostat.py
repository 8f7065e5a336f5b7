# SPDX-License-Identifier: GPL-2.0
"""Counts of I/O at block devices, from /sys/block/NAME/stat.

On a device without FUA a write with FUA counts as a write and a flush, one with PREFLUSH and FUA
as a write and two flushes; an empty flush counts as a write of no bytes and a flush.
"""

import collections

from shell import block_name, read, write

Counts = collections.namedtuple('Counts', 'reads read_bytes writes written_bytes flushes')
NONE = Counts(0, 0, 0, 0, 0)


def no_merges(device):
    """One request is one I/O in the counts."""
    write(f'/sys/block/{block_name(device)}/queue/nomerges', 2)


def of(device):
    """So far."""
    s = [int(n) for n in read(f'/sys/block/{block_name(device)}/stat').split()]
    return Counts(s[0], s[2] * 512, s[4], s[6] * 512, s[15])


def total(devices):
    """The sum of several."""
    return Counts(*(sum(n) for n in zip(NONE, *(of(d) for d in devices))))


def since(before, devices):
    """The difference between now and an earlier total()."""
    return Counts(*(b - a for a, b in zip(before, total(devices))))


def plus(a, b):
    """Both together."""
    return Counts(*(x + y for x, y in zip(a, b)))
