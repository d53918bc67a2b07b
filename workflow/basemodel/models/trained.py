"""Base models that this project trains: weights as safetensors, with a JSON card."""

from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import nn

from basemodel.files import read_json
from basemodel.models.architectures import build
from basemodel.models.cost import parameters
from basemodel.models.model import Model
from basemodel.models.own_weights import DIVERGED, check_finite, of_another_kind, save
from basemodel.models.preprocessing import Preprocessing
from basemodel.models.truncation import cut

AGAIN = "remove this file, and it is trained again"


def backbone_parameters(network: nn.Module) -> int:
    """The number of parameters without those of the last layer: what a fine-tuning starts from."""
    return parameters(network) - parameters(network.last)


def save_weights(network: nn.Module, path: str | Path) -> None:
    """Save the weights. Raises FloatingPointError, writing nothing, if they are not finite."""
    state = network.state_dict()
    check_finite(state, f"{path} is not written", DIVERGED)
    save(state, path)


def load(weights: str | Path, card: str | Path) -> Model:
    """A base model; the card's `network` holds the arguments of `build`.

    Raises FloatingPointError if its weights are not finite, ValueError if they are not plain.
    """
    facts = read_json(card)
    network = build(**facts["network"])
    state = load_file(weights)
    if other := of_another_kind(state, network.state_dict()):
        raise ValueError(f"{weights}: {other[0]} is no plain weight: {AGAIN}")
    check_finite(state, str(weights), AGAIN)
    network.load_state_dict(state)
    return whole(network, facts)


def whole(network: nn.Module, card: dict[str, Any]) -> Model:
    """A Model of a network that `build` made; `card` has its `network` and `preprocessing`."""
    return Model(
        network.eval(),
        Preprocessing.from_card(card),
        classifier=network.last,
        facts={
            "licence": None,
            "source_classes": card["network"]["classes"],
            "imagenet_top1": None,
            "weights": None,
            "sha256": None,
        },
        remedy=f"{DIVERGED} of the base model",
        stages=(network.trunk, network.head[:-1]),
    )


def truncated(model: Model, layer: int) -> Model:
    """A base model cut after a layer (truncation.cut): its featuremaps are the layer's activations,
    its embeddings their means. It shares the model's weights, and has no classifier."""
    trunk = cut(model.module, layer).eval()
    pooled = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return Model(trunk, model.preprocessing, remedy=model.remedy, stages=(trunk, pooled))
