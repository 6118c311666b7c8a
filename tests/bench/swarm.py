"""A tracker and nodes of this build: started, asked, and taken down again."""

import json
import subprocess

from programs import ReadyProgram, free_port, unmount, wait_until

NAME = "bench"  # of the swarm, at every member


class Tracker(ReadyProgram):
    def __init__(self, build, work, host="127.0.0.1", namespace=None):
        port = free_port()
        self.url = f"http://{host}:{port}"
        super().__init__([build / "tracker/swarmfs-tracker", "--listen", f"{host}:{port}", "--data", work / "tracker"],
                         work / "tracker.log", namespace)


class Node:
    def __init__(self, build, work, name, host="127.0.0.1", namespace=None):
        self.build, self.work, self.home, self.name = build, work, work / name, name
        self.host, self.namespace, self.mounts = host, namespace, []
        self.home.mkdir(parents=True)
        self.start()

    def start(self):
        """The first time, or again after `stop`."""
        self.program = ReadyProgram(
            [self.build / "fs/swarmfsd", "--home", self.home, "--listen", f"{self.host}:0"],
            self.work / f"{self.name}.log", self.namespace)

    @property
    def pid(self):
        return self.program.pid

    def words(self, *arguments):
        return [str(word) for word in (self.build / "tools/swarmfs", "--home", self.home, *arguments)]

    def run(self, *arguments):
        done = subprocess.run(self.words(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              check=False)
        if done.returncode != 0:
            raise RuntimeError(f"swarmfs {arguments[0]}: {done.stderr.strip()}")
        return done.stdout

    def json(self, *arguments):
        return json.loads(self.run("--json", *arguments))

    def share(self, path, *more):
        self.run("share", NAME, path, "--once", *more)

    def download(self, path, out):
        return self.json("download", NAME, path, "-o", out)

    def mount(self, directory, name=NAME):
        directory.mkdir(parents=True, exist_ok=True)
        self.run("mount", name, directory)
        self.mounts.append(directory)
        return directory

    def unmount(self, directory):
        self.run("unmount", directory)
        self.mounts.remove(directory)

    def stored(self, name):
        """How much of a file in the swarm's root is here."""
        return next((entry["stored_bytes"] for entry in self.json("list", NAME)["entries"] if entry["name"] == name), 0)

    def sees(self, name, seconds=60):
        """Waits until a file is in the latest mount; returns its path."""
        path = self.mounts[-1] / name
        wait_until(path.exists, seconds, f"{name} appears at {self.name}")
        return path

    def is_connected(self, count=1, seconds=60):
        wait_until(lambda: len(self.json("peers", NAME)["peers"]) >= count, seconds,
                   f"{self.name} is connected to {count}")

    def stop(self):
        self.program.stop()
        for directory in self.mounts:
            unmount(directory)
        self.mounts.clear()


class Swarm:
    """A tracker, a giver that made the swarm, and others by name; the last one has it mounted.

        with Swarm(build, work, "giver", "reader") as swarm:
            swarm["giver"].share(path)
    """

    def __init__(self, build, work, *names, path=None, tracker=True):
        """`path`: a network.DelayedPath, on whose near end the last member lives, all else on its far end."""
        self.nodes, self.tracker = {}, None
        self.build, self.work, self.path = build, work, path
        self.names, self.with_tracker = names, tracker

    def __enter__(self):
        try:
            far = {"host": self.path.far_address, "namespace": self.path.far} if self.path else {}
            near = {"host": self.path.near_address, "namespace": self.path.near} if self.path else {}
            self.tracker = Tracker(self.build, self.work, **far) if self.with_tracker else None
            for name in self.names:
                at = near if name == self.names[-1] and len(self.names) > 1 else far
                self.nodes[name] = Node(self.build, self.work, name, **at)
            first = self.nodes[self.names[0]]
            first.run("create", NAME, "--tracker", self.tracker.url if self.tracker else "none")
            for name in self.names[1:]:
                self.nodes[name].run("join", first.run("invite", NAME).strip().splitlines()[-1])
            self.nodes[self.names[-1]].mount(self.work / "mount")
            return self
        except BaseException:
            self.__exit__()
            raise

    def __getitem__(self, name):
        return self.nodes[name]

    def __exit__(self, *_):
        for node in reversed(self.nodes.values()):
            node.stop()
        if self.tracker:
            self.tracker.stop()
