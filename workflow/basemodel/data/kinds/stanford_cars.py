"""Stanford Cars: 196 classes by make, model and year. Source: Krause et al., 3dRR 2013."""

from pathlib import Path

from basemodel.data.listing import Counts, Listing

EXPECTED = Counts(classes=196, train=8144, test=8041)
NEEDED = [
    "stanford_cars/devkit/cars_meta.mat",
    "stanford_cars/devkit/cars_train_annos.mat",
    "stanford_cars/cars_test_annos_withlabels.mat",
    "stanford_cars/cars_train",
    "stanford_cars/cars_test",
]
DOWNLOAD = None  # the address in torchvision's class no longer works
BY_HAND = (
    "from a mirror, for Stanford's own page is offline (Kaggle has several; it must include "
    "cars_test_annos_withlabels.mat): devkit/, cars_train/, cars_test/ and that file into "
    "{root}/stanford_cars/"
)


def listing(root: Path, settings: dict, exact: bool) -> Listing:
    from torchvision.datasets import StanfordCars

    splits = [StanfordCars(str(root), split) for split in ("train", "test")]
    files = [
        [(Path(path).relative_to(root).as_posix(), int(label)) for path, label in split._samples]
        for split in splits
    ]
    return Listing(list(splits[0].classes), *files)
