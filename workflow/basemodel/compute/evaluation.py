"""How often a network's first choice is right."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from basemodel.compute.device import autocast
from basemodel.compute.feeding import Streamed
from basemodel.compute.passing import apply
from basemodel.models.own_weights import DIVERGED

if TYPE_CHECKING:
    from basemodel.compute.passing import Inputs


def accuracy(
    model: nn.Module,
    inputs: Tensor | Streamed,
    labels: Tensor,
    prepare: Callable[[Tensor], Tensor] = lambda batch: batch,
    precision: str = "float32",
) -> float:
    """Top-1 accuracy, a fraction; arguments and errors as in `correct`."""
    return share(correct(model, inputs, labels, prepare, precision))


def share(right: Tensor) -> float:
    """The fraction of a bool [n] that is true."""
    return right.double().mean().item()


def correct(
    model: nn.Module,
    inputs: Tensor | Streamed,
    labels: Tensor,
    prepare: Callable[[Tensor], Tensor] = lambda batch: batch,
    precision: str = "float32",
) -> Tensor:
    """Which images the model's first choice is right for, bool [n] on the CPU.

    `prepare` is as in `fit`, `precision` as in `autocast`.

    Raises ValueError if there are no images, FloatingPointError if the network's output for one is
    not finite, which can happen with finite weights.
    """
    if not len(inputs):
        raise ValueError("no images to test on")
    # One number per image, so that there is no wait for the device after each batch.
    predicted = _all(
        model, inputs, prepare, precision, lambda x: x.argmax(1).where(x.isfinite().all(1), -1)
    )
    _check(predicted < 0)
    return predicted.cpu() == labels.cpu()


def outputs(
    model: nn.Module,
    inputs: "Inputs",
    prepare: Callable[[Tensor], Tensor] = lambda batch: batch,
    precision: str = "float32",
) -> Tensor:
    """What the model gives for every image, float32 [n, K] on the CPU; errors as in `correct`."""
    if not len(inputs):
        raise ValueError("no images to test on")
    found = _all(model, inputs, prepare, precision, lambda x: x.float())
    _check(~found.isfinite().all(1))
    return found.cpu()


def _all(
    model: nn.Module,
    inputs: "Inputs",
    prepare: Callable[[Tensor], Tensor],
    precision: str,
    kept: Callable[[Tensor], Tensor],
) -> Tensor:
    """What is kept of the model's outputs for all images, on its device."""
    model.eval()
    where = next(model.parameters()).device

    def predict(batch: Tensor) -> Tensor:
        batch = prepare(batch)
        with autocast(precision, where):
            logits = model(batch)
        return kept(logits)

    return torch.cat(list(apply(predict, inputs, where)))


def _check(bad: Tensor) -> None:
    if count := int(bad.sum()):
        raise FloatingPointError(
            f"the network's answers to {count} of {len(bad)} images are not finite: {DIVERGED}"
        )
