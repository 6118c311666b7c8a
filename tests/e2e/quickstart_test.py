"""What tools/quickstart tells a newcomer to type at the end works as typed."""

import pathlib
import re
import subprocess

from harness import PROGRAMS, SceneTest

QUICKSTART = pathlib.Path(__file__).parents[2] / "tools/quickstart"


def printed(base):
    """Its last words, one command a line, as the script prints them where everything is kept in `base`."""
    text = re.search(r"^    cat <<END\n(.*?)^END$", QUICKSTART.read_text(encoding="utf-8"), re.M | re.S).group(1)
    text = text.replace("$PWD/build/release/tools", str(pathlib.Path(PROGRAMS["swarmfs"]).parent))
    return re.sub(r"(?<!\\)\$base\b", str(base), text).replace("\\$", "$").splitlines()


class LastWords(SceneTest):
    def test_every_command_that_is_printed_works_at_the_first_try(self):
        self.tracker = self.scene.tracker()
        alice, bob = (self.scene.node(name) for name in ("alice", "bob"))
        bob.join(alice.create("demo", [self.tracker.url]))
        for node in (alice, bob):
            node.mount(self.scene.root / f"mount-{node.name}")
        commands = printed(self.scene.root)
        self.assertRegex(commands.pop(), "^ *./tools/quickstart --stop ")
        said = subprocess.run(["bash", "-eu", "-c", "\n".join(commands)], capture_output=True, text=True, check=False,
                              timeout=120, env=self.scene.environment)
        self.assertEqual(said.returncode, 0, said.stdout + said.stderr)
        self.assertIn("\nhello\n", said.stdout)
        self.assertIn("doc/\n", said.stdout.rsplit("NAME", 1)[1])
