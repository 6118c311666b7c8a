"""The tracker's HTTP interface, spoken to as any program would: with HTTP and JSON, without our code."""

import hashlib
import os
import socket
import threading

from harness import SceneTest, wait_until

CHUNK_BYTES = 262144


def node_of(left, right):
    """The node above two of a hash tree (BEP 52)."""
    return hashlib.sha256(left + right).digest()


class TrackerApi(SceneTest):
    def setUp(self):
        super().setUp()
        self.tracker = self.scene.tracker()

    def assert_problem(self, answer, status):
        self.assertEqual(answer[0], status, answer)
        self.assertEqual(answer[1]["status"], status)
        self.assertTrue(answer[1]["title"])

    def test_health_answers(self):
        self.assertEqual(self.tracker.get("/health")[0], 200)

    def test_what_is_not_there_is_a_problem_document(self):
        self.assert_problem(self.tracker.get("/nothing"), 404)
        self.assert_problem(self.tracker.get("/api/files/" + "0" * 64), 404)
        self.assertIn(self.tracker.get("/api/files/zz")[0], (400, 404))
        self.assertIn(self.tracker.request("DELETE", "/health")[0], (404, 405))

    def test_bodies_that_are_no_json_or_the_wrong_json_are_refused(self):
        for body in (b"", b"{", b"\xff\xfe", b"[" * 100_000, b"null", b"[]", b'"text"', b"{}", b'{"file_hash": 7}',
                     b'{"file_hash": "' + b"z" * 64 + b'"}'):
            for path in ("/api/peers/register", "/api/peers/heartbeat"):
                with self.subTest(path=path, body=body[:30]):
                    status, _ = self.tracker.request("POST", path, body)
                    self.assertTrue(400 <= status < 500, status)
        self.assertEqual(self.tracker.get("/health")[0], 200)

    def test_an_announce_that_is_no_json_or_the_wrong_json_is_refused_before_anything_else(self):
        good = b'{"file_hash": "' + b"ab" * 32 + b'", "name": "x", "size": 5, "chunk_size": 262144, "chunks": 1}'
        for body in (b"", b"{", b"\xff\xfe", b"hello", b"[" * 100_000, b"null", b'"text"', b"{}", good[:-1], good + b"x",
                     b"[" + good, good.replace(b"ab", b"zz"), good.replace(b"5", b"-5"), good.replace(b'"x"', b"[]"),
                     good.replace(b"262144", b"1")):
            with self.subTest(body[:40]):
                answer = self.tracker.request("POST", "/api/files/announce", body)
                self.assert_problem(answer, 400)
                self.assertEqual(answer[1]["code"], "invalid")
        # What can be read is refused only for want of a token.
        answer = self.tracker.request("POST", "/api/files/announce", good)
        self.assert_problem(answer, 403)
        self.assertEqual(answer[1]["code"], "token_needed")
        self.assertEqual(self.tracker.get("/api/files/" + "ab" * 32)[0], 404)

    def test_a_body_without_end_is_cut_off(self):
        self.assertIn(self.endless_upload(), ("413", "400", "closed"))
        self.assertEqual(self.tracker.get("/health")[0], 200)

    def endless_upload(self):
        with socket.create_connection((self.tracker.host, self.tracker.port), timeout=60) as connection:
            connection.sendall(b"POST /api/files/announce HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n"
                               b"Content-Length: 100000000000\r\n\r\n")
            try:
                for _ in range(1024):
                    connection.sendall(b" " * (1 << 20))
                return "took a gigabyte"
            except OSError:
                pass
            try:
                return connection.recv(4096).split(b" ")[1].decode()
            except (OSError, IndexError):
                return "closed"

    def test_an_unsigned_registration_is_refused(self):
        body = {"peer_id": "11" * 32, "addr": "127.0.0.1:1234"}
        status, _ = self.tracker.request("POST", "/api/peers/register", body)
        self.assertTrue(400 <= status < 500, status)
        self.assertTrue(400 <= self.tracker.request("DELETE", "/api/peers/" + "11" * 32)[0] < 500)

    def test_a_shared_file_is_described_as_documented(self):
        alice, bob = self.swarm("alice", "bob", mount=False)
        path = self.scene.root / "file"
        path.write_bytes(os.urandom(3 * CHUNK_BYTES + 1))
        alice.cli("share", "team", path)
        rows = wait_until(lambda: self.tracker.get("/api/files")[1]["files"], 60, "the tracker lists the file")
        row = next(row for row in rows if row["name"].endswith("file"))
        described = wait_until(lambda: self.with_chunk_hashes(row["file_hash"]), 60, "alice announces what she holds")
        self.assertEqual(described["size"], 3 * CHUNK_BYTES + 1)
        self.assertEqual(described["chunk_size"], CHUNK_BYTES)
        self.assertEqual(described["file_hash"], row["file_hash"])
        self.assertGreaterEqual(described["seeders"], 1)
        self.assertEqual(len(described["merkle_root"]), 64)
        chunks = [bytes.fromhex(chunk) for chunk in described["chunk_hashes"]]
        self.assertEqual(len(chunks), 4)
        self.assertEqual(node_of(node_of(*chunks[:2]), node_of(*chunks[2:])).hex(), described["merkle_root"])
        root = {entry["name"]: entry for entry in bob.json("list", "team")["entries"]}.get("file", {}).get("root")
        self.assertIn(root, (None, described["merkle_root"]))

        status, peers = self.tracker.get(f"/api/files/{row['file_hash']}/peers")
        self.assertEqual(status, 200)
        self.assertEqual([peer["status"] for peer in peers], ["online"])
        for peer in peers:
            self.assertLessEqual({"peer_id", "addr", "status", "last_seen"}, set(peer))

    def with_chunk_hashes(self, file_hash):
        """What the tracker says of the file once it knows its chunks; before that, nothing."""
        status, described = self.tracker.get(f"/api/files/{file_hash}")
        self.assertEqual(status, 200)
        return described if described["chunk_hashes_known"] else None

    def test_a_member_that_leaves_is_no_longer_listed(self):
        alice, bob = self.swarm("alice", "bob", mount=False)
        path = self.scene.root / "file"
        path.write_bytes(os.urandom(1000))
        alice.cli("share", "team", path)
        wait_until(lambda: "'file'" in str(self.tracker.get("/api/files")), 60, "the tracker lists the file")
        files = self.tracker.get("/api/files")[1]
        file_hash = (files["files"] if isinstance(files, dict) else files)[0]["file_hash"]

        def online():
            status, peers = self.tracker.get(f"/api/files/{file_hash}/peers")
            # A file nobody holds, and that no catalog names yet, is not known at all.
            return [peer for peer in peers if peer["status"] == "online"] if status == 200 else []
        wait_until(online, 60, "alice is listed")
        self.assertEqual(alice.stop(), 0)
        wait_until(lambda: not online(), 60, "alice is no longer listed as online")

    def test_fifty_clients_at_once_are_answered(self):
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(self.tracker.get("/health")[0])) for _ in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        self.assertEqual(answers, [200] * 50)
