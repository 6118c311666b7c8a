"""A film is watched while the same members give a large file: who watches must not notice, who fills must not starve."""

import os
import random
import subprocess
import time

from figures import percentile
from network import DelayedPath
from programs import MIB, wait_until
from swarm import NAME, Swarm
from targets import FILL, VIDEO_P99, VIDEO_SEEK
from workloads.distance import ROUND_TRIP_MS, share_and_see, sparse_file

BYTES_A_SECOND = 1_000_000  # 8 Mbit/s
READ_BYTES = 16 * 1024
SEEK_SECONDS = 10
FILM_BYTES = 1024 * MIB
# Of a path's rate, what the payload can have beside TCP's and IP's headers in packets of 1,500 bytes.
PAYLOAD_SHARE = 1448 / 1500
FILL_RUNNING_BYTES = 16 * MIB  # from here on it is past its start


class Watched:
    """Reads at the pace of a film; each read is due at its time, and late ones are caught up with."""

    def __init__(self, descriptor, size, seconds):
        self.descriptor, self.size, self.until = descriptor, size, seconds
        self.took, self.after_seek = [], []

    def watch(self):
        dice, at, start, seek_due = random.Random(2), 0, time.monotonic(), SEEK_SECONDS
        count, sought = 0, True
        while (now := time.monotonic() - start) < self.until:
            due = count * READ_BYTES / BYTES_A_SECOND
            time.sleep(max(0.0, due - now))  # tidy: sleep because a film is read at its own pace
            begin = time.perf_counter()
            os.pread(self.descriptor, READ_BYTES, at)
            took = time.perf_counter() - begin
            self.took.append(took)
            if sought:
                self.after_seek.append(took)
            at, sought, count = at + READ_BYTES, False, count + 1
            if now > seek_due or at + READ_BYTES > self.size:
                at = dice.randrange(self.size // READ_BYTES - 1) * READ_BYTES
                sought, seek_due = True, seek_due + SEEK_SECONDS
        return time.monotonic() - start


def run(bench):
    options = bench.options
    rate = options.path_mbit * 1e6 / 8
    with DelayedPath(bench.build, bench.work, ROUND_TRIP_MS) as path, \
            Swarm(bench.build, bench.work, "giver", "reader", path=path) as swarm:
        round_trip = path.round_trip_seconds()
        path.limit(options.path_mbit)
        for number in range(bench.rounds):
            film = share_and_see(swarm, sparse_file(bench.work / f"film{number}", FILM_BYTES, f"film{number}"))
            name = sparse_file(bench.work / f"fill{number}", options.fill_mib * MIB, f"fill{number}").name
            share_and_see(swarm, bench.work / name)
            one_round(bench, swarm["reader"], film, name, rate, round_trip)


def one_round(bench, reader, film, name, rate, round_trip):
    out = bench.work / f"out-{name}"
    fill = subprocess.Popen(reader.words("download", NAME, name, "-o", out), stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)
    descriptor = os.open(film, os.O_RDONLY)
    try:
        wait_until(lambda: reader.stored(name) > FILL_RUNNING_BYTES, 120, "the fill is under way")
        film_before, fill_before = reader.stored(film.name), reader.stored(name)
        watched = Watched(descriptor, film.stat().st_size, bench.options.video_seconds)
        seconds = watched.watch()
        film_bytes, fill_bytes = reader.stored(film.name) - film_before, reader.stored(name) - fill_before
        if fill.poll() is not None:
            bench.figures.missing(FILL, "the fill ended before the film: take a larger --fill-mib")
            return
        bound = 2 * round_trip + READ_BYTES / rate
        figures = bench.figures
        figures.add("video: p99 of a read", percentile(watched.took, 0.99) * 1e3, "ms")
        figures.add("video: median of a read", percentile(watched.took, 0.5) * 1e3, "ms")
        figures.add("video: slowest first read after a seek", max(watched.after_seek) * 1e3, "ms")
        figures.add(VIDEO_SEEK, max(watched.after_seek) / bound, "")
        figures.add(VIDEO_P99, percentile(watched.took, 0.99) / bound, "")
        figures.add("video: fetched ahead / watched", film_bytes / (len(watched.took) * READ_BYTES), "")
        figures.add("fill: rate", fill_bytes / seconds / MIB, "MiB/s")
        figures.add(FILL, fill_bytes / (rate * PAYLOAD_SHARE * seconds - film_bytes), "")
    finally:
        os.close(descriptor)
        fill.terminate()
        fill.wait()
