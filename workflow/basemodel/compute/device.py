"""The device that a job computes on, and how it computes there."""

import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch

from basemodel.run.memory import CUDA_CONTEXT


class DeviceError(RuntimeError):
    """A job cannot compute on its device; the message says what to change."""


def device() -> torch.device:
    """The accelerator of this process, or else the CPU; for what is not a rule's job."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@contextmanager
def named_memory() -> Iterator[None]:
    """Raises DeviceError, which names the settings, if a GPU has too little memory."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        where = torch.device("cuda")
        raise DeviceError(
            f"{device_name(where)} of {_node()} has too little memory left for this job: lower "
            "runtime.gpu_jobs (1: a job has a GPU to itself), or the batch of pretrain or finetune"
        ) from error


@named_memory()
def allocated_device(wanted: str, resources: Mapping[str, int]) -> torch.device:
    """The GPU that is allocated to a job, or else the CPU.

    `wanted`: runtime.device; `resources`: the job's, of which `gpu` is 1 if it asked for a GPU, and
    `gpu_share` the hundredths of it that are the job's (0 or none: all). It cannot take more of the
    GPU's memory than that, less what CUDA itself takes. Starts CUDA, which does not survive a fork.
    Raises DeviceError if only a GPU is wanted, and there is none.
    """
    if wanted == "cpu" or (wanted == "auto" and not resources.get("gpu")):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        if wanted == "cuda":
            raise DeviceError(
                f"runtime.device is cuda, and torch finds no GPU for this job on {_node()}; set it "
                "to auto, or run where there is one"
            )
        return torch.device("cpu")
    share = resources.get("gpu_share") or 100
    if share < 100:
        _, total = torch.cuda.mem_get_info()
        part = share / 100 - CUDA_CONTEXT / total
        torch.cuda.set_per_process_memory_fraction(max(0.0, part))
    return torch.device("cuda")


def device_name(where: torch.device) -> str:
    """`cpu`, or the GPU's name; for cards."""
    return torch.cuda.get_device_name(where) if where.type == "cuda" else "cpu"


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
    """The context that a network computes in: `float32` or `bfloat16`.

    Weights, gradients and losses are float32 in both. Raises DeviceError on a GPU without bfloat16
    in hardware, if that is the precision: an experiment has one, wherever its jobs run.
    """
    half = precision == "bfloat16"
    on_gpu = where.type == "cuda"
    if half and on_gpu and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise DeviceError(
            f"precision is bfloat16, which {device_name(where)} of {_node()} does not have: set "
            "pretrain.precision and finetune.precision to float32, or keep such nodes out"
        )
    return torch.autocast(where.type, torch.bfloat16, enabled=half)


def _node() -> str:
    return platform.node() or "this machine"
