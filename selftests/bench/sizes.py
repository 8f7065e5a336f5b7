# SPDX-License-Identifier: GPL-2.0
"""How much is done: tiny (make check), small (the default), full."""

from backing import MIB

SIZES = ('tiny', 'small', 'full')


def of(size):
    """{what: how much}; the three values are those of SIZES."""
    at = SIZES.index(size)
    return {what: values[at] for what, values in {
        'rounds': (1, 5, 7),
        # Bytes of each of the jobs' places, see jobs.py.
        'place': (MIB, 32 * MIB, 128 * MIB),
        'sparse': (4 * MIB, 128 * MIB, 1024 * MIB),
        'fsync': (2 * MIB, 32 * MIB, 128 * MIB),
        'large': (4 * MIB, 64 * MIB, 512 * MIB),
        # Tiny: all peers on these backings, those behind a front on the disks; else two.
        'all_on': (('ram', 'disk'), None, None),
        # The operations: bytes that the guest wrote, disks, points kept, how often each.
        'dirtied': ((0, MIB), (0, MIB, 16 * MIB, 256 * MIB),
                    (0, 16 * MIB, 256 * MIB, 1024 * MIB, 10240 * MIB)),
        'disks': ((3,), (1, 4, 16, 64), (1, 4, 16, 64)),
        'ages': ((3,), (1, 4, 16, 64, 256), (1, 4, 16, 64, 256)),
        'repeats': (1, 3, 3),
    }.items()}
