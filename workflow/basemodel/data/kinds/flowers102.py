"""Oxford Flowers-102: 102 flowers; trained on train and val. Source: Nilsback, Zisserman, 2008."""

from pathlib import Path

from basemodel.data.listing import Counts, Listing

EXPECTED = Counts(classes=102, train=2040, test=6149)
NEEDED = [
    "flowers-102/imagelabels.mat",
    "flowers-102/setid.mat",
    "flowers-102/jpg",
]
DOWNLOAD = "Flowers102"
BY_HAND = None


def listing(root: Path, settings: dict, exact: bool) -> Listing:
    from torchvision.datasets import Flowers102

    class Unchecked(Flowers102):
        _file_dict = {key: (file, None) for key, (file, _) in Flowers102._file_dict.items()}

    # torchvision compares the lists with their checksums, which a miniature cannot match.
    loader = Flowers102 if exact else Unchecked
    train, val, test = (
        [
            (path.relative_to(root).as_posix(), label)
            for path, label in zip(split._image_files, split._labels, strict=True)
        ]
        for split in (loader(str(root), split) for split in ("train", "val", "test"))
    )
    labels = {label for _, label in train + val + test}
    return Listing(list(Flowers102.classes[: max(labels) + 1]), train + val, test)
