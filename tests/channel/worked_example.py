"""Computes the worked example of docs/protocol-channel.md without the engine and compares.

    worked_example.py DOCUMENT          exits 0 when every block agrees, 77 without python3-cryptography
    worked_example.py --print           the blocks, to be pasted
"""

import re
import sys

try:
    from channel_peer import Handshake, framed, rekey
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)


def secret(first):
    """32 bytes that count up from `first`."""
    return bytes(range(first, first + 32))


def blocks():
    """(what it is, bytes) in the document's order."""
    inputs = [("read secret", secret(0x00)), ("swarm id", secret(0x20)),
              ("initiator's static secret", secret(0x40)), ("initiator's ephemeral secret", secret(0x60)),
              ("responder's static secret", secret(0x80)), ("responder's ephemeral secret", secret(0xA0))]
    read_secret, swarm, *keys = [value for _, value in inputs]
    initiator = Handshake(True, read_secret, swarm, keys[0], keys[1])
    responder = Handshake(False, read_secret, swarm, keys[2], keys[3])
    derived = [("psk", initiator.psk), ("prologue", initiator.prologue)]
    messages = []
    for name, sender, receiver in (("message one", initiator, responder), ("message two", responder, initiator),
                                   ("message three", initiator, responder)):
        message = sender.write()
        assert receiver.read(message) == b""
        messages.append((name, framed(message)))
    assert initiator.hash == responder.hash
    sends, receives = initiator.records()
    results = [("handshake hash", initiator.hash), ("key, initiator to responder", sends.key),
               ("key, responder to initiator", receives.key),
               ("key, initiator to responder, after 65,536 records", rekey(sends.key))]
    records = [("record, initiator to responder: hello", sends.seal(b"hello")),
               ("close, initiator to responder", sends.seal(b"")),
               ("close, responder to initiator", receives.seal(b""))]
    return inputs + derived + messages + results + records


def documented(path):
    with open(path, encoding="utf-8") as document:
        found = re.findall(r"^```hex\n(.*?)^```", document.read(), re.S | re.M)
    return [bytes.fromhex("".join(block.split())) for block in found]


def main():
    expected = blocks()
    if sys.argv[1:] == ["--print"]:
        for name, value in expected:
            print(name, value.hex())
        return 0
    written = documented(sys.argv[1])
    wrong = [name for (name, value), text in zip(expected, written) if value != text]
    if len(written) != len(expected):
        wrong.append(f"{len(written)} blocks, not {len(expected)}")
    for name in wrong:
        print(f"{sys.argv[1]}: differs: {name}")
    return 1 if wrong else 0


sys.exit(main())
