# SPDX-License-Identifier: GPL-2.0
"""Plots as SVG: bars with a spread, lines over categories, and ranges on a row."""

import html
import math

from report.style import PEERS, sheet

WIDTH = 920


def _n(value):
    """A coordinate."""
    return f'{value:.1f}'.rstrip('0').rstrip('.')


class Picture:
    """Shapes on a ground."""

    def __init__(self, title, height, peers, width=WIDTH):
        self.title, self.width, self.height = title, width, height
        self.peers = list(peers)
        self.shapes = []

    def text(self, x, y, text, anchor='start', kind=''):
        """A line of text."""
        self.shapes.append(f'<text x="{_n(x)}" y="{_n(y)}" text-anchor="{anchor}"'
                           + (f' class="{kind}"' if kind else '') + f'>{html.escape(text)}</text>')

    def line(self, points, kind, dashed=False):
        """Connected points."""
        path = 'M' + 'L'.join(f'{_n(x)} {_n(y)}' for x, y in points)
        self.shapes.append(f'<path d="{path}" class="{kind}"'
                           + (' stroke-dasharray="5 3"' if dashed else '') + '/>')

    def box(self, x, y, width, height, kind):
        """A filled rectangle."""
        self.shapes.append(f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(max(width, 0.8))}" '
                           f'height="{_n(height)}" class="{kind}"/>')

    def mark(self, peer, x, y, size=3.4):
        """A peer's mark."""
        shape, s = PEERS[peer][2], size
        if shape == 'circle':
            self.shapes.append(f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(s)}" class="f-{peer}"/>')
            return
        if shape == 'cross':
            self.line([(x - s, y - s), (x + s, y + s)], f's-{peer}')
            self.line([(x - s, y + s), (x + s, y - s)], f's-{peer}')
            return
        corners = {'square': ((-s, -s), (s, -s), (s, s), (-s, s)),
                   'diamond': ((0, -s * 1.3), (s * 1.3, 0), (0, s * 1.3), (-s * 1.3, 0)),
                   'up': ((0, -s * 1.2), (s * 1.2, s), (-s * 1.2, s)),
                   'down': ((0, s * 1.2), (s * 1.2, -s), (-s * 1.2, -s))}[shape]
        path = 'M' + 'L'.join(f'{_n(x + a)} {_n(y + b)}' for a, b in corners) + 'Z'
        self.shapes.append(f'<path d="{path}" class="f-{peer}"/>')

    def legend(self, x, y, peers, titles, strokes=True, width=WIDTH):
        """Peers with their marks, so wide at most; the height that it takes."""
        at, top = x, y
        for peer in peers:
            need = 40 + 5.8 * len(titles[peer])
            if at + need > x + width and at > x:
                at, y = x, y + 16
            if strokes:
                self.line([(at, y - 4), (at + 20, y - 4)], f's-{peer}', PEERS[peer][3])
                self.mark(peer, at + 10, y - 4)
            else:
                self.box(at + 4, y - 9, 12, 10, f'f-{peer}')
            self.text(at + 25, y, titles[peer])
            at += need
        return y - top + 16

    def svg(self):
        """The whole."""
        return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
                f'width="{self.width}" height="{self.height}" role="img">\n'
                f'<title>{html.escape(self.title)}</title>\n{sheet(self.peers)}\n'
                f'<rect width="{self.width}" height="{self.height}" class="ground"/>\n'
                + '\n'.join(self.shapes) + '\n</svg>\n')


# --- bars -------------------------------------------------------------------------------------

BAR, GAP = 11, 12


def bars_height(rows, peers):
    """What bars() takes."""
    return len(rows) * (len(peers) * BAR + GAP) + 40


def bars(picture, left, top, width, heading, rows, peers, values):
    """A group of bars for each row (key, title): values[key, peer] = (median, least, most), of
    which 1 is the limit.
    """
    at_most = max([1.25] + [min(v[2], 2) for v in values.values()])
    x = left + 4
    scale = (width - 46) / at_most
    bottom = top + bars_height(rows, peers) - 22
    picture.text(x, top + 2, heading, kind='h')
    tick = 0
    while tick <= at_most:
        picture.line([(x + tick * scale, top + 12), (x + tick * scale, bottom)],
                     'axis' if tick in (0, 1) else 'grid')
        picture.text(x + tick * scale, bottom + 13, f'{tick:g}', 'middle', 'faint')
        tick += 0.25
    y = top + 12
    for key, title in rows:
        picture.text(x + 3, y + 10, title, kind='faint')
        y += GAP
        for peer in peers:
            if (key, peer) in values:
                middle, least, most = values[key, peer]
                picture.box(x, y + 2, min(middle, at_most) * scale, BAR - 3, f'f-{peer}')
                picture.line([(x + min(least, at_most) * scale, y + BAR / 2 + 0.5),
                              (x + min(most, at_most) * scale, y + BAR / 2 + 0.5)], 'axis')
                picture.text(x + min(max(middle, most), at_most) * scale + 4, y + BAR - 1,
                             f'{middle:.2f}', kind='faint')
            y += BAR


# --- lines ------------------------------------------------------------------------------------

def _ticks(low, high, base=1):
    """Powers of ten, of base, from below low to above high."""
    low, high = math.floor(math.log10(low / base)), math.ceil(math.log10(high / base))
    return [base * 10.0 ** e for e in range(low, max(high, low + 1) + 1)]


def lines(picture, left, top, width, height, heading, labels, peers, values, unit, zero=False,
          base=1):
    """values[peer] = {index of a label: value}, on a logarithmic axis; zero: those of nothing
    lie on the bottom.
    """
    found = [v for line in values.values() for v in line.values() if v > 0]
    ticks = _ticks(min(found), max(found), base) if found else [1.0, 10.0]
    x0, x1 = left + 70, left + width - 8
    y0, y1 = top + height - 20, top + 14
    floor = y0 - 12 if zero else y0
    low, high = math.log10(ticks[0]), math.log10(ticks[-1])

    def at_y(v):
        if v <= 0:
            return y0
        return floor - (math.log10(v) - low) / (high - low) * (floor - y1)

    def at_x(i):
        return x0 + (i + 0.5) * (x1 - x0) / len(labels)

    picture.text(left + 8, top + 2, heading, kind='h')
    step = max(1, math.ceil(len(ticks) / 7))
    for tick in ticks[::step]:
        picture.line([(x0, at_y(tick)), (x1, at_y(tick))], 'grid')
        picture.text(x0 - 4, at_y(tick) + 4, unit(tick), 'end', 'faint')
    if zero:
        picture.text(x0 - 4, y0 + 4, '0', 'end', 'faint')
    picture.line([(x0, y0), (x1, y0)], 'axis')
    for i, label in enumerate(labels):
        picture.text(at_x(i), y0 + 14, label, 'middle', 'faint')
    # Peers with the same values would hide each other: each is moved a little.
    for n, peer in enumerate(p for p in peers if values.get(p)):
        shift = (n - len(peers) / 2) * 2.2
        points = [(at_x(i) + shift, at_y(v)) for i, v in sorted(values[peer].items())]
        if len(points) > 1:
            picture.line(points, f's-{peer}', PEERS[peer][3])
        for x, y in points:
            picture.mark(peer, x, y)


# --- ranges -----------------------------------------------------------------------------------

ROW = 13


def ranges_height(rows):
    """What ranges() takes; a row without a peer is a heading."""
    return len(rows) * ROW + 46


def ranges(picture, left, top, width, heading, rows, unit, label=190):
    """Rows (title, peer, values): values on a logarithmic axis, the first with the peer's mark,
    the others as strokes of rising length.
    """
    found = [v for _, _, values in rows for v in values if v > 0]
    ticks = _ticks(min(found), max(found))
    x0, x1 = left + label, left + width - 30
    low, high = math.log10(ticks[0]), math.log10(ticks[-1])
    bottom = top + ranges_height(rows) - 26

    def at_x(v):
        return x0 + (math.log10(max(v, ticks[0])) - low) / (high - low) * (x1 - x0)

    picture.text(left + 8, top + 2, heading, kind='faint')
    for tick in ticks:
        picture.line([(at_x(tick), top + 10), (at_x(tick), bottom)], 'grid')
        picture.text(at_x(tick), bottom + 13, unit(tick), 'middle', 'faint')
    y = top + 20
    for title, peer, values in rows:
        if not peer:
            picture.text(left + 8, y + 3, title, kind='h')
        else:
            picture.text(x0 - 6, y + 4, title, 'end')
            picture.line([(at_x(values[0]), y), (at_x(values[-1]), y)], f's-{peer}')
            picture.mark(peer, at_x(values[0]), y)
            for i, value in enumerate(values[1:]):
                picture.line([(at_x(value), y - 2 - i), (at_x(value), y + 2 + i)], f's-{peer}')
        y += ROW
