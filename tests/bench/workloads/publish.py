"""Publishing one file in place: hashed, put into a tree, signed and announced; beside hashing alone with OpenSSL."""

import json
import subprocess
import time

from programs import MIB, random_file
from swarm import Swarm
from targets import PUBLISH, STREAMS


def publish(bench, swarm, path):
    start = time.perf_counter()
    swarm["giver"].share(path)
    bench.figures.add(PUBLISH, bench.size / MIB / (time.perf_counter() - start), "MiB/s")


def streams(bench, _, path):
    said = subprocess.run([bench.build / "tests/bench/bench_primitives", "streams", path], check=True,
                          stdout=subprocess.PIPE).stdout
    bench.figures.add(STREAMS, bench.size / MIB / json.loads(said)["seconds"], "MiB/s")


def run(bench):
    with Swarm(bench.build, bench.work, "giver", "reader") as swarm:
        for number in range(bench.rounds):
            path = random_file(bench.work / f"file{number}", bench.size)
            for measure in (publish, streams) if number % 2 == 0 else (streams, publish):
                measure(bench, swarm, path)
            path.unlink()
