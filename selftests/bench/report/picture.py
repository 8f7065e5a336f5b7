# SPDX-License-Identifier: GPL-2.0
"""One picture for each section of the page."""

import statistics

from report import numbers, svg


def throughput(title, rows, panels, titles):
    """Panels (limit, peers, ratios), side by side."""
    names = [p for _, others, _ in panels for p in others]
    height = max(svg.bars_height(rows, others) for _, others, _ in panels) + 70
    picture = svg.Picture(title, height, names)
    picture.text(8, 18, title, kind='h')
    width = svg.WIDTH // len(panels) - 8
    for i, (limit, others, ratios) in enumerate(panels):
        left = 8 + i * (svg.WIDTH // len(panels))
        picture.legend(left, 38, others, titles, strokes=False, width=width)
        present = [(k, t) for k, t in rows if any((k, p) in ratios for p in others)]
        svg.bars(picture, left, 72, width,
                 f'fraction of {titles[limit]}', present, others, ratios)
    return picture.svg()


def operations(title, labels, names, columns, titles):
    """Four columns, time above I/Os: columns are (operation, {peer: {index: lines}})."""
    picture = svg.Picture(title, 0, names)
    picture.text(8, 18, title, kind='h')
    top = 38 + picture.legend(8, 38, names, titles)
    width, height = svg.WIDTH // len(columns), 190
    for i, (operation, found) in enumerate(columns):
        for row, (what, unit, value) in enumerate((
                ('time', numbers.seconds, lambda line: line['seconds']),
                ('I/Os', numbers.short, lambda line: line['reads'] + line['writes']))):
            values = {peer: {at: statistics.median(value(line) for line in lines)
                             for at, lines in places.items()} for peer, places in found.items()}
            svg.lines(picture, i * width, top + row * (height + 14), width, height,
                      f'{operation}, {what}', labels, names, values, unit, zero=row == 1)
    picture.height = top + 2 * (height + 14)
    return picture.svg()


def moving(title, panels, titles):
    """Panels (title, labels, peers, values), side by side."""
    names = list(dict.fromkeys(n for _, _, peers, _ in panels for n in peers))
    picture = svg.Picture(title, 0, names)
    picture.text(8, 18, title, kind='h')
    top = 38 + picture.legend(8, 38, names, titles)
    width = svg.WIDTH // len(panels)
    for i, (words, labels, peers, values) in enumerate(panels):
        svg.lines(picture, i * width, top, width, 240, words, labels, peers, values,
                  numbers.mib, base=1 << 20)
    picture.height = top + 254
    return picture.svg()


def latency(title, rows, names):
    """All of it on one axis."""
    picture = svg.Picture(title, svg.ranges_height(rows) + 34, names)
    picture.text(8, 18, title, kind='h')
    svg.ranges(picture, 0, 34, svg.WIDTH,
               'mark: half took no longer; strokes: 99 %, 99.9 %, all', rows, numbers.seconds)
    return picture.svg()


def attach(title, labels, names, values, titles):
    """Time and memory, side by side."""
    picture = svg.Picture(title, 0, names)
    picture.text(8, 18, title, kind='h')
    top = 38 + picture.legend(8, 38, names, titles)
    width = svg.WIDTH // 2
    for i, (what, unit, base) in enumerate((('time', numbers.seconds, 1),
                                            ('memory', numbers.mib, 1 << 20))):
        svg.lines(picture, i * width, top, width, 240, what, labels, names, values[i], unit,
                  base=base)
    picture.height = top + 254
    return picture.svg()
