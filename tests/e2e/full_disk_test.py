"""A disk without room: what is no longer needed makes some, and a node that stopped on one starts again."""

import errno
import os
import pathlib
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
        self.assertEqual(alice.sees("written").read_bytes(), data)

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
