"""What keeps a node from starting is said, with a documented exit code and what to try."""

import os
import shutil

from harness import NOBODY, Node, as_nobody, wait_until
from refusals import BAD_DATA, CONFIGURATION, NO_PERMISSION, TRY_AGAIN, UNAVAILABLE, Refusals


class Starting(Refusals):
    def test_a_port_in_use_is_named(self):
        alice = self.scene.node("alice")
        address = alice.json("status")["listen"]
        self.not_started(self.scene.add(Node(self.scene, "bob", listen=address)), UNAVAILABLE, address.rsplit(":", 1)[1])

    def test_two_daemons_on_one_home_the_second_leaves(self):
        alice = self.scene.node("alice")
        second = self.scene.add(Node(self.scene, "second", home=alice.home))
        self.not_started(second, TRY_AGAIN, str(alice.home))
        self.assertEqual(alice.json("status")["swarms"], [])

    def test_a_home_that_is_no_directory_is_named(self):
        (self.scene.root / "file").write_text("not a directory")
        node = self.scene.add(Node(self.scene, "blocked", home=self.scene.root / "file" / "home"))
        self.not_started(node, CONFIGURATION, str(node.home), "--home")
        self.refused(node.try_cli("create", "team"), CONFIGURATION, str(node.home), "--home")

    def test_a_home_that_is_a_link_to_nowhere_is_named(self):
        os.symlink("nowhere", self.scene.root / "link")
        for home in ("link", "link/home"):
            node = self.scene.add(Node(self.scene, home.replace("/", "-"), home=self.scene.root / home))
            self.not_started(node, CONFIGURATION, str(node.home), "--home")
            self.refused(node.try_cli("create", "team"), CONFIGURATION, str(node.home), "--home")
        self.assertIn("a symbolic link that leads nowhere", self.scene.programs[0].log_tail())

    def test_an_unwritable_home_is_named_by_the_daemon_and_by_a_command_that_would_start_it(self):
        nobody = as_nobody(self.scene)
        home = self.scene.root / "home"
        home.mkdir()
        os.chown(home, NOBODY, NOBODY)
        home.chmod(0o500)
        node = self.scene.add(Node(self.scene, "blocked", home=home))
        node.within = lambda words: [*nobody, *words]
        for words in (["create", "team"], ["list"], ["mount", self.scene.root]):
            self.refused(node.try_cli(*words), NO_PERMISSION, str(home), "Permission denied", "--home")
        self.not_started(node, NO_PERMISSION, str(home), "Permission denied", "--home")
        self.assertEqual(os.listdir(home), [])

    def test_what_is_in_the_home_and_belongs_to_another_user_is_named_with_the_way_out(self):
        node = self.node_of_nobody()
        home = node.home
        membership, = (home / "swarms").iterdir()
        for path in (home / "db", home / "content", home / "staging", home / "swarms", home / "node.key",
                     home / "db/tables.mdb", membership):
            with self.subTest(path):
                node.cli("stop")
                os.chown(path, 0, 0)
                self.refused(node.try_cli("list"), NO_PERMISSION, str(path), "Permission denied",
                             f"chown -R USER {home}")
                os.chown(path, NOBODY, NOBODY)
                self.assertEqual(node.json("list"), {"entries": []})
        node.cli("stop")
        shutil.rmtree(home / "staging")
        (home / "staging").touch()
        self.refused(node.try_cli("list"), CONFIGURATION, f"{home}/staging: Not a directory")
        (home / "staging").unlink()

    def test_wrong_settings_are_named(self):
        for number, (line, word) in enumerate((("lisen = '[::]:1'", "lisen"), ("log_level = 'loud'", "debug, info"),
                                               ("bootstrap = ['foo']", '"foo"'))):
            with self.subTest(line):
                node = self.scene.add(Node(self.scene, f"node{number}", settings=line + "\n"))
                self.not_started(node, CONFIGURATION, "swarmfs.toml, line 1", word)
                self.refused(node.try_cli("list"), CONFIGURATION, "swarmfs.toml, line 1", word)

    def test_a_key_file_others_can_read_is_refused(self):
        alice = self.scene.node("alice")
        self.assertEqual(alice.stop(), 0)
        os.chmod(alice.home / "node.key", 0o644)
        self.not_started(alice, CONFIGURATION, "node.key")


class LostKey(Refusals):
    """A node without its key is another node; what its messages say brings it back into its swarms."""

    def share(self, node, name):
        (self.scene.root / name).write_text(name)
        node.cli("share", "team", self.scene.root / name)

    def sees(self, node, names):
        wait_until(lambda: {entry["name"] for entry in node.json("list", "team")["entries"]} == names, 60,
                   f"{node.name} sees {names}")

    def lose_key(self, node):
        """Its key is damaged, and moved away as the node says."""
        before = node.json("status")["node"]
        self.assertEqual(node.stop(), 0)
        (node.home / "node.key").write_text("damaged\n")
        self.not_started(node, CONFIGURATION, "node.key", "move it away", "with a new invite")
        (node.home / "node.key").unlink()
        node.start()
        self.assertNotEqual(node.json("status")["node"], before)

    def test_a_member_joins_again_with_a_new_invite(self):
        alice, bob = self.swarm("alice", "bob", mount=False)
        self.share(bob, "before")
        self.sees(alice, {"before"})
        folder = self.scene.root / "watched"
        folder.mkdir()
        bob.cli("share", "team", folder)
        self.lose_key(bob)
        self.assertEqual(bob.status()["role"], "expired")
        self.assertRegex(bob.status()["last_error"], "another node.*swarmfs join INVITE")
        self.assertIn("problem ", bob.cli("status"))
        self.refused(bob.try_cli("share", "team", self.scene.root / "bob.log"), NO_PERMISSION, "swarmfs join INVITE")
        self.assertEqual(bob.join(alice.json("invite", "team")["invite"], "other")["name"], "team")
        self.assertEqual((bob.status()["role"], bob.status()["last_error"]), ("write", ""))
        self.assertEqual(bob.status()["shares"], [str(folder)])
        self.share(bob, "after")
        self.share(alice, "answer")
        for node in (alice, bob):
            self.sees(node, {"before", "after", "answer", "watched"})
        self.refused(bob.try_cli("join", "-", stdin=alice.json("invite", "team")["invite"] + "\n"), BAD_DATA,
                     "joined already", "swarmfs leave team")

    def test_who_made_the_swarm_needs_no_invite(self):
        alice, bob = self.swarm("alice", "bob", mount=False)
        self.share(alice, "before")
        self.lose_key(alice)
        self.assertEqual((alice.status()["role"], alice.status()["last_error"]), ("admin", ""))
        self.share(alice, "after")
        for node in (alice, bob):
            self.sees(node, {"before", "after"})
        carol = self.scene.node("carol")
        carol.join(alice.json("invite", "team")["invite"])
        self.sees(carol, {"before", "after"})
