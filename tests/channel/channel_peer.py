"""swarmfs's channel as docs/protocol-channel.md describes it, sharing no code with the engine.

For tests that need a second opinion, and for those that need an attacker. No I/O: bytes in, bytes out.
"""

import hashlib
import hmac
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

NAME = b"Noise_XXpsk0_25519_AESGCM_SHA256"
RECORDS_PER_KEY = 65536
PATTERN = [["psk", "e"], ["e", "ee", "s", "es"], ["s", "se"]]


def mac(key, message):
    return hmac.new(key, message, hashlib.sha256).digest()


def hkdf(secret, info, salt=bytes(32)):
    """RFC 5869, one block."""
    return mac(mac(salt, secret), info + b"\x01")


def noise_hkdf(chaining_key, material, outputs):
    temporary, blocks = mac(chaining_key, material), [b""]
    for counter in range(1, outputs + 1):
        blocks.append(mac(temporary, blocks[-1] + bytes([counter])))
    return blocks[1:]


def nonce(counter):
    return bytes(4) + struct.pack(">Q", counter)


def rekey(key):
    return AESGCM(key).encrypt(nonce(2**64 - 1), bytes(32), None)[:32]


def private_bytes(key):
    return key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())


def public_bytes(key):
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def framed(message):
    return struct.pack(">H", len(message)) + message


class Handshake:
    """One end. `static` and `ephemeral` are 32 secret bytes."""

    def __init__(self, initiator, read_secret, swarm_id, static, ephemeral, version=1):
        self.initiator = initiator
        self.psk = hkdf(read_secret, b"swarmfs psk")
        self.prologue = b"swarmfs" + bytes([version]) + swarm_id
        self.own = {"s": X25519PrivateKey.from_private_bytes(static),
                    "e": X25519PrivateKey.from_private_bytes(ephemeral)}
        self.theirs = {}
        self.hash = self.chaining_key = NAME  # exactly 32 bytes, so not hashed
        self.key, self.counter, self.turn = None, 0, 0
        self.mix_hash(self.prologue)

    def write(self, payload=b""):
        """Our next message, without its length."""
        message = b""
        for token in PATTERN[self.turn]:
            if token == "e":
                public = public_bytes(self.own["e"])
                message += public
                self.mix_hash(public)
                self.mix_key(public)
            elif token == "s":
                message += self.seal(public_bytes(self.own["s"]))
            else:
                self.mix_token(token)
        self.turn += 1
        return message + self.seal(payload)

    def read(self, message):
        """Takes their next message; returns its payload. Raises InvalidTag."""
        for token in PATTERN[self.turn]:
            if token == "e":
                public, message = message[:32], message[32:]
                self.theirs["e"] = X25519PublicKey.from_public_bytes(public)
                self.mix_hash(public)
                self.mix_key(public)
            elif token == "s":
                self.theirs["s"] = X25519PublicKey.from_public_bytes(self.open(message[:48]))
                message = message[48:]
            else:
                self.mix_token(token)
        self.turn += 1
        return self.open(message)

    def records(self):
        """(sends, receives), once both ends have had their say."""
        first, second = noise_hkdf(self.chaining_key, b"", 2)
        return (Records(first), Records(second)) if self.initiator else (Records(second), Records(first))

    def mix_token(self, token):
        if token == "psk":
            self.chaining_key, mixed, key = noise_hkdf(self.chaining_key, self.psk, 3)
            self.mix_hash(mixed)
            self.key, self.counter = key, 0
        else:
            own, theirs = token if self.initiator else token[::-1]
            self.mix_key(self.own[own].exchange(self.theirs[theirs]))

    def mix_hash(self, data):
        self.hash = hashlib.sha256(self.hash + data).digest()

    def mix_key(self, material):
        self.chaining_key, self.key = noise_hkdf(self.chaining_key, material, 2)
        self.counter = 0

    def seal(self, plaintext):
        sealed = AESGCM(self.key).encrypt(nonce(self.counter), plaintext, self.hash)
        self.counter += 1
        self.mix_hash(sealed)
        return sealed

    def open(self, sealed):
        plaintext = AESGCM(self.key).decrypt(nonce(self.counter), sealed, self.hash)
        self.counter += 1
        self.mix_hash(sealed)
        return plaintext


class Records:
    """One direction after the handshake."""

    def __init__(self, key):
        self.key, self.counter = key, 0

    def seal(self, plaintext):
        """The record with its length. Of b"": the close."""
        sealed = AESGCM(self.key).encrypt(nonce(self.counter), plaintext, None)
        self.advance()
        return framed(sealed)

    def open(self, sealed):
        """A record without its length. Raises InvalidTag."""
        plaintext = AESGCM(self.key).decrypt(nonce(self.counter), sealed, None)
        self.advance()
        return plaintext

    def advance(self):
        self.counter += 1
        if self.counter == RECORDS_PER_KEY:
            self.key, self.counter = rekey(self.key), 0


__all__ = ["Handshake", "Records", "InvalidTag", "framed", "rekey", "hkdf"]
