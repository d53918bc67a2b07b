"""Base models on disk: weights as safetensors, with a JSON card that says what they are."""

from pathlib import Path

from safetensors.torch import load_file
from torch import nn

from basemodel.files import read_json
from basemodel.networks.architectures import NETWORKS
from basemodel.networks.weights import DIVERGED, check_finite, of_another_kind, save

AGAIN = "remove this file, and it is trained again"


def build(architecture: str, classes: int, width: float, stem: str, dropout: float) -> nn.Module:
    """An untrained network; `architecture` is a key of NETWORKS."""
    return NETWORKS[architecture](classes, width=width, stem=stem, dropout=dropout)


def save_weights(model: nn.Module, path: str | Path) -> None:
    """Save the weights. Raises FloatingPointError, writing nothing, if they are not finite."""
    state = model.state_dict()
    check_finite(state, f"{path} is not written", DIVERGED)
    save(state, path)


def load(weights: str | Path, card: str | Path) -> nn.Module:
    """A network in evaluation mode on the CPU; the card's `network` holds the arguments of `build`.

    Raises FloatingPointError if its weights are not finite, ValueError if they are not plain.
    """
    model = build(**read_json(card)["network"])
    state = load_file(weights)
    if other := of_another_kind(state, model.state_dict()):
        raise ValueError(f"{weights}: {other[0]} is no plain weight: {AGAIN}")
    check_finite(state, str(weights), AGAIN)
    model.load_state_dict(state)
    return model.eval()


def backbone_parameters(model: nn.Module) -> int:
    """The number of parameters without those of the last layer: what a fine-tuning starts from."""
    last = sum(parameter.numel() for parameter in model.last.parameters())
    return sum(parameter.numel() for parameter in model.parameters()) - last


def initialise(model: nn.Module, how: str) -> None:
    """`torchvision`: leave the network as it was built. `kaiming`: normal, by fan-in, biases zero.

    Without batch normalisation, torch's default, which AlexNet uses, shrinks the signal layer by
    layer, and a narrow network may never start to learn; He et al.'s (2015) keeps its scale.
    """
    if how == "kaiming":
        for layer in model.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
