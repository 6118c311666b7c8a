"""`read_quorum` with three members on real mounts: files open while enough of them show the same version, and fail
with EIO, and a reason in `swarmfs status`, when too few do."""

import errno
import os
import pathlib
import signal
import statistics
import subprocess
import time

import harness
from cleanup import wait_until

POLICY = """["two"]
read_quorum = 2
["three"]
read_quorum = 3
["probe"]
read_quorum = 64
"""
READ_TIMEOUT = 4
SLACK = 10  # a loaded machine
UNAVAILABLE = 69


class ReadQuorum(harness.SceneTest):
    def team(self):
        """Alice, Bob and Carol, mounted, without a tracker, and the policy in force on all of them."""
        nodes = self.swarm("alice", "bob", "carol", mount=False, tracker=False)
        for node in nodes:
            node.mount(None, "-o", f"read_timeout={READ_TIMEOUT}s")
        alice, bob, carol = nodes
        for node in (alice, bob, carol):
            self.connected(node, 2)
        for name in ("free", "two", "three", "probe"):
            (alice.mounted / name).mkdir()
            (alice.mounted / name / "file").write_bytes(b"first")
        (alice.mounted / ".swarmfs.toml").write_text(POLICY, encoding="utf-8")
        for node in nodes:
            node.sees("probe/file")
            wait_until(lambda node=node: self.fails(node.mounted / "probe/file"), 60, f"{node.name} knows the policy")
        return nodes

    def fails(self, path):
        """Whether opening fails with EIO; any other failure fails the test."""
        try:
            os.close(os.open(path, os.O_RDONLY))
            return False
        except OSError as error:
            self.assertEqual(error.errno, errno.EIO, error)
            return True

    def timed_failure(self, path):
        begin = time.monotonic()
        self.assertTrue(self.fails(path))
        return time.monotonic() - begin

    def opened_in(self, path, count=40):
        """The median of how long it takes to open it, in seconds."""
        times = []
        for _ in range(count):
            begin = time.monotonic()
            os.close(os.open(path, os.O_RDONLY))
            times.append(time.monotonic() - begin)
        self.assertLess(max(times), 5)
        return statistics.median(times)

    def test_with_enough_members_files_open_and_what_it_takes(self):
        alice, bob, _ = self.team()
        for name in ("two", "three"):
            self.assertEqual((bob.mounted / name / "file").read_bytes(), b"first")
        free = self.opened_in(bob.mounted / "free/file")
        for name in ("two", "three"):
            confirmed = self.opened_in(bob.mounted / name / "file")
            print(f"opening under a quorum of {name}: {(confirmed - free) * 1e6:.0f} us more than {free * 1e6:.0f} us")
        # What is written here opens here once it is published and others show it.
        for number in range(10):
            (alice.mounted / "three/new").write_text(str(number), encoding="utf-8")
            self.assertEqual((alice.mounted / "three/new").read_text(encoding="utf-8"), str(number))
        self.assertEqual((bob.mounted / "three/new").read_text(encoding="utf-8"), "9")

    def test_with_too_few_members_opening_fails_in_time_and_status_says_why(self):
        _, bob, carol = self.team()
        self.assertFalse(self.fails(bob.mounted / "three/file"))
        carol.process.send_signal(signal.SIGSTOP)
        stat = pathlib.Path(f"/proc/{carol.process.pid}/stat")
        wait_until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T", 30, "Carol stands still")
        try:
            took = self.timed_failure(bob.mounted / "three/file")
            self.assertGreater(took, READ_TIMEOUT - 0.5)
            self.assertLess(took, READ_TIMEOUT + SLACK)
            self.assertRegex(bob.cli("status"), '(?m)^  problem   "file" could not be opened: 2 other members have to '
                                                r"confirm its version \(read_quorum = 3\), .* 1 did, .* 1 did not answer")
            self.assertEqual((bob.mounted / "two/file").read_bytes(), b"first")  # Alice's word suffices
            os.stat(bob.mounted / "three/file")
            self.assertEqual(os.listdir(bob.mounted / "three"), ["file"])
        finally:
            carol.process.send_signal(signal.SIGCONT)
        wait_until(lambda: not self.fails(bob.mounted / "three/file"), 60, "it opens again")
        self.assertNotIn("could not be opened", bob.cli("status"))

        self.assertEqual(carol.stop(), 0)
        wait_until(lambda: len(bob.peers()) == 1, 30, "Carol has left")
        self.assertLess(self.timed_failure(bob.mounted / "three/file"), READ_TIMEOUT + SLACK)
        self.assertRegex(bob.cli("status"), "could not be opened: 2 other members have to confirm its version")

        reader = subprocess.Popen(["cat", bob.mounted / "three/file"], stdout=subprocess.DEVNULL)
        reader.kill()
        self.assertEqual(reader.wait(SLACK), -signal.SIGKILL)

    def test_who_is_cut_off_does_not_open_what_others_have_replaced(self):
        alice, bob, carol = self.team()
        for name in ("free", "two"):
            self.assertEqual((bob.mounted / name / "file").read_bytes(), b"first")
        others = [node.json("status")["node"] for node in (alice, carol)]
        for node in others:
            bob.cli("block", node)
        wait_until(lambda: not bob.peers(), 30, "nobody is connected to Bob")
        for name in ("free", "two"):
            (alice.mounted / name / "file").write_bytes(b"second")
        carol_reads = lambda: (carol.mounted / "two/file").read_bytes() == b"second"
        wait_until(carol_reads, 30, "Carol reads what Alice wrote")
        self.assertEqual((bob.mounted / "free/file").read_bytes(), b"first")  # what Bob knows
        self.assertTrue(self.fails(bob.mounted / "two/file"))
        for node in others:
            bob.cli("unblock", node)

        def read():
            """What Bob reads; nothing when it cannot be opened."""
            try:
                return (bob.mounted / "two/file").read_bytes()
            except OSError as error:
                self.assertEqual(error.errno, errno.EIO, error)
                return None
        seen = []
        wait_until(lambda: seen.append(read()) or seen[-1], 60, "it opens again")
        self.assertEqual(seen[-1], b"second")

    def test_a_download_copies_out_what_others_confirm(self):
        alice, bob, carol = self.team()
        for number in range(300):  # more than are under way at once
            (alice.mounted / "two" / f"file{number}").write_text(str(number), encoding="utf-8")
        bob.sees("two/file299")
        out = self.scene.root / "out"
        self.assertEqual(bob.download("two", out)["files"], 301)
        self.assertEqual((out / "file299").read_text(encoding="utf-8"), "299")
        for node in (alice, carol):
            self.assertEqual(node.stop(), 0)
        wait_until(lambda: not bob.peers(), 30, "Bob is alone")
        failed = bob.try_cli("download", bob.swarm, "two/file", "-o", self.scene.root / "copy")
        self.assertEqual(failed.returncode, UNAVAILABLE, failed.stderr)
        self.assertRegex(failed.stderr, '"two/file" is not copied out: 1 other member has to confirm its version')
        self.assertFalse((self.scene.root / "copy").exists())
        bob.download("free/file", self.scene.root / "copy")
        self.assertEqual((self.scene.root / "copy").read_bytes(), b"first")
