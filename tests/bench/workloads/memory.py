"""What a node holds itself while it fetches a file much larger than that, and while very many are open and read."""

import os
import random

from accounts import PeakMemory
from programs import MIB, read_through
from swarm import Swarm
from targets import BIG_PEAK, OPEN_PEAK, PEAK
from workloads.distance import sparse_file


def run(bench):
    size = bench.options.big_mib * MIB
    with Swarm(bench.build, bench.work, "giver", "reader") as swarm:
        path = sparse_file(bench.work / "big", size, seed=1)
        swarm["giver"].share(path)
        there = swarm["reader"].sees(path.name)
        reader, giver = PeakMemory(swarm["reader"].pid), PeakMemory(swarm["giver"].pid)
        bench.figures.add("cold read of a big file", size / MIB / read_through(there), "MiB/s")
        bench.figures.add(BIG_PEAK, reader.stop(), "MiB")
        bench.figures.add(f"{PEAK}serving a big file", giver.stop(), "MiB")


OPEN_FILES, OPEN_BYTES, OPEN_STEP = 1000, MIB, 64 * 1024


def run_open(bench):
    """A thousand descriptors at once, whose files are read a piece of each at a time, cold, at another member."""
    tree = bench.work / "tree"
    tree.mkdir()
    dice = random.Random(1)
    for number in range(OPEN_FILES):
        (tree / f"file{number:04d}").write_bytes(dice.randbytes(OPEN_BYTES))
    with Swarm(bench.build, bench.work, "giver", "reader") as swarm:
        swarm["giver"].share(tree)
        there = swarm["reader"].sees(tree.name)
        swarm["reader"].sees(f"tree/file{OPEN_FILES - 1:04d}")
        reader, giver = PeakMemory(swarm["reader"].pid), PeakMemory(swarm["giver"].pid)
        opened = [os.open(there / f"file{number:04d}", os.O_RDONLY) for number in range(OPEN_FILES)]
        got = 0
        for at in range(0, OPEN_BYTES, OPEN_STEP):
            got += sum(len(os.pread(one, OPEN_STEP, at)) for one in opened)
        peak = reader.stop()
        for one in opened:
            os.close(one)
        if got != OPEN_FILES * OPEN_BYTES:
            raise RuntimeError(f"{got} bytes were read instead of {OPEN_FILES * OPEN_BYTES}")
        bench.figures.add(OPEN_PEAK, peak, "MiB")
        bench.figures.add(f"{PEAK}serving a thousand open files", giver.stop(), "MiB")
