#!/usr/bin/env python3
"""Times steps through a real server on this machine: what the client waits, and what the server says it spent on what.

Prints one line a workload, frequency and durability: mean milliseconds of a step as the client sees it, of its phases
as Server-Timing gives them, and the client's time over the computation (1.0 would be a step whose HTTP and disk are free).
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "Examples", "python"))
from lather import Client, encode, run_path  # noqa: E402

WORKLOADS = {
    "16x(64,64)": [(64, 64)] * 16,
    "digits": [(784, 256), (256, 256), (256, 10)],
    "16x(256,256)": [(256, 256)] * 16,
    "8x(512,512)": [(512, 512)] * 8,
}


def start(binary, database):
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_CORETYPE"}
    server = subprocess.Popen(
        [binary, "serve", "--port", "0", "--database", database, "--log-level", "warning"],
        stdout=subprocess.PIPE, text=True, env=environment)
    return server, re.search(r"http://\S+", server.stdout.readline()).group()


def measure(client, name, shapes, frequency, durability, steps):
    run = re.sub(r"[^A-Za-z0-9]", "-", f"{name}-{frequency}-{durability}")
    parameters = [{"name": f"p{index}", "shape": shape} for index, shape in enumerate(shapes)]
    client.create_run(run, {
        "optimizer": {"lr": 0.001, "precondition_frequency": frequency},
        "parameters": parameters, "policy": {"durability": durability}})
    rng = np.random.default_rng(0)
    bodies = [
        encode({p["name"]: rng.standard_normal(p["shape"], np.float32) for p in parameters}) for _ in range(4)]
    waits, phases = [], {"receive": [], "compute": [], "commit": []}
    warm_up = frequency
    for k in range(1, steps + warm_up + 1):
        began = time.perf_counter()
        response, _ = client.request(
            "PUT", f"{run_path(run)}/steps/{k}", bodies[k % 4], "application/vnd.safetensors")
        waited = (time.perf_counter() - began) * 1000
        if k <= warm_up:
            continue
        waits.append(waited)
        for phase, duration in re.findall(r"(\w+);dur=([\d.e-]+)", response.getheader("Server-Timing")):
            phases[phase].append(float(duration))
    client.request("DELETE", run_path(run))
    # A period of the frequency holds one refresh, so the mean over whole periods is what a run pays; a median would hide it.
    return statistics.mean(waits), {phase: statistics.mean(times) for phase, times in phases.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=".build/release/lather")
    parser.add_argument("--steps", type=int, default=20, help="steps to time, a multiple of 10")
    arguments = parser.parse_args()
    print(f"{'workload':14} {'frequency':>9} {'durability':>10} {'step ms':>9} {'receive':>8} {'compute':>8} {'commit':>8} {'/compute':>8}")
    with tempfile.TemporaryDirectory() as directory:
        server, url = start(arguments.binary, os.path.join(directory, "bench.sqlite"))
        try:
            client = Client(url)
            for name, shapes in WORKLOADS.items():
                for frequency in (1, 10):
                    for durability in ("memory", "log"):
                        wait, phases = measure(client, name, shapes, frequency, durability, arguments.steps)
                        print(
                            f"{name:14} {frequency:9} {durability:>10} {wait:9.2f} {phases['receive']:8.2f} "
                            f"{phases['compute']:8.2f} {phases['commit']:8.2f} {wait / phases['compute']:8.2f}", flush=True)
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
