#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Synthesises one module; 77 means skipped.

yosys_accepts.py TOP [--same-cycle] [PARAMETER=VALUE...] SOURCE...

Verilator takes more of the language than synthesis does. A block that only
simulates is not a block. Nor is one with a way from an input to an output
that no register is on: Verilator would follow it on both edges of the clock.
With --same-cycle the block is one that answers its neighbours so on purpose.
"""
import pathlib
import re
import shutil
import subprocess
import sys


def main():
    top, rest = sys.argv[1], sys.argv[2:]
    same_cycle = '--same-cycle' in rest
    rest = [a for a in rest if a != '--same-cycle']
    sources = [a for a in rest if '=' not in a]
    parameters = [a.replace('=', ' ') for a in rest if '=' in a]
    if shutil.which('yosys') is None:
        print(f'skipped: {top} was not synthesised, there is no yosys here')
        return 77
    # Lanes are copies of each other: two tell as much as 64, in a tenth of
    # the time.
    if re.search(r'parameter int unsigned Lanes\b',
                 pathlib.Path(sources[-1]).read_text()):
        parameters.append('Lanes 2')
    small = ''.join(f' -chparam {p}' for p in parameters)
    script = (f'read_verilog -sv {" ".join(sources)}; '
              f'hierarchy -check -top {top}{small}; '
              'synth -noabc -flatten; check -assert; stat')
    if not same_cycle:
        script += '; delete t:$_*DFF*; select -assert-none i:* %co* o:* %i'
    run = subprocess.run(['yosys', '-p', script], text=True, check=False,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if run.returncode != 0:
        print(run.stdout[-4000:])
        return 1
    undeclared = re.findall(r'Warning: .*implicitly declared.*', run.stdout)
    if undeclared:
        print('names that synthesis has to guess:', *undeclared, sep='\n')
        return 1
    latches = re.findall(r'\$_DLATCH\S*\s+\d+', run.stdout)
    cells = re.findall(r'Number of cells:\s+(\d+)', run.stdout)
    print(f'{top}: {cells[-1] if cells else "?"} cells with',
          ', '.join(parameters) or 'its own parameters')
    if latches:
        print('latches, which no block here means to have:', *latches)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
