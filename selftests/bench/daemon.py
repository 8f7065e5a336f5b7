# SPDX-License-Identifier: GPL-2.0
"""qemu-storage-daemon, and the kernel's nbd devices in front of it: how a guest would reach a
qcow2 file, and the same way to a plain device.
"""

import json
import os
import socket
import subprocess
import tempfile

from shell import Failure, block_bytes, modprobe, run, wait_for

NBDS = 80


class Daemon:
    """One process, controlled by QMP, that exports devices by NBD on a Unix socket."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix='bench-qsd.')
        self.connected = {}
        qmp, self.nbd = self.dir + '/qmp', self.dir + '/nbd'
        self.log = open(self.dir + '/log', 'w+')
        self.process = subprocess.Popen(
            ['qemu-storage-daemon', '--chardev', f'socket,path={qmp},server=on,wait=off,id=m',
             '--monitor', 'chardev=m',
             '--nbd-server', f'addr.type=unix,addr.path={self.nbd},max-connections=0'],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        wait_for('qemu-storage-daemon', 30, lambda: os.path.exists(self.nbd) or self._died())
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(qmp)
        self.file = self.sock.makefile('rw')
        self.file.readline()
        self.events = []
        self.qmp('qmp_capabilities')

    def _died(self):
        if self.process.poll() is not None:
            self.log.seek(0)
            raise Failure('qemu-storage-daemon: ' + self.log.read())
        return False

    def _message(self):
        line = self.file.readline()
        if not line:
            self._died()
            raise Failure('qemu-storage-daemon has closed its monitor')
        return json.loads(line)

    def qmp(self, command, **arguments):
        """One command; its answer."""
        arguments = {k.replace('_', '-'): v for k, v in arguments.items()}
        self.file.write(json.dumps({'execute': command, 'arguments': arguments}) + '\n')
        self.file.flush()
        while True:
            said = self._message()
            if 'return' in said:
                return said['return']
            if 'error' in said:
                raise Failure(f'qemu-storage-daemon, {command}: {said["error"]["desc"]}')
            self.events.append(said)

    def event(self, name, **wanted):
        """Wait for the next event of that name with these data; others are kept."""
        while True:
            for i, said in enumerate(self.events):
                if said['event'] == name and wanted.items() <= said['data'].items():
                    return self.events.pop(i)['data']
            self.events.append(self._message())

    def device(self, node, path, writable=True):
        """A node over a block device."""
        self.qmp('blockdev-add', driver='host_device', node_name=node, filename=path, aio='native',
                 cache={'direct': True, 'no-flush': False}, read_only=not writable)

    def export(self, node):
        """Export a node, connect a /dev/nbdN to it, and return that."""
        self.qmp('block-export-add', type='nbd', id='x-' + node, node_name=node, name=node,
                 writable=True)
        if not os.path.exists('/sys/module/nbd'):
            modprobe('nbd', f'nbds_max={NBDS}', 'max_part=0')
        used = [number for number, _ in self.connected.values()]
        number = next(i for i in range(NBDS) if i not in used)
        path = f'/dev/nbd{number}'
        run('nbd-client', '-unix', self.nbd, path, '-N', node, '-b', '512')
        self.connected[node] = number, 'x-' + node
        wait_for(path, 30, lambda: block_bytes(path))
        return path

    def unexport(self, node):
        """Disconnect the device and remove the export."""
        number, export = self.connected.pop(node)
        run('nbd-client', '-d', f'/dev/nbd{number}')
        wait_for(f'/dev/nbd{number}', 30, lambda: not os.path.exists(f'/sys/block/nbd{number}/pid'))
        self.qmp('block-export-del', id=export, mode='hard')
        self.event('BLOCK_EXPORT_DELETED', id=export)

    def exported(self, node):
        """The device that is connected to a node, or None."""
        return f'/dev/nbd{self.connected[node][0]}' if node in self.connected else None

    def moved(self, node, above):
        """A snapshot was made: the export of a node goes on at the one above."""
        if node in self.connected:
            self.connected[above] = self.connected.pop(node)

    def close(self):
        """End it."""
        for node in list(self.connected):
            self.unexport(node)
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        for name in os.listdir(self.dir):
            os.unlink(f'{self.dir}/{name}')
        os.rmdir(self.dir)
