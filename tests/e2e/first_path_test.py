"""A file written into one member's mount is read through another's, and the first things people then do."""

import errno
import os
import pathlib
import shutil
import statistics
import subprocess
import time

from harness import PROGRAMS, SceneTest, needs_root, wait_until


class FirstPath(SceneTest):
    def test_a_file_written_here_is_read_there(self):
        alice, bob = self.swarm("alice", "bob")
        (alice.mounted / "hello.txt").write_bytes(b"hello from alice\n")
        self.assertEqual(bob.sees("hello.txt").read_bytes(), b"hello from alice\n")
        (bob.mounted / "answer.txt").write_bytes(b"and from bob\n")
        self.assertEqual(alice.sees("answer.txt").read_bytes(), b"and from bob\n")
        self.assertEqual(sorted(os.listdir(alice.mounted)), ["answer.txt", "hello.txt"])

    def test_an_empty_file_and_files_around_a_leaf_and_a_chunk_arrive_whole(self):
        alice, bob = self.swarm("alice", "bob")
        contents = {f"{size}": os.urandom(size) for size in
                    (0, 1, 4096, 4097, 16383, 16384, 16385, 262143, 262144, 262145, 1 << 20)}
        for name, content in contents.items():
            (alice.mounted / name).write_bytes(content)
        for name, content in contents.items():
            self.assertEqual(bob.sees(name).read_bytes(), content, f"{name} bytes")

    def test_every_kind_of_change_is_seen_by_the_other(self):
        alice, bob = self.swarm("alice", "bob")
        here, there = alice.mounted, bob.mounted
        os.makedirs(here / "a/b/c")
        (here / "a/b/c/file").write_text("one")
        self.assertEqual(bob.sees("a/b/c/file").read_text(), "one")

        (here / "a/b/c/file").write_text("two, and longer")
        wait_until(lambda: (there / "a/b/c/file").read_text() == "two, and longer", 20, "bob reads the new version")

        with open(here / "a/b/c/file", "a", encoding="ascii") as file:
            file.write("; three")
        wait_until(lambda: (there / "a/b/c/file").read_text() == "two, and longer; three", 20, "bob reads the appended")

        os.truncate(here / "a/b/c/file", 3)
        wait_until(lambda: (there / "a/b/c/file").read_text() == "two", 20, "bob reads the truncated")

        os.symlink("b/c/file", here / "a/link")
        self.assertEqual(os.readlink(bob.sees("a/link")), "b/c/file")
        self.assertEqual((there / "a/link").read_text(), "two")

        os.chmod(here / "a/b/c/file", 0o640)
        wait_until(lambda: os.stat(there / "a/b/c/file").st_mode & 0o7777 == 0o640, 20, "bob sees the mode")
        os.utime(here / "a/b/c/file", ns=(1_000_000_001, 1_234_567_890_123_456_789))
        wait_until(lambda: os.stat(there / "a/b/c/file").st_mtime_ns == 1_234_567_890_123_456_789, 20, "bob sees the time")

        os.rename(here / "a/b", here / "moved")
        self.assertEqual(bob.sees("moved/c/file").read_text(), "two")
        bob.sees_no("a/b")

        os.unlink(here / "moved/c/file")
        bob.sees_no("moved/c/file")
        os.rmdir(here / "moved/c")
        bob.sees_no("moved/c")
        with self.assertRaises(OSError) as refused:
            os.rmdir(there / "a")
        self.assertEqual(refused.exception.errno, errno.ENOTEMPTY)

    def test_a_change_is_visible_elsewhere_within_300_ms(self):
        alice, bob = self.swarm("alice", "bob")
        (alice.mounted / "first").write_bytes(b"x")
        bob.sees("first")
        taken = []
        for number in range(9):
            (alice.mounted / f"file{number}").write_bytes(b"x")
            start = time.monotonic()
            bob.sees(f"file{number}")
            taken.append(time.monotonic() - start)
        self.assertLess(statistics.median(taken), 0.3, f"seconds: {taken}")

    def test_an_open_file_keeps_the_version_it_opened(self):
        alice, bob = self.swarm("alice", "bob")
        (alice.mounted / "versioned").write_bytes(b"old" * 1000)
        with open(bob.sees("versioned"), "rb") as old:
            (alice.mounted / "versioned").write_bytes(b"new!")
            wait_until(lambda: (bob.mounted / "versioned").read_bytes() == b"new!", 20, "bob opens the new version")
            self.assertEqual(old.read(), b"old" * 1000)

    def test_a_read_only_member_reads_and_cannot_write(self):
        alice, bob = self.swarm("alice", "bob")
        (alice.mounted / "doc").write_text("read me")
        invite = alice.json("invite", "team", "--read-only")["invite"]
        reader = self.scene.node("reader")
        self.assertEqual(reader.join(invite)["role"], "read")
        reader.mount()
        self.assertEqual(reader.sees("doc").read_text(), "read me")
        for attempt in (lambda: (reader.mounted / "mine").write_text("no"), lambda: os.unlink(reader.mounted / "doc"),
                        lambda: os.mkdir(reader.mounted / "dir"), lambda: os.truncate(reader.mounted / "doc", 0),
                        lambda: os.rename(reader.mounted / "doc", reader.mounted / "other")):
            with self.assertRaises(OSError) as refused:
                attempt()
            self.assertEqual(refused.exception.errno, errno.EROFS)
        self.assertEqual(os.listdir(bob.mounted), ["doc"])

    def test_list_status_and_download_tell_the_same_as_the_mount(self):
        alice, bob = self.swarm("alice", "bob")
        os.mkdir(alice.mounted / "dir")
        content = os.urandom(700_000)
        (alice.mounted / "dir/file").write_bytes(content)
        bob.sees("dir/file")
        entries = {entry["name"]: entry for entry in bob.json("list", "team", "dir")["entries"]}
        self.assertEqual(entries["file"]["kind"], "file")
        self.assertEqual(entries["file"]["size"], len(content))
        self.assertEqual(entries["file"]["stored_bytes"], 0, "nothing is fetched before it is read")

        out = self.scene.root / "out"
        answer = bob.download("dir/file", out)
        self.assertEqual(out.read_bytes(), content)
        self.assertEqual(answer["fetched_bytes"], len(content))
        self.assertEqual(sum(source["bytes"] for source in answer["sources"]), len(content))

        status = bob.status()
        self.assertEqual((status["files"], status["bytes"]), (1, len(content)))
        self.assertEqual(status["stored_bytes"], len(content))
        self.assertEqual(status["mounts"], [str(bob.mounted)])
        self.assertEqual([peer["node"] for peer in bob.peers()], [alice.json("status")["node"]])

    def test_mount_starts_the_node_and_stop_ends_it_with_its_mounts(self):
        alice, = self.swarm("alice")
        (alice.mounted / "kept").write_text("kept")
        alice.cli("stop")
        wait_until(lambda: not alice.running, 30, "alice has ended")
        self.assertEqual(alice.process.returncode, 0)
        self.assertFalse(os.path.ismount(alice.mounted))
        environment = {"SWARMFS_LISTEN": "127.0.0.1:0"}
        alice.cli("mount", "team", alice.mounted, environment=environment)
        self.assertEqual((alice.mounted / "kept").read_text(), "kept")
        alice.cli("unmount", alice.mounted)
        self.assertFalse(os.path.ismount(alice.mounted))
        alice.cli("stop")

    def test_umount_and_fusermount3_work_as_well_as_unmount(self):
        alice, = self.swarm("alice")
        for command in ("umount", "fusermount3 -u"):
            self.assertEqual(os.system(f"{command} {alice.mounted}"), 0, command)
            wait_until(lambda: alice.status()["mounts"] == [], 20, f"alice knows of the {command}")
            alice.mount()
            self.assertEqual(alice.status()["mounts"], [str(alice.mounted)])

    def test_mount_t_swarmfs_mounts_by_way_of_its_helper(self):
        needs_root()
        alice, = self.swarm("alice")
        (alice.mounted / "kept").write_text("kept")
        alice.unmount()
        # An installed tree whose helper stands where mount(8) looks, as long as the test runs.
        helper = pathlib.Path("/sbin/mount.swarmfs")
        if helper.exists():
            self.skipTest(f"{helper} is installed")
        prefix = self.scene.root / "prefix"
        for folder, program in (("sbin", pathlib.Path(PROGRAMS["swarmfsd"]).with_name("mount.swarmfs")),
                                ("bin", PROGRAMS["swarmfs"])):
            (prefix / folder).mkdir(parents=True)
            shutil.copy2(program, prefix / folder)
        helper.unlink(missing_ok=True)  # of a run that was killed
        helper.symlink_to(prefix / "sbin/mount.swarmfs")
        self.addCleanup(helper.unlink)
        words = ["mount", "-t", "swarmfs", alice.swarm, alice.mounted, "-o", f"ro,home={alice.home}"]
        done = subprocess.run(words, capture_output=True, text=True, env=self.scene.environment, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual((alice.mounted / "kept").read_text(), "kept")
        with self.assertRaises(OSError) as refused:
            (alice.mounted / "new").write_text("no")
        self.assertEqual(refused.exception.errno, errno.EROFS)
        subprocess.run(["umount", alice.mounted], check=True)
        wait_until(lambda: alice.status()["mounts"] == [], 20, "alice knows of the umount")

    def test_leaving_takes_the_mount_away_and_forgets_the_swarm(self):
        alice, bob = self.swarm("alice", "bob")
        bob.cli("leave", "team")
        self.assertFalse(os.path.ismount(bob.mounted))
        self.assertEqual(bob.json("status")["swarms"], [])
        (alice.mounted / "still").write_text("works")
