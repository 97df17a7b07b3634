# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""Run within gdb, after fastmem-gdb.py: stops test-gdb-program at all kinds of places within
calls, and compares what the script finds to be live with what the program has in hand.

At each instruction, all that the program has is live, and at most one object besides: the one
that is being allocated or freed. An error in this ends gdb with status 1.
"""

import os
import sys
import traceback

import gdb

# Where objects and magazines move, or are about to.
PLACES = ("fastmem_slab_alloc", "fastmem_slab_free", "fastmem_depot_put", "fastmem_depot_take",
          "fastmem_magazine_get", "fastmem_cache_alloc", "fastmem_cache_free",
          "rte_fastmem_cache_flush")
STOPS_AT_EACH = 3
STEPS_AT_EACH_STOP = 500
# Steps between two looks, beside those where a move begins or ends.
STEPS_WITHIN_MOVE = 2
STEPS_OUTSIDE = 70


def symbol(name):
    return int(gdb.parse_and_eval("(unsigned long)&" + name))


def words(address, n):
    raw = bytes(gdb.selected_inferior().read_memory(address, 8 * n)) if n else b""
    return [int.from_bytes(raw[8 * i:8 * i + 8], "little") for i in range(n)]


class Looker:
    def __init__(self):
        self.kept = words(symbol("kept"), 40)
        self.looks = self.moves = self.transfers = 0
        fm = Fastmem()  # of fastmem-gdb.py, as all that is not defined here
        b = fm.bins[fm.bin_of(self.kept[0])]
        self.op = b.at("transfer") + fm.layout.of("transfer.op")[0]
        self.seqs = [t.at("seq") for t in fm.threads]

    def moves_now(self):
        """Whether objects, and magazines, are on their way."""
        memory = gdb.selected_inferior().read_memory
        return bytes(memory(self.op, 4)) != bytes(4), \
            any(bytes(memory(seq, 1))[0] & 1 for seq in self.seqs)

    def step(self):
        """Look at what happens from here on."""
        before = None
        for i in range(STEPS_AT_EACH_STOP):
            now = self.moves_now()
            if now != before or i % (STEPS_WITHIN_MOVE if any(now) else STEPS_OUTSIDE) == 0:
                self.look()
            before = now
            gdb.execute("stepi", to_string=True)
            if gdb.selected_thread() is None:
                break

    def look(self):
        fm = Fastmem()
        bin_id = fm.bin_of(self.kept[0])
        n_hand, = words(symbol("n_hand"), 1)
        held = set(self.kept) | set(words(symbol("hand"), n_hand))
        live = {fm.object_in(*found[1:]) for found in fm.live_objects(bin_id)}
        place = gdb.execute("info symbol $pc", to_string=True).strip()
        assert not held - live, "%s: not found: %s" % (
            place, ", ".join(state_line(fm, obj) for obj in sorted(held - live)[:3]))
        assert len(live - held) <= 1, "%s: found: %s" % (
            place, ", ".join(state_line(fm, obj) for obj in sorted(live - held)[:3]))
        twice = [obj for obj, places in fm.free_objects(bin_id).items() if len(places) > 1]
        assert not twice, "%s: found twice: %s" % (place, state_line(fm, twice[0]))
        in_use = fm.bin_tally(bin_id).in_use
        assert abs(in_use - len(live)) <= 1, "%s: %d counted, %d live" % (place, in_use, len(live))
        self.looks += 1
        self.moves += any(t.seq & 1 for t in fm.threads)
        self.transfers += any(True for _ in fm.moving_objects(fm.bins[bin_id]))


def state_line(fm, obj):
    return "; ".join(line.strip() for line in object_lines(fm, obj))


def walk():
    gdb.execute("tbreak burst", to_string=True)
    gdb.execute("run", to_string=True)
    gdb.execute("set scheduler-locking step")
    gdb.execute("set print frame-info location")
    looker, stops = Looker(), {}
    breakpoints = {}
    for name in PLACES:
        breakpoint = gdb.Breakpoint("*%#x" % symbol(name))
        breakpoints[breakpoint.number], stops[name] = (name, breakpoint), 0
    while any(b.is_valid() for _, b in breakpoints.values()):
        hit = []
        handler = lambda event: hit.extend(getattr(event, "breakpoints", []))
        gdb.events.stop.connect(handler)
        gdb.execute("continue", to_string=True)
        gdb.events.stop.disconnect(handler)
        if gdb.selected_thread() is None:
            break
        for b in hit:
            name = breakpoints[b.number][0]
            stops[name] += 1
            looker.step()
            if stops[name] == STOPS_AT_EACH:
                b.delete()
    print("looked %d times, %d within a move of magazines, %d within one of objects; stops: %s" % (
        looker.looks, looker.moves, looker.transfers,
        ", ".join("%s %d" % item for item in stops.items())))
    assert looker.looks > 150 and looker.moves > 5 and looker.transfers > 5


status = 0
try:
    walk()
except Exception:
    traceback.print_exc()
    status = 1
sys.stdout.flush()
if gdb.selected_thread() is not None:
    gdb.execute("kill", to_string=True)
gdb.execute("quit %d" % status)
