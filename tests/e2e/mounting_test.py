"""Mounting and unmounting as people do it: options, symbolic links, in the foreground, after a crash, beside others."""

import errno
import os
import pathlib
import signal
import stat
import subprocess
import unittest

import content
from cleanup import mounts_under
from harness import NOBODY, PROGRAMS, Node, SceneTest, as_nobody, is_live_mount, needs_fuse, wait_until

BAD_DATA, UNAVAILABLE, TRY_AGAIN = 65, 69, 75


class Mounting(SceneTest):
    def link_to(self, directory):
        link = self.scene.root / "link"
        link.symlink_to(directory)
        return link

    def test_a_mount_with_ro_refuses_every_write(self):
        alice, bob = self.swarm("alice", "bob")
        (bob.mounted / "file").write_text("from bob")
        alice.sees("file")
        alice.unmount()
        alice.mount(alice.mounted, "-o", "ro")
        self.assertEqual((alice.mounted / "file").read_text(), "from bob")
        for attempt in (lambda: (alice.mounted / "new").write_text("no"), lambda: os.unlink(alice.mounted / "file"),
                        lambda: os.mkdir(alice.mounted / "folder"), lambda: os.truncate(alice.mounted / "file", 0)):
            with self.assertRaises(OSError) as refused:
                attempt()
            self.assertEqual(refused.exception.errno, errno.EROFS)
        (bob.mounted / "later").write_text("still arrives")
        self.assertEqual(alice.sees("later").read_text(), "still arrives")

    def test_symbolic_links_to_a_mount_are_followed(self):
        alice, = self.swarm("alice")
        directory, link = alice.mounted, self.link_to(alice.mounted)
        for given in (link, f"{link}/", f"{link}/../mounts/alice//"):
            with self.subTest(given):
                self.assertEqual(alice.json("unmount", given), {"name": "team", "directory": str(directory)})
                self.assertEqual(alice.json("mount", "team", given), {"name": "team", "directory": str(directory)})
                self.assertTrue(is_live_mount(directory))

    def test_a_mount_that_is_in_use_stays(self):
        alice, = self.swarm("alice")
        with open(alice.mounted / "file", "wb"):
            result = alice.try_cli("unmount", alice.mounted)
            self.assertEqual(result.returncode, TRY_AGAIN, result.stderr)
            self.assertIn("in use", result.stderr)
        wait_until(lambda: alice.try_cli("unmount", alice.mounted).returncode == 0, 20, "it is no longer in use")

    def test_unmounting_what_is_no_mount_says_so(self):
        alice, = self.swarm("alice")
        for given in (self.scene.root, self.scene.root / "missing", "/proc"):
            result = alice.try_cli("unmount", given)
            self.assertEqual(result.returncode, BAD_DATA, result.stderr)
            self.assertIn(f"no swarm is mounted on {given};", result.stderr)

    def test_who_runs_the_node_owns_what_it_mounts(self):
        nobody = as_nobody(self.scene)
        needs_fuse()
        if not os.stat("/dev/fuse").st_mode & stat.S_IWOTH:
            raise unittest.SkipTest("needs /dev/fuse open to every user")
        home, directory = self.scene.root / "home", self.scene.root / "mounts"
        for folder in (home, directory):
            folder.mkdir()
            os.chown(folder, NOBODY, NOBODY)
        node = self.scene.add(Node(self.scene, "nobody", home=home, environment={"SWARMFS_LISTEN": "127.0.0.1:0"}))
        node.within = lambda words: [*nobody, *words]
        node.create()
        self.addCleanup(node.cli, "stop")
        node.cli("mount", "team", directory)
        content.run(*nobody, "mkdir", directory / "mine")
        owners = content.run(*nobody, "stat", "-c", "%u %g", directory, directory / "mine")
        self.assertEqual(owners, f"{NOBODY} {NOBODY}\n" * 2)


class Foreground(SceneTest):
    def mount(self, alice, directory):
        """Returns the command once the directory is live."""
        target = pathlib.Path(os.path.realpath(directory))
        process = subprocess.Popen([PROGRAMS["swarmfs"], "--home", alice.home, "mount", "team", directory, "--foreground"],
                                   env=alice.environment, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.assertIn(str(target), process.stderr.readline())
        self.assertTrue(is_live_mount(target))
        return process

    def setUp(self):
        super().setUp()
        self.alice, = self.swarm("alice")
        self.directory = self.alice.mounted
        self.alice.unmount()

    def test_mount_stays_in_the_foreground_until_anyone_unmounts(self):
        link = self.scene.root / "link"
        link.symlink_to(self.directory)
        for given in (self.directory, link):
            process = self.mount(self.alice, given)
            (self.directory / "file").write_text("written while it stays")
            self.assertIsNone(process.poll())
            self.assertEqual(os.system(f"umount {self.directory}"), 0)
            self.assertEqual(process.wait(30), 0)

    def test_a_signal_ends_it_and_unmounts(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            process = self.mount(self.alice, self.directory)
            process.send_signal(number)
            self.assertEqual(process.wait(30), 0)
            self.assertEqual(mounts_under(self.directory), [])

    def test_it_ends_with_its_node(self):
        process = self.mount(self.alice, self.directory)
        self.assertEqual(self.alice.stop(), 0)
        self.assertEqual(process.wait(30), 0, "the node unmounted")
        self.alice.start()
        process = self.mount(self.alice, self.directory)
        self.alice.kill()
        self.assertEqual(process.wait(30), UNAVAILABLE)
        self.assertIn("ended without unmounting", process.stderr.read())
        self.assertEqual(mounts_under(self.directory), [], "a stale mount is taken away")


class OfOthers(SceneTest):
    """Mounts that the node on this home has not made, or no longer knows."""

    def assert_detached(self, node, given, directory):
        self.assertEqual(node.json("unmount", given), {"name": "team", "directory": str(directory), "stale": True})
        self.assertEqual(mounts_under(directory), [])

    def test_a_stale_mount_is_taken_away_while_no_node_runs(self):
        alice, = self.swarm("alice")
        link = self.scene.root / "link"
        link.symlink_to(alice.mounted)
        for given in (alice.mounted, link, f"{link}/"):
            with self.subTest(given):
                alice.kill()
                self.assert_detached(alice, given, alice.mounted)
                alice.start()
                alice.mount(alice.mounted)

    def test_a_stale_mount_is_taken_away_when_its_node_is_started_again(self):
        alice, = self.swarm("alice")
        alice.kill()
        self.assertEqual(len(mounts_under(alice.mounted)), 1)
        alice.start()
        self.assertEqual(mounts_under(alice.mounted), [])
        self.assertIn("was left mounted by a swarmfsd that died", alice.log.read_text())
        alice.mount(alice.mounted)

    def test_a_live_mount_of_another_node_is_left_alone(self):
        alice, = self.swarm("alice")
        (alice.mounted / "file").write_text("being edited")
        bob = self.scene.add(Node(self.scene, "bob"))
        for state in ("does not run", "runs"):
            with self.subTest(f"bob {state}"):
                if state == "runs":
                    bob.start()
                result = bob.try_cli("unmount", alice.mounted)
                self.assertEqual((result.returncode, result.stdout), (BAD_DATA, ""))
                for word in ('"team"', "another node", f"umount {alice.mounted}", f"unmount {alice.mounted}"):
                    self.assertIn(word, result.stderr)
                self.assertEqual((alice.mounted / "file").read_text(), "being edited")
