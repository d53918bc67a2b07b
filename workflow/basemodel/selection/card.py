"""What a candidate's card says whether it can be used or not. Imports no torch."""

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

from basemodel.files import temporary
from basemodel.models.failures import Unusable
from basemodel.run import versions
from basemodel.selection.names import Candidate

PACKAGES = {
    "base": (*versions.NETWORKS, "pillow"),
    "torchvision": (*versions.NETWORKS, "pillow", "torchvision"),
    "timm": (*versions.NETWORKS, "pillow", "torchvision", "timm"),
}


def clear(arrays: Iterable[Path]) -> None:
    """Remove arrays, whole ones and what a killed process left of others."""
    for path in arrays:
        path.unlink(missing_ok=True)
        temporary(path).unlink(missing_ok=True)


def failed(candidate: Candidate, error: Unusable) -> dict[str, Any]:
    """The card of a candidate that cannot be used."""
    return {**of(candidate), "failed": error.reason, "remedy": error.remedy}


def of(candidate: Candidate) -> dict[str, Any]:
    """What a card says of any candidate. `failed`: None, or why it cannot be ranked."""
    return {
        "slug": candidate.slug,
        "candidate": candidate.label,
        "source": candidate.source,
        "name": candidate.name,
        "file": candidate.file or None,
        "architecture": candidate.architecture,
        "untrained": candidate.untrained,
        "baseline": candidate.baseline and candidate.baseline.slug,
        "failed": None,
        "remedy": None,
        "versions": _versions(candidate),
    }


def _versions(candidate: Candidate) -> dict[str, str]:
    packages = PACKAGES.get(candidate.library, PACKAGES["base"])
    try:
        return versions.of(packages)
    except PackageNotFoundError:  # timm, which is then why the candidate fails
        return versions.of(packages[:-1])
