# SPDX-License-Identifier: GPL-2.0
"""One picture for each section of the page."""

from report import svg


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
