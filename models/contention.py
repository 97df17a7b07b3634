#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""Predicts what lcores that share an allocator wait for each other: 2 to 128 of them.

The exchange of fastmem's depot and the ring of a mempool run here step by step, on lines of memory
that belong to one core at a time: who needs a line waits until its turn comes, and then for the
line to come over. What a step costs is measured on the machine that this runs on
(contention_costs.c); what a call costs by itself, is measured by dpdk-fastmem-perf.

    dpdk-fastmem-perf --no-pci -- --size 256 --allocator fastmem,fastmem_handle,mempool \\
        --scenario batch_fifo,pipeline,exchange --json two.json
    models/contention.py --measured two.json --svg contention.svg

A line of another socket takes FAR times as long as one of the same (--far): assumed, not measured.
"""

import argparse
import heapq
import json
import os
import subprocess
import sys
import tempfile

LCORES = (2, 4, 8, 16, 32, 64, 128)
MAGAZINE, SLOTS, MAX_FULL = 256, 64, 32
CACHE, FLUSH = 512, 768  # of a mempool: what it takes from the ring at once, and when it gives back
SLAB_CYCLES = 1000  # for the objects of a magazine, under a lock: assumed
BURST = 32  # objects that pass from one lcore to another at once


class Machine:
    """Lines, each owned by the core that wrote it last and read by some; and cores, which wait."""

    def __init__(self, costs, sockets, n_cores, far):
        self.costs, self.sockets, self.n, self.far = costs, sockets, n_cores, far
        self.words, self.owner, self.readers, self.free_at = {}, {}, {}, {}
        self.stored = {}  # by core: when its stores are done

    def way(self, a, b):
        """How much longer a line takes from core b to core a than from a neighbour."""
        if self.sockets == 1 or a * self.sockets // self.n == b * self.sockets // self.n:
            return 1.0
        return self.far

    def access(self, core, now, op):
        """Do it. Returns its result, and when it is done."""
        kind, name, index = op[:3]
        key, line = (name, index), (name, index // 8)
        owner = self.owner.setdefault(line, core)
        readers = self.readers.setdefault(line, {core})
        alone = readers == {core}
        begin = max(now, self.free_at.get(line, 0))
        if kind == "load":
            cost = self.costs["load_local"]
            if core not in readers:
                cost = self.costs["load_remote"] * self.way(core, owner)
                self.free_at[line] = begin + cost
            else:
                begin = now
            readers.add(core)
            return self.words.get(key, 0), begin + cost
        if kind == "cas":  # an atomic write waits for the stores before it
            begin = max(begin, self.stored.get(core, 0))
        cost = self.costs["cas_local"]
        if not alone:
            cost = self.costs["cas_remote"] * max(self.way(core, r) for r in readers | {owner})
        done = begin + cost
        self.free_at[line] = done
        self.owner[line], self.readers[line] = core, {core}
        if kind == "store":
            self.words[key] = op[3]
            self.stored[core] = done
            return True, now + self.costs["load_local"]  # the store buffer hides the rest
        if self.words.get(key, 0) != op[3]:
            return False, done
        self.words[key] = op[4]
        return True, done

    def run(self, programs, until, load):
        """Each program is a generator of operations. Returns what was done in the first half of the time."""
        queue = [(0.01 * core, core, None) for core in range(len(programs))]
        half = None
        while queue[0][0] <= until:
            now, core, result = heapq.heappop(queue)
            if half is None and now >= until / 2:
                half = load.objects
            op = programs[core].send(result)
            if op[0] == "work":
                heapq.heappush(queue, (now + op[1], core, None))
            else:
                result, done = self.access(core, now, op)
                heapq.heappush(queue, (done, core, result))
        return half


# The depot, as in fastmem_depot.c: head and tail are words 0 and 1, slots follow. A slot has a
# magazine and its tag, or is vacant: 0. An owner is 0: the depot.

def slot_of(position):
    return 2 + position % SLOTS


def owner_of(magazine):
    return "owner", 8 * magazine  # a line of its own


def depot_init(machine, name, magazines):
    for p, m in enumerate(magazines):
        machine.words[name, slot_of(p)] = m, 0
        machine.words[owner_of(m)] = 0, 0
    machine.words[name, 1] = len(magazines)


def depot_put(name, m, limit):
    tag, me = yield ("load", *owner_of(m))
    tail = yield "load", name, 1
    head = yield "load", name, 0
    if tail - head >= limit:
        return False
    for p in range(max(tail, head), max(tail, head) + SLOTS):
        if (yield "load", name, slot_of(p)) == 0 and \
                (yield "cas", name, slot_of(p), 0, (m, tag + 1)):
            yield ("cas", *owner_of(m), (tag, me), (tag + 1, 0))
            yield "store", name, 1, p + 1
            return True
    return False


def depot_take(name):
    tail = yield "load", name, 1
    first = yield "load", name, 0
    head = max(first, tail - SLOTS)
    for p in range(head, head + SLOTS):
        word = yield "load", name, slot_of(p)
        if word == 0:
            continue
        m, tag = word
        owned = yield ("load", *owner_of(m))
        if owned[0] == tag - 1:
            yield ("cas", *owner_of(m), owned, (tag, 0))
        mine = owned[0] in (tag - 1, tag) and (yield ("cas", *owner_of(m), (tag, 0), (tag + 1, 1)))
        if (yield "load", name, slot_of(p)) == word:
            yield "cas", name, slot_of(p), word, 0
        if mine:
            yield "store", name, 0, p + 1
            return m
    if first < tail:
        yield "store", name, 0, tail
    return None


# The ring, as in rte_ring_generic_pvt.h: words 0 and 1 are the producers' head and tail, which share
# a line, 8 and 9 those of consumers.

def ring_move(name, mine, others, n, room, copy):
    """Moves n objects; False if there are, or is room for, fewer."""
    while True:
        head = yield "load", name, mine
        limit = yield "load", name, others + 1
        if room + limit - head < n:
            return False
        if (yield "cas", name, mine, head, head + n):
            break
    yield "work", copy * n / 8
    while (yield "load", name, mine + 1) != head:  # those before
        yield "work", 40
    yield "store", name, mine + 1, head + n
    return True


class Fastmem:
    magazine_lines = 1 / 8  # of an address: the calls read and write what another core had
    unit = free_unit = MAGAZINE
    refills = spills = (2048 - 2 * MAGAZINE) // MAGAZINE  # two magazines are in the cache

    def __init__(self, machine, n_sizes, n_lcores):
        self.machine, self.costs, self.n_sizes, self.made = machine, machine.costs, n_sizes, 0
        for size in range(n_sizes):
            stock = [self.new_magazine() for _ in range(2 * min(2 * n_lcores + 2, MAX_FULL // 2))]
            depot_init(machine, "full%d" % size, stock[::2])
            depot_init(machine, "empty%d" % size, stock[1::2])

    def new_magazine(self):
        self.made += 1
        self.machine.words[owner_of(self.made)] = 0, 1
        return self.made

    def slabs(self, size):
        """The objects of a magazine from or to the slabs, under the lock of the bin."""
        while not (yield "cas", "lock%d" % size, 0, 0, 1):
            yield "work", 100
        yield "work", SLAB_CYCLES
        yield "store", "lock%d" % size, 0, 0

    def refill(self, size):
        """A full magazine for an empty one."""
        m = yield from depot_take("full%d" % size)
        if m is None:
            yield from self.slabs(size)
            return True
        yield from depot_put("empty%d" % size, m, SLOTS)
        return True

    def spill(self, size):
        m = yield from depot_take("empty%d" % size)
        if not (yield from depot_put("full%d" % size, m or self.new_magazine(), MAX_FULL)):
            yield from self.slabs(size)
        return True


class Mempool:
    magazine_lines = 0  # they are copied, within an exchange
    unit, free_unit = CACHE, FLUSH
    refills, spills = 3, 2  # of 2048 objects, as many go to the ring as come from it

    def __init__(self, machine, n_sizes, n_lcores):
        self.costs, self.n_sizes = machine.costs, n_sizes
        for size in range(n_sizes):
            for word in (0, 1):
                machine.words[("ring%d" % size, word)] = 4096 * n_lcores

    def refill(self, size):
        return ring_move("ring%d" % size, 8, 0, CACHE, 0, self.costs["read_stream"])

    def spill(self, size):
        return ring_move("ring%d" % size, 0, 8, FLUSH, 1 << 40, self.costs["write_stream"])


class Load:
    """What lcores do, and how many objects that were."""

    def __init__(self, allocator, costs, pair, work, poll):
        self.a, self.costs, self.call, self.work = allocator, costs, pair / 2, work
        self.objects, self.handed, self.begun, self.poll = 0, {}, 0, poll

    def phase(self, of):
        """Lcores do not exchange at the same time to begin with: each is somewhere in a magazine."""
        self.begun += 1
        return self.begun * 37 % of

    def side(self, size, exchange, unit, step, line, rings):
        """One side of a pipeline: an exchange, then that many objects, in bursts, by its rings."""
        # The object, its address in a ring, and in a magazine; a core goes on while it waits for lines.
        other = "read_stream" if line == "write_stream" else "write_stream"
        lines = self.costs[line] * (1 + 1 / 8) + self.costs[other] * self.a.magazine_lines
        per_object = max(self.call + self.work, lines)
        # And for each burst the position of the ring's other side, which it guesses to be good.
        burst = max(BURST * per_object, self.costs["load_remote"])
        turn = self.phase(unit // BURST)
        while True:
            while turn % (unit // BURST) == 0 and not (yield from exchange(size % self.a.n_sizes)):
                yield "work", 100
            size += 1
            for _ in range(unit // BURST - turn % (unit // BURST)):
                ring = rings[turn % len(rings)]
                turn += 1
                while not 0 <= self.handed.get(ring, 0) + step <= 1024 // BURST:
                    yield "work", self.poll
                yield "work", burst
                self.handed[ring] = self.handed.get(ring, 0) + step
                if step < 0:
                    self.objects += BURST

    def producer(self, rings):
        return self.side(rings[0], self.a.refill, self.a.unit, 1, "write_stream", rings)

    def consumer(self, rings):
        return self.side(rings[0], self.a.spill, self.a.free_unit, -1, "read_stream", rings)

    def symmetrical(self, core):
        """2048 objects, then all freed: caches exchange what they do not hold."""
        size = core
        yield "work", self.phase(16) * 2048 / 16 * 2 * self.call
        while True:
            for exchange, times, line in ((self.a.refill, self.a.refills, "read_stream"),
                                          (self.a.spill, self.a.spills, "write_stream")):
                per_object = max(self.call + self.work, self.costs[line] * self.a.magazine_lines)
                for _ in range(times):
                    while not (yield from exchange(size % self.a.n_sizes)):
                        yield "work", 100
                    yield "work", 2048 / times * per_object
                    self.objects += 1024 / times
            size += 1


def simulate(kind, pattern, n, sockets, costs, pair, far, n_sizes=1, work=0.0):
    """Cycles in which all lcores together are done with one more object."""
    machine = Machine(costs, sockets, n, far)
    load = Load(kind(machine, n_sizes, n), costs, pair, work, 20 + 2 * n)
    others = list(range(1, n))
    if pattern == "pipeline":  # neighbours make pairs
        programs = [load.consumer([c // 2]) if c % 2 else load.producer([c // 2]) for c in range(n)]
    elif pattern == "fan out":
        programs = [load.producer(others)] + [load.consumer([c]) for c in others]
    elif pattern == "fan in":
        programs = [load.consumer(others)] + [load.producer([c]) for c in others]
    else:
        programs = [load.symmetrical(c) for c in range(n)]
    # Some exchanges of each; those of a fan share one lcore's objects.
    until = 600000 if pattern in ("pipeline", "symmetrical") else max(600000, 40000 * n)
    half = machine.run(programs, until, load)
    return until / 2 / max(load.objects - half, 1)


def measure_costs():
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "contention_costs.c")
    with tempfile.TemporaryDirectory() as scratch:
        program = os.path.join(scratch, "costs")
        subprocess.run([os.environ.get("CC", "cc"), "-O2", "-pthread", source, "-o", program], check=True)
        text = subprocess.run([program], check=True, stdout=subprocess.PIPE, text=True).stdout
    return {name: float(v) for name, v in (line.split() for line in text.splitlines())}


def measured_medians(path):
    with open(path, encoding="utf-8") as f:
        document = json.load(f)
    found = {}
    for r in document["results"]:
        found[r["scenario"], r["metric"], r["allocator"]] = r["median"]
    return found


KINDS = (("fastmem", "fastmem", Fastmem), ("by handle", "fastmem_handle", Fastmem),
         ("mempool", "mempool", Mempool))


def compare(found, costs, far):
    """Two cores, predicted and measured. Returns whether all agree within 20 %."""
    met = True
    print("\ncycles of an object, two lcores    predicted  measured")
    for pattern, scenario, metric in (("pipeline", "pipeline", "cycles_per_object"),
                                      ("symmetrical", "exchange", "cycles_per_pair")):
        for name, allocator, kind in KINDS:
            pair = found.get(("batch_fifo", "cycles_per_pair", allocator))
            real = found.get((scenario, metric, allocator))
            if pair is None or real is None:
                continue
            predicted = simulate(kind, pattern, 2, 1, costs, pair, far)
            if pattern == "symmetrical":
                predicted *= 2  # of one of the two
            good = abs(predicted / real - 1) <= 0.2
            met = met and good
            print("  %-14s %-16s %11.1f %9.1f  %+4.0f %%  goal: within 20 %%: %s"
                  % (pattern, name, predicted, real, 100 * (predicted / real - 1),
                     "met" if good else "missed"))
    return met


def saturation(pattern, curve):
    """The lcores from which twice as many are no longer 1.25 times as fast; in a fan, 1.25 times as slow."""
    for (n, cycles), (_, more) in zip(curve, curve[1:]):
        if cycles / more < (0.8 if pattern.startswith("fan") else 1.25):
            return str(n)
    return "> %d" % curve[-2][0]


PATTERNS = (("pipeline", 1), ("pipeline", 8), ("symmetrical", 1), ("symmetrical", 8), ("fan out", 1),
            ("fan in", 1))


def curves(pairs, costs, far, work):
    """For each pattern and number of sockets: the curves of all allocators."""
    for pattern, n_sizes in PATTERNS:
        for sockets in (1, 2):
            yield pattern, n_sizes, sockets, [
                (name, [(n, simulate(kind, pattern, n, sockets, costs, pairs[allocator], far, n_sizes, work))
                        for n in LCORES])
                for name, allocator, kind in KINDS if allocator in pairs and allocator != "fastmem_handle"]


def print_curves(panels):
    print("\ncycles of an object, all lcores together; and the lcores at which it is saturated")
    print("  %-32s %-9s" % ("", "") + "".join("%8d" % n for n in LCORES) + "  saturated")
    for pattern, n_sizes, sockets, lines in panels:
        title = "%s, %s, %d socket%s" % (pattern, "8 sizes" if n_sizes > 1 else "one size", sockets,
                                         "s" if sockets > 1 else "")
        for name, curve in lines:
            print("  %-32s %-9s" % (title, name) + "".join("%8.2f" % y for _, y in curve)
                  + "  " + saturation(pattern, curve))
            title = ""


COLOURS = {"fastmem": "#0072B2", "mempool": "#E69F00"}


def draw(panels, path):
    script = ["set terminal svg size 1200,820 noenhanced font 'sans,11' background 'white'",
              "set output '%s'" % path, "set multiplot layout 2,3 title 'Simulated: all lcores together, "
              "cycles of an object. Solid: one socket, dashed: two' font ',14'",
              "set logscale xy", "set xtics (%s)" % ", ".join(map(str, LCORES)), "set xlabel 'lcores'",
              "set ylabel 'cycles'", "set grid ytics lc rgb '#dddddd'", "set border 3", "set tics nomirror",
              "set key bottom left", "set xrange [1.7:150]", "set yrange [0.1:300]"]
    for number in range(0, len(panels), 2):
        plots = []
        for panel in panels[number:number + 2]:
            for name, curve in panel[3]:
                block = "$d%d" % len(script)
                script.append("%s << EOD\n%s\nEOD" % (block, "\n".join("%d %g" % xy for xy in curve)))
                plots.append("%s with linespoints lw 2 ps 0.6 pt %d dt %s lc rgb '%s' %s" % (
                    block, 7 if name == "fastmem" else 13, 1 if panel[2] == 1 else "'-'", COLOURS[name],
                    "title '%s'" % name if panel[2] == 1 else "notitle"))
        script.append("set title '%s, %s' font ',13'" % (
            panels[number][0], "8 sizes" if panels[number][1] > 1 else "one size"))
        script.append("plot " + ", ".join(plots))
    script += ["unset multiplot"]
    subprocess.run(["gnuplot"], input="\n".join(script) + "\n", text=True, check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measured", required=True, metavar="JSON",
                        help="what dpdk-fastmem-perf has written: batch_fifo, pipeline, exchange, one size")
    parser.add_argument("--costs", metavar="FILE", help="what contention_costs has printed; else it runs")
    parser.add_argument("--far", type=float, default=2.5, metavar="FACTOR", help="(2.5)")
    parser.add_argument("--work", type=float, default=0, metavar="CYCLES",
                        help="of the application on each object, at each end (0)")
    parser.add_argument("--magazine", type=int, default=MAGAZINE, metavar="OBJECTS", help="(256)")
    parser.add_argument("--svg", metavar="FILE", help="draw the curves; needs gnuplot")
    args = parser.parse_args()
    Fastmem.unit = Fastmem.free_unit = args.magazine
    Fastmem.refills = Fastmem.spills = max((2048 - 2 * args.magazine) // args.magazine, 1)
    if args.costs:
        with open(args.costs, encoding="utf-8") as f:
            costs = {name: float(v) for name, v in (line.split() for line in f)}
    else:
        costs = measure_costs()
    print("cycles:", ", ".join("%s %.1f" % c for c in costs.items()))
    found = measured_medians(args.measured)
    met = compare(found, costs, args.far)
    pairs = {a: found["batch_fifo", "cycles_per_pair", a] for _, a, _ in KINDS
             if ("batch_fifo", "cycles_per_pair", a) in found}
    panels = list(curves(pairs, costs, args.far, args.work))
    print_curves(panels)
    if args.svg:
        draw(panels, args.svg)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
