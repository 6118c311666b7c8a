"""Limits and pauses with real programs. Byte counts decide: a loaded machine moves less than a limit allows, never more,
so that what is too much is judged strictly and what is too little generously. How exact a limit is, tests in virtual
time say (tests/swarm/throttle_test.cpp, tests/sim/limits_test.cpp)."""

import pathlib
import subprocess
import threading
import time

import harness
from cleanup import wait_until

MIB = 1 << 20
WINDOW_SECONDS = 10
RATE = 2 * MIB


class Limits(harness.SceneTest):
    def pair(self, *files):
        """Alice shares files of these sizes; Bob knows their names."""
        alice = self.scene.node("alice", listen=f"127.0.0.1:{harness.free_port()}")  # the same after a kill
        bob = self.scene.node("bob")
        bob.join(alice.create())
        folder = self.scene.root / "shared"
        folder.mkdir()
        for number, size in enumerate(files):
            with open("/dev/urandom", "rb") as dice:
                (folder / f"file{number}").write_bytes(dice.read(size))
        alice.cli("share", alice.swarm, folder, "--once")
        wait_until(lambda: len(bob.json("list", bob.swarm, "shared")["entries"]) == len(files)
                   if bob.try_cli("list", bob.swarm, "shared").returncode == 0 else False, 30, "bob knows the files")
        return alice, bob

    def download(self, node, path, out):
        """A `swarmfs download` that runs; it is ended with its scene."""
        process = subprocess.Popen(
            [harness.PROGRAMS["swarmfs"], "--home", node.home, "download", node.swarm, path, "-o", out],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=node.environment)
        self.addCleanup(lambda: (process.kill() if process.poll() is None else None, process.communicate()))
        return process

    def moved_in_a_window(self, node, key):
        """(bytes, seconds) by the node's own count."""
        begin, before = time.monotonic(), node.status()[key]
        # The count may be of any moment between asking for it and its answer: both are within the seconds.
        threading.Event().wait(WINDOW_SECONDS)  # tidy: sleep because the window is what is measured
        after, end = node.status()[key], time.monotonic()
        return after - before, end - begin

    def assert_rate(self, moved, seconds, rate):
        self.assertLess(moved, rate * seconds * 1.05, f"{moved} bytes in {seconds:.2f} s at {rate} bytes a second")
        self.assertGreater(moved, rate * seconds * 0.5, f"{moved} bytes in {seconds:.2f} s at {rate} bytes a second")

    def test_what_is_sent_and_what_is_fetched_keep_to_their_limits(self):
        alice, bob = self.pair(256 * MIB)
        for node, words, key in ((alice, ("--up", "2M"), "sent_bytes"), (bob, (bob.swarm, "--down", "2M"), "received_bytes")):
            limits = node.json("limit", *words)["limits"]
            self.assertIn(RATE, [limit["up" if node is alice else "down"] for limit in limits])
            process = self.download(bob, "shared/file0", self.scene.root / "copy")
            before = node.status()[key]
            wait_until(lambda key=key, node=node, before=before: node.status()[key] > before + MIB, 60, "it moves")
            moved, seconds = self.moved_in_a_window(node, key)
            self.assert_rate(moved, seconds, RATE)
            self.assertIsNone(process.poll())
            process.kill()
            process.wait(30)
            node.cli("limit", *words[:-1], "none")
        copy = self.scene.root / "copy"
        bob.download("shared/file0", copy)
        self.assertEqual(copy.read_bytes(), (self.scene.root / "shared" / "file0").read_bytes())

    def test_limits_survive_a_kill_and_are_shown(self):
        alice = self.scene.node("alice")
        alice.create()
        alice.cli("limit", "--up", "500k", "--schedule", "up=1M", "--schedule", "mon-fri 08:00-18:00 down=4M")
        alice.kill()
        alice.start()
        limit = alice.json("status")["limits"][0]
        self.assertEqual(limit["up"], 500 * 1024)
        self.assertEqual(limit["now_up"], MIB)
        self.assertEqual(limit["schedule"], ["up=1M", "mon-fri 08:00-18:00 down=4M"])
        self.assertIn("up 1.0 MiB/s", alice.cli("status"))
        self.assertIn("500 KiB/s", alice.cli("limit"))
        for words in (("--up", "fast"), ("nobody", "--up", "1M"), ("--schedule", "mon")):
            self.assertEqual(alice.try_cli("limit", *words).returncode, 65)

    def test_a_paused_file_goes_on_after_a_kill_where_it_was(self):
        _, bob = self.pair(24 * MIB)
        bob.cli("limit", "--down", "4M")
        out = self.scene.root / "copy"
        process = self.download(bob, "shared/file0", out)
        wait_until(lambda: bob.status()["received_bytes"] > 4 * MIB, 60, "a part of it has come")
        bob.cli("pause", bob.swarm, "shared/file0")
        wait_until(lambda: [one["paused"] for one in bob.status()["transfers"]] == [True], 30, "the download waits")
        self.assertIn("paused", bob.cli("status"))
        bob.kill()
        self.assertNotEqual(process.wait(60), 0)
        bob.start()
        self.assertEqual(bob.status()["paused"]["paths"], ["shared/file0"])
        here = bob.json("list", bob.swarm, "shared")["entries"][0]["stored_bytes"]
        self.assertGreater(here, 2 * MIB)
        bob.cli("limit", "--down", "none")
        process = self.download(bob, "shared/file0", out)
        wait_until(lambda: [one["paused"] for one in bob.status()["transfers"]] == [True], 30, "it waits again")
        self.assertEqual(bob.status()["received_bytes"], 0)
        bob.cli("resume", bob.swarm, "shared/file0")
        self.assertEqual(process.wait(120), 0)
        self.assertEqual(out.read_bytes(), (self.scene.root / "shared" / "file0").read_bytes())
        # Of what was here, nothing came again but what a kill may take back.
        self.assertLess(bob.status()["received_bytes"], 24 * MIB - here + MIB)

    def test_a_paused_download_waits_after_a_kill_when_it_is_started_anew(self):
        _, bob = self.pair(8 * MIB)
        bob.cli("limit", "--down", "1M")
        out = self.scene.root / "copy"
        self.assertEqual(bob.try_cli("pause", "--transfer", out).returncode, 65)
        process = self.download(bob, "shared/file0", out)
        wait_until(lambda: bob.status()["transfers"], 30, "it is listed")
        bob.cli("pause", "--transfer", out)
        bob.kill()
        self.assertNotEqual(process.wait(60), 0)
        bob.start()
        bob.cli("limit", "--down", "none")
        bob.download("shared/file0", self.scene.root / "another")  # which is another download
        process = self.download(bob, "shared/file0", out)
        wait_until(lambda: [one["paused"] for one in bob.status()["transfers"]] == [True], 30, "it waits")
        bob.cli("resume", "--transfer", out)
        self.assertEqual(process.wait(60), 0)

    def test_a_paused_swarm_serves_nothing_until_it_is_resumed(self):
        alice, bob = self.pair(4 * MIB)
        alice.cli("pause")
        alice.kill()
        alice.start()
        self.assertIn("paused    everything", alice.cli("status"))
        process = self.download(bob, "shared/file0", self.scene.root / "copy")
        wait_until(lambda: alice.peers() and bob.status()["transfers"], 60, "they are connected again")
        self.assertEqual(bob.status()["received_bytes"], 0)
        alice.cli("resume", alice.swarm)
        self.assertEqual(process.wait(60), 0)


if __name__ == "__main__":
    raise SystemExit(f"run it with run.py: {pathlib.Path(__file__).name}")
