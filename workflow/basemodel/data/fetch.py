"""Download the data sets that torchvision can download, and say how to come by the others.

    python -m basemodel.data.fetch ROOT paper|any '{"dtd": {"kind": "dtd", "title": "DTD"}, ...}'

What is there, or has been downloaded, is verified: torchvision compares archives with their
checksums where they are known, and here the lists are read, the images counted and looked for.
"""

import json
import sys
from pathlib import Path

from basemodel.data.kinds import folder, missing, module
from basemodel.data.listing import check_counts, check_files


def fetch(root: Path, exact: bool, datasets: dict[str, dict]) -> int:
    """Do it for all, and print a line for each; returns how many failed."""
    failed, by_hand = 0, []
    for name, dataset in datasets.items():
        kind = module(dataset["kind"])
        if missing(root, dataset) and kind.BY_HAND:
            place = kind.BY_HAND.format(root=root, folder=root / folder(dataset))
            by_hand.append(f"{name}: fetch it by hand, {place}")
            continue
        try:
            if missing(root, dataset):
                print(f"{name}: torchvision downloads it into {root}", flush=True)
                download(root, kind.DOWNLOAD)
            print(f"{name}: there, {verify(root, exact, dataset)}", flush=True)
        except Exception as error:  # whatever is wrong with one, the others are fetched
            failed += 1
            print(f"{name}: {type(error).__name__}: {error}", flush=True)
    print("\n".join(by_hand), end="\n" if by_hand else "")
    return failed


def download(root: Path, name: str) -> None:
    import torchvision.datasets

    root.mkdir(parents=True, exist_ok=True)
    getattr(torchvision.datasets, name)(str(root), download=True)


def verify(root: Path, exact: bool, dataset: dict) -> str:
    """What there is, in words. Raises if it is not all that it should be."""
    absent = missing(root, dataset)
    if absent:
        raise FileNotFoundError(
            f"{absent[0]} is not there; if a download was interrupted, remove the folder"
        )
    kind = module(dataset["kind"])
    listing = kind.listing(root, dataset, exact)
    if exact and kind.EXPECTED:
        check_counts(listing.counts, kind.EXPECTED)
    check_files(root, listing)
    found = listing.counts
    return f"{found.classes} classes, {found.train} + {found.test} images"


if __name__ == "__main__":
    root, counts, datasets = sys.argv[1:]
    failed = fetch(Path(root), counts == "paper", json.loads(datasets))
    sys.exit(f"{failed} data sets could not be fetched: see above" if failed else 0)
