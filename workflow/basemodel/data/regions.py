"""Whether a user's images come with boxes or masks, which are no labels of whole images."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from basemodel.data.directory import Directory
from basemodel.files import printable

# Folders of such data sets, which are no classes
FOLDERS = {
    "images", "image", "imgs", "img", "jpegimages", "annotations", "annotation", "labels", "label",
    "masks", "mask", "segmentation", "segmentations", "segmentationclass", "segmentationobject",
    "groundtruth", "ground_truth", "gt", "trimaps", "xmls",
}  # fmt: skip
IMAGES = {"images", "image", "imgs", "img", "jpegimages"}
END = 2**16  # bytes of a file, from its start and its end, that are looked at
YOLO = re.compile(rb"\d+( [\d.e-]+){4,}\s*(\n|$)")


def refusal(where: str, what: str) -> str:
    return (
        f"{where}: looks like {what}; `rank` compares models for labels of whole images: write a "
        "table with the columns file and label (classes, tags or a number), and name that"
    )


def are_folders_of(names: Iterable[str]) -> bool:
    """Whether all of these are folders of a data set with boxes or masks rather than classes."""
    return all(name.casefold() in FOLDERS for name in names)


def find(top: Directory) -> str | None:
    """What it looks like, with an example: boxes of COCO, Pascal VOC or YOLO, or masks."""
    folders = list(top.walk())
    stems = {folder.path: {_stem(file) for file in folder.images} for folder in folders}
    every = set().union(*stems.values())
    for folder in folders:
        by_suffix: dict[str, list[str]] = {}
        for file in folder.files:
            by_suffix.setdefault(Path(file).suffix.lower(), []).append(file)
        for file in by_suffix.get(".json", ()):
            ends = _ends(top.root / file)
            if b'"bbox"' in ends or b'"segmentation"' in ends:
                return f"boxes or masks of COCO ({printable(file)})"
        for file in by_suffix.get(".xml", ())[:1]:
            if b"<bndbox>" in _ends(top.root / file):
                return f"boxes of Pascal VOC ({printable(file)})"
        texts = [file for file in by_suffix.get(".txt", ()) if _stem(file) in every]
        for file in texts[:1]:
            if YOLO.match(_ends(top.root / file)):
                return f"boxes of YOLO ({printable(file)})"
    for folder in folders:
        name = set(folder.path.casefold().split("/")) & (FOLDERS - IMAGES)
        here = {re.sub(r"[_-](mask|gt|label)s?$", "", stem) for stem in stems[folder.path]}
        others = set().union(*(of for path, of in stems.items() if path != folder.path))
        if name and here and 2 * len(here & others) > len(here):
            return f"masks ({printable(folder.path)}/)"
    return None


def _stem(file: str) -> str:
    return Path(os.path.basename(file)).stem.casefold()  # noqa: PTH119


def _ends(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            start = file.read(END)
            file.seek(max(0, path.stat().st_size - END))
            return start + file.read(END)
    except OSError:
        return b""
