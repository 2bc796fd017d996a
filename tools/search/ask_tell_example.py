#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Drives a study from outside: asks for points, is told their objectives.

Usage: ask_tell_example.py [--points N] [--seed S] -- COMMAND [ARGUMENT ...]

COMMAND is whatever answers the protocol of tools/search/serve.h on its
standard input and output. The search here is the simplest that is better than
chance: half of the points are random, half are a small step from a random
point of the front so far. It prints the front, best first objective first.

With Optuna it is the same loop; `ask` and `tell` are its own names:

    study = optuna.create_study(
        directions=[o['goal'] for o in server.objectives])
    for _ in range(points):
        trial = study.ask()
        point = {}
        for axis in server.space:
            if axis['kind'] == 'choice':
                point[axis['name']] = trial.suggest_categorical(
                    axis['name'], axis['choices'])
            elif axis['kind'] == 'whole':
                point[axis['name']] = trial.suggest_int(
                    axis['name'], axis['low'], axis['high'], log=axis['log'])
            else:
                point[axis['name']] = trial.suggest_float(
                    axis['name'], axis['low'], axis['high'], log=axis['log'])
        values = server.tell_me(point)
        if values is None:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            study.tell(trial, values)
"""
import argparse
import json
import math
import random
import subprocess
import sys


class Server:
    """A command that answers one line with one line."""

    def __init__(self, command):
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        answer = self._ask({'ask': 'space'})
        self.space = answer['space']
        self.objectives = answer['objectives']
        self._asked = 0

    def _ask(self, question):
        try:
            self._process.stdin.write(json.dumps(question) + '\n')
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ''
        if not line:
            sys.exit(f'the server ended with {self._process.wait()}')
        answer = json.loads(line)
        if answer['status'] == 'error':
            sys.exit(f'the server said: {answer["error"]}')
        return answer

    def tell_me(self, point):
        """The objectives of a point in their order, None if it is invalid."""
        self._asked += 1
        answer = self._ask({'id': self._asked, 'point': point})
        assert answer['id'] == self._asked
        if answer['status'] != 'ok':
            return None
        return [answer['objectives'][o['name']] for o in self.objectives]

    def close(self):
        self._process.stdin.close()
        return self._process.wait()


def place(axis, value):
    """Where in [0, 1] of its axis a number is."""
    if axis['low'] == axis['high']:
        return 0.0
    scale = math.log if axis['log'] else float
    low, high = scale(axis['low']), scale(axis['high'])
    return (scale(value) - low) / (high - low)


def at(axis, u):
    u = min(max(u, 0.0), 1.0)
    if axis['log']:
        value = axis['low'] * (axis['high'] / axis['low']) ** u
    else:
        value = axis['low'] + u * (axis['high'] - axis['low'])
    value = min(max(value, axis['low']), axis['high'])
    return round(value) if axis['kind'] == 'whole' else value


def random_point(space, rng):
    return {axis['name']: rng.choice(axis['choices'])
            if axis['kind'] == 'choice' else at(axis, rng.random())
            for axis in space}


def neighbour(space, point, rng):
    near = dict(point)
    axis = rng.choice(space)
    if axis['kind'] == 'choice':
        near[axis['name']] = rng.choice(axis['choices'])
    else:
        step = rng.gauss(0, 0.1)
        near[axis['name']] = at(axis, place(axis, point[axis['name']]) + step)
    return near


def dominates(a, b):
    return a != b and all(x <= y for x, y in zip(a, b))


def search(server, points, rng):
    """The front as [(costs, objectives, point)]."""
    signs = [-1 if o['goal'] == 'maximise' else 1 for o in server.objectives]
    front, invalid = [], 0
    for number in range(points):
        if front and number % 2:
            point = neighbour(server.space, rng.choice(front)[2], rng)
        else:
            point = random_point(server.space, rng)
        values = server.tell_me(point)
        if values is None or any(v is None for v in values):
            invalid += 1
            continue
        costs = [s * v for s, v in zip(signs, values)]
        if any(c == costs or dominates(c, costs) for c, _, _ in front):
            continue
        front = [f for f in front if not dominates(costs, f[0])]
        front.append((costs, values, point))
    return sorted(front, key=lambda entry: entry[0]), invalid


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        usage='%(prog)s [--points N] [--seed S] -- COMMAND [ARGUMENT ...]')
    parser.add_argument('--points', type=int, default=200)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('command', nargs='+')
    options = parser.parse_args()
    server = Server(options.command)
    front, invalid = search(server, options.points,
                            random.Random(options.seed))
    for _, values, point in front:
        named = zip((o['name'] for o in server.objectives), values)
        print(json.dumps({'objectives': dict(named), 'point': point}))
    print(f'{options.points} points, {invalid} invalid, '
          f'{len(front)} on the front', file=sys.stderr)
    return server.close()


if __name__ == '__main__':
    sys.exit(main())
