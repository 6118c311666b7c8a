"""The files of the repository as the rules see them: path, text, and the code without its comments."""

import os
import re

# Folders that hold no text of ours.
SKIPPED_FOLDERS = {".git", "build", "__pycache__", "corpus", "vectors", ".cache"}
TEXT_ENDINGS = (".cpp", ".hpp", ".h", ".py", ".sh", ".md", ".txt", ".cmake", ".json", ".service",
                ".toml", ".yml", ".yaml", ".html", ".js", ".css")

LITERALS = re.compile(
    r"""//[^\n]*|/\*.*?\*/                                 # comments
      |R"(?P<fence>[^()\\\s]{0,16})\(.*?\)(?P=fence)"      # raw strings
      |"(?:\\.|[^"\\\n])*"                                 # strings
      |(?<![0-9A-Za-z_])'(?:\\.|[^'\\\n])+'                # characters, but not 1'000
    """, re.S | re.X)


class Violation:
    """One breach: where it is, and what the rule says."""

    def __init__(self, path, line, message):
        self.path, self.line, self.message = path, line, message

    def __str__(self):
        return f"{self.path}:{self.line}: {self.message}"


class Source:
    """One text file. `path` is relative to the repository's root."""

    def __init__(self, path, text):
        self.path, self.text = path, text
        self.lines = text.split("\n")
        if self.lines and self.lines[-1] == "":
            self.lines.pop()

    @property
    def is_cpp(self):
        return self.path.endswith((".cpp", ".hpp", ".h"))

    @property
    def is_header(self):
        return self.path.endswith((".hpp", ".h"))

    @property
    def is_cmake(self):
        return self.path.endswith((".cmake", "CMakeLists.txt"))

    @property
    def is_script(self):
        return self.path.endswith((".py", ".sh")) or self.text.startswith("#!")

    @property
    def top(self):
        return self.path.split("/", 1)[0]

    @property
    def room(self):
        """The room of the table this file belongs to, or None (tests, scripts, documents)."""
        parts = self.path.split("/")
        if parts[0] == "engine" and len(parts) > 2:
            return f"engine/{parts[1]}"
        if parts[0] in ("fs", "tracker") and len(parts) > 1:
            return parts[0]
        if parts[0] == "tools" and len(parts) > 1 and parts[1] not in ("dev", "deploy"):
            return "tools"
        return None

    def code_lines(self):
        """Yields (number, line) with comments and the insides of literals blanked out."""
        yield from enumerate(blank_literals(self.text).split("\n"), 1)

    def breach(self, line, message):
        return Violation(self.path, line, message)


def blank_literals(text):
    def blank(match):
        body = match.group(0)
        filler = "\n" * body.count("\n")
        return ('""' if body[0] in "\"'R" else " ") + filler
    return LITERALS.sub(blank, text)


def read_sources(root):
    """Every text file under `root`, in a fixed order."""
    sources = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(f for f in folders if f not in SKIPPED_FOLDERS)
        for name in sorted(names):
            path = os.path.join(folder, name)
            relative = os.path.relpath(path, root)
            if is_text(path):
                with open(path, encoding="utf-8", errors="surrogateescape") as file:
                    sources.append(Source(relative, file.read()))
    return sources


def is_text(path):
    if os.path.islink(path) or not os.path.isfile(path):
        return False
    if path.endswith(TEXT_ENDINGS):
        return True
    with open(path, "rb") as file:
        return file.read(2) == b"#!"
