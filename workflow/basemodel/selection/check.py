"""Whether candidates can be used, as far as it shows before any image is passed through them."""

from collections.abc import Iterable
from pathlib import Path

from basemodel.models.failures import Unusable
from basemodel.models.load import check
from basemodel.selection import embeddings
from basemodel.selection.isolated import isolated
from basemodel.selection.names import Candidate


def fault(candidate: Candidate, models: Path, rows: int = 0) -> Unusable | None:
    """Why a trained candidate cannot be used; `models`: the folder of base models; `rows`: how many
    the table of labels has, for embeddings."""
    arguments = candidate.arguments
    try:
        if candidate.source == "embeddings":
            isolated(_read, candidate.file, rows)
            return None
        isolated(check, *(arguments[name] for name in ("library", "name", "file", "key")), models)
    except Unusable as error:
        return error
    return None


def check_needed(baseline: Candidate, trained: Iterable[Candidate], models: Path) -> None:
    """Raise Unusable if none of the candidates that a baseline is for can be used."""
    own = [one for one in trained if one.architecture == baseline.architecture]
    if own and all(fault(one, models) for one in own):
        raise Unusable("no candidate of its architecture can be used", "see there")


def _read(file: str, rows: int) -> None:
    embeddings.read(file, rows)  # a memory map does not go through a pipe
