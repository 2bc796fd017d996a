#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Flops and gates of a block, module by module, as yosys maps them.

gate_count.py TOP [PARAMETER=VALUE...] SOURCE...

Two-input gates and multiplexers of no particular technology, after
optimisation; flops without the bits of memories, which a chip would have as
macros, but gates with the decoders and multiplexers of memories made of
flops. For comparing one version of a block with another, not with a chip.
"""
import re
import subprocess
import sys

SCRIPT = ('read_verilog -sv {sources}; hierarchy -check -top {top}{parameters};'
          ' proc; opt; stat; synth; stat')


def statistics(text):
    """[(module, memory bits, {cell: count})] of each stat, in order."""
    found = []
    for section in re.split(r'\n=== ', text)[1:]:
        name = section.split(' ===')[0]
        if name == 'design hierarchy':
            continue
        section = section.split('\n=== ')[0]
        bits = int(re.search(r'Number of memory bits: +(\d+)', section)[1])
        cells = dict((cell, int(count)) for cell, count in re.findall(
            r'^ {5}(\S+) +(\d+)$', section, re.M))
        found.append((name, bits, cells))
    return found


def main():
    top = sys.argv[1]
    sources = [a for a in sys.argv[2:] if '=' not in a]
    parameters = [a.replace('=', ' ') for a in sys.argv[2:] if '=' in a]
    script = SCRIPT.format(
        sources=' '.join(sources), top=top,
        parameters=''.join(f' -chparam {p}' for p in parameters))
    run = subprocess.run(['yosys', '-p', script], text=True, check=False,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if run.returncode != 0:
        sys.exit(run.stdout[-4000:])
    early, late = {}, {}
    for name, bits, cells in statistics(run.stdout):
        # The first of the two still has memories as memories.
        early.setdefault(name, bits)
        late[name] = cells

    def instances(name):
        if name == top:
            return 1
        return sum(instances(user) * cells[name]
                   for user, cells in late.items() if name in cells)

    def plain(name):
        return re.sub(r'^\$paramod[^\\]*\\|\\.*$', '', name)

    print(f'| {" ".join(sys.argv[2:2 + len(parameters)]) or top} | copies '
          '| flops each | memory bits each | gates each |')
    print('|---|---|---|---|---|')
    totals = [0, 0, 0]
    for name, cells in sorted(late.items(), key=lambda item: plain(item[0])):
        own = {c: n for c, n in cells.items() if c not in late}
        flops = sum(n for c, n in own.items() if 'DFF' in c)
        row = [flops - early[name], early[name], sum(own.values()) - flops]
        copies = instances(name)
        totals = [t + copies * x for t, x in zip(totals, row)]
        print(f'| {plain(name)} | {copies} | '
              + ' | '.join(f'{x:,}' for x in row) + ' |')
    print('| all | | ' + ' | '.join(f'{x:,}' for x in totals) + ' |')


if __name__ == '__main__':
    main()
