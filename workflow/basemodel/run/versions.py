"""The versions of packages that results were made with, found without importing the packages.

They are on the card of every data set, network, fine-tuning and set of featuremaps. After an update
results are kept; those from mixed versions are reported, and `snakemake stale` lists the cards.
"""

import csv
import platform
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import distribution
from pathlib import Path

from basemodel.files import read_json

# Packages that can change the numbers of a result, in addition to Python itself.
GLYPHS = ("matplotlib", "numpy", "pillow")  # matplotlib ships the fonts
DIGITS = ("numpy", "pillow", "scikit-learn")  # scikit-learn ships the scans
FILES = ("numpy", "pillow", "torchvision")  # torchvision reads the lists of data sets
NETWORKS = ("numpy", "torch")

COLUMNS = ["made", "package", "version", "files"]
Row = tuple[str, str, str, int]


def of(packages: Iterable[str]) -> dict[str, str]:
    """The installed versions, Python's first, for a card's key `versions`."""
    return {name: installed(name) for name in ("python", *packages)}


@cache
def installed(name: str) -> str:
    """The version of a package, or of Python. Raises PackageNotFoundError."""
    if name == "python":
        return platform.python_version()
    found = distribution(name)
    # Parsing all of it takes 10 ms for some packages.
    line = re.search(r"^Version: *(\S+)", found.read_text("METADATA") or "", re.MULTILINE)
    return line[1] if line else found.version


def changed(card: str | Path) -> bool:
    """Whether there is a card whose versions differ from the installed ones."""
    try:
        recorded = read_json(card).get("versions", {})
    except FileNotFoundError:
        return False
    return any(installed(name) != version for name, version in recorded.items())


def gather(cards: Mapping[str, Iterable[str | Path]]) -> list[Row]:
    """How many cards of each kind name each version of a package; COLUMNS."""
    counts = Counter(
        (made, package, version)
        for made, paths in cards.items()
        for path in paths
        for package, version in read_json(path)["versions"].items()
    )
    return sorted((*row, files) for row, files in counts.items())


def read(*tables: str | Path) -> list[Row]:
    """The rows of those tables from scripts/versions.py that exist."""
    rows: list[Row] = []
    for table in map(Path, tables):
        if table.exists():
            with table.open(encoding="utf-8", newline="") as file:
                rows += [
                    (made, package, version, int(files))
                    for made, package, version, files in list(csv.reader(file))[1:]
                ]
    return rows


def mixed(rows: Iterable[Row]) -> list[str]:
    """A line for each version of each package that occurs in several versions."""
    made: dict[str, dict[str, Counter]] = {}
    for what, package, version, files in rows:
        made.setdefault(package, {}).setdefault(version, Counter())[what] += files
    return [
        f"{package} {version}: "
        + ", ".join(f"{n:,} {what.replace('_', ' ')}" for what, n in counts.items())
        for package, versions in sorted(made.items())
        if len(versions) > 1
        for version, counts in sorted(versions.items())
    ]
