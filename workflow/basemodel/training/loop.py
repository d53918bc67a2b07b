"""The training loop, for both pre-training and fine-tuning."""

import os
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from basemodel.compute.device import autocast
from basemodel.compute.feeding import Streamed, feed
from basemodel.training.checkpoints import Checkpoint, PartialEpoch
from basemodel.training.loss_watch import Watch
from basemodel.training.stop_signals import stop_signals

Row = dict[str, float]

# What is minimised, by what the labels are; outputs are float [n, K]. `classes`: int64 [n]; `tags`:
# float [n, K], 1 for those that an image has; `number`: float [n], standardised.
LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "classes": F.cross_entropy,
    "tags": F.binary_cross_entropy_with_logits,
    "number": lambda outputs, labels: F.mse_loss(outputs[:, 0], labels),
}


class Interrupted(SystemExit):
    """A training run was asked to stop, and its state is saved: the next attempt resumes it.

    It ends the job with the exit status of a temporary failure (sysexits.h): try again.
    """

    def __init__(self, when: str):
        super().__init__(f"stopped {when}: saved")
        self.code = os.EX_TEMPFAIL
        print(self, flush=True)


def fit(
    model: nn.Module,
    inputs: Tensor | Streamed,
    labels: Tensor,
    settings: dict[str, Any],
    generator: torch.Generator,
    prepare: Callable[[Tensor], Tensor] = lambda batch: batch,
    checkpoint: Checkpoint | None = None,
    after_epoch: Callable[[int, Row], Row] = lambda epoch, row: {},
    task: str = "classes",
) -> list[Row]:
    """Train `model` in place on its device; return loss and training accuracy of every epoch.

    `inputs` [n, ...] and `labels` (as LOSSES of the `task` takes them) may be on any device; each
    batch is moved to the model's device and passed through `prepare`. `settings`: epochs, batch,
    optimizer (sgd or adamw), learning_rate, momentum, weight_decay, warmup_epochs, step_epochs,
    gamma, precision (see `autocast`) and compile. The learning rate grows linearly over the warm-up
    and is multiplied by gamma every step_epochs (docs/paper.md, Table 3). `after_epoch` is called
    with the epoch, counted from 1, and its row; what it returns is added to the row.

    With a `checkpoint`, epochs that it holds are not trained again, and SIGTERM or Ctrl-C saves
    the state and raises Interrupted. Raises FloatingPointError as soon as a loss, or the weights
    after an epoch, are not finite; ValueError if there are no images.
    """
    if not len(inputs):
        raise ValueError("no images to train on")
    parameters = [p for p in model.parameters() if p.requires_grad]
    where = parameters[0].device
    optimizer = make_optimizer(parameters, settings)
    labels = labels.to(where)
    steps = -(-len(inputs) // settings["batch"])
    watch = Watch(settings["epochs"], steps)
    if settings["compile"]:
        # For each size of a batch by itself. Left to torch, what is compiled depends on which sizes
        # came first, and a resumed training, which begins elsewhere, would round otherwise.
        model.compile(dynamic=False)
    history, partial = [], None
    if checkpoint:
        history, partial = checkpoint.restore(model, optimizer, generator)

    with stop_signals(heed=checkpoint is not None) as stop:
        for epoch in range(len(history), settings["epochs"]):
            model.train()
            if partial is None:
                partial = PartialEpoch.new(len(inputs), generator, where)
            batches = partial.order.tensor_split(steps)
            targets = labels[partial.order.to(where)].tensor_split(steps)
            for x in feed(inputs, batches[partial.step :], where):
                y = targets[partial.step]
                rate = learning_rate(epoch, partial.step, steps, settings)
                for group in optimizer.param_groups:
                    group["lr"] = rate
                x = prepare(x)
                with autocast(settings["precision"], where):
                    logits = model(x)
                    loss = LOSSES[task](logits, y)
                watch.see(loss, epoch, partial.step, rate)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                partial.loss += loss.detach() * len(y)
                if task == "classes":
                    partial.correct += (logits.argmax(1) == y).sum()
                partial.step += 1
                if stop.asked:
                    watch.finish()
                    checkpoint.save(model, optimizer, generator, history, partial)
                    raise Interrupted(f"in epoch {epoch + 1}")
            watch.finish()
            watch.look_at(model, epoch, learning_rate(epoch, steps - 1, steps, settings))
            row = {"loss": partial.loss.item() / len(inputs)}
            if task == "classes":
                row["accuracy"] = partial.correct.item() / len(inputs)
            partial = None
            history.append(row | after_epoch(epoch + 1, row))
            if stop.asked or (checkpoint and checkpoint.due()):
                checkpoint.save(model, optimizer, generator, history)
            if stop.asked:
                raise Interrupted(f"after epoch {epoch + 1}")
    return history


def learning_rate(epoch: int, step: int, steps: int, settings: dict[str, Any]) -> float:
    """The learning rate for one step; epochs and steps are counted from 0."""
    rate = settings["learning_rate"] * settings["gamma"] ** (epoch // settings["step_epochs"])
    warmup = settings["warmup_epochs"] * steps
    return rate * min(1.0, (epoch * steps + step + 1) / warmup) if warmup else rate


def make_optimizer(
    parameters: list[nn.Parameter], settings: dict[str, Any]
) -> torch.optim.Optimizer:
    shared = {"lr": settings["learning_rate"], "weight_decay": settings["weight_decay"]}
    if settings["optimizer"] == "adamw":
        return torch.optim.AdamW(parameters, fused=True, **shared)
    return torch.optim.SGD(parameters, momentum=settings["momentum"], fused=True, **shared)
