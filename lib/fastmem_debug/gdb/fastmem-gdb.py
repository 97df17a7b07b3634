# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""fastmem in gdb: statistics, objects and leaks of a live process or a core file.

    source fastmem-gdb.py       (gdb loads it by itself with a library that is installed)
    fastmem stats
    fastmem object ADDRESS
    fastmem leaks [SIZE|POOL]
    fastmem map

It only ever reads. It needs neither debug information nor symbols: the library has a table
of the layout of its structures in it, layout.c.

A process can be stopped within any call, and others that share its memory run on. So nothing
is taken for consistent here that is only so under a lock: an object on its way between two
places is in neither, and what is read twice may differ.
"""

import json
import os
import re
import struct
import subprocess

import gdb

WORD = 8
PAGE = 4096
LIMIT_NONE = 2**64 - 1
LIBRARY_FRAMES = 6  # at most so many are fastmem's


CORE_ADVICE = """\
DPDK's memory is shared huge pages and files, which core files leave out unless
/proc/PID/coredump_filter says otherwise. Before the program crashes, or before gcore:
    echo 0x7f >/proc/PID/coredump_filter
Children inherit it: in the shell that starts the program, PID is "self"."""


def core_file(files):
    """Path of the core file that is looked at; None: this is a live process."""
    found = re.search(r"^Local core dump file:\s*`(.*)', file type", files, re.MULTILINE)
    return found.group(1) if found else None


def core_segments(path):
    """What memory an ELF core file has: first address, and the one behind the last."""
    with open(path, "rb") as f:
        head = f.read(64)
        order = "<" if head[5] == 1 else ">"
        at, sections, size, n = struct.unpack(order + "32xQQ6xHH6x", head[:64])
        if n == 0xffff:  # too many for the field
            f.seek(sections + 44)
            n, = struct.unpack(order + "I", f.read(4))
        f.seek(at)
        table = f.read(size * n)
    for i in range(n):
        kind, address, length = struct.unpack_from(order + "I12xQ8xQ", table, i * size)
        if kind == 1 and length > 0:
            yield address, address + length


class Memory:
    """What was read of the process, for the time of a command."""

    def __init__(self):
        self.inferior = gdb.selected_inferior()
        self.pages = {}
        self.files = gdb.execute("info files", to_string=True)
        self.core = core_file(self.files)
        self.segments = sorted(core_segments(self.core)) if self.core else None
        self.warned = False

    def fetch(self, address, n):
        try:
            raw = bytes(self.inferior.read_memory(address, n))
        except gdb.MemoryError:
            if self.core:
                raise gdb.GdbError("fastmem: memory at %#x is not in the core file.\n%s" %
                                   (address, CORE_ADVICE)) from None
            raise gdb.GdbError("fastmem: memory at %#x cannot be read." % address) from None
        if self.core and not self.warned and not self.is_in_core(address, n):
            self.warned = True
            gdb.write("warning: fastmem: memory at %#x is not in the core file: gdb reads it from "
                      "a file as that is now,\nand maybe others have changed it since.\n%s\n" %
                      (address, CORE_ADVICE), gdb.STDERR)
        return raw

    def fetch_constant(self, address, n):
        """What core files leave out because it is in the program."""
        return bytes(self.inferior.read_memory(address, n))

    def is_in_core(self, address, n):
        end = address + n
        for first, behind in self.segments:  # sorted, and several can be adjacent
            if first <= address < behind:
                address = behind
        return address >= end

    def read(self, address, n):
        first = address // PAGE * PAGE
        at = address - first
        if at + n > PAGE:
            return self.fetch(address, n)
        if first not in self.pages:
            try:
                self.pages[first] = self.fetch(first, PAGE)
            except gdb.GdbError:  # a file may end within its last page
                return self.fetch(address, n)
        return self.pages[first][at:at + n]


class Layout:
    """The library's table. names: value and size by name."""

    def __init__(self, memory, address):
        head = memory.fetch_constant(address, 40)
        if head[:14] != b"fastmem layout":
            raise gdb.GdbError("fastmem: its table of layouts is damaged, or not to be read.")
        self.order = "little" if int.from_bytes(head[16:20], "little") < 2**16 else "big"
        entry_size, n_tables = (self.number(head[i:i + 4]) for i in (16, 20))
        self.process, self.defer_queues = self.words(head[24:40])
        self.names = {}
        if self.process == 0:  # as in the file, before it was loaded
            return
        tables = self.words(memory.fetch_constant(address + 40, n_tables * 2 * WORD))
        for entries, n in zip(tables[::2], tables[1::2]):
            self.add(memory.fetch_constant(entries, entry_size * n), entry_size)

    def add(self, table, entry_size):
        for i in range(0, len(table), entry_size):
            name = table[i:i + 28].split(b"\0")[0].decode()
            self.names[name] = tuple(self.number(table[i + j:i + j + 4]) for j in (28, 32))

    def number(self, raw, signed=False):
        return int.from_bytes(raw, self.order, signed=signed)

    def of(self, name):
        try:
            return self.names[name]
        except KeyError:
            raise gdb.GdbError("fastmem: the library does not tell of \"%s\": this script is of "
                               "another version. Take the one that came with the library." % name)

    def words(self, raw):
        return struct.unpack(("<" if self.order == "little" else ">") + "%dQ" % (len(raw) // WORD),
                             raw)


class Struct:
    """A structure, as it was when it was read: its fields are attributes."""

    def __init__(self, fm, kind, address, raw=None):
        self.fm, self.kind, self.address = fm, kind, address
        self.raw = raw if raw is not None else fm.memory.read(address, fm.layout.of(kind)[0])

    def __getattr__(self, name):
        return self.fm.layout.number(self.raw_of(name))

    def raw_of(self, name):
        at, size = self.fm.layout.of(self.kind + "." + name)
        return self.raw[at:at + size]

    def signed(self, name):
        return self.fm.layout.number(self.raw_of(name), signed=True)

    def at(self, name):
        """The address of a field."""
        return self.address + self.fm.layout.of(self.kind + "." + name)[0]


class Cache(Struct):
    """A thread's cache of a bin."""

    def __init__(self, fm, address, raw):
        super().__init__(fm, "cache", address, raw)

    def length(self):
        # Others may have forbidden to pop: then base is above end.
        return (self.top - min(self.base, self.end)) // WORD

    def length_in(self, magazine):
        """What there is in its loaded magazine. While that changes, top may be of another one."""
        first = magazine.at("objs")
        if first <= self.top <= first + magazine.capacity * WORD:
            return (self.top - first) // WORD
        return 0


class Thread(Struct):
    """The caches of a thread."""

    def __init__(self, fm, address):
        super().__init__(fm, "tcache", address)
        self.all_caches = fm.memory.read(self.at("caches"), fm.n_bins * fm.size("cache"))
        self.all_counts = fm.memory.read(self.counts, fm.ctl.first_pool_bin * fm.size("counts"))
        self.all_counts += self.read_pool_counts()
        self.peer = (self.owner >> 32) - 1

    def read_pool_counts(self):
        """By pool: of blocks that there are not, all are 0."""
        fm = self.fm
        per_block = fm.constant("COUNTS_PER_BLOCK")
        size = per_block * fm.size("counts")
        self.blocks = fm.layout.words(fm.memory.read(
            self.at("pool_counts"), fm.constant("MAX_POOLS") // per_block * WORD))
        return b"".join(fm.memory.read(block, size) if block != 0 else bytes(size)
                        for block in self.blocks)

    def has_pool_counts(self, bin_id):
        pool = bin_id - self.fm.ctl.first_pool_bin
        return self.blocks[pool // self.fm.constant("COUNTS_PER_BLOCK")] != 0

    def cache(self, bin_id):
        size = self.fm.size("cache")
        return Cache(self.fm, self.at("caches") + bin_id * size,
                     self.all_caches[bin_id * size:(bin_id + 1) * size])

    def count(self, bin_id):
        size = self.fm.size("counts")
        return Struct(self.fm, "counts", self.counts + bin_id * size,
                      self.all_counts[bin_id * size:(bin_id + 1) * size])

    def used(self, bin_id):
        """Whether anything was ever done with that bin."""
        size, n = self.fm.size("cache"), self.fm.size("counts")
        return any(self.all_caches[bin_id * size:(bin_id + 1) * size]) or \
            any(self.all_counts[bin_id * n:(bin_id + 1) * n])

    def name(self):
        fm = self.fm
        if self.owner == 0:
            return "thread cache %d, which no thread has now" % self.id
        name = "thread %d" % (self.owner & 0xffffffff)
        if self.signed("lcore") >= 0:
            name += " (lcore %d)" % self.signed("lcore")
        return name + fm.of_process(self.peer)


class Magazine(Struct):
    def __init__(self, fm, address, raw):
        super().__init__(fm, "magazine", address, raw)
        self.capacity = fm.magazine_capacity(self.kind_number())
        self.owner_id = self.owner & fm.constant("OWNER_UNUSED")

    def kind_number(self):
        return self.fm.layout.number(self.raw_of("kind"))

    def objects(self, n):
        first = self.fm.layout.of("magazine.objs")[0]
        return self.fm.layout.words(self.raw[first:first + min(n, self.capacity) * WORD])


class Tally:
    """As struct fastmem_tally in fastmem_tally.h."""

    FIELDS = ("alloc", "free", "alloc_misses", "free_misses", "nomem", "in_use", "misfreed",
              "cached")

    def __init__(self):
        for field in self.FIELDS:
            setattr(self, field, 0)

    def add(self, other):
        for field in self.FIELDS:
            setattr(self, field, getattr(self, field) + getattr(other, field))


class Where:
    """Where a free object lies."""

    def __init__(self, text, moving=False):
        self.text, self.moving = text, moving


class Fastmem:
    """All of fastmem that is shared, as it is now."""

    def __init__(self):
        self.memory = Memory()
        self.layout = find_layout(self.memory)
        self.process = Struct(self, "process", self.layout.process)
        if self.process.ctl == 0 or self.process.state not in (
                self.constant("PROCESS_OPEN"), self.constant("PROCESS_CLOSED")):
            raise gdb.GdbError("fastmem: not initialised in this process (a secondary process "
                               "attaches when it first calls fastmem).")
        self.closed = self.process.state == self.constant("PROCESS_CLOSED")
        self.ctl = Struct(self, "ctl", self.process.ctl)
        if self.ctl.size_of_ctl != self.size("ctl"):
            raise gdb.GdbError("fastmem: the shared state is of another version than the library, "
                               "or damaged.")
        self.n_bins = self.ctl.n_bins
        self.shift = self.constant("GRANULE_SHIFT")
        bins = self.memory.read(self.ctl.at("bins"), self.n_bins * self.size("bin"))
        self.bins = [self.element("bin", self.ctl.at("bins"), i, bins)
                     for i in range(self.n_bins)]
        self.arenas = self.elements("arena", self.ctl.at("arenas"), self.ctl.n_sockets)
        self.pools = [p for p in self.elements("pool", self.ctl.at("pools"),
                                               self.constant("MAX_POOLS"))
                      if p.state == self.constant("POOL_LIVE")]
        self.peers = self.elements("peer", self.ctl.at("peers"), self.constant("MAX_PEERS"))
        self.meta = Struct(self, "meta", self.ctl.at("meta"))
        self.debug = Struct(self, "debug", self.ctl.debug) if self.ctl.debug != 0 else None
        self.modules = Modules(self.memory)
        self.threads = []
        address = self.ctl.tcaches
        while address != 0 and len(self.threads) < 2**16:
            self.threads.append(Thread(self, address))
            address = self.threads[-1].next

    def size(self, kind):
        return self.layout.of(kind)[0]

    constant = size

    def element(self, kind, first, i, raw):
        size = self.size(kind)
        return Struct(self, kind, first + i * size, raw[i * size:(i + 1) * size])

    def elements(self, kind, first, n):
        raw = self.memory.read(first, n * self.size(kind))
        return [self.element(kind, first, i, raw) for i in range(n)]

    def number(self, address, n, signed=False):
        return self.layout.number(self.memory.read(address, n), signed)

    def of_process(self, peer):
        """Which process, if it is not the one that is looked at."""
        if peer == self.process.peer or not 0 <= peer < len(self.peers):
            return ""
        return " of process %d" % self.peers[peer].pid

    # Granules, slabs and slots.

    def index(self, address):
        """The granule of an address; None: it is beyond the map."""
        i = (address >> self.shift) - self.ctl.first_granule
        return i if 0 <= i < self.ctl.n_granules else None

    def address(self, index):
        return (self.ctl.first_granule + index) << self.shift

    def granule(self, index):
        """None: there never was memory of fastmem's."""
        shift = self.constant("LEAF_SHIFT")
        leaf = self.number(self.process.leaves + (index >> shift) * WORD, WORD)
        if leaf == 0:
            return None
        size = self.size("granule")
        return Struct(self, "granule", leaf + (index & ((1 << shift) - 1)) * size)

    def bin_of(self, address):
        i = self.index(address)
        return 0 if i is None else self.number(self.process.bins + 2 * i, 2)

    def chunks(self, arena):
        i = arena.chunks
        for _ in range(2**20):
            chunk = self.granule(i) if i != 0 else None
            if chunk is None:
                return
            yield i, chunk
            i = chunk.chunk_next

    def slabs(self):
        """Each slab, and the index of its first granule."""
        for arena in self.arenas:
            for first, chunk in self.chunks(arena):
                i = first
                while i < first + chunk.chunk_n:
                    g = self.granule(i)
                    if g is None:
                        break
                    if g.state == self.constant("SLAB") and g.head == i and \
                            0 < g.bin < self.n_bins:
                        yield i, g
                    # In between two states, n may be of another time.
                    i += g.n if 0 < g.n <= first + chunk.chunk_n - i else 1

    def runs(self, first, chunk):
        """Of a chunk, its slabs and free runs: first granule, how many, and the slab or None."""
        i, end = first, first + chunk.chunk_n
        while i < end:
            g = self.granule(i)
            if g.state == self.constant("FREE"):
                behind, head = i + 1, g
                while behind < end and self.granule(behind).state == self.constant("FREE"):
                    behind += 1
            else:
                head = self.granule(g.head)
                behind = min(max(g.head + head.n, i + 1), end)
            yield i, behind - i, head if head.state == self.constant("SLAB") else None
            i = behind

    def bits(self, slab):
        n = (slab.n_slots + 63) // 64 * WORD
        return self.layout.words(self.memory.read(slab.bits, n))

    def slot_address(self, index, slab, slot):
        b = self.bins[slab.bin]
        return self.address(index) + slot * b.slot_size + b.header

    def pool_of(self, bin_id):
        for pool in self.pools:
            if pool.bin == bin_id:
                return pool
        return None

    def pool_name(self, pool):
        return pool.raw_of("name").split(b"\0")[0].decode(errors="replace")

    def kind_of(self, bin_id):
        """What a bin is, for people."""
        pool = self.pool_of(bin_id)
        return "pool %s" % self.pool_name(pool) if pool is not None else \
            "size %d" % self.bins[bin_id].slot_size

    # Magazines, and the objects that are in them.

    def magazine_capacity(self, kind):
        return self.constant("MAGAZINE_SMALL_CAPACITY" if kind == self.constant("MAGAZINE_SMALL")
                             else "MAGAZINE_LARGE_CAPACITY")

    def magazine_bytes(self, kind):
        line = self.constant("CACHE_LINE")
        n = self.size("magazine") + self.magazine_capacity(kind) * WORD
        return (n + line - 1) // line * line

    def magazines(self):
        """All that are in use."""
        per_block = self.constant("MAGAZINES_PER_BLOCK")
        for i in range(self.meta.n_magazines // per_block):
            block = self.number(self.meta.at("blocks") + i * WORD, WORD)
            kind = Struct(self, "magazine", block).raw_of("kind")
            size = self.magazine_bytes(self.layout.number(kind))
            raw = self.memory.read(block, per_block * size)
            for j in range(per_block):
                m = Magazine(self, block + j * size, raw[j * size:(j + 1) * size])
                if m.owner_id != self.constant("OWNER_UNUSED") and 0 < m.bin < self.n_bins:
                    yield m

    def owner_name(self, magazine, loaded, spare):
        """Who has a magazine."""
        m = magazine
        if m.address in loaded:
            return "in the cache of " + loaded[m.address][0].name()
        if m.address in spare and m.owner == spare[m.address][1]:
            return "in the spare magazine of " + spare[m.address][0].name()
        if m.owner_id == self.constant("OWNER_DEPOT"):
            return "in the depot"
        if m.owner_id >= self.constant("OWNER_PEER"):
            return "in a magazine that a thread without caches moves" + \
                self.of_process(m.owner_id - self.constant("OWNER_PEER"))
        for t in self.threads:
            if t.id == m.owner_id:
                return "in a magazine that is moved by " + t.name()
        return "in a magazine whose owner is not known"

    def free_objects(self, only_bin=None):
        """Where each object is that is in a magazine, or on its way: a list of places by address.

        An object on its way between a slab and a magazine may be in both or in neither.
        """
        loaded, spare = {}, {}
        for t in self.threads:
            for b in range(1, self.n_bins):
                if only_bin in (None, b) and t.used(b):
                    c = t.cache(b)
                    if c.loaded != 0:
                        loaded[c.loaded] = (t, c)
                    if c.spare != 0:
                        spare[c.spare] = (t, t.count(b).spare_owned)
        found = {}
        for m in self.magazines():
            if only_bin not in (None, m.bin):
                continue
            n = m.n
            if m.address in loaded:
                # The larger of both is true: see struct fastmem_magazine.
                n = max(n, loaded[m.address][1].length_in(m))
            if n == 0:
                continue
            where = Where(self.owner_name(m, loaded, spare))
            gone = self.stolen(m)
            for i, obj in enumerate(m.objects(n)):
                if obj != 0 and i not in gone:
                    found.setdefault(obj, []).append(where)
        for b in self.bins[1:]:
            if only_bin not in (None, b.id):
                continue
            for obj in self.moving_objects(b):
                found[obj] = [Where("on its way between its slab and a cache", moving=True)]
        return found

    def stolen(self, m):
        """Which objects of a cache of a pool were taken away, but are still named there."""
        pool = self.pool_of(m.bin)
        if pool is None or pool.stolen_total == 0 or pool.stolen != m.at("objs"):
            return ()
        return range(pool.stolen_n, pool.stolen_total)

    def moving_objects(self, b):
        tr = Struct(self, "transfer", b.at("transfer"), b.raw_of("transfer"))
        if tr.op != self.constant("TRANSFER_NONE") and tr.n > 0 and b.store == 0:
            yield from self.layout.words(
                self.memory.read(tr.objs + tr.first * WORD, tr.n * WORD))
        if b.n_one != 0:
            yield b.one

    def deferred(self, pool):
        """How many objects this process has put that wait for a grace period, and which."""
        place = (pool.address - self.ctl.at("pools")) // self.size("pool")
        queues = self.number(self.layout.defer_queues, WORD)
        q = Struct(self, "queue", queues + place * self.size("queue"))
        if q.generation != pool.generation or q.batches == 0:
            return 0, []
        objs = []
        for i in range(q.head, q.tail if q.tail >= q.head else q.tail + 2**32):
            batch = Struct(self, "batch", q.batches + (i & (q.size - 1)) * self.size("batch"))
            objs += self.layout.words(batch.raw_of("objs"))[:batch.n]
        return q.n_objs, objs

    # What is known where calls are checked.

    def level(self):
        return self.debug.level if self.debug is not None else 0

    def record(self, slab, slot):
        """None: nothing is known of this slot."""
        if slab.records == 0:
            return None
        return Struct(self, "record", slab.records + slot * self.size("record"))

    def object_in(self, slab, slot, base):
        """The address of an object in its slot: there can be a red zone in front of it."""
        record = self.record(slab, slot)
        return base + (record.front if record is not None else 0)

    def is_quarantined(self, address):
        d = self.debug
        if d is None or d.ring_size == 0:
            return False
        ring = self.layout.words(self.memory.read(d.ring, d.ring_size * WORD))
        return any(ring[i % d.ring_size] == address
                   for i in range(d.head, min(d.tail, d.head + d.ring_size)))

    def frames(self, number):
        """Of a stack: paths of modules, and the offsets of return addresses in them."""
        stacks = Struct(self, "stacks", self.ctl.stacks)
        n = self.constant("STACK_BLOCK_SLOTS")
        block = self.number(stacks.at("blocks") + (number - 1) // n * WORD, WORD)
        place = self.number(block + (number - 1) % n * WORD, WORD) if block != 0 else 0
        if place == 0:
            return []
        stack = Struct(self, "stack", place)
        frames = self.layout.words(self.memory.read(stack.at("frames"), min(stack.n, 64) * WORD))
        bits = self.constant("STACK_OFFSET_BITS")
        return [(self.module_path(stacks, frame >> bits), frame & ((1 << bits) - 1))
                for frame in frames]

    def module_path(self, stacks, module):
        if not 0 < module <= self.constant("STACK_MODULES"):
            return ""
        address = self.number(stacks.at("modules") + (module - 1) * WORD, WORD)
        return self.text(address + self.layout.of("module.path")[0])

    def stack(self, number):
        """A stack, a line for each call, from the caller of fastmem on."""
        if number == self.constant("STACK_MANY"):
            return ["(not kept: there are too many different stacks)"]
        if number == self.constant("STACK_NONE") or self.ctl.stacks == 0:
            return ["(not known)"]
        frames = self.frames(number)
        return call_lines(frames, self.modules.calls(frames)) or ["(not there any more)"]

    def text(self, address):
        raw = b""
        while b"\0" not in raw and len(raw) < PAGE:
            end = (address // 64 + 1) * 64
            raw += self.memory.read(address, end - address)
            address = end
        return raw.split(b"\0")[0].decode(errors="replace")

    # Figures, as fastmem_tally.c has them.

    def cache_tally(self, t, bin_id):
        c, counts, now = t.cache(bin_id), t.count(bin_id), Tally()
        now.cached = c.length() + c.spare_n
        now.in_use = c.signed("n_in") - now.cached
        if t.seq & 1 and t.move_bin == bin_id:
            now.in_use = t.signed("move_live")
        now.alloc = c.n_alloc
        now.free = now.alloc - now.in_use - counts.base_free
        now.alloc -= counts.base_alloc
        now.alloc_misses = min(counts.alloc_misses - counts.base_alloc_misses, now.alloc)
        now.free_misses = min(counts.free_misses - counts.base_free_misses, now.free)
        now.nomem = counts.nomem - counts.base_nomem
        return now

    def direct_tally(self, b):
        now = Tally()
        now.in_use = b.direct_alloc - b.direct_free + b.signed("misfreed")
        now.alloc = b.direct_alloc - b.base_alloc
        now.free = b.direct_free - b.base_free
        now.misfreed = b.signed("misfreed") - b.signed("base_misfreed")
        now.alloc_misses, now.free_misses = now.alloc, now.free
        now.nomem = b.direct_nomem - b.base_nomem
        return now

    def bin_tally(self, bin_id):
        total = self.direct_tally(self.bins[bin_id])
        for t in self.threads:
            if t.used(bin_id):
                total.add(self.cache_tally(t, bin_id))
        if self.debug is not None:
            n = self.number(self.debug.at("quarantined") + bin_id * 4, 4)
            # What was quarantined at a reset was freed before it.
            total.free += n - self.bins[bin_id].base_quarantined
            total.in_use -= n
        return total

    # What is not free.

    def live_objects(self, only_bin=None):
        """Each live object of slabs: its bin, slab, slot, and the address of its slot.

        Objects of pools whose memory is not fastmem's are known while they are free only.
        """
        in_use = (self.constant("RECORD_LIVE"), self.constant("RECORD_BUSY"))
        free = self.free_objects(only_bin)
        for index, slab in self.slabs():
            if only_bin not in (None, slab.bin) or slab.limbo:
                continue
            bin_id, bits = slab.bin, self.bits(slab)
            first, size = self.slot_address(index, slab, 0), self.bins[bin_id].slot_size
            for slot in range(slab.n_slots):
                address = first + slot * size
                if bits[slot // 64] >> slot % 64 & 1 or address in free:
                    continue
                record = self.record(slab, slot)
                if record is None or record.state in in_use:
                    yield bin_id, slab, slot, address


# Call stacks.

class Modules:
    """Where the program and its libraries are loaded."""

    def __init__(self, memory):
        self.files = memory.files
        self.biases = {}
        self.found = {}

    def text_sections(self):
        """Paths, and the addresses that their code begins at."""
        for line in re.finditer(r"^\s*(0x[0-9a-f]+) - 0x[0-9a-f]+ is \.text(?: in (.*))?$",
                                self.files, re.MULTILINE):
            yield line.group(2) or gdb.current_progspace().filename or "", int(line.group(1), 16)

    def bias(self, path):
        """Where gdb has a file, and what to add to its addresses; None: it is not loaded here."""
        if path not in self.biases:
            self.biases[path] = None
            loaded = list(self.text_sections())
            # Where the file is elsewhere by now, or a core is of another machine: by its name.
            for same in (os.path.realpath, os.path.basename):
                found = [(p, address) for p, address in loaded if same(p) == same(path)]
                if found:
                    self.biases[path] = found[0][0], found[0][1] - text_address(found[0][0])
                    break
        return self.biases[path]

    def look_up(self, frames):
        """What calls there are in frames, by one addr2line for each file: gdb does not tell
        scripts of inlined calls."""
        for path in {p for p, _ in frames}:
            offsets = sorted({o for p, o in frames if p == path and (p, o) not in self.found})
            for offset in offsets:
                self.found[path, offset] = []
            if self.bias(path) is None or not offsets:
                continue
            found = addr2line(with_debug_information(self.bias(path)[0]), offsets)
            for offset in offsets:
                here = self.look_up_here(path, offset)
                # It does not find all that are inlined in what clang has compiled.
                self.found[path, offset] = max(found.get(offset, []), here, key=len)

    def look_up_here(self, path, offset):
        """Without the places that inlined functions are called from."""
        pc = self.bias(path)[1] + offset - 1  # in the call
        names, line = functions_at(pc), gdb.find_pc_line(pc)
        place = "%s:%d" % (line.symtab.filename, line.line) if line.symtab and line.line else ""
        return [(name, place if i == 0 else "") for i, name in enumerate(names)]

    def calls(self, frames):
        """Of each frame: the functions and places in it, the innermost first."""
        self.look_up(frames)
        return [self.found[frame] for frame in frames]


def with_debug_information(path):
    """The file that gdb has read it from, which can be another one."""
    for objfile in gdb.objfiles():
        if objfile.owner is not None and objfile.owner.filename == path:
            return objfile.filename
    return path


def addr2line(path, offsets):
    """Functions and places by offset. Empty if there is no such program."""
    try:
        done = subprocess.run(["addr2line", "-afiC", "-e", path] +
                              ["%#x" % (offset - 1) for offset in offsets],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              env={**os.environ, "DEBUGINFOD_URLS": ""}, timeout=60, check=False)
    except (OSError, subprocess.SubprocessError):
        return {}
    found, calls, function = {}, [], None
    for line in done.stdout.decode(errors="replace").splitlines():
        if line.startswith("0x") and function is None:
            calls = found.setdefault(int(line, 16) + 1, [])
        elif function is None:
            function = line
        else:
            place = re.sub(r" \(discriminator \d+\)$", "", line)
            if function != "??":
                calls.append((function, "" if "?" in place else os.path.normpath(place)))
            function = None
    return found


def text_address(path):
    """The address of the code in an ELF file."""
    with open(path, "rb") as f:
        head = f.read(64)
        order = "<" if head[5] == 1 else ">"
        at, size, n, names = struct.unpack_from(order + "40xQ10xHHH", head)
        f.seek(at)
        table = f.read(size * n)
        f.seek(struct.unpack_from(order + "24xQ", table, names * size)[0])
        strings = f.read(struct.unpack_from(order + "32xQ", table, names * size)[0])
    for i in range(n):
        name, address = struct.unpack_from(order + "I12xQ", table, i * size)
        if strings[name:name + 6] == b".text\0":
            return address
    return 0


def functions_at(pc):
    """Names, the innermost first, without debug information just one or none."""
    names, block = [], None
    try:
        block = gdb.block_for_pc(pc)
    except RuntimeError:
        pass
    while block is not None and not block.is_static and not block.is_global:
        if block.function is not None:
            names.append(block.function.name)
        block = block.superblock
    if names:
        return names
    found = re.match(r"(\S+)( \+ \d+)? in section", gdb.execute("info symbol %#x" % pc,
                                                               to_string=True))
    return [found.group(1)] if found else []


def is_of_library(function, place):
    # A place in a header may be that of an inlined function, while the function is the caller.
    return function.startswith(("rte_fastmem_", "fastmem_")) or \
        re.search(r"lib/fastmem(_debug|_replace)?/(\w+/)*\w+\.c:", place) is not None


def call_lines(frames, calls):
    """A line for each call, without those of the library: programs that contain it have some."""
    lines, first = [], 0
    for i, ((path, offset), inside) in enumerate(zip(frames, calls)):
        where = "%s+%#x" % (os.path.basename(path), offset)
        if not inside:
            lines.append(where)
        for j, (function, place) in enumerate(inside):
            lines.append("%s%s (%s)" % (function, " at " + place if place else "",
                                        where if j == len(inside) - 1 else "inlined"))
            if i < LIBRARY_FRAMES and is_of_library(function, place):
                first = len(lines)
    if first == len(lines):
        first = 0
    return ["#%d %s" % (i, line) for i, line in enumerate(lines[first:])]


# Where everything begins.

def layout_sections(memory, name):
    """Addresses of the sections that have a table."""
    found = re.findall(r"(0x[0-9a-f]+) - 0x[0-9a-f]+ is \.%s\b" % name, memory.files)
    return [int(address, 16) for address in found]


def add_debug_layout(memory, layout):
    """What librte_fastmem_debug knows, where it is loaded: of the same process state."""
    for address in layout_sections(memory, "fastmem_debug_layout"):
        more = Layout(memory, address)
        if more.process == layout.process:
            layout.names.update(more.names)


def find_layout(memory):
    """The table of the library that is in use. There may be one in a plug-in as well."""
    if gdb.selected_thread() is None:
        raise gdb.GdbError("fastmem: no process: start it, attach to it, or load a core file.")
    sections = layout_sections(memory, "fastmem_layout")
    if not sections:
        raise gdb.GdbError(
            "fastmem: there is none in this program, or one that is older than this script. For a\n"
            "core file, gdb must have the program and the libraries that it is of (file, set\n"
            "sysroot); a program that is linked with it must not be stripped of its section headers.")
    layouts = [Layout(memory, address) for address in sections]
    for layout in layouts:
        if layout.process != 0:
            state = layout.of("process.state")
            if memory.read(layout.process + state[0], state[1]).strip(b"\0"):
                add_debug_layout(memory, layout)
                return layout
    if layouts[0].process == 0:
        raise gdb.GdbError("fastmem: the program has not begun to run.")
    return layouts[0]


# The commands.

class FastmemCommand(gdb.Command):
    """The memory of fastmem: statistics, objects, leaks, a map."""

    def __init__(self):
        super().__init__("fastmem", gdb.COMMAND_DATA, prefix=True)


class Command(gdb.Command):
    """One that prints the lines that lines() yields."""

    def invoke(self, argument, from_tty):
        try:
            print("\n".join(self.lines(Fastmem(), argument.strip())))
        except (AttributeError, LookupError, OverflowError, ValueError, struct.error) as error:
            raise gdb.GdbError("fastmem: its shared state is damaged: %s" % error) from error


class FastmemStats(Command):
    """What fastmem has and what was done with it: the same as rte_fastmem_dump() writes.

Usage: fastmem stats"""

    def __init__(self):
        super().__init__("fastmem stats", gdb.COMMAND_DATA, gdb.COMPLETE_NONE)

    def lines(self, fm, argument):
        return stats_lines(fm)


def stats_lines(fm):
    if fm.closed:
        yield "fastmem: closed by the primary process; what it had until then:"
    tallies = [Tally()] + [fm.bin_tally(i) for i in range(1, fm.n_bins)]
    total = Tally()
    for t in tallies:
        total.add(t)
    in_use = sum(t.in_use * b.slot_size for t, b in zip(tallies, fm.bins))
    backing = sum(a.n_granules << fm.shift for a in fm.arenas)
    yield "fastmem: %d KiB in use, %d KiB backing, %d KiB bookkeeping, %d allocated, %d freed, " \
        "%d refused" % (in_use >> 10, backing >> 10, fm.meta.bytes >> 10, total.alloc,
                        total.free - min(total.misfreed, total.free), total.nomem)
    for arena in fm.arenas:
        yield arena_line(fm, arena)
    yield from process_lines(fm)
    yield "  %8s %10s %10s %14s %10s %12s %8s %8s" % (
        "size", "in use", "cached", "allocated", "misses", "freed", "partial", "full")
    yield from class_lines(fm, tallies)
    for pool in fm.pools:
        yield from pool_lines(fm, pool, tallies[pool.bin])
    moving = [t.name() for t in fm.threads if t.seq & 1]
    if moving:
        yield "  stopped while they move objects, so figures may be out by what they move: " + \
            ", ".join(moving)


def arena_line(fm, arena):
    kib = (1 << fm.shift) >> 10
    limit = "none" if arena.limit == LIMIT_NONE else "%d KiB" % (arena.limit >> 10)
    return "  socket %d: %d KiB in %d chunks, %d KiB free, limit %s" % (
        arena.signed("socket_id"), arena.n_granules * kib, sum(1 for _ in fm.chunks(arena)),
        arena.n_free * kib, limit)


def process_lines(fm):
    for i, peer in enumerate(fm.peers):
        attached = peer.state == fm.constant("PEER_ATTACHED")
        if not attached and peer.state != fm.constant("PEER_GONE"):
            continue
        bytes_each = fm.n_bins * WORD
        held = list(struct.unpack("<%dq" % fm.n_bins, fm.memory.read(
            fm.process.held + i * bytes_each, bytes_each)))
        if not attached and not any(held):
            continue
        mine = [t for t in fm.threads if t.peer == i]
        for t in mine:
            for b in range(1, fm.n_bins):
                if t.used(b):
                    c = fm.cache_tally(t, b)
                    held[b] += c.in_use - t.count(b).signed("held_before")
        yield "  process %d%s: %d threads, allocated less freed: %d objects, %d bytes" % (
            peer.pid, "" if attached else " (ended)", len(mine), sum(held[1:]),
            sum(n * b.slot_size for n, b in zip(held, fm.bins)))


def class_lines(fm, tallies):
    sizes = {}
    for i in range(1, fm.ctl.first_pool_bin):
        sizes.setdefault(fm.bins[i].slot_size, []).append(i)
    for size in sorted(sizes):
        t = Tally()
        for i in sizes[size]:
            t.add(tallies[i])
        partial = sum(fm.bins[i].n_partial for i in sizes[size])
        slabs = sum(fm.bins[i].n_slabs for i in sizes[size])
        if slabs + t.alloc != 0:
            yield "  %8d %10d %10d %14d %10d %12d %8d %8d" % (
                size, t.in_use, t.cached, t.alloc, t.alloc_misses, t.free, partial,
                slabs - partial)


def pool_lines(fm, pool, t):
    b = fm.bins[pool.bin]
    n_granules = (b.n_slabs + b.n_limbo) * b.slab_granules
    in_use = max(t.in_use, 0)
    free = t.free - min(t.misfreed, t.free)
    backing = n_granules << fm.shift
    used, wasted = (0, 0) if b.store != 0 else \
        (in_use * b.slot_size, backing - b.n_slots * b.slot_size)
    yield "fastmem pool %s: %d of %d objects in use, min %d, max %s" % (
        fm.pool_name(pool), in_use, b.n_slots, pool.min,
        "none" if pool.max == 2**32 - 1 else pool.max)
    yield "  stride %d, header %d, cache %d, socket %d, flags %s, created by process %d" % (
        getattr(pool, "user.stride"), b.header, b.magazine_size,
        fm.arenas[b.socket].signed("socket_id"), "%#x" % pool.flags if pool.flags else "0",
        pool.creator_pid)
    yield "  got %d, put %d, refused %d, deferred %d" % (t.alloc, free, t.nomem,
                                                       fm.deferred(pool)[0])
    if free > t.alloc:
        yield "  put more often than got: objects put twice, or not this pool's"
    yield "  bytes: %d held, %d in use, %d wasted, %d of bookkeeping" % (
        backing, used, wasted, pool_bookkeeping(fm, b, n_granules))


def pool_bookkeeping(fm, b, n_granules):
    n = fm.size("pool") + fm.size("bin") + 2 * fm.size("depot")
    n += fm.ctl.n_tcaches * fm.size("cache")
    n += fm.size("counts") * sum(1 for t in fm.threads if t.has_pool_counts(b.id))
    n += n_granules * (fm.size("granule") + 2) + b.big_words * WORD + b.store_size * WORD
    each = fm.size("magazine") + fm.magazine_capacity(b.magazine_kind) * WORD
    return n + each * sum(1 for m in fm.magazines() if m.bin == b.id)


class FastmemObject(Command):
    """What fastmem knows of an address: its size or pool, slot and state.

Usage: fastmem object ADDRESS

The address can be any expression, and may point into an object. The state is one of: live; free
in its slab; free in the cache of a thread (which one), in the depot, or in quarantine; on its way
between two of these, if the process was stopped within a call. Where calls are checked
(RTE_FASTMEM_DEBUG), it also tells who has allocated and freed the object."""

    def __init__(self):
        super().__init__("fastmem object", gdb.COMMAND_DATA, gdb.COMPLETE_EXPRESSION)

    def lines(self, fm, argument):
        if not argument:
            raise gdb.GdbError("fastmem object: which address?")
        value = gdb.parse_and_eval(argument)
        address = int(value.cast(gdb.lookup_type("unsigned long long"))) & (2**64 - 1)
        return object_lines(fm, address)


def object_lines(fm, address):
    bin_id = fm.bin_of(address)
    if not 0 < bin_id < fm.n_bins:
        yield from foreign_lines(fm, address)
        return
    index = fm.granule(fm.index(address)).head
    slab, b = fm.granule(index), fm.bins[bin_id]
    offset = address - fm.address(index)
    slot = offset // b.slot_size
    where = "%s, socket %d, slab at %#x" % (
        fm.kind_of(bin_id), fm.arenas[b.socket].signed("socket_id"), fm.address(index))
    if slab.state != fm.constant("SLAB") or slab.bin != bin_id:
        yield "%#x: in a slab that is being made or given back (%s)" % (address, where)
        return
    if slot >= slab.n_slots:
        yield "%#x: behind the last object of a slab (%s)" % (address, where)
        return
    base = fm.slot_address(index, slab, slot)
    record = fm.record(slab, slot)
    known = record is not None and record.state != fm.constant("RECORD_NEW")
    obj = base + (record.front if known else 0)
    size = record.size if known else object_size(fm, b)
    yield "%#x: %s" % (address, position(address - obj, size))
    if address != obj:
        yield "  object: %#x" % obj
    yield "  %s, slot %d of %d" % (where, slot, slab.n_slots)
    pool = fm.pool_of(bin_id)
    if pool is not None:
        yield "  number in the pool: %d" % (slab.first_index + slot)
    yield "  state: " + state_of(fm, slab, slot, base)
    if known:
        yield from story(fm, record)


def object_size(fm, b):
    pool = fm.pool_of(b.id)
    return pool.size if pool is not None else b.slot_size


def position(offset, size):
    if offset == 0:
        return "an object of %d bytes" % size
    if offset < 0:
        return "%d bytes in front of an object of %d" % (-offset, size)
    if offset >= size:
        return "%d bytes behind an object of %d" % (offset - size, size)
    return "%d bytes into an object of %d" % (offset, size)


def state_of(fm, slab, slot, base):
    places = fm.free_objects(slab.bin).get(base, [])
    record = fm.record(slab, slot)
    if places and places[0].moving:
        return places[0].text
    if slab.limbo:
        return "free, in a slab that leaves its pool after a grace period"
    in_slab = fm.bits(slab)[slot // 64] >> slot % 64 & 1
    texts = (["in its slab"] if in_slab else []) + [p.text for p in places]
    pool = fm.pool_of(slab.bin)
    if pool is not None and base in fm.deferred(pool)[1]:
        texts.append("but for a grace period of RCU that it waits for")
    if fm.is_quarantined(base):
        texts.append("in quarantine")
    if len(texts) > 1:
        return "free, and more than once: it was freed twice: " + "; ".join(texts)
    if texts:
        return "free, " + texts[0]
    if record is None or record.state == fm.constant("RECORD_LIVE"):
        return "live"
    if record.state == fm.constant("RECORD_BUSY"):
        return "being allocated or freed"
    return "free, on its way to or from quarantine or a cache"


def story(fm, record):
    """Who has allocated and freed an object. Of a free one, the former user."""
    yield "  allocated by thread %d of process %d" % (record.alloc_tid, record.alloc_pid)
    if record.alloc_stack != fm.constant("STACK_NONE"):
        yield from ("    " + line for line in fm.stack(record.alloc_stack))
    if record.state == fm.constant("RECORD_FREED"):
        yield "  freed by thread %d of process %d" % (record.free_tid, record.free_pid)
        if record.free_stack != fm.constant("STACK_NONE"):
            yield from ("    " + line for line in fm.stack(record.free_stack))


def foreign_lines(fm, address):
    for pool in fm.pools:
        b = fm.bins[pool.bin]
        if b.store == 0:
            continue
        name = "%#x: an object of pool %s, whose memory is not fastmem's" % (
            address, fm.pool_name(pool))
        stored = fm.layout.words(fm.memory.read(b.store, b.n_stored * WORD)) if b.n_stored else ()
        texts = ["in the pool's store"] * stored.count(address)
        texts += [p.text for p in fm.free_objects(b.id).get(address, [])]
        if texts:
            yield name
            yield "  state: free, " + "; ".join(texts)
            return
    index = fm.index(address)
    g = fm.granule(index) if index is not None else None
    if g is not None and g.chunk != 0:
        yield "%#x: no object: fastmem's memory, but not in use" % address
    else:
        yield "%#x: no object of fastmem's" % address


class FastmemLeaks(Command):
    """Live objects, by size and pool; or the addresses of those of one size or pool.

Usage: fastmem leaks [SIZE|POOL]

An object is live if it is neither free in its slab, nor in the cache of a thread, nor in the
depot, nor in quarantine. Where calls are checked (RTE_FASTMEM_DEBUG), they are listed by place of
allocation first. SIZE is that of slots, as in the list. Of addresses, as many are printed as
"set print elements" says."""

    def __init__(self):
        super().__init__("fastmem leaks", gdb.COMMAND_DATA, gdb.COMPLETE_NONE)

    def lines(self, fm, argument):
        return leak_addresses(fm, argument) if argument else leak_lines(fm)


def leak_lines(fm):
    counts, places = [0] * fm.n_bins, {}
    for bin_id, slab, slot, _ in fm.live_objects():
        counts[bin_id] += 1
        record = fm.record(slab, slot)
        if record is not None and record.alloc_stack != fm.constant("STACK_NONE"):
            key = (record.alloc_stack, bin_id if fm.pool_of(bin_id) else 0, record.alloc_pid)
            places.setdefault(key, []).append(record.size)
    for pool in fm.pools:
        b = fm.bins[pool.bin]
        if b.store != 0:
            counts[b.id] = b.n_slots - b.n_stored - sum(map(len, fm.free_objects(b.id).values()))
    yield from place_lines(fm, places)
    yield from count_lines(fm, counts)


def place_lines(fm, places):
    """Live objects by place of allocation, most bytes first."""
    if fm.level() == fm.constant("DEBUG_SAMPLE"):
        yield "by place of allocation, a sample of one in %d, without those of pools:" % \
            fm.debug.sample
    elif fm.level() == fm.constant("DEBUG_FULL"):
        yield "by place of allocation:"
    else:
        yield "Places of allocation are known with RTE_FASTMEM_DEBUG=full or sample=N."
    known = {stack for stack, _, _ in places if stack != fm.constant("STACK_MANY")}
    fm.modules.look_up([frame for stack in known for frame in fm.frames(stack)])
    for (stack, bin_id, pid), sizes in sorted(places.items(), key=lambda place: -sum(place[1])):
        yield "  %d bytes in %d object%s of %s%s, process %d" % (
            sum(sizes), len(sizes), "s" if len(sizes) > 1 else "",
            max(sizes) if min(sizes) == max(sizes) else "%d to %d" % (min(sizes), max(sizes)),
            ", " + fm.kind_of(bin_id) if bin_id else "", pid)
        yield from ("    " + line for line in fm.stack(stack))


def count_lines(fm, counts):
    rows = {}
    for i in range(1, fm.n_bins):
        if counts[i] != 0:
            n, size = rows.get(fm.kind_of(i), (0, 0))
            rows[fm.kind_of(i)] = (n + counts[i], size + counts[i] * fm.bins[i].slot_size)
    yield "  %10s %14s  %s" % ("live", "bytes", "of")
    for kind, (n, size) in sorted(rows.items(), key=lambda row: -row[1][1]):
        yield "  %10d %14d  %s" % (n, size, kind)
    yield "  %10d %14d  in all" % (sum(n for n, _ in rows.values()),
                                   sum(size for _, size in rows.values()))


def leak_addresses(fm, what):
    bins = [i for i in range(1, fm.n_bins)
            if what in ("%d" % fm.bins[i].slot_size, fm.kind_of(i)) and
            i < fm.ctl.first_pool_bin]
    bins += [p.bin for p in fm.pools if what in (fm.pool_name(p), fm.kind_of(p.bin))]
    if not bins:
        raise gdb.GdbError("fastmem leaks: no size and no pool \"%s\"." % what)
    most = gdb.parameter("print elements") or 0
    n = 0
    for i in bins:
        for _, slab, slot, address in fm.live_objects(i):
            n += 1
            if most == 0 or n <= most:
                yield "  %#x" % fm.object_in(slab, slot, address)
    if most != 0 and n > most:
        yield "  ... (%d more: set print elements)" % (n - most)
    yield "  %d live" % n


class FastmemMap(Command):
    """Chunks, slabs and free runs, as JSON in one line: what fastmem-map --json asks a process for.

Usage: fastmem map"""

    def __init__(self):
        super().__init__("fastmem map", gdb.COMMAND_DATA, gdb.COMPLETE_NONE)

    def lines(self, fm, argument):
        yield json.dumps({"version": 1, "pid": fm.peers[fm.process.peer].pid, "sockets": [
            {"socket_id": arena.signed("socket_id"), "chunks": sorted(
                (map_chunk(fm, *found) for found in fm.chunks(arena)),
                key=lambda chunk: int(chunk["address"], 16))} for arena in fm.arenas]})


def map_chunk(fm, first, chunk):
    length = chunk.chunk_n << fm.shift
    return {"address": "%#x" % fm.address(first), "bytes": length,
            "bytes_used": chunk.chunk_used << fm.shift,
            "bytes_held_back": Struct(fm, "memzone", chunk.zone).len - length,
            "runs": [map_run(fm, *found) for found in fm.runs(first, chunk)]}


def map_run(fm, first, n, slab):
    run = {"address": "%#x" % fm.address(first), "bytes": n << fm.shift}
    if slab is not None:
        run["size"] = fm.bins[slab.bin].slot_size
        pool = fm.pool_of(slab.bin)
        if pool is not None:
            run["pool"] = fm.pool_name(pool)
        run["slots"], run["slots_free"] = slab.n_slots, slab.n_free
    return run


FastmemCommand()
FastmemStats()
FastmemObject()
FastmemLeaks()
FastmemMap()
