"""What is measured: the shapes, and gradients for them, written once as bodies of steps that every contestant reads."""

import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "Examples", "python"))
from lather import encode  # noqa: E402

WORKLOADS = {
    "16x(64,64)": [(64, 64)] * 16,
    "digits": [(784, 256), (256, 256), (256, 10)],
    "16x(256,256)": [(256, 256)] * 16,
    "8x(512,512)": [(512, 512)] * 8,
    "4x(1024,1024)": [(1024, 1024)] * 4,
    "transformer": [(768, 768)] * 4 + [(768, 1536), (1536, 768)],
}
OPTIONS = {"lr": 0.001, "betas": [0.9, 0.95], "shampoo_beta": 0.95, "eps": 1e-8, "weight_decay": 0.01}
WARM_UP = 2  # steps before the first turn: one makes the bases, one touches all that a step needs

BATCH = 256
BODIES = 20  # as many steps as the factors remember at a shampoo_beta of 0.95


def write_bodies(shapes, directory, count=BODIES):
    """Gradients of linear layers, xᵀ·δ over a batch: fixed directions with a spectrum that falls as 1/i, fresh noise each step.

    White noise would not do: its factors are multiples of the identity, which no training has, and one body again and again
    would let the bases settle as they never do. Returns the paths.
    """
    rng = np.random.default_rng(0)
    mixings = [[mixing(size, rng) for size in shape] for shape in shapes]
    paths = []
    for number in range(count):
        gradients = {}
        for index, sides in enumerate(mixings):
            x, delta = (rng.standard_normal((BATCH, side.shape[0]), np.float32) @ side for side in sides)
            gradients[f"p{index}"] = x.T @ delta / np.float32(BATCH)
        paths.append(os.path.join(directory, f"body-{number}.safetensors"))
        with open(paths[-1], "wb") as file:
            file.write(encode(gradients))
    return paths


def mixing(size, rng):
    scales = np.arange(1, size + 1, dtype=np.float32) ** -0.5
    return scales[:, None] * rng.standard_normal((size, size), np.float32) / np.float32(size**0.5)


def with_one_nan(body):
    """A body that `on_nonfinite: skip` takes without computing."""
    start = 8 + int.from_bytes(body[:8], "little")
    return body[:start] + np.float32(np.nan).tobytes() + body[start + 4 :]
