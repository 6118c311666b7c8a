"""A disk without room: what is no longer needed makes some, and a node that stopped on one starts again."""

import errno
import os
import pathlib
import shutil
import subprocess
import unittest

from harness import SceneTest, needs, needs_fuse, needs_root, wait_until


class SmallDisk(SceneTest):
    BYTES = 64 << 20

    def setUp(self):
        super().setUp()
        needs_root()
        needs_fuse()
        needs("mount")
        self.small = pathlib.Path(self.scene.root / "small")
        self.small.mkdir()
        made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={self.BYTES}", "tmpfs", self.small],
                              capture_output=True, check=False)
        if made.returncode != 0:
            raise unittest.SkipTest("cannot mount a small tmpfs here")
        self.addCleanup(subprocess.run, ["umount", "-l", self.small], check=False)

    def room(self):
        disk = os.statvfs(self.small)
        return disk.f_bavail * disk.f_frsize

    def content_bytes(self, node):
        return sum(file.stat().st_blocks * 512 for file in (node.home / "content").rglob("*") if file.is_file())


class Room(SmallDisk):
    def test_removing_what_was_fetched_makes_room_for_what_is_written(self):
        alice, = self.swarm("alice")
        (alice.mounted / "large").write_bytes(os.urandom(self.BYTES * 3 // 2))
        bob = self.scene.node("bob", home=self.small / "home")
        bob.join(alice.json("invite", "team")["invite"])
        bob.mount()
        with self.assertRaises(OSError):
            bob.sees("large").read_bytes()
        self.assertLess(self.room(), 1 << 20, "half a file fills the disk")
        data = os.urandom(6 << 20)
        with self.assertRaises(OSError) as full:
            (bob.mounted / "written").write_bytes(data)
        self.assertEqual(full.exception.errno, errno.ENOSPC)
        os.unlink(bob.mounted / "large")
        # The swarm lets go of a file a moment after its name has gone.
        wait_until(lambda: self.written(bob.mounted / "written", data), 20, "there is room again")
        wait_until(lambda: alice.sees("written").read_bytes() == data, 20, "others have what was written")

    def written(self, path, data):
        try:
            path.write_bytes(data)
        except OSError as error:
            self.assertEqual(error.errno, errno.ENOSPC)
            return False
        return True

    def test_leaving_frees_every_version_of_every_file(self):
        alice = self.scene.node("alice")
        alice.create()
        alice.mount()
        for version in range(5):
            (alice.mounted / "file").write_bytes(os.urandom(2 << 20))
            wait_until(lambda done=version + 1: self.contents(alice) == done, 20, "the version is published")
        os.unlink(alice.mounted / "file")
        self.assertGreaterEqual(self.content_bytes(alice), 10 << 20, "what was deleted can be undone for 7 days")
        alice.unmount()
        alice.cli("leave", "team")
        self.assertEqual(self.content_bytes(alice), 0)

    @staticmethod
    def contents(node):
        return node.json("status")["store"]["contents"]


class Restart(SmallDisk):
    def fill(self):
        """Takes the last byte of room, as somebody else's files do."""
        with open(self.small / "filler", "ab", buffering=0) as filler:
            for size in (1 << 20, 4096):
                try:
                    while True:
                        filler.write(bytes(size))
                except OSError as error:
                    self.assertEqual(error.errno, errno.ENOSPC)
        self.assertEqual(self.room(), 0)

    def test_a_node_that_stopped_on_a_full_disk_starts_again(self):
        for end in ("stop", "kill"):
            with self.subTest(end):
                alice = self.scene.node(f"alice {end}", home=self.small / end)
                alice.create()
                alice.mount()
                for number in range(200):
                    (alice.mounted / f"file{number}").write_bytes(b"small" * (number + 1))
                (alice.mounted / "large").write_bytes(bytes(1 << 20))
                self.fill()
                if end == "stop":
                    self.assertEqual(alice.stop(), 0)
                else:
                    alice.kill()
                for _ in range(3):
                    self.fill()
                    alice.start()
                    self.assertEqual(len(alice.json("list", "team")["entries"]), 201)
                    self.assertEqual(alice.stop(), 0)
                os.unlink(self.small / "filler")
                alice.start()
                alice.mount(self.scene.root / "mounts" / f"again {end}")
                self.assertEqual((alice.mounted / "file199").read_bytes(), b"small" * 200)
                self.assertEqual(alice.stop(), 0)
                shutil.rmtree(alice.home)
