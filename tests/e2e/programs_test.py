"""Programs that people use every day, on a mount: git, make, rsync, tar, dpkg, ffmpeg, sqlite, editors, fio,
stress-ng.

What they leave behind is what they leave on the local file system, and another member sees the same.
"""

import os
import pathlib
import sqlite3
import subprocess
import threading

import content
from harness import SceneTest, needs, sanitized, wait_until

GIT = ["git", "-c", "user.name=Alice", "-c", "user.email=alice@example.org", "-c", "commit.gpgsign=false"]
MEDIA_SECONDS = 10 if sanitized() else 40
FIO_BYTES = "8m" if sanitized() else "64m"


class Programs(SceneTest):
    def setUp(self):
        super().setUp()
        self.alice, self.bob = self.swarm("alice", "bob")
        self.here, self.there = self.alice.mounted, self.bob.mounted

    def assert_alike(self, name):
        """Bob sees what alice has under `name`, in the end."""
        def seen(mounted):
            path = mounted / name
            try:
                found = path.lstat()
                return ((found.st_size, found.st_mtime_ns) if path.is_file()
                        else content.description(path, folder_times=False))
            except FileNotFoundError:  # it went while it was looked at
                return None
        wanted = seen(self.here)
        self.assertIsNotNone(wanted)
        wait_until(lambda: seen(self.there) == wanted, 120, f"bob sees all of {name}")
        content.run("diff", "-r", "--no-dereference", "--", self.here / name, self.there / name)

    def test_git_clones_commits_packs_and_checks(self):
        needs("git")
        origin = self.scene.root / "origin"
        content.run(*GIT, "init", "-q", "-b", "main", origin)
        for number in range(60):
            path = origin / f"folder{number % 7}" / f"file{number}"
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"{number}\n" * (1 + number * 37 % 500))
        content.run(*GIT, "-C", origin, "add", ".")
        content.run(*GIT, "-C", origin, "commit", "-qm", "first")
        work = self.here / "work"
        content.run(*GIT, "clone", "-q", origin, work)
        for number in range(5):
            (work / "folder1/file1").write_text(f"changed {number}\n")
            (work / f"new{number}").write_text("new\n")
            content.run(*GIT, "-C", work, "add", ".")
            content.run(*GIT, "-C", work, "commit", "-qm", f"change {number}")
        content.run(*GIT, "-C", work, "gc", "-q", "--prune=now")
        content.run(*GIT, "-C", work, "fsck", "--strict")
        content.run(*GIT, "-C", work, "checkout", "-q", "HEAD~3")
        content.run(*GIT, "-C", work, "checkout", "-q", "main")
        self.assertEqual(content.run(*GIT, "-C", work, "status", "--porcelain"), "")
        self.assert_alike("work")
        content.run(*GIT, "-c", "safe.directory=*", "-C", self.there / "work", "fsck", "--strict")

    def test_make_builds_a_program_that_runs(self):
        needs("make", "g++")
        project = self.here / "project"
        project.mkdir()
        for number in range(4):
            (project / f"part{number}.cpp").write_text(f"int part{number}() {{ return {number}; }}\n")
        (project / "main.cpp").write_text("int part1(); int part3();\nint main() { return part1() + part3(); }\n")
        (project / "Makefile").write_text(
            "program: main.o part0.o part1.o part2.o part3.o\n\tg++ -o $@ $^\n%.o: %.cpp\n\tg++ -c -o $@ $<\n"
            "clean:\n\trm -f *.o program\n")
        for _ in range(2):
            content.run("make", "-s", "-j2", "-C", project)
            self.assertEqual(subprocess.run([project / "program"], check=False).returncode, 4)
            self.assertIn("up to date", content.run("make", "-C", project, "program"))
            self.assert_alike("project")
            self.assertEqual(subprocess.run([self.there / "project/program"], check=False).returncode, 4)
            content.run("make", "-s", "-C", project, "clean")

    def test_rsync_brings_a_tree_up_to_date_in_place_and_not(self):
        needs("rsync")
        source = self.scene.root / "tree"
        content.copy_tree(pathlib.Path("/usr/include/linux"), source)
        os.symlink("types.h", source / "link")
        content.random_file(source / "large", 5 << 20, seed=1)
        for words in ([], ["--inplace", "--no-whole-file"]):
            name = "rsynced" + "".join(words)
            content.run("rsync", "-aHAX", *words, f"{source}/", self.here / name)
            with open(source / "large", "r+b") as file:
                file.seek(2 << 20)
                file.write(os.urandom(10_000))
            (source / "types.h").write_text("changed\n")
            (source / f"new{len(words)}").write_text("new\n")
            content.run("rsync", "-aHAX", "--delete", *words, f"{source}/", self.here / name)
            self.assertEqual(content.run("rsync", "-aHAXni", "--checksum", "--delete", f"{source}/", self.here / name),
                             "")
            content.assert_same_tree(self, source, self.here / name)
            self.assert_alike(name)

    def test_tar_goes_in_and_out(self):
        needs("tar")
        source = pathlib.Path("/usr/include/linux")
        packed = self.scene.root / "packed.tar"
        content.run("tar", "-C", source.parent, "-cf", packed, source.name)
        content.run("tar", "-C", self.here, "-xpf", packed)
        content.assert_same_tree(self, source, self.here / source.name)
        self.assert_alike(source.name)
        content.run("tar", "-C", self.there, "-df", packed)

    def test_dpkg_packs_a_tree_and_unpacks_it(self):
        needs("dpkg", "dpkg-deb")
        tree = self.here / "tree"
        content.copy_tree(pathlib.Path("/usr/include/linux"), tree)
        os.symlink("types.h", tree / "link")
        (tree / "empty").mkdir()
        (tree / "tool").write_text("#!/bin/sh\n")
        (tree / "tool").chmod(0o755)
        (tree / "DEBIAN").mkdir()
        (tree / "DEBIAN/control").write_text("Package: swarmfs-test\nVersion: 1.0\nArchitecture: all\nDescription: test\n"
                                             "Maintainer: Alice <alice@example.org>\n")
        self.assert_alike("tree")
        content.run("dpkg-deb", "--root-owner-group", "-b", self.there / "tree", self.there / "packed.deb")
        packed = self.bob_wrote("packed.deb")
        content.run("dpkg", "-x", packed, self.scene.root / "unpacked")
        content.run("dpkg", "-x", packed, self.here / "unpacked")
        content.assert_same_tree(self, self.scene.root / "unpacked", self.here / "unpacked")
        self.assert_alike("unpacked")
        self.assertEqual(content.run("dpkg-deb", "-f", packed, "Version"), "1.0\n")

    def bob_wrote(self, name):
        """The path at alice, once she sees all of it."""
        size = (self.there / name).stat().st_size
        wait_until(lambda: (self.here / name).exists() and (self.here / name).stat().st_size == size, 60,
                   f"alice sees {name}")
        return self.here / name

    def test_ffmpeg_seeks_and_decodes_what_is_not_here(self):
        needs("ffmpeg")
        film = self.scene.root / "film.mp4"
        # Noise, because what compresses well would be fetched with the first read-ahead.
        content.run("ffmpeg", "-v", "error", "-bitexact", "-f", "lavfi", "-i",
                    f"testsrc2=size=320x240:rate=25:duration={MEDIA_SECONDS},noise=alls=40:allf=t", "-f", "lavfi", "-i",
                    f"sine=frequency=440:duration={MEDIA_SECONDS}", "-c:v", "mpeg4", "-q:v", "3", "-g", "25", "-c:a", "aac", film)

        def frames(path, *position):
            """A hash of each picture and sound that is decoded there."""
            return content.run("ffmpeg", "-v", "error", "-bitexact", *position, "-i", path, "-t", "1", "-f", "framemd5", "-")
        content.run("cp", film, self.here / "film.mp4")
        self.bob.sees("film.mp4")
        wait_until(lambda: (self.there / "film.mp4").stat().st_size == film.stat().st_size, 60, "bob sees all of it")
        # The index stands at the end of the file, so every opening reads both ends.
        for part in (0.9, 0.5, 0.1, 0.7):
            position = ("-ss", str(MEDIA_SECONDS * part))
            self.assertEqual(frames(self.there / "film.mp4", *position), frames(film, *position))
        if not sanitized():
            self.assertLess(self.bob.status()["stored_bytes"], film.stat().st_size, "seeking fetches what is played")
        content.run("ffmpeg", "-v", "error", "-xerror", "-i", self.there / "film.mp4", "-f", "null", "-")
        self.assertEqual(content.sha256(self.there / "film.mp4"), content.sha256(film))

    def test_sqlite_keeps_its_promises_in_every_journal_mode(self):
        for mode in ("delete", "truncate", "persist", "wal"):
            with self.subTest(mode):
                path = self.here / f"{mode}.db"
                base = sqlite3.connect(path, timeout=60)
                self.assertEqual(base.execute(f"pragma journal_mode={mode}").fetchone()[0], mode)
                base.execute("create table lines (number integer primary key, text)")
                base.commit()
                self.fill_from_two_sides(path, mode)
                self.assertEqual(base.execute("select count(*) from lines").fetchone()[0], 400)
                base.execute("delete from lines where number % 3 = 0")
                base.commit()
                base.execute("vacuum")
                self.assertEqual(base.execute("pragma integrity_check").fetchone()[0], "ok")
                base.close()
                self.assert_alike(path.name)
                with sqlite3.connect(f"file:{self.there / path.name}?mode=ro&immutable=1", uri=True) as seen:
                    self.assertEqual(seen.execute("pragma integrity_check").fetchone()[0], "ok")

    def fill_from_two_sides(self, path, mode):
        def fill(first):
            base = sqlite3.connect(path, timeout=60, isolation_level=None)
            base.execute(f"pragma journal_mode={mode}")
            for number in range(first, 400, 2):
                base.execute("insert into lines values (?, ?)", (number, "x" * (number * 13 % 2000)))
            base.close()
        writers = [threading.Thread(target=fill, args=(first,)) for first in (0, 1)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()

    def test_editors_save(self):
        needs("sed", "vi")
        text = self.here / "text"
        text.write_text("one\ntwo\nthree\n")
        self.bob.sees("text")
        content.run("sed", "-i", "s/two/zwei/", text)
        content.run("sed", "-i.bak", "s/one/eins/", text)
        for options in ("set backupcopy=no", "set backupcopy=yes", "set backup nowritebackup"):
            subprocess.run(["vi", "-u", "NONE", "-N", "-es", "-c", options, text], input="$a\nadded\n.\nx\n", text=True,
                           timeout=60, check=True)
        lines = text.read_text().splitlines()
        self.assertEqual(lines[:3], ["eins", "zwei", "three"])
        self.assertEqual(len(lines), 6)
        wait_until(lambda: (self.there / "text").read_text().splitlines() == lines, 20, "bob sees what was saved")
        self.assertEqual((self.here / "text.bak").read_text(), "one\nzwei\nthree\n")
        wait_until(lambda: {path.name for path in self.there.iterdir()} <= {"text", "text.bak", "text~"}, 20,
                   "nothing of the editors is left")

    def test_fio_verifies_what_it_wrote(self):
        needs("fio")
        common = ["--verify=sha256", "--verify_fatal=1", "--end_fsync=1", f"--size={FIO_BYTES}", f"--directory={self.here}",
                  f"--aux-path={self.scene.root}"]
        for name, words in {
                "sequential": ["--rw=write", "--bs=128k"],
                "random": ["--rw=randwrite", "--bs=4k"],
                "mixed": ["--rw=randrw", "--bs=16k"],
                "mapped": ["--rw=randwrite", "--bs=4k", "--ioengine=mmap"],
                "aio": ["--rw=randwrite", "--bs=4k", "--ioengine=libaio", "--iodepth=16"],
                "direct": ["--rw=randwrite", "--bs=4k", "--ioengine=libaio", "--iodepth=16", "--direct=1"]}.items():
            with self.subTest(name):
                content.run("fio", f"--name={name}", *words, *common)
                size = (self.here / f"{name}.0.0").stat().st_size
                wait_until(lambda: (self.there / f"{name}.0.0").exists() and
                           (self.there / f"{name}.0.0").stat().st_size == size, 60, "bob sees it")
        content.run("fio", "--name=aio", "--rw=randwrite", "--bs=4k", "--ioengine=libaio", "--iodepth=16", "--verify_only",
                    *common)

    def test_stress_ng_finds_nothing_wrong(self):
        needs("stress-ng")
        seconds = "2"
        for stressor in ("dentry", "dir", "rename", "symlink", "seek", "fallocate", "mmap", "flock", "lockf", "utime", "copy-file",
                         "fpunch", "filename", "getdent", "open", "hdd"):
            with self.subTest(stressor):
                folder = self.here / stressor
                folder.mkdir()
                extra = ["--hdd-bytes", "8m"] if stressor == "hdd" else []
                extra = ["--mmap-file", "--mmap-bytes", "8m"] if stressor == "mmap" else extra
                extra = ["--fallocate-bytes", "8m"] if stressor == "fallocate" else extra
                content.run("stress-ng", "--temp-path", folder, f"--{stressor}", "2", "--timeout", seconds, "--verify", *extra)
                self.assertEqual(list(folder.iterdir()), [])
