"""Measures swarmfs beside its peers on the same data in the same run, and prints ratios.

Run through tools/dev/bench. Every figure is the median of alternating rounds, with min and max.
"""

import argparse
import json
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

import swarm
from swarm import Node, PeakMemory, Tracker, cpu_seconds, drop_caches, random_file, read_through

MIB = 1 << 20
PEER = pathlib.Path(__file__).with_name("libtorrent_peer.py")
PEAK = "peak RssAnon + RssShmem, "  # how these figures' names begin


class Figures:
    """Samples by name, and what is said of them at the end."""

    def __init__(self):
        self.samples = {}
        self.not_measured = {}

    def missing(self, name, why):
        """Said at the end, so that nobody takes a figure that is left out for one that was not asked for."""
        self.not_measured[name] = why

    def add(self, name, value, unit):
        self.samples.setdefault(name, (unit, []))[1].append(value)

    def median(self, name):
        return statistics.median(self.samples[name][1]) if name in self.samples else None

    def print(self):
        print(f"\n{'figure':<44} {'median':>10} {'min':>10} {'max':>10}  unit")
        for name, (unit, values) in self.samples.items():
            print(f"{name:<44} {statistics.median(values):>10.3f} {min(values):>10.3f} "
                  f"{max(values):>10.3f}  {unit}")


def openssl_speed(algorithm):
    """GB/s of one core at 16 KiB blocks, as OpenSSL itself measures it."""
    out = subprocess.run(["openssl", "speed", "-elapsed", "-seconds", "1", "-bytes", "16384",
                          "-evp", algorithm], capture_output=True, text=True).stdout
    found = re.findall(r"([\d.]+)k\s*$", out, re.M)
    return float(found[-1]) * 1000 / 1e9 if found else None


class LibtorrentSeed:
    def __init__(self, path):
        self.process = subprocess.Popen(["/usr/bin/python3", PEER, "seed", path], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        hello = json.loads(self.process.stdout.readline())
        self.port, self.hash_seconds = hello["port"], hello["hash_seconds"]
        self.peak = PeakMemory(self.process.pid)

    def stop(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        said = json.loads(self.process.stdout.readline())
        said["peak_kib"] = self.peak.stop()
        self.process.wait()
        return said


def libtorrent_fetch(torrent, into, port):
    into.mkdir()
    process = subprocess.Popen(["/usr/bin/python3", PEER, "fetch", torrent, into, str(port)],
                               text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    json.loads(process.stdout.readline())
    peak = PeakMemory(process.pid)
    process.stdin.write("\n")
    process.stdin.flush()
    said = json.loads(process.stdout.readline())
    said["peak_kib"] = peak.stop()
    process.wait()
    return said


def bench_reads(build, work, rounds, size, figures, have_libtorrent):
    """Cold sequential read through the mount beside libtorrent to disk; warm beside local."""
    source = work / "source"
    source.mkdir()
    tracker = Tracker(build, work)
    giver, reader = Node(build, work, "giver"), Node(build, work, "reader")
    try:
        giver.run("create", "bench", "--tracker", tracker.url)
        reader.run("join", giver.run("invite", "bench").strip().splitlines()[-1])
        reader.mount("bench", work / "mount")
        peaks = {"giver": PeakMemory(giver.pid), "reader": PeakMemory(reader.pid),
                 "tracker": PeakMemory(tracker.process.pid)}
        for number in range(rounds):
            name = f"file{number}"
            random_file(source / name, size)
            sha_start = time.perf_counter()
            subprocess.run(["openssl", "dgst", "-sha256", source / name], check=True,
                           stdout=subprocess.DEVNULL)
            sha_seconds = time.perf_counter() - sha_start
            start = time.perf_counter()
            giver.run("share", "bench", str(source / name), "--once")
            figures.add("publish in place", size / MIB / (time.perf_counter() - start), "MiB/s")
            figures.add("openssl dgst -sha256 of the file", size / MIB / sha_seconds, "MiB/s")
            there = work / "mount" / name
            swarm.wait_until(there.exists, 20, f"{name} appears in the mount")

            before = cpu_seconds(giver.pid), cpu_seconds(reader.pid)
            cold = read_through(there)
            figures.add("cold read through the mount", size / MIB / cold, "MiB/s")
            gib = size / 2**30
            figures.add("CPU, serving", (cpu_seconds(giver.pid) - before[0]) / gib, "s/GiB")
            figures.add("CPU, fetching", (cpu_seconds(reader.pid) - before[1]) / gib, "s/GiB")
            if have_libtorrent:
                seed = LibtorrentSeed(str(source / name))
                said = libtorrent_fetch(str(source / name) + ".torrent", work / f"lt{number}",
                                        seed.port)
                figures.add("libtorrent v2, to disk", size / MIB / said["seconds"], "MiB/s")
                figures.add("CPU, libtorrent fetching", said["cpu_seconds"] / gib, "s/GiB")
                figures.add(PEAK + "libtorrent fetching", said["peak_kib"] / 1024, "MiB")
                said = seed.stop()
                figures.add("CPU, libtorrent seeding", said["cpu_seconds"] / gib, "s/GiB")
                figures.add(PEAK + "libtorrent seeding", said["peak_kib"] / 1024, "MiB")
            read_through(there)
            figures.add("warm re-read through the mount", size / MIB / read_through(there), "MiB/s")
            read_through(source / name)
            figures.add("warm re-read of the local file",
                        size / MIB / read_through(source / name), "MiB/s")
            subprocess.run(["cmp", there, source / name], check=True)
            swarm.clean(work / f"lt{number}")
        for who, peak in peaks.items():
            figures.add(PEAK + who, peak.stop() / 1024, "MiB")
    finally:
        reader.stop()
        giver.stop()
        tracker.stop()


def count_files(directory):
    out = subprocess.run(["find", directory, "-type", "f", "-size", "+0"], check=True,
                         stdout=subprocess.PIPE).stdout
    return out.count(b"\n")


def timed_find(directory, expected):
    start = time.perf_counter()
    found = count_files(directory)
    took = time.perf_counter() - start
    if found != expected:
        raise RuntimeError(f"find saw {found} files instead of {expected} in {directory}")
    return took


def bench_find(build, work, rounds, files, figures):
    tree = work / "tree"
    for number in range(files):
        folder = tree / f"d{number // 100:04d}"
        if number % 100 == 0:
            folder.mkdir(parents=True)
        (folder / f"f{number:05d}").write_bytes(b"%d\n" % number)
    node = Node(build, work, "lister")
    try:
        peak = PeakMemory(node.pid)
        node.run("create", "bench", "--tracker", "none")
        start = time.perf_counter()
        node.run("share", "bench", str(tree), "--once", "--to", "tree")
        figures.add("publish small files", files / (time.perf_counter() - start), "files/s")
        for number in range(rounds):
            point = work / f"find{number}"
            node.mount("bench", point)
            figures.add(f"find, {files} files, fresh mount", timed_find(point, files), "s")
            figures.add(f"find, {files} files, warm", timed_find(point, files), "s")
            node.unmount(point)
            timed_find(tree, files)
            figures.add(f"find, {files} files, local warm", timed_find(tree, files), "s")
        figures.add(PEAK + f"node with {files} files", peak.stop() / 1024, "MiB")
        for number in range(rounds):
            bench_cold_find(node, tree, work / f"cold{number}", files, figures)
    finally:
        node.stop()


def bench_cold_find(node, tree, point, files, figures):
    """A node that has just started, beside the same tree on the disk; the kernel remembers nothing of either."""
    node.stop()
    node.start()
    node.mount("bench", point)
    for name, where in (("cold", point), ("local cold", tree)):
        if drop_caches():
            figures.add(f"find, {files} files, {name}", timed_find(where, files), "s")
        else:
            figures.missing(f"find, {files} files, {name}", "only root can drop the kernel's caches")
    node.unmount(point)


RATIOS = [
    ("cold read / libtorrent", "cold read through the mount", "libtorrent v2, to disk", 0.6),
    ("warm re-read / local", "warm re-read through the mount", "warm re-read of the local file",
     0.4),
    ("publish / one OpenSSL SHA-256", "publish in place", "openssl dgst -sha256 of the file", None),
]
# What each program of swarmfs may hold at its peak.
MEMORY_TARGET_MIB = 200


def print_targets(figures):
    """Ratios and peaks beside what they are meant to be. Returns the ratios."""
    ratios = {}
    print(f"\n{'ratio':<44} {'measured':>10} {'at least':>10}")
    for name, above, below, target in RATIOS:
        shown = "-"
        if figures.median(above) and figures.median(below):
            ratios[name] = figures.median(above) / figures.median(below)
            shown = f"{ratios[name]:.2f}"
        print(f"{name:<44} {shown:>10} {target if target else '':>10}")
    print(f"\n{'memory, MiB':<44} {'measured':>10} {'at most':>10}")
    for name, (_, values) in figures.samples.items():
        if name.startswith(PEAK):
            target = "" if "libtorrent" in name else MEMORY_TARGET_MIB
            print(f"{name:<44} {max(values):>10.1f} {target:>10}")
    for name, why in figures.not_measured.items():
        print(f"\nNot measured: {name}: {why}")
    return ratios


def main():
    parser = argparse.ArgumentParser(prog="tools/dev/bench", description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, default=swarm.ROOT / "build/release")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size-mib", type=int, default=1024)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--json", type=pathlib.Path, default=swarm.ROOT / "build/bench.json",
                        help="write the figures here")
    parser.add_argument("--only", choices=["reads", "find"], default=None)
    options = parser.parse_args()
    have_libtorrent = subprocess.run(["/usr/bin/python3", "-c", "import libtorrent"],
                                     stderr=subprocess.DEVNULL).returncode == 0
    figures = Figures()
    if not have_libtorrent and options.only != "find":
        figures.missing("libtorrent v2, to disk", "needs python3-libtorrent (apt-get install python3-libtorrent)")
    for algorithm in ("sha256", "aes-256-gcm"):
        figures.add(f"openssl speed {algorithm}", openssl_speed(algorithm) or 0, "GB/s")
    with tempfile.TemporaryDirectory(prefix="swarmfs-bench-") as name:
        work = pathlib.Path(name)
        if options.only in (None, "reads"):
            (work / "reads").mkdir()
            bench_reads(options.build, work / "reads", options.rounds, options.size_mib * MIB,
                        figures, have_libtorrent)
            swarm.clean(work / "reads")
        if options.only in (None, "find"):
            (work / "find").mkdir()
            bench_find(options.build, work / "find", options.rounds, options.files, figures)
    figures.print()
    ratios = print_targets(figures)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps({"figures": figures.samples, "ratios": ratios,
                                        "not measured": figures.not_measured}, indent=1))
    print(f"\nAll samples: {options.json}")


if __name__ == "__main__":
    sys.exit(main())
