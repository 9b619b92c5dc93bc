#!/usr/bin/env python3
"""Makes the files by which MovedRunTests prove that a run moved from `emerging_optimizers` continues exactly.

SOAP in float64, written from the algorithm (arXiv 2409.11321, and 2509.03378 for KL-Shampoo). Each case is trained for
some steps; then its state is written as a PyTorch trainer would flatten it (NAME.state.safetensors), and the steps that
follow with their float32 gradients and float64 updates (NAME.steps.safetensors). Needs NumPy only.
"""

import json
import struct
from pathlib import Path

import numpy as np


def contract(gradient, dimension):
    """The gradient contracted with itself over all dimensions but one."""
    rest = [d for d in range(gradient.ndim) if d != dimension]
    return np.tensordot(gradient, gradient, (rest, rest))


def rotate(tensor, bases, back=False):
    """Multiplies by the transposed basis along each dimension that has one, or by the basis to go back."""
    for dimension, basis in enumerate(bases):
        if basis is not None:
            tensor = np.moveaxis(np.tensordot(tensor, basis, ([dimension], [1 if back else 0])), -1, dimension)
    return tensor


def eigenvectors(factor):
    """The eigenvectors of a symmetric matrix, the largest eigenvalue first."""
    return np.linalg.eigh(factor)[1][:, ::-1]


class SOAP:
    """The state of one parameter, and its steps; options have the names that a manifest gives them."""

    defaults = {
        "lr": 0.003, "betas": [0.9, 0.95], "shampoo_beta": 0.95, "eps": 1e-8, "weight_decay": 0.0,
        "precondition_frequency": 1, "adam_warmup_steps": 0, "precondition_1d": False, "correct_bias": True,
        "use_eigh": False, "use_kl_shampoo": False, "power_iter_steps": 1,
    }

    def __init__(self, shape, options):
        self.options = self.defaults | options
        has_factors = len(shape) > 1 or (len(shape) == 1 and self.options["precondition_1d"])
        self.factors = [np.zeros((n, n)) if has_factors else None for n in shape]
        self.bases = [None] * len(shape)
        self.exp_avg = np.zeros(shape)
        self.exp_avg_sq = np.zeros(shape)
        self.step_count = 0

    def step(self, gradient):
        """Takes one step and returns the update, without weight decay."""
        options, t = self.options, self.step_count + 1
        self.update_factors(gradient, t)
        self.refresh_bases()
        beta1, beta2 = options["betas"]
        projected = rotate(gradient, self.bases)
        self.exp_avg = beta1 * self.exp_avg + (1 - beta1) * projected
        self.exp_avg_sq = beta2 * self.exp_avg_sq + (1 - beta2) * projected**2
        correction1, correction2 = (1 - beta1**t, 1 - beta2**t) if options["correct_bias"] else (1, 1)
        normalized = self.exp_avg / correction1 / (np.sqrt(self.exp_avg_sq / correction2) + options["eps"])
        self.step_count = t
        return -options["lr"] * rotate(normalized, self.bases, back=True)

    def update_factors(self, gradient, t):
        beta = self.options["shampoo_beta"]
        if self.options["correct_bias"]:
            beta = 1 - (1 - beta) / (1 - beta**t)
        if self.options["use_kl_shampoo"] and gradient.ndim == 2:
            contributions = self.whitened(gradient)
        else:
            contributions = [contract(gradient, d) for d in range(gradient.ndim)]
        for dimension, factor in enumerate(self.factors):
            if factor is not None:
                self.factors[dimension] = beta * factor + (1 - beta) * contributions[dimension]

    def whitened(self, gradient):
        """KL-Shampoo: each side's contribution is whitened by the other side's factor as it was before this step."""
        inverses = []
        for factor, basis in zip(self.factors, self.bases):
            basis = np.eye(len(factor)) if basis is None else basis
            values = np.maximum(np.diag(basis.T @ factor @ basis), self.options["eps"])
            inverses.append(basis @ np.diag(1 / values / len(factor)) @ basis.T)
        return [gradient @ inverses[1] @ gradient.T, gradient.T @ inverses[0] @ gradient]

    def refresh_bases(self):
        options = self.options
        if all(factor is None for factor in self.factors) or self.step_count < options["adam_warmup_steps"]:
            return
        if all(basis is None for basis in self.bases):
            self.bases = [None if factor is None else eigenvectors(factor) for factor in self.factors]
            self.exp_avg = rotate(self.exp_avg, self.bases)
        elif self.step_count % options["precondition_frequency"] == 0:
            self.exp_avg = rotate(self.exp_avg, self.bases, back=True)
            for dimension, (factor, basis) in enumerate(zip(self.factors, self.bases)):
                if factor is not None:
                    self.bases[dimension] = self.refreshed(dimension, factor, basis)
            self.exp_avg = rotate(self.exp_avg, self.bases)

    def refreshed(self, dimension, factor, basis):
        order = np.argsort(-np.diag(basis.T @ factor @ basis), kind="stable")
        self.exp_avg_sq = np.take(self.exp_avg_sq, order, axis=dimension)
        if self.options["use_eigh"]:
            return eigenvectors(factor)
        basis = basis[:, order]
        for _ in range(self.options["power_iter_steps"]):
            basis = np.linalg.qr(factor @ basis)[0]
        return basis

    def flattened(self, name, as_lists):
        """The state under the keys of PyTorch trainers: GG and Q lists, or L, R, Q_L and Q_R."""
        tensors = {
            f"{name}.exp_avg": self.exp_avg, f"{name}.exp_avg_sq": self.exp_avg_sq, f"{name}.step": np.array(float(self.step_count)),
        }
        for dimension, (factor, basis) in enumerate(zip(self.factors, self.bases)):
            keys = (f"GG.{dimension}", f"Q.{dimension}") if as_lists else (("L", "Q_L"), ("R", "Q_R"))[dimension]
            for key, matrix in zip(keys, (factor, np.eye(len(factor)) if factor is not None and basis is None else basis)):
                tensors[f"{name}.{key}"] = np.zeros((0, 0)) if matrix is None else matrix
        return tensors


def write(path, tensors, metadata):
    header, data = {"__metadata__": metadata}, b""
    for name, tensor in tensors.items():
        bytes_ = np.ascontiguousarray(tensor).tobytes()
        dtype = {"float64": "F64", "float32": "F32"}[tensor.dtype.name]
        header[name] = {"dtype": dtype, "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(bytes_)]}
        data += bytes_
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(len(text) + 8) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


# The options, and the step after which the run is moved. KL-Shampoo's first factors are of size 1/eps: at 1e-3 the float32
# that state is kept in costs 2.5e-4 all by itself, at 1e-2 it costs 2e-6.
CASES = {
    "frequency": ({"precondition_frequency": 3}, 6),
    "kl_shampoo": ({"use_kl_shampoo": True, "eps": 1e-2, "precondition_frequency": 2, "adam_warmup_steps": 2}, 6),
    "warmup": ({"adam_warmup_steps": 8}, 6),
}
SHAPES = {"layer.Q.0": (24, 16), "bias": (16,)}
STEPS = 12


def main():
    for case, (options, moved_at) in CASES.items():
        random = np.random.default_rng(20250911)
        parameters = {name: SOAP(shape, options) for name, shape in SHAPES.items()}
        steps = {}
        for k in range(1, STEPS + 1):
            for name, shape in SHAPES.items():
                gradient = random.standard_normal(shape).astype(np.float32)
                update = parameters[name].step(gradient.astype(np.float64))
                if k > moved_at:
                    steps[f"gradient.{k}.{name}"], steps[f"update.{k}.{name}"] = gradient, update
            if k == moved_at:
                lists = case != "kl_shampoo"
                state = {}
                for name, parameter in parameters.items():
                    state |= parameter.flattened(name, lists)
                write(
                    Path(__file__).with_name(f"{case}.state.safetensors"), state, {"layout": "emerging_optimizers"} if lists else {})
        optimizer = {"lr": SOAP.defaults["lr"], "weight_decay": 0, "fp32_matmul_prec": "highest", "qr_fp32_matmul_prec": "highest"}
        write(
            Path(__file__).with_name(f"{case}.steps.safetensors"), steps,
            {"optimizer": json.dumps(optimizer | options), "first": str(moved_at + 1), "last": str(STEPS)})


if __name__ == "__main__":
    main()
