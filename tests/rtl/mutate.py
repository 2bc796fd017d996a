#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Breaks the RTL in one place at a time; the tests must notice every time.

mutate.py BUILD VERILATE VERILATOR CXX; BUILD is a build directory in which
rtl_test and what it needs are up to date. A fault is a line of FAULTS: the
block, what stands in its source, what is put there. The faulty block is
verilated and compiled, and linked before the sound one: the linker takes the
first it finds. Then the block's own tests run. A fault that they do not notice
is a hole in them; one whose text is no longer there is a line to be mended.
"""
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]

# By block: its folder, the sources before its own, its wrapper, and the tests
# that are to notice.
CRC = ['opt_frame/opt_crc32.sv']
FRAME = ('opt_frame', CRC, 'opt_frame_rtl.cc', 'opt_frame_test.cc')
PARTS = CRC + [
    'opt_frame/opt_frame_rx.sv', 'opt_frame/opt_frame_tx.sv',
    'dac/dac_slice.sv', 'sar_adc/sar_adc_slice.sv', 'opt_cal/opt_cal.sv',
    'opt_post/opt_post.sv', 'opt_regs/opt_regs.sv', 'opt_seq/opt_seq.sv']
BLOCKS = {
    'sar_adc_slice': ('sar_adc', [], 'sar_adc_rtl.cc', 'sar_adc_test.cc'),
    'dac_slice': ('dac', [], 'dac_rtl.cc', 'dac_test.cc'),
    'opt_post': ('opt_post', [], 'opt_post_rtl.cc', 'opt_post_test.cc'),
    'opt_frame_rx': FRAME,
    'opt_frame_tx': FRAME,
    'opt_seq': ('opt_seq', [], 'opt_seq_rtl.cc', 'opt_seq_test.cc'),
    'opt_cal': ('opt_cal', [], 'opt_cal_rtl.cc', 'opt_cal_test.cc'),
    'opt_regs': ('opt_regs', [], 'opt_regs_rtl.cc', 'opt_regs_test.cc'),
    'opt_top': ('opt_top', PARTS, 'opt_top_rtl.cc', 'opt_top_test.cc'),
}
FAULTS = [
    # Arithmetic that is off by one, or on the wrong side.
    ('sar_adc_slice', '(sum_q >= limit) ? limit', '(sum_q > limit) ? sum_q'),
    ('sar_adc_slice', '<< (FracBits - 1)', '<< FracBits'),
    ('sar_adc_slice', '{(sum_q < OneLsb)', '{(sum_q <= OneLsb)'),
    ('sar_adc_slice', '~&top_q})', '1\'b1})'),
    ('sar_adc_slice', 'look_q[1]);', 'look_q[0]);'),
    ('sar_adc_slice', '(first_q & second_q) |', '(first_q | second_q) &'),
    ('sar_adc_slice', 'metastable_q | unresolved_i', 'unresolved_i'),
    ('sar_adc_slice', 'step_q == last_step_i', 'step_q + 1 == last_step_i'),
    ('dac_slice', '^ {Elements{end_d[UnaryBits]}}', ''),
    ('dac_slice', 'rotate ? end_d[UnaryBits-1:0]', 'rotate ? first'),
    ('dac_slice', '<<< (Fine - 1))', '<<< (Fine - 2))'),
    ('dac_slice', 'rounded = fine >>> Fine', 'rounded = fine >> Fine'),
    ('dac_slice', 'i < rtl_constants::DacLfsrLeap',
     'i < rtl_constants::DacLfsrLeap - 1'),
    ('dac_slice', "(32'(segment) + 32'd1)", "(32'(segment) + 32'd0)"),
    ('opt_post', '<< (Gain - 1))', '<< (Gain - 2))'),
    ('opt_post', 'scaled = product >>> Gain', 'scaled = product >> Gain'),
    ('opt_post', '{WordBits-1{~value[Wide-1]}}', '{WordBits-1{1\'b1}}'),
    ('opt_post', 'assign y_right = right_i', "assign y_right = '0"),
    ('opt_post', '(freed_q & z_clipped_q)', "(freed_q & 1'b0)"),
    ('opt_frame_rx', '(vector != expected_q)', '(vector < expected_q)'),
    ('opt_frame_rx', 'expected_q <= vector + 16\'d1',
     'expected_q <= expected_q + 16\'d1'),
    ('opt_frame_rx', 'format_error   = ~s_tlast_i;', 'format_error = 1\'b0;'),
    ('opt_frame_rx', "(length <= 16'(Lanes))", "(length < 16'(Lanes))"),
    ('opt_frame_tx', '? 32\'hFFFFFFFF : crc_q', '? 32\'hFFFFFFFE : crc_q'),
    ('opt_frame_tx', '& ~m_tready_i}', '& m_tready_i}'),
    ('opt_seq', '(state_q == Idle) & plane_valid_q', 'state_q == Idle'),
    ('opt_seq', 'plane_valid_q <= 1\'b0;\n              end',
     'plane_valid_q <= plane_valid_q;\n              end'),
    ('opt_seq', '- {16\'d0, launch}', '- {16\'d0, launch | drop}'),
    ('opt_seq', 'optics_q == 16\'d0', 'optics_q <= 16\'d1'),
    ('opt_cal', 'halved  = head + half', 'halved  = head'),
    ('opt_cal', '(more & kept_minus & ~kept_plus)',
     '(more & kept_plus & ~kept_minus)'),
    ('opt_cal', 'usable_q & usable & ~error', 'usable & ~error'),
    ('opt_cal', 'step_q < steps_i', 'step_q <= steps_i'),
    ('opt_cal', 'sum[Estimate+1] ? \'0', 'sum[Estimate+1] ? \'1'),
    ('opt_cal', '(counts & ~(usable_q & usable))', '(counts & ~usable)'),
    ('opt_cal', 'following_q & (clips | gen_lane[0].spoiled_q)',
     'following_q & clips'),
    ('opt_cal', '(~fresh_q & spoiled_q) |', 'spoiled_q |'),
    ('opt_cal', 'following_q ? track_i : log2_samples_i', 'log2_samples_i'),
    ('opt_cal', '& clips & ~following_q', '& clips'),
    ('opt_regs', '(address[1:0] == 2\'d0)', '1\'b1'),
    ('opt_regs', '& (wstrb_i == 4\'hF)', ''),
    ('opt_regs', 'data_q & Mask', 'data_q'),
    # Wires of the whole.
    ('opt_top', 'dither_o     = pairs & ~cal_busy', 'dither_o     = pairs'),
    ('opt_top', "FrameLengthLsb +: 16] = 16'(Lanes)",
     "FrameLengthLsb +: 16] = 16'(Lanes - 1)"),
    ('opt_top', '.tracked_o(tracked)', '.tracked_o()'),
    ('opt_top', '(shifts_q != 6\'d0) shifts_q', '(ready_q) shifts_q'),
    ('opt_top', 'if (dac_start) header_q', 'if (frame_valid) header_q'),
]


class Mutator:
    def __init__(self, build, verilate, verilator, cxx):
        self.build = pathlib.Path(build).resolve()
        self.verilate, self.verilator, self.cxx = verilate, verilator, cxx
        include = subprocess.run(
            [verilator, '--getenv', 'VERILATOR_ROOT'], text=True, check=True,
            stdout=subprocess.PIPE).stdout.strip() + '/include'
        self.flags = ['-std=c++23', '-O0', '-w', '-isystem', include,
                      '-isystem', f'{include}/vltstd', f'-I{ROOT}']
        objects = sorted((self.build / 'tests/rtl/rtl_test.p').glob('*.o'))
        libraries = sorted((self.build / 'rtl').glob('*.a'))
        others = [path for folder in ('kernels/base', 'tests', 'subprojects')
                  for path in sorted((self.build / folder).rglob('*.a'))]
        group = [str(p) for p in libraries + others]
        self.link = [*map(str, objects), '-Wl,--start-group', *group,
                     '-Wl,--end-group', '-lpthread']

    def noticed(self, fault):
        """(fault, whether it was, what the last program said)."""
        block, old, new = fault
        folder, before, wrapper, test = BLOCKS[block]
        source = ROOT / 'rtl' / folder / f'{block}.sv'
        text = source.read_text()
        if text.count(old) < 1:
            return fault, False, f'"{old}" is no longer in {source}'
        with tempfile.TemporaryDirectory() as scratch:
            return fault, *self.run(pathlib.Path(scratch), block, folder,
                                    before, wrapper, test,
                                    text.replace(old, new))

    def run(self, scratch, block, folder, before, wrapper, test, text):
        out = scratch / 'rtl'
        out.mkdir()
        faulty = scratch / f'{block}.sv'
        faulty.write_text(text)
        package = self.build / 'rtl/rtl_constants.svh'
        steps = [[sys.executable, self.verilate, '--verilator',
                  self.verilator, '--top', block, '--prefix', f'V{block}',
                  '--outdir', out, '--depfile', out / 'deps.d',
                  '--option=-Wno-fatal', package,
                  *(ROOT / 'rtl' / name for name in before), faulty]]
        objects = []
        for path in [out / f'V{block}__fast.cpp', out / f'V{block}__slow.cpp',
                     ROOT / 'rtl' / folder / wrapper]:
            objects.append(scratch / f'{path.stem}.o')
            # The faulty header goes before the sound one of the build.
            steps.append([*self.cxx, *self.flags, f'-I{scratch}',
                          f'-I{self.build}', '-c', path, '-o', objects[-1]])
        program = scratch / 'faulty'
        steps.append([*self.cxx, '-o', program, *objects, *self.link])
        for step in steps:
            done = subprocess.run(list(map(str, step)), text=True, check=False,
                                  stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT)
            if done.returncode != 0:
                raise RuntimeError(f'{step[0]}: {done.stdout[-2000:]}')
        try:
            done = subprocess.run(
                [program, f'--source-file=*{test}',
                 '--test-case-exclude=slow:*', '--abort-after=1'], text=True,
                check=False, timeout=120, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT)
        except subprocess.TimeoutExpired:
            return True, 'it did not end'
        # Of the faulty block: an equality that no longer holds.
        if not re.search(r'test cases:\s+[1-9]', done.stdout):
            return done.returncode < 0, done.stdout[-500:]
        return done.returncode != 0, done.stdout[-500:]


def main():
    build, verilate, verilator, *cxx = sys.argv[1:]
    mutator = Mutator(build, verilate, verilator, cxx)
    missed = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for (block, old, new), noticed, said in pool.map(mutator.noticed,
                                                         FAULTS):
            mark = 'noticed' if noticed else 'MISSED '
            print(f'{mark} {block}: {" ".join(new.split()) or "nothing"} '
                  f'for {" ".join(old.split())}', flush=True)
            if not noticed:
                missed.append(f'{block}: {old}: {said}')
    print(f'{len(FAULTS) - len(missed)} of {len(FAULTS)} faults noticed')
    print(*missed, sep='\n')
    return 1 if missed else 0


if __name__ == '__main__':
    sys.exit(main())
