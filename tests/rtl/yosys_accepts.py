#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Synthesises one module; 77 means skipped.

yosys_accepts.py TOP [PARAMETER=VALUE...] SOURCE...

Verilator takes more of the language than synthesis does. A block that only
simulates is not a block. Nor is one with a way from an input to an output
that no register is on: Verilator would follow it on both edges of the clock.
"""
import re
import shutil
import subprocess
import sys


def main():
    top = sys.argv[1]
    sources = [a for a in sys.argv[2:] if '=' not in a]
    parameters = [a.replace('=', ' ') for a in sys.argv[2:] if '=' in a]
    if shutil.which('yosys') is None:
        print(f'skipped: {top} was not synthesised, there is no yosys here')
        return 77
    small = ''.join(f' -chparam {p}' for p in parameters)
    script = (f'read_verilog -sv {" ".join(sources)}; '
              f'hierarchy -check -top {top}{small}; '
              'synth -noabc -flatten; check -assert; stat; '
              'delete t:$_*DFF*; select -assert-none i:* %co* o:* %i')
    run = subprocess.run(['yosys', '-p', script], text=True, check=False,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if run.returncode != 0:
        print(run.stdout[-4000:])
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
