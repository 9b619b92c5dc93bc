#!/usr/bin/env python3
"""How even steps are with `stagger_refresh` and without it: percentiles of the compute time that the server names.

Runs on the same gradients take turns of one period of the frequency each, beside them one at frequency 1: where every step
does the same, what is uneven is the machine's. First steps, among them the one that makes the bases, are left out. At
durability `memory` nothing is written beside the steps; with `log`, checkpoints are. Exits with 1 if p99 over p50 exceeds
the bound with the option. Another process on a core doubles the time of a step, so what others use is shown.
"""

import argparse
import os
import statistics
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "Examples", "python"))
from contestants import Run, Server  # noqa: E402
from serving import Others  # noqa: E402
from workloads import WORKLOADS, write_bodies  # noqa: E402

BOUND = 1.5


def measure(options, workload, directory):
    bodies = []
    for path in write_bodies(WORKLOADS[workload], directory):
        with open(path, "rb") as file:
            bodies.append(file.read())
    server = Server(options.binary, directory, len(os.sched_getaffinity(0)), len(bodies[0]))
    try:
        runs = {
            kind: Run(
                server, f"{kind[0]}-{kind[1]}", WORKLOADS[workload], bodies, kind[0], options.precision, options.durability,
                stagger=kind[1])
            for kind in ((1, False), (options.frequency, False), (options.frequency, True))}
        times, others = {kind: [] for kind in runs}, Others([server.process])
        for _ in range(options.periods):
            for kind, run in runs.items():
                times[kind] += [run.step()["compute"] for _ in range(options.frequency)]
        return times, others.share()
    finally:
        server.end()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=".build/release/lather")
    parser.add_argument("--workload", choices=WORKLOADS, action="append", help="again for several; two without it")
    parser.add_argument("--frequency", type=int, default=10)
    parser.add_argument("--precision", default="highest")
    parser.add_argument("--durability", default="memory")
    parser.add_argument("--periods", type=int, default=60, help="of each run")
    parser.add_argument("--directory", default=tempfile.gettempdir(), help="for databases; not on a tmpfs")
    options = parser.parse_args()
    print("| parameters | frequency | mean, ms | p50 | p99 | p99 / p50 |\n|---|---|---|---|---|---|")
    evenness = []
    for workload in options.workload or ("16x(256,256)", "8x(512,512)"):
        with tempfile.TemporaryDirectory(dir=options.directory, prefix="lather-bench-") as directory:
            series, others = measure(options, workload, directory)
        for (frequency, stagger), times in series.items():
            mean, p50, p99 = statistics.fmean(times), statistics.median(times), sorted(times)[int(len(times) * 0.99)]
            kind = f"{frequency}, staggered" if stagger else frequency
            print(f"| {workload} | {kind} | {mean:.1f} | {p50:.1f} | {p99:.1f} | {p99 / p50:.2f} |", flush=True)
        evenness.append(p99 / p50)
        print(f"{workload}: other processes used {others:.0%} of the cores", file=sys.stderr)
    raise SystemExit(1 if max(evenness) > BOUND else 0)


if __name__ == "__main__":
    main()
