# SPDX-License-Identifier: GPL-2.0
"""qcow2 overlays on block devices, in qemu-storage-daemon.

Each disk is a chain: home, then a file for each point, the newest of which replication writes
to.  A failover is an overlay over the file below a point, which nothing writes to any more.  As
where libvirt keeps qcow2 in logical volumes, each file has a piece of the store.  Disks are
taken one after the other, points by a transaction over all.
"""

from daemon import Daemon
from peers import Peer
from shell import Failure


class Qcow2(Peer):
    """Clusters of 64 KiB, the default."""
    name, title = 'qcow2', 'qcow2, NBD'
    front = True
    from_home = True
    extended = False

    def make(self, used=None):
        self.daemon = Daemon()
        self.tops = []
        self.points = []
        self.overlays = []
        self.exported = []
        self.pieces = None
        self.serial = 0
        n = len(self.space.homes)
        for i, home in enumerate(self.space.homes):
            self.daemon.device(f'home{i}', home)
            self.tops.append(f'home{i}')
        if n == 1:
            self.pieces = [self.space.backing.store]

    def with_points(self, most, mib=4):
        n = len(self.space.homes)
        self.point_pieces = [[self.space.cut(mib << 20) for _ in range(n)]
                             for _ in range(most)]
        share = self.space.left() // n
        self.pieces = [self.space.cut(share) for _ in range(n)]

    def _piece(self, disk):
        if not self.pieces:
            share = self.space.left() // len(self.space.homes)
            self.pieces = [self.space.cut(share) for _ in self.space.homes]
        return self.pieces[disk]

    def _format(self, piece, backing):
        """A new file in a piece of the store: an open node, without its backing file yet."""
        self.serial += 1
        node = f'q{self.serial}'
        self.daemon.device(node + '-file', piece)
        options = {'extended-l2': True} if self.extended else {}
        self.daemon.qmp('blockdev-create', job_id=node, options={
            'driver': 'qcow2', 'file': node + '-file', 'size': self.space.each,
            'backing-file': self.space.backing.home, 'backing-fmt': 'raw'} | options)
        self._job_ends(node)
        self.daemon.qmp('blockdev-add', driver='qcow2', node_name=node, file=node + '-file',
                        backing=backing)
        return node

    def _job_ends(self, job, ready=None):
        while True:
            said = self.daemon.event('JOB_STATUS_CHANGE', id=job)
            if said['status'] == 'ready' and ready:
                ready()
            elif said['status'] == 'concluded':
                for info in self.daemon.qmp('query-jobs'):
                    if info['id'] == job and 'error' in info:
                        raise Failure(f'qemu-storage-daemon, job {job}: {info["error"]}')
                self.daemon.qmp('job-dismiss', id=job)
                return

    def _drop(self, node):
        self.daemon.qmp('blockdev-del', node_name=node)
        self.daemon.qmp('blockdev-del', node_name=node + '-file')

    def point(self):
        """A new file on top of each disk, all in one transaction."""
        pieces = self.point_pieces[len(self.points)]
        fresh = [self._format(piece, None) for piece in pieces]
        self.daemon.qmp('transaction', actions=[
            {'type': 'blockdev-snapshot', 'data': {'node': below, 'overlay': above}}
            for below, above in zip(self.tops, fresh)])
        for below, above in zip(self.tops, fresh):
            self.daemon.moved(below, above)
        self.points.append(self.tops)
        self.tops = fresh

    def replica(self):
        """Exports of what replication writes to; home without a point."""
        if self.tops[0].startswith('home'):
            return self.space.homes
        return [self.daemon.exported(t) or self.daemon.export(t) for t in self.tops]

    def start(self, age=0):
        """An overlay for each disk."""
        below = self.points[-1 - age] if self.points else self.tops
        self.overlays = [self._format(self._piece(i), node) for i, node in enumerate(below)]

    def connect(self):
        """A /dev/nbdN for each overlay: in a host that is QEMU's own disk."""
        self.exported = list(self.overlays)
        return [self.daemon.export(node) for node in self.overlays]

    def disconnect(self):
        """The guest is stopped."""
        for node in self.exported:
            self.daemon.unexport(node)
        self.exported = []

    def revert(self):
        """The overlays go."""
        for node in self.overlays:
            self._drop(node)
        self.overlays = []

    def commit(self):
        """block-commit into home: decided when its job has ended, and the guest runs on."""
        for i, node in enumerate(self.overlays):
            self.daemon.qmp('block-commit', job_id='c-' + node, device=node, base_node=f'home{i}',
                            auto_dismiss=False)
        for node in self.overlays:
            self._job_ends('c-' + node,
                           lambda n=node: self.daemon.qmp('job-complete', id='c-' + n))

    def close(self):
        self.daemon.close()


class Qcow2Extended(Qcow2):
    """With subclusters: 32 of 2 KiB in each cluster."""
    name, title = 'qcow2-extended', 'qcow2, extended_l2, NBD'
    extended = True
    # Its operations are those of the other.
    service = False
