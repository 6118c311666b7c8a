"""A node that crashes, or is replaced by a newer version, while programs work on its mounts: they go on."""

import contextlib
import itertools
import os
import signal
import subprocess
import threading
import traceback

import content
from cleanup import mounts_under
from harness import SceneTest, needs, sanitized, wait_until

CRASHES = 5 if sanitized() else 20


class Crashes(SceneTest):
    def supervised(self, *others):
        return self.swarm("alice", *others, supervised=True)[0]

    def test_files_and_directories_that_are_open_go_on(self):
        alice = self.supervised()
        folder = alice.mounted / "folder"
        folder.mkdir()
        names = [f"name {i:04}" for i in range(3000)]
        for name in names:
            (folder / name).write_text(name)
        with open(folder / names[0], "rb", buffering=0) as reader, open(folder / "new", "w+b", buffering=0) as writer, \
                os.scandir(folder) as listing:
            self.assertEqual(reader.read(4), b"name")
            self.assertEqual(writer.write(b"before "), 7)
            first = next(listing).name
            alice.crash()
            self.assertEqual(reader.read(100), b" 0000")
            self.assertEqual(writer.write(b"after"), 5)
            self.assertEqual(os.pread(writer.fileno(), 100, 0), b"before after")
            os.fsync(writer.fileno())
            self.assertEqual(sorted([first, *(entry.name for entry in listing)]), [*names, "new"])
        self.assertEqual((folder / "new").read_bytes(), b"before after")
        self.assertEqual(len(mounts_under(self.scene.root)), 1)

    def test_a_file_is_published_when_its_writer_closes_it_and_not_before(self):
        alice, bob = self.swarm("alice", "bob", supervised=True)
        with open(alice.mounted / "file", "wb", buffering=0) as writer:
            writer.write(b"one ")
            alice.crash()
            (alice.mounted / "another").write_bytes(b"another")
            bob.sees("another")
            self.assertFalse(os.path.exists(bob.mounted / "file") and (bob.mounted / "file").stat().st_size)
            writer.write(b"two")
        wait_until(lambda: os.path.exists(bob.mounted / "file") and (bob.mounted / "file").read_bytes() == b"one two", 20,
                   "bob reads what was written before and after the crash")

    def test_an_open_file_without_a_name_goes_on(self):
        alice, bob = self.swarm("alice", "bob", supervised=True)
        for name in ("read", "written", "replaced"):
            (alice.mounted / name).write_bytes(name.encode() * 10_000)
        bob.sees("replaced")
        with open(alice.mounted / "read", "rb", buffering=0) as reader, \
                open(alice.mounted / "written", "r+b", buffering=0) as writer, \
                open(alice.mounted / "replaced", "rb", buffering=0) as old:
            os.pwrite(writer.fileno(), b"before", 0)
            os.unlink(alice.mounted / "read")
            os.unlink(alice.mounted / "written")
            os.pwrite(writer.fileno(), b"after", 6)
            (bob.mounted / "fresh").write_bytes(b"fresh")
            os.rename(bob.mounted / "fresh", bob.mounted / "replaced")
            wait_until(lambda: (alice.mounted / "replaced").read_bytes() == b"fresh", 20, "alice sees the new one")
            for _ in range(2):
                alice.crash()
                self.assertEqual(os.pread(reader.fileno(), 8, 39_992), b"readread")
                self.assertEqual(os.pread(writer.fileno(), 14, 0), b"beforeafterten")
                self.assertEqual(os.pread(old.fileno(), 8, 79_992), b"replaced")
                os.pwrite(writer.fileno(), b"!", 0)
                os.pwrite(writer.fileno(), b"b", 0)
        self.assertEqual(sorted(os.listdir(alice.mounted)), ["replaced"])
        self.assertEqual((alice.mounted / "replaced").read_bytes(), b"fresh")

    def test_what_was_done_is_not_done_again(self):
        """Every call must do what it says exactly once: a name that was made is not made again (EEXIST), one that was
        removed or moved is not looked for again (ENOENT)."""
        alice = self.supervised()
        done, failures = threading.Event(), []

        def work(number):
            folder = alice.mounted / f"worker {number}"
            try:
                os.mkdir(folder)
                for i in itertools.count():
                    os.mkdir(folder / "directory")
                    os.close(os.open(folder / "file", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
                    os.setxattr(folder / "file", "user.once", b"1", os.XATTR_CREATE)
                    os.symlink(str(i), folder / "link")
                    os.rename(folder / "file", folder / "moved")
                    self.assertEqual(os.readlink(folder / "link"), str(i))
                    os.unlink(folder / "link")
                    os.removexattr(folder / "moved", "user.once")
                    os.unlink(folder / "moved")
                    os.rmdir(folder / "directory")
                    if done.is_set():
                        return
            except Exception as error:  # pylint: disable=broad-except; it fails the test
                failures.append(f"{number}: {error!r} {traceback.format_exc()}")

        workers = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for worker in workers:
            worker.start()
        for i in range(CRASHES):
            alice.crash()
            (alice.mounted / f"crash {i}").write_bytes(b"")
        done.set()
        for worker in workers:
            worker.join(60)
        self.assertEqual(failures, [])
        self.assertEqual(sum(len(files) for _, _, files in os.walk(alice.mounted)), CRASHES)

    def test_fio_verifies_what_it_wrote_through_many_crashes(self):
        needs("fio")
        alice = self.supervised()
        words = ["fio", "--name=through", f"--directory={alice.mounted}", "--rw=randrw", "--bs=4k-64k", "--size=16m",
                 "--ioengine=psync", "--verify=sha256", "--verify_fatal=1", "--time_based",
                 f"--runtime={CRASHES}", "--do_verify=1", "--numjobs=2", "--output-format=terse", "--minimal"]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              cwd=self.scene.root) as fio:
            for i in range(CRASHES):
                with contextlib.suppress(subprocess.TimeoutExpired):
                    fio.wait(0.4)
                alice.crash()
                (alice.mounted / f"crash {i}").write_bytes(b"")
            output, _ = fio.communicate(timeout=200)
        self.assertEqual(fio.returncode, 0, output)


class Upgrades(SceneTest):
    def test_a_node_is_run_anew_while_programs_go_on(self):
        alice, bob = self.swarm("alice", "bob")
        content.random_file(alice.mounted / "file", 1 << 20)
        process = alice.process.pid
        with open(alice.mounted / "file", "rb", buffering=0) as reader, \
                open(alice.mounted / "new", "wb", buffering=0) as writer:
            first = reader.read(1 << 19)
            writer.write(b"before ")
            alice.process.send_signal(signal.SIGHUP)
            writer.write(b"after")
            self.assertEqual(first + reader.read(), (alice.mounted / "file").read_bytes())
        self.assertEqual(alice.process.pid, process)
        self.assertTrue(alice.running)
        self.assertIn("goes on", alice.log.read_text())
        wait_until(lambda: os.path.exists(bob.mounted / "new") and (bob.mounted / "new").read_bytes() == b"before after",
                   20, "bob reads what was written before and after")
