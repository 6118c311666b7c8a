"""The first bytes of a cold file, and random ones, over a path of 50 ms: in round trips, and in bytes on the wire."""

import os
import random
import time

from network import DelayedPath
from programs import MIB, random_file
from swarm import Swarm
from targets import FIRST, FIRST_IDLE, RANDOM, trips, wire

ROUND_TRIP_MS = 50
READ_BYTES = 4096
LEAF_BYTES = 16 * 1024
IDLE_SECONDS = 10
RANDOM_READS = 24  # a round
WRITTEN_EVERY = 64 * MIB


def sparse_file(path, size, seed):
    """Mostly holes, with random bytes every 64 MiB, so that no two files are the same content."""
    dice = random.Random(seed)
    with open(path, "wb") as out:
        for at in range(0, size, WRITTEN_EVERY):
            out.seek(at)
            out.write(dice.randbytes(4 * LEAF_BYTES))
        out.truncate(size)
    return path


def timed_pread(path, offset):
    """Seconds to open a file and to have 4 KiB of it."""
    start = time.perf_counter()
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if not os.pread(descriptor, READ_BYTES, offset):
            raise RuntimeError(f"{path} has nothing at {offset}")
        return time.perf_counter() - start
    finally:
        os.close(descriptor)


class Distant:
    """A reader far from a giver, and one measured read after the other."""

    def __init__(self, bench, swarm, path):
        self.bench, self.swarm, self.path = bench, swarm, path
        self.round_trip = path.round_trip_seconds()
        bench.figures.add("round trip of the path", self.round_trip * 1e3, "ms")

    def measured_read(self, name, file, offset):
        before = self.path.quiet()
        seconds = timed_pread(file, offset)
        self.bench.figures.add(trips(name), seconds / self.round_trip, "")
        self.bench.figures.add(wire(name), (self.path.quiet() - before) / 1024, "KiB")


def run_first(bench):
    """Files that nobody has read, one for each measured read."""
    size = bench.options.big_mib * MIB
    with DelayedPath(bench.build, bench.work, ROUND_TRIP_MS) as path, \
            Swarm(bench.build, bench.work, "giver", "reader", path=path) as swarm:
        small = share_and_see(swarm, random_file(bench.work / "warming", MIB))
        distant = Distant(bench, swarm, path)
        for number in range(bench.rounds):
            for name, idle in ((FIRST, 0), (FIRST_IDLE, IDLE_SECONDS)):
                big = share_and_see(swarm, sparse_file(bench.work / f"big{number}-{idle}", size, f"{number}-{idle}"))
                timed_pread(small, 2 * number * LEAF_BYTES + (4 * bench.rounds * LEAF_BYTES if idle else 0))
                time.sleep(idle)  # tidy: sleep because idleness is what is measured
                distant.measured_read(name, big, 0)


def run_random(bench):
    """One program that waits for each read before it asks for the next, anywhere in one cold file."""
    with DelayedPath(bench.build, bench.work, ROUND_TRIP_MS) as path, \
            Swarm(bench.build, bench.work, "giver", "reader", path=path) as swarm:
        file = share_and_see(swarm, random_file(bench.work / "random", bench.size))
        distant = Distant(bench, swarm, path)
        dice = random.Random(1)
        leaves = dice.sample(range(1, bench.size // LEAF_BYTES), RANDOM_READS * bench.rounds)
        for leaf in leaves:
            distant.measured_read(RANDOM, file, leaf * LEAF_BYTES + READ_BYTES * dice.randrange(4))


def share_and_see(swarm, path):
    swarm["giver"].share(path)
    there = swarm["reader"].sees(path.name)
    swarm["reader"].is_connected()
    return there
