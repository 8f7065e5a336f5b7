#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
#
# Replication streams for tests, written from Documentation/replication-stream.md alone, and
# the example of that page as a file.
#
# usage: stream.py DIRECTORY

import hashlib
import re
import struct
import sys

TABLE = []
for n in range(256):
    for _ in range(8):
        n = n >> 1 ^ (0x82f63b78 if n & 1 else 0)
    TABLE.append(n)


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 0xff]
    return crc ^ 0xffffffff


def text(s):
    s = s.encode()
    return struct.pack('<H', len(s)) + s


def identity(letter, number):
    return (letter.encode() * 16 if number else bytes(16)) + struct.pack('<Q', number)


def place(disk, offset):
    return struct.pack('<IIQ', disk, 0, offset)


class Stream:
    """The sender's frames, in order."""

    def __init__(self):
        self.out = b''
        self.number = 0

    def frame(self, kind, payload, flags=0):
        self.number += 1
        head = struct.pack('<IHHQI', len(payload), kind, flags, self.number, crc32c(payload))
        self.out += head + struct.pack('<I', crc32c(head)) + payload

    def hello(self, host='beta'):
        self.frame(1, b'DMRSTRM\n' + struct.pack('<HHIQ', 1, 1, 0, 0) + b'R' * 16 + b'S' * 16 +
                   struct.pack('<Q', 1700000000 * 10**9) + text(host))

    def begin(self, base, target, label='', start=(0, 0)):
        self.digest = hashlib.sha256()
        self.count = [0] * 5
        disks = b''.join(bytes([i]) * 16 + struct.pack('<QI', size, 512) + text(name)
                         for i, (name, size) in enumerate([('vda', 65536), ('vdb', 8704)]))
        self.frame(3, bytes([target]) * 16 + struct.pack('<BBHI', 2 if base else 1, 0, 2, 2) +
                   identity('A', base) + identity('A', target) +
                   struct.pack('<QQ', 1, 1700000000 * 10**9) + place(*start) +
                   struct.pack('<QQ', 0, 0) + text(label) + disks)

    def meta(self, kind, data):
        self.frame(6, struct.pack('<III', kind, len(data), 0) + data)

    def data(self, disk, extents):
        """extents: list of (offset, bytes)"""
        table = raw = b''
        for offset, data in extents:
            table += struct.pack('<QII', offset, len(data), crc32c(data))
            raw += data
            self.digest.update(struct.pack('<HHIQQ', 7, disk, crc32c(data), offset, len(data)))
        self.frame(7, struct.pack('<HHI', disk, len(extents), len(raw)) + table + raw)
        self.count[0] += 1
        self.count[1] += len(extents)
        self.count[2] += len(raw)

    def zero(self, disk, extents):
        """extents: list of (offset, length)"""
        table = b''
        for offset, length in extents:
            table += struct.pack('<QQ', offset, length)
            self.digest.update(struct.pack('<HHIQQ', 8, disk, 0, offset, length))
            self.count[4] += length
        self.frame(8, struct.pack('<HHI', disk, len(extents), 0) + table)
        self.count[0] += 1
        self.count[3] += len(extents)

    def sync(self, number, disk, offset):
        self.frame(9, struct.pack('<Q', number) + place(disk, offset))

    def end(self):
        self.frame(11, struct.pack('<5Q', *self.count) + self.digest.digest())

    def bye(self):
        self.frame(19, b'')


def two_deltas():
    s = Stream()
    s.hello()
    s.begin(3, 5, 'before upgrade')
    s.meta(1, b'<domain/>')
    s.data(0, [(0, b'a' * 4096), (8192, b'b' * 8192)])
    s.sync(1, 0, 65536)
    s.frame(99, b'of a later version', 2)
    s.data(1, [(8192, b'c' * 512)])
    s.end()
    s.begin(5, 6)
    s.zero(0, [(0, 4096), (16384, 49152)])
    s.end()
    s.bye()
    return s.out


def main():
    where = sys.argv[1]

    def write(name, data):
        with open(f'{where}/{name}', 'wb') as f:
            f.write(data)

    deltas = two_deltas()
    write('deltas.stream', deltas)
    write('cut.stream', deltas[:-150])
    write('long.stream', deltas + b'x')
    write('bit.stream', deltas[:3000] + bytes([deltas[3000] ^ 4]) + deltas[3001:])
    # The first stream has no END: the second does not follow.
    s = Stream()
    s.hello('x' * 64)
    s.begin(0, 1)
    s.data(0, [(0, b'a' * 4096)])
    s.begin(1, 2)
    write('order.stream', s.out)
    s = Stream()
    s.hello()
    s.begin(0, 2, 'rest', (0, 4096))
    s.zero(0, [(4096, 4096)])
    s.end()
    write('rest.stream', s.out)
    s.hello('second')
    write('hello.stream', s.out)
    s = Stream()
    s.hello()
    s.begin(0, 2, 'x')
    s.data(0, [(0, b'a' * 4096)])
    s.count[1] += 1
    s.end()
    write('counts.stream', s.out)
    s = Stream()
    s.hello('evil\033[2J')
    write('terminal.stream', s.out)
    # The page's hex.
    out = bytearray(0x11ef)
    with open('Documentation/replication-stream.md', encoding='utf-8') as page:
        for line in page.read().split('## A stream, byte by byte')[1].splitlines():
            if re.match(r'    [0-9a-f]{5}  ', line):
                at = int(line.split()[0], 16)
                data = bytes.fromhex(line[11:])
                out[at:at + 16] = data
    write('page.stream', bytes(out[:0x11ef]))


main()
