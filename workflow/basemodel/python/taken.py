"""What basemodel.rank need not compute: results that it, or `snakemake rank`, has left."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from basemodel.files import write_json
from basemodel.selection import earlier
from basemodel.selection.scores import scores_from


def taken(request: Mapping[str, Any], chosen: Mapping[str, Any]) -> bool:
    """Whether card, arrays and scores of a candidate are there; they are then in its folder.

    `request`: what python/worker.py would be asked, and `arrays_from`, what the arrays are made
    from; `chosen`: images.json.
    """
    folder, folders = Path(request["folder"]), [Path(each) for each in request["folders"]]
    cards = [earlier.card_in(each, request["arrays_from"]) for each in folders]
    place, card = next((pair for pair in zip(folders, cards, strict=True) if pair[1]), (None, None))
    if card is None:
        return False
    made_from = scores_from(card, chosen, request["metrics"], request["seed"])
    found = [earlier.scores_in(each, made_from) for each in folders]
    scores = next(filter(None, found), None)
    if scores is None:
        return False
    if place != folder:
        earlier.take_arrays(card, place / earlier.ARRAYS, folder / earlier.ARRAYS)
        write_json(folder / earlier.CARD, card)
    write_json(folder / earlier.SCORES, scores)
    return True
