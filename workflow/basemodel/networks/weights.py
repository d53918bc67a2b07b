"""Weights in safetensors files; weights that are not finite are neither written nor used."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save as serialise
from torch import Tensor

from basemodel.files import whole

DIVERGED = "lower learning_rate or lengthen warmup_epochs"  # what to do


def check_finite(tensors: Mapping[str, Tensor], what: str, remedy: str) -> None:
    """Raise FloatingPointError, with `what` and the tensor's name, if a value is not finite.

    The extremes of a tensor are not finite if any of its values is not. Finding them takes no
    memory, and there is one synchronisation with the device.
    """
    tensors = {
        name: tensor.detach()
        for name, tensor in tensors.items()
        if tensor.is_floating_point() and tensor.numel()
    }
    if not tensors:
        return
    extremes = [torch.stack(torch.aminmax(tensor)).float() for tensor in tensors.values()]
    finite = torch.stack(extremes).isfinite().all(1).tolist()
    bad = [name for name, good in zip(tensors, finite, strict=True) if not good]
    if bad:
        more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
        raise FloatingPointError(f"{what}: {bad[0]}{more} not finite (NaN or infinite): {remedy}")


def save(
    tensors: Mapping[str, Tensor], path: str | Path, metadata: dict[str, str] | None = None
) -> None:
    """Write tensors, wherever they are, to a safetensors file; raises files.DiskFull."""
    tensors = {name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()}
    # Not save_file: its temporary file has a random name, and a killed job would leave it behind.
    content = serialise(tensors, metadata)
    with whole(path, len(content)) as part, part.open("r+b") as file:
        file.write(content)
