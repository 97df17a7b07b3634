# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""Capture files, for tests that send packets and look at what comes out."""

import struct


def write(path, frames):
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for frame in frames:
            f.write(struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame)


def read(path, unfinished=False):
    """Its frames; not the times. unfinished: it may not be there yet, or end within a frame."""
    try:
        with open(path, "rb") as f:
            data = f.read()
    except FileNotFoundError:
        if not unfinished:
            raise
        return []
    at, frames = 24, []
    while at < len(data):
        if unfinished and at + 16 > len(data):
            break
        n = struct.unpack_from("<I", data, at + 8)[0]
        if unfinished and at + 16 + n > len(data):
            break
        frames.append(data[at + 16:at + 16 + n])
        at += 16 + n
    return frames
