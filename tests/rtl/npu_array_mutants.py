#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Puts faults into the array tile, one at a time: the tests must find each.

npu_array_mutants.py --source ROOT --build ROOT --verilator V --include DIR
    --cxx COMMAND... --tests LIBRARY --libraries LIBRARY...

Every mutant is verilated into a directory of its own and linked with the
tests' objects as they are. The tests of the 8 x 8 array run on it; passing
means that the fault was not seen. The block without a fault goes first, and
must pass.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

SOURCES = ['npu_requant.sv', 'npu_pe.sv', 'npu_column.sv',
           'npu_sequencer.sv', 'npu_array.sv']

# What is wrong, where, and with what instead of what.
MUTANTS = [
    ('the first row takes the old weight', 'npu_pe.sv',
     'swap_i ? waiting_q : active_q', '(swap_i & shift_i) ? waiting_q'
     ' : active_q'),
    ('a swap does not go on to the right', 'npu_pe.sv',
     'swap_q       <= swap_i;', 'swap_q       <= swap_i & shift_i;'),
    ('activations without a sign', 'npu_pe.sv',
     '$signed(activation_i) *', "$signed({8'd0, activation_i}) *"),
    ('weights shift into a plane that waits', 'npu_sequencer.sv',
     ' & (~loaded_q | swap);', ';'),
    ('a plane is free a cycle late', 'npu_sequencer.sv',
     ' & (~loaded_q | swap);', ' & ~loaded_q;'),
    ('a swap before its load', 'npu_sequencer.sv',
     '(~matmul_swap[matmul_out_q] | loaded_q)', "1'b1"),
    ('every row swaps', 'npu_sequencer.sv',
     "swap_q <= 1'b0;  // by", '// by'),
    ('two rows take part from the start', 'npu_sequencer.sv',
     "load_done) begin\n        step_q <= Rows'(1);",
     "load_done) begin\n        step_q <= Rows'(3);"),
    ('a product overwrites what is to be drained', 'npu_sequencer.sv',
     "\n                       & (held == '0);", ';'),
    ('a drain before its product', 'npu_sequencer.sv',
     "(pending == '0) & ", ''),
    ('a drain before sums under way', 'npu_sequencer.sv',
     " & (in_flight == '0)", ''),
    ('no credits', 'npu_sequencer.sv',
     "\n                 & (rows_out_q != CountBits'(OutDepth));", ';'),
    ('the last row of a range is not in it', 'npu_sequencer.sv',
     '(addr - base) <= left', '(addr - base) < left'),
    ('a drain that has gone is still before', 'npu_sequencer.sv',
     'after_q <= after_q & ~drain_gone;', 'after_q <= after_q;'),
    ('a drain that goes now is still before', 'npu_sequencer.sv',
     'drain_full & ~drain_gone;', 'drain_full;'),
    ('a queue takes a fifth', 'npu_sequencer.sv',
     "(matmul_full != '1) & ", ''),
    ('accumulates always', 'npu_column.sv',
     ' & {AccBits{sum_accumulate_i}};', ' | {AccBits{1\'b0}};'),
    ('counts no overflow', 'npu_column.sv',
     '(sum[AccBits-1] != old[AccBits-1])',
     '(sum[AccBits-1] == old[AccBits-1])'),
    ('minimum and maximum change places', 'npu_column.sv',
     'param[47:40]', 'param[39:32]'),
    ('parameters without skew', 'npu_array.sv',
     'drain_set_q      <= gen_column[c-1].drain_set_c;',
     'drain_set_q      <= drain_set;'),
    ('activations with one skew for all', 'npu_array.sv',
     'bytes_q[(r-1)*8 +: 8]', 'bytes_q[0 +: 8]'),
    ('weights with one skew for all', 'npu_array.sv',
     'bytes_q[(c-1)*8 +: 8]', 'bytes_q[0 +: 8]'),
    ('half of the output queue', 'npu_array.sv',
     '$clog2(DrainStages + 2);', '$clog2(DrainStages + 2) - 1;'),
    ('idle while sums cross the columns', 'npu_array.sv',
     "= active | (token_valid != '0);", '= active;'),
    ('counts codes nobody asked for', 'npu_array.sv',
     'clamped & {Cols{arrives}}', 'clamped'),
    ('a port takes a row on top of another', 'npu_array.sv',
     'activation_ready_o = ~activation_full_q | launch;',
     "activation_ready_o = 1'b1;"),
    ('ties of negative sums go down', 'npu_requant.sv',
     '$signed(product_q + half)',
     "$signed(product_q + half - ProductBits'(product_q[ProductBits-1]"
     " & (first_shift != '0)))"),
]


def run(command, **options):
    return subprocess.run(command, check=False, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          **options)


def build(args, scratch, texts):
    """The tests with this hardware; None if it is no SystemVerilog."""
    generated = scratch / 'rtl'
    generated.mkdir(parents=True)
    for name, text in texts.items():
        (scratch / name).write_text(text)
    prefix = 'Vnpu_array_8x8'
    verilated = run([
        sys.executable, args.source / 'rtl/verilate.py', '--verilator',
        args.verilator, '--top', 'npu_array', '--prefix', prefix, '--outdir',
        generated, '--depfile', scratch / 'deps.d', '--option=-GRows=8',
        '--option=-GCols=8', '--option=-Wno-lint',
        *(scratch / name for name in SOURCES)])
    if verilated.returncode != 0:
        return None, verilated.stdout
    program = scratch / 'tests'
    compiled = run([
        *args.cxx, '-std=c++23', '-O1', '-w', '-DVM_COVERAGE=0', '-DVM_SC=0',
        '-DVM_TRACE=0', f'-I{scratch}', f'-I{args.build}', f'-I{args.source}',
        f'-I{args.include}', f'-I{args.include / "vltstd"}',
        generated / f'{prefix}__fast.cpp', generated / f'{prefix}__slow.cpp',
        args.source / 'rtl/npu_array/npu_array_rtl.cc',
        '-Wl,--whole-archive', args.tests, '-Wl,--no-whole-archive',
        '-Wl,--start-group', *args.libraries, '-Wl,--end-group', '-pthread',
        '-o', program])
    return (program if compiled.returncode == 0 else None), compiled.stdout


def passes(program):
    try:
        return run([program, '--test-suite=npu_array 8 x 8',
                    '--abort-after=1'], timeout=300).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ('source', 'build', 'include', 'tests'):
        parser.add_argument('--' + name, required=True,
                            type=lambda p: pathlib.Path(p).resolve())
    parser.add_argument('--verilator', required=True)
    parser.add_argument('--cxx', nargs='+', required=True)
    parser.add_argument('--libraries', nargs='+', required=True,
                        type=lambda p: pathlib.Path(p).resolve())
    args = parser.parse_args()
    originals = {name: (args.source / 'rtl/npu_array' / name).read_text()
                 for name in SOURCES}

    lived = []
    nothing = ('nothing', SOURCES[0], '', '')
    for number, (what, name, old, new) in enumerate([nothing, *MUTANTS]):
        texts = dict(originals)
        if old:
            assert texts[name].count(old) == 1, f'{what}: nothing to replace'
            texts[name] = texts[name].replace(old, new)
        with tempfile.TemporaryDirectory() as scratch:
            program, output = build(args, pathlib.Path(scratch), texts)
            if program is None:
                print(f'{what}: does not build\n{output[-4000:]}')
                return 1
            passed = passes(program)
        print(f'{number:2} {"passes" if passed else "found "} {what}',
              flush=True)
        if number == 0 and not passed:
            return 1
        if number > 0 and passed:
            lived.append(what)
    print(f'{len(MUTANTS) - len(lived)} of {len(MUTANTS)} faults found')
    return 1 if lived else 0


if __name__ == '__main__':
    sys.exit(main())
