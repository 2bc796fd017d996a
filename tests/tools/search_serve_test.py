"""Ask and tell, over pipes: the protocol, and the example that speaks it.

Usage: search_serve_test.py FAKE_SERVER EXAMPLE
"""
# SPDX-License-Identifier: Apache-2.0
import json
import subprocess
import sys
import unittest

SERVER, EXAMPLE = sys.argv.pop(1), sys.argv.pop(1)


class Pipe(unittest.TestCase):

    def setUp(self):
        self.process = subprocess.Popen(
            [SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def tearDown(self):
        self.process.stdin.close()
        self.assertEqual(self.process.wait(timeout=20), 0)
        self.process.stdout.close()

    def ask(self, line):
        self.process.stdin.write(line + b'\n')
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def test_each_answer_comes_before_the_next_question(self):
        space = self.ask(b'{"ask": "space"}')
        self.assertEqual([a['name'] for a in space['space']],
                         ['cores', 'clock_hz', 'memory'])
        self.assertEqual(space['objectives'][1],
                         {'name': 'watts', 'goal': 'minimise'})
        told = self.ask(b'{"id": "a", "point": {"cores": 100, '
                        b'"clock_hz": 1e9, "memory": "lpddr5"}}')
        self.assertEqual(told, {
            'id': 'a', 'status': 'ok', 'measures': {'bound': 'dram'},
            'objectives': {'seconds': 100, 'watts': 11}})

    def test_a_bad_line_is_answered_with_its_number(self):
        self.assertEqual(self.ask(b'\n\n\xff')['line'], 3)
        hot = self.ask(b'{"id": 2, "point": {"cores": 256, "clock_hz": 2e9, '
                       b'"memory": "hbm3"}}')
        self.assertEqual(hot['status'], 'invalid')
        self.assertIn('line 4: cores: too hot', hot['error'])
        self.assertEqual(self.ask(b'{"ask": "space"}')['status'], 'ok')


class Example(unittest.TestCase):

    def run_example(self, *arguments):
        return subprocess.run(
            [sys.executable, EXAMPLE, *arguments], capture_output=True,
            text=True, timeout=60)

    def test_it_finds_both_ends_of_the_front(self):
        done = self.run_example('--points', '600', '--', SERVER)
        self.assertEqual(done.returncode, 0, done.stderr)
        front = [json.loads(line) for line in done.stdout.splitlines()]
        seconds = [f['objectives']['seconds'] for f in front]
        watts = [f['objectives']['watts'] for f in front]
        self.assertEqual(seconds, sorted(seconds))
        self.assertEqual(watts, sorted(watts, reverse=True))
        # The fastest machine takes 1e13 / 3e12 s, the most frugal 1 W.
        self.assertLess(seconds[0], 1.2 * 1e13 / 3e12)
        self.assertLess(watts[-1], 1.1)
        self.assertIn('600 points', done.stderr)

    def test_the_same_seed_gives_the_same_front(self):
        one = self.run_example('--points', '50', '--seed', '3', '--', SERVER)
        two = self.run_example('--points', '50', '--seed', '3', '--', SERVER)
        self.assertEqual(one.stdout, two.stdout)
        self.assertTrue(one.stdout)

    def test_a_server_that_ends_is_said_to_have_ended(self):
        done = self.run_example('--', 'false')
        self.assertNotEqual(done.returncode, 0)
        self.assertIn('ended', done.stderr)


if __name__ == '__main__':
    unittest.main()
