"""A tracker and nodes of this build, for benches: started, sampled, and taken down again."""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def memory_kib(pid):
    """RssAnon + RssShmem: what the program itself holds, without mapped files."""
    total = 0
    try:
        for line in open(f"/proc/{pid}/status"):
            if line.startswith(("RssAnon:", "RssShmem:")):
                total += int(line.split()[1])
    except OSError:
        pass
    return total


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class PeakMemory:
    """Samples a process while the bench runs; `kib` is the largest seen."""

    def __init__(self, pid):
        self.pid, self.kib, self._over = pid, 0, threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def _sample(self):
        while not self._over.wait(0.05):
            self.kib = max(self.kib, memory_kib(self.pid))

    def stop(self):
        self._over.set()
        self._thread.join()
        return self.kib


class Tracker:
    def __init__(self, build, work):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = open(work / "tracker.log", "wb")
        self.process = subprocess.Popen(
            [build / "tracker/swarmfs-tracker", "--listen", f"127.0.0.1:{self.port}",
             "--data", work / "tracker"], stderr=self.log, stdout=self.log)
        wait_until(self._answers, 20, "the tracker answers")

    def _answers(self):
        try:
            return urllib.request.urlopen(self.url + "/health", timeout=1).status == 200
        except OSError:
            return False

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


class Node:
    def __init__(self, build, work, name):
        self.build, self.home = build, work / name
        self.home.mkdir(parents=True)
        self.name, self.mounts = name, []
        self.log = open(work / f"{name}.log", "wb")
        self.start()

    def start(self):
        """The first time, or again after `stop`."""
        socket_file = self.home / "control.sock"
        socket_file.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [self.build / "fs/swarmfsd", "--home", self.home, "--listen", "127.0.0.1:0"],
            stderr=self.log, stdout=self.log)
        wait_until(socket_file.exists, 20, f"{self.name} is up")

    @property
    def pid(self):
        return self.process.pid

    def run(self, *arguments):
        done = subprocess.run([self.build / "tools/swarmfs", "--home", self.home, *arguments],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"swarmfs {arguments[0]}: {done.stderr.strip()}")
        return done.stdout

    def json(self, *arguments):
        return json.loads(self.run("--json", *arguments))

    def mount(self, name, directory):
        directory.mkdir(parents=True, exist_ok=True)
        self.run("mount", name, str(directory))
        self.mounts.append(directory)

    def unmount(self, directory):
        self.run("unmount", str(directory))
        self.mounts.remove(directory)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
        for directory in self.mounts:
            subprocess.run(["umount", "-l", directory], stderr=subprocess.DEVNULL)


def wait_until(condition, seconds, what):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"waited {seconds} s in vain until {what}")
        time.sleep(0.02)  # tidy: sleep because a condition is polled with a bound


def random_file(path, size):
    with open("/dev/urandom", "rb") as source, open(path, "wb") as out:
        left = size
        while left:
            left -= out.write(source.read(min(left, 1 << 20)))
        os.fsync(out.fileno())


def drop_caches():
    """Page, inode and directory caches of the kernel. Returns: whether they are gone, which needs root."""
    os.sync()
    try:
        pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")
        return True
    except OSError:
        return False


def read_through(path, block=1 << 20):
    """Seconds to read a file from its start to its end with plain read()."""
    buffer = bytearray(block)
    descriptor = os.open(path, os.O_RDONLY)
    start = time.perf_counter()
    try:
        while os.readv(descriptor, [buffer]):
            pass
    finally:
        os.close(descriptor)
    return time.perf_counter() - start


def clean(work):
    shutil.rmtree(work, ignore_errors=True)
