"""What processes cost: CPU seconds as the kernel accounts them, and the memory they hold themselves."""

import os
import pathlib
import threading
import time

TICKS = os.sysconf("SC_CLK_TCK")
CPUCLOCK_SCHED = 2  # the clock of a whole process, ended threads among it: the kernel's include/linux/posix-timers.h


def stat_fields(pid):
    return pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rsplit(")", 1)[1].split()


def process_seconds(pid):
    """CPU seconds of a process and of its children that have ended. Its own are exact to the nanosecond."""
    fields = stat_fields(pid)
    return time.clock_gettime((~pid << 3) | CPUCLOCK_SCHED) + (int(fields[13]) + int(fields[14])) / TICKS


def parents():
    """[(pid, parent, session)] of everything that runs."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            fields = stat_fields(folder.name)
        except OSError:
            continue  # it has ended meanwhile
        found.append((int(folder.name), int(fields[1]), int(fields[3])))
    return found


def family(pid):
    """The process, all below it, and those of its session: a program that detaches a child stays in that."""
    members, everybody = {pid}, parents()
    while True:
        grown = members | {one for one, parent, session in everybody if parent in members or session in members}
        if grown == members:
            return members
        members = grown


def family_seconds(pid):
    total = 0.0
    for member in family(pid):
        try:
            total += process_seconds(member)
        except OSError:
            continue
    return total


def kernel_threads():
    """{pid: CPU seconds}: writeback, soft interrupts and the like, of the whole machine. They belong to nobody in
    particular."""
    seconds = {}
    for pid, parent, _ in parents():
        if parent == 2:
            try:
                fields = stat_fields(pid)
            except OSError:
                continue
            seconds[pid] = (int(fields[11]) + int(fields[12])) / TICKS
    return seconds


class Account:
    """CPU seconds that named processes, with all below them, have spent since this was made.

        account = Account({"serving": giver.pid, "fetching": reader.pid})
        ...
        account.spent()    # {"serving": 1.2, "fetching": 2.3, "kernel threads": 0.1}
    """

    def __init__(self, pids):
        self.before = {name: (pid, family_seconds(pid)) for name, pid in pids.items()}
        self.kernel_before = kernel_threads()

    def spent(self):
        spent = {name: family_seconds(pid) - seconds for name, (pid, seconds) in self.before.items()}
        # Workers come and go: one that is gone takes what it spent with it.
        spent["kernel threads"] = sum(seconds - self.kernel_before.get(pid, 0)
                                      for pid, seconds in kernel_threads().items())
        return spent


def memory_kib(pid):
    """RssAnon + RssShmem: what the program itself holds, without mapped files."""
    total = 0
    try:
        for line in open(f"/proc/{pid}/status", encoding="ascii", errors="replace"):
            if line.startswith(("RssAnon:", "RssShmem:")):
                total += int(line.split()[1])
    except OSError:
        pass
    return total


class PeakMemory:
    """Samples a process and its family of this moment twenty times a second; `stop` returns the largest MiB seen."""

    def __init__(self, pid):
        self.pids, self.kib, self._over = family(pid), 0, threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def _look(self):
        self.kib = max(self.kib, sum(memory_kib(pid) for pid in self.pids))

    def _sample(self):
        while not self._over.wait(0.05):
            self._look()

    def stop(self):
        self._over.set()
        self._thread.join()
        self._look()
        return self.kib / 1024
