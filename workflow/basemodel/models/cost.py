"""What one image costs a network: counted without computing, on torch's meta device."""

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Cost:
    """What one image costs. `largest`: the number of elements of the largest output of a layer.

    `multiply_adds`: None if an operation cannot be counted; `uncounted` is then the error's name.
    """

    parameters: int
    parameters_without_classifier: int
    multiply_adds: int | None
    largest: int
    uncounted: str | None = None


def count(
    network: nn.Module, side: int | tuple[int, int], classifier: nn.Module | None = None
) -> Cost:
    """The cost of an image of this side, or height and width, in pixels. It takes about 0.1 s.

    Multiply-adds are half of what torch's FlopCounterMode counts: convolutions, matrix products and
    attention. Biases, normalisation and activations are left out, as is usual. `classifier`: the
    part of the network that is its last layer.
    """
    from torch.utils.flop_counter import FlopCounterMode  # 20 ms, which most jobs do not need

    height, width = (side, side) if isinstance(side, int) else side
    of_last = parameters(classifier) if classifier is not None else 0
    largest, multiply_adds, uncounted = 3 * height * width, None, None

    def measure(module: nn.Module, _: Any, output: Any) -> None:
        nonlocal largest
        if isinstance(output, Tensor):
            largest = max(largest, output.numel())

    try:
        # A copy leaves the network as it is (its batch statistics, its mode, its hooks).
        shapes = copy.deepcopy(network).to("meta").eval()
        shapes.requires_grad_(False)  # the counter refuses parameters as a layer's input otherwise
        for module in shapes.modules():
            module.register_forward_hook(measure)
        counter = FlopCounterMode(display=False)
        with torch.no_grad(), counter:
            shapes(torch.empty(1, 3, height, width, device="meta"))
        multiply_adds = counter.get_total_flops() // 2
    except Exception as error:  # of 1,400 architectures some compute with values, not shapes
        uncounted = type(error).__name__
    total = parameters(network)
    return Cost(total, total - of_last, multiply_adds, largest, uncounted)


def parameters(module: nn.Module) -> int:
    """How many numbers the parameters of a network hold."""
    return sum(parameter.numel() for parameter in module.parameters())
