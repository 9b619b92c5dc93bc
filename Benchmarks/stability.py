#!/usr/bin/env python3
"""Trains the digits example with the default options and with the recommended ones, and prints how steady the loss is.

Twelve seeds of the network of Examples/python/digits.py for each setting, through a real server started here. The tables
are those of Docs/stability.md. Exits with 1 if a loss passes 10 with a recommended setting.
"""

import argparse
import json
import math
import os
import statistics
import sys
import tempfile

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "Examples", "python"))
import digits  # noqa: E402
from lather import Client, run_path  # noqa: E402
from serving import start  # noqa: E402

LIMIT = 10
SETTINGS = {
    "defaults": {},
    "`precondition_frequency: 10`": {"precondition_frequency": 10},
    "`max_update_rms: 1`": {"max_update_rms": 1},
}
NAMES = [parameter["name"] for parameter in digits.MANIFEST["parameters"]]


def train(client, run, options, images, labels, seed, steps):
    """One training. Returns the loss before each step, the update's RMS over lr by step and parameter, and the weights."""
    client.create_run(run, {
        "optimizer": options, "parameters": digits.MANIFEST["parameters"],
        "policy": {"durability": "memory"}})
    weights, losses, sizes = digits.initial_weights(seed), [], []
    for k in range(1, steps + 1):
        rows = digits.batch(seed, k)
        loss, gradients = digits.loss_and_gradients(weights, images[rows], labels[rows])
        updates, weight_scale = client.step(run, k, gradients)
        for name, update in updates.items():
            weights[name] = weights[name] * np.float32(weight_scale.get(name, 1)) + update
        losses.append(loss)
        shown = json.loads(client.request("GET", run_path(run) + "/parameters")[1])["parameters"]
        sizes.append({parameter["name"]: parameter["update_rms_over_lr"] for parameter in shown})
    client.request("DELETE", run_path(run))
    return losses, sizes, weights


def measure(client, options, seeds, steps):
    """One setting, by seed: highest and final loss, held-back accuracy, and the update's RMS over lr by parameter."""
    images, labels = digits.load()
    figures = []
    for seed in range(seeds):
        losses, sizes, weights = train(client, f"seed-{seed}", options, images, labels, seed, steps)
        figures.append({
            "highest": max(math.inf if math.isnan(loss) else loss for loss in losses), "final": losses[-1],
            "accuracy": digits.accuracy(weights, images[digits.TRAINING:], labels[digits.TRAINING:]),
            "sizes": {name: [size[name] for size in sizes] for name in NAMES}})
    return figures


def row(*cells):
    print("| " + " | ".join(cells) + " |", flush=True)


def header(*cells):
    row(*cells)
    print("|---" * len(cells) + "|")


def report(results):
    seeds = len(next(iter(results.values())))
    header("setting", f"seeds past {LIMIT}", "highest loss: worst", "median", "final loss: worst", "median", "accuracy: worst", "median")
    for setting, figures in results.items():
        highest, final, accuracy = ([figure[key] for figure in figures] for key in ("highest", "final", "accuracy"))
        row(setting, f"{sum(loss > LIMIT for loss in highest)} of {seeds}", *worst_and_median(max, highest), *worst_and_median(max, final),
            *worst_and_median(min, accuracy))
    print()
    header("highest loss", *(f"seed {seed}" for seed in range(seeds)))
    for setting, figures in results.items():
        row(setting, *(f"{figure['highest']:.3g}" for figure in figures))
    print()
    header("update RMS / lr", *(cell for name in NAMES for cell in (f"`{name}`: max", "median")))
    for setting, figures in results.items():
        sizes = ([size for figure in figures for size in figure["sizes"][name]] for name in NAMES)
        row(setting, *(cell for size in sizes for cell in worst_and_median(max, size)))


def worst_and_median(worst, values):
    return f"{worst(values):.3g}", f"{statistics.median(values):.3g}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=".build/release/lather")
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--lr", type=float, nargs="+", default=[0.003, digits.SOAP_LR], help="rates, a set of tables each")
    arguments = parser.parse_args()
    steady = True
    with tempfile.TemporaryDirectory() as directory:
        server, url = start(arguments.binary, os.path.join(directory, "stability.sqlite"))
        try:
            client = Client(url)
            for lr in arguments.lr:
                results = {
                    setting: measure(client, {"lr": lr, **options}, arguments.seeds, arguments.steps)
                    for setting, options in SETTINGS.items()}
                print(f"\n### lr {lr}\n")
                report(results)
                recommended = [figures for setting, figures in results.items() if SETTINGS[setting]]
                steady &= all(figure["highest"] <= LIMIT for figures in recommended for figure in figures)
        finally:
            server.terminate()
            server.wait()
    raise SystemExit(0 if steady else 1)


if __name__ == "__main__":
    main()
