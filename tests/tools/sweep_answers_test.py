# SPDX-License-Identifier: Apache-2.0
"""sweep answers, search and serve, from the command line.

Usage: sweep_answers_test.py TRIPTYCH. Prints one line a case and
'N passed, N failed'; exits 1 if any failed.
"""
import csv
import json
import os
import pathlib
import subprocess
import sys
import tempfile

TRIPTYCH = sys.argv[1]
GRID = """
name = "small"
model = "stories260k"
targets = ["npu"]
phase = ["prefill", "decode"]
batch = [1, 4]
context = [16, 64]
[axes]
clock_hz = ["0.5 GHz", "1 GHz"]
"dram.peak_gb_per_s" = [17, 34, 68]
[derived]
cost = "clock_hz / 1e9 + dram.peak_gb_per_s / 10"
[objectives]
maximise = ["tokens_per_s"]
minimise = ["cost"]
"""
BOX = GRID.replace('["prefill", "decode"]', '"decode"').replace(
    'batch = [1, 4]', 'batch = 1').replace('[16, 64]', '16').replace(
        '["0.5 GHz", "1 GHz"]', '{ low = "0.5 GHz", high = "2 GHz" }').replace(
            '[17, 34, 68]', '{ low = 17, high = 273, log = true }').replace(
                '[objectives]', '[design]\nkind = "sobol"\npoints = 8\n'
                '[objectives]')


def run(*arguments, status=0, stdin=''):
    done = subprocess.run([TRIPTYCH, *map(str, arguments)], text=True,
                          capture_output=True, input=stdin, timeout=120)
    assert done.returncode == status, (arguments, done.stderr)
    return done.stdout if status == 0 else done.stderr


def results(*arguments):
    return json.loads(run(*arguments, '--json', '-'))['results'][0]


def write(folder, text):
    path = pathlib.Path(folder, 'study.toml')
    path.write_text(text, encoding='utf-8')
    return path


def database(folder, text=GRID):
    path = os.path.join(folder, 'study.db')
    run('sweep', write(folder, text), '--db', path)
    return path


def answers_name_front_effects_and_what_binds(folder):
    db = database(folder)
    found = results('sweep', 'answers', db)
    front = results('sweep', os.path.join(folder, 'study.toml'), '--db', db)
    assert len(found['front']) == len(front['pareto']) > 1, found['front']
    assert [e['output'] for e in found['explained']] == ['tokens_per_s', 'cost']
    # Nothing but the two prices makes the cost: their shares are all of it.
    shares = {e['axis']: e['variance_share']
              for e in found['explained'][1]['effects']}
    assert abs(shares['clock_hz'] + shares['dram.peak_gb_per_s'] - 1) < 1e-9
    assert shares['batch'] < 1e-9
    assert found['binds']
    text = run('sweep', 'answers', db)
    assert 'Pareto front: 4 of 48 points' in text, text
    assert 'What moves cost' in text, text


def a_wish_is_met_or_refused(folder):
    db = database(folder)
    wish = results('sweep', 'answers', db, '--join', 'phase', '--best', 'cost',
                   '--meet', 'ttft_s<=1', 'tpot_s<=1')['wishes'][0]
    assert wish['best'], wish
    none = results('sweep', 'answers', db, '--best', 'cost', '--meet',
                   'tpot_s<=1e-12')['wishes'][0]
    assert not none['best'] and none['feasible'] == 0, none
    assert 'tpots' in run('sweep', 'answers', db, '--meet', 'tpots<=1',
                          status=2)
    assert 'allowed' in run('sweep', 'answers', db, '--meet', 'tpot_s',
                            status=2)
    assert run('sweep', 'answers', folder + '/none.db', status=2)


def a_search_finds_the_ends_and_repeats(folder):
    study = write(folder, BOX)
    options = ('--population', 40, '--generations', 60, '-s', 3)
    done = subprocess.run([TRIPTYCH, 'sweep', 'search', study], text=True,
                          capture_output=True, timeout=120)
    if done.returncode == 2 and 'pagmo' in done.stderr:
        print('        built without pagmo2: nothing is searched')
        return
    first = results('sweep', 'search', study, *options)
    again = results('sweep', 'search', study, *options)
    assert first['pareto'] == again['pareto']
    assert first['ok'] == first['points'] > 100
    front = sorted(first['pareto'], key=lambda p: p['cost'])
    assert len(front) > 5
    for cheap, dear in zip(front, front[1:]):
        assert cheap['tokens_per_s'] <= dear['tokens_per_s']
    # The cheapest machine there is: 0.5 GHz and 17 GB/s.
    assert 2.2 <= front[0]['cost'] < 2.25, front[0]


def a_served_point_is_a_point_of_the_study(folder):
    db = database(folder, GRID.replace('["prefill", "decode"]', '"decode"'))
    table = os.path.join(folder, 'points.csv')
    run('sweep', 'export', db, '--csv', table)
    with open(table, encoding='utf-8') as file:
        points = list(csv.DictReader(file))
    point = points[7]
    ask = {'id': 'x', 'point': {
        name: point[name] for name in (
            'clock_hz', 'dram.peak_gb_per_s', 'batch', 'context')}}
    lines = run('sweep', 'serve', os.path.join(folder, 'study.toml'),
                stdin='{"ask": "space"}\n' + json.dumps(ask) + '\n{\n')
    space, answer, error = map(json.loads, lines.splitlines())
    assert [axis['name'] for axis in space['space']] == list(ask['point'])
    assert answer['id'] == 'x' and answer['status'] == 'ok', answer
    for name in ('seconds', 'energy_j', 'cost'):
        assert answer['measures'][name] == float(point[name]), name
    assert answer['objectives']['cost'] == float(point['cost'])
    assert error['status'] == 'error' and error['line'] == 3, error


def a_study_without_objectives_is_refused(folder):
    text = GRID[:GRID.index('[objectives]')]
    study = write(folder, text)
    for command in ('search', 'serve'):
        assert 'objectives: missing' in run('sweep', command, study, status=2)


def a_saltelli_study_has_indices_with_intervals(folder):
    text = BOX.replace('kind = "sobol"\npoints = 8',
                       'kind = "saltelli"\npoints = 1024').replace(
        ', log = true', '').replace(
            'cost = "clock_hz / 1e9 + dram.peak_gb_per_s / 10"',
            'cost = "clock_hz / 1e9 + dram.peak_gb_per_s / 100"')
    db = database(folder, text)
    found = results('sweep', 'answers', db)['explained'][1]
    assert found['output'] == 'cost'
    indices = {index['axis']: index for index in found['sobol']}
    # A sum of uniform numbers 1.5 and 2.56 wide: shares go by the squares.
    truth = 1.5 ** 2 / (1.5 ** 2 + 2.56 ** 2)
    for axis, share in (('clock_hz', truth),
                        ('dram.peak_gb_per_s', 1 - truth)):
        for order in ('first', 'total'):
            index = indices[axis]
            assert abs(index[order] / share - 1) < 0.02, (axis, index, share)
            assert index[order + '_low'] < share < index[order + '_high']
    assert ' .. ' in run('sweep', 'answers', db)


CASES = (answers_name_front_effects_and_what_binds, a_wish_is_met_or_refused,
         a_search_finds_the_ends_and_repeats,
         a_saltelli_study_has_indices_with_intervals,
         a_served_point_is_a_point_of_the_study,
         a_study_without_objectives_is_refused)


def main():
    failed = 0
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            try:
                case(folder)
                print('ok     ', case.__name__)
            except AssertionError as error:
                failed += 1
                print('FAILED ', f'{case.__name__}: {error}')
    print(f'{len(CASES) - failed} passed, {failed} failed')
    return failed > 0


sys.exit(main())
