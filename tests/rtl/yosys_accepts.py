#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Synthesises one module: yosys_accepts.py TOP SOURCE... ; 77 means skipped.

Verilator takes more of the language than synthesis does. A block that only
simulates is not a block.
"""
import pathlib
import re
import shutil
import subprocess
import sys


def main():
    top, sources = sys.argv[1], sys.argv[2:]
    if shutil.which('yosys') is None:
        print(f'skipped: {top} was not synthesised, there is no yosys here')
        return 77
    # Lanes are copies of each other: two tell as much as 64, in a tenth of
    # the time.
    lanes = re.search(r'parameter int unsigned Lanes\b',
                      pathlib.Path(sources[-1]).read_text())
    two = ' -chparam Lanes 2' if lanes else ''
    script = (f'read_verilog -sv {" ".join(sources)}; '
              f'hierarchy -check -top {top}{two}; '
              'synth -noabc -auto-top; check -assert; stat')
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
    of = ' for two lanes' if lanes else ''
    print(f'{top}: {cells[-1] if cells else "?"} cells{of}')
    if latches:
        print('latches, which no block here means to have:', *latches)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
