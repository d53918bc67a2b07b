"""Base models on disk: weights as safetensors, and beside them a JSON that says what they are."""

from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import nn

from basemodel.architectures import NETWORKS
from basemodel.files import read_json, whole, write_json


def build(architecture: str, classes: int, width: float, stem: str, dropout: float) -> nn.Module:
    """An untrained network; `architecture` is a key of NETWORKS."""
    return NETWORKS[architecture](classes, width=width, stem=stem, dropout=dropout)


def save(model: nn.Module, weights: str | Path, card: str | Path, facts: dict[str, Any]) -> None:
    """Write weights and card. `facts["network"]` holds the arguments of `build`."""
    tensors = {name: tensor.contiguous().cpu() for name, tensor in model.state_dict().items()}
    with whole(weights) as part:
        save_file(tensors, part)
    write_json(card, facts)


def load(weights: str | Path, card: str | Path) -> nn.Module:
    """The network that `save` wrote, in evaluation mode on the CPU."""
    model = build(**read_json(card)["network"])
    model.load_state_dict(load_file(weights))
    return model.eval()
