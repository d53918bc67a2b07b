"""Any images in folders named after their classes: train/ and test/ (or val/), or no test split;
or in a table of labels.

Without a test split, `test_share` of each class is held out. Which images these are depends on
the name of the class and its files, not on the experiment's seed, because the split belongs to
the data set; `snakemake rank` holds out the same.
"""

from pathlib import Path

from basemodel.data import folders
from basemodel.data.listing import DataError, Listing, of_folders

EXPECTED = None
NEEDED = ["{path}"]
DOWNLOAD = None
BY_HAND = (
    "your own images: one folder per class in {folder}, or in train/ and test/ there, or a table"
)


def listing(root: Path, settings: dict, exact: bool) -> Listing:
    share = settings.get("test_share", folders.TEST_SHARE)
    found = folders.find(root, settings["path"], share)
    for name, files in found.train.items():
        if not (found.test_folder or found.test[name]):
            raise DataError(f"{files[0]}: the only image of its class; two are needed for a split")
    return of_folders(found.train, found.test, found.skipped, found.notes)
