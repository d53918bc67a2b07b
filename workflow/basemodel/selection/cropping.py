"""How candidates crop images, known before their networks are: so each image is decoded once."""

from collections.abc import Iterable
from pathlib import Path

from basemodel.models.load import preprocessing
from basemodel.models.preprocessing import Preprocessing
from basemodel.selection.names import Candidate


def ways(candidates: Iterable[Candidate], models: Path) -> list[Preprocessing]:
    """Each way in which these crop, once; `models`: the folder of base models.

    Of a candidate whose way is not found here, or is another one after all, the job crops for
    itself, and tells what is wrong with it.
    """
    found = {}
    for candidate in candidates:
        if candidate.source == "embeddings":
            continue
        try:
            way = preprocessing(candidate.library, candidate.model, models)
        except Exception:
            continue
        found.setdefault(str(way.transform), way)
    return list(found.values())
