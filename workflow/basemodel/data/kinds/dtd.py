"""DTD, Describable Textures: 47 classes; the first official split, trained on train and val.

Source: Cimpoi et al., CVPR 2014.
"""

from pathlib import Path

from basemodel.data.listing import Counts, Listing, named

EXPECTED = Counts(classes=47, train=3760, test=1880)
NEEDED = [
    "dtd/dtd/labels/train1.txt",
    "dtd/dtd/labels/val1.txt",
    "dtd/dtd/labels/test1.txt",
    "dtd/dtd/images",
]
DOWNLOAD = "DTD"
BY_HAND = None


def listing(root: Path, settings: dict, exact: bool) -> Listing:
    from torchvision.datasets import DTD

    splits = [DTD(str(root), split) for split in ("train", "val", "test")]
    train, val, test = (
        [path.relative_to(root).as_posix() for path in split._image_files] for split in splits
    )
    # torchvision numbers the classes of each split separately; names are the same in all of them.
    return named(sorted({*splits[0].classes, *splits[1].classes}), train + val, test)
