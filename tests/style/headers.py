"""Compiles every header of the house alone, and twice over.

Usage: headers.py ROOT BUILD_DIR COMPILER...

A header that needs what its user happens to include first, or whose guard
does not guard, is an error. The build has proved it of a header that one of
its sources includes before anything else (the style check "guards" has seen
the guard): only the others are compiled here, with the flags of the whole
build, out of its compile_commands.json, so a new dependency needs no word
here. headers_test.py proves that this can fail.
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
FIRST_INCLUDE = re.compile(r'^#\s*include\s*["<]([^">]+)[">]', re.MULTILINE)
# Programs for the mesh's RISC-V tiles, which no host compiler sees.
ELSEWHERE = re.compile(r'kernels/tile/')


def own_commands(root, build_dir):
    """(source, command line) of each of our own C++ files in the build."""
    path = os.path.join(build_dir, 'compile_commands.json')
    with open(path, encoding='utf-8') as file:
        commands = json.load(file)
    vendored = os.path.join(os.path.realpath(root), 'subprojects', '')
    for command in commands:
        source = os.path.realpath(
            os.path.join(command['directory'], command['file']))
        if source.endswith('.cc') and not source.startswith(vendored):
            yield source, command['command']


def build_flags(commands):
    """Each flag once, in order of appearance."""
    flags = {}
    for _, command in commands:
        flags.update((flag, None) for flag in shlex.split(command)
                     if KEPT.match(flag))
    return list(flags)


def first_includes(commands):
    """What each source that exists includes before anything else."""
    found = set()
    for source, _ in commands:
        if os.path.exists(source):
            with open(source, encoding='utf-8') as file:
                include = FIRST_INCLUDE.search(file.read())
            if include:
                found.add(include[1])
    return found


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
    commands = list(own_commands(root, build_dir))
    flags = build_flags(commands)
    proved = first_includes(commands)
    every = headers(root)
    alone = [header for header in every if header not in proved]

    def complaints(header):
        return compile_alone(compiler, flags, build_dir, header)

    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for header, text in zip(alone, pool.map(complaints, alone)):
            if text:
                failed += 1
                print(f'{header}:1: a header must compile alone, twice over, '
                      f'without warnings; allowed is to include what it uses'
                      f'\n{text}\n')
    print(f'{len(every) - failed} of {len(every)} headers compile alone, '
          f'{len(every) - len(alone)} of them first in a source of the build')
    return 1 if failed or not every else 0


if __name__ == '__main__':
    sys.exit(main())
