#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turns one SystemVerilog module into C++ that Meson can compile.

Verilator names its outputs as it likes, and their number depends on the
design; Meson wants them named beforehand. So the generated files live in a
directory of their own (TOP.mdir) and Meson sees three: TOP__fast.cpp and
TOP__slow.cpp, which include the generated parts, and TOP.h, which forwards.

Three traps, each of which has served stale RTL to a passing test:
 - Without the hash of the generated text in all three, they stay the same
   when the RTL changes, and ninja prunes the compilation as up to date.
 - Verilator's own dependency file names every generated file as a target,
   which ninja rejects: it is rewritten to one rule for one declared output.
 - TOP.mdir is updated file by file. If it were emptied, all times would
   change, and everything would compile once more on the next run.
"""
import argparse
import hashlib
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile


def write_if_changed(path, text):
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def generate(args, scratch):
    command = [args.verilator, '--cc', '--MMD', '-Wall', '-O3',
               '--x-assign', 'fast', '--x-initial', 'fast', '--noassert',
               '--top-module', args.top, '--prefix', args.prefix,
               '--Mdir', str(scratch), *args.option, *args.sources]
    # Messages name the source files as given: editors can follow them.
    return subprocess.run(command, check=False).returncode


def prerequisites(depfile):
    """Every source Verilator read, the program itself included."""
    text = depfile.read_text().replace('\\\n', ' ')
    # Rules look like "target ... : source ...": paths hold no spaces here.
    sources = []
    for rule in text.splitlines():
        _, colon, right = rule.partition(' : ')
        if colon:
            sources += right.split()
    return sorted(set(sources))


def publish(args, scratch):
    """Moves what changed into TOP.mdir; writes the declared outputs."""
    kept = args.outdir / f'{args.prefix}.mdir'
    kept.mkdir(parents=True, exist_ok=True)
    generated = sorted(p for p in scratch.iterdir()
                       if p.suffix in ('.cpp', '.h'))
    digest = hashlib.sha256()
    for path in generated:
        text = path.read_text()
        digest.update(path.name.encode() + b'\0' + text.encode())
        write_if_changed(kept / path.name, text)
    names = {p.name for p in generated}
    for old in kept.iterdir():
        if old.name not in names:
            old.unlink()

    stamp = f'// {digest.hexdigest()}\n'
    slow = re.compile(r'__Slow\.cpp$|__Syms\.cpp$')
    sources = [n for n in sorted(names) if n.endswith('.cpp')]

    def includes(wanted):
        return ''.join(f'#include "{kept.name}/{n}"\n' for n in wanted)

    def out(name, text):
        (args.outdir / name).write_text(stamp + text)

    out(f'{args.prefix}__fast.cpp',
        includes(n for n in sources if not slow.search(n)))
    out(f'{args.prefix}__slow.cpp',
        includes(n for n in sources if slow.search(n)))
    out(f'{args.prefix}.h', '#pragma once\n' + includes([f'{args.prefix}.h']))

    depends = prerequisites(scratch / f'{args.prefix}__ver.d')
    first = args.outdir / f'{args.prefix}__fast.cpp'
    args.depfile.write_text(f'{first}: {" ".join(depends)}\n')


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--verilator', required=True)
    parser.add_argument('--top', required=True)
    parser.add_argument('--prefix', required=True)
    parser.add_argument('--outdir', required=True, type=pathlib.Path)
    parser.add_argument('--depfile', required=True, type=pathlib.Path)
    parser.add_argument('--option', action='append', default=[])
    parser.add_argument('sources', nargs='+')
    args = parser.parse_args()
    scratch = pathlib.Path(tempfile.mkdtemp(prefix='verilate-'))
    try:
        status = generate(args, scratch)
        if status == 0:
            publish(args, scratch)
        return status
    finally:
        shutil.rmtree(scratch)


if __name__ == '__main__':
    sys.exit(main())
