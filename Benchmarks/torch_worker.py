"""A PyTorch implementation in a process of its own: commands as lines of JSON on standard input, answers on standard output.

    {"make": {"shapes": …, "frequency": …, "bodies": paths}}
    {"turn": {"precision": …, "seconds": …}}
    {"product": {"seconds": …}}
    {"facts": {}}
"""

import json
import sys
import time
from importlib.metadata import version

import pytorch_optimizer
import torch
import torch_soap
from lather import decode
from workloads import OPTIONS, WARM_UP

CLASSES = {"plain": torch_soap.SOAP, "package": pytorch_optimizer.SOAP}
PRODUCT = 1024
SHORT = 30  # milliseconds of a step for which one thread may be better than several


class Contestant:
    def __init__(self, kind, cores):
        self.optimizer_class, self.cores = CLASSES[kind], cores

    def facts(self):
        return {
            "torch": torch.__version__, "pytorch_optimizer": version("pytorch_optimizer"),
            "vectors": torch.backends.cpu.get_cpu_capability(), "mkl": torch.backends.mkl.is_available()}

    def make(self, shapes, frequency, bodies):
        """Returns the number of threads: all cores, or one where small products only lose by sharing."""
        self.frequency, self.taken, self.bodies = frequency, 0, []
        self.parameters = [torch.nn.Parameter(torch.zeros(shape)) for shape in shapes]
        for parameter in self.parameters:
            parameter.grad = torch.empty_like(parameter)
        for path in bodies:
            with open(path, "rb") as file:
                self.bodies.append([torch.tensor(gradient) for gradient in decode(file.read())[0].values()])
        self.optimizer = self.optimizer_class(self.parameters, **OPTIONS, precondition_frequency=frequency)
        torch.set_num_threads(self.cores)
        took = [self.step() for _ in range(WARM_UP)]
        if took[-1] < SHORT:
            trials = {threads: [] for threads in (self.cores, 1)}
            for threads in list(trials) * 3:
                torch.set_num_threads(threads)
                trials[threads].append(self.turn("highest", 0.05))
            torch.set_num_threads(min(trials, key=lambda threads: min(trials[threads])))
        return torch.get_num_threads()

    def step(self):
        """Milliseconds of the optimizer's step alone: the gradients are there, and warm, before it begins."""
        for parameter, gradient in zip(self.parameters, self.bodies[self.taken % len(self.bodies)]):
            parameter.grad.copy_(gradient)
        self.taken += 1
        began = time.perf_counter()
        self.optimizer.step()
        return (time.perf_counter() - began) * 1000

    def turn(self, precision, seconds):
        torch.set_float32_matmul_precision(precision)
        times = []
        while sum(times) < seconds * 1000:
            times += [self.step() for _ in range(self.frequency)]
        return sum(times) / len(times)

    def product(self, seconds):
        """GF/s of float32 products of n×n: the best one, since this is to be the machine's peak."""
        torch.set_float32_matmul_precision("highest")
        threads = torch.get_num_threads()
        torch.set_num_threads(self.cores)
        a, b, out = (torch.rand(PRODUCT, PRODUCT) for _ in range(3))
        times = []
        while sum(times) < seconds:
            began = time.perf_counter()
            torch.mm(a, b, out=out)
            times.append(time.perf_counter() - began)
        torch.set_num_threads(threads)
        return 2 * PRODUCT**3 / min(times) / 1e9


def main():
    contestant = Contestant(sys.argv[1], int(sys.argv[2]))
    for line in sys.stdin:
        (command, arguments), = json.loads(line).items()
        print(json.dumps(getattr(contestant, command)(**arguments)), flush=True)


if __name__ == "__main__":
    main()
