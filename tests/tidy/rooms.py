"""Who may know whom: the room table, for #include lines and for what CMake links."""

import re

ENGINE = ("core crypto async protocol content catalog lmdb http store channel transport discovery "
          "swarm node").split()

# Room -> what it may use. The same table stands in docs/architecture.md; `table_agrees` compares.
TABLE = {
    "engine/core": "",
    "engine/crypto": "core",
    "engine/async": "core",
    "engine/protocol": "core",
    "engine/content": "core crypto",
    "engine/catalog": "core crypto",
    "engine/lmdb": "core",
    "engine/http": "core async crypto",
    "engine/store": "core async content catalog lmdb",
    "engine/channel": "core crypto protocol",
    "engine/transport": "core async protocol channel http",
    "engine/discovery": "core async protocol transport http",
    "engine/swarm": "core async protocol content transport discovery",
    "engine/node": " ".join(room for room in ENGINE if room != "node"),
    "fs": "core node",
    "tracker": "core async crypto protocol catalog lmdb http",
    "tools": "core protocol",
}

# What CMake calls a foreign library -> the rooms that may link it.
FOREIGN_TARGETS = {
    "PkgConfig::lmdb": {"engine/lmdb"},
    "PkgConfig::sodium": {"engine/crypto"},
    "OpenSSL::Crypto": {"engine/crypto", "engine/http"},
    "OpenSSL::SSL": {"engine/http"},
    "PkgConfig::fuse3": {"fs"},
    "CLI11::CLI11": {"fs", "tracker", "tools"},
}

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
LIBRARY = re.compile(r"\bswarmfs_([a-z]+)\b")
ROOM_CALL = re.compile(r"\bswarmfs_room\s*\(\s*(\w+)(.*?)\)", re.S)
FUNCTIONS = {"room", "test", "program", "flags", "fuzz"}


def allowed(room):
    """Room folders that `room` may include from, itself among them."""
    return {room} | {f"engine/{used}" for used in TABLE[room].split()}


def check_includes(sources):
    paths = {source.path for source in sources}
    for source in sources:
        if not source.is_cpp:
            continue
        for number, line in enumerate(source.lines, 1):
            match = INCLUDE.match(line)
            if match and match.group(1) == '"':
                yield from check_include(source, number, match.group(2), paths)
            elif match and re.match(r"(engine|fs|tracker|tools|tests)/", match.group(2)):
                yield source.breach(number, f"our own headers are included with quotes: {line.strip()}")


def check_include(source, number, target, paths):
    if target not in paths:
        yield source.breach(number, f'"{target}" is not a file named from the repository\'s root')
        return
    if source.room is None:
        return
    owner = room_of(target)
    if owner is None:
        yield source.breach(number, f'{source.room} may not include "{target}": it is in no room')
    elif owner not in allowed(source.room):
        yield source.breach(number, f'{source.room} may not include "{target}" '
                                    f"(it may use: {TABLE[source.room] or 'std only'})")


def room_of(path):
    parts = path.split("/")
    if parts[0] == "engine" and len(parts) > 2:
        return f"engine/{parts[1]}"
    return parts[0] if parts[0] in TABLE else None


def check_known_rooms(sources):
    """Every source of the product lies in a room of the table."""
    for source in sources:
        if source.is_cpp and source.top in ("engine", "fs", "tracker", "tools"):
            if source.room not in TABLE:
                yield source.breach(1, "lies in no room of the table")


def check_cmake(sources):
    """What a room links is what its line names, and what it includes is among what it links."""
    for source in sources:
        if not source.is_cmake or source.room not in TABLE:
            continue
        may_use = {name.rsplit("/", 1)[-1] for name in allowed(source.room)}
        for number, line in enumerate(without_comments(source.lines), 1):
            for name in LIBRARY.findall(line):
                if name not in FUNCTIONS and name not in may_use:
                    yield source.breach(number, f"{source.room} may not link swarmfs_{name}")
            for target, homes in FOREIGN_TARGETS.items():
                if target in line and source.room not in homes:
                    yield source.breach(number, f"{target} may be linked only by {', '.join(sorted(homes))}")
        for used, number in uses_of(source):
            if used not in may_use:
                yield source.breach(number, f"{source.room} may not use {used} "
                                            f"(it may use: {TABLE[source.room] or 'std only'})")


def without_comments(lines):
    return [line.split("#", 1)[0] for line in lines]


def uses_of(source):
    """(room name, line) for each name behind USES in this file's swarmfs_room(...) calls."""
    text = "\n".join(without_comments(source.lines))
    found = []
    for call in ROOM_CALL.finditer(text):
        keyword = None
        for word in re.finditer(r"\S+", call.group(2)):
            if word.group(0).isupper():
                keyword = word.group(0)
            elif keyword == "USES":
                offset = call.start(2) + word.start()
                found.append((word.group(0), text.count("\n", 0, offset) + 1))
    return found


def check_includes_are_linked(sources):
    """A room that includes another room's header says so in its USES, not by way of a third room."""
    linked = {}
    for source in sources:
        if source.is_cmake and source.room in TABLE and source.path == f"{source.room}/CMakeLists.txt":
            linked[source.room] = {f"engine/{used}" for used, _ in uses_of(source)} | {
                f"engine/{name}" for name in LIBRARY.findall("\n".join(source.lines))}
    for source in sources:
        if not source.is_cpp or source.room not in linked:
            continue
        for number, line in enumerate(source.lines, 1):
            match = INCLUDE.match(line)
            owner = room_of(match.group(2)) if match and match.group(1) == '"' else None
            if owner and owner in allowed(source.room) and owner != source.room:
                if owner not in linked[source.room]:
                    yield source.breach(number, f"{source.room} includes {owner} "
                                                "but its CMakeLists.txt does not USE it")


def check_table(sources):
    """The table in docs/architecture.md and TABLE say the same."""
    for source in sources:
        if source.path != "docs/architecture.md":
            continue
        seen = set()
        for number, line in enumerate(source.lines, 1):
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            room = cells[0].strip("`")
            if len(cells) != 3 or room not in TABLE:
                continue
            seen.add(room)
            said = {"std": "", "all of engine": TABLE["engine/node"]}.get(cells[1], cells[1])
            if said.replace(",", "").split() != TABLE[room].split():
                yield source.breach(number, f"says {room} may use '{cells[1]}', "
                                            f"tests/tidy/rooms.py says '{TABLE[room]}'")
        if seen and seen != set(TABLE):
            yield source.breach(1, f"its room table lacks {', '.join(sorted(set(TABLE) - seen))}")


def check_fuzz_targets(sources):
    """The first line of a fuzz target names the rooms it links; tests/fuzz/CMakeLists.txt reads it."""
    for source in sources:
        if re.fullmatch(r"tests/fuzz/\w+_fuzz\.cpp", source.path):
            match = re.fullmatch(r"// fuzz: uses ([a-z]+(?: [a-z]+)*)(?:, compiles ([a-z_/]+\.cpp))?",
                                 source.lines[0] if source.lines else "")
            if not match:
                yield source.breach(1, "a fuzz target begins with `// fuzz: uses room room ...`")
            elif not set(match.group(1).split()) <= {*ENGINE, "fs"}:
                yield source.breach(1, f"names a room that does not exist: {match.group(1)}")
            elif match.group(2) and match.group(2) not in {other.path for other in sources}:
                yield source.breach(1, f"compiles a file that does not exist: {match.group(2)}")


RULES = [check_includes, check_known_rooms, check_cmake, check_includes_are_linked, check_fuzz_targets,
         check_table]
