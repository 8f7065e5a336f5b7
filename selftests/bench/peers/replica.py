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
    system_name = 'bench'

    def make(self, used=None):
        load_replica()
        self.points = []
        disks = [f'--disk=d{i}={home}' for i, home in enumerate(self.space.homes)]
        replicactl('create', self.system_name, '--force', '--store', self.space.backing.store,
                   '--chunk-size', self.chunk, *disks)
        self.attach()

    def attach(self):
        """As after a boot."""
        replicactl('attach', self.system_name)
        conf = read(f'{CONF}{self.system_name}.conf')
        self.system = netlink.System(netlink.Family(), re.search('^uuid=(.*)', conf, re.M)[1])

    def detach(self):
        """As before a shutdown."""
        replicactl('detach', self.system_name)

    def replica(self):
        """The replica devices."""
        return [f'/dev/mapper/{self.system_name}-d{i}-replica'
                for i in range(len(self.space.homes))]

    def point(self):
        """Of all disks at one moment."""
        self.system.operate('POINT_NEW')
        # Points are numbered from 1.
        self.points.append(len(self.points) + 1)

    def start(self, age=0):
        """At a point, which has to be there."""
        if not self.points:
            self.point()
        self.system.operate('FAILOVER_INITIATE', OP_POINT=u64(self.points[-1 - age]))

    def connect(self):
        """The failover devices."""
        return [f'/dev/mapper/{self.system_name}-d{i}' for i in range(len(self.space.homes))]

    def revert(self):
        """Its job reclaims the space."""
        self.job = self.system.operate('FAILOVER_REVERT')

    def commit(self):
        """Its job moves everything home."""
        self.job = self.system.operate('FAILOVER_COMMIT')

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
        os.unlink(f'{CONF}{self.system_name}.conf')
