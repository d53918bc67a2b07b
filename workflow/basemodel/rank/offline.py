"""What must be set before timm or torchvision loads weights: no network, and no pickles.

Import it before huggingface_hub, which reads HF_HUB_OFFLINE once, when it is imported: with the
network down it would try for 24 seconds for each model.
"""

import os

REMEDY = "`snakemake rank_fetch` downloads them"


def offline() -> None:
    """Forbid downloads by huggingface_hub, and pickles in torch.load, in this process."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    # torchvision asks torch.hub for its weights without `weights_only`.
    os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"
    os.environ.pop("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", None)
