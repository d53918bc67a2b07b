"""Which pre-trained model to fine-tune: the code that the workflow's scripts share.

Importing the package imports neither torch nor torchvision; what needs them does so itself.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import nn

    from basemodel.python.load import Transform


def load(
    candidate: "str | Mapping[str, str]",
    num_classes: int = 0,
    results: "str | Path" = "results",
) -> "tuple[nn.Module, Transform]":
    """A model as `snakemake rank` has ranked it, to go on with in Python.

    >>> import basemodel
    >>> model, transform = basemodel.load("timm:tf_efficientnet_lite0.in1k")
    >>> model(transform("photo.jpg").unsqueeze(0)).shape  # the embedding of an image
    torch.Size([1, 1280])
    >>> model, transform = basemodel.load("timm:tf_efficientnet_lite0.in1k", num_classes=8)
    >>> model(transform("photo.jpg").unsqueeze(0)).shape  # logits of 8 classes, to fine-tune
    torch.Size([1, 8])

    `candidate`: as in the setting `candidates`: timm:NAME, torchvision:NAME,
    base:ARCHITECTURE/SOURCE_TASK (found below `results`), or {"file": ..., "architecture": ...}.
    It may be a model that has not been ranked.

    Returns the network and its preprocessing. The network is a torch.nn.Module, the library's own
    with its weights, on the CPU and in evaluation mode: call `train()` before training. It takes
    float32 [n, 3, H, W]. Without `num_classes` its classifier is removed, and it gives the
    embeddings that were ranked, float32 [n, D]; with it, it has a new last layer, initialised at
    random (torch.manual_seed makes it the same again), and gives logits, float32 [n, num_classes].
    The preprocessing takes a path or a PIL image, of any size and mode, and gives float32
    [3, H, W].

    Never uses the network, never runs a pickle. Raises SettingsError, a ValueError, if a candidate
    cannot be called that, and Unusable if there is none, its weights are not on this machine
    (`snakemake rank_fetch` downloads them) or do not fit, or it gives no embeddings.
    """
    from basemodel.python import load

    return load.load(candidate, num_classes, results)
