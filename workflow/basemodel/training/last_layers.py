"""Training a last layer on frozen features several times at once, each with an order of its own.

One such training is so small that most of its time goes to starting operations. Trained together,
as one tensor and with the gradient written out, three take less time than one by autograd. The
optimisers work on every number by itself, so each layer becomes what it would become alone, except
for rounding.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from basemodel.compute.device import autocast
from basemodel.models.architectures import initialise
from basemodel.models.own_weights import DIVERGED, check_finite
from basemodel.training.loop import Row, learning_rate, make_optimizer


def new_layer(like: nn.Linear, initialisation: str, seed: int) -> tuple[nn.Linear, torch.Generator]:
    """A layer of the size of `like`, and a generator for the order of its images, both by seed."""
    torch.manual_seed(seed)
    layer = nn.Linear(like.in_features, like.out_features)
    initialise(layer, initialisation)
    return layer, torch.Generator().manual_seed(seed)


def train_last_layers(
    layers: Sequence[nn.Linear],
    features: Tensor,
    labels: Tensor,
    settings: dict[str, Any],
    generators: Sequence[torch.Generator],
) -> list[list[Row]]:
    """Train `layers`, all of one size, in place; return the history of each, as `loop.fit` does.

    features: float [n, D]; the layers end on its device; labels: int64 [n]; settings: those of
    `loop.fit`, `compile` aside. The generators, on the CPU, decide the order of the images. Raises
    FloatingPointError after the first epoch in which a loss is not finite, or at the end for the
    weights; ValueError if there are no images.
    """
    if not len(features):
        raise ValueError("no images to train on")
    where = features.device
    weight = nn.Parameter(torch.stack([layer.weight.detach().T for layer in layers]).to(where))
    bias = nn.Parameter(torch.stack([layer.bias.detach()[None] for layer in layers]).to(where))
    optimizer = make_optimizer([weight, bias], settings)
    labels = labels.to(where)
    steps = -(-len(features) // settings["batch"])
    histories: list[list[Row]] = [[] for _ in layers]
    for epoch in range(settings["epochs"]):
        order = torch.stack([torch.randperm(len(features), generator=own) for own in generators])
        seen = torch.zeros(2, len(layers), device=where)  # losses, and how many images are right
        for step, rows in enumerate(order.to(where).tensor_split(steps, dim=1)):
            rate = learning_rate(epoch, step, steps, settings)
            for group in optimizer.param_groups:
                group["lr"] = rate
            weight.grad, bias.grad = _gradients(
                weight, bias, features[rows], labels[rows][..., None], settings["precision"], seen
            )
            optimizer.step()
        for history, loss, right in zip(histories, *(seen / len(features)).tolist(), strict=True):
            history.append({"loss": loss, "accuracy": right})
            if not math.isfinite(loss):
                raise FloatingPointError(
                    f"the loss became {loss} in epoch {epoch + 1} of {settings['epochs']}, at "
                    f"learning rate {rate:g}: {DIVERGED}"
                )
    after = f"the weights after {settings['epochs']} epochs, at learning rate {rate:g}"
    check_finite({"weight": weight, "bias": bias}, after, DIVERGED)
    with torch.no_grad():
        for i, layer in enumerate(layers):
            layer.to(where)
            layer.weight.copy_(weight[i].T)
            layer.bias.copy_(bias[i, 0])
    return histories


@torch.no_grad()
def _gradients(
    weight: Tensor, bias: Tensor, x: Tensor, y: Tensor, precision: str, seen: Tensor
) -> tuple[Tensor, Tensor]:
    """Those of each layer's mean cross-entropy over its batch: Xᵀ (softmax(X W + b) − Y) / n.

    weight [layers, D, K], bias [layers, 1, K], x [layers, n, D], y int64 [layers, n, 1]. Losses and
    the number of images that are right are added to `seen`.
    """
    with autocast(precision, x.device):
        logits = torch.baddbmm(bias, x, weight).float()
        logs = logits.log_softmax(2)
        own = logs.gather(2, y)
        seen[0] -= own.sum((1, 2))
        seen[1] += (logits.argmax(2, keepdim=True) == y).sum((1, 2))
        off = logs.exp_().scatter_add_(2, y, torch.full_like(own, -1)).div_(x.shape[1])
        return (x.mT @ off).float(), off.sum(1, keepdim=True)
