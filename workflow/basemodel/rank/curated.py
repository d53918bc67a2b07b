"""The candidates of a user who names none: well-known models of several sizes.

The Snakefile needs those whose weights are on this machine. So where each library keeps them is
written down here; a test compares it with the libraries.
"""

import os
from pathlib import Path

from basemodel.rank.names import Candidate

# Name, and the name of the weights: of the repository at Hugging Face, or of the file.
TIMM = (
    "mobilenetv3_small_100.lamb_in1k",
    "tf_efficientnet_lite0.in1k",
    "efficientnet_b0.ra_in1k",
    "resnet18.a1_in1k",
    "resnet50.a1_in1k",
    "vit_tiny_patch16_224.augreg_in21k_ft_in1k",
    "vit_small_patch16_224.augreg_in21k_ft_in1k",
    "swin_tiny_patch4_window7_224.ms_in1k",
    "convnext_atto.d2_in1k",
    "convnext_tiny.fb_in22k_ft_in1k",
)
TORCHVISION = {
    "mobilenet_v3_large": "mobilenet_v3_large-5c1a4163.pth",
    "resnet18": "resnet18-f37072fd.pth",
    "resnet50": "resnet50-11ad3fa6.pth",
    "densenet121": "densenet121-a639ec97.pth",
    "efficientnet_b0": "efficientnet_b0_rwightman-7f5810bc.pth",
    "regnet_y_400mf": "regnet_y_400mf-e6988f5f.pth",
    "convnext_tiny": "convnext_tiny-983f1562.pth",
}
WEIGHTS = ("model.safetensors", "pytorch_model.bin")  # in a repository


def curated() -> list[Candidate]:
    """All of them, whether their weights are here or not."""
    timm = [Candidate("timm", name) for name in TIMM]
    return timm + [Candidate("torchvision", name) for name in TORCHVISION]


def here() -> list[Candidate]:
    """Those whose weights are on this machine. Looks at files only, in a millisecond."""
    hub, checkpoints = hugging_face_cache(), torch_checkpoints()
    found = []
    for candidate in curated():
        if candidate.source == "torchvision":
            there = (checkpoints / TORCHVISION[candidate.name]).is_file()
        else:
            snapshots = hub / f"models--timm--{candidate.name}" / "snapshots"
            there = any(True for name in WEIGHTS for _ in snapshots.glob(f"*/{name}"))
        if there:
            found.append(candidate)
    return found


def hugging_face_cache() -> Path:
    """Where huggingface_hub keeps repositories."""
    home = os.environ.get("HF_HOME") or _cache() / "huggingface"
    return Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub").expanduser()


def torch_checkpoints() -> Path:
    """Where torch.hub keeps weights."""
    home = os.environ.get("TORCH_HOME") or _cache() / "torch"
    return Path(home).expanduser() / "hub" / "checkpoints"


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
