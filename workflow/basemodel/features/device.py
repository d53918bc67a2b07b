"""The device that a job computes on, and how it computes there."""

import torch


def device() -> torch.device:
    """The accelerator that this job was given, or else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def deterministic() -> None:
    """Ask for deterministic kernels, and for float32 without TF32 (cuDNN's default)."""
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False


def seed_everything(seed: int) -> torch.Generator:
    """Seed torch, call `deterministic`, and return a generator for the order of the data."""
    torch.manual_seed(seed)
    deterministic()
    return torch.Generator().manual_seed(seed)


def autocast(precision: str, where: torch.device) -> torch.autocast:
    """The context that a network computes in: `float32`, `bfloat16`, or `auto`.

    `auto` is bfloat16 on GPUs that have it in hardware and float32 everywhere else, so always on
    the CPU. Weights, gradients and losses are float32 in every case.
    """
    if precision == "auto":
        half = where.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        half = precision == "bfloat16"
    return torch.autocast(where.type, torch.bfloat16, enabled=half)
