"""What a refusal must be like, for scenarios that provoke many."""

from harness import SceneTest

USAGE, BAD_DATA, UNAVAILABLE, IO_ERROR, TRY_AGAIN, NO_PERMISSION, CONFIGURATION = 64, 65, 69, 74, 75, 77, 78


class Refusals(SceneTest):
    def refused(self, result, code, *words):
        """It ended with `code` and says each of `words`; nothing on stdout could be mistaken for an answer."""
        self.assertEqual(result.returncode, code, result.stderr)
        self.assertEqual(result.stdout, "")
        for word in words:
            self.assertIn(word, result.stderr)

    def not_started(self, node, code, *words):
        """The daemon ends by itself with `code` and says why."""
        with self.assertRaises(AssertionError) as failure:
            node.start()
        self.assertEqual(node.process.returncode, code, str(failure.exception))
        for word in words:
            self.assertIn(word, node.log_tail())
