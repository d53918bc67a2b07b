"""Write outputs whole or not at all: under a temporary name, renamed when complete and on disk.

A file that is renamed before its content is on disk may be empty after a power cut, yet would count
as done. Flushing file and folder takes 1.4 ms for a small file (measured on a virtual disk), or 6 s
over the whole default run.
"""

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

FULL = {
    errno.ENOSPC: "disk full",
    errno.EDQUOT: "quota used up",
    errno.EFBIG: "file size limit",
}
NPY_HEADER = 128  # bytes before the elements of an .npy file, at least
JOINERS = "\u200c\u200d"  # parts of words in Persian and in languages of India
NOT_SUPPORTED = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


class DiskFull(OSError):
    """There is no room for a file; the message says where and how much is needed."""


def temporary(path: Path) -> Path:
    """The name of a file while it is being written."""
    return path.with_name(f".{path.name}.part")


@contextmanager
def whole(path: str | Path, size: int | None = None) -> Iterator[Path]:
    """Yield a temporary name next to `path`, renamed to `path` if the block succeeds.

    The name is the same on every attempt, so that a killed job's leftover is overwritten. `size`:
    the number of bytes that will be written, if known; the temporary file then exists already, with
    this space allocated. Raises DiskFull.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = temporary(path)
    try:
        if size:
            _allocate(part, size)
        yield part
        flush(part)
        part.replace(path)
        with contextlib.suppress(OSError):  # a few file systems cannot flush a folder
            flush(path.parent)
    except Exception as error:
        if code := _full(error):
            raise DiskFull(code, _no_room(path, code, size)) from error
        raise
    finally:
        part.unlink(missing_ok=True)


def sha256(path: str | Path) -> str:
    with Path(path).expanduser().open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_text(path: str | Path, text: str) -> None:
    content = text.encode()
    with whole(path, len(content)) as part:
        part.write_bytes(content)


def write_json(path: str | Path, value: Any) -> None:
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def read_json(path: str | Path) -> Any:
    return json.loads(Path(path).read_text(encoding="utf-8"))


def write_npy(path: str | Path, array: np.ndarray) -> None:
    # Space is allocated first: on a full disk numpy only says that less was written, not why.
    with whole(path, NPY_HEADER + array.nbytes) as part, part.open("r+b") as file:
        np.save(file, array)


def npy_header(shape: tuple[int, ...], dtype: np.dtype) -> bytes:
    """The bytes that numpy.save puts before the elements of an array in C order."""
    file = BytesIO()
    described = np.lib.format.dtype_to_descr(np.dtype(dtype))
    np.lib.format.write_array_header_1_0(
        file, {"descr": described, "fortran_order": False, "shape": shape}
    )
    return file.getvalue()


def copy(source: str | Path, path: str | Path) -> None:
    with whole(path, Path(source).stat().st_size) as part:
        shutil.copyfile(source, part)


def _allocate(path: Path, size: int) -> None:
    """Make a file of this size, with its space on disk allocated."""
    with path.open("wb") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except AttributeError:  # macOS
            file.truncate(size)
        except OSError as error:
            if error.errno not in NOT_SUPPORTED:
                raise
            file.truncate(size)


def flush(path: Path) -> None:
    """Wait until the content of a file or folder is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _full(error: Exception) -> int | None:
    """The error's number if it means no room; safetensors has the number only in its text."""
    number = getattr(error, "errno", None)
    if found := re.search(r"\(os error (\d+)\)", str(error)):
        number = int(found.group(1))
    return number if number in FULL else None


def _no_room(path: Path, code: int, size: int | None) -> str:
    needs = f"{size:,} bytes" if size else "more"
    free = shutil.disk_usage(path.parent).free
    return (
        f"{FULL[code]}: {path.parent} has {free:,} bytes free, and {path.name} needs {needs}: "
        "make room, or put `results` on another disk"
    )


def in_bytes(count: float) -> str:
    """A number of bytes for the user: 12 bytes, 3.4 MB."""
    unit = "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if count < 1000:
            break
        count, unit = count / 1000, larger
    return f"{count:.0f} bytes" if unit == "bytes" else f"{count:.1f} {unit}"


def shown(text: str) -> str:
    r"""Make text that contains file names printable and writable, whatever bytes the names have.

    Python keeps bytes of a name that are not UTF-8 as lone surrogates, which cannot be printed or
    written; here they become `\xe9`. Other text is returned unchanged.
    """
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def printable(name: str, most: int = 100) -> str:
    r"""A name from outside for logs, tables and messages: one line, at most `most` letters.

    What steers a terminal or turns the direction of writing is shown as `\x1b`, and so are bytes
    that are not UTF-8; of a longer name the middle is left out.
    """
    name, half = shown(name), most // 2
    name = name if len(name) <= most else f"{name[:half]}…{name[-half + 1 :]}"
    return "".join(
        c
        if c.isprintable() or c in JOINERS or unicodedata.category(c) == "Zs"
        else c.encode("unicode_escape").decode()
        for c in name
    )
