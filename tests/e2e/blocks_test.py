"""Blocking with real programs: sessions end, reads go elsewhere or fail, a kill changes nothing, unblocking heals."""

import json
import pathlib
import subprocess

import content
import harness
from cleanup import wait_until

MIB = 1 << 20
FILE_BYTES = 16 * MIB
UNAVAILABLE, USAGE, WRONG = 69, 64, 65


class Blocks(harness.SceneTest):
    def node_id(self, node):
        return node.json("status")["node"]

    def connected_ids(self, node):
        return {peer["node"] for peer in node.peers()}

    def share(self, *others):
        """Alice, who is there already, shares a file that the others know the name of. Returns its path."""
        alice = self.scene.programs[-1 - len(others)]
        path = content.random_file(self.scene.root / "file", FILE_BYTES)
        alice.cli("share", alice.swarm, path, "--once")
        for other in others:
            wait_until(lambda other=other: "file" in [one["name"] for one in
                                                      other.json("list", other.swarm)["entries"]],
                       60, f"{other.name} lists it")
        return path

    def download(self, node, out):
        process = subprocess.Popen(
            [harness.PROGRAMS["swarmfs"], "--home", node.home, "--json", "download", node.swarm, "file", "-o", out],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=node.environment)
        self.addCleanup(lambda: (process.kill() if process.poll() is None else None, process.communicate()))
        return process

    def test_a_download_goes_on_from_others_when_its_peer_is_blocked_and_a_kill_changes_nothing(self):
        alice, bob, carol = self.swarm("alice", "bob", "carol", mount=False)
        alices, bobs, carols = map(self.node_id, (alice, bob, carol))
        path = self.share(bob, carol)
        carol.download("file", self.scene.root / "carols")
        self.connected(bob, 2)
        bob.cli("limit", "--down", "2M")
        out = self.scene.root / "bobs"
        process = self.download(bob, out)
        wait_until(lambda: bob.status()["received_bytes"] > MIB, 60, "a part of it has come")
        answer = bob.json("block", alices[:16])
        self.assertEqual(answer, {"node": alices, "blocked": True, "changed": True})
        wait_until(lambda: self.connected_ids(bob) == {carols}, 20, "the session is over here")
        wait_until(lambda: bobs not in self.connected_ids(alice), 20, "and there")
        bob.cli("limit", "--down", "none")
        said, errors = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 0, errors)
        fetched = json.loads(said)
        self.assertEqual(content.sha256(out), content.sha256(path))
        by_node = {source["node"]: source for source in fetched["sources"]}
        self.assertEqual(by_node[carols]["path"], "direct")
        self.assertGreater(by_node[carols]["bytes"], MIB)

        bob.kill()
        bob.start()
        wait_until(lambda: self.connected_ids(bob) == {carols}, 60, "she is found again, and alice is not")
        listed = bob.json("peers")
        self.assertEqual([one["node"] for one in listed["blocked"]], [alices])
        lines = bob.cli("peers").splitlines()
        self.assertEqual(lines[0].split()[:6], ["NODE", "PATH", "RTT", "DOWN", "UP", "SCORE"])
        self.assertTrue(any(line.startswith(alices[:16]) and " blocked " in line for line in lines), lines)
        self.assertTrue(any(line.startswith(carols[:16] + "  direct ") for line in lines), lines)
        self.assertIn(f"blocked   {alices[:16]}", bob.cli("status"))
        # Alice may dial as often as she likes.
        alice.kill()
        alice.start()
        wait_until(lambda: self.connected_ids(alice) == {carols}, 60, "alice is back")
        self.assertEqual(self.connected_ids(bob), {carols})

        self.assertIn("is let in again", bob.cli("unblock", alices))
        wait_until(lambda: self.connected_ids(bob) == {alices, carols}, 60, "bob and alice are connected again")
        self.assertEqual(bob.json("peers")["blocked"], [])
        self.assertIn("was not blocked", bob.cli("unblock", alices[:16]))

    def test_what_only_a_blocked_node_has_cannot_be_had_until_it_is_unblocked(self):
        alice, bob = self.swarm("alice", "bob", mount=False)
        path = self.share(bob)
        alice.cli("block", self.node_id(bob))  # who accepts may refuse as well as who dials
        wait_until(lambda: not bob.peers() and not alice.peers(), 20, "the session is over")
        out = self.scene.root / "out"
        refused = bob.try_cli("download", bob.swarm, "file", "-o", out)
        self.assertEqual(refused.returncode, UNAVAILABLE, refused.stderr)
        self.assertEqual(bob.status()["received_bytes"], 0)
        alice.kill()
        alice.start()
        self.assertEqual(alice.peers(), [])
        process = self.download(bob, out)
        alice.cli("unblock", self.node_id(bob))
        self.assertEqual(process.wait(120), 0)
        self.assertEqual(content.sha256(out), content.sha256(path))

    def test_a_peer_that_cannot_be_meant_is_refused_with_words(self):
        alice = self.scene.node("alice")
        alice.create()
        for words, code in (((), USAGE), (("abc",), WRONG), (("deadbeef",), WRONG), ((self.node_id(alice),), WRONG)):
            refused = alice.try_cli("block", *words)
            self.assertEqual(refused.returncode, code, refused.stderr)
        self.assertIn("`swarmfs peers` shows", alice.try_cli("block", "deadbeef").stderr)
        self.assertIn("blocked   none", alice.cli("status"))


if __name__ == "__main__":
    raise SystemExit(f"run it with run.py: {pathlib.Path(__file__).name}")
