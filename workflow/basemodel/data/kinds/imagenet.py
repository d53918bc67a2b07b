"""ImageNet-1k (ILSVRC 2012): train/ and val/, one folder per class, named by its WordNet number.

Classes are in the usual order, that of their numbers. Testing is on val/, because the labels of
the test set were never published. Source: Russakovsky et al., IJCV 2015.
"""

from pathlib import Path

from basemodel.data.folders import class_names, of_classes
from basemodel.data.listing import Counts, DataError, Listing, of_folders

EXPECTED = Counts(classes=1000, train=1281167, test=50000)
NEEDED = ["{path}/train", "{path}/val"]
DOWNLOAD = None
BY_HAND = (
    "from https://image-net.org (free, after registration): ILSVRC2012_img_train.tar, and the tar "
    "files of the classes in it, into {folder}/train/CLASS/; ILSVRC2012_img_val.tar into "
    "{folder}/val/, sorted into class folders with PyTorch's valprep.sh"
)


def listing(root: Path, settings: dict, exact: bool) -> Listing:
    path = settings.get("path", "imagenet")
    try:
        class_names(root / path / "val")
    except DataError:
        if all(file.name.startswith(".") for file in (root / path / "val").iterdir()):
            raise
        raise DataError(
            f"{root / path / 'val'}: holds files instead of class folders; sort them with "
            "PyTorch's valprep.sh"
        ) from None
    train, beside_train = of_classes(root, f"{path}/train")
    val, beside_val = of_classes(root, f"{path}/val")
    return of_folders(train, val, beside_train + beside_val)
