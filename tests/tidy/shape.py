"""How a file looks: length, its first line, formatting, and words that do not belong in a finished tree."""

import re
import shutil
import subprocess

HEADER_LINES_MAX = 200  # beyond that a header holds two ideas
SOURCE_LINES_MAX = 500
CLANG_FORMAT_VERSION = "14"  # what Debian 12 has; other versions disagree about details

# Spelled apart so that this file does not trip over its own rules.
UNFINISHED = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" * 3]) + r")\b")
MACHINE_PATHS = re.compile("/wor" + r"k/(main|shared)\b|/tm" + r"p/(b-[a-z]|brief)")
CONFLICT = re.compile(r"^(<{7}|>{7}) ")


def check_lengths(sources):
    for source in sources:
        if source.is_cpp or source.is_script:
            limit = HEADER_LINES_MAX if source.is_header else SOURCE_LINES_MAX
            if len(source.lines) > limit:
                yield source.breach(limit + 1, f"{len(source.lines)} lines; more than {limit} are probably two files")


def check_headers(sources):
    for source in sources:
        if source.is_header and (not source.lines or source.lines[0] != "#pragma once"):
            yield source.breach(1, "a header begins with #pragma once")


def check_words(sources):
    for source in sources:
        for number, line in enumerate(source.lines, 1):
            if UNFINISHED.search(line):
                yield source.breach(number, "finish it or leave it out: " + UNFINISHED.search(line).group(0))
            if MACHINE_PATHS.search(line):
                yield source.breach(number, "names a path of one machine: " + MACHINE_PATHS.search(line).group(0))
            if CONFLICT.match(line):
                yield source.breach(number, "a merge conflict was committed")


def check_whitespace(sources):
    for source in sources:
        if source.path.endswith(".json"):
            continue  # among them are other people's test vectors, kept as they came
        for number, line in enumerate(source.lines, 1):
            if "\r" in line:
                yield source.breach(number, "line ends with a carriage return")
            elif line != line.rstrip() and not source.path.endswith(".md"):
                yield source.breach(number, "white space at the end of the line")
        if source.text and not source.text.endswith("\n"):
            yield source.breach(len(source.lines), "the last line does not end")


RULES = [check_lengths, check_headers, check_words, check_whitespace]


def find_clang_format():
    """Returns (program, None) or (None, why it is skipped)."""
    for name in (f"clang-format-{CLANG_FORMAT_VERSION}", "clang-format"):
        program = shutil.which(name)
        if program:
            said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
            version = re.search(r"version (\d+)\.", said)
            if version and version.group(1) == CLANG_FORMAT_VERSION:
                return program, None
            return None, f"{name} is version {version.group(1) if version else 'unknown'}, not {CLANG_FORMAT_VERSION}"
    return None, f"clang-format {CLANG_FORMAT_VERSION} is not installed"


def check_format(root, sources, program):
    """Breaches of .clang-format in files of `sources` under `root`."""
    by_path = {source.path: source for source in sources if source.is_cpp}
    paths = sorted(by_path)
    for start in range(0, len(paths), 50):
        said = subprocess.run([program, "--dry-run", "-Werror", "--style=file", *paths[start:start + 50]],
                              cwd=root, capture_output=True, text=True, check=False).stderr
        first = {}
        for match in re.finditer(r"^(\S+?):(\d+):\d+: (?:error|warning): code should be clang-formatted", said, re.M):
            first.setdefault(match.group(1), int(match.group(2)))
        for path, number in first.items():
            yield by_path[path].breach(number, f"not formatted; run: clang-format -i {path}")
