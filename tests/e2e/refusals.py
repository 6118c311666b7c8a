"""What a refusal must be like, for scenarios that provoke many."""

import os

from harness import NOBODY, Node, SceneTest, as_nobody

USAGE, BAD_DATA, UNAVAILABLE, IO_ERROR, TRY_AGAIN, NO_PERMISSION, CONFIGURATION = 64, 65, 69, 74, 75, 77, 78


class Refusals(SceneTest):
    def refused(self, result, code, *words):
        """It ended with `code` and says each of `words`; nothing on stdout could be mistaken for an answer."""
        self.assertEqual(result.returncode, code, result.stderr)
        self.assertEqual(result.stdout, "")
        for word in words:
            self.assertIn(word, result.stderr)

    def node_of_nobody(self):
        """A node whose home and commands are those of the user nobody; a swarm is made on it."""
        nobody = as_nobody(self.scene)
        home = self.scene.root / "home"
        home.mkdir()
        os.chown(home, NOBODY, NOBODY)
        node = self.scene.add(Node(self.scene, "nobody", home=home, environment={"SWARMFS_LISTEN": "127.0.0.1:0"}))
        node.within = lambda words: [*nobody, *words]
        self.addCleanup(node.try_cli, "stop")
        node.create()
        return node

    def not_started(self, node, code, *words):
        """The daemon ends by itself with `code` and says why."""
        with self.assertRaises(AssertionError) as failure:
            node.start()
        self.assertEqual(node.process.returncode, code, str(failure.exception))
        for word in words:
            self.assertIn(word, node.log_tail())
