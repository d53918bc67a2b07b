"""This project's own weights, in safetensors files: neither written nor used unless finite."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save as serialise
from torch import Tensor

from basemodel.files import whole

PLAIN = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
WHOLE = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
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


def of_another_kind(state: Mapping[str, Tensor], network: Mapping[str, Tensor]) -> list[str]:
    """The tensors that are not the kind of numbers that the network has, and what they are.

    torch copies whatever there is: the bare integers of a quantised file without their scales, a
    complex number without its imaginary part. Precisions of plain numbers may differ. So may the
    kind of a single whole number, a counter, which is often cast along with the weights.
    """
    return [
        f"{name} ({_dtype(state[name])} instead of {_dtype(own)})"
        for name, own in network.items()
        if name in state
        and _kind(state[name]) != _kind(own)
        and not (own.ndim == 0 and {_kind(own), _kind(state[name])} == {"plain", "whole"})
    ]


def _kind(tensor: Tensor) -> str:
    if tensor.layout == torch.strided:
        for kind, dtypes in (("plain", PLAIN), ("whole", WHOLE)):
            if tensor.dtype in dtypes:
                return kind
    return _dtype(tensor)


def _dtype(tensor: Tensor) -> str:
    layout = "" if tensor.layout == torch.strided else "sparse "
    return layout + str(tensor.dtype).removeprefix("torch.")


def save(
    tensors: Mapping[str, Tensor], path: str | Path, metadata: dict[str, str] | None = None
) -> None:
    """Write tensors, wherever they are, to a safetensors file; raises files.DiskFull."""
    tensors = {name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()}
    # Not save_file: its temporary file has a random name, and a killed job would leave it behind.
    content = serialise(tensors, metadata)
    with whole(path, len(content)) as part, part.open("r+b") as file:
        file.write(content)
