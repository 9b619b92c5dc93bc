#!/usr/bin/env python3
"""SOAP in plain PyTorch, as one would write it: matrices only, one product for each product of the paper.

What Lather is measured against, beside the public package; so it wastes nothing that is easy to see: the factors are
updated in place by the product itself, K·Q serves both the eigenvalues and the power iteration, and nothing is
allocated that has a place already. `--check` holds it to the trajectories of Tests/SOAPTests/Golden.
"""

import argparse
import json
import math
import os
import sys
from dataclasses import dataclass, fields

import torch

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "Examples", "python"))
from lather import decode  # noqa: E402


@dataclass
class State:
    """Of one m×n parameter: exp_avg and exp_avg_sq in the bases, a factor and a basis for each side."""

    exp_avg: torch.Tensor
    exp_avg_sq: torch.Tensor
    left: torch.Tensor
    right: torch.Tensor
    left_basis: torch.Tensor | None = None
    right_basis: torch.Tensor | None = None
    step: int = 0

    def convert(self, dtype):
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, torch.Tensor):
                setattr(self, field.name, value.to(dtype))


class SOAP(torch.optim.Optimizer):
    def __init__(
        self, params, lr, betas=(0.9, 0.95), shampoo_beta=0.95, eps=1e-8, weight_decay=0.01, precondition_frequency=1,
        adam_warmup_steps=0,
    ):
        super().__init__(params, {
            "lr": lr, "betas": betas, "shampoo_beta": shampoo_beta, "eps": eps, "weight_decay": weight_decay,
            "precondition_frequency": precondition_frequency, "adam_warmup_steps": adam_warmup_steps})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for parameter in group["params"]:
                state = self.state[parameter]
                if not state:
                    rows, columns = parameter.shape
                    state["soap"] = State(
                        torch.zeros_like(parameter), torch.zeros_like(parameter), parameter.new_zeros(rows, rows),
                        parameter.new_zeros(columns, columns))
                self.step_one(parameter, state["soap"], group)

    def step_one(self, parameter, state, group):
        first = state.step == group["adam_warmup_steps"]
        if first:
            # In exact arithmetic this step's gradient is diagonal in its own bases; the rounding noise of float32 beside the
            # diagonal would be blown up by Adam to the size of the update.
            state.convert(torch.float64)
        direction = soap_direction(parameter.grad.to(state.exp_avg.dtype), state, first, group)
        if first:
            state.convert(torch.float32)
        parameter.mul_(1 - group["lr"] * group["weight_decay"]).add_(direction.to(parameter.dtype), alpha=-group["lr"])


def soap_direction(gradient, state, first, group):
    """One step of the state. Returns the direction that the weights are moved against."""
    beta1, beta2 = group["betas"]
    state.step += 1
    weight = (1 - group["shampoo_beta"]) / (1 - group["shampoo_beta"] ** state.step)
    state.left.addmm_(gradient, gradient.T, beta=1 - weight, alpha=weight)
    state.right.addmm_(gradient.T, gradient, beta=1 - weight, alpha=weight)

    since_warmup = state.step - 1 - group["adam_warmup_steps"]
    if first:
        state.left_basis, state.right_basis = eigenbasis(state.left), eigenbasis(state.right)
        state.exp_avg = project(state.exp_avg, state)
    elif since_warmup > 0 and (state.step - 1) % group["precondition_frequency"] == 0:
        momentum = project_back(state.exp_avg, state)
        state.left_basis, state.exp_avg_sq = turn(state.left, state.left_basis, state.exp_avg_sq, 0)
        state.right_basis, state.exp_avg_sq = turn(state.right, state.right_basis, state.exp_avg_sq, 1)
        state.exp_avg = project(momentum, state)

    if since_warmup >= 0:
        gradient = project(gradient, state)
    state.exp_avg.lerp_(gradient, 1 - beta1)
    state.exp_avg_sq.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
    denominator = state.exp_avg_sq.sqrt().div_(math.sqrt(1 - beta2**state.step)).add_(group["eps"])
    direction = state.exp_avg.div(1 - beta1**state.step).div_(denominator)
    return project_back(direction, state) if since_warmup >= 0 else direction


def project(matrix, state):
    return state.left_basis.T @ matrix @ state.right_basis


def project_back(matrix, state):
    return state.left_basis @ matrix @ state.right_basis.T


def eigenbasis(factor):
    """Eigenvectors, the largest eigenvalue's first."""
    return torch.linalg.eigh(factor).eigenvectors.flip(1)


def turn(factor, basis, exp_avg_sq, dimension):
    """One round of orthogonal iteration from the basis sorted by its approximate eigenvalues; exp_avg_sq sorted alike."""
    product = factor @ basis
    order = torch.argsort((basis * product).sum(0), descending=True)
    return torch.linalg.qr(product[:, order]).Q, exp_avg_sq.index_select(dimension, order)


CHECKED = ("adam_warmup", "defaults", "frequency", "larger", "no_decay", "tall", "wide")
TOLERANCE = 1e-4


def check(directory):
    """Prints each case's largest relative error of an update; returns whether all are as small as they can be."""
    passed = True
    for name in CHECKED:
        with open(os.path.join(directory, name + ".safetensors"), "rb") as file:
            tensors, metadata = decode(file.read())
        config, reference_errors = json.loads(metadata["config"]), json.loads(metadata["reference_error"])
        parameter = torch.nn.Parameter(torch.tensor(tensors["param"]))
        names = ("lr", "betas", "shampoo_beta", "eps", "weight_decay", "precondition_frequency", "adam_warmup_steps")
        optimizer = SOAP([parameter], **{option: config[option] for option in names})
        worst, within = 0.0, True
        for k in range(1, json.loads(metadata["steps"]) + 1):
            before = parameter.detach().clone()
            parameter.grad = torch.tensor(tensors[f"grad.{k}"])
            optimizer.step()
            if k in json.loads(metadata["compare"]):
                expected = torch.tensor(tensors[f"update.{k}"], dtype=torch.float64)
                update = parameter.detach().double() - before.double()
                error = ((update - expected).norm() / expected.norm()).item()
                worst = max(worst, error)
                # Where rounding alone does more than the tolerance, as the golden cases allow it to every implementation.
                within &= error <= max(TOLERANCE, 3 * reference_errors[k - 1])
        passed &= within
        print(f"{name:14} largest relative error {worst:.1e}  {'yes' if within else 'NO'}")
    return passed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", required=True)
    parser.add_argument("--golden", default=os.path.join(os.path.dirname(__file__), "..", "Tests", "SOAPTests", "Golden"))
    raise SystemExit(0 if check(parser.parse_args().golden) else 1)


if __name__ == "__main__":
    main()
