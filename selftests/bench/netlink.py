# SPDX-License-Identifier: GPL-2.0
"""The family dm_replica, spoken to without a process for each request.

Numbers are those of uapi/dm-replica.h.
"""

import re
import socket
import struct
import time
import uuid

from shell import SRC, Failure

NETLINK_GENERIC, SOL_NETLINK, NETLINK_EXT_ACK = 16, 270, 11
REQUEST, ACK, CAPPED, ACK_TLVS, ERROR = 1, 4, 0x100, 0x200, 2


def _numbers():
    """{NAME: number} of the header's enums and defines."""
    with open(SRC + '/uapi/dm-replica.h') as f:
        text = re.sub(r'/\*.*?\*/', '', f.read(), flags=re.S)
    found = {name: int(value) for name, value in
             re.findall(r'#define DM_REPLICA_(\w+)\s+(\d+)', text)}
    for body in re.findall(r'enum\s*\w*\s*\{(.*?)\}', text, re.S):
        value = -1
        for entry in body.split(','):
            name, _, given = (part.strip() for part in entry.partition('='))
            if not name:
                continue
            value = int(given) if given.isdigit() else value + 1
            found[name.removeprefix('DM_REPLICA_')] = value
    return found


N = _numbers()


def _attributes(data):
    """{number: bytes}"""
    out, at = {}, 0
    while at + 4 <= len(data):
        size, kind = struct.unpack_from('=HH', data, at)
        if size < 4:
            break
        out[kind & 0x3fff] = data[at + 4:at + size]
        at += (size + 3) & ~3
    return out


def _put(kind, value):
    if value is True:
        value = b''
    head = struct.pack('=HH', 4 + len(value), kind)
    return (head + value).ljust((4 + len(value) + 3) // 4 * 4, b'\0')


def u32(value):
    """A number of 32 bits as an attribute's value."""
    return struct.pack('=I', value)


def u64(value):
    """A number of 64 bits as an attribute's value."""
    return struct.pack('=Q', value)


def number(value):
    """The number in an attribute's value."""
    return int.from_bytes(value, 'little')


class Family:
    """A socket to the family."""

    def __init__(self):
        self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_GENERIC)
        self.sock.bind((0, 0))
        self.sock.setsockopt(SOL_NETLINK, NETLINK_EXT_ACK, 1)
        said = self._talk(16, 3, 1, _put(2, b'dm_replica\0'))
        self.family = number(said[1])

    def _talk(self, family, cmd, version, attributes):
        """One request; its answer's attributes."""
        body = struct.pack('=BBH', cmd, version, 0) + attributes
        self.sock.send(struct.pack('=IHHII', 16 + len(body), family, REQUEST | ACK, 1, 0) + body)
        answer = {}
        while True:
            data = self.sock.recv(65536)
            at = 0
            while at < len(data):
                size, kind, flags = struct.unpack_from('=IHH', data, at)
                if kind == ERROR:
                    code, asked = struct.unpack_from('=iI', data, at + 16)
                    if code:
                        skip = 20 + (16 if flags & CAPPED else (asked + 3) & ~3)
                        tlvs = _attributes(data[at + skip:at + size]) if flags & ACK_TLVS else {}
                        text = tlvs.get(1, b'').rstrip(b'\0').decode()
                        raise Failure(f'dm_replica, command {cmd}: errno {-code}: {text}')
                    return answer
                answer = _attributes(data[at + 20:at + size])
                at += (size + 3) & ~3

    def request(self, cmd, attributes):
        """One request by the command's name, with {NAME: value}."""
        return self._talk(self.family, N['CMD_' + cmd], N['FAMILY_VERSION'],
                          b''.join(_put(N['A_' + k], v) for k, v in attributes.items()))


class System:
    """One attached system."""

    def __init__(self, family, system):
        self.family = family
        self.uuid = uuid.UUID(system).bytes

    def get(self, field):
        """A number of its status."""
        said = self.family.request('SYSTEM_GET', {'SYSTEM_UUID': self.uuid})
        return number(said[N['A_SYSTEM_' + field]])

    def job(self, job):
        """A job's state, code and answer."""
        said = self.family.request('JOB_GET', {'JOB_SYSTEM': self.uuid, 'JOB_ID': u64(job)})
        return {k: number(said[N['A_JOB_' + k]]) if N['A_JOB_' + k] in said else None
                for k in ('STATE', 'CODE', 'ANSWER', 'ELAPSED', 'POINT')}

    def operate(self, cmd, **attributes):
        """An operation, until it is decided: its job's id, and the point's number if any."""
        said = self.family.request(cmd, {'OP_SYSTEM': self.uuid} | attributes)
        job, point = number(said[N['A_OP_JOB']]), number(said.get(N['A_OP_POINT'], b''))
        if number(said[N['A_OP_CODE']]) and \
                number(said[N['A_OP_JOB_STATE']]) <= N['JOB_STATE_STARTING']:
            while True:
                now = self.job(job)
                if now['STATE'] > N['JOB_STATE_STARTING']:
                    point = now['POINT']
                    break
                time.sleep(0.001)
            if (now['ANSWER'] or 0) >= N['CODE_FAILED']:
                raise Failure(f'dm_replica, {cmd}: code {now["ANSWER"]}')
        return job, point

    def hold(self, held):
        """Hold the vacuum and the log commit of every second, or release them."""
        self.family.request('VACUUM_SET', {'OP_SYSTEM': self.uuid, 'OP_HOLD': u32(int(held))})
