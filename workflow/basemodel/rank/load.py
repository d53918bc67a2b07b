"""Load a candidate, from whichever source it is."""

from pathlib import Path

from basemodel.rank.names import Candidate
from basemodel.rank.network import Network


def load(candidate: Candidate, models: str | Path) -> Network:
    """The candidate, ready for images; `models`: the folder of this project's base models.

    Never uses the network, never runs a pickle. Raises failures.Unusable.
    """
    if candidate.library == "timm":
        from basemodel.rank import from_timm

        return from_timm.load(candidate)
    if candidate.library == "torchvision":
        from basemodel.rank import from_torchvision

        return from_torchvision.load(candidate)
    from basemodel.rank import from_base

    return from_base.load(candidate, Path(models))
