#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""Tests what dpdk-telemetry-exporter.py exports of fastmem, and the dashboard that shows it.

usage: test_exporter.py PROGRAM [--fetch]

The program is test_telemetry_program.c. DPDK has the exporter since 23.11. Where there is none,
--fetch takes it from the package of Debian 13, for the only case that it then runs.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest
import urllib.request

sys.dont_write_bytecode = True
TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
sys.path.insert(0, os.path.join(TOP, "tools"))
from testrun import unit  # noqa: E402  pylint: disable=wrong-import-position
sys.path.insert(0, os.path.join(TOP, "app/test/harness"))
from watched import Watched  # noqa: E402  pylint: disable=wrong-import-position
ENDPOINTS = os.path.join(TOP, "usertools/telemetry-endpoints")
sys.path.insert(0, ENDPOINTS)
import fastmem  # noqa: E402  pylint: disable=wrong-import-position

SUITE = "exporter"
WITH_EAL = os.path.join(TOP, "tools/with-eal.sh")
DASHBOARD = os.path.join(TOP, "usertools/fastmem-dashboard.json")
PROGRAM = os.path.abspath(sys.argv[1])
NAME = "dpdk-telemetry-exporter.py"
EXPORTER = shutil.which(NAME)
FETCH = "--fetch" in sys.argv
KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"


def fetched(folder):
    """The exporter of Debian 13, from the mirror of this system, which keeps its own packages."""
    def run(*command):
        return subprocess.run(command, check=True, cwd=folder, stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=200).stdout

    mirrors = [line.split() for line in run(
        "apt-get", "indextargets", "--format", "$(LABEL) $(COMPONENT) $(REPO_URI)",
        "Created-By: Packages").splitlines()]
    mirror = next(found[2] for found in mirrors if found[:2] == ["Debian", "main"])
    with open(os.path.join(folder, "list"), "w", encoding="ascii") as file:
        file.write("deb [signed-by=%s] %s trixie main\n" % (KEYS, mirror))
    for name in ("lists", "cache"):
        os.mkdir(os.path.join(folder, name))
    apt = ["apt-get", "-qq", "-o", "Dir::Etc::SourceList=%s/list" % folder, "-o",
           "Dir::Etc::SourceParts=/dev/null", "-o", "Dir::State::Lists=%s/lists" % folder, "-o",
           "Dir::Cache=%s/cache" % folder, "-o", "APT::Sandbox::User="]
    run(*apt, "update")
    run(*apt, "download", "dpdk")
    run("dpkg-deb", "-x", next(name for name in os.listdir(folder) if name.endswith(".deb")), "root")
    return os.path.join(folder, "root/usr/bin", NAME)


class Client:
    """What the exporter hands to an endpoint."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.connect(path)
        self.longest = json.loads(self.socket.recv(1024))["max_output_len"]

    def cmd(self, uri, arg=None):
        self.socket.send((uri if arg is None else "%s,%s" % (uri, arg)).encode())
        return json.loads(self.socket.recv(self.longest))[uri]


class Exporter(unittest.TestCase):
    def setUp(self):
        self.process = Watched([WITH_EAL, "--no-huge", "--memory", "128", PROGRAM])
        self.path = os.path.join(self.process.runtime, "dpdk_telemetry.v2")

    def tearDown(self):
        self.assertEqual(self.process.end(), 0)

    def metrics(self):
        client = Client(self.path)
        found = {(name, *labels.values()): value for name, value, labels in fastmem.metrics(client)}
        client.socket.close()
        return found

    def test_the_metrics_are_the_statistics(self):
        found = self.metrics()
        stats = json.loads(self.process.tell("stats"))
        for name, key in (("in_use_bytes", "bytes_in_use"), ("free_bytes", "bytes_free"),
                          ("metadata_bytes", "bytes_metadata"), ("allocs_total", "alloc_total"),
                          ("frees_total", "free_total"), ("allocs_failed_total", "alloc_nomem")):
            self.assertEqual(found[name,], stats[key], name)
        self.assertEqual(sum(value for key, value in found.items() if key[0] == "backing_bytes"),
                         stats["bytes_backing"])
        self.assertEqual(found["class_in_use_objects", "64"], 1000)
        self.assertEqual(found["pool_in_use_objects", "sessions"], 7)
        self.assertEqual(found["pool_max_objects", "sessions"], 500)
        self.assertEqual(found["pool_min_objects", "sessions"], 100)
        told = json.loads(self.process.tell("pool sessions"))
        self.assertEqual(found["pool_objects", "sessions"], told["objects"])
        client = Client(self.path)
        for what, name in (("class", "64"), ("pool", "sessions")):
            self.assertEqual(found["%s_cached_objects" % what, name],
                             client.cmd("/fastmem/" + what, name)["in_caches"])
        client.socket.close()

    def test_what_is_deferred_is_a_metric(self):
        self.assertEqual(self.process.tell("defer 30"), "0")
        found = self.metrics()
        self.assertEqual([found["pool_%s_objects" % name, "deferred"] for name in ("deferred", "in_use")],
                         [30, 30])

    def test_each_metric_has_a_help_text_and_a_type(self):
        for name, (text, kind) in fastmem.info().items():
            self.assertTrue(text.endswith("."), name)
            self.assertEqual(kind, "counter" if name.endswith("_total") else "gauge", name)
        self.process.tell("limit 50000000")
        self.assertEqual({key[0] for key in self.metrics()}, set(fastmem.info()))

    def test_more_pools_than_one_reply_has_are_all_there(self):
        self.process.tell("pools 100")
        found = self.metrics()
        for i in range(100):
            self.assertEqual(found["pool_in_use_objects", "extra-%d" % i], 0)

    def test_without_fastmem_there_is_nothing(self):
        self.process.tell("deinit")
        self.assertEqual(self.metrics(), {})

    def test_the_dashboard_shows_what_there_is(self):
        with open(DASHBOARD, encoding="utf-8") as file:
            text = file.read()
        self.assertTrue(json.loads(text)["panels"])
        shown = set(re.findall(r"dpdk_fastmem_(\w+)", text))
        self.assertGreater(len(shown), 15)
        self.assertEqual(shown - set(fastmem.info()), set())

    def exporter(self):
        if EXPORTER is not None:
            return EXPORTER
        if not FETCH:
            self.skipTest("there is no %s: DPDK 23.11 has one" % NAME)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        try:
            return fetched(folder.name)
        except (OSError, ValueError, StopIteration, subprocess.SubprocessError) as error:
            said = (getattr(error, "stderr", None) or str(error) or "no mirror of Debian").strip()
            return self.skipTest("there is no %s, and none can be fetched: %s" % (
                NAME, said.splitlines()[-1]))

    def test_the_exporter_serves_the_metrics(self):
        path = self.exporter()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = "127.0.0.1:%d" % free.getsockname()[1]
        exporter = subprocess.Popen(
            [path, "-o", "openmetrics://" + address, "-p", ENDPOINTS, "-s", self.path],
            stdout=subprocess.PIPE, text=True)
        try:
            for line in exporter.stdout:
                if "listening on" in line:
                    break
            with urllib.request.urlopen("http://%s/metrics" % address, timeout=30) as reply:
                lines = reply.read().decode().splitlines()
        finally:
            exporter.terminate()
            exporter.wait()
            exporter.stdout.close()
        self.assertIn('dpdk_fastmem_class_in_use_objects{size="64"} 1000', lines)
        self.assertIn('dpdk_fastmem_pool_in_use_objects{pool="sessions"} 7', lines)
        self.assertIn("# TYPE dpdk_fastmem_in_use_bytes gauge", lines)
        self.assertIn("# TYPE dpdk_fastmem_allocs_total counter", lines)
        for line in lines:
            self.assertRegex(line, r"^(# (HELP|TYPE) dpdk_fastmem_\w+ |dpdk_fastmem_\w+(\{.*\})? \d+$)")


if __name__ == "__main__":
    del sys.argv[1:]
    sys.exit(unit.main(("test_the_exporter_serves_the_metrics",) if FETCH else ()))
