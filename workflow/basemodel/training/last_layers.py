"""Training a last layer on frozen features several times at once, each with a seed of its own.

One such training is so small that most of its time goes to starting operations. Trained together,
as one tensor, several cost little more than one. The optimisers work on every number by itself, so
each layer becomes what it would become alone, except for rounding.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from basemodel.compute.device import autocast
from basemodel.models.architectures import initialise
from basemodel.models.own_weights import DIVERGED, check_finite
from basemodel.training.loop import learning_rate, make_optimizer


def train_last_layers(
    like: nn.Linear,
    features: Tensor,
    labels: Tensor,
    settings: dict[str, Any],
    seeds: Sequence[int],
) -> list[nn.Linear]:
    """New layers of the size of `like`, on its device, one for each seed.

    features: float [n, D], on that device; labels: int64 [n]; settings: those of `loop.fit`, plus
    initialisation. The seed decides the initial weights and the order of the images in each epoch.
    Raises FloatingPointError if the weights do not stay finite.
    """
    where = like.weight.device
    layers, orders = [], []
    for seed in seeds:
        torch.manual_seed(seed)
        layers.append(nn.Linear(like.in_features, like.out_features))
        initialise(layers[-1], settings["initialisation"])
        orders.append(torch.Generator().manual_seed(seed))
    weight = nn.Parameter(torch.stack([layer.weight.detach().T for layer in layers]).to(where))
    bias = nn.Parameter(torch.stack([layer.bias.detach()[None] for layer in layers]).to(where))
    optimizer = make_optimizer([weight, bias], settings)
    labels = labels.to(where)
    steps = -(-len(features) // settings["batch"])
    for epoch in range(settings["epochs"]):
        order = torch.stack([torch.randperm(len(features), generator=own) for own in orders])
        for step, rows in enumerate(order.to(where).tensor_split(steps, dim=1)):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(epoch, step, steps, settings)
            with autocast(settings["precision"], where):
                logits = torch.baddbmm(bias, features[rows], weight)
                loss = F.cross_entropy(
                    logits.flatten(0, 1), labels[rows].flatten(), reduction="sum"
                )
            optimizer.zero_grad()
            # Of each layer its mean over the batch, so that the layers do not affect each other.
            (loss / rows.shape[1]).backward()
            optimizer.step()
    state = {"weight": weight.detach(), "bias": bias.detach()}
    check_finite(state, "the last layers of the repeats", DIVERGED)
    with torch.no_grad():
        for i, layer in enumerate(layers):
            layer.to(where)
            layer.weight.copy_(weight[i].T)
            layer.bias.copy_(bias[i, 0])
    return layers
