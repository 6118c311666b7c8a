"""One libtorrent session in a process of its own: `seed FILE [ADDRESS PORT]` or `fetch TORRENT INTO PORT [ADDRESS PEER...]`.

With an ADDRESS it listens there, at PORT, and the PEERs, at the same port, are those it fetches from and gives to.

Plain TCP, v2 torrent with 256 KiB pieces, to disk. Prints one JSON line a step and waits for a line before the next.
"""

import json
import os
import sys
import time

import libtorrent

PIECE_BYTES = 256 * 1024
SETTINGS = {
    "listen_interfaces": "127.0.0.1:0",
    "enable_dht": False, "enable_lsd": False, "enable_upnp": False, "enable_natpmp": False,
    "enable_outgoing_utp": False, "enable_incoming_utp": False,
    "out_enc_policy": 2, "in_enc_policy": 2,  # 2: encryption disabled
    "allow_multiple_connections_per_ip": True,
    "max_out_request_queue": 5000, "max_allowed_in_request_queue": 5000,
    "request_queue_time": 10, "send_buffer_watermark": 16 << 20,
    "send_buffer_low_watermark": 1 << 20, "aio_threads": 4, "hashing_threads": 2,
    "close_redundant_connections": False, "unchoke_slots_limit": -1,
    "alert_mask": 0,
}


def say(**fields):
    print(json.dumps(fields), flush=True)


def torrent_of(path):
    storage = libtorrent.file_storage()
    storage.add_file(os.path.basename(path), os.path.getsize(path))
    made = libtorrent.create_torrent(storage, PIECE_BYTES, flags=libtorrent.create_torrent.v2_only)
    libtorrent.set_piece_hashes(made, os.path.dirname(path))
    return libtorrent.bencode(made.generate())


def session_at(address, port):
    return libtorrent.session({**SETTINGS, "listen_interfaces": f"{address}:{port}"})


def seed(path, address="127.0.0.1", port=0):
    encoded = torrent_of(path)
    with open(path + ".torrent", "wb") as out:
        out.write(encoded)
    session = session_at(address, port)
    parameters = libtorrent.add_torrent_params()
    parameters.ti = libtorrent.torrent_info(libtorrent.bdecode(encoded))
    parameters.save_path = os.path.dirname(path)
    parameters.flags |= libtorrent.torrent_flags.seed_mode
    handle = session.add_torrent(parameters)
    say(port=session.listen_port(), magnet=libtorrent.make_magnet_uri(handle))
    sys.stdin.readline()


def fetch(torrent, into, port, address="127.0.0.1", *peers):
    session = session_at(address, port if peers else 0)
    parameters = libtorrent.add_torrent_params()
    parameters.ti = libtorrent.torrent_info(torrent)
    parameters.save_path = into
    say(ready=True)
    sys.stdin.readline()
    start = time.perf_counter()
    handle = session.add_torrent(parameters)
    for peer in peers or ["127.0.0.1"]:
        handle.connect_peer((peer, port))
    while not handle.status().is_seeding:
        time.sleep(0.002)  # tidy: sleep because libtorrent announces nothing at this grain
    say(seconds=time.perf_counter() - start)
    sys.stdin.readline()


if sys.argv[1] == "seed":
    seed(sys.argv[2], *sys.argv[3:4], *map(int, sys.argv[4:]))
else:
    fetch(sys.argv[2], sys.argv[3], int(sys.argv[4]), *sys.argv[5:])
