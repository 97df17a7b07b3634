# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""Whole programs, on each side, by the scenarios that test them: app/test/upstream/programs.py."""

import os
import sys
import time

from side import COUNT, MODES, PLAIN, SERVE, Failed, Figure, began, peak_bytes, report, seconds, turn, \
    wrapper

UPSTREAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../test/upstream")
sys.path.insert(0, UPSTREAM)
import programs  # noqa: E402  pylint: disable=wrong-import-position

# One scenario of each program; those of a program differ little in what they allocate.
PROGRAMS = {
    "testpmd": "dpdk-testpmd",
    "eventdev-perf": "dpdk-test-eventdev",
    "pipeline-lpm": "dpdk-test-pipeline",
    "fib": "dpdk-test-fib",
    "proc-info": "dpdk-proc-info",
    "openvswitch": "Open vSwitch",
}
# What a program says when it has started; the others say nothing between EAL's start and their end.
READY = r"testpmd> |is doing (?:RX|work|TX)|TELEMETRY: No legacy callbacks"


class SidedRun(programs.Run):
    """A scenario's run on one side. Its wall time is that of its first program."""

    def __init__(self, args, mode):
        super().__init__(args, mode != PLAIN)
        self.mode = mode
        self.wrappers = []

    def wrapper(self, name, preload):
        path = self.path("%s.%s.%d" % (name, self.mode, len(self.programs)))
        self.wrappers.append(wrapper(path, name, self.mode if preload else PLAIN, self.args.library,
                                     to=self.report()))
        return path

    def startup(self):
        """Seconds until the first program was ready; None if that does not show."""
        ready = self.programs[0].when(READY) if self.wrappers else None
        return None if ready is None else ready - began(self.wrappers[0])

    def wall(self):
        """Seconds from the first program's beginning to its end."""
        return self.programs[0].heard[-1][0] - began(self.wrappers[0])


def run(args, name, mode):
    """(wall seconds, start-up seconds, reports) of a scenario on one side."""
    scenario = programs.SCENARIOS[name]
    sided = SidedRun(args, mode)
    # For a scenario that starts its program by itself.
    os.environ["RTE_FASTMEM_MALLOC"] = mode
    begin = time.time()
    try:
        scenario.run(sided)
    except (TimeoutError, ValueError, OSError) as error:
        said = "\n".join(program.said for program in sided.programs)
        raise Failed("%s (%s): %s\n%s" % (name, mode, error, said[-2000:])) from error
    finally:
        sided.give_up()
        del os.environ["RTE_FASTMEM_MALLOC"]
    wall = sided.wall() if sided.wrappers else time.time() - begin
    reports = [report(path) for path in sided.reports()]
    if mode != PLAIN and not reports:
        raise Failed("%s (%s): the library has not reported" % (name, mode))
    return wall, sided.startup(), reports


def make_figures():
    return {
        "calls": Figure("calls"),
        "time in allocation": Figure("s", 0.1),
        "  of up to 1 MiB": Figure("s"),
        "peak memory": Figure("bytes", 1),
        "  used in EAL's heap": Figure("bytes"),
        "start-up": Figure("s", 1),
        "wall time": Figure("s"),
    }


def add_round(args, figures, walls, startups, reports):
    count, serve = reports[COUNT], reports[SERVE]
    figures["calls"].add(*(sum(r["calls"] for r in side) for side in (count, serve)))
    figures["time in allocation"].add(*(sum(map(seconds, side)) for side in (count, serve)))
    figures["  of up to 1 MiB"].add(*(sum(seconds(r, "cycles.small") for r in side)
                                      for side in (count, serve)))
    # Processes of one program share their memory: the one with most of it tells.
    figures["peak memory"].add(*(max(peak_bytes(r, args.no_huge) for r in side)
                                 for side in (count, serve)))
    figures["  used in EAL's heap"].add(*(max(r["peak_heap_allocated_bytes"] for r in side)
                                          for side in (count, serve)))
    figures["wall time"].add(walls[PLAIN], walls[SERVE])
    if None in (startups[PLAIN], startups[SERVE]):
        figures["start-up"] = "does not show from outside"
    elif isinstance(figures["start-up"], Figure):
        figures["start-up"].add(startups[PLAIN], startups[SERVE])


def measure_program(args, name):
    figures = make_figures()
    for number in range(args.rounds):
        walls, startups, reports = {}, {}, {}
        for mode in turn(number, MODES):
            walls[mode], startups[mode], reports[mode] = run(args, name, mode)
        add_round(args, figures, walls, startups, reports)
    return figures


def why_not(args, scenario):
    """Why a scenario cannot run here, or None."""
    if scenario.huge and args.no_huge:
        return "not run: needs huge pages, as EAL shares no others"
    if scenario.needs and not os.path.exists(scenario.needs):
        return "not run: there is no %s" % scenario.needs
    return None


def measure(args, table):
    table.section("programs", "from start through traffic and reconfiguration to the end")
    launcher = args.launcher
    for name, title in PROGRAMS.items():
        if args.program and name not in args.program:
            continue
        scenario = programs.SCENARIOS[name]
        args.launcher = launcher + ["--lcores", str(scenario.lcores)]
        reason = why_not(args, scenario)
        table.add(title, {"all": reason} if reason else measure_program(args, name))
    args.launcher = launcher
