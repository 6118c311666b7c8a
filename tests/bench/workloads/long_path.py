"""One member downloads a large file from one other over 100 ms at 1 Gbit/s, beside a plain copy over the same path.

Both are measured by the same count: bytes of IP packets that have left for the near end.
"""

import subprocess
import sys
import time

from network import DelayedPath
from programs import MIB, clean, random_file
from swarm import NAME, Swarm
from targets import LONG_COPY, LONG_SWARMFS, link_share
from workloads.distance import share_and_see

ROUND_TRIP_MS = 100
LINK_MBIT = 1000
STARTING_SECONDS = 2  # twenty round trips: from here on it runs
SAMPLE_SECONDS = 0.1

# What no program of ours has a part in: one socket with BBR, if there is, and large buffers.
GIVES = """
import socket
SO_SNDBUFFORCE = 32
with socket.socket() as listener:
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, 32 << 20)
    listener.bind(("{address}", {port}))
    listener.listen()
    print("ready", flush=True)
    with listener.accept()[0] as copy:
        try:
            copy.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"bbr")
        except OSError:
            pass
        for _ in range({mib}):
            copy.sendall(bytes(1 << 20))
"""
TAKES = """
import socket
SO_RCVBUFFORCE = 33
with socket.socket() as copy:
    copy.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 32 << 20)
    copy.connect(("{address}", {port}))
    room = bytearray(1 << 20)
    while copy.recv_into(room):
        pass
"""
PORT = 7001


def python_in(space, script, **more):
    return subprocess.Popen(["ip", "netns", "exec", space, sys.executable, "-c", script], text=True, **more)


def watched(path, fetch):
    """Waits for a process. Returns: (seconds since its start, bytes that came since) again and again."""
    start, before = time.monotonic(), path.counts()[1]
    samples = [(0.0, 0)]
    while fetch.poll() is None:
        time.sleep(SAMPLE_SECONDS)  # tidy: sleep because a rate is measured over time
        samples.append((time.monotonic() - start, path.counts()[1] - before))
    if fetch.returncode != 0:
        raise RuntimeError(f"{fetch.args[0]} ended with {fetch.returncode}")
    return samples


def add_shares(figures, name, samples):
    """Of the link's rate: between its start and its last bytes, and altogether."""
    link = LINK_MBIT * 1e6 / 8
    all_bytes = samples[-1][1]
    ended = next(at for at, count in samples if count == all_bytes)
    running = [(at, count) for at, count in samples if at >= STARTING_SECONDS and count <= 0.95 * all_bytes]
    if len(running) < 2:
        raise RuntimeError(f"{name} took {ended:.1f} s: take a larger --long-mib")
    (since, first), (until, last) = running[0], running[-1]
    figures.add(link_share(name), (last - first) / (until - since) / link, "")
    figures.add(f"{name}: share of the link altogether", all_bytes / ended / link, "")


def copy(bench, path):
    words = {"address": path.far_address, "port": PORT, "mib": bench.options.long_mib}
    with python_in(path.far, GIVES.format(**words), stdout=subprocess.PIPE) as giver:
        try:
            giver.stdout.readline()
            with python_in(path.near, TAKES.format(**words)) as taker:
                return watched(path, taker)
        finally:
            giver.kill()


def download(bench, path, work):
    with Swarm(bench.build, work, "giver", "reader", path=path) as swarm:
        name = share_and_see(swarm, random_file(work / "large", bench.options.long_mib * MIB)).name
        words = swarm["reader"].words("download", NAME, name, "-o", work / "out")
        with subprocess.Popen(words, stdout=subprocess.DEVNULL) as fetch:
            return watched(path, fetch)


def run(bench):
    """Each round: a plain copy, then swarmfs, with a swarm that is new and so a connection that is."""
    with DelayedPath(bench.build, bench.work, ROUND_TRIP_MS, "whole") as path:
        path.limit(LINK_MBIT)
        for number in range(bench.rounds):
            add_shares(bench.figures, LONG_COPY, copy(bench, path))
            work = bench.work / str(number)
            work.mkdir()
            add_shares(bench.figures, LONG_SWARMFS, download(bench, path, work))
            clean(work)
