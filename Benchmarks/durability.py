#!/usr/bin/env python3
"""Measures what durability costs on this machine: steps, commits, checkpoints, recoveries, bytes on disk.

What is compared is measured in turn, in one process on one file system, because a machine's noise changes by the minute.
Prints the tables of Docs/durability.md; --json FILE writes every figure as well. Each part takes less than three minutes.
"""

import argparse
import contextlib
import http.client
import json
import os
import platform
import re
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "Examples", "python"))
from lather import Client, encode, run_path  # noqa: E402
from serving import start  # noqa: E402
from workloads import WORKLOADS  # noqa: E402

SHAPES = {name: WORKLOADS[name] for name in ("16x(64,64)", "8x(512,512)")}
MODES = ("memory", "checkpoint", "log")
MOVE_AFTER = 64 << 20  # the server moves its WAL behind the commits' back, so the bare database does too


class Server:
    """A server on a database of its own, in a directory on the file system that is measured."""

    def __init__(self, binary, directory, database="bench.sqlite"):
        self.binary, self.database = binary, os.path.join(directory, database)
        self.begin()

    def begin(self):
        self.process, url = start(self.binary, self.database)
        self.client, self.url = Client(url), url

    def kill_and_begin(self):
        """Seconds from the start of the next process until it is ready."""
        self.process.kill()
        self.process.wait()
        began = time.perf_counter()
        self.begin()
        while self.request("GET", "/healthz/ready")[0] != 200:
            time.sleep(0.005)
        return time.perf_counter() - began

    def end(self):
        self.process.terminate()
        self.process.wait()

    def make(self, run, shapes, durability, frequency=10):
        parameters = [{"name": f"p{index}", "shape": shape} for index, shape in enumerate(shapes)]
        self.client.create_run(run, {
            "optimizer": {"lr": 0.001, "precondition_frequency": frequency}, "parameters": parameters,
            "policy": {"durability": durability, "checkpoint_every": 1000000}})

    def step(self, run, k, body):
        """Milliseconds that the trainer waits, and those that the server says it spent on the commit."""
        began = time.perf_counter()
        response, _ = self.client.request("PUT", f"{run_path(run)}/steps/{k}", body, "application/vnd.safetensors")
        waited = (time.perf_counter() - began) * 1000
        return waited, float(re.search(r"commit;dur=([\d.e-]+)", response.getheader("Server-Timing")).group(1))

    def request(self, method, path):
        """The status and the JSON of one request over a connection of its own, for once and beside the client's."""
        connection = http.client.HTTPConnection(self.url.removeprefix("http://").strip("/"), timeout=600)
        connection.request(method, path)
        response = connection.getresponse()
        answer = json.loads(response.read())
        connection.close()
        return response.status, answer

    def checkpoint(self, run):
        status, answer = self.request("POST", run_path(run) + "/checkpoints")
        assert status == 201, answer
        return answer

    def written(self):
        """Bytes that the process has had written to the disk."""
        with open(f"/proc/{self.process.pid}/io") as file:
            return int(re.search(r"^write_bytes: (\d+)", file.read(), re.MULTILINE).group(1))

    def file_bytes(self):
        return sum(os.path.getsize(self.database + suffix) for suffix in ("", "-wal"))


@contextlib.contextmanager
def serving(binary, directory):
    with tempfile.TemporaryDirectory(dir=directory, prefix="lather-bench-") as own:
        server = Server(binary, own)
        try:
            yield server
        finally:
            server.end()


def gradients(shapes, seed=0, every=1, offset=0):
    rng = np.random.default_rng(seed)
    return encode({
        f"p{index}": rng.standard_normal(shape, np.float32)
        for index, shape in enumerate(shapes) if index % every == offset})


def spread(values, digits=2):
    values = sorted(values)
    p99 = values[min(len(values) - 1, int(len(values) * 0.99))]
    figures = {"min": values[0], "median": statistics.median(values), "p99": p99, "max": values[-1], "count": len(values)}
    return {name: round(value, digits) for name, value in figures.items()}


def bare_database(path):
    """As the server sets up its own, with one table of blobs."""
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("page_size = 65536", "journal_mode = WAL", "synchronous = FULL", "wal_autocheckpoint = 0"):
        connection.execute("PRAGMA " + pragma)
    connection.execute("CREATE TABLE body (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL)")
    return connection


def measure_steps(options):
    """Part `steps`: a step in each mode and a bare commit of the same bytes, in turn and in changing order."""
    results = []
    for name, shapes in SHAPES.items():
        with serving(options.binary, options.directory) as server:
            bare = bare_database(os.path.join(os.path.dirname(server.database), "bare.sqlite"))
            bodies = [gradients(shapes, seed) for seed in range(2)]
            for mode in MODES:
                server.make(mode, shapes, mode)
            waits, commits, bare_times, unmoved = {mode: [] for mode in MODES}, [], [], 0
            order, rng = list(MODES) + ["bare"], np.random.default_rng(1)
            for k in range(1, options.rounds + 11):
                body = bodies[k % 2]
                rng.shuffle(order)
                times = {}
                for what in order:
                    if what == "bare":
                        began = time.perf_counter()
                        bare.execute("INSERT INTO body (bytes) VALUES (?)", (body,))
                        times[what] = (time.perf_counter() - began) * 1000
                        unmoved += len(body)
                        if unmoved > MOVE_AFTER:
                            bare.execute("PRAGMA wal_checkpoint(PASSIVE)")
                            unmoved = 0
                    else:
                        times[what], commit = server.step(what, k, body)
                        if what == "log":
                            times["commit"] = commit
                if k <= 10:
                    continue
                for mode in MODES:
                    waits[mode].append(times[mode])
                commits.append(times["commit"])
                bare_times.append(times["bare"])
            bare.close()
        cost = [log - memory for log, memory in zip(waits["log"], waits["memory"])]
        results.append({
            "workload": name, "body_bytes": len(bodies[0]), "step_ms": {mode: spread(waits[mode]) for mode in MODES},
            "ratio_to_memory": {
                mode: {
                    figure: round(spread(waits[mode], 6)[figure] / spread(waits["memory"], 6)[figure], 3)
                    for figure in ("min", "median", "max")}
                for mode in MODES[1:]},
            "log_minus_memory_ms": spread(cost), "server_commit_ms": spread(commits), "bare_commit_ms": spread(bare_times),
            "log_over_bare": round(statistics.median(cost) / statistics.median(bare_times), 2)})
    return results


def measure_fsync(options):
    """Part `fsync`: a write into a file of constant size, and fdatasync."""
    results = []
    for name, byte_count in [("4 KiB", 4096)] + [(name, len(gradients(shapes))) for name, shapes in SHAPES.items()]:
        with tempfile.NamedTemporaryFile(dir=options.directory, prefix="lather-bench-") as file:
            block, size = os.urandom(byte_count), 8 * byte_count
            os.pwrite(file.fileno(), b"\1" * size, 0)
            os.fsync(file.fileno())
            writes, syncs = [], []
            for turn in range(options.rounds):
                began = time.perf_counter()
                os.pwrite(file.fileno(), block, turn % 8 * byte_count)
                between = time.perf_counter()
                os.fdatasync(file.fileno())
                ended = time.perf_counter()
                writes.append((ended - began) * 1000)
                syncs.append((ended - between) * 1000)
        results.append({
            "bytes": name, "byte_count": byte_count, "fdatasync_ms": spread(syncs, 3), "write_and_fdatasync_ms": spread(writes, 3)})
    return results


def shapes_of(megabytes):
    """Parameters of 256×256, whose state is six times their gradient."""
    return [(256, 256)] * max(1, round(megabytes * 1e6 / (6 * 4 * 256 * 256)))


def measure_stalls(options):
    """Part `stall`: steps while a checkpoint is being made, and before and after it."""
    results = []
    for megabytes in options.sizes:
        shapes = shapes_of(megabytes)
        with serving(options.binary, options.directory) as server:
            server.make("run", shapes, "log", frequency=1000)
            body, k = gradients(shapes), 0
            calm, during, checkpoints = [], [], []

            def step(times):
                nonlocal k
                k += 1
                times.append(server.step("run", k, body)[0])

            for _ in range(2):
                step([])
            deadline = time.monotonic() + options.seconds
            while not checkpoints or (time.monotonic() < deadline and len(checkpoints) < 20):
                for _ in range(max(3, min(20, int(1000 / (calm[-1] if calm else 1000))))):
                    step(calm)
                maker = threading.Thread(target=lambda: checkpoints.append(server.checkpoint("run")))
                began = time.monotonic()
                maker.start()
                while maker.is_alive():
                    step(during)
                maker.join()
                checkpoints[-1]["seconds"] = time.monotonic() - began
        results.append({
            "state_bytes": sum(24 * rows * columns for rows, columns in shapes), "checkpoints": len(checkpoints),
            "checkpoint_seconds": spread([made["seconds"] for made in checkpoints], 3),
            "step_ms_without": spread(calm), "step_ms_during": spread(during)})
    return results


def measure_recovery(options):
    """Part `recovery`: kill -9, and how long the next process takes to be ready."""
    results = []
    for megabytes in options.sizes:
        shapes = shapes_of(megabytes)
        with serving(options.binary, options.directory) as server:
            server.make("run", shapes, "log")
            k = 1
            server.step("run", k, gradients(shapes))
            server.checkpoint("run")
            only_checkpoint = [server.kill_and_begin() for _ in range(3)]
            # A quarter of the parameters a step, or the log would outgrow four times the state and be checkpointed.
            quarter = 4 if len(shapes) >= 4 else 1
            bodies = [gradients(shapes, offset, quarter, offset) for offset in range(quarter)]
            stepping = []
            for _ in range(50):
                k += 1
                stepping.append(server.step("run", k, bodies[k % quarter])[0])
            with_log = [server.kill_and_begin() for _ in range(3 if megabytes < 500 else 1)]
        results.append({
            "state_bytes": sum(24 * rows * columns for rows, columns in shapes), "log_bytes": sum(map(len, bodies)) * 50 // quarter,
            "from_checkpoint_s": spread(only_checkpoint, 3), "with_50_steps_s": spread(with_log, 3),
            "50_steps_took_s": round(sum(stepping) / 1000, 3)})
    return results


def measure_bytes(options):
    """Part `bytes`: how much a step of the log lets the files grow, and how much is written for it."""
    results = []
    for name, shapes in SHAPES.items():
        with serving(options.binary, options.directory) as server:
            server.make("run", shapes, "log")
            body = gradients(shapes)
            steps = max(20, 2 * options.rounds * 300_000 // len(body))
            for k in range(1, 6):
                server.step("run", k, body)
            size, written = server.file_bytes(), server.written()
            for k in range(6, steps + 6):
                server.step("run", k, body)
            results.append({
                "workload": name, "steps": steps, "body_bytes": len(body), "growth_per_step": (server.file_bytes() - size) // steps,
                "written_per_step": (server.written() - written) // steps})
    return results


# --- tables -----------------------------------------------------------------------------------------------------------


def table(*rows):
    print()
    for index, row in enumerate(rows):
        print("| " + " | ".join(str(cell) for cell in row) + " |")
        if index == 0:
            print("|---" * len(row) + "|")
    sys.stdout.flush()


def three(figures):
    return f"{figures['min']:g} / {figures['median']:g} / {figures['max']:g}"


def tail(figures):
    return f"{figures['median']:g} / {figures['p99']:g} / {figures['max']:g}"


def megabytes(count):
    return f"{count / 1e6:.3g} MB"


def show_steps(results):
    table(("workload", "`memory`: step, ms (min / median / max)", "`checkpoint` / `memory`", "`log` / `memory`"), *(
        (row["workload"], three(row["step_ms"]["memory"]), *(three(row["ratio_to_memory"][mode]) for mode in MODES[1:]))
        for row in results))
    table((
        "workload", "body", "`log` − `memory`, ms (median)", "bare SQLite commit, ms (median)", "ratio", "commit as the server says, ms"), *(
        (row["workload"], megabytes(row["body_bytes"]), row["log_minus_memory_ms"]["median"], row["bare_commit_ms"]["median"],
         row["log_over_bare"], row["server_commit_ms"]["median"]) for row in results))


def show_fsync(results):
    table(("bytes", "fdatasync, ms (p50 / p99 / max)", "with the write"), *(
        (row["bytes"], tail(row["fdatasync_ms"]), tail(row["write_and_fdatasync_ms"])) for row in results))


def show_stalls(results):
    table((
        "state", "checkpoint, s", "step without, ms (p50 / p99 / max)", "step meanwhile, ms (p50 / p99 / max)",
        "steps meanwhile, a checkpoint"), *(
        (megabytes(row["state_bytes"]), row["checkpoint_seconds"]["median"], tail(row["step_ms_without"]),
         tail(row["step_ms_during"]), round(row["step_ms_during"]["count"] / row["checkpoints"], 1)) for row in results))


def show_recovery(results):
    table(("state", "from a checkpoint, s", "with 50 steps of log, s", "the log", "the 50 steps had taken, s"), *(
        (megabytes(row["state_bytes"]), row["from_checkpoint_s"]["median"], row["with_50_steps_s"]["median"],
         megabytes(row["log_bytes"]), row["50_steps_took_s"]) for row in results))


def show_bytes(results):
    table(("workload", "body", "files grow by, a step", "written, a step", "written / body"), *(
        (row["workload"], megabytes(row["body_bytes"]), megabytes(row["growth_per_step"]), megabytes(row["written_per_step"]),
         round(row["written_per_step"] / row["body_bytes"], 2)) for row in results))


PARTS = {
    "steps": (measure_steps, show_steps), "fsync": (measure_fsync, show_fsync), "stall": (measure_stalls, show_stalls),
    "recovery": (measure_recovery, show_recovery), "bytes": (measure_bytes, show_bytes)}


def facts(options):
    kind = subprocess.run(
        ["findmnt", "--noheadings", "--output", "FSTYPE", "--target", options.directory], capture_output=True, text=True)
    return {
        "binary": subprocess.run([options.binary, "--version"], capture_output=True, text=True).stdout.strip(),
        "cores": os.cpu_count(), "machine": platform.machine(), "kernel": platform.release(),
        "file_system": kind.stdout.strip(), "bare_sqlite": sqlite3.sqlite_version}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=".build/release/lather")
    parser.add_argument("--directory", default=tempfile.gettempdir(), help="on the file system to be measured; not a tmpfs")
    parser.add_argument("--part", choices=PARTS, action="append", dest="parts", help="again for several; all without it")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 100, 1000], help="megabytes of state for stall and recovery")
    parser.add_argument("--rounds", type=int, default=200, help="steps of each kind, and fsyncs")
    parser.add_argument("--seconds", type=float, default=10, help="how long each size of stall is measured, at least one checkpoint")
    parser.add_argument("--json", metavar="FILE", help="every figure, for machines")
    options = parser.parse_args()
    results = {"facts": facts(options)}
    print(", ".join(f"{name} {value}" for name, value in results["facts"].items()), flush=True)
    for part in options.parts or PARTS:
        measure, show = PARTS[part]
        results[part] = measure(options)
        show(results[part])
    if options.json:
        with open(options.json, "w") as file:
            json.dump(results, file, indent=2)


if __name__ == "__main__":
    main()
