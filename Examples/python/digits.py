"""Trains a two-layer network on handwritten digits with a Lather server, beside Adam, and draws both loss curves.

    lather serve &
    python3 digits.py --plot digits.svg

The server keeps the optimizer's state; this program keeps the weights. It also lays a copy of them on the server
("hosted weights"), so that the same command with the same --run goes on from where an earlier one stopped. Restart the
server in the middle if you like: the step in doubt is sent again, and nothing changes in the result.
"""

import argparse
import pathlib
import time

import numpy as np

import plot
from lather import Client, Refused, decode

HIDDEN, BATCH, TRAINING = 128, 128, 1500
SOAP_LR, ADAM_LR = 0.03, 0.02  # for each about the best between 0.003 and 0.05

MANIFEST = {
    "optimizer": {"lr": SOAP_LR, "precondition_frequency": 10},
    "parameters": [
        {"name": "hidden.weight", "shape": [64, HIDDEN]},
        {"name": "hidden.bias", "shape": [HIDDEN]},
        {"name": "output.weight", "shape": [HIDDEN, 10]},
        {"name": "output.bias", "shape": [10]},
    ],
}


def load():
    file = pathlib.Path(__file__).resolve().parent.parent / "data" / "digits.safetensors"
    tensors, _ = decode(file.read_bytes())
    return tensors["images"].reshape(-1, 64).astype(np.float32) / 16, tensors["labels"].astype(np.intp)


def initial_weights(seed):
    random = np.random.default_rng(seed)
    weights = {}
    for parameter in MANIFEST["parameters"]:
        shape = parameter["shape"]
        deviation = shape[0] ** -0.5 if len(shape) == 2 else 0
        weights[parameter["name"]] = random.normal(0, deviation, shape).astype(np.float32)
    return weights


def batch(seed, k):
    """The rows of step k: a fresh order for each pass over the data, the same for everyone who asks."""
    epoch, position = divmod(k - 1, TRAINING // BATCH)
    order = np.random.default_rng([seed, epoch]).permutation(TRAINING)
    return order[position * BATCH : (position + 1) * BATCH]


def forward(weights, images):
    hidden = np.maximum(images @ weights["hidden.weight"] + weights["hidden.bias"], 0)
    return hidden, hidden @ weights["output.weight"] + weights["output.bias"]


def loss_and_gradients(weights, images, labels):
    hidden, logits = forward(weights, images)
    logits = logits - logits.max(axis=1, keepdims=True)
    log_probability = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    rows = np.arange(len(labels))
    loss = -log_probability[rows, labels].mean()

    error = np.exp(log_probability)
    error[rows, labels] -= 1
    error /= len(labels)
    back = error @ weights["output.weight"].T * (hidden > 0)
    return float(loss), {
        "hidden.weight": images.T @ back,
        "hidden.bias": back.sum(axis=0),
        "output.weight": hidden.T @ error,
        "output.bias": error.sum(axis=0),
    }


def accuracy(weights, images, labels):
    return float((forward(weights, images)[1].argmax(axis=1) == labels).mean())


def train_with_lather(client, run, images, labels, seed, steps):
    """Returns the weights and the losses by step."""
    made = client.create_run(run, MANIFEST)
    if made["step"] == 0:
        weights = initial_weights(seed)
        client.put_weights(run, weights)
    else:
        weights = client.weights(run)
        print(f"run {run} goes on after step {made['step']}")
    losses = {}
    for k in range(made["step"] + 1, steps + 1):
        rows = batch(seed, k)
        losses[k], gradients = loss_and_gradients(weights, images[rows], labels[rows])
        updates, weight_scale = client.step(run, k, gradients)
        for name, update in updates.items():
            weights[name] = weights[name] * np.float32(weight_scale.get(name, 1)) + update
        if k % 10 == 0:
            print(f"step {k:4}  loss {losses[k]:.4f}")
    return weights, losses


def train_with_adam(images, labels, seed, steps, beta1=0.9, beta2=0.95, eps=1e-8, weight_decay=0.01):
    """The same network, batches, betas and decay, all here."""
    weights, losses = initial_weights(seed), {}
    first = {name: np.zeros_like(weight) for name, weight in weights.items()}
    second = {name: np.zeros_like(weight) for name, weight in weights.items()}
    for k in range(1, steps + 1):
        rows = batch(seed, k)
        losses[k], gradients = loss_and_gradients(weights, images[rows], labels[rows])
        for name, gradient in gradients.items():
            first[name] = beta1 * first[name] + (1 - beta1) * gradient
            second[name] = beta2 * second[name] + (1 - beta2) * gradient**2
            direction = first[name] / (1 - beta1**k) / (np.sqrt(second[name] / (1 - beta2**k)) + eps)
            weights[name] = weights[name] * (1 - ADAM_LR * weight_decay) - ADAM_LR * direction
    return weights, losses


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--url", default="http://127.0.0.1:8421")
    options.add_argument("--run", default=f"digits-{time.strftime('%Y%m%d-%H%M%S')}", help="default: a new one each time")
    options.add_argument("--steps", type=int, default=120)
    options.add_argument("--token-file", type=pathlib.Path, help="file with the server's bearer token")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--plot", type=pathlib.Path, metavar="FILE.svg", help="draw the loss curves into this file")
    options = options.parse_args()

    images, labels = load()
    held_back = images[TRAINING:], labels[TRAINING:]
    token = options.token_file.read_text().strip() if options.token_file else None
    client = Client(options.url, token)
    try:
        weights, losses = train_with_lather(client, options.run, images, labels, options.seed, options.steps)
    except Refused as refusal:
        raise SystemExit(f"The server refused: {refusal}")
    except OSError as error:
        raise SystemExit(f"No answer from {options.url}: {error}")
    adam_weights, adam_losses = train_with_adam(images, labels, options.seed, options.steps)

    print(f"held-back accuracy {accuracy(weights, *held_back):.4f} (Adam {accuracy(adam_weights, *held_back):.4f})")
    if options.plot:
        curves = {"SOAP (Lather)": losses, "Adam": adam_losses}
        options.plot.write_text(plot.curves(curves, "Training loss on handwritten digits"), encoding="utf-8")
        print(f"loss curves: {options.plot}")


if __name__ == "__main__":
    main()
