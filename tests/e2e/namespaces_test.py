"""Nodes that really are elsewhere: each in a network namespace of its own, with an address of its own."""

import os
import subprocess

import content
from harness import SceneTest, Tracker, needs, needs_fuse, needs_root, sanitized, wait_until

FILE_BYTES = (4 << 20) if sanitized() else (32 << 20)


class Namespaces(SceneTest):
    def setUp(self):
        super().setUp()
        needs_root()
        needs("ip", "nsenter")
        needs_fuse()

    def node_at(self, number, name):
        return self.scene.node(name, listen="[::]:6881", namespace=self.scene.namespace(number))

    def limit(self, node, rate):
        """What the node may send."""
        subprocess.run(["ip", "netns", "exec", node.namespace, "tc", "qdisc", "replace", "dev", "eth0", "root", "tbf",
                        "rate", rate, "burst", "256kb", "latency", "100ms"], check=True)

    def test_two_sources_behind_equal_links_each_give_their_share(self):
        tracker = self.scene.add(Tracker(self.scene, host="10.77.0.1", namespace=self.scene.namespace(1))).start()
        alice, bob, carol = self.node_at(2, "alice"), self.node_at(3, "bob"), self.node_at(4, "carol")
        invite = alice.create(trackers=[tracker.url])
        for node in (bob, carol):
            node.join(invite)
        path = content.random_file(self.scene.root / "file", FILE_BYTES)
        alice.cli("share", "team", path)
        wait_until(lambda: bob.json("list", "team")["entries"], 60, "bob lists it")
        bob.download("file", self.scene.root / "bob's")
        for node in (alice, bob):
            self.limit(node, "80mbit")
        wait_until(lambda: len(carol.peers()) == 2, 60, "carol is connected to both")
        wait_until(lambda: carol.json("list", "team")["entries"], 60, "carol lists it")
        answer = carol.download("file", self.scene.root / "carol's")
        self.assertEqual(content.sha256(self.scene.root / "carol's"), content.sha256(path))
        given = {source["node"]: source["bytes"] for source in answer["sources"]}
        self.assertEqual(len(given), 2, f"both gave: {given}")
        self.assertGreater(min(given.values()), FILE_BYTES // 4, f"each gave its share: {given}")

    def test_members_in_three_networks_share_a_file(self):
        tracker = self.scene.add(Tracker(self.scene, host="10.77.0.1", namespace=self.scene.namespace(1))).start()
        alice, bob, carol = self.node_at(2, "alice"), self.node_at(3, "bob"), self.node_at(4, "carol")
        invite = alice.create(trackers=[tracker.url])
        for node in (bob, carol):
            node.join(invite)
        for node in (alice, bob, carol):
            node.mount()
        content.random_file(alice.mounted / "file", FILE_BYTES)
        wanted = content.sha256(alice.mounted / "file")
        self.assertEqual(content.sha256(bob.sees("file", 60)), wanted)
        self.assertEqual(content.sha256(carol.sees("file", 60)), wanted)
        addresses = {peer["address"] for peer in bob.peers()}
        self.assertTrue(any("10.77.0.2" in address for address in addresses), addresses)

        # The cable is pulled: what is stored stays readable, listing never waits, and it heals by itself.
        for words in ("link set eth0 down",):
            subprocess.run(["ip", "-n", bob.namespace, *words.split()], check=True)
        (alice.mounted / "meanwhile").write_text("written while bob was away")
        self.assertEqual(os.listdir(bob.mounted), ["file"])
        self.assertEqual(content.sha256(bob.mounted / "file"), wanted)
        subprocess.run(["ip", "-n", bob.namespace, "link", "set", "eth0", "up"], check=True)
        self.assertEqual(bob.sees("meanwhile", 120).read_text(), "written while bob was away")
        wait_until(lambda: len(bob.peers()) == 2, 120, "bob is connected to both again")
