"""Measures swarmfs beside its peers and the machine's own limit, in one run, and prints ratios and targets.

Run through tools/dev/bench. Every figure is the median of rounds in which the systems take turns, with min and max.
"""

import argparse
import os
import pathlib
import platform
import signal
import subprocess
import sys
import tempfile
import time

import limits
import targets
from figures import Figures
from programs import MIB, clean
from workloads import cold, distance, distribute, edit, find, long_path, members, memory, metadata, publish, small_files, video

ROOT = pathlib.Path(__file__).resolve().parents[2]

# In the order in which they run; docs/performance.md says what each is about.
WORKLOADS = {
    "limits": limits.run,
    "cold": cold.run,
    "members": members.run_members,
    "readers": members.run_readers,
    "first-bytes": distance.run_first,
    "random": distance.run_random,
    "video": video.run,
    "long-path": long_path.run,
    "distribute": distribute.run,
    "publish": publish.run,
    "edit": edit.run,
    "small-files": small_files.run,
    "find": find.run,
    "listing": metadata.run_listing,
    "names": metadata.run_names,
    "memory": memory.run,
    "open-files": memory.run_open,
}
# `cold` samples the limit in each of its rounds, so a whole run needs no rounds of it alone.
BY_DEFAULT = [name for name in WORKLOADS if name != "limits"]


class Bench:
    """What a workload is given."""

    def __init__(self, options, figures, work):
        self.options, self.figures, self.work = options, figures, work
        self.build, self.rounds, self.size = options.build, options.rounds, options.size_mib * MIB


def parse_options():
    parser = argparse.ArgumentParser(prog="tools/dev/bench", description=__doc__)
    parser.add_argument("--only", choices=WORKLOADS, action="append", metavar="NAME",
                        help="only this one; repeatable: " + ", ".join(WORKLOADS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size-mib", type=int, default=1024, help="of the file that is read or published")
    parser.add_argument("--big-mib", type=int, default=10240, help="of the file in first-bytes and memory")
    parser.add_argument("--files", type=int, default=61_200, help="how many in small-files")
    parser.add_argument("--find-files", type=int, default=61_200, help="how many in find")
    parser.add_argument("--listed", type=int, default=100_000, help="how many in the directory of listing")
    parser.add_argument("--names", type=int, default=40_000, help="how many are made in names, by all processes together")
    parser.add_argument("--fill-mib", type=int, default=5120, help="of the file that is downloaded during video")
    parser.add_argument("--long-mib", type=int, default=1024, help="of the file in long-path")
    parser.add_argument("--video-seconds", type=int, default=60)
    parser.add_argument("--path-mbit", type=int, default=200, help="rate of the path in video")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    parser.add_argument("--json", type=pathlib.Path, default=ROOT / "build/bench.json", help="where all samples go")
    return parser.parse_args()


def description(options):
    """Under what circumstances the figures were taken, for whoever compares two runs."""
    commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "HEAD"], stdout=subprocess.PIPE, text=True,
                            check=False).stdout.strip()
    cpu = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8")
                if line.startswith("model name")), "unknown")
    return {"commit": commit, "cpu": cpu, "cores": len(os.sched_getaffinity(0)), "kernel": platform.release(),
            "load before": os.getloadavg()[0], "nice": os.nice(0), "options": {key: str(value) for key, value in vars(options).items()}}


def main():
    options = parse_options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that everything is taken down again
    run = description(options)
    figures = Figures(targets.TARGETS)
    if run["load before"] > 0.5:
        figures.note(f"the machine was busy before the run (load {run['load before']:.1f}); times are longer for it")
    if run["nice"] > 0:
        figures.note(f"it ran at nice {run['nice']}: whatever else there was to do went first")
    failed = False
    with tempfile.TemporaryDirectory(prefix="swarmfs-bench-", ignore_cleanup_errors=True) as name:
        for workload in options.only or BY_DEFAULT:
            print(f"{workload} ...", file=sys.stderr, flush=True)
            bench = Bench(options, figures, pathlib.Path(name) / workload)
            bench.work.mkdir()
            start = time.monotonic()
            try:
                WORKLOADS[workload](bench)
            except (RuntimeError, OSError, subprocess.SubprocessError) as error:
                figures.missing(workload, error)  # the others are measured nevertheless
                failed = True
            print(f"{workload}: {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
            clean(bench.work)
            figures.write(options.json, run)  # each time: a run takes long, and may be ended
    figures.print()
    print(f"\nAll samples: {options.json}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
