"""Programs that a bench starts and ends, the files they work on, and waiting for them with a bound."""

import os
import pathlib
import select
import shutil
import signal
import socket
import subprocess
import time

MIB = 1 << 20


def wait_until(condition, seconds, what):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"waited {seconds} s in vain until {what}")
        time.sleep(0.01)  # tidy: sleep because a condition outside this process is polled, with a bound


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def why_absent(*programs):
    """Why a peer cannot be run, or None."""
    missing = [program for program in programs if not shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin")]
    return f"{', '.join(missing)} is not installed (tools/dev/install-packages bench)" if missing else None


class Program:
    """One process with a log and a session of its own; ends with `stop` or at the end of a `with`."""

    def __init__(self, words, log, namespace=None, **more):
        self.log_path = pathlib.Path(log)
        if namespace:
            words = ["nsenter", f"--net=/run/netns/{namespace}", "--", *words]  # which execs: the pid is the program's
        self.words = [str(word) for word in words]
        with open(self.log_path, "ab") as sink:
            self.process = subprocess.Popen(self.words, **{"stdin": subprocess.DEVNULL, "stdout": sink, "stderr": sink,
                                                           "start_new_session": True, **more})

    @property
    def pid(self):
        return self.process.pid

    def alive(self):
        """Raises with the log's end when it has ended by itself."""
        if self.process.poll() is not None:
            tail = self.log_path.read_text(errors="replace")[-600:].strip()
            raise RuntimeError(f"{self.words[0]} ended with {self.process.returncode}: {tail}")
        return True

    def listens_on(self, port):
        def answers():
            with socket.socket() as probe:
                return self.alive() and probe.connect_ex(("127.0.0.1", port)) == 0
        wait_until(answers, 20, f"{self.words[0]} listens")
        return self

    def has_mounted(self, directory):
        wait_until(lambda: self.alive() and is_mounted(directory), 20, f"{self.words[0]} has mounted")
        return self

    def stop(self, seconds=30):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class ReadyProgram(Program):
    """A daemon that says READY=1 as it would to systemd; it is ready when this is made."""

    def __init__(self, words, log, namespace=None):
        address = pathlib.Path(log).with_suffix(".notify")  # a path: abstract names end at a network namespace
        address.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(str(address))
            super().__init__(words, log, namespace, env=dict(os.environ, NOTIFY_SOCKET=str(address)))
            wait_until(lambda: self.alive() and select.select([notify], [], [], 0.1)[0] and
                       b"READY=1" in notify.recv(4096), 60, f"{self.words[0]} is ready")


def is_mounted(directory):
    """Also where the mount's program has died, and nothing else can be asked about it."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as table:
        return any(line.split()[4] == str(directory) for line in table)


def unmount(directory):
    """Whatever is mounted there goes, also when its program has died."""
    if is_mounted(directory):
        subprocess.run(["umount", "-l", directory], stderr=subprocess.DEVNULL, check=False)


def random_file(path, size):
    with open("/dev/urandom", "rb") as source, open(path, "wb") as out:
        left = size
        while left:
            left -= out.write(source.read(min(left, MIB)))
        os.fsync(out.fileno())
    return path


def drop_caches():
    """Page, inode and directory caches of the kernel. Returns: whether they are gone, which needs root."""
    os.sync()
    try:
        pathlib.Path("/proc/sys/vm/drop_caches").write_text("3", encoding="ascii")
        return True
    except OSError:
        return False


def forget_pages(path):
    """The kernel's pages of one file go. Requires: they are written back (fsync)."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def read_through(path, block=MIB, told=None):
    """Seconds to read a file from its start to its end with plain read(). `told(bytes)` hears of each read."""
    buffer = bytearray(block)
    descriptor = os.open(path, os.O_RDONLY)
    start = time.perf_counter()
    try:
        while got := os.readv(descriptor, [buffer]):
            if told:
                told(got)
    finally:
        os.close(descriptor)
    return time.perf_counter() - start


def clean(work):
    shutil.rmtree(work, ignore_errors=True)
