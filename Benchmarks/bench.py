#!/usr/bin/env python3
"""Measures Lather through HTTP against PyTorch's SOAP in its own process: same gradients, same cores, taken in turn.

For each workload and frequency every contestant has one turn a round, forwards in one round and backwards in the next,
because a machine's noise changes by the minute; before each turn all other processes have come to rest. A turn is whole
periods of the frequency. A ratio is PyTorch's time over Lather's of the same round: the faster of a plain PyTorch SOAP
(torch_soap.py) and the pytorch_optimizer package, at its best precision that is no lower, timing optimizer.step() only,
over a step as the client waits for it at durability `log`. Above 1 Lather is faster.

`make bench` runs this in an environment that has PyTorch. taskset chooses the cores. Exits with 1 if a bound is missed.
"""

import argparse
import functools
import json
import os
import re
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "Examples", "python"))
import chart  # noqa: E402
import floors  # noqa: E402
import report  # noqa: E402
from contestants import Run, Server, Worker  # noqa: E402
from overhead import Overhead  # noqa: E402
from serving import Others, rest  # noqa: E402
from workloads import WORKLOADS, with_one_nan, write_bodies  # noqa: E402

FREQUENCIES = (1, 10)
LEAST_ROUNDS = 2  # of a cell that is out of time


class Bench:
    def __init__(self, options):
        self.options, self.cores = options, len(os.sched_getaffinity(0))
        self.workers = {kind: Worker(kind, self.cores) for kind in report.IMPLEMENTATIONS}
        self.deadline = time.monotonic() + options.minutes * 60

    def run(self):
        """Yields a cell for each workload and frequency."""
        left = len(self.options.workload) * len(self.options.frequency)
        for workload in self.options.workload:
            with tempfile.TemporaryDirectory(dir=self.options.directory, prefix="lather-bench-") as directory:
                say(f"{workload}: writing gradients")
                paths = write_bodies(WORKLOADS[workload], directory)
                bodies = [read(path) for path in paths]
                server, bare = Server(self.options.binary, directory, self.cores, len(bodies[0])), floors.Floors(bodies[0], directory)
                try:
                    for frequency in self.options.frequency:
                        until = time.monotonic() + (self.deadline - time.monotonic()) / left
                        left -= 1
                        say(f"{workload}, frequency {frequency}: first steps")
                        runs = self.make_runs(server, workload, frequency, bodies)
                        threads = {
                            kind: worker.ask("make", shapes=WORKLOADS[workload], frequency=frequency, bodies=paths)
                            for kind, worker in self.workers.items()}
                        turns = self.line_up(runs, bare, report.has_overhead(workload, frequency))
                        processes = [server.process, bare.peer] + [worker.process for worker in self.workers.values()]
                        others = Others(processes)
                        rounds, series = self.take_turns(turns, processes, until)
                        yield {
                            "workload": workload, "frequency": frequency, "body_bytes": len(bodies[0]), "server": server.facts(),
                            "threads": threads, "others": others.share(), "rounds": rounds, "measured": self.options.precision,
                            "series": series}
                        for run in runs.values():
                            run.end()
                finally:
                    bare.end()
                    server.end()

    def make_runs(self, server, workload, frequency, bodies):
        shapes = WORKLOADS[workload]
        runs = {
            f"skipped {durability}":
                Run(server, f"skipped-{durability}", shapes, [with_one_nan(bodies[0])], durability=durability, on_nonfinite="skip")
            for durability in ("memory", "log")}
        for precision in self.options.precision:
            for durability in report.DURABILITIES:
                run = Run(server, f"{durability}-{precision}", shapes, bodies, frequency, precision, durability)
                runs[f"{durability}@{precision}"] = run
        return runs

    def line_up(self, runs, bare, with_overhead):
        """The turns of a round by name, in such an order that what is compared stands side by side."""
        turns = {name: functools.partial(bare.turn, name) for name in floors.NAMES}
        turns["product"] = self.workers["plain"].product
        turns |= {name: run.turn for name, run in runs.items() if "@" not in name}
        # At a precision above those asked for, PyTorch may be the faster one.
        for precision in report.PRECISIONS[: 1 + max(map(report.PRECISIONS.index, self.options.precision))]:
            turns |= {name: run.turn for name, run in runs.items() if name.endswith("@" + precision)}
            turns |= {f"{kind}@{precision}": functools.partial(worker.turn, precision) for kind, worker in self.workers.items()}
            if with_overhead and precision in self.options.precision:
                turns[f"overhead@{precision}"] = Overhead(runs, precision, bare).turn
        return turns

    def take_turns(self, turns, processes, until):
        """Returns how many rounds there were, and each contestant's figures by round."""
        series, rounds, began = {}, 0, time.monotonic()
        while rounds < self.options.rounds and (rounds < LEAST_ROUNDS or time.monotonic() < until):
            for name in list(turns)[:: -1 if rounds % 2 else 1]:
                rest(processes)
                for figure, value in turns[name](self.options.seconds).items():
                    series.setdefault(name, {}).setdefault(figure, []).append(value)
            rounds += 1
            say(f"    round {rounds} of {self.options.rounds}: {time.monotonic() - began:.0f} s")
        return rounds, series

    def facts(self):
        with open("/proc/cpuinfo") as file:
            cpu = file.read()
        name = re.search(r"model name\s*: (.*)", cpu)
        return {
            "cpu": name.group(1) if name else "unknown", "amx": "amx_bf16" in cpu, "cores": self.cores,
            "pytorch": self.workers["plain"].ask("facts")}

    def end(self):
        for worker in self.workers.values():
            worker.end()


def say(line):
    print(line, file=sys.stderr, flush=True)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=".build/release/lather")
    parser.add_argument("--workload", choices=WORKLOADS, action="append", help="again for several; all without it")
    parser.add_argument("--frequency", type=int, action="append", help="again for several; 1 and 10 without it")
    parser.add_argument("--precision", choices=report.PRECISIONS, action="append", help="again for several; all without it")
    parser.add_argument("--rounds", type=int, help="at most; 5 without it")
    parser.add_argument("--seconds", type=float, help="the least that a turn takes; 0.3 without it")
    parser.add_argument("--minutes", type=float, default=22, help="shared by the cells: one out of time has fewer rounds")
    parser.add_argument("--directory", default=tempfile.gettempdir(), help="for databases; not on a tmpfs")
    parser.add_argument("--json", metavar="FILE", help="every figure of every round, for machines")
    parser.add_argument("--svg", metavar="FILE", help="the ratios, for people")
    parser.add_argument("--quick", action="store_true", help="a small workload and two short rounds, to see that all is there")
    options = parser.parse_args()
    options.workload = options.workload or ([report.SMALL] if options.quick else list(WORKLOADS))
    options.frequency = options.frequency or list(FREQUENCIES)
    options.precision = sorted(set(options.precision or report.PRECISIONS), key=report.PRECISIONS.index)
    options.rounds = options.rounds or (2 if options.quick else 5)
    options.seconds = options.seconds or (0.05 if options.quick else 0.3)
    return options


def main():
    options = parse()
    bench = Bench(options)
    cells = []
    try:
        facts = bench.facts()
        print(json.dumps(facts))
        print("Median milliseconds of a step, and PyTorch's over Lather's at durability log: above 1 Lather is faster.", flush=True)
        for cell in bench.run():
            report.evaluate(cell, facts["amx"])
            report.show(cell)
            sys.stdout.flush()
            cells.append(cell)
    finally:
        bench.end()
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"facts": facts, "cells": cells}, file, indent=1)
    if options.svg:
        with open(options.svg, "w") as file:
            file.write(chart.ratios(cells, f"Lather and PyTorch {facts['pytorch']['torch']} on {facts['cores']} cores"))
    failures = report.missed(cells)
    print("\nbounds missed:\n" + "\n".join("  " + line for line in failures) if failures else "\nall bounds met")
    if any(cell["others"] > report.AT_REST for cell in cells):
        print("This machine was not at rest, which harms PyTorch more than Lather: these ratios are worth nothing.")
    raise SystemExit(1 if failures else 0)


if __name__ == "__main__":
    main()
