"""What there is to know of an image before any network sees it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from basemodel.data.decode import Undecodable, picture, shallow
from basemodel.files import printable, sha256
from basemodel.selection import copies

Keep = Callable[[Image.Image, str], None]  # an upright RGB image, and the SHA-256 of its file


def good_ones(
    root: Path,
    files: Sequence[str],
    most: int,
    each: Callable,
    seen: dict[str, str],
    keep: Keep | None = None,
) -> tuple[list[dict[str, Any]], list[str], list[tuple[str, str]]]:
    """The first `most` images that can be decoded and were not seen, sorted by name.

    `seen`: files by their pixels; these are added. `keep`: of `look`. Also returns problems with
    others, and those that were seen, each after the first file with its pixels.
    """
    good, problems, again, start = [], [], [], 0
    while len(good) < most and start < len(files):
        part = files[start : start + most - len(good)]
        start += len(part)
        for file, facts in zip(part, each(lambda file: look(root / file, keep), part), strict=True):
            if isinstance(facts, str):
                problems.append(f"{printable(file)} is left out: {facts}")
            elif (first := seen.setdefault(facts["pixels"], file)) != file:
                again.append((first, file))
            else:
                good.append({"file": file, **facts})
    return sorted(good, key=lambda facts: facts["file"]), problems, again


def look(path: Path, keep: Keep | None = None) -> dict[str, Any] | str:
    """The facts of an image, or why there are none.

    `keep`: what else is done with it now that it is decoded.
    """
    try:
        image, digest = picture(path), sha256(path)
    except Undecodable as error:
        return printable(str(error), 300)
    except OSError as error:
        return error.strerror or str(error)
    if keep:
        keep(image, digest)
    return {
        "bits": shallow(image),
        "sha256": digest,
        "pixels": copies.pixels(image),
        "looks": copies.perceptual_hash(image),
        "width": image.width,
        "height": image.height,
    }
