"""Base models on disk: weights as safetensors, and beside them a JSON that says what they are."""

from pathlib import Path

from safetensors.torch import load_file
from torch import nn

from basemodel.files import read_json
from basemodel.networks.architectures import NETWORKS
from basemodel.networks.weights import DIVERGED, check_finite, save


def build(architecture: str, classes: int, width: float, stem: str, dropout: float) -> nn.Module:
    """An untrained network; `architecture` is a key of NETWORKS."""
    return NETWORKS[architecture](classes, width=width, stem=stem, dropout=dropout)


def save_weights(model: nn.Module, path: str | Path) -> None:
    """Raises FloatingPointError if they are not finite, and writes nothing."""
    state = model.state_dict()
    check_finite(state, f"{path} is not written", DIVERGED)
    save(state, path)


def load(weights: str | Path, card: str | Path) -> nn.Module:
    """A network in evaluation mode on the CPU; the card's `network` is what `build` takes.

    Raises FloatingPointError if its weights are not finite.
    """
    model = build(**read_json(card)["network"])
    state = load_file(weights)
    check_finite(state, str(weights), "remove this file, and it is trained again")
    model.load_state_dict(state)
    return model.eval()


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
