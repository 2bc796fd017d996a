"""Proves that the last line of tools/check tells the truth.

Usage: test_counts_test.py TOOLS_DIR
"""
# SPDX-License-Identifier: Apache-2.0
import json
import os
import subprocess
import sys
import tempfile
import unittest

COUNTS = ''
DOCTEST = ('[doctest] test cases: {0:3} | {1:3} passed | {2:3} failed | '
           '0 skipped\n[doctest] assertions: 9 | 9 passed | 0 failed |\n')


class TestCountsTest(unittest.TestCase):

    def last_line(self, tests, *arguments):
        """(exit status, last line) for a log of (result, stdout) pairs."""
        with tempfile.TemporaryDirectory() as folder:
            log = os.path.join(folder, 'log.json')
            with open(log, 'w', encoding='utf-8') as file:
                for result, stdout in tests:
                    file.write(json.dumps({'name': 'a', 'result': result,
                                           'stdout': stdout}) + '\n')
            done = subprocess.run(
                [sys.executable, COUNTS, *arguments, log], text=True,
                stdout=subprocess.PIPE, check=False)
        return done.returncode, done.stdout.splitlines()[-1]

    def test_plain_tests_count_one_each(self):
        self.assertEqual(self.last_line([('OK', 'clean'), ('OK', '')]),
                         (0, '2 passed, 0 failed'))

    def test_doctest_counts_its_cases(self):
        self.assertEqual(
            self.last_line([('OK', DOCTEST.format(12, 12, 0)),
                            ('FAIL', DOCTEST.format(5, 3, 2))]),
            (1, '15 passed, 2 failed'))

    def test_summary_of_a_crashed_child_does_not_count(self):
        self.assertEqual(
            self.last_line([('OK', DOCTEST.format(1, 0, 1) + '\n' +
                             DOCTEST.format(12, 12, 0))]),
            (0, '12 passed, 0 failed'))

    def test_crash_after_the_summary_is_a_failure(self):
        self.assertEqual(self.last_line([('FAIL', DOCTEST.format(4, 4, 0))]),
                         (1, '4 passed, 1 failed'))

    def test_timeout_is_a_failure(self):
        self.assertEqual(self.last_line([('TIMEOUT', ''), ('OK', '')]),
                         (1, '1 passed, 1 failed'))

    def test_skips_are_named(self):
        self.assertEqual(self.last_line([('SKIP', 'no data'), ('OK', '')]),
                         (0, '1 passed, 0 failed, 1 skipped'))

    def test_broken_step_is_a_failure(self):
        self.assertEqual(self.last_line([('OK', '')], '--broken', 'build'),
                         (1, '1 passed, 1 failed'))

    def test_no_test_is_a_failure(self):
        self.assertEqual(self.last_line([]), (1, '0 passed, 1 failed'))


if __name__ == '__main__':
    COUNTS = os.path.join(sys.argv[1], 'test_counts.py')
    unittest.main(argv=sys.argv[:1])
