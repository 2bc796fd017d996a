"""A sweep over hosts with GNU parallel, as tools/slurm/README.md says.

Usage: slurm_parallel_test.py TRIPTYCH

Twice: on this machine alone, and with every other task over ssh to a server
of our own on a loopback port. In both a shard fails the first time, and
--resume-failed does it again. Exits with 77 (skipped), saying why, where GNU
parallel is not installed.
"""
# SPDX-License-Identifier: Apache-2.0
import filecmp
import getpass
import os
import shutil
import subprocess
import sys
import tempfile

import slurm_cluster
from slurm_cluster import wait_for

SHARDS = 6
STUDY = """\
name = "hosts"
model = "llama-3.2-1b"
targets = ["mesh"]
phase = "decode"
batch = [1, 4, 16]
context = 1024
[axes]
"dram.gb_per_s" = { low = 100, high = 1000, steps = 10 }
"""
SSHD = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/user_key.pub
PidFile none
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
"""
SSH = """\
Host other
  HostName 127.0.0.1
  Port {port}
  User {user}
  IdentityFile {folder}/user_key
  UserKnownHostsFile {folder}/known
  StrictHostKeyChecking no
  LogLevel ERROR
"""
SEPARATION = '/run/sshd'  # where sshd locks itself in; made at boot


class SshServer:
    """Reached as "other" with .ssh. Also when it fails, what it started and
    made is gone afterwards."""

    def __init__(self, folder):
        self.folder = folder
        self.port, = slurm_cluster.free_ports(1)
        self.process = None
        self.made = False
        self.ssh = f'ssh -F {folder}/ssh_config'

    def __enter__(self):
        for key in 'host_key', 'user_key':
            subprocess.run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '',
                            '-f', f'{self.folder}/{key}'], check=True)
        with open(f'{self.folder}/sshd_config', 'w',
                  encoding='utf-8') as file:
            file.write(SSHD.format(port=self.port, folder=self.folder))
        with open(f'{self.folder}/ssh_config', 'w', encoding='utf-8') as file:
            file.write(SSH.format(port=self.port, folder=self.folder,
                                  user=getpass.getuser()))
        if os.geteuid() == 0 and not os.path.exists(SEPARATION):
            os.mkdir(SEPARATION, 0o755)
            self.made = True
        self.process = subprocess.Popen(
            [slurm_cluster.find('sshd'), '-D', '-e', '-f',
             f'{self.folder}/sshd_config'],
            stderr=subprocess.DEVNULL)
        try:
            wait_for('sshd', self.answers, 20)
        except BaseException:
            self.__exit__()
            raise
        return self

    def answers(self):
        return subprocess.run(self.ssh.split() + ['other', 'true'],
                              check=False, stdin=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode == 0

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        if self.made:
            os.rmdir(SEPARATION)


def parallel(triptych, folder, name, extra):
    """One go over all shards, each into <name>.db.shard-<i>."""
    worker = f'{folder}/worker'  # stands where users write `triptych`
    return subprocess.run(
        ['parallel', '--jobs', '2', '--joblog', f'{folder}/{name}.joblog',
         '--workdir', folder, *extra,
         f'{worker} {triptych} sweep study.toml --db {name}.db.shard-{{}} '
         f'--shard {{}}/{SHARDS}',
         ':::', *map(str, range(SHARDS))],
        check=False, stdout=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL).returncode


def over_hosts(triptych, folder, name, *hosts):
    # Shard 3 is killed as long as this file is there.
    open(f'{folder}/accident', 'w', encoding='utf-8').close()
    assert parallel(triptych, folder, name, hosts) == 1  # shard that failed
    os.remove(f'{folder}/accident')
    assert not os.path.exists(f'{folder}/{name}.db.shard-3')
    before = os.stat(f'{folder}/{name}.db.shard-2').st_mtime_ns
    assert parallel(triptych, folder, name, [*hosts, '--resume-failed']) == 0
    assert os.stat(f'{folder}/{name}.db.shard-2').st_mtime_ns == before
    merge = [triptych, 'sweep', 'merge', f'{folder}/{name}.db']
    merge += [f'{folder}/{name}.db.shard-{i}' for i in range(SHARDS)]
    subprocess.run(merge, check=True, stdout=subprocess.DEVNULL)
    assert filecmp.cmp(f'{folder}/local.db', f'{folder}/{name}.db',
                       shallow=False), 'the merged file differs'
    with open(f'{folder}/{name}.joblog', encoding='utf-8') as file:
        used = {line.split('\t')[1] for line in file.readlines()[1:]}
    assert used == set(hosts[-1].split(',')), used
    print(f'passed: {name}')


def main():
    triptych = os.path.abspath(sys.argv[1])
    if not shutil.which('parallel'):
        print('skipped: GNU parallel is not installed (tools/setup --slow)')
        return 77
    folder = tempfile.mkdtemp(prefix='hosts')
    try:
        with open(f'{folder}/study.toml', 'w', encoding='utf-8') as file:
            file.write(STUDY)
        with open(f'{folder}/worker', 'w', encoding='utf-8') as file:
            file.write('#!/bin/sh\ncase "$*" in *--shard\\ 3/*)\n'
                       f'test -e {folder}/accident && kill -9 $$;; esac\n'
                       'exec "$@"\n')
        os.chmod(f'{folder}/worker', 0o755)
        subprocess.run([triptych, 'sweep', 'study.toml', '--db', 'local.db'],
                       cwd=folder, check=True, stdout=subprocess.DEVNULL)
        over_hosts(triptych, folder, 'localhost', '--sshlogin', ':')
        if slurm_cluster.find('sshd') and shutil.which('ssh'):
            with SshServer(folder) as server:
                over_hosts(triptych, folder, 'ssh', '--ssh', server.ssh,
                           '--sshlogin', ':,other')
        else:
            print('skipped: over ssh: no sshd here (openssh-server)')
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == '__main__':
    sys.exit(main())
