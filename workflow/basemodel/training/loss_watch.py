"""Stop training when the loss or the weights are not finite, hardly holding up the device."""

import math
from collections import deque

import torch
from torch import Tensor, nn

from basemodel.models.own_weights import DIVERGED, check_finite

LATE = 16  # steps after which to wait for a loss: by then it has arrived, so waiting costs nothing


class Watch:
    """Checks every step's loss and raises FloatingPointError for the first that is not finite.

    It raises at once on the CPU. On a GPU it does so when the loss has arrived on the host, up to
    LATE steps later, but the message names the step in which it happened.
    """

    def __init__(self, epochs: int, steps: int):
        self._epochs, self._steps = epochs, steps
        self._pending: deque[tuple[Tensor, torch.cuda.Event | None, tuple[int, int, float]]]
        self._pending = deque()

    def see(self, loss: Tensor, epoch: int, step: int, rate: float) -> None:
        """Take the loss of one step; epoch and step are counted from 0."""
        host, arrived = loss.detach(), None
        if loss.is_cuda:
            host = torch.empty((), dtype=loss.dtype, pin_memory=True)
            host.copy_(loss.detach(), non_blocking=True)
            arrived = torch.cuda.current_stream(loss.device).record_event()
        self._pending.append((host, arrived, (epoch, step, rate)))
        while self._pending and self._ready():
            self._check()

    def finish(self) -> None:
        """Wait for all pending losses and check them."""
        while self._pending:
            self._check()

    def look_at(self, model: nn.Module, epoch: int, rate: float) -> None:
        """Check the weights after an epoch's last step, whose effect no loss shows."""
        after = f"the weights after epoch {epoch + 1} of {self._epochs}, at learning rate {rate:g}"
        check_finite(model.state_dict(), after, DIVERGED)

    def _ready(self) -> bool:
        arrived = self._pending[0][1]
        return arrived is None or len(self._pending) > LATE or arrived.query()

    def _check(self) -> None:
        host, arrived, (epoch, step, rate) = self._pending.popleft()
        if arrived is not None:
            arrived.synchronize()
        if not math.isfinite(loss := host.item()):
            raise FloatingPointError(
                f"the loss became {loss} in epoch {epoch + 1} of {self._epochs}, step {step + 1} "
                f"of {self._steps}, at learning rate {rate:g}: {DIVERGED}"
            )
