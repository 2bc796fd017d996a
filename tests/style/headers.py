"""Compiles every header of the house alone, and twice over.

Usage: headers.py ROOT BUILD_DIR COMPILER...

A header that needs what its user happens to include first, or whose guard
does not guard, is an error. The flags are those of the whole build, out of
its compile_commands.json, so a new dependency needs no word here.
headers_test.py proves that this can fail.
"""
# SPDX-License-Identifier: Apache-2.0
import concurrent.futures
import json
import os
import re
import shlex
import subprocess
import sys

import style

KEPT = re.compile(r'-(I|isystem|D|std=|f|W)')
# Programs for the mesh's RISC-V tiles, which no host compiler sees.
ELSEWHERE = re.compile(r'kernels/tile/')


def build_flags(root, build_dir):
    """Each flag of our own C++ files once, in order of appearance."""
    path = os.path.join(build_dir, 'compile_commands.json')
    with open(path, encoding='utf-8') as file:
        commands = json.load(file)
    vendored = os.path.join(os.path.realpath(root), 'subprojects', '')
    flags = {}
    for command in commands:
        source = os.path.realpath(
            os.path.join(command['directory'], command['file']))
        if source.endswith('.cc') and not source.startswith(vendored):
            flags.update((flag, None)
                         for flag in shlex.split(command['command'])
                         if KEPT.match(flag))
    return list(flags)


def headers(root):
    return [path for path, _ in style.source_files(root)
            if path.endswith('.h') and not ELSEWHERE.match(path)]


def compile_alone(compiler, flags, build_dir, header):
    """The compiler's complaints about `header`, '' if it has none."""
    done = subprocess.run(
        compiler + flags + ['-fsyntax-only', '-x', 'c++', '-'],
        cwd=build_dir, input=f'#include "{header}"\n' * 2, text=True,
        stderr=subprocess.PIPE, check=False)
    return done.stderr.strip() if done.returncode else ''


def main():
    if len(sys.argv) < 4:
        sys.exit('usage: headers.py ROOT BUILD_DIR COMPILER...')
    root, build_dir, *compiler = sys.argv[1:]
    # Syntax alone is not cached: the launcher would only be in the way.
    compiler = [c for c in compiler if os.path.basename(c) != 'ccache']
    flags = build_flags(root, build_dir)
    every = headers(root)

    def complaints(header):
        return compile_alone(compiler, flags, build_dir, header)

    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for header, text in zip(every, pool.map(complaints, every)):
            if text:
                failed += 1
                print(f'{header}:1: a header must compile alone, twice over, '
                      f'without warnings; allowed is to include what it uses'
                      f'\n{text}\n')
    print(f'{len(every) - failed} of {len(every)} headers compile alone')
    return 1 if failed or not every else 0


if __name__ == '__main__':
    sys.exit(main())
