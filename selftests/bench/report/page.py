# SPDX-License-Identifier: GPL-2.0
"""Documentation/performance.md and its pictures, from a results file."""

import textwrap

import cost as cost_part
import jobs
import peers
import sizes
from report import goals, numbers, operations, picture
from report.data import Data
from report.table import table

KERNEL = {'um': 'user mode (6.12, one CPU at native speed)',
          '6.12': 'emulated (Debian 6.12, two CPUs)', '6.1': 'emulated (Debian 6.1, two CPUs)'}
SHORT = {'um': 'user mode', '6.12': 'emulated, 6.12', '6.1': 'emulated, 6.1'}
DIRECTORY = 'performance/'

HEAD = '''<!-- SPDX-License-Identifier: GPL-2.0 -->
<!-- Made by scripts/bench-page from performance/results.json: change those. -->
# Performance

dm-replica beside what users would take instead, on the same devices, with the same jobs. `make
bench` measures it, `scripts/bench-page` makes this page from the results; no figure is typed by
hand.
'''

HOW = '''
## How to read it

- **Ratios count, times do not.** The machines are virtual ones on a small host: CPUs in user mode
  are as fast as the host's, without its parallelism; under emulation every instruction is some ten
  times slower, while the disks below are the host's page cache and answer at once. Software looks
  expensive here beside the devices; on real disks its share is smaller.
- A **ratio** compares a peer with dm-linear on the same devices in the same round of the same boot;
  given are the median of the rounds and, in parentheses or as a thin line, the least and the most.
  Two bars whose lines overlap are not different.
- Peers take turns: each round has all of them, each round begins with another one. Other work on
  the host spoils a round for one of them, and widens its line.
- **Counts of I/Os and bytes** are taken from the devices below. They do not depend on the machine.
  An empty flush counts as a write of no bytes and a flush. On devices without FUA a write with FUA
  counts a flush more.
- *First* is the first write to a place since the failover began: the one that a copy-on-write
  system pays for.
- qcow2 needs a process between the guest and the file: here qemu-storage-daemon and the kernel's
  NBD. dm-linear and dm-replica are measured once more behind the same front, and ratios of these
  four are to dm-linear there. The front costs more than what is behind it: compare them with one
  another only.
'''

PEERS = '''
## The peers

Each is used in the way that is best for it.

- **dm-linear** keeps nothing: the limit.
- **dm-snapshot**, persistent, chunks of 4 KiB and of 64 KiB. Measured with a single snapshot of
  home while replication stands still, which is its best case: beside a running replication it
  copies for the replication's writes, too, once for each snapshot. A full snapshot is lost.
- **dm-thin**, blocks of 64 KiB, not zeroed: the replica is a thin device, a point a snapshot of it,
  a failover a snapshot of that. It is the strongest peer: mature, repairable, replication goes on
  beside a failover, and a commit exchanges two numbers and copies nothing. A revert is measured in
  both of its forms: delete, and *anew, delete later*, which makes the answer independent of what
  was written; the delete that follows is shown behind it. Its price is shown elsewhere: copies at
  first writes, an fsync that commits a B-tree, one pool for all machines, and a replica that is
  never a plain device.
- **qcow2** overlays with 64 KiB clusters, and with `extended_l2=on` (32 subclusters in each). A
  revert throws a file away, a point adds one to the chain. To keep the overlay for ever is a commit
  that costs nothing; what is measured is `block-commit`, after which home is a plain disk.
- **dm-replica**, chunks of 64 KiB, with one point.

None of the peers moves several disks at once; where several disks are measured, the peers' disks
are taken one after the other, with all of them suspended for a point of dm-snapshot and dm-thin,
and in one transaction for one of qcow2.
'''


def _machine(data):
    host = data.host
    rows = []
    for run in data.runs:
        size = f'{run["size"]}' + ('' if run['complete'] else ', incomplete')
        rows.append([f'{run["part"]}', SHORT[run['kernel']], size, run['date'],
                     f'`{run["revision"]}`', f'{run["seconds"] / 60:.0f}',
                     f'CPU {run["cpus"]} of its own' if run.get('cpus') else
                     f'{run["load"][0]:g} to {run["load"][1]:g}'])
    return (f'\n## The machine\n\n{host["cpus"]} CPUs ({host["cpu"]}), '
            f'{numbers.size(host["memory_mib"] << 20)} of memory, no KVM; {host["fio"]}, '
            f'{host["qemu"]}. Load is that of the host before and after: above '
            f'{host["cpus"]} other work took part of the CPUs. A machine with a CPU of its own '
            'shared caches and memory with other work, and nothing else.\n\n'
            + table(['part', 'kernel', 'size', 'date', 'revision', 'minutes', 'load'], rows) + '\n'
            + _busy(data))


def _busy(data):
    """A warning, if it was not measured alone."""
    busy = [run for run in data.runs
            if max(run['load']) > data.host['cpus'] + 2 and not run.get('cpus')]
    if not busy:
        return ''
    names = '; '.join(f'{run["part"]}, {SHORT[run["kernel"]]}' for run in busy)
    return (f'\n**The host was busy with other work while it measured {names}. Times of these are '
            'good for nothing but to see that they can be measured. Counts of I/Os and bytes are '
            'not affected.**\n')


def _titles():
    return {name: kind.title for name, kind in peers.by_name().items()}


def _ratio(value):
    middle, least, most = value
    return f'{middle:.2f} ({least:.2f} to {most:.2f})' if least != most else f'{middle:.2f}'


def _groups(found):
    """The limit and the others, without a front and with one."""
    names = list(peers.by_name())
    for limit in ('linear', 'front-linear'):
        front = peers.by_name()[limit].front
        others = [n for n in names if peers.by_name()[n].front == front and n != limit
                  and any(peer == n for _, peer in found)]
        if others:
            yield limit, others


def _throughput(data, pictures):
    out = ['\n## I/O on the failover device\n\n'
           'Throughput of fio as a fraction of dm-linear; at the right what dm-linear does there. '
           'Queue depth is 16 for 4 KiB, 4 for 1 MiB, 1 with fsync; every job meets each '
           'place once, in random order unless stated.\n\n'
           'A RAM disk has no cache, so the kernel ends a flush above dm-linear and dm-snapshot. '
           'dm-replica has a log to commit, so dm passes each flush on to it: on RAM disks that '
           'path counts for dm-replica alone. Devices with a cache have it on both sides. '
           '`scripts/instructions` counts both.\n']
    titles = _titles()
    for kernel in data.kernels('throughput'):
        size = data.run_of('throughput')[kernel]['size']
        work = [(j.name, j.title, j.unit) for j in jobs.jobs(sizes.of(size))]
        out.append(f'\n### {KERNEL[kernel][0].upper()}{KERNEL[kernel][1:]}\n')
        for backing, (title, kind) in data.titles(kernel).items():
            found = data.throughput(kernel, backing)
            if not found:
                continue
            rounds = max(len(r) for r in found.values())
            name = f'throughput-{kernel}-{backing}.svg'
            panels = []
            text = []
            for limit, others in _groups(found):
                ratios = data.ratios(kernel, backing, limit)
                panels.append((limit, others, ratios))
                rows = []
                for job, what, unit in work:
                    if (job, limit) not in found:
                        continue
                    best = numbers.spread(list(found[job, limit].values()))[0]
                    rows.append([what] + [_ratio(ratios[job, p]) if (job, p) in ratios else ''
                                          for p in others]
                                + [f'{numbers.count(best)}/s' if unit == 'iops'
                                   else f'{numbers.size(best)}/s'])
                text.append(table(['', *(titles[p] for p in others), titles[limit]], rows))
            pictures[name] = picture.throughput(
                f'I/O on the failover device, {SHORT[kernel]}, {title} ({kind})',
                [(j, t) for j, t, _ in work], panels, titles)
            out.append(f'\n#### {title} ({kind}), {rounds} '
                       + ('round' if rounds == 1 else 'rounds') + '\n\n'
                       f'![{title}]({DIRECTORY}{name})\n\n' + '\n\n'.join(text) + '\n')
    return ''.join(out)


def _cost(data):
    titles = _titles()
    kernel = data.kernels('cost')[0]
    out = ['\n## I/Os and bytes for one I/O of the guest\n\n'
           'At the devices below, for each I/O of the guest, one at a time: *writes / flushes*, '
           'and the bytes written for each of the guest\'s, and read, if any. Counts are those of '
           f'{numbers.count(cost_part.TIMES)} in a row. dm-thin commits once a second besides, and '
           'a qcow2 file writes its tables back when it is closed: neither is counted.\n']
    for backing in sorted({line['backing'] for line in data.part('cost')}):
        lines = {(line['case'], line['peer']): line for line in data.part('cost')
                 if line['kernel'] == kernel and line['backing'] == backing}
        names = [p for p in titles if any(peer == p for _, peer in lines)
                 and p not in ('front-linear', 'front-replica')]
        rows = []
        for case, (title, _, _) in cost_part.CASES.items():
            row = [title]
            for name in names:
                line = lines.get((case, name))
                row.append(_cost_cell(line) if line else '')
            rows.append(row)
        text = {'disk': 'Write-back, FUA emulated', 'fua': 'Write-back, native FUA',
                'lv': 'Logical volumes, FUA emulated'}[backing]
        out.append(f'\n### {text}\n\n' + table(['', *(titles[n] for n in names)], rows) + '\n')
    return ''.join(out)


def _cost_cell(line):
    times, guest = line['times'], line['times'] * line['size']
    text = f'{numbers.per(line["writes"], times)} / {numbers.per(line["flushes"], times)}'
    if line['written_bytes']:
        text += f', {numbers.per(line["written_bytes"], guest)}x'
    if line['read_bytes']:
        text += f', reads {numbers.per(line["read_bytes"], guest)}x'
    return text.removeprefix('0 / 0, ')


def make(results):
    """The page, and {file name: picture}."""
    data = Data(results)
    pictures = {}
    text = HEAD + HOW + _machine(data) + PEERS + goals.goals(data, SHORT)
    if data.part('throughput'):
        text += _throughput(data, pictures)
    if data.part('cost'):
        text += _cost(data)
    for part, section in (('operation', operations.operations), ('moving', operations.moving),
                          ('latency', operations.latency), ('attach', operations.attach)):
        if data.part(part):
            text += section(data, pictures, _titles(), SHORT, DIRECTORY)
    return '\n'.join(_wrapped(line) for line in text.split('\n')), pictures


def _wrapped(line):
    """A paragraph in lines of a hundred columns."""
    if len(line) <= 100 or line[0] in '|#!<':
        return line
    return textwrap.fill(line, 100, break_long_words=False, break_on_hyphens=False)
