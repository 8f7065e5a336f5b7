# SPDX-License-Identifier: GPL-2.0
"""dm-replica."""

import os
import re

import netlink
from netlink import N, u64
from peers import Peer
from shell import load_replica, read, replicactl, wait_for

CONF = '/etc/dm-replica/systems.d/'


class Replica(Peer):
    """A system with one store; operations are requests to the netlink family."""
    name, title = 'replica', 'dm-replica'
    chunk = '64K'

    def make(self, used=None):
        load_replica()
        self.points = []
        disks = [f'--disk=d{i}={home}' for i, home in enumerate(self.space.homes)]
        replicactl('create', self.prefix, '--force', '--store', self.space.backing.store,
                   '--chunk-size', self.chunk, *disks)
        self.attach()

    def attach(self):
        """As after a boot."""
        replicactl('attach', self.prefix)
        conf = read(f'{CONF}{self.prefix}.conf')
        self.system = netlink.System(netlink.Family(), re.search('^uuid=(.*)', conf, re.M)[1])

    def detach(self):
        """As before a shutdown."""
        replicactl('detach', self.prefix)

    def replica(self):
        """The replica devices."""
        return [f'/dev/mapper/{self.prefix}-d{i}-replica'
                for i in range(len(self.space.homes))]

    def point(self):
        """Of all disks at one moment."""
        self.points.append(self.system.operate('POINT_NEW')[1])

    def point_and_drop(self):
        """A new point, and the oldest goes with it, but for the first."""
        if len(self.points) < 2:
            self.point()
            return
        drop = u64(self.points.pop(1))
        self.points.append(self.system.operate('POINT_NEW', OP_DROP=drop)[1])

    def start(self, age=0):
        """At a point, which has to be there."""
        if not self.points:
            self.point()
        self.system.operate('FAILOVER_INITIATE', OP_POINT=u64(self.points[-1 - age]))

    def connect(self):
        """The failover devices."""
        return [f'/dev/mapper/{self.prefix}-d{i}' for i in range(len(self.space.homes))]

    def revert(self):
        """Its job reclaims the space."""
        self.job, _ = self.system.operate('FAILOVER_REVERT')

    def commit(self):
        """Its job moves everything home."""
        self.job, _ = self.system.operate('FAILOVER_COMMIT')

    def settle(self):
        """The job has ended, and no version waits for the vacuum."""
        done = (N['JOB_STATE_COMPLETED'],)
        wait_for('the job of dm-replica', 3600,
                 lambda: self.system.job(self.job)['STATE'] in done, 0.005)

    def hold(self, held):
        """Hold the vacuum and the log commit of every second, or release them."""
        self.system.hold(held)

    def versions(self):
        """In memory now."""
        return self.system.get('VERSIONS')

    def close(self):
        self.detach()
        os.unlink(f'{CONF}{self.prefix}.conf')
