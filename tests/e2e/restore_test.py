"""What was deleted is brought back, by whoever has it or can still have it, and everybody sees it."""

import os
import pathlib
import shutil

import harness
from harness import wait_until

MIB = 1 << 20
WEEK_MS = 7 * 24 * 3600 * 1000


class Restore(harness.SceneTest):
    def restorable(self, node, *path):
        return {one["path"]: one for one in node.json("restore", "team", *path, "--list")["versions"]}

    def gone(self, node, name):
        wait_until(lambda: not (node.mounted / name).exists(), 20, f"{name} has gone")

    def test_what_another_member_deleted_is_listed_and_comes_back_for_all(self):
        alice, bob = self.swarm("alice", "bob")
        small, large = os.urandom(1000), os.urandom(3 * MIB)
        (alice.mounted / "folder/empty").mkdir(parents=True)
        (alice.mounted / "folder/small").write_bytes(small)
        (alice.mounted / "folder/large").write_bytes(large)
        os.chmod(alice.mounted / "folder/small", 0o640)
        os.setxattr(alice.mounted / "folder/small", "user.kind", b"letter")
        os.symlink("small", alice.mounted / "folder/link")
        mtime = 1_700_000_000_123_456_789
        os.utime(alice.mounted / "folder/large", ns=(mtime, mtime))
        for name in ("small", "large", "link", "empty"):
            bob.sees(f"folder/{name}")
        wait_until(lambda: os.stat(bob.mounted / "folder/large").st_mtime_ns == mtime, 20, "bob sees the time")
        wait_until(lambda: os.listxattr(bob.mounted / "folder/small"), 20, "bob sees the attribute")
        self.assertEqual((bob.mounted / "folder/small").read_bytes(), small)
        self.assertEqual(self.restorable(bob, "folder/large"), {}, "nothing was deleted")
        shutil.rmtree(bob.mounted / "folder")
        self.gone(alice, "folder")

        found = self.restorable(alice)
        self.assertEqual(set(found), {"folder", "folder/empty", "folder/small", "folder/large", "folder/link"})
        one = found["folder/large"]
        self.assertEqual((one["kind"], one["size"], one["stored_bytes"], one["deleted"], one["version"]),
                         ("file", len(large), len(large), True, 1))
        self.assertEqual(one["by"], bob.json("status")["node"])
        self.assertEqual(one["author"], alice.json("status")["node"])
        self.assertEqual(one["until_ms"] - one["at_ms"], WEEK_MS)
        self.assertIn("/folder/large", alice.cli("restore", "team"))

        # Bob never read the large file: its bytes come from Alice before it is published.
        self.assertEqual(self.restorable(bob)["folder/large"]["stored_bytes"], 0)
        answer = bob.json("restore", "team", "folder")
        self.assertEqual((answer["failed_files"], answer["bytes"]), (0, len(small) + len(large)))
        back = alice.sees("folder/large")
        wait_until(lambda: back.exists() and back.read_bytes() == large, 20, "alice sees what came back")
        self.assertEqual(back.stat().st_mtime_ns, mtime)
        for node in (alice, bob):
            for name in ("small", "link", "empty"):
                node.sees(f"folder/{name}")
            self.assertEqual((node.mounted / "folder/small").read_bytes(), small)
            self.assertEqual((node.mounted / "folder/small").stat().st_mode & 0o777, 0o640)
            self.assertEqual(os.getxattr(node.mounted / "folder/small", "user.kind"), b"letter")
            self.assertEqual(os.readlink(node.mounted / "folder/link"), "small")
            self.assertEqual(self.restorable(node), {}, "what came back is not listed any more")

    def test_a_taken_name_is_refused_and_another_one_or_an_older_version_is_chosen(self):
        alice, = self.swarm("alice", tracker=False)
        path = alice.mounted / "file"
        for text in (b"first", b"second", b"third"):
            path.write_bytes(text)
            wait_until(lambda: os.getxattr(path, "user.swarmfs.state") == b"stored", 20, "it is published")
        path.unlink()
        path.write_bytes(b"another")
        wait_until(lambda: os.getxattr(path, "user.swarmfs.state") == b"stored", 20, "it is published")
        refused = alice.try_cli("restore", "team", "file")
        self.assertEqual(refused.returncode, 65, refused.stderr)
        self.assertIn("--as", refused.stderr)
        self.assertEqual(path.read_bytes(), b"another")
        alice.cli("restore", "team", "file", "--as", "new/place")
        self.assertEqual(alice.sees("new/place").read_bytes(), b"third")
        alice.cli("restore", "team", "file", "--as", "oldest", "--version", "3")
        self.assertEqual(alice.sees("oldest").read_bytes(), b"first")
        refused = alice.try_cli("restore", "team", "file", "--as", "none", "--version", "4")
        self.assertEqual(refused.returncode, 65, refused.stderr)
        refused = alice.try_cli("restore", "team", "file", "--as", "oldest/below")
        self.assertEqual(refused.returncode, 65, refused.stderr)
        self.assertIn("no directory", refused.stderr)
        refused = alice.try_cli("restore", "team", "never")
        self.assertEqual(refused.returncode, 65, refused.stderr)
        self.assertIn("within seven days", refused.stderr)
        self.assertEqual(alice.try_cli("restore", "team", "--as", "x").returncode, 64)

    def test_what_nobody_has_is_not_published_and_a_reader_restores_nothing(self):
        alice, bob = self.swarm("alice", "bob")
        reader = self.scene.node("reader")
        reader.join(alice.json("invite", "team", "--read-only")["invite"])
        (alice.mounted / "file").write_bytes(os.urandom(MIB))
        bob.sees("file")
        (bob.mounted / "file").unlink()
        self.gone(alice, "file")
        wait_until(lambda: self.restorable(reader), 20, "the reader knows of it")
        refused = reader.try_cli("restore", "team", "file")
        self.assertEqual(refused.returncode, 77, refused.stderr)
        alice.unmount()
        self.assertEqual(alice.stop(), 0)
        refused = bob.try_cli("restore", "team", "file")
        self.assertEqual(refused.returncode, 69, refused.stderr)
        self.assertIn("no member that is connected has", refused.stderr)
        self.assertFalse((bob.mounted / "file").exists())
        alice.start()
        self.connected(bob)
        bob.cli("restore", "team", "file")
        self.assertEqual(bob.sees("file").stat().st_size, MIB)


if __name__ == "__main__":
    raise SystemExit(f"run it with run.py: {pathlib.Path(__file__).name}")
