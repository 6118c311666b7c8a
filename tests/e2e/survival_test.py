"""Members come and go, the tracker disappears, programs are killed: what was acknowledged stays."""

import os
import shutil
import threading

import content
from cleanup import abort_connection, mounts_under
from harness import SceneTest, sanitized, wait_until

FILE_BYTES = (8 << 20) if sanitized() else (64 << 20)


class Sources(SceneTest):
    def test_a_third_node_reads_from_both_that_have_the_file(self):
        alice, bob, carol = self.swarm("alice", "bob", "carol")
        content.random_file(alice.mounted / "file", FILE_BYTES)
        wanted = content.sha256(alice.mounted / "file")
        self.assertEqual(content.sha256(bob.sees("file")), wanted)
        self.connected(carol, 2)
        out = self.scene.root / "out"
        answer = carol.download("file", out)
        self.assertEqual(content.sha256(out), wanted)
        given = {source["node"]: source["bytes"] for source in answer["sources"]}
        # How much each gives is the machine's doing here; behind equal links e2e_namespaces looks at that.
        self.assertEqual(len(given), 2, f"both gave: {given}")
        self.assertGreater(min(given.values()), 256 * 1024, f"each gave more than a chunk: {given}")

    def test_the_publisher_may_leave_once_another_has_the_file(self):
        alice, bob, carol = self.swarm("alice", "bob", "carol")
        content.random_file(alice.mounted / "file", FILE_BYTES)
        wanted = content.sha256(alice.mounted / "file")
        self.assertEqual(content.sha256(bob.sees("file")), wanted)
        self.assertEqual(alice.stop(), 0)
        self.assertEqual(content.sha256(carol.sees("file")), wanted)

    def test_a_source_killed_in_the_middle_of_a_read_is_replaced(self):
        alice, bob, carol = self.swarm("alice", "bob", "carol")
        content.random_file(alice.mounted / "file", FILE_BYTES)
        wanted = content.sha256(alice.mounted / "file")
        self.assertEqual(content.sha256(bob.sees("file")), wanted)
        self.connected(carol, 2)
        half_read = threading.Event()
        killer = threading.Thread(target=lambda: (half_read.wait(60), alice.kill()))
        killer.start()
        with open(carol.sees("file"), "rb", buffering=0) as file:
            first = file.read(FILE_BYTES // 4)
            half_read.set()
            rest = file.read()
            while block := file.read():
                rest += block
        killer.join()
        self.assertEqual(first + rest, (bob.mounted / "file").read_bytes())

    def test_a_read_with_nobody_to_ask_ends_with_an_error_and_what_is_stored_stays_readable(self):
        alice, bob = self.swarm("alice", "bob", settings="read_timeout = 2\n")
        (alice.mounted / "fetched").write_bytes(b"fetched" * 10_000)
        (alice.mounted / "not fetched").write_bytes(os.urandom(100_000))
        self.assertEqual(bob.sees("fetched").read_bytes(), b"fetched" * 10_000)
        bob.sees("not fetched")
        self.assertEqual(alice.stop(), 0)
        with self.assertRaises(OSError):
            (bob.mounted / "not fetched").read_bytes()
        self.assertEqual((bob.mounted / "fetched").read_bytes(), b"fetched" * 10_000)
        self.assertEqual(sorted(os.listdir(bob.mounted)), ["fetched", "not fetched"])


class TrackerGone(SceneTest):
    def test_members_go_on_without_the_tracker(self):
        alice, bob = self.swarm("alice", "bob")
        self.connected(bob)
        self.tracker.kill()
        (alice.mounted / "after").write_bytes(b"written without a tracker")
        self.assertEqual(bob.sees("after").read_bytes(), b"written without a tracker")

    def test_a_tracker_that_lost_its_disk_is_refilled_by_members(self):
        alice, bob = self.swarm("alice", "bob")
        (alice.mounted / "before").write_bytes(b"b" * 100_000)
        bob.sees("before")
        self.tracker.kill()
        shutil.rmtree(self.tracker.data)
        self.tracker.start()
        wait_until(lambda: self.tracker.keeps("before"), 90, "the tracker keeps the file again")
        # A newcomer finds everything through it while nobody else is there, and the bytes once somebody is.
        invite = alice.json("invite", "team")["invite"]
        self.assertEqual([alice.stop(), bob.stop()], [0, 0])
        carol = self.scene.node("carol")
        carol.join(invite)
        carol.mount()
        before = carol.sees("before", 60)
        alice.start()
        self.connected(carol)
        self.assertEqual(before.read_bytes(), b"b" * 100_000)


class Killed(SceneTest):
    def remount(self, node):
        """What a person does after a crash: start the node again, mount again at the same place."""
        node.start()
        for point, number in mounts_under(node.mounted):
            self.assertEqual(point, str(node.mounted))
            abort_connection(number)
        node.try_cli("unmount", node.mounted)
        node.mount(node.mounted)

    def test_what_close_acknowledged_survives_kill_9_of_the_writer(self):
        alice, bob = self.swarm("alice", "bob")
        contents = {f"file{number}": os.urandom(100 + number * 40_000) for number in range(20)}
        for name, data in contents.items():
            (alice.mounted / name).write_bytes(data)
        alice.kill()
        self.remount(alice)
        for name, data in contents.items():
            self.assertEqual((alice.mounted / name).read_bytes(), data, name)
        for name, data in contents.items():
            self.assertEqual(bob.sees(name, 60).read_bytes(), data, name)

    def test_kill_9_of_the_reader_in_the_middle_of_a_fetch_loses_nothing(self):
        alice, bob = self.swarm("alice", "bob")
        content.random_file(alice.mounted / "file", FILE_BYTES)
        wanted = content.sha256(alice.mounted / "file")
        bob.sees("file")
        reader = threading.Thread(target=self.read_until_it_breaks, args=(bob.mounted / "file",))
        reader.start()
        wait_until(lambda: bob.status()["stored_bytes"] > FILE_BYTES // 10, 60, "bob has a part")
        bob.kill()
        reader.join(30)
        self.assertFalse(reader.is_alive(), "a reader hangs after its daemon was killed")
        self.remount(bob)
        self.assertEqual(content.sha256(bob.mounted / "file"), wanted)

    @staticmethod
    def read_until_it_breaks(path):
        try:
            content.sha256(path)
        except OSError:
            pass

    def test_kill_9_of_the_tracker_forgets_nothing_it_acknowledged(self):
        alice, bob = self.swarm("alice", "bob")
        (alice.mounted / "file").write_bytes(b"x" * 50_000)
        wait_until(lambda: self.tracker.keeps("file"), 60, "the tracker has acknowledged the file")
        self.tracker.kill()
        self.tracker.start()
        self.assertTrue(self.tracker.keeps("file"))
        (bob.mounted / "later").write_bytes(b"y")
        wait_until(lambda: "later" in str(self.tracker.get("/api/files")), 90, "the tracker hears of new files again")

    def test_a_stale_mount_is_replaced_by_mounting_again(self):
        alice, = self.swarm("alice")
        (alice.mounted / "file").write_bytes(b"kept")
        alice.kill()
        with self.assertRaises(OSError):
            os.listdir(alice.mounted)
        alice.start()
        alice.cli("mount", "team", alice.mounted)
        self.assertEqual((alice.mounted / "file").read_bytes(), b"kept")


class Conflicts(SceneTest):
    def test_two_writers_of_one_name_both_keep_what_they_wrote(self):
        alice, bob = self.swarm("alice", "bob")
        (alice.mounted / "shared").write_text("first")
        bob.sees("shared")
        self.tracker.stop()
        # Cut off from each other, both write.
        self.assertEqual(bob.stop(), 0)
        (alice.mounted / "shared").write_text("from alice")
        self.assertEqual(alice.stop(), 0)
        bob.start()
        bob.mount(bob.mounted)
        (bob.mounted / "shared").write_text("from bob")
        alice.start()
        alice.mount(alice.mounted)
        self.tracker.start()

        def names(node):
            return sorted(os.listdir(node.mounted))
        wait_until(lambda: len(names(alice)) == 2 and names(alice) == names(bob), 120, "both show both versions")
        conflict = next(name for name in names(alice) if name != "shared")
        self.assertRegex(conflict, r"^shared\.conflict-\d{8}T\d{6}Z-")
        for node in (alice, bob):
            self.assertEqual({(node.mounted / name).read_text() for name in names(node)}, {"from alice", "from bob"})
