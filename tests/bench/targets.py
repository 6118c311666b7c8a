"""What swarmfs is meant to reach, beside the figures that show it. The names are those that the workloads use."""

from figures import AT_LEAST, AT_MOST, Target
from limits import LIMIT
from peers.libtorrent_peer import Libtorrent

COLD, COLD_IN_PLACE = "cold read, one member", "cold read, one member that shares in place"
MEMBERS, MEMBERS_ONE = "cold read, four members", "cold read, one member, beside four"
READERS, READERS_ONE = "cold read, eight readers of eight files", "cold read, one reader, beside eight"
SLOWEST = "slowest of eight readers, share of the mean"
WARM, LOCAL_WARM = "warm re-read through the mount", "warm re-read of the local file"
FIRST, FIRST_IDLE = "first 4 KiB, connection warm", "first 4 KiB, after 10 s of idleness"
RANDOM = "random 4 KiB"
VIDEO_P99, VIDEO_SEEK = "video: p99 of a read / its bound", "video: slowest first read after a seek / its bound"
FILL = "fill: share of the rest of the path"
LONG_SWARMFS, LONG_COPY = "one peer over 100 ms at 1 Gbit/s", "a plain copy over the same path"
DISTRIBUTE = "one publisher, eight members: the last / the bound"
DISTRIBUTE_TORRENT = "the same with libtorrent v2"
PUBLISH, STREAMS = "publish in place", "OpenSSL SHA-256, one stream a core"
SMALL_PUBLISH, SMALL_TAR = "publish small files", "cold tar of small files"
EDIT_CLOSE, EDIT_SEEN = "4 KiB into a published file: written and closed", "the same: shown by another member"
EDIT_DISK, EDIT_WIRE = "the same: written to the disk", "the same: on the wire to a member that has the file"
BIG_PEAK = "peak RssAnon + RssShmem while fetching a big file"
OPEN_PEAK = "peak RssAnon + RssShmem with 1,000 open files"
FIND, FIND_LOCAL, FIND_STARTED = "find, warm", "find, local, warm", "find, by a node that has just started"
LISTING = "ls -l of a large directory"
CREATES, STATS = "creating empty files", "stat of names that are not cached"
PEAK = "peak RssAnon + RssShmem, "


def cpu(who, end):
    return f"CPU, {who}, {end}"


def trips(name):
    return f"{name}: round trips"


def link_share(name):
    return f"{name}: share of the link"


def wire(name):
    return f"{name}: on the wire"


TARGETS = [
    Target("cold read / libtorrent", COLD, Libtorrent.name, AT_LEAST, 1.5),
    Target("cold read / limit of this machine", COLD, LIMIT, AT_LEAST, 0.75),
    Target("warm re-read / local", WARM, LOCAL_WARM, AT_LEAST, 0.4),
    Target("CPU serving / libtorrent's", cpu("swarmfs", "serving"), cpu(Libtorrent.name, "serving"), AT_MOST, 1),
    Target("CPU fetching / libtorrent's", cpu("swarmfs", "fetching"), cpu(Libtorrent.name, "fetching"), AT_MOST, 1),
    Target("four members / one member", MEMBERS, MEMBERS_ONE, AT_LEAST, 1),
    Target("eight readers / one reader", READERS, READERS_ONE, AT_LEAST, 1),
    Target("slowest of eight readers / its fair share", SLOWEST, None, AT_LEAST, 0.5),
    Target(trips(FIRST), trips(FIRST), None, AT_MOST, 1.2),
    Target(trips(FIRST_IDLE), trips(FIRST_IDLE), None, AT_MOST, 1.2),
    Target(wire(FIRST), wire(FIRST), None, AT_MOST, 24, "KiB"),
    Target(wire(FIRST_IDLE), wire(FIRST_IDLE), None, AT_MOST, 24, "KiB"),
    Target(trips(RANDOM), trips(RANDOM), None, AT_MOST, 1.2),
    # A leaf of 16 KiB, twenty hashes of its proof, and the headers of fourteen packets each way.
    Target(wire(RANDOM), wire(RANDOM), None, AT_MOST, 19, "KiB"),
    Target(VIDEO_P99, VIDEO_P99, None, AT_MOST, 1),
    # The kernel reads ahead, so few reads wait at all; those after a seek always do.
    Target(VIDEO_SEEK, VIDEO_SEEK, None, AT_MOST, 1),
    Target(FILL, FILL, None, AT_LEAST, 0.8),
    Target(link_share(LONG_SWARMFS), link_share(LONG_SWARMFS), None, AT_LEAST, 0.8),
    Target("one peer over 100 ms / a plain copy", link_share(LONG_SWARMFS), link_share(LONG_COPY), AT_LEAST, 0.9),
    Target(DISTRIBUTE, DISTRIBUTE, None, AT_MOST, 1.3),
    Target("one publisher, eight members / libtorrent", DISTRIBUTE, DISTRIBUTE_TORRENT, AT_MOST, 1),
    Target("publish / OpenSSL on all cores", PUBLISH, STREAMS, AT_LEAST, 1.2),
    Target(SMALL_PUBLISH, SMALL_PUBLISH, None, AT_LEAST, 5_000, "files/s"),
    Target(SMALL_TAR, SMALL_TAR, None, AT_LEAST, 15_000, "files/s"),
    Target(BIG_PEAK, BIG_PEAK, None, AT_MOST, 128, "MiB"),
    Target(OPEN_PEAK, OPEN_PEAK, None, AT_MOST, 256, "MiB"),
    Target("find, warm / local", FIND, FIND_LOCAL, AT_MOST, 1.5),
    Target(FIND_STARTED, FIND_STARTED, None, AT_MOST, 0.4, "s"),
    Target(LISTING, LISTING, None, AT_MOST, 1.2, "s"),
    Target(CREATES, CREATES, None, AT_LEAST, 10_000, "1/s"),
    Target(STATS, STATS, None, AT_LEAST, 60_000, "1/s"),
    Target(EDIT_CLOSE, EDIT_CLOSE, None, AT_MOST, 50, "ms"),
    Target(EDIT_DISK, EDIT_DISK, None, AT_MOST, 2048, "KiB"),
    Target(EDIT_WIRE, EDIT_WIRE, None, AT_MOST, 1024, "KiB"),
]
