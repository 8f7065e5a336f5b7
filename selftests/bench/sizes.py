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
        'sparse': (4 * MIB, 256 * MIB, 1024 * MIB),
        'fsync': (2 * MIB, 128 * MIB, 512 * MIB),
        'large': (4 * MIB, 64 * MIB, 512 * MIB),
        # Tiny: these peers alone take part where operations are measured; in I/O all of them on
        # these backings, and dm-replica alone on the others.
        'brief': (('snapshot-64k', 'thin', 'replica', 'qcow2'), None, None),
        'all_on': (('disk',), None, None),
        # The operations: bytes that the guest wrote, disks, points kept, how often each.
        'dirtied': ((0, MIB), (0, MIB, 16 * MIB, 256 * MIB, 1024 * MIB),
                    (0, 16 * MIB, 256 * MIB, 1024 * MIB, 10240 * MIB)),
        'disks': ((2,), (1, 4, 16, 64), (1, 4, 16, 64)),
        'ages': ((3,), (1, 4, 16, 64, 256), (1, 4, 16, 64, 256)),
        'repeats': (1, 3, 3),
        # Bytes that are moved home, in order and 4 KiB in each 64 KiB.
        'in_order': ((4 * MIB,), (32 * MIB, 128 * MIB, 512 * MIB),
                     (128 * MIB, 512 * MIB, 2048 * MIB, 8192 * MIB)),
        'scattered': ((MIB // 2,), (2 * MIB, 8 * MIB, 32 * MIB),
                      (8 * MIB, 32 * MIB, 128 * MIB, 512 * MIB)),
        # An attach: versions of the store; dm-snapshot keeps their data, qcow2 64 KiB for each.
        'versions': ((500,), (10000, 30000, 100000, 300000), (10000, 100000, 500000, 2000000)),
        'snapshot_versions': (500, 100000, 500000),
        'qcow2_versions': (500, 10000, 10000),
        # GiB of the disk.
        'big_disks': ((), (1024, 4096), (1024, 4096)),
        # Latency: seconds for each figure, fsyncs before it, the guest's writes a second, and the
        # bytes over which a guest has written that is committed or reverted meanwhile.
        'seconds': (1, 5, 20),
        'turns': (20, 1000, 3000),
        'rate': (100, 200, 200),
        'dirty': (4 * MIB, 256 * MIB, 1024 * MIB),
    }.items()}
