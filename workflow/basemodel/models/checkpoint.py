"""Files of weights as training programs leave them: what is in them, read without running any code.

torch's restricted unpickler (`weights_only=True`) builds tensors and plain containers. Training
programs also save their settings. What is named in UNREAD is replaced by an object that ignores
all that it is given: the classes themselves are neither imported nor called. The rest is refused.
"""

import re
import zipfile
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from basemodel.files import printable
from basemodel.models.failures import Unusable

START = 512  # bytes of a file that tell what it is
AGAIN = "copy or download it again"
SAVE = "save the network's state_dict() alone, with a program that you trust with this file"
DEEPEST = 3  # how deep weights may lie
# torch.save makes a zip archive, or before torch 1.6 a bare pickle.
ZIP, PICKLE = b"PK\x03\x04", b"\x80"
OTHER_FORMATS = {
    b"version https://git-lfs": (
        "is a pointer of Git LFS, not the weights",
        "`git lfs pull` in its repository downloads them",
    ),
    b"\x1f\x8b": ("is a compressed archive", "unpack it, and name the file of weights in it"),
    b"\xfd7zXZ": ("is a compressed archive", "unpack it, and name the file of weights in it"),
    b"BZh": ("is a compressed archive", "unpack it, and name the file of weights in it"),
    b"\x89HDF": ("is an HDF5 file, of Keras perhaps", "name weights of PyTorch"),
    b"GGUF": ("is a GGUF file", "name weights of PyTorch"),
}


class Unread:
    """Takes the place of what is not weights. It keeps nothing, and does nothing."""

    def __new__(cls, *_: Any) -> "Unread":
        return object.__new__(cls)

    def __init__(self, *_: Any):
        pass

    def __setstate__(self, _: Any) -> None:
        pass


def _unread_dict(*_: Any) -> dict:
    return {}


# By the name in the file; timm's, torchvision's and Lightning's programs save these.
UNREAD = [
    *((Unread, name) for name in (
        "argparse.Namespace",
        "pathlib.PosixPath", "pathlib.WindowsPath", "pathlib.Path", "pathlib.PurePosixPath",
        "pathlib._local.PosixPath", "pathlib._local.WindowsPath",
        "numpy.dtype", "numpy.ndarray",
        "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar",
        "numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct",
        "datetime.datetime", "datetime.timedelta",
        "__builtin__.slice", "builtins.slice",
    )),
    (_unread_dict, "collections.defaultdict"),
    *((Unread, f"builtins.{name}") for name in ("dict", "list", "int", "float", "str", "bool")),
    # Dictionaries, which are filled after they are made.
    *((OrderedDict, name) for name in (
        "lightning.fabric.utilities.data.AttributeDict",
        "lightning_fabric.utilities.data.AttributeDict",
        "pytorch_lightning.utilities.parsing.AttributeDict",
        "lightning.pytorch.utilities.parsing.AttributeDict",
    )),
]  # fmt: skip


def read(file: str | Path) -> Any:
    """What is in a file of torch.save or safetensors; the name does not matter.

    Raises Unusable, with what the file is instead and what to do, if it is not one of these, is not
    whole, or needs code.
    """
    path, name = Path(file).expanduser(), printable(str(file), 200)
    start = start_of(path, name)
    for magic, (reason, remedy) in OTHER_FORMATS.items():
        if start.startswith(magic):
            raise Unusable(f"{name} {reason}", remedy)
    if start.lstrip()[:1] == b"<":
        raise Unusable(
            f"{name} is a web page, not weights",
            "the download was refused or needs a log-in: download the file itself",
        )
    if start[257:262] == b"ustar":
        raise Unusable(f"{name} is an archive", "unpack it, and name the file of weights in it")
    if start[8:9] == b"{":
        return _safetensors(path, name)
    if start.startswith((ZIP, PICKLE)):
        return _torch(path, name, start)
    raise Unusable(
        f"{name} is not a file that torch.save or safetensors wrote",
        "name a file of weights, or get it again",
    )


def tensors(stored: Any, depth: int = 0) -> Iterator[tuple[str, Tensor]]:
    """The tensors in what a file holds, by the keys that lead there: state_dict.module.fc.weight.

    An optimizer's have numbers for names, and are left out.
    """
    if not isinstance(stored, Mapping):
        return
    for key, value in stored.items():
        if isinstance(key, str) and isinstance(value, Tensor):
            yield key, value
        elif isinstance(key, str) and depth < DEEPEST:
            yield from ((f"{key}.{name}", tensor) for name, tensor in tensors(value, depth + 1))


def start_of(path: Path, name: str) -> bytes:
    """The first bytes of a file, which tell what it is. Raises Unusable if there are none."""
    try:
        if path.is_dir():
            raise Unusable(f"{name} is a folder", "name the file in it")
        if not path.is_file():
            reason = (
                f"{name} is not a regular file" if path.exists() else f"there is no file {name}"
            )
            raise Unusable(reason, "correct its name in `candidates`")
        with path.open("rb") as file:
            start = file.read(START)
    except PermissionError as error:
        raise Unusable(f"{name} may not be read", "`chmod u+r` it, or ask its owner") from error
    except (OSError, ValueError) as error:  # a name that is too long, or has a NUL; a bad disk
        why = getattr(error, "strerror", None) or str(error)
        raise Unusable(f"{name} cannot be opened: {why}", "correct its name") from error
    if not start:
        raise Unusable(f"{name} is empty", AGAIN)
    return start


def _safetensors(path: Path, name: str) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except SafetensorError as error:
        why = printable(" ".join(str(error).split()))
        raise Unusable(f"{name} is cut off or damaged ({why})", AGAIN) from error


def _torch(path: Path, name: str, start: bytes) -> Any:
    try:
        with torch.serialization.safe_globals(UNREAD):
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds, with long advice to run the pickle
        raise Unusable(*_why(path, name, start, str(error))) from error


def _why(path: Path, name: str, start: bytes, said: str) -> tuple[str, str]:
    """What to say of a file that torch refused. `said` is torch's advice, which is to run it."""
    if "TorchScript" in said:
        return f"{name} is a program of TorchScript, which is not run", SAVE
    if needed := re.search(r"GLOBAL (\S+)", said):
        return f"{name} needs code, which is not run: {printable(needed[1])}", SAVE
    if any(word in said for word in ("reduce", "Can only")):  # it is put together in odd ways
        return f"{name} needs code, which is not run", SAVE
    if start.startswith(ZIP) and zipfile.is_zipfile(path):
        return f"{name} is an archive that torch.save did not make", "unpack it, or get it again"
    return f"{name} is cut off or damaged", AGAIN
