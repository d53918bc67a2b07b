"""Weights in a file from anywhere, put into a network of a library: checked, as nobody vouches for
them. No pickle is run, whatever the file says."""

import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from basemodel.files import shown
from basemodel.models.failures import Unusable
from basemodel.models.own_weights import of_another_kind

WRAPPERS = ("state_dict", "model")  # keys under which training programs save the weights
PREFIXES = ("_orig_mod.", "module.")  # of torch.compile and of parallel training
NAMED = 3  # keys that a message names


def read(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a .safetensors or .pth file, by the names that the network gives them.

    Raises Unusable if there is no such file or it holds no plain weights.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise Unusable(f"there is no file {shown(str(path))}", "correct its name in `candidates`")
    try:
        if path.suffix == ".safetensors":
            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except SafetensorError as error:
        raise Unusable(f"{shown(str(path))} cannot be read: {error}", "get it again") from error
    except Exception as error:  # torch raises many kinds, with long advice to run the pickle
        raise Unusable(
            f"{shown(str(path))} cannot be read without running code that it may contain",
            "save its state_dict as .safetensors",
        ) from error
    for key in WRAPPERS:
        if isinstance(state, Mapping) and isinstance(state.get(key), Mapping):
            state = state[key]
    if not isinstance(state, Mapping) or not any(isinstance(v, Tensor) for v in state.values()):
        raise Unusable(
            f"{shown(str(path))} holds no weights by name",
            "save the state_dict of a network, not something else",
        )
    return {_plain(name): value for name, value in state.items() if isinstance(value, Tensor)}


@contextmanager
def downloaded(path: Path) -> Iterator[None]:
    """Turn whatever goes wrong while a library loads this file of its own into Unusable."""
    try:
        yield
    except Exception as error:
        said = str(error).strip().split("\n")[0]
        raise Unusable(
            f"the weights in {path} cannot be loaded ({type(error).__name__}: {said})",
            "delete this file; `snakemake rank_fetch` downloads it again",
        ) from error


def put(state: Mapping[str, Tensor], network: nn.Module, file: str, model: str) -> None:
    """Load all weights. Raises Unusable, with the keys, if they do not fit exactly."""
    wanted = network.state_dict()
    missing = [name for name in wanted if name not in state]
    foreign = [name for name in state if name not in wanted]
    shapes = [
        f"{name} ({_shape(state[name])} instead of {_shape(wanted[name])})"
        for name in wanted
        if name in state and state[name].shape != wanted[name].shape
    ]
    faults = [("missing", missing), ("unknown", foreign), ("of another shape", shapes)]
    wrong = [f"{len(names)} {what}: {_some(names)}" for what, names in faults if names]
    if wrong:
        raise Unusable(
            f"{shown(file)} is not for {model}: weights {'; '.join(wrong)}",
            "name the architecture that the weights are of",
        )
    if other := of_another_kind(state, wanted):
        raise Unusable(
            f"{shown(file)} holds no plain weights: {len(other)} of another kind: {_some(other)}",
            "save them as float32, multiplied by their scales if quantised",
        )
    # torch keeps the versions of layers beside the tensors, where safetensors drops them.
    current = OrderedDict(state)
    current._metadata = wanted._metadata
    network.load_state_dict(current)


def sha256(path: str | Path) -> str:
    with Path(path).expanduser().open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _plain(name: str) -> str:
    for prefix in (*PREFIXES, PREFIXES[0]):
        name = name.removeprefix(prefix)
    return name


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a number"


def _some(names: list[str]) -> str:
    return ", ".join(names[:NAMED]) + (", ..." if names[NAMED:] else "")
