# SPDX-License-Identifier: GPL-2.0
"""Run the commands of the pages in Documentation/runbooks and compare what they print.

usage: python3 runbooks PAGES SEEN

A page's code blocks are what a terminal shows: a line that begins with "# " is a command, the
lines below are its output.  Each page runs on a machine as prepare() of machine.sh makes it.
Comments of the page, which no reader sees, are for this program:

    <!-- run: SCRIPT -->      what happens to the machine at this place, with the functions of
                              machine.sh
    <!-- skip: REASON -->     the commands of the next block cannot run here

Prints KTAP, a result for each command, and writes each page with the output seen into the
directory SEEN.  Output that differs only where PATTERNS match is the same, and stays as it is in the page.
"""
import difflib
import os
import pathlib
import pty
import re
import select
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
LIMIT = 120     # seconds for a command

# What is different in each run, for all pages.
PATTERNS = [
    (r'[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}', 'UUID'),
    (r'\b[0-9a-f]{32}\b', 'ID'),
    (r'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d', 'TIME'),
    (r'\b\d+(\.\d+)? ?%', 'PERCENT'),
    (r'\b(in|after) \d+(\.\d+)? (us|ms|s|min)\b', r'\1 SPAN'),
    (r'point_age=\d+s', 'point_age=AGE'),
    (r'\bin process \d+', 'in process PID'),
    (r'(?<=sequence )\d+', 'NUMBER'),
    # The log is written every second.
    (r'\b\d+ of \d+ blocks\b', 'N of N blocks'),
    (r'(?<=blocks 1 to )\d+', 'N'),
    (r'\b\d+ records: \d+ of versions, \d+ of moves', 'N records: N of versions, N of moves'),
    # A write that is refused in part counts as far as it has come.
    (r'\d+(\.\d+)? \w+ in \d+ writes', 'AMOUNT in N writes'),
    # Progress is shown when there is time for it.
    (r'\[#+\.*\] ', '[BAR] '),
    (r'[ \t]+', ' '),       # columns follow the width of these
]


def plain(lines):
    text = '\n'.join(line.rstrip() for line in lines)
    for pattern, word in PATTERNS:
        text = re.sub(pattern, word, text)
    return text.split('\n')


def shell(script):
    return ['bash', '-c', f'. {HERE}/machine.sh\n{script}']


def terminal(command):
    """The lines that COMMAND leaves on a terminal; "y" is the answer to each question."""
    pid, fd = pty.fork()
    if pid == 0:
        argv = shell(command)
        os.execvp(argv[0], argv)
    said, end = b'', time.monotonic() + LIMIT
    while True:
        ready, _, _ = select.select([fd], [], [], max(0, end - time.monotonic()))
        if not ready:
            os.kill(pid, 9)
            said += b'\n(no end after %d s)' % LIMIT
            break
        try:
            new = os.read(fd, 65536)
        except OSError:
            new = b''
        if not new:
            break
        said += new
        if said.endswith(b'[y/N] '):
            os.write(fd, b'y\n')
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(fd)    # not before: that would be a SIGHUP
    lines = said.decode(errors='replace').replace('\r\n', '\n').split('\n')
    # A progress line is written over.
    lines = [line.rstrip('\r').split('\r')[-1].rstrip() for line in lines]
    while lines and not lines[-1]:
        lines.pop()
    return status, lines


class Results:
    def __init__(self):
        self.count = self.bad = 0
        self.skipped = {}

    def diag(self, lines):
        for line in lines:
            print('# ' + line)

    def result(self, good, name, skip=None):
        self.count += 1
        self.bad += not good
        name = name.replace('#', '')
        print(f'{"" if good else "not "}ok {self.count} - {name}' + (f' # SKIP {skip}' if skip else ''),
              flush=True)


def blocks(lines):
    """A page in parts: "text", "run", "skip" or "code", and its lines."""
    i = 0
    while i < len(lines):
        first, start = lines[i], i
        if first == '```':
            i = lines.index('```', i + 1) + 1
            yield 'code', lines[start:i]
        elif match := re.match(r'<!-- (run|skip):', first):
            while '-->' not in lines[i]:
                i += 1
            i += 1
            yield match[1], lines[start:i]
        else:
            i += 1
            yield 'text', [first]


def inside(comment):
    return re.fullmatch(r'<!-- \w+:(.*?)-->\s*', '\n'.join(comment), re.S)[1].strip()


def commands(code):
    """[(command, output lines)] of a block."""
    found = []
    for line in code[1:-1]:
        if line.startswith('# '):
            found.append((line[2:], []))
        elif found:
            found[-1][1].append(line)
        else:
            raise SystemExit(f'runbooks: output without a command: {line}')
    return found


def run_page(page, results):
    name = page.stem
    done = subprocess.run(shell('prepare'), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, text=True, errors='replace', check=False)
    if done.returncode:
        results.diag(done.stdout.splitlines())
        results.result(False, f'{name}: the machine is prepared')
    seen, skip = [], None
    for kind, lines in blocks(page.read_text().splitlines()):
        if kind == 'run':
            # A file: what goes on in the background would keep a pipe open.
            with open('/tmp/run.said', 'w', encoding='utf-8') as out:
                rc = subprocess.run(shell('set -e\n' + inside(lines)), stdout=out, stderr=out,
                                    stdin=subprocess.DEVNULL, check=False).returncode
            if rc:
                results.diag(pathlib.Path('/tmp/run.said').read_text(errors='replace').splitlines())
                results.result(False, f'{name}: {inside(lines).splitlines()[0]}: status {rc}')
        elif kind == 'skip':
            skip = inside(lines)
        if kind != 'code':
            seen += lines
            continue
        seen.append('```')
        for command, text in commands(lines):
            seen.append('# ' + command)
            if skip:
                seen += text
                results.skipped[skip] = results.skipped.get(skip, 0) + 1
                results.result(True, f'{name}: {command}', skip)
                continue
            status, got = terminal(command)
            if status and not got:
                got = [f'(status {status})']
            if any(line.startswith('# ') for line in got):
                results.result(False, f'{name}: {command}: the output has a line like a command')
            if plain(got) == plain(text):
                seen += text
                results.result(True, f'{name}: {command}')
            else:
                seen += got
                results.diag(difflib.unified_diff(plain(text), plain(got), 'page', 'seen', lineterm=''))
                results.result(False, f'{name}: {command}')
        seen.append('```')
        skip = None
    return '\n'.join(seen) + '\n'


def main():
    pages, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    results = Results()
    print('TAP version 13')
    found = sorted(pages.glob('*.md'))
    for page in found:
        (out / page.name).write_text(run_page(page, results))
    results.result(bool(found), f'{len(found)} pages')
    for reason, number in results.skipped.items():
        print(f'# {number} commands skipped: {reason}')
    print(f'1..{results.count}')
    return results.bad > 0


sys.exit(main())
