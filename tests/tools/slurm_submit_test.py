"""A sweep as a job array on a real Slurm, with accidents.

Usage: slurm_submit_test.py TRIPTYCH

A task is killed, the node loses its power half-way, and the command that
follows is interrupted; the merged database must equal, byte for byte, what
one process makes of the study. Exits with 77 (skipped), saying why, where
Slurm is not installed.
"""
# SPDX-License-Identifier: Apache-2.0
import filecmp
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

import slurm_cluster
from slurm_cluster import wait_for

TASKS = 16
STUDY = """\
name = "array"
model = "llama-3.1-8b"
targets = ["mesh"]
phase = "decode"
batch = [1, 4, 16, 32]
context = [512, 2048, 8192]
[axes]
"clock_hz" = { low = 0.8e9, high = 2e9, steps = 8 }
"dram.gb_per_s" = { low = 200, high = 2000, steps = 12, log = true }
"l1.bytes" = [1048576, 1572864, 2097152, 3145728]
[objectives]
maximise = ["tokens_per_s_per_user"]
minimise = ["joules_per_token"]
"""


class Sweep:
    """The commands of one study in one folder."""

    def __init__(self, triptych, folder, environment):
        self.triptych, self.folder = triptych, folder
        self.environment = environment
        self.study = os.path.join(folder, 'study.toml')
        self.database = os.path.join(folder, 'array.db')
        with open(self.study, 'w', encoding='utf-8') as file:
            file.write(STUDY)

    def submit(self, *extra):
        return subprocess.Popen(
            [self.triptych, 'sweep', 'submit', self.study, '--slurm',
             '--db', self.database, '--tasks', str(TASKS), '--poll', '0.2',
             *extra],
            env=self.environment, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)

    def run_locally(self, database):
        subprocess.run([self.triptych, 'sweep', self.study, '--db', database],
                       check=True, stdout=subprocess.DEVNULL)


def workers():
    """{process id: shard} of the tasks that run now."""
    found = {}
    for pid, line in slurm_cluster.descendants().items():
        match = re.search(rf' --shard (\d+)/{TASKS} ', line + ' ')
        if match and ' sweep ' in line and 'slurm_script' not in line:
            found[pid] = int(match.group(1))
    return found


def queued(cluster):
    return cluster.output('squeue', '--array', '--noheader').splitlines()


def finish(process, what, status=0):
    out, errors = process.communicate(timeout=300)
    print(f'---- {what}', out, errors, sep='\n')
    assert process.returncode == status, process.returncode
    return out, errors


def interrupted_submission_leaves_the_jobs(cluster, sweep):
    process = sweep.submit('--wait')
    wait_for('a queue', lambda: queued(cluster))
    process.send_signal(signal.SIGINT)
    _, errors = finish(process, 'interrupted', -signal.SIGINT)
    assert 'same command' in errors, errors
    assert queued(cluster), 'the jobs are gone'


def accidents(cluster, process):
    """Kills one task, then the node; which shards that hit."""
    pid, shard = next(iter(wait_for('a task', workers).items()))
    killed = slurm_cluster.kill(pid)
    wait_for('its end', lambda: pid not in workers())
    seen = {shard}

    def half_way():
        seen.update(workers().values())
        assert process.poll() is None, 'done before the node was lost'
        return len(seen) > TASKS // 2 and workers()

    lost = set(wait_for('half of the tasks', half_way).values())
    cluster.kill_node()
    wait_for('Slurm to notice', lambda: 'DOWN' in cluster.node_state())
    cluster.start_node()
    print(f'killed: task {shard} ({killed}); with the node: {sorted(lost)}')
    return lost


def main():
    triptych = os.path.abspath(sys.argv[1])
    if missing := slurm_cluster.missing_programs():
        print('skipped: not installed:', ', '.join(missing),
              '(tools/setup --slow installs slurm-wlm and munge)')
        return 77
    folder = tempfile.mkdtemp(prefix='slurm')
    try:
        with slurm_cluster.Cluster(folder) as cluster:
            sweep = Sweep(triptych, folder, cluster.environment)
            interrupted_submission_leaves_the_jobs(cluster, sweep)
            process = sweep.submit('--wait', '--json', f'{folder}/array.json')
            assert accidents(cluster, process)
            finish(process, 'followed to the end')
            assert not queued(cluster)
            with open(f'{folder}/array.json', encoding='utf-8') as file:
                result = json.load(file)['results'][0]
            assert result['complete'] == result['tasks'] == TASKS, result
            # The array is the first call's; what was lost is this one's.
            lost = result['submitted'] + result['resubmitted']
            assert 1 <= lost < TASKS, result
            sweep.run_locally(f'{folder}/local.db')
            assert filecmp.cmp(f'{folder}/local.db', sweep.database,
                               shallow=False), 'the merged file differs'
            again, _ = finish(sweep.submit(), 'nothing left to do')
            assert 'submitted' not in again, again
        assert not slurm_cluster.descendants(), slurm_cluster.descendants()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print('passed: 16 tasks, one killed, a node lost: equal to one process')
    return 0


if __name__ == '__main__':
    sys.exit(main())
