"""MIT Indoor-67: 67 kinds of rooms, about 80 + 20 images per class, from its official lists.

Source: Quattoni and Torralba, CVPR 2009.
"""

from pathlib import Path

from basemodel.data.listing import Counts, Listing, named

EXPECTED = Counts(classes=67, train=5360, test=1340)
NEEDED = [
    "indoorCVPR_09/TrainImages.txt",
    "indoorCVPR_09/TestImages.txt",
    "indoorCVPR_09/Images",
]
DOWNLOAD = None
BY_HAND = (
    "from https://web.mit.edu/torralba/www/indoor.html: indoorCVPR_09.tar (Images/), "
    "TrainImages.txt and TestImages.txt, all into {root}/indoorCVPR_09/"
)


def listing(root: Path, settings: dict, exact: bool) -> Listing:
    splits = []
    for name in ("TrainImages.txt", "TestImages.txt"):
        lines = (root / "indoorCVPR_09" / name).read_text(encoding="utf-8").splitlines()
        splits.append([f"indoorCVPR_09/Images/{line.strip()}" for line in lines if line.strip()])
    classes = sorted({Path(file).parent.name for file in splits[0]})
    return named(classes, *splits)
