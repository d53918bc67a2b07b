"""Oxford-IIIT Pets: 37 breeds of cats and dogs. Source: Parkhi et al., CVPR 2012.

The paper's table has 3,369 test images; the official list has 3,669.
"""

from pathlib import Path

from basemodel.data.listing import Counts, Listing

EXPECTED = Counts(classes=37, train=3680, test=3669)
NEEDED = [
    "oxford-iiit-pet/annotations/trainval.txt",
    "oxford-iiit-pet/annotations/test.txt",
    "oxford-iiit-pet/images",
]
DOWNLOAD = "OxfordIIITPet"
BY_HAND = None


def listing(root: Path, settings: dict, exact: bool) -> Listing:
    from torchvision.datasets import OxfordIIITPet

    splits = [OxfordIIITPet(str(root), split) for split in ("trainval", "test")]
    files = [
        [
            (path.relative_to(root).as_posix(), label)
            for path, label in zip(split._images, split._labels, strict=True)
        ]
        for split in splits
    ]
    return Listing(splits[0].classes, *files)
