"""A candidate in memory: its network, its own preprocessing, and what is known about it."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from basemodel.rank.preparation import Preparation

# Prepared images [n, 3, H, W] -> those of featuremaps [n, C, H, W], embeddings [n, D] and
# probabilities of the source classes [n, Z] that the network has.
Look = Callable[[Tensor], dict[str, Tensor]]


@dataclass
class Network:
    """`module` is on the CPU and in evaluation mode; `look` goes with it to another device.

    `preparation`: how it takes images, of `side` (H, W) in pixels. `classifier`: the last layer,
    None if it has none of its own. `facts`: what its library says (licence, source classes,
    accuracy on ImageNet, file and SHA-256 of the weights); `notes`: what the user should know, a
    line each.
    """

    module: nn.Module
    preparation: Preparation
    look: Look
    side: tuple[int, int]
    classifier: nn.Module | None
    facts: dict[str, Any]
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Cost:
    """What one image costs. `multiply_adds`: None if an operation cannot be counted.

    `largest`: the number of elements of the largest output of a layer.
    """

    parameters: int
    parameters_without_classifier: int
    multiply_adds: int | None
    largest: int


def cost(network: Network) -> Cost:
    """Count without computing, on torch's meta device: about 0.1 s.

    Multiply-adds are half of what torch's FlopCounterMode counts: convolutions, matrix products and
    attention. Biases, normalisation and activations are left out, as is usual.
    """
    counted = sum(p.numel() for p in network.module.parameters())
    last = network.classifier
    of_last = sum(p.numel() for p in last.parameters()) if last is not None else 0
    largest = 3 * network.side[0] * network.side[1]

    def measure(module: nn.Module, _: Any, output: Any) -> None:
        nonlocal largest
        if isinstance(output, Tensor):
            largest = max(largest, output.numel())

    try:
        shapes = copy.deepcopy(network.module).to("meta").eval()
        shapes.requires_grad_(False)  # the counter refuses parameters as a layer's input otherwise
        for module in shapes.modules():
            module.register_forward_hook(measure)
        counter = FlopCounterMode(display=False)
        with torch.no_grad(), counter:
            shapes(torch.empty(1, 3, *network.side, device="meta"))
        multiply_adds = counter.get_total_flops() // 2
    except Exception as error:  # of 1,400 architectures some compute with values, not shapes
        network.notes.append(f"multiply-adds cannot be counted ({type(error).__name__})")
        multiply_adds = None
    return Cost(counted, counted - of_last, multiply_adds, largest)
