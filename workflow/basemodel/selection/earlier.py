"""Results of one candidate that are there already, whoever has made them.

`snakemake rank` and `basemodel.rank` have a folder each, as Snakemake keeps records of its own.
Both look into both before an image passes through a network. A card says what its arrays were made
from, as a hash, and has their checksums: what fits is taken, and nothing else. Imports no torch.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from basemodel.files import copy, read_json, sha256, temporary
from basemodel.models import catalog
from basemodel.run import provenance
from basemodel.selection import card
from basemodel.selection.names import Candidate

CARD, ARRAYS, SCORES = "card.json", "arrays", "scores.json"  # in a candidate's folder


def arrays_from(
    candidate: Candidate, chosen: Mapping[str, Any], models: str | Path, dtype: str
) -> str:
    """All that a candidate's arrays depend on, but for the machine: its weights, the images, the
    code, the versions of packages. `chosen`: images.json; `models`: the folder of base models."""
    if candidate.source == "embeddings":
        code = ("basemodel.selection.embeddings",)
        images = [chosen["rows"], *(image["row"] for image in chosen["probe"])]
    else:
        code = ("basemodel.selection.extract", *map(catalog.module_name, catalog.available()))
        images = [image["sha256"] for image in chosen["probe"]]
    return hash_of(
        code,
        candidate=asdict(candidate),
        weights=[_content(path) for path in _weights(candidate, Path(models))],
        images=images,
        dtype=dtype,
        versions=card.of(candidate)["versions"],
    )


def hash_of(modules: Iterable[str], **facts: Any) -> str:
    """Of facts, which are JSON values, and of modules of this project with their import closure."""
    facts["code"] = provenance.code_hash(*modules)
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def made_from(file: Path, this: str) -> dict[str, Any] | None:
    """The content of a JSON file, if it says that it was made from this."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        found = read_json(file)
        if found.get("made_from") == this:
            return found
    return None


def card_in(folder: Path, from_this: str) -> dict[str, Any] | None:
    """The card of a candidate's folder, if its arrays are there and were made from this."""
    found = _whole(folder / CARD, from_this)
    if found is None:
        return None
    for name, digest in found["arrays"].items():
        file = folder / ARRAYS / f"{name}.npy"
        if not file.is_file() or sha256(file) != digest:
            return None
    return found


def scores_in(folder: Path, from_this: str) -> dict[str, Any] | None:
    """The scores of a candidate's folder, if they were made from this."""
    return _whole(folder / SCORES, from_this)


def take_arrays(made: Mapping[str, Any], source: Path, target: Path) -> None:
    """Give a candidate's arrays, in a folder of arrays, a second name in another: no space."""
    target.mkdir(parents=True, exist_ok=True)
    for name in made["arrays"]:
        file, part = target / f"{name}.npy", temporary(target / f"{name}.npy")
        part.unlink(missing_ok=True)
        try:
            os.link(source / file.name, part)
            part.replace(file)
        except OSError:  # a file system without links
            copy(source / file.name, file)


def _whole(file: Path, from_this: str) -> dict[str, Any] | None:
    found = made_from(file, from_this)
    return found if found and not found["failed"] else None


def _weights(candidate: Candidate, models: Path) -> list[Path]:
    """The files of its weights that may change, and what else a base model is built from."""
    if candidate.source == "base" and candidate.untrained:
        return sorted((models / candidate.name).glob("*.json"))[:1]
    file = candidate.weights(models)
    if file is None:
        return []
    return [file, file.with_suffix(".json")] if candidate.source == "base" else [file]


def _content(file: Path) -> str | None:
    return sha256(file) if file.is_file() else None
