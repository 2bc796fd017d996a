#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Proves the requantiser equal to its specification: for every input.

npu_requant_proof.py REQUANT SPEC MAP ACC_BITS CODE_BITS ; 77 means skipped.

yosys' SAT solver looks for an input on which npu_requant.sv and
npu_requant_spec.sv differ, with sums of ACC_BITS and codes of CODE_BITS; the
product of the two is any number of twice ACC_BITS (MAP says how). And it must
find one for each of the wrong requantisers below: a proof that nothing can
upset proves nothing.
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

WRONG = [
    ('no half added', "(ProductBits'(1) << first_shift) >> 1;", "'0;"),
    ('a whole added', "(ProductBits'(1) << first_shift) >> 1;",
     "ProductBits'(1) << first_shift;"),
    ('not signed', 'nudged >>> first_shift', 'nudged >> first_shift'),
    ('ties up twice', "away           = rounded_q[AccBits-1] & ",
     "away           = 1'b0 & rounded_q[AccBits-1] & "),
    ('less one without a shift', " & (second_shift != '0);", ';'),
    ('wraps', 'if (fits) begin', 'if (fits | double2_q) begin'),
    ('clamps one early', '(shifted > high_wide);', '(shifted >= high_wide);'),
    ('other end', 'code_q <= low;', 'code_q <= high;'),
]


def proves(requant, spec, cell_map, acc_bits, code_bits):
    script = (f'read_verilog -sv {requant} {spec}; '
              'hierarchy -check -top npu_requant_spec '
              f'-chparam AccBits {acc_bits} -chparam CodeBits {code_bits}; '
              f'proc; flatten; opt_expr; wreduce; techmap -map {cell_map}; '
              'opt -full; select -assert-none t:$mul t:$dff; '
              'sat -prove holds_o 1')
    run = subprocess.run(['yosys', '-p', script], text=True, check=False,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    answers = {'no model found: SUCCESS!': True, 'model found: FAIL!': False}
    found = [value for text, value in answers.items() if text in run.stdout]
    if run.returncode != 0 or len(found) != 1:
        print(run.stdout[-4000:])
        sys.exit('yosys gave no answer')
    return found[0]


def main():
    requant, spec, cell_map, acc_bits, code_bits = sys.argv[1:]
    if shutil.which('yosys') is None:
        print('skipped: nothing was proven, there is no yosys here')
        return 77
    if not proves(requant, spec, cell_map, acc_bits, code_bits):
        print('the requantiser differs from its specification')
        return 1
    print(f'proven: sums of {acc_bits} bits, codes of {code_bits}')
    text = pathlib.Path(requant).read_text()
    missed = []
    with tempfile.TemporaryDirectory() as scratch:
        wrong = pathlib.Path(scratch) / 'npu_requant.sv'
        for what, old, new in WRONG:
            assert text.count(old) == 1, f'{what}: nothing to replace'
            wrong.write_text(text.replace(old, new))
            if proves(wrong, spec, cell_map, acc_bits, code_bits):
                missed.append(what)
    print(f'{len(WRONG) - len(missed)} of {len(WRONG)} wrong ones found out')
    if missed:
        print('not:', *missed, sep='\n  ')
    return 1 if missed else 0


if __name__ == '__main__':
    sys.exit(main())
