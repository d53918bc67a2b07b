"""FGVC Aircraft: 100 variants of aircraft; trained on train and val. Source: Maji et al., 2013."""

from pathlib import Path

from basemodel.data.listing import Counts, Listing

EXPECTED = Counts(classes=100, train=6667, test=3333)
NEEDED = [
    "fgvc-aircraft-2013b/data/variants.txt",
    "fgvc-aircraft-2013b/data/images_variant_trainval.txt",
    "fgvc-aircraft-2013b/data/images_variant_test.txt",
    "fgvc-aircraft-2013b/data/images",
]
DOWNLOAD = "FGVCAircraft"
BY_HAND = None


def listing(root: Path, settings: dict, exact: bool) -> Listing:
    from torchvision.datasets import FGVCAircraft

    splits = [FGVCAircraft(str(root), split) for split in ("trainval", "test")]
    files = [
        [
            (Path(path).relative_to(root).as_posix(), label)
            for path, label in zip(split._image_files, split._labels, strict=True)
        ]
        for split in splits
    ]
    return Listing(splits[0].classes, *files)
