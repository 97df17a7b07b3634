#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""Writes a pcap file with packets for l2fwd, compares one with what l2fwd has sent.

usage: make_pcap.py make FILE [PACKETS [STATIONS]]    says what is in it
       make_pcap.py compare RECEIVED SENT PORT        but for addresses, they are the same
"""

import random
import struct
import sys


def make(path, packets=2000, stations=64):
    """The payload numbers the packets: each is another."""
    rng = random.Random(path.rpartition("/")[2])
    pairs, total = set(), 0
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for i in range(packets):
            source, destination = rng.sample(range(stations), 2)
            pairs.add((source, destination))
            frame = b"\2\1\0\0" + struct.pack("!H", destination) + b"\2\1\0\0" + \
                struct.pack("!H", source) + b"\x88\xb5" + struct.pack("!I", i) + \
                rng.randbytes(rng.randrange(42, 1400))
            f.write(struct.pack("<IIII", i // 1000, i % 1000 * 1000, len(frame), len(frame)) + frame)
            total += len(frame)
    print(packets, len(pairs), total)


def frames(path):
    with open(path, "rb") as f:
        data = f.read()
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    at = 24
    while at < len(data):
        length, = struct.unpack_from(order + "I", data, at + 8)
        yield data[at + 16:at + 16 + length]
        at += 16 + length


def compare(received, sent, port):
    received, sent = list(frames(received)), list(frames(sent))
    same = [frame[12:] for frame in received] == [frame[12:] for frame in sent]
    rewritten = all(frame[:6] == bytes((2, 0, 0, 0, 0, int(port))) for frame in sent)
    print("%d received, %d sent, contents %s, addresses %s" % (
        len(received), len(sent), "the same" if same else "differ",
        "rewritten" if rewritten else "wrong"))
    return same and rewritten and received


if __name__ == "__main__":
    if len(sys.argv) >= 3 and sys.argv[1] == "make":
        make(sys.argv[2], *map(int, sys.argv[3:5]))
    elif len(sys.argv) == 5 and sys.argv[1] == "compare":
        sys.exit(not compare(*sys.argv[2:]))
    else:
        sys.exit(__doc__)
