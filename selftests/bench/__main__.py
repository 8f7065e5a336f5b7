# SPDX-License-Identifier: GPL-2.0
"""Run in the machine that is measured; see scripts/bench, which starts it."""

import argparse
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

# pylint: disable=wrong-import-position
import backing
import parts
import sizes
from result import Result
from shell import load_replica


def main():
    """Measure the parts that are asked for."""
    args = argparse.ArgumentParser(prog='bench')
    args.add_argument('--size', choices=sizes.SIZES, default='small')
    args.add_argument('--rounds', type=int)
    args.add_argument('--parts', nargs='+', choices=parts.PARTS, default=list(parts.PARTS))
    args.add_argument('--backings', nargs='+', choices=backing.BACKINGS,
                      default=list(backing.BACKINGS))
    args.add_argument('--peers', nargs='+')
    args.add_argument('--json')
    args.add_argument('--check', action='store_true', help='print KTAP, and check content')
    a = args.parse_args()
    how = sizes.of(a.size)
    if a.rounds:
        how |= {'rounds': a.rounds, 'repeats': min(a.rounds, how['repeats'])}
    # There is no udevd in the machine to make nodes.
    os.environ['DM_DISABLE_UDEV'] = '1'
    load_replica()
    result = Result(a.json, ktap=a.check)
    for part in a.parts:
        parts.PARTS[part].measure(result, how, a.backings, a.peers, check=a.check)
    result.end()


main()
