"""What must be set before timm or torchvision loads weights: no network, and no pickles."""

import os
import sys

REMEDY = "`snakemake rank_fetch` downloads them"


def offline() -> None:
    """Forbid downloads by huggingface_hub, and pickles in torch.load, in this process.

    With the network down, huggingface_hub would try for 24 seconds for each model.
    """
    os.environ["HF_HUB_OFFLINE"] = "1"
    if constants := sys.modules.get("huggingface_hub.constants"):  # it reads that when imported
        constants.HF_HUB_OFFLINE = True
    # torchvision asks torch.hub for its weights without `weights_only`.
    os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"
    os.environ.pop("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", None)
