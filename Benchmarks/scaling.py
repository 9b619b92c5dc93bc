#!/usr/bin/env python3
"""How a step through HTTP grows with the size of a parameter and with their number, and what memory a parameter takes.

Durability `memory`; the mean of a period of the frequency, the least of several periods, because other processes only ever
add to it. The share of the peak is that of the operations a step needs, 10n³ for an n×n parameter and 18n³ for a refresh,
in what this machine's BLAS does in single precision meanwhile (NumPy's product of 2048×2048). Products on AMX tiles may
exceed it. Memory is what the server's process has grown by: beside the state, buffers of a body and an answer, and scratch.
"""

import argparse
import os
import re
import sys
import tempfile
import time

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "Examples", "python"))
from contestants import Run, Server  # noqa: E402
from workloads import write_bodies  # noqa: E402

FREQUENCIES = (1, 10)
SIZES = (64, 128, 256, 512, 1024, 2048, 4096)
COUNTS = (1, 10, 100, 1000)


def product_peak(size=2048):
    """GF/s of a product in single precision on all cores, the best of five."""
    a, b = (np.random.default_rng(seed).standard_normal((size, size), np.float32) for seed in range(2))
    times = []
    for _ in range(5):
        began = time.perf_counter()
        a @ b
        times.append(time.perf_counter() - began)
    return 2 * size**3 / min(times) / 1e9


def resident(process):
    """Bytes of memory that a process has now."""
    with open(f"/proc/{process.pid}/status") as file:
        return int(re.search(r"VmRSS:\s*(\d+)", file.read()).group(1)) << 10


def measure(options, shapes):
    """Milliseconds of a step at each frequency, and bytes of state and of memory."""
    with tempfile.TemporaryDirectory(dir=options.directory, prefix="lather-bench-") as directory:
        bodies = []
        for path in write_bodies(shapes, directory, count=4):
            with open(path, "rb") as file:
                bodies.append(file.read())
        server = Server(options.binary, directory, len(os.sched_getaffinity(0)), len(bodies[0]))
        try:
            before, times = resident(server.process), []
            for frequency in FREQUENCIES:
                run, periods = Run(server, f"every-{frequency}", shapes, bodies, frequency, options.precision, "memory"), []
                deadline = time.monotonic() + options.seconds
                while len(periods) < 2 or time.monotonic() < deadline:
                    periods.append(sum(run.step()["ms"] for _ in range(frequency)) / frequency)
                times.append(min(periods))
                if frequency == FREQUENCIES[0]:
                    memory = resident(server.process) - before
                run.end()
            state = 4 * sum(2 * (rows**2 + columns**2) + 2 * rows * columns for rows, columns in shapes)
            return times, state, memory
        finally:
            server.end()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=".build/release/lather")
    parser.add_argument("--precision", default="highest")
    parser.add_argument("--largest", type=int, default=SIZES[-1], help="size of a parameter; 4096 takes 2 GB and some minutes")
    parser.add_argument("--seconds", type=float, default=3, help="of each cell, for two periods at least")
    parser.add_argument("--directory", default=tempfile.gettempdir())
    options = parser.parse_args()
    print("| one parameter | frequency 1, ms | share of the peak | frequency 10, ms | share | state, MB | memory, MB |")
    print("|---|---|---|---|---|---|---|")
    for size in (size for size in SIZES if size <= options.largest):
        (every, tenth), state, memory = measure(options, [(size, size)])
        peak = product_peak()
        shares = [operations * size**3 / ms / 1e6 / peak for operations, ms in ((28, every), (11.8, tenth))]
        print(
            f"| {size}×{size} | {every:.2f} | {shares[0]:.0%} | {tenth:.2f} | {shares[1]:.0%} | {state / 1e6:.1f} | {memory / 1e6:.1f} |",
            flush=True)
    print("\n| parameters of 64×64 | frequency 1, ms | ms each | frequency 10, ms | ms each | state, MB | memory, MB |")
    print("|---|---|---|---|---|---|---|")
    for count in COUNTS:
        (every, tenth), state, memory = measure(options, [(64, 64)] * count)
        print(
            f"| {count} | {every:.2f} | {every / count:.3f} | {tenth:.2f} | {tenth / count:.3f} | {state / 1e6:.1f} | {memory / 1e6:.1f} |",
            flush=True)


if __name__ == "__main__":
    main()
