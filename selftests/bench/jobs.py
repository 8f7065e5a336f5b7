# SPDX-License-Identifier: GPL-2.0
"""fio's jobs, the same for every peer, one after the other in one process.

Each has a place of its own on the device, so that one failover serves all of them.  "First" is
the first write to a place after the failover.  Within its place a job takes each position
once, in random order: so reads and rewrites meet what was written before, and nothing else.
"""

import collections
import json
import os
import random

from shell import Failure, run

# title; place; what of it; a group of jobs shares a place.  The option "scattered" is not fio's:
# one I/O in each 64 KiB of the place, in random order, 'fsync' with an fsync after each.
Job = collections.namedtuple('Job', 'name title place size options unit')

PATTERN = '0x5afe1234'


def jobs(sizes, front=False):
    """The jobs, in order; places follow each other on the device.  Behind a front, which takes
    long for each I/O, they have a quarter of it.
    """
    deep = {'bs': '4k', 'iodepth': 16}
    lone = {'bs': '4k', 'iodepth': 1, 'ioengine': 'psync'}
    large = {'bs': '1m', 'iodepth': 4}
    part = 4 if front else 1
    place, sparse, fsync, many = (sizes[k] // part for k in ('place', 'sparse', 'fsync', 'large'))
    return [
        Job('first-dense', 'first 4 KiB writes, random, every block', 'dense', place,
            deep | {'rw': 'randwrite'}, 'iops'),
        Job('again', '4 KiB rewrites, random', 'dense', place, deep | {'rw': 'randwrite'}, 'iops'),
        Job('read', '4 KiB reads of what was written, random', 'dense', place,
            deep | {'rw': 'randread'}, 'iops'),
        Job('first-sparse', 'first 4 KiB writes, random, one in each 64 KiB', 'sparse', sparse,
            deep | {'scattered': 'write'}, 'iops'),
        Job('read-bare', '4 KiB reads of what was not, random', 'bare', place,
            deep | {'rw': 'randread'}, 'iops'),
        Job('first-jobs', 'first 4 KiB writes, random, every block, 4 jobs', 'jobs', place,
            deep | {'rw': 'randwrite', 'numjobs': 4, 'size': place // 4,
                    'offset_increment': place // 4, 'group_reporting': 1}, 'iops'),
        Job('first-large', 'first 1 MiB writes, in order', 'large', many,
            large | {'rw': 'write'}, 'bw'),
        Job('read-large', '1 MiB reads of them', 'large', many,
            large | {'rw': 'read'}, 'bw'),
        Job('first-fsync', 'first 4 KiB write, fsync after each, one in each 64 KiB', 'fsync',
            fsync, lone | {'scattered': 'fsync'}, 'iops'),
        Job('again-fsync', '4 KiB rewrite, fsync after each', 'fsync',
            fsync, lone | {'scattered': 'fsync'}, 'iops'),
    ]


def extent(list_of_jobs):
    """Bytes from the first place to the end of the last."""
    return sum({j.place: j.size for j in list_of_jobs}.values())


def _places(list_of_jobs):
    at, found = 0, {}
    for j in list_of_jobs:
        if j.place not in found:
            found[j.place] = at
            at += j.size
    return found


# What each place holds once the jobs have run.
CHECKS = ('dense', 'sparse', 'jobs', 'large', 'fsync')


def _scattered(path, offset, extent, action, fsync=False):
    """Write a log of I/Os that fio replays: 4 KiB in each 64 KiB, each place once, in random
    order; the options for it.  (fio's own way, blockalign, loses count of what was written.)
    """
    places = list(range(offset, offset + extent, 64 * 1024))
    random.Random(len(places)).shuffle(places)
    log = f'/tmp/bench.{action}.{offset}.iolog'
    sync = f'{path} sync 0 0\n'
    with open(log, 'w') as f:
        f.write(f'fio version 2 iolog\n{path} add\n{path} open\n')
        for place in places:
            f.write(f'{path} {action} {place} 4096\n' + (sync if fsync else ''))
        f.write(sync + f'{path} close\n')
    return {'read_iolog': log, 'replay_no_stall': 1}


def _job_file(path, list_of_jobs, check):
    places = _places(list_of_jobs)
    lines = ['[global]', 'direct=1', 'ioengine=libaio', 'thread=1',
             f'buffer_pattern={PATTERN}', 'randrepeat=1', 'stonewall']
    for j in list_of_jobs:
        options = dict(j.options)
        how = options.pop('scattered', None)
        if how:
            options |= _scattered(path, places[j.place], j.size, 'write', how == 'fsync')
        else:
            options = {'filename': path, 'offset': places[j.place], 'size': j.size} | options
        lines += [f'[{j.name}]'] + [f'{k}={v}' for k, v in options.items()]
    for name in CHECKS if check else ():
        j = next(j for j in list_of_jobs if j.place == name)
        lines += [f'[check-{name}]', f'filename={path}', f'offset={places[name]}',
                  f'bs={j.options["bs"]}', 'iodepth=16', 'verify=pattern',
                  f'verify_pattern={PATTERN}']
        lines += ['rw=read:60k', f'size={j.size}', f'io_size={j.size // 16}'] \
            if 'scattered' in j.options else ['rw=randread', f'size={j.size}']
    return '\n'.join(lines) + '\n'


def _fio(*args):
    """Run fio; its results for each job, none of which has failed."""
    out = '/tmp/bench.fio.json'
    run('fio', '--output-format=json', f'--output={out}', *args)
    with open(out) as f:
        text = f.read()
    os.unlink(out)
    # Notes of fio come first.
    done = json.loads(text[text.index('{'):])['jobs']
    for job in done:
        if job['error']:
            raise Failure(f'fio, {job["jobname"]}: error {job["error"]}')
    return done


def measure(path, list_of_jobs, check=False):
    """{job's name: I/Os or bytes for each second} of a device; check that it keeps them."""
    file = '/tmp/bench.fio'
    with open(file, 'w') as f:
        f.write(_job_file(path, list_of_jobs, check))
    found = {}
    for result in _fio(file):
        side = result['read'] if result['read']['total_ios'] else result['write']
        ms = max(side['runtime'], 1)
        found[result['jobname']] = (side['total_ios'] * 1000 / ms, side['io_bytes'] * 1000 / ms)
    units = {'iops': 0, 'bw': 1}
    return {j.name: found[j.name][units[j.unit]] for j in list_of_jobs}


# 4 KiB in each 64 KiB, in random order.
_SCATTERED = ['--direct=1', '--bs=4k', '--thread=1', '--ioengine=libaio', '--iodepth=16']


def _options(found):
    return [f'--{k}={v}' for k, v in found.items()]


def write_scattered(path, extent_of_it):
    """Over so many bytes of a device; durable at the end."""
    run('fio', *_SCATTERED, f'--buffer_pattern={PATTERN}', '--name=scattered',
        *_options(_scattered(path, 0, extent_of_it, 'write')))


def check_scattered(path, extent_of_it):
    """Is it there?"""
    run('fio', '--name=check', f'--filename={path}', '--rw=read:60k', f'--size={extent_of_it}',
        f'--io_size={extent_of_it // 16}', '--verify=pattern', f'--verify_pattern={PATTERN}',
        *_SCATTERED)


def copy_scattered(source, target, extent_of_it):
    """As many reads of one device and writes of the other side by side, durable at the end; the
    seconds that the longer of the two took, without fio's own start.
    """
    jobs_done = _fio(*_SCATTERED,
                     '--name=from', *_options(_scattered(source, 0, extent_of_it, 'read')),
                     '--name=to', *_options(_scattered(target, 0, extent_of_it, 'write')))
    return max(job['job_runtime'] for job in jobs_done) / 1000


def latencies(path, offset, size, seconds, rate):
    """{'write' or 'fsync': {'p50', 'p99', 'p99.9', 'max': seconds}} of writes of 4 KiB with an
    fsync after each, at a rate.
    """
    job, = _fio(
        '--name=guest', f'--filename={path}', f'--offset={offset}', f'--size={size}',
        '--direct=1', '--bs=4k', '--rw=randwrite', '--thread=1', '--ioengine=psync', '--fsync=1',
        '--time_based=1', f'--runtime={seconds}', f'--rate_iops={rate}', '--randrepeat=1',
        '--percentile_list=50:99:99.9', '--lat_percentiles=0', '--clat_percentiles=1')
    found = {}
    for name, side in (('write', job['write']['clat_ns']), ('fsync', job['sync']['lat_ns'])):
        found[name] = {key: side['percentile'][at] / 1e9 for key, at in (
            ('p50', '50.000000'), ('p99', '99.000000'), ('p99.9', '99.900000'))}
        found[name]['max'] = side['max'] / 1e9
    found['ios'] = job['write']['total_ios']
    return found
