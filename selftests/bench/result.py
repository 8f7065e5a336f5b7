# SPDX-License-Identifier: GPL-2.0
"""What was measured, a line of JSON for each figure, and the course of it for people; for a
selftest, results in KTAP.
"""

import contextlib
import json
import sys
import time
import traceback

from shell import KERNEL, Failure


class Result:
    """out: a path for the lines of JSON; ktap: print KTAP."""

    def __init__(self, out=None, ktap=False):
        self.out = open(out, 'a') if out else None
        self.ktap = ktap
        self.failed = self.number = 0
        self.lines = []

    def add(self, part, **fields):
        """One figure, with the machine that it was measured in."""
        line = {'part': part, 'kernel': KERNEL} | fields
        self.lines.append(line)
        if self.out:
            self.out.write(json.dumps(line) + '\n')
            self.out.flush()

    def note(self, what, **fields):
        """What is no figure."""
        self.add('note', what=what, **fields)

    def say(self, text):
        """A line for people."""
        print(('# ' if self.ktap else '') + text, flush=True)

    def check(self, title, good, text=''):
        """A result of its own."""
        self.number += 1
        self.failed += not good
        if text and not good:
            for line in text.splitlines():
                print('# ' + line)
        if self.ktap:
            print(f'{"" if good else "not "}ok {self.number} - {title}', flush=True)
        elif not good:
            print(f'FAILED: {title}\n{text}', flush=True)

    def equal(self, title, got, wanted):
        """A result: these are the same."""
        self.check(title, got == wanted, f'got {got}, wanted {wanted}')

    @contextlib.contextmanager
    def step(self, title):
        """What has to come to its end; a peer that fails does not end the whole."""
        start = time.monotonic()
        try:
            yield
        except Failure as e:
            # What failed first is behind the failures of cleaning up.
            before = f'{e.__context__}\n' if e.__context__ else ''
            self.check(title, False, before + str(e))
        except Exception:  # pylint: disable=broad-exception-caught
            self.check(title, False, traceback.format_exc())
        else:
            if self.ktap:
                self.say(f'{title}: {time.monotonic() - start:.1f} s')
                self.check(title, True)
            else:
                self.say(f'{title}: {time.monotonic() - start:.1f} s')

    def end(self):
        """Exit with a status."""
        if self.ktap:
            print(f'1..{self.number}', flush=True)
        sys.exit(1 if self.failed else 0)
