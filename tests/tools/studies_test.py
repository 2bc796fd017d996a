"""The studies that are shipped: each parses, runs, and has its finding.

Usage: studies_test.py TRIPTYCH

Every study is run on a thinned grid (one shard of a few), or whole where it
refines, and the queries of its section in tools/studies/README.md on what comes
out.
"""
# SPDX-License-Identifier: Apache-2.0
import contextlib
import json
import os
import re
import sqlite3
import subprocess
import sys
import tempfile

STUDIES = 'tools/studies'
POINTS = 24  # of a study, or as many as its shards have more


def run(triptych, *arguments):
    done = subprocess.run([triptych, 'sweep', *arguments, '--json', '-'],
                          check=False, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)['results'][0]


def points_of(database):
    with contextlib.closing(sqlite3.connect(database)) as opened:
        return int(opened.execute(
            "SELECT value FROM meta WHERE name = 'points'").fetchone()[0])


def sections():
    """{name of a study: its section of the README}"""
    with open(f'{STUDIES}/README.md', encoding='utf-8') as file:
        parts = re.split(r'^## ', file.read(), flags=re.M)[1:]
    return {part.split(':')[0]: part for part in parts}


def check(triptych, name, section, folder):
    study = f'{STUDIES}/{name}.toml'
    # A tiny shard says how many points there are.
    first = f'{folder}/{name}.first.db'
    run(triptych, study, '--db', first, '--shard', '0/997')
    shards = max(1, points_of(first) // POINTS)
    database = f'{folder}/{name}.db'
    # A front is that of all points: what refines one is run whole.
    with open(study, encoding='utf-8') as file:
        whole = '[refine]' in file.read()
    part = ['--refine'] if whole else ['--shard', f'0/{shards}']
    result = run(triptych, study, '--db', database, *part)
    assert result['points'] > 0, result
    assert result['ok'] == result['points'], result
    queries = re.findall(r'```sql\n(.*?)```', section, flags=re.S)
    assert queries, f'{name}: its section has no query'
    with contextlib.closing(sqlite3.connect(database)) as opened:
        for query in queries:
            rows = opened.execute(query)
            header = ' | '.join(column[0] for column in rows.description)
            assert f'| {header} |' in section, (
                f'{name}: no table with the columns {header}')
    print(f'{name}: {result["points"]} points')


def main():
    triptych = os.path.abspath(sys.argv[1])
    names = sorted(name[:-5] for name in os.listdir(STUDIES)
                   if name.endswith('.toml'))
    found = sections()
    assert sorted(found) == names, (sorted(found), names)
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            check(triptych, name, found[name], folder)
    return 0


if __name__ == '__main__':
    sys.exit(main())
