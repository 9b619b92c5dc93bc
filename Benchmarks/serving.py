"""Starts a server for the benchmarks, and tells when processes have come to rest and what others do meanwhile."""

import os
import re
import subprocess
import time


def without_kernel_choice():
    """The environment, but for a preset choice of kernels: OpenBLAS and MKL take what suits the CPU."""
    chosen = {"OPENBLAS_CORETYPE", "MKL_ENABLE_INSTRUCTIONS", "MKL_CBWR", "MKL_DEBUG_CPU_TYPE"}
    return {name: value for name, value in os.environ.items() if name not in chosen}


def start(binary, database, *options):
    """Returns the process and its URL."""
    server = subprocess.Popen(
        [binary, "serve", "--port", "0", "--database", database, "--log-level", "warning", *options],
        stdout=subprocess.PIPE, text=True, env=without_kernel_choice())
    return server, re.search(r"http://\S+", server.stdout.readline()).group()


def rest(processes, still=0.03, patience=20.0):
    """Waits until none of the processes has used the CPU for a while: what one leaves behind must not cost the next."""
    deadline, before = time.monotonic() + patience, None
    while time.monotonic() < deadline:
        now = [cpu_time(process.pid) for process in processes]
        if now == before:
            return
        before = now
        time.sleep(still)


class Others:
    """The share of the cores that processes other than these, and than this one, use from now on (the kernel's among them).

    It decides what a run is worth: two threads that wait for each other in every product lose tenfold when a core is taken from
    one of them, so that PyTorch looks bad on a busy machine.
    """

    def __init__(self, processes):
        self.pids = [os.getpid()] + [process.pid for process in processes]
        self.began = self.now()

    def now(self):
        with open("/proc/stat") as file:
            user, nice, system, idle, waiting, *interrupts = (int(field) for field in file.readline().split()[1:9])
        busy = user + nice + system + sum(interrupts)
        return busy, busy + idle + waiting, sum(cpu_time(pid) for pid in self.pids)

    def share(self):
        busy, everything, ours = (now - before for now, before in zip(self.now(), self.began))
        return max(0, busy - ours) / max(1, everything)


def cpu_time(pid):
    """Ticks of 10 ms."""
    with open(f"/proc/{pid}/stat") as file:
        return sum(int(field) for field in file.read().rsplit(")", 1)[1].split()[11:13])
