#!/usr/bin/env python3
"""Feeds the rules of tidy small trees, good and bad, and expects exactly the breaches it planted."""

import os
import tempfile
import unittest

import rooms
import shape
import tidy
from source import Source, read_sources

GOOD_HEADER = "#pragma once\n// Decides nothing.\n"
UNFINISHED = "TO" + "DO"


def said(files):
    """What tidy says about a tree given as {path: text}, formatting aside."""
    return sorted(str(breach) for breach in tidy.breaches([Source(p, t) for p, t in files.items()]))


class Tidy(unittest.TestCase):
    def expect(self, path, text, *messages, **others):
        """`text` at `path` gives one breach per message, each containing it."""
        files = {"engine/core/bytes.hpp": GOOD_HEADER, "engine/node/node.hpp": GOOD_HEADER,
                 "engine/store/database.hpp": GOOD_HEADER, path: text, **others}
        found = said(files)
        self.assertEqual(len(found), len(messages), found)
        for message, breach in zip(messages, found):
            self.assertIn(message, breach)

    def test_a_good_tree_is_quiet(self):
        self.expect("engine/store/store.cpp", '#include "engine/core/bytes.hpp"\n#include <vector>\nint x = 1\'000;\n')

    def test_a_room_includes_only_rooms_of_its_line(self):
        self.expect("engine/core/a.cpp", '#include "engine/store/database.hpp"\n', "engine/core may not include")
        self.expect("engine/swarm/a.cpp", '#include "engine/store/database.hpp"\n', "engine/swarm may not include")
        self.expect("fs/a.cpp", '#include "engine/store/database.hpp"\n', "fs may not include")
        self.expect("fs/a.cpp", '#include "engine/node/node.hpp"\n')
        self.expect("tools/a.cpp", '#include "engine/node/node.hpp"\n', "tools may not include")
        self.expect("tests/store/a.cpp", '#include "engine/node/node.hpp"\n')

    def test_includes_are_written_from_the_root(self):
        self.expect("engine/core/a.cpp", '#include "bytes.hpp"\n', "named from the repository's root")
        self.expect("engine/core/a.cpp", "#include <engine/core/bytes.hpp>\n", "with quotes")

    def test_a_source_lies_in_a_room(self):
        self.expect("engine/a.cpp", "\n", "no room")
        self.expect("engine/cellar/a.cpp", "\n", "no room")

    def test_a_room_links_only_rooms_of_its_line(self):
        path = "engine/swarm/CMakeLists.txt"
        self.expect(path, "swarmfs_room(swarm USES core protocol\n  content)\n")
        self.expect(path, "swarmfs_room(swarm\n  USES core\n  store LIBRARIES x)\n", ":3: engine/swarm may not use store")
        self.expect(path, "target_link_libraries(x PRIVATE swarmfs_store)\n", "may not link swarmfs_store")
        self.expect(path, "# swarmfs_store would be wrong here\n")
        self.expect(path, "swarmfs_room(swarm USES core LIBRARIES PkgConfig::lmdb)\n", "PkgConfig::lmdb may be linked only")

    def test_what_a_room_includes_it_links_itself(self):
        cmake = {"engine/channel/CMakeLists.txt": "swarmfs_room(channel USES core)\n",
                 "engine/crypto/hash.hpp": GOOD_HEADER}
        self.expect("engine/channel/a.cpp", '#include "engine/crypto/hash.hpp"\n', "does not USE it", **cmake)

    def test_a_fuzz_target_names_its_rooms(self):
        self.expect("tests/fuzz/frame_fuzz.cpp", "// fuzz: uses core protocol\n")
        self.expect("tests/fuzz/frame_fuzz.cpp", "// fuzz: uses fs\n")
        self.expect("tests/fuzz/frame_fuzz.cpp", "// Frames.\n", "begins with")
        self.expect("tests/fuzz/frame_fuzz.cpp", "// fuzz: uses cellar\n", "does not exist")
        self.expect("tests/fuzz/frame_fuzz.cpp", "// fuzz: uses core, compiles fs/none.cpp\n", "does not exist")

    def test_the_documented_table_is_the_enforced_one(self):
        row = "| `engine/swarm` | core store | whom to ask |\n"
        self.assertTrue(any("says engine/swarm may use" in line for line in said({"docs/architecture.md": row})))
        lines = [f"| `{room}` | {uses or 'std'} | what |" for room, uses in rooms.TABLE.items()]
        self.assertEqual(said({"docs/architecture.md": "\n".join(lines) + "\n"}), [])

    def test_foreign_things_stay_at_home(self):
        for code, thing in [("mdb_env_create(&e);", "LMDB"), ("fuse_reply_err(r, 5);", "libfuse"),
                            ("crypto_sign(a);", "libsodium"), ("sodium_init();", "libsodium"),
                            ("EVP_sha256();", "OpenSSL"), ("#include <openssl/ssl.h>", "OpenSSL"),
                            ("beast::http::fields f;", "Beast"), ("asio::ip::tcp::socket s;", "an IP socket"),
                            ("PQexec(c, q);", "SQL"), ("auto t = std::chrono::steady_clock::now();", "the clock"),
                            ("std::random_device d;", "randomness"), ("CLI::App app;", "argv"),
                            ("int s = ::socket(AF_INET, 0, 0);", "sockets belong"),
                            ('std::printf("x");', "does not print")]:
            with self.subTest(code):
                found = said({"engine/swarm/a.cpp": code + "\n"})
                self.assertTrue(found and all(":1: " in line for line in found), found)
                self.assertTrue(any(thing in line for line in found), found)

    def test_foreign_things_are_welcome_at_home(self):
        for path, code in [("engine/lmdb/a.cpp", "mdb_env_create(&e);"), ("fs/a.cpp", "fuse_reply_err(r, 5);"),
                           ("engine/crypto/a.cpp", "EVP_sha256(); crypto_sign(a); sodium_init();"),
                           ("engine/http/a.cpp", "beast::http::fields f; asio::ssl::context c;"),
                           ("engine/transport/a.cpp", "asio::ip::tcp::socket s; ::socket(AF_INET, 0, 0);"),
                           ("tools/a.cpp", "::socket(AF_UNIX, 0, 0); std::printf(x);"),
                           ("engine/core/clock.cpp", "auto t = std::chrono::steady_clock::now();"),
                           ("tests/http/a.cpp", "asio::ip::tcp::socket s;")]:
            with self.subTest(code):
                self.assertEqual(said({path: code + "\n"}), [])

    def test_comments_and_strings_are_not_code(self):
        self.expect("engine/swarm/a.cpp", '// mdb_put and ::socket(\n/* EVP_x\n sleep_for */ f("fuse_reply_err(");\n')
        self.expect("engine/swarm/a.cpp", 'auto s = R"(mdb_put\n)"; mdb_get();\n', ":2: LMDB")

    def test_tools_and_async_make_only_local_sockets(self):
        self.expect("tools/a.cpp", "::socket(AF_INET, 0, 0);\n", "only AF_UNIX")

    def test_errno_is_made_in_one_file_of_fs(self):
        both = {"fs/errno.cpp": "return ENOENT;\n"}
        self.expect("fs/other.cpp", "if (errno == EINTR || EAGAIN == errno) {\n}\n", **both)
        self.expect("fs/other.cpp", "reply(EIO);\n", "fs/errno.cpp:1", "fs/other.cpp:1", **both)

    def test_nothing_sleeps(self):
        nap = "std::this_thread::sleep" + "_for(1ms);"
        for path in ("engine/swarm/a.cpp", "fs/a.cpp", "tools/a.cpp"):
            self.expect(path, nap + "  // tidy: sleep because impatient\n", "nothing sleeps")
        self.expect("tests/swarm/a.cpp", nap + "\n", "nothing sleeps")
        self.expect("tests/swarm/a.cpp", nap + "  // tidy: sleep because nobody announces it\n")
        self.expect("tools/quickstart", "#!/bin/sh\nsleep" + " 1\n", "nothing sleeps")
        self.expect("tools/quickstart", "#!/bin/sh\nsleep" + " 1  # tidy: sleep because a port is polled with a bound\n")
        self.expect("tests/e2e/a.py", "time.sleep" + "(1)\n", "nothing sleeps")
        self.expect("tests/e2e/a.py", "time.sleep" + "(1)  # tidy: sleep because a condition is polled with a bound\n")
        self.expect("tests/bench/a.sh", "true; sleep" + " 1\n", "nothing sleeps")

    def test_a_wait_says_for_what_and_somebody_signals_it(self):
        declared = "std::condition_variable changed_;\n"
        signal = "void f() {\n    changed_.notify_all();\n}\n"
        self.expect("tests/swarm/a.cpp", declared, "nobody signals changed_")
        self.expect("engine/swarm/a.cpp", declared + signal)
        self.expect("engine/swarm/a.hpp", "#pragma once\n// A.\n" + declared, **{"engine/swarm/a.cpp": signal})
        self.expect("fs/a.cpp", "changed_.wait_for(lock, f(1, 2));\n", "a wait without a condition")
        self.expect("fs/a.cpp", "p->wait_until(lock,\n              end);\n", "a wait without a condition")
        self.expect("fs/a.cpp", "changed_.wait_for(lock, f(1), [&] { return g(1, 2); });\nfuture.wait_for(f(1, 2));\n")

    def test_lengths_are_bounded(self):
        self.expect("engine/core/a.cpp", "int x;\n" * shape.SOURCE_LINES_MAX)
        self.expect("engine/core/a.cpp", "int x;\n" * (shape.SOURCE_LINES_MAX + 1), "501 lines")
        self.expect("engine/core/a.hpp", "#pragma once\n" + "int x;\n" * shape.HEADER_LINES_MAX, "201 lines")

    def test_headers_begin_with_pragma_once(self):
        self.expect("engine/core/a.hpp", "// Words first.\n#pragma once\n", "begins with #pragma once")

    def test_unfinished_work_is_named(self):
        self.expect("docs/a.md", f"{UNFINISHED}: write this\n", "finish it")
        self.expect("engine/core/a.cpp", "// METHODOLOGY and mkdtemp XXXXXX are fine\n")

    def test_machine_paths_are_refused(self):
        self.expect("docs/a.md", "see /wor" + "k/main/x\n", "path of one machine")

    def test_lines_end_cleanly(self):
        self.expect("tools/a.cpp", "int x; \n", "white space")
        self.expect("tools/a.cpp", "int x;", "does not end")

    @unittest.skipUnless(shape.find_clang_format()[0], "clang-format 14 is absent")
    def test_formatting_is_checked(self):
        with tempfile.TemporaryDirectory() as root:
            os.makedirs(f"{root}/engine/core")
            for path, text in {".clang-format": "BasedOnStyle: Google\n", "engine/core/good.cpp": "int x = 1;\n",
                               "engine/core/bad.cpp": "int y=2  ;\n"}.items():
                with open(f"{root}/{path}", "w", encoding="utf-8") as file:
                    file.write(text)
            found = list(shape.check_format(root, read_sources(root), shape.find_clang_format()[0]))
            self.assertEqual([breach.path for breach in found], ["engine/core/bad.cpp"])


if __name__ == "__main__":
    unittest.main()
