"""Who takes turns: runs of a server, and PyTorch in processes of its own. A turn is whole periods of the frequency."""

import json
import os
import re
import subprocess
import sys
import time
from urllib.parse import urlsplit

import serving
from lather import Client, run_path
from wire import Wire
from workloads import OPTIONS, WARM_UP


class Server:
    """A server on a database of its own, and the one connection that all runs are measured through."""

    def __init__(self, binary, directory, cores, capacity):
        self.process, url = serving.start(binary, os.path.join(directory, "bench.sqlite"), "--threads", str(cores))
        self.client = Client(url)
        parts = urlsplit(url)
        self.wire = Wire((parts.hostname, parts.port), capacity)

    def facts(self):
        service = json.loads(self.client.request("GET", "/v1")[1])
        return {"lather": service["version"], "kernels": service["blas"]["kernels"], "threads": service["compute_threads"]}

    def end(self):
        self.wire.socket.close()
        self.process.terminate()
        self.process.wait()


class Run:
    def __init__(
            self, server, name, shapes, bodies, frequency=1, precision="highest", durability="log", on_nonfinite="reject", stagger=False):
        self.server, self.path, self.bodies, self.frequency, self.taken = server, run_path(name), bodies, frequency, 0
        server.client.create_run(name, {
            "optimizer": {
                **OPTIONS, "precondition_frequency": frequency, "fp32_matmul_prec": precision, "qr_fp32_matmul_prec": precision,
                "stagger_refresh": stagger},
            "parameters": [{"name": f"p{index}", "shape": shape} for index, shape in enumerate(shapes)],
            "policy": {"durability": durability, "on_nonfinite": on_nonfinite, "checkpoint_every": 1000000}})
        for _ in range(WARM_UP):
            self.step()

    def step(self):
        """Milliseconds of one step: the client's waiting, its own use of the CPU, and the phases that the server names."""
        path, body = f"{self.path}/steps/{self.taken + 1}", self.bodies[self.taken % len(self.bodies)]
        self.taken += 1
        used, began = time.thread_time(), time.perf_counter()
        head = self.server.wire.put(path, body)
        figures = {"ms": (time.perf_counter() - began) * 1000, "client": (time.thread_time() - used) * 1000}
        timing = re.search(r"^server-timing: *(.*)$", head, re.MULTILINE | re.IGNORECASE).group(1)
        return figures | {phase: float(duration) for phase, duration in re.findall(r"(\w+);dur=([\d.e-]+)", timing)}

    def turn(self, seconds):
        steps = []
        while sum(step["ms"] for step in steps) < seconds * 1000:
            steps += [self.step() for _ in range(self.frequency)]
        return {figure: sum(step[figure] for step in steps) / len(steps) for figure in steps[0]}

    def end(self):
        self.server.client.request("DELETE", self.path)


class Worker:
    """A PyTorch implementation, `plain` or `package`, with as many threads as the server has, or with one where that is faster."""

    def __init__(self, kind, cores):
        script = os.path.join(os.path.dirname(__file__), "torch_worker.py")
        self.process = subprocess.Popen(
            [sys.executable, script, kind, str(cores)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=serving.without_kernel_choice())

    def ask(self, command, **arguments):
        self.process.stdin.write(json.dumps({command: arguments}) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{command}: the PyTorch process has ended")
        return json.loads(answer)

    def turn(self, precision, seconds):
        return {"ms": self.ask("turn", precision=precision, seconds=seconds)}

    def product(self, seconds):
        """How fast this machine multiplies, whatever the contestants make of it."""
        return {"gflops": self.ask("product", seconds=seconds)}

    def end(self):
        self.process.stdin.close()
        self.process.wait()
