# SPDX-License-Identifier: GPL-2.0
"""Programs and files of the machine that is measured."""

import mmap
import os
import subprocess
import time

SRC = os.environ.get('VM_SRC') or os.path.realpath(os.path.join(os.path.dirname(__file__), '../..'))
KERNEL = os.environ.get('VM_KERNEL', 'none')
REPLICACTL = SRC + '/build/userspace/replicactl'
MODULE = SRC + f'/build/{KERNEL}/dm-replica.ko'


class Failure(Exception):
    """What was to be measured did not happen."""


def run(*args, **more):
    """Run a program and return its output; a failure has its text."""
    done = subprocess.run([str(a) for a in args], stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **more)
    if done.returncode:
        raise Failure(f'{" ".join(str(a) for a in args)[:300]}: status {done.returncode}:\n'
                      + done.stdout[-2000:])
    return done.stdout


def modprobe(*args):
    """Load a module of the kernel."""
    run('modprobe', *args)


def load_replica():
    """Load the module under test."""
    if not os.path.exists('/sys/module/dm_replica'):
        modprobe('-a', 'dm-mod', 'libcrc32c')
        run('insmod', MODULE)


def replicactl(*args):
    """Run replicactl."""
    return run(REPLICACTL, *args)


def read(path):
    """A file's text without blanks around it."""
    with open(path) as f:
        return f.read().strip()


def write(path, text):
    """Write to a file of sysfs or configfs."""
    with open(path, 'w') as f:
        f.write(str(text))


def zero_block(device):
    """Write zeroes over the first 4 KiB, durably."""
    fd = os.open(device, os.O_RDWR | os.O_DIRECT)
    try:
        os.pwrite(fd, mmap.mmap(-1, 4096), 0)
        os.fsync(fd)
    finally:
        os.close(fd)


def block_name(device):
    """The name below /sys/block of a device node of any name."""
    number = os.stat(device).st_rdev
    return os.path.basename(os.path.realpath(
        f'/sys/dev/block/{os.major(number)}:{os.minor(number)}'))


def block_bytes(device):
    """The size of a block device."""
    return int(read(f'/sys/class/block/{block_name(device)}/size')) * 512


def wait_for(what, seconds, ready, pause=0.01):
    """Call ready() until it returns something true, and return that."""
    end = time.monotonic() + seconds
    while True:
        said = ready()
        if said:
            return said
        if time.monotonic() > end:
            raise Failure(f'{what}: not within {seconds} s')
        time.sleep(pause)


def helper_io():
    """The program helper-io: beside this directory where the tests are installed."""
    beside = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'helper-io')
    path = os.environ.get('BENCH_HELPER_IO', beside)
    if not os.access(path, os.X_OK):
        raise Failure(f'{path} is not built')
    return path


def io(device, *steps):
    """Exactly the given I/Os, see helpers/io.c."""
    # A command line is limited; each step is short.
    for i in range(0, len(steps), 4000):
        run(helper_io(), device, *steps[i:i + 4000])


def io_each(devices, *steps):
    """The same on each of them, in one process."""
    if devices and steps:
        run(helper_io(), devices[0], *steps,
            *(s for d in devices[1:] for s in (f'o:{d}', *steps)))
