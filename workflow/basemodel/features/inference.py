"""Passing images through a network without training it."""

from collections import deque
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from basemodel.features.device import autocast
from basemodel.features.feeding import Streamed, feed
from basemodel.networks.weights import DIVERGED

# Images evaluated at a time: enough to be fast, few enough for most devices.
EVALUATION_BATCH = 256


def apply(
    function: Callable[[Tensor], Tensor], inputs: Tensor | Streamed, where: torch.device
) -> Iterator[Tensor]:
    """Apply `function` to every batch of `inputs`, in order, without gradients.

    If a GPU has too little memory, batches are halved, down to one image.
    """
    size = EVALUATION_BATCH
    for batch in feed(inputs, torch.arange(len(inputs)).split(size), where):
        waiting = deque(batch.split(size))
        while waiting:
            found = None
            try:
                with torch.inference_mode():
                    found = function(waiting[0])
            except torch.OutOfMemoryError:
                if len(waiting[0]) == 1:
                    raise
            if found is not None:
                waiting.popleft()
                yield found
                continue
            # Not in the handler: there, the failed attempt's tensors are still held.
            size = (len(waiting[0]) + 1) // 2
            torch.cuda.empty_cache()
            print(f"too little memory for {len(waiting[0])} images at a time: {size}", flush=True)
            waiting = deque(part for each in waiting for part in each.split(size))


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
