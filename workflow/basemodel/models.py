"""Base models on disk: weights as safetensors, and beside them a JSON that says what they are."""

from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import nn

from basemodel.architectures import NETWORKS
from basemodel.files import read_json, whole


def build(architecture: str, classes: int, width: float, stem: str, dropout: float) -> nn.Module:
    """An untrained network; `architecture` is a key of NETWORKS."""
    return NETWORKS[architecture](classes, width=width, stem=stem, dropout=dropout)


def save_weights(model: nn.Module, path: str | Path) -> None:
    tensors = {name: tensor.contiguous().cpu() for name, tensor in model.state_dict().items()}
    with whole(path) as part:
        save_file(tensors, part)


def load(weights: str | Path, card: str | Path) -> nn.Module:
    """A network in evaluation mode on the CPU; the card's `network` is what `build` takes."""
    model = build(**read_json(card)["network"])
    model.load_state_dict(load_file(weights))
    return model.eval()
