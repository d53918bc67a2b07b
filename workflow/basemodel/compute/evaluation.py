"""How often a network's first choice is right."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from basemodel.compute.device import autocast
from basemodel.compute.feeding import Streamed
from basemodel.compute.passing import apply
from basemodel.models.own_weights import DIVERGED


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
    model.eval()
    where = next(model.parameters()).device

    def predict(batch: Tensor) -> Tensor:
        batch = prepare(batch)
        with autocast(precision, where):
            logits = model(batch)
        # One number per image, so that there is no wait for the device after each batch.
        return logits.argmax(1).where(logits.isfinite().all(1), -1)

    predicted = torch.cat(list(apply(predict, inputs, where)))
    if bad := int((predicted < 0).sum()):
        raise FloatingPointError(
            f"the network's answers to {bad} of {len(predicted)} images are not finite: {DIVERGED}"
        )
    return predicted.cpu() == labels.cpu()
