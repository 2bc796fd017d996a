# SPDX-License-Identifier: Apache-2.0
"""Makes one report of everything there is, for the tests of reports."""
import json
import math
import pathlib
import subprocess

MODEL = 'llama-3.1-8b'


def run(triptych, *arguments):
    done = subprocess.run([triptych, *map(str, arguments)],
                          capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise AssertionError(f'{arguments}: {done.stderr}')
    return done.stdout


def study():
    """A small study with two fronts' worth of structure and no randomness."""
    columns = {name: [] for name in (
        'target', 'mesh:grid.cols', 'dram_gb_per_s', 'format', 'bound',
        'seconds', 'energy_j', 'tokens_per_s')}
    for target, base in (('mesh', 1.0), ('npu', 2.2)):
        for grid in (4, 8, 12, 16, 20):
            for bandwidth in (100, 200, 400, 800):
                for fmt, bits in (('int4', 4), ('int8', 8), ('bf16', 16)):
                    memory = base * bits / bandwidth
                    compute = base * 0.8 / grid * (1 + bits / 16)
                    seconds = max(memory, compute) * 0.1
                    energy = bits * 0.02 + grid * 0.004 * base + (
                        bandwidth * 1e-4) + 0.1 * math.sin(grid + bits) ** 2
                    for name, value in zip(columns, (
                            target, grid, bandwidth * 1e9, fmt,
                            'dram' if memory > compute else 'fpu', seconds,
                            energy, 1 / seconds)):
                        columns[name].append(value)
    units = {'dram_gb_per_s': 'B/s', 'seconds': 's', 'energy_j': 'J'}
    derived = ('tokens_per_s',)
    measures = ('bound', 'seconds', 'energy_j')
    return {
        'command': 'sweep', 'study': 'grid and memory',
        'about': 'Grid, memory and format of two machines.',
        'points': len(columns['seconds']), 'invalid': 3, 'failed': 0,
        'columns': [
            {'name': name, 'unit': units.get(name, ''),
             'role': ('derived' if name in derived else
                      'measure' if name in measures else 'axis'),
             ('texts' if isinstance(values[0], str) else 'numbers'): values}
            for name, values in columns.items()],
        'objectives': [{'column': 'tokens_per_s', 'maximise': True},
                       {'column': 'energy_j', 'maximise': False}],
    }


def make_inputs(triptych, folder):
    """JSON of every command that has pictures; the files' paths."""
    folder = pathlib.Path(folder)
    files = [folder / f'{name}.json' for name in (
        'compare', 'profile', 'validate', 'accuracy', 'study')]
    run(triptych, 'compare', '-p', 'Once upon a time', '-n', '8',
        '--json', files[0])
    run(triptych, 'profile', '-m', MODEL, '-t', 'mesh,optical,npu,gpu',
        '--context', '2048', '--timeline', '--json', files[1])
    run(triptych, 'validate', 'mesh',
        'emulators/mesh/validation/matmul.csv', '--json', files[2])
    run(triptych, 'accuracy', '-t', 'mesh,npu', '--self', '24',
        '--json', files[3])
    files[4].write_text(json.dumps(study()), encoding='utf-8')
    return [str(file) for file in files]
