"""Prints "N passed, N failed" for meson's test logs; exits 1 on a failure.

Usage: test_counts.py [--broken STEP] TESTLOG.json...

A doctest program counts by its test cases, any other test as one. A test that
meson calls failed counts at least one failure, whatever it printed before it
crashed or ran out of time. --broken names a step that did not finish, which
is one failure too; no test at all is one as well, for a check that checked
nothing has not passed.
"""
# SPDX-License-Identifier: Apache-2.0
import argparse
import collections
import json
import re
import sys

GOOD = ('OK', 'EXPECTEDFAIL')
DOCTEST = re.compile(
    r'^\[doctest\] test cases:\s*\d+ \|\s*(\d+) passed \|\s*(\d+) failed',
    re.M)


def outcome(test):
    """(passed, failed, skipped) of one record of meson's log."""
    if test['result'] == 'SKIP':
        return 0, 0, 1
    good = test['result'] in GOOD
    # A process that a test lets crash leaves a summary of its own; the last
    # one is the program's.
    cases = DOCTEST.findall(test.get('stdout', ''))[-1:]
    if not cases:
        return int(good), int(not good), 0
    passed, failed = map(int, cases[0])
    return passed, failed if good else max(failed, 1), 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--broken', metavar='STEP')
    parser.add_argument('logs', nargs='*')
    args = parser.parse_args()

    total = collections.Counter()
    print()
    for path in args.logs:
        with open(path, encoding='utf-8') as log:
            for line in log:
                test = json.loads(line)
                passed, failed, skipped = outcome(test)
                total.update(passed=passed, failed=failed, skipped=skipped)
                if failed:
                    print(f'{test["result"]}: {test["name"]} ({path})')
                if skipped:
                    why = test.get('stdout', '').strip() or 'no reason given'
                    print(f'SKIP: {test["name"]}: {why.splitlines()[-1]}')
    if args.broken:
        print(f'error: the step "{args.broken}" did not finish; see above')
        total['failed'] += 1
    elif not total['passed'] + total['failed']:
        print('error: not one test was run')
        total['failed'] += 1

    skipped = f', {total["skipped"]} skipped' if total['skipped'] else ''
    print(f'{total["passed"]} passed, {total["failed"]} failed{skipped}')
    return 1 if total['failed'] else 0


if __name__ == '__main__':
    sys.exit(main())
