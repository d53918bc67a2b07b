"""Download the data sets that torchvision can download, and say how to get the others.

What is already there or has been downloaded is verified: torchvision compares archives with their
known checksums, and this module reads the lists, counts the images and checks that they exist.
"""

from pathlib import Path

from basemodel.data.kinds import checked_listing, missing, module, path_of
from basemodel.data.listing import DataError, say_skipped
from basemodel.files import shown


def fetch(root: Path, exact: bool, datasets: dict[str, dict]) -> int:
    """Do so for all data sets, printing a line for each; return how many failed.

    root: the folder that they are in; exact: whether sizes must be the published ones; datasets:
    the settings of each by name.
    """
    failed, by_hand = 0, []
    for name, dataset in datasets.items():
        kind = module(dataset["kind"])
        if missing(root, dataset) and kind.BY_HAND:
            where = kind.BY_HAND.format(root=root, folder=root / path_of(dataset))
            by_hand.append(f"{name}: fetch it by hand, {where}")
            continue
        try:
            if missing(root, dataset):
                print(f"{name}: torchvision downloads it into {root}")
                download(root, kind.DOWNLOAD)
                if absent := missing(root, dataset):
                    raise DataError(
                        f"{absent[0]} is still not there: torchvision takes what an interrupted "
                        "download left for the whole; remove its folder and fetch again"
                    )
            found = checked_listing(root, dataset, exact)
            size = found.counts
            print(f"{name}: {size.classes} classes, {size.train} + {size.test} images are there")
            for note in found.notes:
                print(f"{name}: {note}")
            if found.skipped:
                print(f"{name}: {say_skipped(found.skipped)}")
        except DataError as error:
            failed += 1
            print(shown(f"{name}: {error}"))
        except Exception as error:  # one failure must not stop the others
            failed += 1
            print(f"{name}: the download failed, {type(error).__name__}: {error}; try again")
    print("\n".join(by_hand), end="\n" if by_hand else "")
    return failed


def download(root: Path, name: str) -> None:
    import torchvision.datasets

    root.mkdir(parents=True, exist_ok=True)
    getattr(torchvision.datasets, name)(str(root), download=True)
