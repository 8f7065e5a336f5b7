# SPDX-License-Identifier: GPL-2.0
"""Figures as text."""

import statistics


def spread(values):
    """Median, least, most."""
    return statistics.median(values), min(values), max(values)


def median(lines, what):
    """Of several results."""
    return statistics.median(line[what] for line in lines)


def size(n):
    """Bytes: 0, 64 KiB, 1.5 MiB."""
    for unit, step in (('TiB', 1 << 40), ('GiB', 1 << 30), ('MiB', 1 << 20), ('KiB', 1 << 10)):
        if n >= step:
            return f'{round(n / step, 1):g} {unit}'
    return f'{n:g} B' if n else '0'


def brief(n):
    """Bytes below an axis: 0, 64K, 1.5M."""
    return size(n).replace(' ', '').replace('iB', '')


def seconds(s):
    """A time with its unit."""
    for unit, step in (('s', 1), ('ms', 1e-3), ('us', 1e-6)):
        if s >= step * 0.9995 or unit == 'us':
            n = s / step
            return f'{n:.0f} {unit}' if n >= 99.5 else f'{n:.2g} {unit}' if n < 9.95 \
                else f'{n:.3g} {unit}'
    return '0'


def count(n):
    """12,345"""
    return f'{n:,.0f}'


def per(total, times):
    """A count for each of several, with as few digits as are exact."""
    n = total / times
    return f'{n:.0f}' if n == int(n) else f'{n:.2f}' if n < 100 else f'{n:.0f}'


def short(n):
    """12, 1k, 100k, 1M: on an axis."""
    for unit, step in (('M', 10 ** 6), ('k', 1000)):
        if n >= step:
            return f'{n / step:g}{unit}'
    return f'{n:g}'


def mib(n):
    """Bytes on an axis of powers of ten."""
    return f'{n / (1 << 20):,g} MiB'
