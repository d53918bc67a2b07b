"""Images that every candidate gets wrong, and what the leader takes for what."""

import base64
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from basemodel.data.decode import picture
from basemodel.files import shown

SHOWN = 24  # images
SIDE = 112  # pixels of a thumbnail, at most


def hard_images(
    chosen: Mapping[str, Any], guesses: Sequence[Sequence[int]]
) -> list[dict[str, Any]]:
    """The images that no candidate gets right, with thumbnails; those most agreed on come first.

    chosen: images.json; guesses: the label that each candidate gives each image. A wrong label that
    most candidates agree on is often the right one.
    """
    if not guesses:
        return []
    given = np.array(guesses)
    found = []
    for place, image in enumerate(chosen["probe"]):
        if (given[:, place] != image["label"]).all():
            counts = Counter(given[:, place].tolist()).most_common()
            found.append((-counts[0][1], place, counts))
    rows = []
    for _, place, counts in sorted(found)[:SHOWN]:
        image = chosen["probe"][place]
        rows.append(
            {
                "file": shown(image["file"]),
                "label": shown(chosen["classes"][image["label"]]),
                "predicted": [
                    [shown(chosen["classes"][label]), count]
                    for label, count in counts
                    if label >= 0
                ],
                "candidates": len(given),
                "thumbnail": _thumbnail(Path(chosen["folder"], image["file"])),
            }
        )
    return rows


def confusion(chosen: Mapping[str, Any], guesses: Sequence[int], name: str) -> dict[str, Any]:
    """How often each class is taken for each other by one candidate; rows are true classes."""
    classes = chosen["classes"]
    counts = np.zeros((len(classes), len(classes)), int)
    for image, guess in zip(chosen["probe"], guesses, strict=True):
        if guess >= 0:
            counts[image["label"], guess] += 1
    return {"candidate": name, "classes": [shown(c) for c in classes], "counts": counts.tolist()}


def _thumbnail(path: Path) -> str:
    image = picture(path)
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=70)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
