"""A Slurm of one node, for tests: its own munge key, ports and folder.

Runs as any user, without systemd, beside any other Slurm of the machine. What
it starts ends with it: when the `with` block is left, when this process gets
a signal, and when it is killed.
"""
# SPDX-License-Identifier: Apache-2.0
import ctypes
import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

PROGRAMS = ('munged', 'slurmctld', 'slurmd', 'sbatch', 'squeue', 'scancel',
            'scontrol')
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36

CONF = """\
ClusterName=test
SlurmctldHost=localhost(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
SlurmctldPort={controller_port}
SlurmdPort={node_port}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
# Impatient, as a test must be.
SchedulerParameters=batch_sched_delay=0,sched_interval=1
SlurmdTimeout=4
SlurmctldTimeout=10
KillWait=1
MinJobAge=5
ReturnToService=2
# As many tasks at a time as are asked for, whatever the machine has.
SlurmdParameters=config_overrides
NodeName=localhost NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=all Nodes=localhost Default=YES MaxTime=INFINITE State=UP
"""


def find(program):
    return shutil.which(program, path=os.environ['PATH'] + ':/usr/sbin:/sbin')


def missing_programs():
    return [program for program in PROGRAMS if not find(program)]


def prctl(option, value):
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def free_ports(count):
    sockets = [socket.create_server(('127.0.0.1', 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def wait_for(what, condition, seconds=60):
    """The first true value of `condition`; gives up after a while."""
    until = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > until:
            raise TimeoutError(f'{what}: not within {seconds} s')
        time.sleep(0.02)
    return value


def descendants(root=None):
    """{process id: command line} of all that `root`, by default this process,
    has started."""
    children = {}
    for name in os.listdir('/proc'):
        if not name.isdigit():
            continue
        try:
            with open(f'/proc/{name}/stat', encoding='ascii',
                      errors='replace') as file:
                state, parent = file.read().rpartition(')')[2].split()[:2]
            with open(f'/proc/{name}/cmdline', 'rb') as file:
                line = file.read().replace(b'\0', b' ').decode(
                    errors='replace')
        except OSError:  # ended meanwhile
            continue
        if state != 'Z':
            children.setdefault(int(parent), []).append((int(name), line))
    found, todo = {}, [root or os.getpid()]
    while todo:
        for pid, line in children.get(todo.pop(), []):
            found[pid] = line
            todo.append(pid)
    return found


def kill(pid, number=signal.SIGKILL):
    try:
        os.kill(pid, number)
        return True
    except ProcessLookupError:
        return False


class Cluster:
    """with Cluster(folder) as cluster: ... cluster.environment ..."""

    def __init__(self, folder, cpus=4):
        self.folder = folder
        self.cpus = cpus
        self.environment = dict(os.environ, SLURM_CONF=f'{folder}/slurm.conf')
        self.daemons = {}

    def __enter__(self):
        # Orphans of daemons become children of this process: none gets lost.
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        for number in signal.SIGTERM, signal.SIGHUP:
            signal.signal(number, lambda *_: sys.exit(1))
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, kind, *_):
        if kind:
            self.print_logs()
        self._stop()

    def _start(self):
        for name in 'state', 'spool':
            os.makedirs(f'{self.folder}/{name}', exist_ok=True)
        key = f'{self.folder}/munge.key'
        with open(os.open(key, os.O_CREAT | os.O_WRONLY, 0o600), 'wb') as file:
            file.write(os.urandom(128))
        controller_port, node_port = free_ports(2)
        with open(f'{self.folder}/slurm.conf', 'w', encoding='utf-8') as file:
            file.write(CONF.format(user=getpass.getuser(), folder=self.folder,
                                   controller_port=controller_port,
                                   node_port=node_port, cpus=self.cpus))
        # Newer Slurms look for cgroups even where nothing uses them.
        version = self.output('sbatch', '--version').split()[-1]
        if int(version.split('.')[0]) >= 23:
            with open(f'{self.folder}/cgroup.conf', 'w',
                      encoding='utf-8') as file:
                file.write('CgroupPlugin=disabled\n')
        munge = f'{self.folder}/munge'
        self._daemon('munged', '--foreground', '--force',
                     f'--socket={munge}.socket', f'--key-file={key}',
                     f'--pid-file={munge}.pid', f'--log-file={munge}.log',
                     f'--seed-file={munge}.seed', '--num-threads=2')
        wait_for('munge', lambda: os.path.exists(f'{munge}.socket'))
        self._daemon('slurmctld', '-D')
        self.start_node()

    def _daemon(self, program, *arguments):
        with open(f'{self.folder}/{program}.out', 'ab') as out:
            self.daemons[program] = subprocess.Popen(
                [find(program), *arguments], stdin=subprocess.DEVNULL,
                stdout=out, stderr=out, env=self.environment,
                start_new_session=True,
                preexec_fn=lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL))

    def output(self, *command):
        return subprocess.run(
            [find(command[0]), *command[1:]], env=self.environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            check=False).stdout

    def node_state(self):
        words = self.output('scontrol', 'show', 'node', 'localhost').split()
        return next((w[6:] for w in words if w.startswith('State=')), '')

    def start_node(self):
        self._daemon('slurmd', '-D', '-N', 'localhost')
        wait_for('a node that takes jobs', lambda: self.node_state() in
                 ('IDLE', 'MIXED', 'ALLOCATED'))

    def kill_node(self):
        """As if the machine had lost its power: the daemon, and its tasks."""
        daemon = self.daemons.pop('slurmd')
        kill(daemon.pid, signal.SIGSTOP)
        while True:
            # Step daemons are orphans; each has its task below it.
            roots = [pid for pid, line in descendants().items()
                     if 'slurmstepd' in line.split(' ')[0]]
            if daemon.poll() is None:
                roots.append(daemon.pid)
            if not roots:
                return
            for pid in roots + [p for r in roots for p in descendants(r)]:
                kill(pid)
            time.sleep(0.05)

    def print_logs(self):
        for name in sorted(os.listdir(self.folder)):
            if name.endswith(('.log', '.out')):
                with open(f'{self.folder}/{name}', encoding='utf-8',
                          errors='replace') as file:
                    print(f'---- {name}', *file.readlines()[-40:],
                          sep='\n', file=sys.stderr)

    def _stop(self):
        for process in self.daemons.values():
            process.terminate()
        until = time.monotonic() + 5
        while descendants() and time.monotonic() < until:
            self._reap()
            time.sleep(0.05)
        while left := descendants():
            for pid in left:
                kill(pid)
            self._reap()
            time.sleep(0.05)

    @staticmethod
    def _reap():
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass
