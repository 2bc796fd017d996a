"""Proves that headers.py can fail, and that it can pass.

Usage: headers_test.py COMPILER...
"""
# SPDX-License-Identifier: Apache-2.0
import json
import os
import subprocess
import sys
import tempfile
import unittest

HEADERS = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                       'headers.py')
COMPILER = []
GUARDED = '#ifndef A_\n#define A_\n{}\n#endif\n'


class HeadersTest(unittest.TestCase):

    def outcome(self, text, source=None):
        """(exit status, output) for a tree with one header and one source."""
        with tempfile.TemporaryDirectory() as root:
            build_dir = os.path.join(root, 'build')
            os.makedirs(build_dir)
            with open(os.path.join(root, 'a.h'), 'w', encoding='utf-8') as file:
                file.write(text)
            if source is not None:
                with open(os.path.join(root, 'a.cc'), 'w',
                          encoding='utf-8') as file:
                    file.write(source)
            database = [{'directory': build_dir, 'file': '../a.cc',
                         'command': f"c++ -I{root} -Wall -Werror '-DSIX=(6)'"
                                    ' -o a.o -c ../a.cc'}]
            with open(os.path.join(build_dir, 'compile_commands.json'), 'w',
                      encoding='utf-8') as file:
                json.dump(database, file)
            done = subprocess.run(
                [sys.executable, HEADERS, root, build_dir] + COMPILER,
                stdout=subprocess.PIPE, text=True, check=False)
        return done.returncode, done.stdout

    def test_whole_header_passes(self):
        status, output = self.outcome(
            GUARDED.format('#include <string>\nstd::string F(int = SIX);'))
        self.assertEqual(status, 0, output)
        self.assertIn('1 of 1 headers', output)

    def test_missing_include_fails(self):
        status, output = self.outcome(GUARDED.format('std::string F();'))
        self.assertEqual(status, 1)
        self.assertIn('a.h:1:', output)

    def test_missing_guard_fails(self):
        status, output = self.outcome('struct A {};\n')
        self.assertEqual(status, 1)
        self.assertIn('a.h:1:', output)

    def test_warning_fails(self):
        status, _ = self.outcome(GUARDED.format('static int Unused() {}'))
        self.assertEqual(status, 1)

    def test_first_in_a_source_needs_no_more(self):
        status, output = self.outcome('no C++', '#include "a.h"\n')
        self.assertEqual(status, 0, output)
        self.assertIn('1 of them first in a source', output)

    def test_second_in_a_source_proves_nothing(self):
        status, _ = self.outcome(GUARDED.format('std::string F();'),
                                 '#include <string>\n#include "a.h"\n')
        self.assertEqual(status, 1)

    def test_no_header_fails(self):
        with tempfile.TemporaryDirectory() as root:
            with open(os.path.join(root, 'compile_commands.json'), 'w',
                      encoding='utf-8') as file:
                file.write('[]')
            done = subprocess.run(
                [sys.executable, HEADERS, root, root] + COMPILER,
                stdout=subprocess.DEVNULL, check=False)
        self.assertEqual(done.returncode, 1)


if __name__ == '__main__':
    COMPILER = sys.argv[1:]
    unittest.main(argv=sys.argv[:1])
