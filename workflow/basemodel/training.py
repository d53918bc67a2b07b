"""The training loop, for pre-training and for fine-tuning alike."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# Images evaluated at a time: enough to be fast, small enough for any device.
EVALUATION_BATCH = 256


def device() -> torch.device:
    """The accelerator that this job was given, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def seed_everything(seed: int) -> torch.Generator:
    """Seed torch and ask for deterministic kernels; return a generator for the data's order."""
    torch.manual_seed(seed)
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
    return torch.Generator().manual_seed(seed)


def initialise(model: nn.Module, how: str) -> None:
    """`torchvision`: as the network was made. `kaiming`: normal, by fan-in, biases zero.

    Without batch normalisation torch's own default, which is AlexNet's, shrinks the signal layer
    by layer, and a narrow network may never start to learn; He et al. (2015) keep its scale.
    """
    if how == "kaiming":
        for layer in model.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)


def fit(
    model: nn.Module,
    inputs: Tensor,
    labels: Tensor,
    settings: dict[str, Any],
    generator: torch.Generator,
    prepare: Callable[[Tensor], Tensor] = lambda batch: batch,
) -> Iterator[dict[str, float]]:
    """Train `model` in place on its device; yield loss and training accuracy after every epoch.

    `inputs` [n, ...] and `labels` int64 [n] may live anywhere; a batch goes to the model's device
    and through `prepare` first. `settings`: epochs, batch, optimizer (sgd or adamw),
    learning_rate, momentum, weight_decay, warmup_epochs, step_epochs and gamma: the rate grows
    linearly over the warm-up and is multiplied by gamma every step_epochs (PAPER, Table 3).
    Raises FloatingPointError as soon as an epoch's loss is not finite.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    target = parameters[0].device
    optimizer = _optimizer(parameters, settings)
    steps = -(-len(inputs) // settings["batch"])
    for epoch in range(settings["epochs"]):
        model.train()
        total_loss = torch.zeros((), device=target)
        correct = torch.zeros((), device=target)
        order = torch.randperm(len(inputs), generator=generator).to(inputs.device)
        for step, batch in enumerate(order.tensor_split(steps)):
            rate = learning_rate(epoch, step, steps, settings)
            for group in optimizer.param_groups:
                group["lr"] = rate
            x, y = prepare(inputs[batch].to(target)), labels[batch].to(target)
            logits = model(x)
            loss = F.cross_entropy(logits, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total_loss += loss.detach() * len(batch)
            correct += (logits.argmax(1) == y).sum()
        mean_loss = total_loss.item() / len(inputs)
        if not torch.isfinite(total_loss):
            raise FloatingPointError(
                f"the loss became {mean_loss} in epoch {epoch + 1} of {settings['epochs']}, "
                f"at learning rate {rate:g}: lower learning_rate or lengthen warmup_epochs"
            )
        yield {"loss": mean_loss, "accuracy": correct.item() / len(inputs)}


def learning_rate(epoch: int, step: int, steps: int, settings: dict[str, Any]) -> float:
    """The rate for one step, epochs and steps counted from 0."""
    rate = settings["learning_rate"] * settings["gamma"] ** (epoch // settings["step_epochs"])
    warmup = settings["warmup_epochs"] * steps
    return rate * min(1.0, (epoch * steps + step + 1) / warmup) if warmup else rate


def _optimizer(parameters: list[nn.Parameter], settings: dict[str, Any]) -> torch.optim.Optimizer:
    shared = {"lr": settings["learning_rate"], "weight_decay": settings["weight_decay"]}
    if settings["optimizer"] == "adamw":
        return torch.optim.AdamW(parameters, fused=True, **shared)
    return torch.optim.SGD(parameters, momentum=settings["momentum"], fused=True, **shared)


def apply(
    function: Callable[[Tensor], Tensor], inputs: Tensor, where: torch.device
) -> Iterator[Tensor]:
    """`function` of every batch of `inputs`, in order, without gradients."""
    for batch in inputs.split(EVALUATION_BATCH):
        with torch.inference_mode():
            yield function(batch.to(where))


def accuracy(
    model: nn.Module,
    inputs: Tensor,
    labels: Tensor,
    prepare: Callable[[Tensor], Tensor] = lambda batch: batch,
) -> float:
    """Top-1 accuracy, a fraction; `prepare` as in `fit`."""
    model.eval()
    where = next(model.parameters()).device
    predicted = apply(lambda batch: model(prepare(batch)).argmax(1).cpu(), inputs, where)
    return (torch.cat(list(predicted)) == labels).double().mean().item()
