"""Whether candidates can be used, as far as it shows before any image is passed through them."""

from collections.abc import Iterable
from pathlib import Path

from basemodel.models.failures import Unusable
from basemodel.models.load import check
from basemodel.rank.isolated import isolated
from basemodel.rank.names import Candidate


def fault(candidate: Candidate, models: Path) -> Unusable | None:
    """Why a trained candidate cannot be used; `models`: the folder of base models."""
    arguments = candidate.arguments
    try:
        isolated(check, *(arguments[name] for name in ("library", "name", "file", "key")), models)
    except Unusable as error:
        return error
    return None


def check_needed(baseline: Candidate, trained: Iterable[Candidate], models: Path) -> None:
    """Raise Unusable if none of the candidates that a baseline is for can be used."""
    own = [one for one in trained if one.architecture == baseline.architecture]
    if own and all(fault(one, models) for one in own):
        raise Unusable("no candidate of its architecture can be used", "see there")
