"""Every foreign thing has one home: libraries, sockets, clocks, dice, errno, the terminal."""

import re

PRODUCT = ("engine", "fs", "tracker", "tools")


class Home:
    """`pattern` may appear only in files whose path begins with one of `homes`."""

    def __init__(self, thing, pattern, homes, in_includes=False):
        self.thing, self.pattern, self.homes = thing, re.compile(pattern), tuple(homes)
        self.in_includes = in_includes  # look at #include lines instead of code

    def message(self):
        return f"{self.thing} belongs in {', '.join(self.homes)} only"


CRYPTO, HTTP, FS = "engine/crypto/", "engine/http/", "fs/"
TIME = ["engine/core/clock.cpp", CRYPTO]
SOCKETS = ["engine/transport/", HTTP]

HOMES = [
    Home("LMDB", r"\bmdb_\w+|\bMDB_\w+", ["engine/lmdb/"]),
    Home("LMDB", r"<lmdb\.h>", ["engine/lmdb/"], in_includes=True),
    Home("libfuse", r"\bfuse_\w+\s*\(|\bstruct fuse_\w+|\bfuse_(req_t|ino_t|session|conn_info)\b|\bFUSE_\w+", [FS]),
    Home("libfuse", r"<(fuse|linux/fuse)", [FS], in_includes=True),
    Home("libsodium", r"\bsodium_\w+|\bcrypto_[a-z0-9_]+\s*\(|\brandombytes_\w+", [CRYPTO]),
    Home("libsodium", r"<sodium", [CRYPTO], in_includes=True),
    Home("OpenSSL's libcrypto", r"\b(EVP|RAND|HMAC|OSSL|SHA256|SHA1|AES|OPENSSL)_\w+\s*\(|\bEVP_\w+", [CRYPTO]),
    Home("OpenSSL", r"<openssl/", [CRYPTO, HTTP], in_includes=True),
    Home("TLS", r"\bSSL_\w+|\bssl::|\basio::ssl\b", [HTTP]),
    Home("TLS", r"<boost/asio/ssl|<openssl/ssl\.h>", [HTTP], in_includes=True),
    Home("Beast", r"\bbeast::", [HTTP]),
    Home("Beast", r"<boost/beast", [HTTP], in_includes=True),
    Home("an IP socket", r"\bip::(tcp|udp|icmp)\b", SOCKETS),
    Home("an IP socket", r"<boost/asio/ip/", SOCKETS, in_includes=True),
    Home("SQL", r"\bPQ[a-z]\w+\s*\(|\bsqlite3_\w+", ["tracker/"]),
    Home("SQL", r"<(libpq-fe|sqlite3)\.h>", ["tracker/"], in_includes=True),
    Home("the clock", r"\b(steady|system|high_resolution|utc)_clock::now\b|\b(clock_gettime|gettimeofday)\s*\("
                      r"|\b(std::|::)time\s*\(", TIME),
    Home("randomness", r"\brandom_device\b|\bmt19937|\b(std::|::)?s?rand\s*\(\s*\)|\b(getrandom|getentropy|arc4random\w*)\s*\(",
         [CRYPTO]),
    Home("argv", r"\bCLI::", [FS, "tracker/", "tools/"]),
]

# A Unix socket is a local matter: the control socket's client in tools, systemd's in async.
LOCAL_SOCKET_HOMES = ("tools/", "engine/async/")
SOCKET_CALL = re.compile(r"(?<![\w.>])(::)?socket(pair)?\s*\(")

# Only programs speak to people; a room of the engine returns errors and logs.
PRINTING = re.compile(r"\bstd::(cout|cerr|clog)\b|\b(std::|::)?(printf|puts|putchar|fputs|fprintf|perror)\s*\(")
PRINTING_ALLOWED = ("engine/core/result.cpp",)  # a broken invariant's last words

SLEEP_CPP = re.compile(r"\bsleep_(for|until)\b|\b(u|nano|clock_nano)?sleep\s*\(")
SLEEP_SCRIPT = re.compile(r"\btime\.sleep\s*\(|\basyncio\.sleep\s*\(|^\s*sleep\s+[\d.$]|[;&|]\s*sleep\s+[\d.$]")
SLEEP_FOLDERS = ("engine", "fs", "tracker", "tests", "tools")
# Where what is waited for is in another program or announced by nobody, it is polled, with a bound. The product never is.
SLEEP_EXCUSE = re.compile(r"(//|#) tidy: sleep because \w+")
SLEEP_EXCUSABLE = ("tests/", "tools/")

CONDITION = re.compile(r"\bstd::condition_variable(?:_any)?\s+(\w+)\s*;")
TIMED_WAIT = re.compile(r"(?:\.|->)wait_(?:for|until)\s*\(")

ERRNO = re.compile(r"(?P<before>==\s*|!=\s*|case\s+)?(?<![\w:])E(?:PERM|NOENT|SRCH|INTR|IO|NXIO|BADF|AGAIN|NOMEM|ACCES|"
                   r"FAULT|BUSY|EXIST|XDEV|NODEV|NOTDIR|ISDIR|INVAL|NFILE|MFILE|FBIG|NOSPC|ROFS|PIPE|RANGE|"
                   r"NAMETOOLONG|NOSYS|NOTEMPTY|LOOP|NODATA|PROTO|OVERFLOW|NOTSUP|OPNOTSUPP|TIMEDOUT|"
                   r"STALE|DQUOT|CANCELED|NOTCONN|CONNABORTED|HOSTUNREACH|NETUNREACH)\b(?P<after>\s*[!=]=)?")


def check_homes(sources):
    for source in sources:
        if not source.is_cpp or source.top not in PRODUCT:
            continue
        includes = [(n, line) for n, line in enumerate(source.lines, 1) if line.lstrip().startswith("#include")]
        code = [(n, line) for n, line in source.code_lines() if not line.lstrip().startswith("#include")]
        for home in HOMES:
            if source.path.startswith(home.homes):
                continue
            for number, line in includes if home.in_includes else code:
                if home.pattern.search(line):
                    yield source.breach(number, home.message())


def check_sockets(sources):
    for source in sources:
        if not source.is_cpp or source.top not in PRODUCT or source.path.startswith(tuple(SOCKETS)):
            continue
        for number, line in source.code_lines():
            if not SOCKET_CALL.search(line):
                continue
            if not source.path.startswith(LOCAL_SOCKET_HOMES):
                yield source.breach(number, "sockets belong in engine/transport and engine/http only")
            elif "AF_UNIX" not in line:
                yield source.breach(number, "only AF_UNIX sockets may be made here")


def check_printing(sources):
    for source in sources:
        if source.is_cpp and source.top == "engine" and source.path not in PRINTING_ALLOWED:
            for number, line in source.code_lines():
                if PRINTING.search(line):
                    yield source.breach(number, "the engine does not print: return an error or log")


def check_sleeps(sources):
    for source in sources:
        if source.top not in SLEEP_FOLDERS or not (source.is_cpp or source.is_script):
            continue
        pattern = SLEEP_CPP if source.is_cpp else SLEEP_SCRIPT
        lines = source.code_lines() if source.is_cpp else enumerate(source.lines, 1)
        for number, line in lines:
            if not pattern.search(line) or source.path.startswith("tests/tidy/"):
                continue
            excusable = source.path.startswith(SLEEP_EXCUSABLE) and not (source.is_cpp and source.top == "tools")
            if not (excusable and SLEEP_EXCUSE.search(source.lines[number - 1])):
                yield source.breach(number, "nothing sleeps to wait for something: wait for the thing, with a bound")


def commas(text):
    """Those between the arguments of the call whose opening bracket comes just before `text`."""
    count, depth = 0, 0
    for c in text:
        if c in ")]}" and depth == 0:
            break
        depth += (c in "([{") - (c in ")]}")
        count += c == "," and depth == 0
    return count


def check_waits(sources):
    """A wait for a condition variable says what it waits for, and somebody signals it: else it is a sleep."""
    signalled = {}
    for source in sources:
        if source.is_cpp:
            folder = source.path.rpartition("/")[0]
            signalled[folder] = signalled.get(folder, "") + "\n".join(line for _, line in source.code_lines())
    for source in sources:
        if not source.is_cpp or source.top not in SLEEP_FOLDERS:
            continue
        code = "\n".join(line for _, line in source.code_lines())
        for match in CONDITION.finditer(code):
            if not re.search(rf"\b{match[1]}(\.|->)notify_", signalled[source.path.rpartition("/")[0]]):
                yield source.breach(code.count("\n", 0, match.start()) + 1, f"nobody signals {match[1]}: waiting for it is a sleep")
        for match in TIMED_WAIT.finditer(code):
            if commas(code[match.end():]) == 1:
                yield source.breach(code.count("\n", 0, match.start()) + 1,
                                    "a wait without a condition misses what came before it: give it one")


def check_errno(sources):
    """One file of fs turns results into errno; others may only compare what a system call said."""
    makers = {}
    for source in sources:
        if not source.is_cpp or source.room != "fs":
            continue
        for number, line in source.code_lines():
            for match in ERRNO.finditer(line):
                if not match.group("before") and not match.group("after"):
                    makers.setdefault(source.path, (source, number))
    if len(makers) > 1:
        for path, (source, number) in sorted(makers.items()):
            others = ", ".join(sorted(other for other in makers if other != path))
            yield source.breach(number, f"errno is made in one file of fs, but also in {others}")


RULES = [check_homes, check_sockets, check_printing, check_sleeps, check_waits, check_errno]
