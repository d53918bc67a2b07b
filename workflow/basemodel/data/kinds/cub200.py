"""CUB-200-2011: 200 species of birds, from its official lists. Source: Wah et al., 2011."""

from pathlib import Path

from basemodel.data.listing import Counts, DataError, Listing

EXPECTED = Counts(classes=200, train=5994, test=5794)
NEEDED = [
    "CUB_200_2011/classes.txt",
    "CUB_200_2011/images.txt",
    "CUB_200_2011/image_class_labels.txt",
    "CUB_200_2011/train_test_split.txt",
    "CUB_200_2011/images",
]
DOWNLOAD = None
BY_HAND = (
    "from https://data.caltech.edu/records/65de6-vp158: CUB_200_2011.tgz "
    "(md5 97eceeb196236b17998738112f37df78), unpacked in {root}"
)


def listing(root: Path, settings: dict, exact: bool) -> Listing:
    folder = root / "CUB_200_2011"
    classes = _table(folder / "classes.txt")
    images = _table(folder / "images.txt")
    labels = _table(folder / "image_class_labels.txt")
    is_train = _table(folder / "train_test_split.txt")
    if not images.keys() == labels.keys() == is_train.keys():
        raise DataError(f"{folder}: its lists do not number the same images; unpack it again")
    numbers = {number: label for label, number in enumerate(classes)}
    splits = {"1": [], "0": []}
    for image, path in images.items():
        splits[is_train[image]].append((f"CUB_200_2011/images/{path}", numbers[labels[image]]))
    return Listing(list(classes.values()), splits["1"], splits["0"])


def _table(path: Path) -> dict[str, str]:
    """A list of lines "number value", by number."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(line.split(maxsplit=1) for line in lines if line.strip())
