"""What HTTP and log cost, and how much of it is hidden behind the computation.

All of it is what a step waits that is received, checked, logged and answered without being computed: one whose gradient is
not finite, under `on_nonfinite: skip`. Seen is what a real step waits beyond the engine alone; the rest is hidden. The engine
alone is the server's compute phase under `memory`, less that of a step that is not computed (digest and checks).

Seen is a small difference of large figures, so the steps that it comes from stand next to each other, one by one.
"""

import functools
import statistics
import time

import floors

LOOPS = 8
PAUSE = 0.02  # for what a server does after its answer: the digest of the answer, for one


class Overhead:
    def __init__(self, runs, precision, bare):
        """Takes the runs of the precision, at frequency 1, and the floors."""
        self.doers = {name: runs[f"{name}@{precision}"].step for name in ("log", "memory")}
        self.doers |= {name: runs[name].step for name in ("skipped log", "skipped memory")}
        self.doers |= {name: functools.partial(bare.once, name) for name in floors.NAMES}
        self.loops = 0

    def loop(self):
        self.loops += 1
        taken = {}
        for name in list(self.doers)[:: -1 if self.loops % 2 else 1]:
            time.sleep(PAUSE)
            taken[name] = self.doers[name]()
        engine = taken["memory"]["compute"] - taken["skipped memory"]["compute"]
        return {
            "seen_ms": taken["log"]["ms"] - engine, "whole_ms": taken["skipped log"]["ms"],
            "floors_ms": sum(taken[name] for name in floors.NAMES)}

    def turn(self, _):
        loops = [self.loop() for _ in range(LOOPS)]
        cost = {name: statistics.median(loop[name] for loop in loops) for name in loops[0]}
        return cost | {
            "over_floors": cost["whole_ms"] / cost["floors_ms"], "seen_over_floors": cost["seen_ms"] / cost["floors_ms"],
            "hidden": 1 - cost["seen_ms"] / cost["whole_ms"]}
