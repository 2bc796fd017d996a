#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Proves a block's invariants with yosys: by induction, for all inputs.

prove.py PACKAGE TOP SOURCE PROOF; 77 means skipped. PROOF is a module that
wires one lane of the block up and asserts what must hold; what it has to see
of the state is made visible. And since a proof that cannot fail proves
nothing, the block is broken in the ways of BLOCKS, and each must be refuted.
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

# By block: its name in its proof (of blocks with lanes, that of one lane),
# what of its state is shown, and faults that the proof must refute.
BLOCKS = {
    'sar_adc_slice': ('sar_lane', [
        'busy_q', 'round_q', 'step_q', 'look_q', 'first_q', 'second_q',
        'weight_q', 'gen_lane?0?.sum_q', 'gen_lane?0?.top_q',
        'gen_lane?0?.bottom_q'], [
            ('(sum_q >= limit) ? limit : sum_q', 'sum_q'),
            ('sum_q <= sum_q + (weight', 'sum_q <= sum_q - (weight'),
            ('(first_q & second_q) | (comparator_i & (first_q | second_q))',
             '(first_q & ~second_q) | (comparator_i & second_q)'),
            ('| (busy_q & ~last)', '| busy_q'),
            ("(sum_q < OneLsb)", "(sum_q > OneLsb)"),
        ]),
    'dac_slice': ('dac_lane', [
        'corrected_valid_q', 'gen_lane?0?.corrected_q', 'gen_lane?0?.lfsr_q',
        'gen_lane?0?.first_q', 'gen_lane?0?.knot_q'], [
            ('^ {Elements{end_d[UnaryBits]}}', ''),
            ('leap(lfsr_q)', "'0"),
            ('rotate ? end_d[UnaryBits-1:0]', 'rotate ? first'),
            ('<<< (Fine - 1))', '<<< Fine)'),
        ]),
    'opt_cal': ('calibration', [
        'state_q', 'gain_q', 'following_q', 'bit_q', 'rest_q',
        'gen_lane?0?.acc_q', 'gen_lane?0?.spoiled_q'], [
            ('following_q & (clips | gen_lane[0].spoiled_q)',
             'following_q & clips'),
            ('(state_q != Idle) & ~following_q', 'state_q != Idle'),
            ('rest_d >= divisor', 'rest_d > divisor'),
            ('if (start_i & ~busy) begin\n      state_q',
             'if (start_i & (state_q == Idle)) begin\n      state_q'),
            ('& clips & ~following_q', '& clips'),
        ]),
    'opt_seq': ('sequencer', [], [
        ('(state_q == Idle) & plane_valid_q', 'state_q == Idle'),
        ('ready & ours & (credits_q', 'ready & (credits_q'),
        ('if (phase_q == Free) state_q', 'state_q'),
        ('((phase_q != Free) | launch | drop)', '((phase_q != Free) | launch)'),
        ("& (credits_q != 16'd0)", ''),
    ]),
}


def prove(package, top, text, proof, scratch):
    """(proved, what yosys said) of `text` as the block's source."""
    lane, shown, _ = BLOCKS[top]
    source = scratch / f'{top}.sv'
    source.write_text(text)
    one = ' -chparam Lanes 1' if 'int unsigned Lanes ' in text else ''
    script = '; '.join([
        f'read_verilog -sv {package} {source}',
        f'hierarchy -check -top {top}{one}', f'rename -top {lane}', 'proc',
        *(f'expose w:{name}' for name in shown),
        f'read_verilog -sv -formal {proof}',
        f'hierarchy -check -top {proof.stem}', 'proc', 'flatten', 'opt',
        'memory', 'opt',
        'sat -verify -tempinduct -prove-asserts -set-assumes '
        f'-show-public -maxsteps 4 {proof.stem}'])
    run = subprocess.run(['yosys', '-p', script], text=True, check=False,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    proved = 'Induction step proven: SUCCESS!' in run.stdout
    refuted = 'Called with -verify and proof did fail!' in run.stdout
    if proved == refuted or proved != (run.returncode == 0):
        raise RuntimeError(f'yosys had trouble:\n{run.stdout[-3000:]}')
    return proved, run.stdout


def main():
    package, top, source, proof = sys.argv[1:]
    if shutil.which('yosys') is None:
        print(f'skipped: nothing was proved of {top}, there is no yosys here')
        return 77
    text = pathlib.Path(source).read_text()
    proof = pathlib.Path(proof)
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        proved, said = prove(package, top, text, proof, scratch)
        if not proved:
            print(said[-6000:])
            print(f'{top}: not proved')
            return 1
        asserts = len(re.findall(r'\bassert\(', proof.read_text()))
        print(f'{top}: {asserts} assertions proved')
        faults = BLOCKS[top][2]
        for old, new in faults:
            if old not in text:
                print(f'{top}: "{old}" is no longer in {source}')
                return 1
            if prove(package, top, text.replace(old, new), proof, scratch)[0]:
                print(f'{top}: "{new}" in the place of "{old}" is proved too')
                return 1
        print(f'{top}: {len(faults)} faults refuted')
    return 0


if __name__ == '__main__':
    sys.exit(main())
