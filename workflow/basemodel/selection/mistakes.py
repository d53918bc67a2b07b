"""Images that every candidate gets wrong, and what the leader takes for what."""

import base64
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from basemodel.data.decode import Undecodable, picture
from basemodel.files import printable
from basemodel.selection.ranking_json import Confusion, HardImage

SHOWN = 24  # images
SIDE = 112  # pixels of a thumbnail, at most


def hard_images(chosen: Mapping[str, Any], predictions: Sequence[Sequence[int]]) -> list[HardImage]:
    """The images that no candidate gets right, with thumbnails; those most agreed on come first.

    chosen: images.json; predictions: the label that each candidate gives each image. A wrong
    label that most candidates agree on is often the right one.
    """
    if not predictions:
        return []
    given = np.array(predictions)
    found = []
    for position, image in enumerate(chosen["probe"]):
        if (given[:, position] != image["label"]).all():
            counts = Counter(given[:, position].tolist()).most_common()
            found.append((-counts[0][1], position, image, counts))
    names = [printable(name) for name in chosen["classes"]]
    return [
        {
            "file": printable(image["file"]),
            "label": names[image["label"]],
            "predicted": [[names[label], count] for label, count in counts if label >= 0],
            "candidates": len(given),
            "thumbnail": _thumbnail(Path(chosen["folder"], image["file"])),
        }
        for _, _, image, counts in sorted(found)[:SHOWN]
    ]


def confusion(chosen: Mapping[str, Any], predictions: Sequence[int], name: str) -> Confusion:
    """How often each class is taken for each other by one candidate; rows are true classes."""
    classes = chosen["classes"]
    counts = np.zeros((len(classes), len(classes)), int)
    for image, label in zip(chosen["probe"], predictions, strict=True):
        if label >= 0:
            counts[image["label"], label] += 1
    return {
        "candidate": name,
        "classes": [printable(c) for c in classes],
        "counts": counts.tolist(),
    }


def _thumbnail(path: Path) -> str | None:
    """None if there is no image: embeddings need none."""
    try:
        image = picture(path)
    except (OSError, Undecodable):
        return None
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=70)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
