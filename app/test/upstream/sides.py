# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""A process with fastmem, asked by all that can ask it from outside."""

import json
import os
import shutil
import socket
import subprocess
import sys

sys.dont_write_bytecode = True
TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
sys.path.insert(0, os.path.join(TOP, "usertools/telemetry-endpoints"))
import fastmem  # noqa: E402  pylint: disable=wrong-import-position

TOOLS = os.path.join(TOP, "usertools")
SCRIPT = os.path.join(TOP, "lib/fastmem_debug/gdb/fastmem-gdb.py")
LONGEST = 1 << 20
ATTEMPTS = 30  # to ask while nothing happens: maintenance runs now and then
VIEWS = ("sizes", "pools", "threads", "processes")


class Sides:
    """case: the test that asks; folder: of EAL's files, named after the file prefix."""

    def __init__(self, case, folder):
        self.case, self.prefix = case, os.path.basename(folder)
        self.client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.client.connect(os.path.join(folder, "dpdk_telemetry.v2"))
        self.pid = json.loads(self.client.recv(LONGEST))["pid"]  # EAL's greeting

    def close(self):
        self.client.close()

    def tool(self, name, *arguments):
        done = subprocess.run([os.path.join(TOOLS, name), "-f", self.prefix, *arguments], check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
        self.case.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def top(self, view):
        return json.loads(self.tool("fastmem-top", "--json", "-v", view))

    def watch(self):
        """Everything once, while the process works. Returns what fastmem-top and the exporter tell."""
        told = {view: self.top(view) for view in VIEWS}
        for view in VIEWS:
            self.case.assertTrue(told[view][view], view)
        page = self.tool("fastmem-map")
        self.case.assertIn("</html>", page)
        metrics = {(name, *labels.values()): value for name, value, labels in fastmem.metrics(self)}
        self.case.assertGreater(metrics["in_use_bytes",], 0)
        return told, metrics

    def gdb(self):
        """What gdb reads of the process, which stands still meanwhile: its totals, as words; its map."""
        done = subprocess.run(
            ["gdb", "--batch", "-nx", "-iex", "set debuginfod enabled off", "-iex", "set auto-load off",
             "-p", str(self.pid), "-ex", "source " + SCRIPT, "-ex", "fastmem stats", "-ex", "fastmem map"],
            check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, errors="replace", timeout=120)
        lines = done.stdout.splitlines()
        stats = [line for line in lines if line.startswith("fastmem: ")]
        maps = [json.loads(line) for line in lines if line.startswith('{"version"')]
        self.case.assertEqual((len(stats), len(maps)), (1, 1), done.stdout + done.stderr)
        return stats[0], maps[0]

    def cmd(self, uri, arg=None):
        """What an endpoint of the exporter calls."""
        self.client.send((uri if arg is None else "%s,%s" % (uri, arg)).encode())
        return json.loads(self.client.recv(LONGEST))[uri]

    def figures(self):
        """From all sides: {what: figures by side}. None: something has changed meanwhile."""
        before = self.cmd("/fastmem/info")
        metrics = {(name, *labels.values()): value for name, value, labels in fastmem.metrics(self)}
        top = {view: self.top(view) for view in ("sizes", "pools")}
        dump = json.loads(self.tool("fastmem-map", "--json"))
        gdb = self.gdb() if shutil.which("gdb") else None
        if self.cmd("/fastmem/info") != before:
            return None
        slabs = {}
        for run in (run for place in dump["sockets"] for chunk in place["chunks"]
                    for run in chunk["runs"] if "size" in run):
            key = run.get("pool", run["size"])
            slabs[key] = slabs.get(key, 0) + run["bytes"]
        return before, metrics, top, slabs, dump, gdb

    def agree(self):
        """To the byte, while nothing happens. Returns what fastmem-top tells."""
        seen = None
        for _ in range(ATTEMPTS):
            seen = self.figures()
            if seen is not None:
                break
        self.case.assertIsNotNone(seen, "memory comes and goes though nothing is asked for")
        info, metrics, top, slabs, dump, gdb = seen
        self.case.assertGreater(info["bytes_in_use"], 0)
        for name, key in (("in_use_bytes", "bytes_in_use"), ("free_bytes", "bytes_free"),
                          ("allocs_total", "alloc_total"), ("frees_total", "free_total")):
            self.case.assertEqual(metrics[name,], info[key], name)
        if gdb is not None:
            # The first line of rte_fastmem_dump(), which tests of gdb compare with all of that.
            stats, gdb_map = gdb
            self.case.assertTrue(stats.startswith(
                "fastmem: %d KiB in use, %d KiB backing, %d KiB bookkeeping, %d allocated, %d freed" % (
                    info["bytes_in_use"] >> 10, info["bytes_backing"] >> 10,
                    info["bytes_metadata"] >> 10, info["alloc_total"], info["free_total"])), stats)
            self.case.assertEqual(gdb_map, dump)
        self.case.assertEqual(sum(chunk["bytes"] for place in dump["sockets"] for chunk in place["chunks"]),
                              info["bytes_backing"])
        self.case.assertEqual({row["class_size"]: row["bytes_backing"] for row in top["sizes"]["sizes"]
                               if row["bytes_backing"]},
                              {key: n for key, n in slabs.items() if isinstance(key, int)})
        self.case.assertEqual({row["name"]: row["bytes_backing"] for row in top["pools"]["pools"]},
                              {key: n for key, n in slabs.items() if isinstance(key, str)})
        for row in top["pools"]["pools"]:
            self.case.assertEqual(metrics["pool_in_use_objects", row["name"]], row["in_use"])
        return top
