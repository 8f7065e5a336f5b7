# SPDX-License-Identifier: GPL-2.0
"""Device mapper's ioctls, without a process for each: a dmsetup takes longer than what it asks
for.  Names need no udevd: devtmpfs makes the node /dev/dm-MINOR.
"""

import errno
import fcntl
import os
import struct
import time

from shell import Failure

# struct dm_ioctl: version[3], data_size, data_start, target_count, open_count, flags,
# event_nr, padding, dev, name, uuid, and what aligns it.
HEAD = struct.Struct('=3I2IIiIIIQ128s129s7x')
# struct dm_target_spec: sector_start, length, status, next, target_type.
SPEC = struct.Struct('=QQiI16s')
assert HEAD.size == 312 and SPEC.size == 40

CREATE, REMOVE, SUSPEND, LOAD, STATUS, MESSAGE = 3, 4, 6, 9, 12, 14
SUSPEND_FLAG, TABLE_FLAG, NOFLUSH_FLAG = 1 << 1, 1 << 4, 1 << 11

_control = []


def _ioctl(number, name, data=b'', flags=0, targets=0, room=16384):
    if not _control:
        _control.append(os.open('/dev/mapper/control', os.O_RDWR))
    size = HEAD.size + max(len(data), room)
    head = HEAD.pack(4, 0, 0, size, HEAD.size, targets, 0, flags, 0, 0, 0, name.encode(), b'')
    buf = bytearray((head + data).ljust(size, b'\0'))
    try:
        fcntl.ioctl(_control[0], 3 << 30 | HEAD.size << 16 | 0xfd << 8 | number, buf)
    except OSError as e:
        raise Failure(f'device mapper, {name}: ioctl {number}: {e.strerror}') from e
    return buf


def _table(lines):
    """Lines (SECTORS, TYPE, PARAMETERS), one behind the other."""
    out, start = b'', 0
    for length, kind, params in lines:
        text = params.encode() + b'\0'
        text = text.ljust((len(text) + 7) // 8 * 8, b'\0')
        out += SPEC.pack(start, length, 0, SPEC.size + len(text), kind.encode()) + text
        start += length
    return out


def load(name, lines):
    """Load a table; it is in force after resume()."""
    _ioctl(LOAD, name, _table(lines), targets=len(lines))


def suspend(name):
    """Suspend, with a flush."""
    _ioctl(SUSPEND, name, flags=SUSPEND_FLAG)


def resume(name):
    """Resume, with the table that was loaded, if any."""
    _ioctl(SUSPEND, name)


def create(name, lines):
    """Make a device and return its path."""
    buf = _ioctl(CREATE, name)
    dev = struct.unpack_from('=Q', buf, 40)[0]
    try:
        load(name, lines)
        resume(name)
    except Failure:
        remove(name)
        raise
    path = f'/dev/dm-{os.minor(dev)}'
    end = time.monotonic() + 5
    while not os.path.exists(path):
        if time.monotonic() > end:
            raise Failure(f'{path} does not appear')
        time.sleep(0.001)
    return path


def remove(name):
    """Remove a device; one that was closed a moment ago may be held by its last bio."""
    for _ in range(500):
        try:
            _ioctl(REMOVE, name)
            return
        except Failure as e:
            if not isinstance(e.__cause__, OSError) or e.__cause__.errno != errno.EBUSY:
                raise
            last = e
            time.sleep(0.01)
    raise last


def message(name, text):
    """Send a message to the first target."""
    _ioctl(MESSAGE, name, struct.pack('=Q', 0) + text.encode() + b'\0')


def status(name):
    """The status line of the first target, as words."""
    buf = _ioctl(STATUS, name)
    start = struct.unpack_from('=I', buf, 16)[0]
    text = bytes(buf[start + SPEC.size:])
    return text[:text.index(b'\0')].decode().split()


def sectors(size):
    """Bytes as sectors of 512."""
    return size // 512
