"""The best network of a verification, as a file that others can load, with a card."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn

from basemodel.files import read_json, sha256, write_json
from basemodel.models.load import load as load_model
from basemodel.models.model import Model
from basemodel.models.own_weights import save
from basemodel.models.preprocessing import Preprocessing
from basemodel.selection.names import Candidate
from basemodel.selection.tuning import restore

APART = "last_linear"  # the new last layer, of a network that has none in its place


def write(
    candidate: Candidate,
    models: str | Path,
    network: str | Path,
    weights: str | Path,
    card: str | Path,
    facts: Mapping[str, Any],
) -> None:
    """Write the weights, by the names of the candidate's library, and a card with these facts.

    The new last layer is in the place of the old classifier, so that timm and torchvision load the
    file as a network of so many classes. `network`: what tuning.tune has kept.
    """
    model = load_model(**candidate.arguments, models=models)
    last = restore(model, network)
    place = _place(model, last)
    state = {n: t.clone() for n, t in model.module.state_dict().items() if not _old(n, model)}
    state |= {f"{place}.{name}": tensor for name, tensor in last.state_dict().items()}
    save(state, weights)
    loading = candidate.arguments | {"file": "", "key": "", "untrained": True}
    if candidate.library == "base":
        loading |= {"name": candidate.architecture.partition(":")[2]}
        loading |= {"models": str(Path(models).absolute())}
    preprocessing = model.preprocessing
    shown = preprocessing.as_card() | {"transform": str(preprocessing.transform)}
    write_json(
        card,
        {
            **facts,
            "architecture": candidate.architecture,
            "preprocessing": shown,
            "last": place,
            "loading": loading,
            "sha256": sha256(weights),
        },
    )


@dataclass
class Network:
    """`module`: prepared images, float32 [n, 3, H, W] -> outputs, float32 [n, K], in evaluation
    mode; `preprocessing` prepares one image; `classes`: the names of the K outputs, or of the tags;
    `card`: all that is known."""

    module: nn.Module
    preprocessing: Preprocessing
    classes: list[str]
    card: dict[str, Any]

    def __call__(self, image: Image.Image) -> Tensor:
        """The probabilities of the classes or tags, or the number, of one upright RGB image."""
        with torch.inference_mode():
            [found] = self.module(self.preprocessing(image)[None])
        if self.card["task"] == "classes":
            return found.softmax(0)
        if self.card["task"] == "tags":
            return found.sigmoid()
        mean, deviation = self.card["scale"]
        return found * deviation + mean


def load(folder: str | Path) -> Network:
    """The network that `snakemake rank_verify` has kept in a folder `verified`.

    Raises ValueError if the file of weights is not the one that the card describes.
    """
    weights, card = Path(folder, "best.safetensors"), read_json(Path(folder, "best.json"))
    if sha256(weights) != card["sha256"]:
        raise ValueError(f"{weights}: not the file that best.json describes: verify again")
    model, state = load_model(**card["loading"]), load_file(weights)
    parts = {name: state.pop(f"{card['last']}.{name}") for name in ("weight", "bias")}
    last = nn.Linear(*parts["weight"].shape[::-1])
    last.load_state_dict(parts)
    model.module.load_state_dict(state, strict=False)  # without the old classifier
    module = nn.Sequential(*model.divided(last, "last")).eval()
    return Network(module, model.preprocessing, card["classes"], card)


def _place(model: Model, last: nn.Linear) -> str:
    """The name of the old classifier, if the new last layer can take its place."""
    old = model.classifier
    if isinstance(old, nn.Linear) and old.in_features == last.in_features:
        for name, module in model.module.named_modules():
            if module is old:
                return name
    return APART


def _old(name: str, model: Model) -> bool:
    """Whether this weight is the old classifier's."""
    if model.classifier is None:
        return False
    places = {id(module): name for name, module in model.module.named_modules()}
    old = [places[id(m)] for m in model.classifier.modules() if id(m) in places]
    return any(name.startswith(f"{place}.") for place in old if place)
