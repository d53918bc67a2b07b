"""What is done for one candidate: the images pass through its network, or its rows of the user's
embeddings are taken. `snakemake rank` and `basemodel.rank` do the same."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from basemodel.models.failures import Unusable
from basemodel.models.model import OUTPUTS
from basemodel.selection import earlier
from basemodel.selection.card import clear, failed
from basemodel.selection.check import check_needed
from basemodel.selection.embeddings import take
from basemodel.selection.extract import extract
from basemodel.selection.isolated import isolated
from basemodel.selection.names import Candidate


def card_of(
    candidate: Candidate,
    trained: Iterable[Candidate],
    chosen: Mapping[str, Any],
    arrays: Path,
    models: Path,
    cropped: Path,
    dtype: str,
    allocated: tuple[str, Mapping[str, int]],
    folders: Iterable[Path] = (),
) -> dict[str, Any]:
    """Write the arrays of a candidate to the folder `arrays`, and return its card.

    `trained`: the candidates that an untrained baseline may be for; `chosen`: images.json;
    `models`: the folder of base models; `cropped`: of images that others have cropped; `dtype`: of
    the featuremaps; `allocated`: the arguments of `allocated_device`; `folders`: of this candidate,
    where its arrays may be already. Of one that cannot be used no array is left, and its card says
    why. Raises SystemExit for what is not the candidate's fault (isolated).
    """
    made_from = earlier.arrays_from(candidate, chosen, models, dtype)
    for folder in folders:
        if found := earlier.card_in(folder, made_from):
            earlier.take_arrays(found, folder / earlier.ARRAYS, arrays)
            print(f"{candidate.label}: its arrays are in {folder}")
            return found
    arrays.mkdir(parents=True, exist_ok=True)
    outputs = {name: arrays / f"{name}.npy" for name in OUTPUTS}
    try:
        if candidate.untrained:
            check_needed(candidate, trained, models)
        if candidate.source == "embeddings":
            facts = isolated(take, candidate, chosen, outputs["embeddings"])
        else:
            facts = isolated(extract, candidate, chosen, outputs, models, cropped, dtype, allocated)
    except Unusable as error:
        clear(outputs.values())
        print(f"{candidate.label}: not ranked: {error}")
        facts = failed(candidate, error)
    return facts | {"made_from": made_from}
