"""Compute one candidate after the other: python -m basemodel.python.worker THREADS [MODULE...].

A line of stdin is a request, JSON: candidate and trained, the fields of names.Candidate of it and,
for a baseline, of all that it may be for; images, the path of images.json; folder, the candidate's,
where card, arrays and scores are written; folders, where they may be already; models, cropped,
dtype, allocated: as in one_candidate.card_of; metrics, seed: as in scores.scores_of. A line of
stdout answers each: {"stop": null}, or why everything should stop. What else is printed goes to
log.txt in the folder.
"""

import contextlib
import ctypes
import importlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from basemodel.files import DiskFull, read_json, write_json
from basemodel.models.failures import Unusable
from basemodel.models.offline import offline
from basemodel.selection.earlier import ARRAYS, CARD, SCORES
from basemodel.selection.names import Candidate

PR_SET_PDEATHSIG = 1  # from linux/prctl.h


def main() -> None:
    if sys.platform == "linux":  # so that none outlives what has started it
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    answers = os.fdopen(os.dup(1), "w")
    _preload(int(sys.argv[1]), sys.argv[2:])
    for line in sys.stdin:
        request, stop = json.loads(line), None
        _log_to(Path(request["folder"], "log.txt"))
        try:
            _compute(request)
        except SystemExit as error:
            stop = str(error)
        except DiskFull as error:
            stop = str(error)
        sys.stdout.flush()
        print(json.dumps({"stop": stop}), file=answers, flush=True)


def _compute(request: dict[str, Any]) -> None:
    from basemodel.selection.isolated import isolated
    from basemodel.selection.one_candidate import card_of
    from basemodel.selection.scores import scores_of

    folder, folders = Path(request["folder"]), [Path(each) for each in request["folders"]]
    arrays, chosen = folder / ARRAYS, read_json(request["images"])
    card = card_of(
        Candidate(**request["candidate"]),
        [Candidate(**fields) for fields in request["trained"]],
        chosen,
        arrays,
        Path(request["models"]),
        Path(request["cropped"]),
        request["dtype"],
        tuple(request["allocated"]),
        folders,
    )
    write_json(folder / CARD, card)
    # In a process of its own, or threads of it would not survive the next fork.
    given = card, arrays, chosen, request["metrics"], request["seed"], folders
    try:
        scores = isolated(scores_of, *given)
    except Unusable as error:
        scores = {"slug": card["slug"], "failed": error.reason, "scores": {}, "seconds": 0.0}
    write_json(folder / SCORES, scores)


def _preload(threads: int, libraries: list[str]) -> None:
    """Import once what each candidate's process, forked from this one, would import."""
    offline()
    import torch

    for name in libraries:
        with contextlib.suppress(ImportError):  # then its candidates fail, and say why
            importlib.import_module(name)
    torch.set_num_threads(threads)


def _log_to(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    log = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o666)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.close(log)


if __name__ == "__main__":
    main()
