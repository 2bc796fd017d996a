#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Flip-flops and gates of the blocks, as the table in rtl/README.md.

area.py PACKAGE RTL [BLOCK...]. yosys maps each block to flip-flops and simple
gates, with little effort (with all of it, opt_post takes many minutes), and
estimates transistors (stat -tech cmos); four of them are a gate
equivalent, the area of a two-input NAND. Blocks with lanes are mapped with
two and with four: what the two more cost is a lane, and 64 of them are two
and 62 more. PACKAGE is the generated rtl_constants.svh.
"""
import re
import subprocess
import sys

CRC = 'opt_frame/opt_crc32.sv'
# By block: its sources, and whether it has lanes.
BLOCKS = {
    'dac_slice': (['dac/dac_slice.sv'], True),
    'sar_adc_slice': (['sar_adc/sar_adc_slice.sv'], True),
    'opt_cal': (['opt_cal/opt_cal.sv'], True),
    'opt_post': (['opt_post/opt_post.sv'], True),
    'opt_frame_rx': ([CRC, 'opt_frame/opt_frame_rx.sv'], True),
    'opt_frame_tx': ([CRC, 'opt_frame/opt_frame_tx.sv'], True),
    'opt_seq': (['opt_seq/opt_seq.sv'], False),
    'opt_regs': (['opt_regs/opt_regs.sv'], False),
}
LANES = 64


def measure(package, rtl, block, lanes):
    """(flip-flops, gate equivalents)."""
    sources, has_lanes = BLOCKS[block]
    files = ' '.join([package, *(f'{rtl}/{name}' for name in sources)])
    parameters = f' -chparam Lanes {lanes}' if has_lanes else ''
    script = '; '.join([
        f'read_verilog -sv {files}',
        f'hierarchy -check -top {block}{parameters}',
        'synth -flatten -noabc',
        # Enables and resets become gates before a plain flip-flop.
        'dfflegalize -cell $_DFF_P_ x',
        'abc -fast -g NAND,NOR,XOR,MUX', 'opt_clean', 'stat -tech cmos'])
    said = subprocess.run(['yosys', '-p', script], text=True, check=True,
                          stdout=subprocess.PIPE).stdout
    last = said[said.rindex('Printing statistics'):]
    flops = int(re.search(r'\$_DFF_P_\s+(\d+)', last)[1])
    transistors = re.search(r'Estimated number of transistors:\s+(\d+)(\+?)',
                            last)
    if transistors[2]:
        raise RuntimeError(f'{block}: cells that yosys cannot weigh:\n{last}')
    return flops, int(transistors[1]) / 4


def row(package, rtl, block):
    if not BLOCKS[block][1]:
        flops, gates = measure(package, rtl, block, 0)
        return [f'`{block}`', '', '', flops, gates]
    two = measure(package, rtl, block, 2)
    four = measure(package, rtl, block, 4)
    lane = [(b - a) / 2 for a, b in zip(two, four)]
    whole = [a + (LANES - 2) * each for a, each in zip(two, lane)]
    return [f'`{block}`', *lane, *whole]


def main():
    package, rtl, *chosen = sys.argv[1:]
    print('| block | flip-flops a lane | gates a lane | flip-flops, 64 lanes '
          '| gates, 64 lanes |')
    print('|---|---|---|---|---|')
    total = [0, 0]
    for block in chosen or BLOCKS:
        cells = row(package, rtl, block)
        total = [sum(pair) for pair in zip(total, cells[3:])]
        print('|', ' | '.join(c if isinstance(c, str) else f'{c:,.0f}'
                              for c in cells), '|', flush=True)
    print(f'| together | | | {total[0]:,.0f} | {total[1]:,.0f} |')
    return 0


if __name__ == '__main__':
    sys.exit(main())
