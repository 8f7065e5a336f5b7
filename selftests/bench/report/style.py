# SPDX-License-Identifier: GPL-2.0
"""Colours and marks of the peers, and names as the page has them."""

# name: light, dark, mark, dashed
PEERS = {
    'linear': ('#57606a', '#9198a1', 'circle', False),
    'snapshot-4k': ('#9a6700', '#d29922', 'square', False),
    'snapshot-64k': ('#cf222e', '#ff7b72', 'diamond', False),
    'thin': ('#8250df', '#bc8cff', 'up', False),
    'thin-later': ('#8250df', '#bc8cff', 'down', True),
    'replica': ('#0969da', '#58a6ff', 'circle', False),
    'front-linear': ('#57606a', '#9198a1', 'circle', False),
    'qcow2': ('#1a7f37', '#3fb950', 'square', False),
    'qcow2-extended': ('#bf3989', '#f778ba', 'diamond', False),
    'front-replica': ('#0969da', '#58a6ff', 'circle', False),
    'copy': ('#57606a', '#9198a1', 'cross', True),
}

GROUND = ('#ffffff', '#0d1117')
INK = ('#1f2328', '#e6edf3')
FAINT = ('#59636e', '#9198a1')
GRID = ('#d1d9e0', '#3d444d')


def sheet(peers):
    """The style sheet of a picture, for light and dark."""
    def rules(at):
        out = [f'.ground{{fill:{GROUND[at]}}}', f'text{{fill:{INK[at]}}}',
               f'.faint{{fill:{FAINT[at]}}}',
               f'.grid{{stroke:{GRID[at]};stroke-width:1;fill:none}}',
               f'.axis{{stroke:{FAINT[at]};stroke-width:1;fill:none}}']
        for name in peers:
            colour = PEERS[name][at]
            out += [f'.f-{name}{{fill:{colour}}}',
                    f'.s-{name}{{stroke:{colour};stroke-width:1.6;fill:none}}']
        return ''.join(out)
    return (f'<style>text{{font:11px system-ui,-apple-system,"Segoe UI",sans-serif}}'
            f'.h{{font-weight:600}}{rules(0)}'
            f'@media (prefers-color-scheme:dark){{{rules(1)}}}</style>')
