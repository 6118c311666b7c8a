"""What a node holds itself while it fetches a file much larger than that."""

from accounts import PeakMemory
from programs import MIB, read_through
from swarm import Swarm
from targets import BIG_PEAK, PEAK
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
