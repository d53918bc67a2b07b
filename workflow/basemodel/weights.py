"""Weights in files of safetensors: none that are not finite are written, or used when read."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save as serialise
from torch import Tensor

from basemodel.files import whole


def check_finite(tensors: Mapping[str, Tensor], what: str, remedy: str) -> None:
    """Raise FloatingPointError if a tensor has a value that is not finite: `what`, and which.

    The extremes of a tensor are not finite if any value is not, and finding them takes no memory;
    a device is waited for once.
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
    # Not by save_file, whose own temporary file has a random name: a killed job would leave it.
    content = serialise(tensors, metadata)
    with whole(path, len(content)) as part, part.open("r+b") as file:
        file.write(content)
