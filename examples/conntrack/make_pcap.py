#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""Writes a pcap file with connections for conntrack, and says what is in it.

What is written to standard output is what conntrack shall find; it is counted here, not
found by tracking.
"""

import argparse
import collections
import heapq
import random
import struct

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
TCP, UDP = 6, 17
FTP = 21
START = 1_700_000_000


def ipv4(src, dst, proto, payload, fragment=0):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, fragment, 64, proto, 0,
                       src, dst)
    return b"\2\0\0\0\0\1" b"\2\0\0\0\0\2" b"\x08\0" + head + payload


def tcp(src, dst, flags, payload=b""):
    return ipv4(src[0], dst[0], TCP,
                struct.pack("!HHIIBBHHH", src[1], dst[1], 1, 1, 5 << 4, flags, 8192, 0, 0) + payload)


def udp(src, dst, payload):
    return ipv4(src[0], dst[0], UDP,
                struct.pack("!HHHH", src[1], dst[1], 8 + len(payload), 0) + payload)


class Traffic:
    """Packets with their times, and what they amount to."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.packets = []
        self.counts = collections.Counter()
        self.next_end = 0

    def client(self):
        """An address and port that no other connection has."""
        self.next_end += 1
        return (struct.pack("!BBH", 10, 0, 1 + self.next_end // 60000),
                1024 + self.next_end % 60000)

    def server(self, port):
        return (struct.pack("!BBBB", 192, 168, 0, self.random.randrange(1, 250)), port)

    def add(self, at, frame, tracked=True):
        # The second makes the order of those at one time that of their making.
        heapq.heappush(self.packets, (at, len(self.packets), frame))
        self.counts["packets" if tracked else "others"] += 1

    def gap(self):
        return self.random.uniform(0.001, 0.5)

    def handshake(self, at, a, b):
        for src, dst, flags in ((a, b, SYN), (b, a, SYN | ACK), (a, b, ACK)):
            self.add(at, tcp(src, dst, flags))
            at += self.gap()
        self.counts["tcp"] += 1
        self.counts["established"] += 1
        return at

    def data(self, at, a, b):
        for _ in range(self.random.randrange(1, 8)):
            src, dst = (a, b) if self.random.random() < 0.4 else (b, a)
            self.add(at, tcp(src, dst, ACK | PSH, bytes(self.random.randrange(1, 600))))
            at += self.gap()
        return at

    def end(self, at, a, b):
        if self.random.random() < 0.1:
            self.add(at, tcp(a, b, RST | ACK))
            self.counts["reset"] += 1
            return
        for src, dst, flags in ((a, b, FIN | ACK), (b, a, FIN | ACK), (a, b, ACK)):
            self.add(at, tcp(src, dst, flags))
            at += self.gap()
        self.counts["closed"] += 1

    def connection(self, at):
        a, b = self.client(), self.server(80)
        self.end(self.data(self.handshake(at, a, b), a, b), a, b)

    def half_open(self, at):
        self.add(at, tcp(self.client(), self.server(443), SYN))
        self.counts["tcp"] += 1

    def ftp(self, at):
        a, b = self.client(), self.server(FTP)
        data = self.client()
        at = self.handshake(at, a, b)
        command = "PORT %s,%d,%d\r\n" % (",".join(map(str, data[0])), data[1] >> 8, data[1] & 255)
        self.add(at, tcp(a, b, ACK | PSH, command.encode()))
        self.counts["expected"] += 1
        if self.random.random() < 0.8:
            source = (b[0], 20)
            self.end(self.data(self.handshake(at + 1, source, data), source, data), source, data)
            self.counts["related"] += 1
        self.end(at + 20, a, b)

    def question(self, at):
        a, b = self.client(), self.server(53)
        self.add(at, udp(a, b, bytes(30)))
        self.counts["udp"] += 1
        if self.random.random() < 0.7:
            self.add(at + self.gap(), udp(b, a, bytes(100)))
            self.counts["replied"] += 1

    def other(self, at):
        a, b = self.client(), self.server(7)
        self.add(at, self.random.choice((
            b"\xff" * 6 + b"\2\0\0\0\0\1" b"\x08\x06" + bytes(28),
            ipv4(a[0], b[0], 1, bytes(64)),
            ipv4(a[0], b[0], UDP, bytes(64), fragment=100),
            b"\2\0\0\0\0\1" b"\2\0\0\0\0\2" b"\x86\xdd" + bytes(60))), tracked=False)

    def make(self, n, seconds):
        kinds = ((self.connection, 50), (self.half_open, 8), (self.ftp, 6), (self.question, 30),
                 (self.other, 6))
        for _ in range(n):
            make, = self.random.choices([k for k, _ in kinds], [w for _, w in kinds])
            make(self.random.uniform(0, seconds))


def write_pcap(path, packets):
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        while packets:
            at, _, frame = heapq.heappop(packets)
            f.write(struct.pack("<IIII", START + int(at), int(at % 1 * 1e6), len(frame), len(frame)))
            f.write(frame)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", help="the pcap file to write")
    parser.add_argument("--connections", type=int, default=3000, metavar="N",
                        help="how many, of all kinds (%(default)s)")
    parser.add_argument("--seconds", type=int, default=600, metavar="N",
                        help="the time in which they begin (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="other connections (%(default)s)")
    args = parser.parse_args()

    traffic = Traffic(args.seed)
    traffic.make(args.connections, args.seconds)
    write_pcap(args.file, traffic.packets)
    c = traffic.counts
    print("packets: %d tracked, %d not" % (c["packets"], c["others"]))
    print("flows: %d, %d of TCP, %d of UDP" % (c["tcp"] + c["udp"], c["tcp"], c["udp"]))
    print("TCP: %d established, %d closed, %d reset" % (c["established"], c["closed"], c["reset"]))
    print("UDP: %d replied" % c["replied"])
    print("expected: %d, %d have come" % (c["expected"], c["related"]))


if __name__ == "__main__":
    main()
