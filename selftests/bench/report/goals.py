# SPDX-License-Identifier: GPL-2.0
"""What was measured against what is aimed at."""

import jobs
import sizes
from report import numbers, operations
from report.table import table

# Of dm-linear on the same devices, by job.
THROUGHPUT = {'first-dense': 0.95, 'again': 0.97, 'read': 0.95, 'first-large': 0.90,
              'first-jobs': 0.95, 'first-fsync': 0.48, 'again-fsync': 0.95}
MOVING = 0.8		# of a plain copy of the same bytes
VERSION = 64		# bytes of memory

TEXT = '''
## Goals

The median of dm-replica's ratios to dm-linear, from the tables below; where it is lower than the
goal it is bold. A first write with an fsync is two I/Os where dm-linear has one: where the devices
take the time, half of its speed is the most. On a RAM disk dm-linear has no flush at all: there
that row compares a write with a write, a log block and two flushes.
'''


def goals(data, short):
    """A section, or nothing if too little was measured."""
    columns = [(kernel, backing, title) for kernel in data.kernels('throughput')
               for backing, (title, _) in data.titles(kernel).items()
               if data.throughput(kernel, backing)]
    if not columns:
        return ''
    titles = {j.name: j.title for j in jobs.jobs(sizes.of('small'))}
    ratios = {(k, b): data.ratios(k, b, 'linear') for k, b, _ in columns}
    rows = []
    for job, goal in THROUGHPUT.items():
        row = [titles[job], f'{goal:.2f}']
        for kernel, backing, _ in columns:
            found = ratios[kernel, backing].get((job, 'replica'))
            row.append(_cell(found[0], goal) if found else '')
        rows.append(row)
    out = [TEXT, '\n', table(['', 'goal'] + [f'{title}, {short[kernel]}' for kernel, _, title
                                             in columns], rows), '\n']
    for kernel in data.kernels('moving'):
        out.append(_moving(data, kernel, short))
    for kernel in data.kernels('attach'):
        each, most = operations.memory_of_each(data.attach(kernel, 'versions'), 'replica')
        if each is not None:
            out.append(f'\nMemory of a version, {short[kernel]}, of {numbers.count(most)}: '
                       f'{each:.0f} bytes; the goal is {VERSION} at most.\n')
    return ''.join(out)


def _cell(value, goal):
    return f'{value:.2f}' if round(value, 2) >= goal else f'**{value:.2f}**'


def _moving(data, kernel, short):
    """Ours to a plain copy, over the bytes moved."""
    out = ''
    for pattern, words in (('in_order', 'in order'), ('scattered', 'scattered')):
        found = data.moving(kernel, pattern)
        cells = [f'{numbers.size(size)}: ' + _cell(numbers.median(found['copy', size], 'seconds')
                                                   / numbers.median(found['replica', size],
                                                                    'seconds'), MOVING)
                 for size in sorted({s for _, s in found})
                 if ('copy', size) in found and ('replica', size) in found]
        if cells:
            out += (f'\nMoving home {words}, {short[kernel]}, to a plain copy, where the goal is '
                    f'{MOVING}: {", ".join(cells)}.\n')
    return out
