# SPDX-License-Identifier: Apache-2.0
"""Hardware in the loop as scripts see it: a server and the example peer, each
in a process of its own, and what is left of a run whose peer dies.

Usage: hil_test.py TRIPTYCH. Runs in the source root. Prints one line a case
and 'N passed, N failed'; exits 1 if any failed.
"""
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading

sys.path.append("tests")  # as it runs in the source root
import cases

TRIPTYCH = sys.argv[1]
RUN = ["run", "-t", "optical", "-p", "Once", "-n", "3", "--threads", "1"]


def run(*arguments):
    return subprocess.run([TRIPTYCH, *arguments], capture_output=True,
                          text=True, timeout=300)


def tokens(*arguments):
    done = run(*RUN, *arguments, "--json", "-")
    assert done.returncode == 0, done.stderr
    row = json.loads(done.stdout)["results"][0]
    return row["tokens"], row["kl_nats_per_token"]


@contextlib.contextmanager
def peer(*command):
    """A process, once it says that it listens; ends with the block."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            line = child.stdout.readline()
            assert line.startswith("listening"), line
            yield child, line.split()[-1]
        finally:
            child.terminate()
            child.wait(timeout=60)


def served_converters_give_the_run_of_fast():
    fast = tokens()
    with tempfile.TemporaryDirectory() as folder:
        for listen in f"unix:{folder}/core", "tcp:127.0.0.1:0":
            with peer(TRIPTYCH, "hil", "serve", "--listen", listen,
                      "--model") as (_, address):
                assert tokens("--set", f"periphery=socket:{address}") == fast


def once_ends_with_its_host():
    with tempfile.TemporaryDirectory() as folder:
        with peer(TRIPTYCH, "hil", "serve", "--listen", f"unix:{folder}/core",
                  "--rtl", "slices:0", "--once") as (child, address):
            tokens("--set", f"periphery=socket:{address}")
            assert child.wait(timeout=60) == 0
            assert "1 hosts" in child.stdout.read()


def the_example_peer_is_an_ideal_board():
    # Elements that are off by less than a level: ideal ones.
    ideal = ["--set", "dac.unit_sigma=1e-9", "--set", "adc.unit_sigma=1e-9"]
    fast = tokens(*ideal)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "board")
        with peer(sys.executable, "tools/hil/peer.py", path) as (child, _):
            assert tokens(*ideal, "--set",
                          f"periphery=socket:unix:{path}") == fast
            assert child.wait(timeout=60) == 0


def break_after(there, here, count, listening):
    """Carries bytes between a host and a server, `count` pieces and no more."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(here)
        listener.listen()
        listening.set()
        host = listener.accept()[0]
        server = socket.socket(socket.AF_UNIX)
        server.connect(there)
        with host, server:
            for _ in range(count):
                server.sendall(host.recv(1 << 16))
                host.sendall(server.recv(1 << 16))


def a_peer_that_dies_leaves_what_was_computed():
    fast, _ = tokens()
    with tempfile.TemporaryDirectory() as folder:
        there, here = (os.path.join(folder, name) for name in ("there", "here"))
        with peer(TRIPTYCH, "hil", "serve", "--listen", f"unix:{there}",
                  "--model"):
            out = os.path.join(folder, "out.json")
            # A count that leaves the peer alive for the prompt and a token.
            for count, generated in (10, 0), (3000, 1):
                listening = threading.Event()
                line = threading.Thread(
                    target=break_after, args=(there, here, count, listening))
                line.start()
                assert listening.wait(60)
                done = run(*RUN[:-4], "-n", "60", "--threads", "1", "--set",
                           f"periphery=socket:unix:{here}", "--json", out)
                line.join(timeout=60)
                os.remove(here)
                assert done.returncode == 2, done.returncode
                for part in "node", f"unix:{here}", "the peer is gone":
                    assert part in done.stderr, done.stderr
                if generated == 0:
                    assert not os.path.exists(out)
                    continue
                with open(out, encoding="utf-8") as file:
                    row = json.load(file)["results"][0]
                assert "the peer is gone" in row["interrupted"]
                kept = row["tokens"]
                assert kept[:len(fast)] == fast[:len(kept)], kept
                assert row["text"].startswith("Once")
                assert row["text"] in done.stdout.replace("\n  ", " ")


def nobody_there_is_said():
    done = run(*RUN, "--set", "periphery=socket:unix:/nonexistent/core")
    assert done.returncode == 2
    assert "cannot connect" in done.stderr, done.stderr
    done = run("hil", "serve", "--listen", "nowhere")
    assert done.returncode == 2
    assert "--listen" in done.stderr and "allowed" in done.stderr, done.stderr


CASES = [
    served_converters_give_the_run_of_fast,
    once_ends_with_its_host,
    the_example_peer_is_an_ideal_board,
    a_peer_that_dies_leaves_what_was_computed,
    nobody_there_is_said,
]

sys.exit(cases.run(CASES))
