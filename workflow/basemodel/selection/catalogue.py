"""What can be named as a candidate: parameters, licence, and whether the weights are here.

Counting timm's parameters means building the network, which takes 0.2 s. So in a list of more than
FEW it is done only for those whose weights are here, and for those of the shelf.
"""

import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

from basemodel.files import read_json
from basemodel.models.failures import Unusable
from basemodel.selection import shelf

FEW = 100  # of timm's


class Line(NamedTuple):
    candidate: str
    parameters: int | None
    licence: str | None
    here: bool


def listing(models: Path, pattern: str = "*") -> Iterator[Line]:
    """All candidates but files, in the order timm, torchvision, base models.

    models: the folder of base models; pattern: selects names, with or without the library.
    """
    yield from _timm(pattern)
    yield from _torchvision(pattern)
    for card in sorted(models.glob("*/*.json")):
        label = f"base:{card.parent.name}/{card.stem}"
        weights = card.with_suffix(".safetensors")
        if _wanted(label, pattern) and weights.is_file():
            yield Line(label, _parameters_of_base(card), None, True)


def _timm(pattern: str) -> Iterator[Line]:
    from basemodel.models import from_timm

    try:
        timm = from_timm.library()
    except Unusable as error:
        print(error, file=sys.stderr)
        return
    import torch

    shelved = {candidate.name.partition("@")[0] for candidate in shelf.shelf()}
    names = [n for n in timm.list_models(pretrained=True) if _wanted(f"timm:{n}", pattern)]
    for name in names:
        config = timm.models.get_pretrained_cfg(name)
        here = from_timm.here(config) is not None
        parameters = None
        if here or len(names) <= FEW or name in shelved:
            with torch.device("meta"):  # shapes without values
                network = timm.create_model(name)
            parameters = sum(p.numel() for p in network.parameters())
        yield Line(f"timm:{name}", parameters, config.license, here)


def _torchvision(pattern: str) -> Iterator[Line]:
    from basemodel.models import from_torchvision as source

    for name in source.names():
        for weights in source.get_model_weights(name):
            default = weights is source.get_model_weights(name).DEFAULT
            label = f"torchvision:{name}" + ("" if default else f".{weights.name}")
            if _wanted(label, pattern):
                here = source.cached(weights).is_file()
                yield Line(label, weights.meta["num_params"], None, here)


def _parameters_of_base(card: Path) -> int:
    import torch

    from basemodel.models.architectures import build

    with torch.device("meta"):
        return sum(p.numel() for p in build(**read_json(card)["network"]).parameters())


def _wanted(label: str, pattern: str) -> bool:
    return fnmatch(label, pattern) or fnmatch(label.partition(":")[2], pattern)


def table(lines: list[Line]) -> str:
    """The listing as text, in columns."""
    widest = max([len(line.candidate) for line in lines], default=0)
    rows = [f"{'candidate':{widest}}  parameters  weights  licence"]
    for line in lines:
        size = f"{line.parameters / 1e6:.1f} M" if line.parameters else "?"
        here = "here" if line.here else "-"
        rows.append(f"{line.candidate:{widest}}  {size:>10}  {here:7}  {line.licence or '?'}")
    return "\n".join(rows)
