"""The candidates of a user who names none: those of shelf.yaml.

The Snakefile needs those whose weights are on this machine. So where each library keeps them is
written down here; a test compares it with the libraries.
"""

import os
from pathlib import Path

import yaml

from basemodel.models.packaged import packaged
from basemodel.selection.licences import PERMISSIVE
from basemodel.selection.names import Candidate, parse

SHELF = Path(__file__).resolve().with_name("shelf.yaml")
WEIGHTS = ("model.safetensors", "open_clip_model.safetensors", "pytorch_model.bin")  # at the hub


def shelf(licence: str = "any", most_parameters: float | None = None) -> dict[Candidate, dict]:
    """What the file says of each, whether its weights are here or not.

    `licence`: any or permissive; `most_parameters`: None, or how many a model may have.
    """
    lines = yaml.safe_load(SHELF.read_text(encoding="utf-8"))
    return {
        parse(line["name"]): line
        for line in lines
        if (licence == "any" or line["licence"] in PERMISSIVE)
        and (most_parameters is None or 1e6 * line["parameters"] <= most_parameters)
    }


def here(licence: str = "any", most_parameters: float | None = None) -> list[Candidate]:
    """Those of `shelf` whose weights are on this machine. Looks at files only."""
    hub, checkpoints = hugging_face_cache(), torch_checkpoints()
    found = []
    for candidate, line in shelf(licence, most_parameters).items():
        if candidate.source == "torchvision":
            there = (checkpoints / line["file"]).is_file()
        else:
            name = candidate.name.partition("@")[0]
            snapshots = hub / f"models--timm--{name}" / "snapshots"
            there = any(True for file in WEIGHTS for _ in snapshots.glob(f"*/{file}"))
            there = there or packaged(name) is not None
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
