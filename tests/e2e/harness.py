"""Real programs for end-to-end tests: a tracker and any number of nodes, each with a home of its own.

    class Sharing(harness.SceneTest):
        def test_a_file_written_here_is_read_there(self):
            alice, bob = self.swarm("alice", "bob")      # tracker, create, invite, join, mount
            (alice.mounted / "hello").write_bytes(b"hi")
            self.assertEqual(bob.sees("hello").read_bytes(), b"hi")

`run.py` runs a scenario file under a supervisor that cleans up after it, whatever happens.
"""

import json
import os
import pathlib
import select
import signal
import socket
import subprocess
import sys
import tempfile
import unittest
import urllib.error
import urllib.request

from cleanup import MARK, clean, mounts_under, wait_until, namespace_prefix

START_SECONDS = 60  # a sanitized daemon on a busy machine with two cores
CALL_SECONDS = 120

PROGRAMS = {}  # "swarmfs", "swarmfsd", "swarmfs-tracker" -> path; run.py fills it


def sanitized():
    """Sanitizers make everything several times slower: scenarios then move less."""
    return os.environ.get("SWARMFS_E2E_SANITIZED") == "1"


def needs(*programs):
    for program in programs:
        if not any(os.access(f"{folder}/{program}", os.X_OK) for folder in os.environ["PATH"].split(":")):
            raise unittest.SkipTest(f"needs {program}")


def needs_fuse():
    try:
        os.close(os.open("/dev/fuse", os.O_RDWR))
    except OSError as error:
        raise unittest.SkipTest(f"needs /dev/fuse: {error.strerror}") from error


def needs_root():
    if os.geteuid() != 0:
        raise unittest.SkipTest("needs root")


NOBODY = 65534


def as_nobody(scene):
    """The words before a command that run it as a user without rights, to whom the scene's folder is opened."""
    needs_root()
    needs("setpriv")
    for folder in (scene.root.parent, scene.root):
        os.chmod(folder, 0o711)
    words = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--"]
    if subprocess.run([*words, "test", "-x", PROGRAMS["swarmfsd"]], check=False).returncode != 0:
        raise unittest.SkipTest("needs programs that every user can reach")
    return words


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class CommandFailed(AssertionError):
    """A command that should have worked did not. `result` has what it said."""

    def __init__(self, words, result):
        super().__init__(f"{' '.join(map(str, words))}: exit code {result.returncode}\n{result.stderr}")
        self.result = result


class Program:
    """A daemon that says READY=1 as it would to systemd."""

    def __init__(self, scene, name, words, environment=None, namespace=None):
        self.scene, self.name, self.words, self.namespace = scene, name, [str(word) for word in words], namespace
        self.environment = dict(scene.environment, **(environment or {}))
        self.log = scene.root / f"{name}.log"
        self.process = None

    def start(self):
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = self.scene.root / f"{self.name}.notify"
        path.unlink(missing_ok=True)
        notify.bind(str(path))
        with notify, open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.within(self.words), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=dict(self.environment, NOTIFY_SOCKET=str(path)), start_new_session=True)
            self._wait_ready(notify)
        return self

    def within(self, words):
        """The same words, run in this program's network namespace. Its mounts stay visible to everyone."""
        return ["nsenter", f"--net=/run/netns/{self.namespace}", "--", *words] if self.namespace else words

    def _wait_ready(self, notify):
        def ready():
            if self.process.poll() is not None:
                raise AssertionError(f"{self.name} ended with {self.process.returncode}\n{self.log_tail()}")
            return select.select([notify], [], [], 0.2)[0] and b"READY=1" in notify.recv(4096)
        wait_until(ready, START_SECONDS, f"{self.name} is ready")

    def stop(self, seconds=60):
        """Asks it to end (SIGTERM). Returns its exit code; a program that does not end fails the test."""
        if self.process is None or self.process.poll() is not None:
            return None
        self.process.terminate()
        return self.process.wait(seconds)

    def kill(self):
        """kill -9, and waits until it is gone."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def log_tail(self, lines=40):
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""


class Tracker(Program):
    def __init__(self, scene, name="tracker", host="127.0.0.1", **more):
        self.port, self.host = free_port(), host
        self.data = scene.root / f"{name}.data"
        super().__init__(scene, name, [PROGRAMS["swarmfs-tracker"], "--listen", f"{host}:{self.port}", "--data",
                                       self.data], **more)

    @property
    def url(self):
        return f"http://{self.host}:{self.port}"

    def request(self, method, path, body=None, headers=None):
        """(status, decoded JSON or text)"""
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, method=method, headers=headers or {})
        if data is not None and not request.has_header("Content-type"):
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, decoded(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, decoded(error.read())

    def get(self, path):
        return self.request("GET", path)

    def keeps(self, name):
        """Whether the file is listed and a catalog of its swarm is kept: what a member merely says to hold is listed
        too, and forgotten with the process."""
        rows = [row for row in self.get("/api/files")[1]["files"] if row["name"] == name]
        return any(self.get(f"/api/swarms/{row['swarm']}/changes")[1]["messages"] for row in rows)


def decoded(text):
    try:
        return json.loads(text)
    except ValueError:
        return text.decode(errors="replace")


class Node(Program):
    """One home. `mounted` is its latest mount, `swarm` the name under which it knows the scene's swarm."""

    def __init__(self, scene, name, listen="127.0.0.1:0", home=None, settings="", supervised=False, **more):
        self.home = pathlib.Path(home or scene.root / name)
        self.mounted, self.swarm = None, None
        if settings:
            self.home.mkdir(parents=True, exist_ok=True)
            (self.home / "swarmfs.toml").write_text(settings, encoding="utf-8")
        self.supervised = supervised
        super().__init__(scene, name, [PROGRAMS["swarmfsd"], "--home", self.home, "--listen", listen,
                                       *(["--supervise"] if supervised else [])], **more)

    def daemon(self):
        """The process id of the node itself; of a supervised one, the latest run's."""
        if not self.supervised:
            return self.process.pid
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return int(wait_until(lambda: children.read_text().split(), START_SECONDS, f"{self.name} runs")[0])

    def crash(self):
        """kill -9 of a supervised node; it is started again meanwhile."""
        os.kill(self.daemon(), signal.SIGKILL)

    def try_cli(self, *words, stdin=None, seconds=CALL_SECONDS, environment=None):
        """Runs `swarmfs --home HOME words...`. Returns the CompletedProcess, whatever its exit code."""
        return subprocess.run(
            self.within([PROGRAMS["swarmfs"], "--home", self.home, *map(str, words)]), input=stdin,
            capture_output=True, text=True, timeout=seconds, env=dict(self.environment, **(environment or {})),
            errors="surrogateescape", check=False)

    def cli(self, *words, **more):
        """Its standard output. Fails the test when it does not exit with 0."""
        result = self.try_cli(*words, **more)
        if result.returncode != 0:
            raise CommandFailed(["swarmfs", *words], result)
        return result.stdout

    def json(self, *words, **more):
        return json.loads(self.cli("--json", *words, **more))

    def status(self):
        """Its entry for the scene's swarm in `swarmfs status`."""
        return next(swarm for swarm in self.json("status")["swarms"] if swarm["name"] == self.swarm)

    def peers(self):
        return self.json("peers", self.swarm)["peers"]

    def create(self, name="team", trackers=("none",)):
        words = [word for url in trackers for word in ("--tracker", url)]
        made = self.json("create", name, *words)
        self.swarm = made["name"]
        return made["invite"]

    def join(self, invite, name=None):
        joined = self.json("join", "-", *(["--as", name] if name else []), stdin=invite + "\n")
        self.swarm = joined["name"]
        return joined

    def mount(self, directory=None, *options):
        directory = pathlib.Path(directory or self.scene.root / "mounts" / self.name)
        if not mounts_under(directory):  # a stale one answers nobody
            directory.mkdir(parents=True, exist_ok=True)
        self.cli("mount", self.swarm, directory, *options)
        assert is_live_mount(directory), f"{directory} is not live although mount returned 0"
        self.mounted = directory
        return directory

    def unmount(self):
        self.cli("unmount", self.mounted)

    def sees(self, path, seconds=20):
        """Waits until `path` exists in its mount; returns it."""
        full = self.mounted / path
        wait_until(lambda: os.path.lexists(full), seconds, f"{self.name} sees {path!r}")
        return full

    def sees_no(self, path, seconds=20):
        wait_until(lambda: not os.path.lexists(self.mounted / path), seconds, f"{self.name} no longer sees {path!r}")

    def download(self, path, out, **more):
        return self.json("download", self.swarm, path, "-o", out, **more)


def is_live_mount(directory):
    return any(point == str(directory) for point, _ in mounts_under(directory)) and os.path.isdir(directory)


class Scene:
    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.programs = []
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("SWARMFS_", "XDG_"))}
        self.environment = dict(kept, LC_ALL="C.UTF-8", HOME=str(self.root), **{MARK: str(self.root)})

    def tracker(self, **more):
        return self.add(Tracker(self, **more)).start()

    def node(self, name, **more):
        return self.add(Node(self, name, **more)).start()

    def add(self, program):
        self.programs.append(program)
        return program

    def namespace(self, number):
        """A network namespace with address 10.77.0.NUMBER on a bridge they all share."""
        prefix = namespace_prefix(str(self.root))
        bridge, name = f"{prefix}b", f"{prefix}{number}"
        if not os.path.exists(f"/run/netns/{bridge}"):
            for words in ([f"netns add {bridge}", f"-n {bridge} link add br0 type bridge",
                           f"-n {bridge} link set br0 up"]):
                ip(words)
        for words in (f"netns add {name}", f"-n {name} link set lo up",
                      f"-n {name} link add eth0 type veth peer name v{number} netns {bridge}",
                      f"-n {bridge} link set v{number} master br0 up",
                      f"-n {name} addr add 10.77.0.{number}/24 dev eth0", f"-n {name} link set eth0 up"):
            ip(words)
        return name

    def logs(self):
        return "\n".join(f"--- {program.log.name}\n{program.log_tail()}" for program in self.programs)


def ip(words):
    result = subprocess.run(["ip", *words.split()], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise unittest.SkipTest(f"cannot make network namespaces here: {result.stderr.strip()}")


class SceneTest(unittest.TestCase):
    """A test with a scene of its own; when it fails, the logs of its programs are printed."""

    maxDiff = 2000

    def setUp(self):
        root = tempfile.mkdtemp(prefix="scene-", dir=os.environ.get(MARK))
        self.scene = Scene(root)
        self.addCleanup(clean, root)
        self.addCleanup(self._print_logs_on_failure)
        self.tracker = None

    def _print_logs_on_failure(self):
        result = self._outcome.result
        if any(test is self for test, _ in result.failures + result.errors):
            print(f"\n{self.id()} failed; its programs said:\n{self.scene.logs()}", file=sys.stderr)

    def tearDown(self):
        """Every program that still runs ends when asked to, with 0 (sanitizers say otherwise), and unmounts.

        A node killed with -9 leaves its mounts behind, as it must; `clean` takes those away.
        """
        for program in reversed(self.scene.programs):
            if program.running:
                self.assertEqual(program.stop(), 0, f"{program.name} did not end cleanly")
        ended = [program.mounted for program in self.scene.programs
                 if isinstance(program, Node) and program.mounted and program.process.returncode == 0]
        left = [point for point, _ in mounts_under(self.scene.root) if pathlib.Path(point) in ended]
        self.assertEqual(left, [], "mounts are left after their node has ended")

    def swarm(self, *names, mount=True, tracker=True, **more):
        """A tracker and one node per name, all members of the swarm `team`, mounted. Returns the nodes."""
        if mount:
            needs_fuse()
        if tracker and self.tracker is None:
            self.tracker = self.scene.tracker()
        nodes = [self.scene.node(name, **more) for name in names]
        invite = nodes[0].create(trackers=[self.tracker.url if self.tracker else "none"])
        for node in nodes[1:]:
            node.join(invite)
        if mount:
            for node in nodes:
                node.mount()
        return nodes

    def connected(self, node, count=1, seconds=60):
        """Waits until `node` is connected to `count` members."""
        wait_until(lambda: len(node.peers()) >= count, seconds, f"{node.name} is connected to {count}")
