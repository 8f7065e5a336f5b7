# SPDX-License-Identifier: GPL-2.0
"""The file that keeps what was measured."""

import json
import os


def save(path, results):
    """One figure a line, so that two versions can be compared."""
    text = json.dumps({k: v for k, v in results.items() if k != 'runs'}, indent=1)
    runs = []
    for run in results['runs']:
        head = json.dumps({k: v for k, v in run.items() if k != 'lines'})
        lines = ',\n'.join(json.dumps(line) for line in run['lines'])
        runs.append(f'{head[:-1]}, "lines": [\n{lines}\n]}}')
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path + '.new', 'w') as f:
        f.write(text[:-2] + ',\n "runs": [\n' + ',\n'.join(runs) + '\n]}\n')
    os.rename(path + '.new', path)
