#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The generator of the RTL's constants: right tables, and each wrong one.

constants_test.py GENERATE. One table gives both languages the same numbers;
a table that contradicts itself gives neither, and says where.
"""
import pathlib
import subprocess
import sys
import tempfile

GOOD = '''
[sar]
lanes = 64
polynomial = 0xEDB88320
list = [1, 2, 3]
[[register]]
name = "control"
offset = 8
access = "rw"
reset = 3
fields = [{name = "mode", lsb = 0, bits = 2}, {name = "on", lsb = 4, bits = 1}]
[[frame_field]]
name = "tile"
lsb = 16
bits = 16
'''
IN_SV = ['localparam int unsigned SarLanes = 64;',
         "localparam logic [31:0] SarPolynomial = 32'd3988292384;",
         "SarList = {16'd3, 16'd2, 16'd1};",
         "RegControl = 12'd8;", "RegControlMask = 32'd19;",
         'ControlOnLsb = 4;', 'FrameTileBits = 16;']
IN_CPP = ['inline constexpr int kSarLanes = 64;',
          'inline constexpr uint32_t kSarPolynomial = 3988292384u;',
          'kSarList{1, 2, 3};', 'kControlOn{4, 1};', 'kFrameTile{16, 16};',
          'RegisterSpec{"control", 8, true, true, 3u, 19u},']
REGISTER = '\n[[register]]\nname = "second"\noffset = {}\naccess = "{}"\n'
# What is added to or replaced in the good table, and what is said about it.
WRONG = [
    ('lanes = 64', 'lanes = -1', 'sar.lanes: -1; allowed'),
    ('lanes = 64', 'lanes = 1.5', 'sar.lanes: 1.5; allowed'),
    ('lanes = 64', 'Lanes = 64', "the name 'Lanes'; allowed"),
    ('[1, 2, 3]', '[1, 70000]', 'sar.list: 70000; allowed'),
    ('lsb = 4, bits', 'lsb = 1, bits', 'control.on: overlaps'),
    ('lsb = 4, bits', 'lsb = 32, bits', 'control.on: bits 32'),
    ('bits = 1}', 'bits = 1, x = 2}', 'control.on: a field has'),
    ('access = "rw"', 'access = "w"', "access 'w'; allowed are ro, rw, wo"),
    ('reset = 3', 'resets = 3', 'register.control: a register has'),
    ('', REGISTER.format(8, 'ro'), 'second: at the offset of control'),
    ('', REGISTER.format(6, 'ro'), 'second: offset 0x6; allowed'),
    ('[sar]', '[sar', 'Expected'),
]


def run(generate, text, scratch):
    table = scratch / 'table.toml'
    table.write_text(text)
    outputs = scratch / 'out.svh', scratch / 'out.h'
    for path in outputs:
        path.unlink(missing_ok=True)
    done = subprocess.run([sys.executable, generate, table, *outputs],
                          text=True, capture_output=True, check=False)
    return done, [p.read_text() if p.exists() else None for p in outputs]


def main():
    generate = sys.argv[1]
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        done, (svh, header) = run(generate, GOOD, scratch)
        assert done.returncode == 0, done.stderr
        for wanted, text in [(IN_SV, svh), (IN_CPP, header)]:
            for line in wanted:
                assert line in text, f'{line} is not in\n{text}'
        for old, new, said in WRONG:
            text = GOOD.replace(old, new, 1) if old else GOOD + new
            done, outputs = run(generate, text, scratch)
            assert done.returncode == 1, f'{new}: accepted'
            assert said in done.stderr, f'{new}: said {done.stderr}'
            assert outputs == [None, None], f'{new}: left an output'
    print(f'1 good table, {len(WRONG)} wrong ones: as it should be')


if __name__ == '__main__':
    main()
