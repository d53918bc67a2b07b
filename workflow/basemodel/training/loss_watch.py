"""Stop training when the loss or the weights are not finite, hardly holding up the device."""

import math

import torch
from torch import Tensor, nn

from basemodel.models.own_weights import DIVERGED, check_finite

EVERY = 16  # steps, on a GPU: waiting for their losses each time costs it a pause in every step


class Watch:
    """Checks every step's loss and raises FloatingPointError for the first that is not finite.

    On the CPU it raises at once, on a GPU up to EVERY steps later, but the message names the step
    in which it happened.
    """

    def __init__(self, epochs: int, steps: int):
        self._epochs, self._steps = epochs, steps
        self._unchecked: list[tuple[Tensor, int, int, float]] = []

    def see(self, loss: Tensor, epoch: int, step: int, rate: float) -> None:
        """Take the loss of one step; epoch and step are counted from 0."""
        self._unchecked.append((loss.detach(), epoch, step, rate))
        if loss.device.type == "cpu" or len(self._unchecked) == EVERY:
            self.finish()

    def finish(self) -> None:
        """Check the losses that have not been checked."""
        seen, self._unchecked = self._unchecked, []
        losses = torch.stack([loss for loss, *_ in seen]).tolist() if seen else []
        for loss, (_, epoch, step, rate) in zip(losses, seen, strict=True):
            if not math.isfinite(loss):
                raise FloatingPointError(
                    f"the loss became {loss} in epoch {epoch + 1} of {self._epochs}, step "
                    f"{step + 1} of {self._steps}, at learning rate {rate:g}: {DIVERGED}"
                )

    def look_at(self, model: nn.Module, epoch: int, rate: float) -> None:
        """Check the weights after an epoch's last step, whose effect no loss shows."""
        after = f"the weights after epoch {epoch + 1} of {self._epochs}, at learning rate {rate:g}"
        check_finite(model.state_dict(), after, DIVERGED)
