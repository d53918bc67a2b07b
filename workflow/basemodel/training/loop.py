"""The training loop, for pre-training and for fine-tuning alike."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from basemodel.features.feeding import Streamed, feed
from basemodel.training.checkpoints import STOPPED, Begun, Checkpoint
from basemodel.training.loss_watch import DIVERGED, Watch

# Images evaluated at a time: enough to be fast, small enough for any device.
EVALUATION_BATCH = 256


def device() -> torch.device:
    """The accelerator that this job was given, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def seed_everything(seed: int) -> torch.Generator:
    """Seed torch and ask for deterministic kernels; return a generator for the data's order.

    And float32 is to be float32: not TF32, with which GPUs compute convolutions otherwise.
    """
    torch.manual_seed(seed)
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
    return torch.Generator().manual_seed(seed)


def autocast(precision: str, where: torch.device) -> torch.autocast:
    """The context that a network computes in: `float32`, `bfloat16`, or `auto`.

    `auto` is bfloat16 on GPUs that have it in hardware, float32 elsewhere: on the CPU always.
    Weights, gradients and losses are float32 in every case.
    """
    if precision == "auto":
        half = where.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        half = precision == "bfloat16"
    return torch.autocast(where.type, torch.bfloat16, enabled=half)


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
    inputs: Tensor | Streamed,
    labels: Tensor,
    settings: dict[str, Any],
    generator: torch.Generator,
    prepare: Callable[[Tensor], Tensor] = lambda batch: batch,
    checkpoint: Checkpoint | None = None,
) -> Iterator[dict[str, float]]:
    """Train `model` in place on its device; yield loss and training accuracy after every epoch.

    `inputs` [n, ...] and `labels` int64 [n] may live anywhere; a batch goes to the model's device
    and through `prepare` first. `settings`: epochs, batch, optimizer (sgd or adamw),
    learning_rate, momentum, weight_decay, warmup_epochs, step_epochs and gamma: the rate grows
    linearly over the warm-up and is multiplied by gamma every step_epochs (PAPER, Table 3);
    precision (see `autocast`) and compile.

    With a `checkpoint`, epochs that it holds are neither trained nor yielded again, whatever the
    caller adds to a row goes into its history, and SIGTERM or Ctrl-C saves it and ends.
    Raises FloatingPointError as soon as a loss is not finite, and before an epoch is yielded whose
    last step left weights that are not; ValueError if there are no images.
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
        model.compile()
    checkpoint = checkpoint or Checkpoint()
    begun = checkpoint.restore(model, optimizer, generator)

    with checkpoint.stopped_by_signals():
        for epoch in range(len(checkpoint.history), settings["epochs"]):
            model.train()
            if begun is None:
                order = torch.randperm(len(inputs), generator=generator)
                begun = Begun(
                    0, order, torch.zeros((), device=where), torch.zeros((), device=where)
                )
            batches = begun.order.tensor_split(steps)
            targets = labels[begun.order.to(where)].tensor_split(steps)
            for x in feed(inputs, batches[begun.step :], where):
                y = targets[begun.step]
                rate = learning_rate(epoch, begun.step, steps, settings)
                for group in optimizer.param_groups:
                    group["lr"] = rate
                x = prepare(x)
                with autocast(settings["precision"], where):
                    logits = model(x)
                    loss = F.cross_entropy(logits, y)
                watch.see(loss, epoch, begun.step, rate)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                begun.loss += loss.detach() * len(y)
                begun.correct += (logits.argmax(1) == y).sum()
                begun.step += 1
                if checkpoint.stop_asked:
                    watch.finish()
                    checkpoint.save(model, optimizer, generator, begun)
                    raise SystemExit(STOPPED)
            watch.finish()
            watch.look_at(model, epoch, learning_rate(epoch, steps - 1, steps, settings))
            row = {"loss": begun.loss.item() / len(inputs)}
            row["accuracy"] = begun.correct.item() / len(inputs)
            begun = None
            yield row
            checkpoint.history.append(row)
            if checkpoint.due() or checkpoint.stop_asked:
                checkpoint.save(model, optimizer, generator)
            if checkpoint.stop_asked:
                raise SystemExit(STOPPED)


def learning_rate(epoch: int, step: int, steps: int, settings: dict[str, Any]) -> float:
    """The rate for one step, epochs and steps counted from 0."""
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


def apply(
    function: Callable[[Tensor], Tensor], inputs: Tensor | Streamed, where: torch.device
) -> Iterator[Tensor]:
    """`function` of every batch of `inputs`, in order, without gradients."""
    for batch in feed(inputs, torch.arange(len(inputs)).split(EVALUATION_BATCH), where):
        with torch.inference_mode():
            yield function(batch)


def accuracy(
    model: nn.Module,
    inputs: Tensor | Streamed,
    labels: Tensor,
    prepare: Callable[[Tensor], Tensor] = lambda batch: batch,
    precision: str = "float32",
) -> float:
    """Top-1 accuracy, a fraction; `prepare` as in `fit`, `precision` as in `autocast`.

    Raises ValueError if there are no images, FloatingPointError if the network answers one with
    something that is not finite, as it can with finite weights.
    """
    if not len(inputs):
        raise ValueError("no images to test on")
    model.eval()
    where = next(model.parameters()).device

    def predict(batch: Tensor) -> Tensor:
        batch = prepare(batch)
        with autocast(precision, where):
            logits = model(batch)
        # One number an image, so that a device is not waited for after each batch.
        return logits.argmax(1).where(logits.isfinite().all(1), -1)

    predicted = torch.cat(list(apply(predict, inputs, where)))
    if bad := int((predicted < 0).sum()):
        raise FloatingPointError(
            f"the network's answers to {bad} of {len(predicted)} images are not finite: {DIVERGED}"
        )
    return (predicted.cpu() == labels.cpu()).double().mean().item()
