# SPDX-License-Identifier: GPL-2.0
"""The sections about operations, moving home, latency and attaching."""

import statistics

import latency as latency_part
from report import numbers, picture
from report.table import table

SWEEPS = {
    'dirtied': ('bytes written', 'Over the bytes that the guest wrote',
                'By writes of 64 KiB to every second chunk, with an fsync at the end. For a point '
                'they are writes of the replication since the last one.'),
    'disks': ('disks', 'Over the number of disks', 'A MiB was written to each.'),
    'age': ('points', 'Over the age of the point',
            'So many points are kept, 64 KiB were written to the same place before each, and the '
            'failover is at the oldest. dm-snapshot has no commit there: it would have to merge '
            'into the point first.'),
}
OPERATIONS = ('failover', 'revert', 'commit', 'point')


def _key(line_peer, operation):
    """A peer's second form of revert is a line of its own."""
    return 'thin-later' if operation == 'revert_anew' else line_peer


def _ios(line):
    return line['reads'] + line['writes']


class Operations:
    """One sweep on one kernel."""

    def __init__(self, data, kernel, sweep, titles):
        self.found = data.operations(kernel, sweep)
        self.titles = titles | {'thin-later': 'dm-thin, anew, delete later'}
        self.places = sorted({x for _, _, x in self.found})
        self.label = numbers.size if sweep == 'dirtied' else str
        self.mark = numbers.brief if sweep == 'dirtied' else str
        order = list(self.titles)
        keys = {_key(peer, op) for op, peer, _ in self.found}
        order.insert(order.index('thin') + 1, order.pop())
        self.peers = [p for p in order if p in keys]

    def lines_of(self, operation):
        """{peer or its second form: {index of x: lines}}"""
        out = {}
        for (op, peer, x), lines in self.found.items():
            if op.removesuffix('_anew') == operation:
                out.setdefault(_key(peer, op), {})[self.places.index(x)] = lines
        return out

    def table(self, operation):
        """A row for each peer, a cell for each x: time and I/Os."""
        rows = []
        found = self.lines_of(operation)
        for peer in self.peers:
            if peer in found:
                rows.append([self.titles[peer]] + [
                    self._cell(found[peer].get(i)) for i in range(len(self.places))])
        return table([operation] + [self.label(x) for x in self.places], rows)

    @staticmethod
    def _cell(lines):
        if not lines:
            return ''
        return (f'{numbers.seconds(numbers.median(lines, "seconds"))}, '
                f'{numbers.count(statistics.median(_ios(line) for line in lines))}')

    def behind(self):
        """What goes on behind reverts and commits, at the last x."""
        rows = []
        for operation in ('revert', 'commit'):
            found = self.lines_of(operation)
            for peer in self.peers:
                lines = found.get(peer, {}).get(len(self.places) - 1)
                if lines:
                    behind = [line['behind'] for line in lines]
                    rows.append([
                        f'{operation}, {self.titles[peer]}',
                        numbers.seconds(numbers.median(behind, 'seconds')),
                        numbers.count(statistics.median(_ios(b) for b in behind)),
                        numbers.size(numbers.median(behind, 'written_bytes'))])
        return table([f'behind it, {self.label(self.places[-1])}', 'time', 'I/Os', 'written'], rows)


def operations(data, pictures, titles, short, directory):
    """Sweep by sweep."""
    out = ['\n## Operations\n\n'
           'Until the answer: it has happened, durably, and the devices can be used. Peers make '
           'devices for a failover; those of dm-replica exist from the attach on. *Time, and '
           'I/Os of the devices* (reads and writes, an empty flush is one), medians; in the plots '
           'at the bottom: none. qcow2 commits by copying, so its answer is the end of that; the '
           'others go on behind the answer, see the last table of each. A point comes after a '
           'flush, so that no data is written by it. The vacuum of dm-replica is held until the '
           'answer, so that its counts are exact; the merge of dm-snapshot begins at once, and '
           'part of it is counted. The disks have no FUA of their own.\n']
    for kernel in data.kernels('operation'):
        for sweep, (axis, title, text) in SWEEPS.items():
            o = Operations(data, kernel, sweep, titles)
            if not o.places:
                continue
            name = f'operations-{kernel}-{sweep}.svg'
            pictures[name] = picture.operations(
                f'{title}, {short[kernel]} ({axis})', [o.mark(x) for x in o.places], o.peers,
                [(op, o.lines_of(op)) for op in OPERATIONS], o.titles)
            out.append(f'\n### {title}, {short[kernel]}\n\n{text}\n\n![{title}]({directory}{name})'
                       '\n\n' + '\n\n'.join(o.table(op) for op in OPERATIONS) + '\n\n'
                       + o.behind() + '\n')
    return ''.join(out) + _history(data, titles, short)


def _history(data, titles, short):
    """Bytes for each replicated byte, over the points that are kept."""
    out = ['\n### A replicated write beside points\n\n'
           'Bytes written to the devices for each that replication writes to places of its own, '
           '64 KiB each, over the points that are kept.\n']
    for kernel in data.kernels('operation'):
        o = Operations(data, kernel, 'age', titles)
        found = o.lines_of('replicated')
        if not found:
            continue
        rows = [[titles[p]] + [
            f'{numbers.median(found[p][i], "written_bytes") / (1 << 20):.2f}' if i in found[p] else ''
            for i in range(len(o.places))] for p in o.peers if p in found]
        out.append('\n' + table([f'points, {short[kernel]}'] + [str(x) for x in o.places], rows)
                   + '\n')
    return ''.join(out)


PATTERNS = {'in_order': 'in order', 'scattered': '4 KiB in each 64 KiB, in random order'}


def moving(data, pictures, titles, short, directory):
    """Speeds, and I/Os at home."""
    titles = titles | {'copy': 'plain copy'}
    out = ['\n## Moving home after a commit\n\n'
           'Until home alone holds the disk. *Plain copy* takes the same bytes between the same '
           'devices: `dd` with blocks of 1 MiB, or as many 4 KiB reads and writes of fio, 16 deep, '
           'side by side. dm-thin has no such thing. In parentheses the writes at home; a disk in '
           'user mode cuts them at 256 KiB.\n']
    for kernel in data.kernels('moving'):
        panels = []
        text = []
        for pattern, words in PATTERNS.items():
            found = data.moving(kernel, pattern)
            places = sorted({size for _, size in found})
            names = [p for p in ('copy', *titles) if any(peer == p for peer, _ in found)]
            names = list(dict.fromkeys(names))
            speeds = {p: {i: s / numbers.median(found[p, s], 'seconds') for i, s in enumerate(places)
                          if (p, s) in found} for p in names}
            panels.append((words, [numbers.brief(s) for s in places], names, speeds))
            rows = [[titles[p]] + [
                f'{numbers.size(speeds[p][i])}/s '
                f'({numbers.count(numbers.median(found[p, s], "home_writes"))})'
                if i in speeds[p] else '' for i, s in enumerate(places)] for p in names]
            text.append(table([words] + [numbers.size(s) for s in places], rows))
        name = f'moving-{kernel}.svg'
        pictures[name] = picture.moving(f'Moving home, {short[kernel]}: bytes a second over bytes '
                                        'moved', panels, titles)
        out.append(f'\n### {short[kernel][0].upper()}{short[kernel][1:]}\n\n'
                   f'![Moving home]({directory}{name})\n\n' + '\n\n'.join(text) + '\n')
    return ''.join(out)


def _scenario_titles():
    return {s: ' '.join((getattr(latency_part.Guest, s).__doc__ or s).split())
            for s in latency_part.SCENARIOS}


def latency(data, pictures, titles, short, directory):
    """p50, p99, p99.9 and the longest."""
    words = _scenario_titles()
    out = ['\n## Latency beside other work\n\n'
           'A guest writes 4 KiB at random and an fsync after each, at a low rate; 50 and 99 '
           'percent, 99.9 percent and all of its writes and of its fsyncs took no longer than '
           'that. In the plots the mark is the first, the strokes are the others. The longest of '
           'few is chance, above all on a busy host.\n']
    keys = ('p50', 'p99', 'p99.9', 'max')
    for kernel in data.kernels('latency'):
        found = data.latency(kernel)
        names = [p for p in titles if any(peer == p for _, _, peer in found)]
        out.append(f'\n### {short[kernel][0].upper()}{short[kernel][1:]}\n')
        for io in ('write', 'fsync'):
            rows, lines = [], []
            for scenario, text in words.items():
                present = [p for p in names if (scenario, io, p) in found]
                if present:
                    lines.append((text, None, ()))
                for peer in present:
                    values = [found[scenario, io, peer][k] for k in keys]
                    lines.append((titles[peer], peer, values))
                    rows.append([f'{text}: {titles[peer]}'] + [numbers.seconds(v) for v in values])
            name = f'latency-{kernel}-{io}.svg'
            pictures[name] = picture.latency(f'Latency of a guest\'s {io}, {short[kernel]}', lines,
                                             names)
            out.append(f'\n![Latency of {io}]({directory}{name})\n\n'
                       + table([io, *keys], rows) + '\n')
    return ''.join(out)


def attach(data, pictures, titles, short, directory):
    """Time, memory and bytes read."""
    out = ['\n## Attaching\n\n'
           'As after a boot, until the devices are there: time, and memory that is held '
           'afterwards, all of it. A version is a chunk of 16 KiB that was written in an epoch '
           '(dm-snapshot: an exception of 4 KiB; dm-thin, qcow2: a block or cluster of 64 KiB). '
           'For dm-replica `replicactl attach`, with its check of the whole log before the module '
           'reads it: bytes read are those of both. dm-thin and qcow2 read their tables when they '
           'are needed, at the first I/O to each place: attaching costs them nothing, and the '
           'memory shown is not all that they take later.\n']
    for kernel in data.kernels('attach'):
        found = data.attach(kernel, 'versions')
        places = sorted({x for _, x in found})
        names = [p for p in titles if any(peer == p for peer, _ in found)]
        labels = [numbers.count(x) for x in places]
        name = f'attach-{kernel}.svg'
        pictures[name] = picture.attach(f'Attaching, {short[kernel]}, over versions', labels, names,
                                        [{p: {i: found[p, x][what] for i, x in enumerate(places)
                                              if (p, x) in found} for p in names}
                                         for what in ('seconds', 'memory')], titles)
        rows = [[titles[p]] + [_attached(found.get((p, x))) for x in places] for p in names]
        out.append(f'\n### {short[kernel][0].upper()}{short[kernel][1:]}\n\n'
                   f'![Attaching]({directory}{name})\n\n'
                   + table(['versions: time, memory, read'] + labels, rows) + '\n'
                   + _each_more(found, titles))
        big = data.attach(kernel, 'disk')
        sizes = sorted({x for _, x in big})
        if sizes:
            rows = [[titles[p]] + [_attached(big.get((p, x))) for x in sizes] for p in names
                    if any(peer == p for peer, _ in big)]
            out.append('\nFew versions on a large disk; the store of dm-replica is a tenth of the '
                       'disk, in chunks of 64 KiB:\n\n'
                       + table(['disk: time, memory, read'] + [numbers.size(x) for x in sizes],
                               rows) + '\n')
    return ''.join(out)


def _attached(line):
    if not line:
        return ''
    return (f'{numbers.seconds(line["seconds"])}, {numbers.size(line["memory"])}, '
            f'{numbers.size(line["read_bytes"])}')


def memory_of_each(found, peer):
    """Bytes for each version more, between the ends, and the most of them; or None, None."""
    there = sorted(x for name, x in found if name == peer)
    if len(there) < 2:
        return None, None
    few, many = (found[peer, x]['memory'] for x in (there[0], there[-1]))
    return (many - few) / (there[-1] - there[0]), there[-1]


def _each_more(found, titles):
    """A line about the memory of each."""
    out = []
    for peer in ('replica', 'snapshot-4k'):
        each, _ = memory_of_each(found, peer)
        if each is not None:
            out.append(f'{titles[peer]} {each:.0f} bytes')
    return f'\nMemory for each version more: {", ".join(out)}.\n' if out else ''
