# SPDX-License-Identifier: Apache-2.0
"""Makes one report of everything there is, for the tests of reports."""
import pathlib
import subprocess

MODEL = 'llama-3.1-8b'


def run(triptych, *arguments):
    done = subprocess.run([triptych, *map(str, arguments)],
                          capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise AssertionError(f'{arguments}: {done.stderr}')
    return done.stdout


STUDY = """
name = "formats and batches"
about = "Formats of weights on two machines, and what batches make of them."
model = "llama-3.2-1b"
targets = ["mesh", "npu"]
phase = "decode"
batch = [1, 4, 16, 64]
context = [256, 1024, 4096]

[axes]
"mesh:formats.weights" = ["bfp4", "bfp8", "bf16"]
"npu:weight_bits" = [4, 8]
"mesh:dram.gb_per_s" = [256, 512]

[constraints]
in_time = "tpot_s < 0.2"

[objectives]
maximise = ["tokens_per_s"]
minimise = ["joules_per_token"]
"""


CURVE = """
name = "plane loads"
about = "What the time to load a plane makes of a prompt."
model = "llama-3.2-1b"
targets = ["optical"]
phase = "prefill"
batch = [1]
context = [256]

[axes]
"optical:plane.load_us" = [1, 10, 100, 1000]

[objectives]
maximise = ["tokens_per_s"]
"""


def make_inputs(triptych, folder):
    """What every command that has pictures writes; the files' paths."""
    folder = pathlib.Path(folder)
    files = [folder / name for name in (
        'compare.json', 'profile.json', 'validate.json', 'accuracy.json',
        'study.db', 'curve.db')]
    run(triptych, 'compare', '-p', 'Once upon a time', '-n', '8',
        '--layers', '--json', files[0])
    run(triptych, 'profile', '-m', MODEL, '-t', 'mesh,optical,npu,gpu',
        '--context', '2048', '--timeline', '--json', files[1])
    run(triptych, 'validate', 'mesh',
        'emulators/mesh/validation/matmul.csv', '--json', files[2])
    run(triptych, 'accuracy', '-t', 'mesh,npu', '--self', '24',
        '--json', files[3])
    for study, db in ((STUDY, files[4]), (CURVE, files[5])):
        toml = db.with_suffix('.toml')
        toml.write_text(study, encoding='utf-8')
        run(triptych, 'sweep', toml, '--db', db)
    return [str(file) for file in files]
