"""A cold sequential read of one file from one member, beside the peers and the machine's limit; then a warm one."""

import os
import shutil
import subprocess

import limits
import peers
from peers import Meter
from programs import MIB, clean, random_file, read_through
from swarm import Swarm
from targets import COLD, COLD_IN_PLACE, LOCAL_WARM, PEAK, WARM, cpu

GIB = 1 << 30


class Swarmfs:
    """The same shape as a peer; its nodes live through all rounds, the file is new in each. The giver has it as most
    members have files: in its store, here because a program copied it into its mount."""

    name, figure = "swarmfs", COLD

    def __init__(self, swarm):
        self.swarm = swarm

    def publish(self, source):
        shutil.copyfile(source, self.swarm["giver"].mounts[-1] / source.name)
        return source.name

    def fetch(self, source, work):
        there = self.swarm["reader"].sees(self.publish(source))
        os.sync()  # what was written for this is no part of it
        meter = Meter(self.swarm["giver"].pid, self.swarm["reader"].pid)
        return meter.fetched(read_through(there))


class SharedInPlace(Swarmfs):
    """From a member that shares it where it is, and so cannot know it unchanged: each leaf is hashed before it is
    sent. Other bytes than the other has: what is stored would be served from there."""

    name, figure = "swarmfs, shared in place", COLD_IN_PLACE

    def publish(self, source):
        other = random_file(source.with_name(f"placed-{source.name}"), source.stat().st_size)
        self.swarm["giver"].share(other)
        return other.name


def run(bench):
    source = bench.work / "source"
    source.mkdir()
    others = []
    for peer in peers.every_peer():
        if why := peer.why_not():
            bench.figures.missing(peer.name, why)
        else:
            others.append(peer)
    with Swarm(bench.build, bench.work, "giver", "reader") as swarm:
        swarm["giver"].mount(bench.work / "giver-mount")
        systems = [Swarmfs(swarm), SharedInPlace(swarm), *others]
        for number in range(bench.rounds):
            path = random_file(source / f"file{number}", bench.size)
            limits.sample(bench, bench.work / "limits")
            for i in range(len(systems)):  # each round begins with another one
                one = systems[(number + i) % len(systems)]
                if one.name not in bench.figures.not_measured:
                    fetch(bench, one, path, bench.work / f"{number}-{i}")
            warm(bench, swarm, path)
            path.with_name(path.name + ".torrent").unlink(missing_ok=True)


def fetch(bench, system, path, work):
    work.mkdir()
    ours = isinstance(system, Swarmfs)
    figure = system.figure if ours else system.name
    try:
        fetched = system.fetch(path, work)
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        if ours:
            raise
        bench.figures.missing(system.name, error)  # a peer's trouble is its own, and said at the end
        return
    finally:
        clean(work)
    bench.figures.add(figure, bench.size / MIB / fetched.seconds, "MiB/s")
    for end, seconds in fetched.cpu.items():
        bench.figures.add(cpu(system.name, end), seconds / (bench.size / GIB), "s/GiB")
    for end, mib in fetched.peaks.items():
        bench.figures.add(f"{PEAK}{system.name}, {end}", mib, "MiB")


def warm(bench, swarm, path):
    there = swarm["reader"].sees(path.name)
    for name, where in ((WARM, there), (LOCAL_WARM, path)):
        read_through(where)
        bench.figures.add(name, bench.size / MIB / read_through(where), "MiB/s")
    subprocess.run(["cmp", there, path], check=True)
