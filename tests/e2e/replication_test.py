"""Copies of files: how many members hold them, who takes what falls short, and what becomes of what only one has."""

import json

import content
import harness
from cleanup import wait_until

UNAVAILABLE, NO_PERMISSION, CONFIGURATION = 69, 77, 78
# Grace and free space are shortened to what a test can wait for, and to what any disk has.
EAGER = 'replicate_grace = 2\nreplicate_min_free = "0"\n'
FULL = 'replicate_grace = 2\nreplicate_min_free = "1000 TiB"\n'


def entries(node, path="shared"):
    """What is stored at the node of each file below the path."""
    listed = node.try_cli("--json", "list", node.swarm, path)
    if listed.returncode != 0:
        return {}
    return {entry["name"]: entry for entry in json.loads(listed.stdout)["entries"]}


def copies(nodes, name):
    """How many of the nodes hold the whole file."""
    held = [entries(node).get(name) for node in nodes]
    return sum(1 for entry in held if entry and entry["stored_bytes"] == entry["size"])


def held(nodes, name):
    """(bytes of it that the nodes hold together, its size). What has several parcels is there twice when each of them
    is, wherever: no member need hold all of it."""
    shown = [entry for entry in (entries(node).get(name) for node in nodes) if entry]
    return sum(entry["stored_bytes"] for entry in shown), max((entry["size"] for entry in shown), default=1)


def times(nodes, name):
    stored, size = held(nodes, name)
    return stored / size


class Replication(harness.SceneTest):
    def members(self, **settings):
        """Nodes of one swarm without a tracker, by name, the first one its maker; each connected to all."""
        nodes = [self.scene.node(name, settings=text) for name, text in settings.items()]
        invite = nodes[0].create()
        for node in nodes[1:]:
            node.join(invite)
        for node in nodes:
            self.connected(node, len(nodes) - 1)
        return nodes

    def shared(self, node, *sizes):
        """Shares files of these sizes below `shared`. Returns their paths on this machine, by name."""
        folder = self.scene.root / "shared"
        folder.mkdir()
        files = {f"file{number}": content.random_file(folder / f"file{number}", size)
                 for number, size in enumerate(sizes)}
        node.cli("share", node.swarm, folder, "--once")
        return files

    def reads(self, node, files):
        """The node has every file in it, byte by byte, or gets it from others."""
        for name, path in files.items():
            out = self.scene.root / f"{node.name}-{name}"
            node.download(f"shared/{name}", out)
            self.assertEqual(content.sha256(out), content.sha256(path), name)

    def test_files_are_there_as_often_as_the_policy_says_also_when_a_holder_has_gone(self):
        nodes = self.members(alice=EAGER, bob=EAGER, carol=EAGER, dave=EAGER)
        alice, others = nodes[0], nodes[1:]
        alice.cli("policy", alice.swarm, "--replicas", "2")
        large = 5_000_000 if harness.sanitized() else 70_000_000  # two parcels
        files = self.shared(alice, 100, 5_000, 300_000, 3_000_000, large)
        for name in files:
            wait_until(lambda name=name: times(nodes, name) >= 2, 120, f"{name} is there twice")
        wait_until(lambda: alice.status()["replication"]["short_contents"] == 0, 60, "alice sees that")
        for name in files:
            self.assertLessEqual(times(nodes, name), 3, f"{name} is taken by whoever ranks first")
        alice.kill()
        for name in files:
            wait_until(lambda name=name: times(others, name) >= 2, 180, f"{name} is there twice again")
        # By parcels: the members who are left find nothing that has too few copies.
        for node in others:
            wait_until(lambda node=node: node.status()["replication"]["short_contents"] == 0, 120,
                       f"{node.name} sees that, and not {node.status()['replication']}")
        for name in files:  # the third of them was next in turn, half a minute later, and saw that
            self.assertLess(times(others, name), 3, f"{name} is taken no more often than it lacks")
        self.reads(others[2], files)

    def test_a_member_without_room_is_passed_over(self):
        alice, bob, carol = self.members(alice=EAGER, bob=FULL, carol=EAGER)
        carol.cli("policy", carol.swarm, "shared", "--replicas", "2")
        files = self.shared(alice, 10_000, 20_000, 30_000, 40_000, 500_000)
        for name in files:
            wait_until(lambda name=name: copies([carol], name) == 1, 180, f"carol has {name}")
        for name in files:
            self.assertEqual(entries(bob)[name]["stored_bytes"], 0)
        alice.kill()
        self.reads(carol, files)

    def test_nobody_takes_what_no_policy_speaks_of_and_status_says_what_falls_short(self):
        alice, bob = self.members(alice=EAGER, bob=EAGER)
        alice.cli("policy", alice.swarm, "elsewhere", "--replicas", "2")
        wait_until(lambda: ".swarmfs.toml" in [entry["name"] for entry in bob.json("list", bob.swarm)["entries"]], 20,
                   "bob sees the policy that he adds to")
        bob.cli("policy", bob.swarm, "shared/file1", "--replicas", "3")
        self.shared(alice, 10_000, 20_000)
        wait_until(lambda: copies([bob], "file1") == 1, 60, "bob has what two can hold")
        wait_until(lambda: alice.status()["replication"]["worst"] ==
                   [{"path": "shared/file1", "copies": 2, "wanted": 3, "why": "only 2 members are connected"}],
                   60, "alice says why it falls short")
        self.assertIn("/shared/file1 2 of 3: only 2 members are connected", alice.cli("status"))
        self.assertEqual(copies([bob], "file0"), 0)

    def test_leaving_hands_over_what_only_this_node_has(self):
        alice, bob, carol = self.members(alice=EAGER, bob=FULL, carol=EAGER)
        files = self.shared(alice, 100, 20_000, 3_000_000)
        wait_until(lambda: len(entries(carol)) == len(files) == len(entries(bob)), 30, "all know the names")
        self.assertEqual([copies([bob, carol], name) for name in files], [0, 0, 0])
        alice.cli("leave", "team", seconds=300)
        self.assertEqual(alice.json("status")["swarms"], [])
        alice.stop()
        for name in files:
            self.assertEqual(copies([carol], name), 1)
        self.reads(bob, files)

    def test_the_last_one_who_has_something_does_not_leave_unless_told_to_lose_it(self):
        alice = self.scene.node("alice")
        alice.create()
        files = self.shared(alice, 20_000)
        refused = alice.try_cli("leave", "team")
        self.assertEqual(refused.returncode, UNAVAILABLE, refused.stderr)
        self.assertIn('"shared/file0"', refused.stderr)
        self.assertIn("swarmfs leave team --now", refused.stderr)
        self.reads(alice, files)
        self.assertEqual(alice.cli("leave", "team", "--now"), 'Left "team".\n')
        self.assertEqual(alice.json("status")["swarms"], [])


class PolicyFile(harness.SceneTest):
    def test_a_policy_is_set_and_shown_on_every_member_and_its_text_is_kept(self):
        alice, bob = self.swarm("alice", "bob", mount=False, tracker=False)
        written = self.scene.root / ".swarmfs.toml"
        written.write_text("# what we agreed on\nreplicas = 2  # of all\n", encoding="utf-8")
        alice.cli("share", alice.swarm, written, "--once")
        wait_until(lambda: bob.json("policy", bob.swarm)["replicas"] == 2, 30, "bob heard of it")
        set_there = bob.json("policy", bob.swarm, "/photos/raw/", "--replicas", "3", "--read-quorum", "2")
        self.assertEqual((set_there["path"], set_there["replicas"], set_there["read_quorum"]), ("photos/raw", 3, 2))
        wait_until(lambda: alice.json("policy", alice.swarm, "photos/raw/x")["replicas"] == 3, 30, "alice heard of it")
        self.assertEqual(alice.json("policy", alice.swarm)["paths"], [
            {"path": "", "replicas": 2, "read_quorum": None}, {"path": "photos/raw", "replicas": 3, "read_quorum": 2}])
        self.assertEqual([line.split() for line in alice.cli("policy", alice.swarm).splitlines()],
                         [["PATH", "REPLICAS", "READ", "QUORUM"], ["/", "2", "1"], ["/photos/raw", "3", "2"]])
        alice.download(".swarmfs.toml", self.scene.root / "out")
        self.assertEqual((self.scene.root / "out").read_text(encoding="utf-8"),
                         '# what we agreed on\nreplicas = 2  # of all\n\n["photos/raw"]\nread_quorum = 2\nreplicas = 3\n')

    def test_a_policy_that_cannot_be_understood_is_a_problem_that_people_see(self):
        alice, bob = self.swarm("alice", "bob", mount=False, tracker=False)
        written = self.scene.root / ".swarmfs.toml"
        written.write_text("replicas = 2\n", encoding="utf-8")
        alice.cli("share", alice.swarm, written, "--once")
        wait_until(lambda: bob.json("policy", bob.swarm)["replicas"] == 2, 30, "bob heard of it")
        written.write_text("replicas = 3\nreplica = 3\n", encoding="utf-8")
        alice.cli("share", alice.swarm, written, "--once")
        for node in (alice, bob):
            wait_until(lambda node=node: '.swarmfs.toml, line 2: unknown key "replica"' in node.status()["last_error"],
                       30, f"{node.name} says what is wrong")
            self.assertEqual(node.json("policy", node.swarm)["replicas"], 2)
        refused = bob.try_cli("policy", bob.swarm, "--replicas", "4")
        self.assertEqual(refused.returncode, CONFIGURATION)
        self.assertIn("line 2", refused.stderr)

    def test_who_may_only_read_sets_no_policy(self):
        alice = self.scene.node("alice")
        alice.create()
        bob = self.scene.node("bob")
        bob.join(alice.json("invite", "team", "--read-only")["invite"])
        refused = bob.try_cli("policy", bob.swarm, "--replicas", "2")
        self.assertEqual(refused.returncode, NO_PERMISSION, refused.stderr)
        self.assertIn("may only read", refused.stderr)
