"""Extended attributes on a mount: what programs set travels, and the file system answers with some of its own.

Reports of the node in /.swarmfs, too.
"""

import errno
import hashlib
import json
import os
import subprocess

import content
from harness import SceneTest, needs, wait_until

OWN = "user.swarmfs."


def attributes(path):
    """{name: value} of all that are listed."""
    found = {}
    for name in os.listxattr(path):
        try:
            found[name] = os.getxattr(path, name)
        except OSError as error:
            if error.errno != errno.ENODATA:  # it was removed since it was listed
                raise
    return found


def own(path, name):
    return os.getxattr(path, OWN + name).decode()


class Attributes(SceneTest):
    def refused(self, number, act, *arguments):
        with self.assertRaises(OSError) as caught:
            act(*arguments)
        self.assertEqual(caught.exception.errno, number, f"{caught.exception}")

    def test_attributes_travel_with_the_file_and_survive_remounting_renaming_and_new_versions(self):
        needs("setfattr", "getfattr")
        alice, bob = self.swarm("alice", "bob")
        here = alice.mounted / "file"
        here.write_bytes(b"1")
        (alice.mounted / "folder").mkdir()
        wanted = {"user.mime_type": b"text/plain", "user.bytes": bytes(range(256)), "user.empty": b""}
        for path in (here, alice.mounted / "folder"):
            for name, value in wanted.items():
                content.run("setfattr", "-n", name, "-v", f"0x{value.hex()}" if value else '""', path)
        for name in ("file", "folder"):
            there = bob.sees(name)
            wait_until(lambda there=there: attributes(there) == wanted, 20, f"bob sees the attributes of {name}")
        shown = content.run("getfattr", "-d", "-e", "text", bob.mounted / "file")
        self.assertIn('user.mime_type="text/plain"', shown)
        self.assertNotIn(OWN, shown)

        (bob.mounted / "file").write_bytes(b"another version")
        (bob.mounted / "file").rename(bob.mounted / "folder/moved")
        (bob.mounted / "folder").rename(bob.mounted / "elsewhere")
        moved = alice.sees("elsewhere/moved")
        wait_until(lambda: moved.read_bytes() == b"another version", 20, "alice sees bob's version")
        self.assertEqual(attributes(moved), wanted)
        alice.unmount()
        self.assertEqual(alice.stop(), 0)
        alice.start()
        alice.mount()
        self.assertEqual(attributes(moved), wanted)
        content.run("setfattr", "-x", "user.empty", moved)
        del wanted["user.empty"]
        wait_until(lambda: attributes(bob.mounted / "elsewhere/moved") == wanted, 20, "bob sees that one is gone")

    def test_rsync_and_cp_keep_attributes_onto_a_mount_on_it_and_from_it(self):
        needs("rsync", "cp")
        alice, bob = self.swarm("alice", "bob")
        source = self.scene.root / "source"
        (source / "folder").mkdir(parents=True)
        for number in range(20):
            path = source / "folder" / f"file{number}"
            path.write_bytes(bytes([number]) * number * 1000)
            os.setxattr(path, "user.number", str(number).encode())
        os.setxattr(source / "folder", "user.kind", b"folder")

        def seen(root):
            return {path.name: attributes(path) for path in [root / "folder", *(root / "folder").iterdir()]}

        wanted = seen(source)
        content.run("rsync", "-aX", f"{source}/", alice.mounted / "rsynced")
        content.run("cp", "-a", source, alice.mounted / "copied")
        content.run("cp", "-a", alice.mounted / "copied", alice.mounted / "again")
        for name in ("rsynced", "copied", "again"):
            self.assertEqual(seen(alice.mounted / name), wanted, name)
            bob.sees(f"{name}/folder/file19")
            wait_until(lambda name=name: seen(bob.mounted / name) == wanted, 20, f"bob sees the attributes of {name}")
        content.run("rsync", "-aX", f"{bob.mounted}/copied/", self.scene.root / "back")
        self.assertEqual(seen(self.scene.root / "back"), wanted)
        self.assertEqual(content.run("rsync", "-aXni", f"{source}/", alice.mounted / "rsynced"), "", "nothing differs")

    def test_bounds_and_readers_are_told_as_linux_file_systems_do(self):
        alice, = self.swarm("alice")
        bob = self.scene.node("bob")
        bob.join(alice.json("invite", "team", "--read-only")["invite"])
        bob.mount()
        path = alice.mounted / "file"
        path.write_bytes(b"x")
        os.setxattr(path, "user.most", b"v" * 4096)
        self.refused(errno.E2BIG, os.setxattr, path, "user.most", b"v" * 4097)
        self.refused(errno.ENOSPC, os.setxattr, path, "user.more", b"v" * 2048)
        os.removexattr(path, "user.most")
        for number in range(64):
            os.setxattr(path, f"user.{number}", b"")
        self.refused(errno.ENOSPC, os.setxattr, path, "user.64", b"")
        os.setxattr(path, "user.0", b"replaced")
        self.refused(errno.EOPNOTSUPP, os.setxattr, path, "trusted.a", b"")
        self.refused(errno.ENODATA, os.getxattr, path, "user.none")
        there = bob.sees("file")
        wait_until(lambda: len(os.listxattr(there)) == 64, 20, "bob sees them")
        self.refused(errno.EROFS, os.setxattr, there, "user.0", b"")

    def test_attributes_survive_kill_9_also_of_a_file_that_is_still_open(self):
        alice, = self.swarm("alice", tracker=False)
        published, new = alice.mounted / "published", alice.mounted / "new"
        published.write_bytes(b"1")
        os.setxattr(published, "user.a", b"1")
        file = os.open(new, os.O_WRONLY | os.O_CREAT)
        os.write(file, b"2")
        os.setxattr(new, "user.b", b"2")
        os.close(os.dup(file))  # from here on the bytes are kept
        alice.kill()
        with self.assertRaises(OSError):
            os.close(file)
        alice.start()
        alice.mount()
        self.assertEqual(attributes(published), {"user.a": b"1"})
        wait_until(lambda: new.exists() and own(new, "state") == "stored", 20, "what was written is published")
        self.assertEqual(attributes(new), {"user.b": b"2"})


class OwnAttributes(SceneTest):
    def test_a_file_says_where_its_bytes_are_who_wrote_it_and_what_it_hashes_to(self):
        alice, bob = self.swarm("alice", "bob")
        data = os.urandom(3_000_000)
        (alice.mounted / "file").write_bytes(data)
        there = bob.sees("file")
        self.assertEqual(os.listxattr(there), [])
        wait_until(lambda: there.stat().st_size == len(data), 20, "bob sees all of it")
        self.connected(bob)
        self.assertEqual(own(there, "state"), "remote")
        self.assertEqual(own(there, "have"), f"0/{len(data)}")
        self.assertEqual(own(there, "author"), alice.json("status")["node"])
        with self.assertRaises(OSError) as caught:
            own(there, "sha256")
        self.assertEqual(caught.exception.errno, errno.EAGAIN)
        with open(there, "rb") as file:
            self.assertEqual(file.read(), data)
        wait_until(lambda: own(there, "state") == "stored", 20, "bob has all of it")
        self.assertEqual(own(there, "have"), f"{len(data)}/{len(data)}")
        self.assertEqual(own(there, "sources"), "1")
        self.assertEqual(own(there, "sha256"), hashlib.sha256(data).hexdigest())
        listed = bob.json("list", "team")["entries"][0]
        self.assertEqual(own(there, "root"), listed["root"])
        os.setxattr(alice.mounted / "file", OWN + "tags", b"red, blue")
        wait_until(lambda: self.tags(there) == "blue,red", 20, "bob sees the tags")

    @staticmethod
    def tags(path):
        try:
            return own(path, "tags")
        except OSError:
            return None

    def test_why_a_read_failed_is_said_until_it_works(self):
        alice, bob = self.swarm("alice", "bob")
        (alice.mounted / "file").write_bytes(os.urandom(500_000))
        there = bob.sees("file")
        wait_until(lambda: there.stat().st_size == 500_000, 20, "bob sees all of it")
        self.assertEqual(alice.stop(), 0)
        with self.assertRaises(OSError) as caught:
            there.read_bytes()
        self.assertEqual(caught.exception.errno, errno.EIO)
        reason = own(there, "last_error")
        self.assertTrue(reason)
        failed = bob.status()["failed_reads"]
        self.assertEqual([(row["path"], row["reason"]) for row in failed], [("file", reason)])
        alice.start()
        self.connected(bob)
        there.read_bytes()
        self.refused_last_error(there)
        self.assertEqual(bob.status()["failed_reads"], [])

    def refused_last_error(self, path):
        with self.assertRaises(OSError) as caught:
            own(path, "last_error")
        self.assertEqual(caught.exception.errno, errno.ENODATA)


class Reports(SceneTest):
    def test_the_node_reports_on_its_mount_as_the_command_line_does(self):
        alice, bob = self.swarm("alice", "bob")
        self.connected(alice)
        (alice.mounted / "file").write_bytes(b"x")
        folder = alice.mounted / ".swarmfs"
        self.assertNotIn(".swarmfs", os.listdir(alice.mounted))
        self.assertEqual(sorted(os.listdir(folder)), ["peers.json", "status.json", "version"])
        version = (folder / "version").read_text()
        status = json.loads((folder / "status.json").read_text())
        self.assertEqual(status["version"], version.strip())
        self.assertEqual([swarm["name"] for swarm in status["swarms"]], ["team"])
        self.assertEqual(status["swarms"][0].keys(), alice.status().keys())
        peers = json.loads((folder / "peers.json").read_text())["peers"]
        self.assertEqual([peer["node"] for peer in peers], [bob.json("status")["node"]])
        shown = subprocess.run(["cat", folder / "status.json"], capture_output=True, text=True, check=True).stdout
        self.assertEqual(json.loads(shown)["node"], status["node"])

    def test_reports_answer_while_nobody_can_be_reached(self):
        alice, bob = self.swarm("alice", "bob")
        self.connected(alice)
        self.assertEqual(bob.stop(), 0)
        self.tracker.stop()
        wait_until(lambda: not json.loads((alice.mounted / ".swarmfs/peers.json").read_text())["peers"], 60,
                   "alice has noticed")
        self.assertEqual(json.loads((alice.mounted / ".swarmfs/status.json").read_text())["swarms"][0]["peers"], 0)

    def test_the_name_of_the_reports_is_taken(self):
        alice, = self.swarm("alice", tracker=False)
        folder = alice.mounted / ".swarmfs"
        for number, act in ((errno.EEXIST, lambda: folder.mkdir()),
                            (errno.EISDIR, lambda: folder.write_bytes(b"")),
                            (errno.EACCES, lambda: (folder / "mine").write_bytes(b"")),
                            (errno.EACCES, lambda: (folder / "version").unlink()),
                            (errno.EACCES, lambda: folder.rename(alice.mounted / "other"))):
            with self.assertRaises(OSError) as caught:
                act()
            self.assertEqual(caught.exception.errno, number)
