#!/usr/bin/env python3
"""Keeps the house rules that a machine can keep. There is no list of exceptions: a breach is repaired.

usage: tidy.py [ROOT]     exit code 0 when the tree is tidy, 1 with one line per breach when it is not
"""

import os
import sys

import homes
import rooms
import shape
import source

RULES = rooms.RULES + homes.RULES + shape.RULES


def breaches(sources):
    for rule in RULES:
        yield from rule(sources)


def main():
    root = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "../.."))
    sources = source.read_sources(root)
    found = list(breaches(sources))
    program, reason = shape.find_clang_format()
    if program:
        found += shape.check_format(root, sources, program)
    else:
        print(f"formatting is not checked: {reason}")
    for breach in sorted(found, key=lambda b: (b.path, b.line)):
        print(str(breach).encode("utf-8", "backslashreplace").decode())
    print(f"tidy: {len(sources)} files, {len(found)} breaches")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
