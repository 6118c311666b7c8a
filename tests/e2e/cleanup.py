"""Leaves nothing behind: no mount, no process, no network namespace, whatever happened to a scene.

Everything a scene makes carries its folder: mount points lie inside it, processes have it in their environment
(MARK), namespaces are named after it. So cleaning needs no book-keeping and works after a crash of the test, too.
"""

import os
import pathlib
import shutil
import signal
import subprocess
import time

MARK = "SWARMFS_E2E_ROOT"


def wait_until(condition, seconds, what):
    """Returns the first true result of `condition()`; raises TimeoutError naming `what` after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds} s in vain until {what}")
        time.sleep(0.01)  # tidy: sleep because a condition outside this process is polled, with a bound


def mounts_under(root):
    """[(mount point, fuse connection number)] below `root`, innermost first."""
    found = []
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            fields = line.split()
            point = fields[4].encode("latin-1", "backslashreplace").decode("unicode_escape")
            if point == str(root) or point.startswith(f"{root}/"):
                found.append((point, fields[2].split(":")[1]))
    return sorted(found, key=lambda mount: -len(mount[0]))


def abort_connection(number):
    """Ends a FUSE connection, so that whoever waits on it gets an error. This never blocks."""
    try:
        pathlib.Path(f"/sys/fs/fuse/connections/{number}/abort").write_text("1", encoding="ascii")
    except OSError:
        pass  # gone already, or fusectl is not mounted here


def unmount_all(root):
    for point, number in mounts_under(root):
        abort_connection(number)
        for command in (["umount", "-l", "--", point], ["fusermount3", "-u", "-z", "--", point]):
            try:
                if subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                  timeout=20, check=False).returncode == 0:
                    break
            except (OSError, subprocess.TimeoutExpired):
                continue


def processes_of(root):
    mark = f"{MARK}={root}".encode()
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes().split(b"\0") and int(folder.name) != os.getpid():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def kill_all(root):
    def alive():
        pids = processes_of(root)
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        return pids
    wait_until(lambda: not alive(), 20, f"the processes of {root} are gone: {processes_of(root)}")


def namespace_prefix(root):
    return "sw" + os.path.basename(root)[-6:]


def remove_namespaces(root):
    folder = pathlib.Path("/run/netns")
    for path in folder.glob(namespace_prefix(root) + "*") if folder.is_dir() else []:
        subprocess.run(["ip", "netns", "delete", path.name], check=False, stderr=subprocess.DEVNULL)


def clean(root):
    """Removes `root` and everything that belongs to it. Aborting mounts comes first: it frees whoever hangs."""
    for _, number in mounts_under(root):
        abort_connection(number)
    kill_all(root)
    unmount_all(root)
    remove_namespaces(root)
    shutil.rmtree(root, ignore_errors=True)
    if os.path.exists(root):
        subprocess.run(["chmod", "-R", "u+rwX", root], check=False)
        shutil.rmtree(root)
