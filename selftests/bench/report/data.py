# SPDX-License-Identifier: GPL-2.0
"""Results, by what was measured."""

import collections

from report.numbers import spread


class Data:
    """The content of a results file."""

    def __init__(self, results):
        self.host = results['host']
        self.runs = results['runs']
        self.lines = [line for run in self.runs for line in run['lines']]

    def part(self, part):
        """Its lines."""
        return [line for line in self.lines if line['part'] == part]

    def run_of(self, part):
        """The runs of a part, by kernel."""
        return {run['kernel']: run for run in self.runs if run['part'] == part}

    def kernels(self, part):
        """Where a part was measured, user mode first."""
        return sorted({line['kernel'] for line in self.part(part)},
                      key=lambda k: (k != 'um', [-int(n) for n in k.split('.') if n.isdigit()]))

    def titles(self, kernel):
        """{backing: (title, kind)}"""
        return {line['backing']: (line['title'], line['kind']) for line in self.part('note')
                if line['what'] == 'backing' and line['kernel'] == kernel}

    def throughput(self, kernel, backing):
        """{(job, peer): [value of each round]}"""
        found = collections.defaultdict(dict)
        for line in self.part('throughput'):
            if line['kernel'] == kernel and line['backing'] == backing:
                found[line['job'], line['peer']][line['round']] = line['value']
        return found

    def ratios(self, kernel, backing, limit):
        """{(job, peer): (median, least, most)} of the ratios to limit in the same round."""
        found = self.throughput(kernel, backing)
        out = {}
        for (job, peer), rounds in found.items():
            limits = found.get((job, limit), {})
            ratios = [v / limits[r] for r, v in rounds.items() if limits.get(r)]
            if ratios:
                out[job, peer] = spread(ratios)
        return out

    def operations(self, kernel, sweep):
        """{(operation, peer, x): [line]}"""
        found = collections.defaultdict(list)
        for line in self.part('operation'):
            if line['kernel'] == kernel and line['sweep'] == sweep:
                found[line['operation'], line['peer'], line['x']].append(line)
        return found

    def moving(self, kernel, pattern):
        """{(peer, size): [line]}"""
        found = collections.defaultdict(list)
        for line in self.part('moving'):
            if line['kernel'] == kernel and line['pattern'] == pattern:
                found[line['peer'], line['size']].append(line)
        return found

    def latency(self, kernel):
        """{(scenario, io, peer): line}"""
        return {(line['scenario'], line['io'], line['peer']): line
                for line in self.part('latency') if line['kernel'] == kernel}

    def attach(self, kernel, sweep):
        """{(peer, x): line}"""
        return {(line['peer'], line['x']): line for line in self.part('attach')
                if line['kernel'] == kernel and line['sweep'] == sweep}
