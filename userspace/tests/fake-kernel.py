#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Run replicactl against a fake kernel.

usage: fake-kernel.py [--tty INPUT] [--change CODE] SCENARIO LIBRARY COMMAND...

--change executes CODE, Python, on the scenario: w, and w['system'] as s.
SCENARIO is JSON.  "system", "disks", "points", "peers", "jobs", "settings" are the content of the
dumps, attributes by their names; "more" has further systems for the dump; "host" has the
values of the host area by their keys, a character for each byte; a list in place of a job
has its states, one for each time it is read.  "answers" has for an operation its answer
("code", "job" and "job-state", or "errno" with "cim" and "text") and the attributes of the
system to "set" then, and the entries of the "host" area.  "unknown" lists commands that this
kernel does not have; with "absent" the module is not loaded; with "silent" it answers
nothing.  "version" is that of the family, if it is not the header's; "future" are attributes
of the system that the header does not have, by their numbers, with values of 32 bits.
"events" are changes of the system that are multicast; one with "cmd" is another event, by its
name or number, "job-ntf" a job's; one with "times": N is a burst of N with rising "id" and
"state-number"; one with "family" reports the module "gone", "back", or "again": unloaded and
loaded before the event is read.  "controls" is the number of requests for the family that find
it, "interrupted" are the first and the last dump of systems that is interrupted.

Every request for a change is printed behind the command's own output, as
"request NAME {attributes}".

Names and types of attributes are taken from the header.  With --tty standard
input and output of the command are a terminal on which INPUT is typed.
"""

import errno
import itertools
import json
import os
import pty
import re
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

HEADER = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../uapi/dm-replica.h')
FAMILY = 0x123
CTRL = 0x10
GROUPS = {'systems': 7, 'jobs': 8}


def read_header():
    """({set: {name: (number, type)}}, {number: command}, the family's version)"""
    with open(HEADER, encoding='utf-8') as f:
        text = f.read()
    sets, commands = {}, {}
    for body in re.findall(r'^enum \{(.*?)^\};', text, re.S | re.M):
        number = 0
        for name, value, comment in re.findall(
                r'^\t(DM_REPLICA_\w+)(?: = (\d+))?,[ \t]*(?:/\*(.*?)\*/)?', body, re.S | re.M):
            number = int(value) if value else number + 1
            if name.startswith('DM_REPLICA_CMD_'):
                commands[number] = name[15:].lower().replace('_', '-')
            elif name.startswith('DM_REPLICA_A_'):
                group, attr = name[13:].lower().split('_', 1)
                kind = re.match(r'\s*(u32|u64|string|binary|flag)', comment)
                sets.setdefault(group, {})[attr.replace('_', '-')] = (
                    number, kind.group(1) if kind else 'pad')
    version = re.search(r'define DM_REPLICA_FAMILY_VERSION\s+(\d+)', text)
    return sets, commands, int(version.group(1))


SETS, COMMANDS, VERSION = read_header()


def attr(number, data):
    return struct.pack('<HH', 4 + len(data), number) + data + bytes(-len(data) % 4)


def to_bytes(group, name, value):
    kind = SETS[group][name][1]
    if kind == 'u32':
        return struct.pack('<I', value)
    if kind == 'u64':
        return struct.pack('<Q', value)
    if kind == 'string':
        return value.encode() + b'\0'
    return bytes.fromhex(value)


def encode(group, obj):
    out = b''
    for name, value in obj.items():
        for one in value if isinstance(value, list) else [value]:
            out += attr(SETS[group][name][0], to_bytes(group, name, one))
    return out


def decode(group, data):
    names = {n: (name, kind) for name, (n, kind) in SETS[group].items()}
    out, at = {}, 0
    while at + 4 <= len(data):
        length, number = struct.unpack_from('<HH', data, at)
        name, kind = names[number & 0x3fff]
        value = data[at + 4:at + length]
        at += (length + 3) & ~3
        if kind == 'u32':
            value = struct.unpack('<I', value)[0]
        elif kind == 'u64':
            value = struct.unpack('<Q', value)[0]
        elif kind == 'string':
            value = value.rstrip(b'\0').decode()
        elif kind == 'flag':
            assert not value
            value = True
        elif group == 'host' and name == 'value':
            value = value.decode('latin-1')
        else:
            value = value.hex()
        if name in out:
            out[name] = (out[name] if isinstance(out[name], list) else [out[name]]) + [value]
        else:
            out[name] = value
    return out


def message(kind, flags, seq, body):
    return struct.pack('<IHHII', 16 + len(body), kind, flags, seq, 4711) + body


def group_of(command):
    head = command.split('-')[0]
    return head if head in ('system', 'disk', 'point', 'job', 'settings', 'host', 'peer') and \
        command not in ('point-new', 'point-del', 'point-open', 'point-close', 'peer-add',
                        'peer-del') else 'op'


class Kernel:
    def __init__(self, scenario):
        self.world = scenario
        self.requests = []
        self.looks = {}
        self.controls = 0
        self.dumps = 0

    def ack(self, seq, err=0, text=None, cim=None, offset=None):
        body = struct.pack('<i', -err) + struct.pack('<IHHII', 16, 0, 0, seq, 0)
        flags = 0x100                   # NLM_F_CAPPED
        if text:
            body += attr(1, text.encode() + b'\0')
            flags |= 0x200
        if offset:
            body += attr(2, struct.pack('<I', offset))
        if cim:
            body += attr(3, struct.pack('<Q', cim))
            flags |= 0x200
        return message(2, flags, seq, body)

    def job(self, job_id):
        states = self.world.get('jobs', {}).get(str(job_id))
        if not states:
            return None
        look = self.looks[job_id] = self.looks.get(job_id, -1) + 1
        return states[min(look, len(states) - 1)]

    def dump(self, command, asked):
        world = self.world
        if command == 'system-get':
            return ([world['system']] if 'system' in world else []) + world.get('more', [])
        if command == 'disk-get':
            return world.get('disks', [])
        if command == 'point-get':
            points = [dict(p) for p in world.get('points', [])]
            for p in points:
                if 'sizes' not in asked:
                    p.pop('bytes', None)
            return points
        if command == 'peer-get':
            return world.get('peers', [])
        if command == 'job-get':
            return [self.job(int(j)) for j in world.get('jobs', {})]
        if command == 'settings-get':
            return [world['settings']]
        return [{'system': world['system']['uuid'], 'key': key, 'value': value.encode('latin-1').hex()}
                for key, value in world.get('host', {}).items()]

    def control(self, seq, flags):
        dump = flags & 0x300 == 0x300
        done = message(3, 2, seq, struct.pack('<i', 0))
        if not dump:
            # by name: the kernel would load the module
            self.requests.append(('getfamily', {}))
        self.controls += 1
        if self.controls > self.world.get('controls', 1 << 30):
            self.world['absent'] = True
        if self.world.get('absent'):
            return [done] if dump else [self.ack(seq, errno.ENOENT)]
        body = attr(1, struct.pack('<H', FAMILY)) + attr(2, b'dm_replica\0') + \
            attr(3, struct.pack('<I', self.world.get('version', VERSION)))
        groups = b''.join(attr(i, attr(1, name.encode() + b'\0') +
                               attr(2, struct.pack('<I', number)))
                          for i, (name, number) in enumerate(GROUPS.items(), 1))
        body += attr(7, groups)
        if dump:
            other = attr(1, struct.pack('<H', CTRL)) + attr(2, b'nlctrl\0')
            return [message(CTRL, 2, seq, struct.pack('<BBH', 1, 2, 0) + b) for b in (other, body)] + [done]
        return [message(CTRL, 0, seq, struct.pack('<BBH', 1, 2, 0) + body), self.ack(seq)]

    def answer(self, data):
        kind, flags, seq = struct.unpack_from('<HHI', data, 4)
        if kind == CTRL:
            return self.control(seq, flags)
        if self.world.get('silent'):
            return []
        command = COMMANDS[data[16]]
        group = group_of(command)
        asked = decode(group, data[20:])

        def reply(obj, flags=0):
            return message(FAMILY, flags, seq, struct.pack('<BBH', data[16], 1, 0) +
                           encode(group, obj) + self.future(group))

        if command in self.world.get('unknown', []):
            return [self.ack(seq, errno.EOPNOTSUPP)]
        if command == 'point-get' and 'sizes' in asked and 'sizes' in self.world.get('unknown', []):
            return [self.ack(seq, errno.EINVAL, 'Unknown attribute type')]
        if flags & 0x300:
            if self.world.get('absent'):
                return [self.ack(seq, errno.ENOENT)]
            multi = 2
            if command == 'system-get':
                self.dumps += 1
                first, last = self.world.get('interrupted', [1, 0])
                multi |= 0x10 if first <= self.dumps <= last else 0
            return [reply(o, multi) for o in self.dump(command, asked)] + \
                [message(3, 2, seq, struct.pack('<i', 0))]
        if command == 'system-get':
            one = self.world.get('system', {})
            if one.get('uuid') != asked['uuid']:
                return [self.ack(seq, errno.ENOENT, 'there is no such system', 32779)]
            return [reply(one), self.ack(seq)]
        if command == 'job-get':
            job = self.job(asked['id'])
            if not job:
                return [self.ack(seq, errno.ENOENT, 'there is no such job', 32779)]
            return [reply(job), self.ack(seq)]
        if command == 'settings-get':
            return [reply(self.world['settings']), self.ack(seq)]
        self.requests.append((command, asked))
        how = self.world.get('answers', {}).get(command, {})
        if isinstance(how, list):       # one after the other
            how = how.pop(0) if len(how) > 1 else how[0]
        if 'errno' in how:
            self.world['system'].update(how.get('set', {}))
            self.world['host'].update(how.get('host', {}))
            return [self.ack(seq, getattr(errno, how['errno']), how.get('text'), how.get('cim'),
                             how.get('offset'))]
        expected = asked.get('expect-state-number')
        if expected is not None and expected != self.world['system']['state-number']:
            return [self.ack(seq, errno.ESTALE, 'the system has changed', 32775)]
        self.world['system'].update(how.get('set', {}))
        if command == 'settings-set':
            self.world['settings'].update(
                {k: v for k, v in asked.items() if k in self.world['settings']})
        if command == 'host-set' and 'value' in asked:
            self.world['host'][asked['key']] = asked['value']
        elif command == 'host-set' and 'key' in asked:
            self.world['host'].pop(asked['key'], None)
        elif command == 'host-set':
            self.world['host'].clear()	# all of it
        if group != 'op' and 'code' not in how:
            return [self.ack(seq)]
        said = {'code': how.get('code', 0), 'job': how.get('job', 1)}
        if group == 'op' and 'job-state' in how:
            said['job-state'] = how['job-state']
        if group == 'op' and 'point' in how:
            said['point'] = how['point']
        return [reply(said), self.ack(seq)]

    def future(self, group):
        numbers = self.world.get('future', {}) if group == 'system' else {}
        return b''.join(attr(int(n), struct.pack('<I', value)) for n, value in numbers.items())

    def event(self, event):
        if 'family' in event:
            self.world['absent'] = event['family'] == 'gone'
            return [message(CTRL, 0, 0, struct.pack('<BBH', n, 2, 0) +
                            attr(1, struct.pack('<H', FAMILY)) + attr(2, b'dm_replica\0'))
                    for n in {'gone': [2], 'back': [1], 'again': [2, 1]}[event['family']]]
        event = dict(event)
        command = event.pop('cmd', 'system-ntf')
        number = {name: n for n, name in COMMANDS.items()}.get(command, command)
        group = 'job' if command == 'job-ntf' else 'system'
        base = self.world['system'] if group == 'system' else {
            'system': self.world['system']['uuid'], 'system-name': self.world['system']['name']}
        sent = []
        for n in range(event.pop('times', 1)):
            one = {k: v + n if k in ('id', 'state-number') else v for k, v in event.items()}
            sent.append(message(FAMILY, 0, 0, struct.pack('<BBH', number, 1, 0) +
                                encode(group, dict(base, **one)) + self.future(group)))
        return sent

    def serve(self, conn):
        sent = False
        while True:
            events = self.world.get('events', [])
            if events and not sent and conn.fileno() == self.listener:
                # the second socket listens to events
                sent = True
                time.sleep(1)           # after the dumps
                for event in events:
                    time.sleep(0.2)
                    for one in self.event(event):
                        conn.send(one)
            data = conn.recv(65536)
            if not data:
                return
            for one in self.answer(data):
                conn.send(one)

    def listen(self, sock):
        self.listener = None
        for n in itertools.count():
            conn = sock.accept()[0]
            if n == 1:
                self.listener = conn.fileno()
            threading.Thread(target=self.serve, args=(conn,), daemon=True).start()


def on_terminal(command, typed, env):
    main, side = pty.openpty()
    with subprocess.Popen(command, stdin=side, stdout=side, stderr=side, env=env) as p:
        os.close(side)
        out = b''
        while True:
            try:
                data = os.read(main, 4096)
            except OSError:
                break
            if not data:
                break
            out += data
            if typed and out.endswith(b'[y/N] '):
                os.write(main, typed.encode() + b'\n')
                typed = None
        status = p.wait(timeout=60)
    os.close(main)
    sys.stdout.write(out.decode().replace('\r\n', '\n'))
    return status


def main():
    args = sys.argv[1:]
    typed = None
    if args[0] == '--tty':
        typed, args = args[1], args[2:]
    change = ''
    if args[0] == '--change':
        change, args = args[1], args[2:]
    with open(args[0], encoding='utf-8') as f:
        world = json.load(f)
    exec(change, {'w': world, 's': world['system']})
    # As it would be read from a file.
    kernel = Kernel(json.loads(json.dumps(world)))
    # The socket stays open until the end: the thread that accepts would report its close.
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, 'socket')
            sock.bind(path)
            sock.listen()
            threading.Thread(target=kernel.listen, args=(sock,), daemon=True).start()
            env = dict(os.environ, FAKE_NETLINK=path, LD_PRELOAD=args[1],
                       ASAN_OPTIONS='verify_asan_link_order=0')
            if typed is not None:
                status = on_terminal(args[2:], typed, env)
            else:
                status = subprocess.run(args[2:], env=env, stdin=subprocess.DEVNULL, timeout=95,
                                        check=False).returncode
        for command, asked in kernel.requests:
            print('request', command, json.dumps(asked))
        sys.stdout.flush()
        os._exit(status if status >= 0 else 128 - status)


main()
