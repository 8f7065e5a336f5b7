# SPDX-License-Identifier: GPL-2.0
"""Tables in Markdown."""


def table(head, rows):
    """Lines; the first column is text."""
    out = ['| ' + ' | '.join(head) + ' |', '|---' + '|--:' * (len(head) - 1) + '|']
    return '\n'.join(out + ['| ' + ' | '.join(row) + ' |' for row in rows])
